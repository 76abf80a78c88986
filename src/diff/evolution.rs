//! Decides what happens to a statement whose SQL cannot be changed in place: it is replaced, redefined, undone,
//! rolled back, or blocked with its options.

use super::{
    action::{Action, AfterDeletion, Block, Change, Note, Reason, RecordedSettings, Strategy},
    dependents, fields,
    statement::{DiffContext, StatementContext, await_end_of_phase, due_notes},
};
use crate::{
    live::Presence,
    manifest::DeclaredStatement,
    resource::{Evolve, LiveStatement, PhaseClass, Statement, Template, UnexpectedPhasePolicy},
    sql::{self, ObjectKind, StatementClass, Usage},
    state::{FurthestPhase, GenerationRecord, StatementRecord},
};

/// Returns whether a person has consented to losing this job's offsets: by policy, by consent to this very change, or
/// by flag.
fn has_consent(context: &DiffContext, statement: &StatementContext, accept: &str) -> bool {
    statement.declared.spec.evolve == Evolve::Restart
        || statement.declared.spec.accept.as_deref() == Some(accept)
        || context.options.replace.contains(&statement.address)
}

/// Returns whether the job has no known construct that keeps state.
fn is_stateless(context: &DiffContext, statement: &StatementContext) -> bool {
    statement.analysis.is_some() && context.desired.graph.stateful_reason(&statement.address.key).is_none()
}

/// Returns the consent token that a new generation of the statement requires.
fn required_consent(statement: &StatementContext) -> String {
    fields::consent(
        &statement.address.to_string(),
        &statement.declared.spec,
        statement.current,
        statement.next_generation,
    )
}

/// Returns the note about the output of a generation that starts without the offsets of its predecessor.
fn restart_note(context: &DiffContext, key: &str, desired: &Statement) -> Note {
    match fields::sets_start_position(desired) {
        true => Note::StartsWhereSqlSays,
        false => Note::OutputRepeated { keyed: context.desired.graph.writes_are_upserts(key) },
    }
}

/// Returns the notes about a job that is submitted after a statement of its name was removed: its output is written
/// again.
pub(super) fn recreate_notes(
    context: &DiffContext,
    key: &str,
    declared: &DeclaredStatement,
    record: Option<&StatementRecord>,
) -> Vec<Note> {
    let tombstone = context.tombstones.get(declared.spec.name.as_str());
    let last_offsets = record
        .and_then(|record| record.last_offsets.as_ref())
        .or(tombstone.and_then(|tombstone| tombstone.offsets.as_ref()));
    if declared.analysis.kind.class() != StatementClass::Job || (last_offsets.is_none() && tombstone.is_none()) {
        return Vec::new();
    }
    let topics = last_offsets.map(|offsets| offsets.topics.clone()).unwrap_or_default();
    vec![Note::PreviouslyRemoved { topics }, restart_note(context, key, &declared.spec)]
}

/// Blocks a statement whose name now belongs to a statement that was created outside floe.
pub(super) fn recreated_outside(context: &DiffContext, statement: &StatementContext, live: &LiveStatement) -> Change {
    let has_specific_offsets =
        statement.current.offsets.as_ref().is_some_and(|offsets| offsets.specific_offsets().is_some());
    let can_start_at_offsets = is_stateless(context, statement)
        && context.desired.graph.source_with_unknown_changelog(&statement.address.key).is_none();
    let resumes_from_offsets =
        has_specific_offsets && can_start_at_offsets && !statement.differences.need_replacement();
    let if_deleted = match (statement.class(), statement.current.reached) {
        (_, FurthestPhase::Submitted) => AfterDeletion::Resubmit,
        (StatementClass::Definition, _) => AfterDeletion::Nothing,
        (StatementClass::TableJob, _) => AfterDeletion::Blocked,
        (_, FurthestPhase::Completed) if is_bounded(statement) => AfterDeletion::Nothing,
        _ if resumes_from_offsets => AfterDeletion::Resubmit,
        _ => match required_consent(statement) {
            accept if has_consent(context, statement, &accept) => AfterDeletion::Resubmit,
            accept => AfterDeletion::ResubmitWithConsent(accept),
        },
    };
    blocked_with_restart_note(
        context,
        Block::RecreatedOutside { name: live.name.clone(), if_deleted },
        Vec::new(),
        statement,
    )
}

/// Returns a change that is blocked until a person consents to where the job starts, and to what that does to its
/// output.
fn blocked_with_restart_note(
    context: &DiffContext,
    by: Block,
    reasons: Vec<Reason>,
    statement: &StatementContext,
) -> Change {
    let asks_for_consent = by.consent().is_some();
    let change = Change::new(Action::Blocked { by: vec![by] }, reasons);
    match restart_note(context, &statement.address.key, &statement.declared.spec) {
        Note::OutputRepeated { .. } if !asks_for_consent => change,
        note => change.with_note(note),
    }
}

/// Returns the reasons for a replacement: what differs, and `--replace` if it was given.
fn replacement_reasons(context: &DiffContext, statement: &StatementContext) -> Vec<Reason> {
    let replace_requested = context.options.replace.contains(&statement.address).then_some(Reason::ReplaceRequested);
    statement.differences.reasons().into_iter().chain(replace_requested).collect()
}

/// Replaces a job with a new generation. With consent the job restarts from the beginning of its sources. Without
/// consent the change is blocked.
pub(super) fn replace_job(context: &DiffContext, statement: &StatementContext) -> Change {
    let accept = required_consent(statement);
    let by = if statement.class() == StatementClass::TableJob {
        Some(Block::CannotReplaceCreateTableAs)
    } else if statement.declared.spec.prevent_destroy {
        Some(Block::PreventDestroy)
    } else if has_consent(context, statement, &accept) {
        None
    } else if statement.declared.spec.evolve == Evolve::Manual {
        Some(Block::EvolveIsManual { accept })
    } else {
        let stateful_construct = context.desired.graph.stateful_reason(&statement.address.key);
        Some(Block::LosesOffsets { stateful_construct, accept })
    };
    let reasons = replacement_reasons(context, statement);
    if let Some(by) = by {
        return blocked_with_restart_note(context, by, reasons, statement);
    }
    let change = statement.replace(Strategy::Restart, Some(statement.current.sent.generation), reasons);
    change.with_note(restart_note(context, &statement.address.key, &statement.declared.spec))
}

/// Deletes a statement that FAILED before it took effect, or still waits to take effect, and submits it again.
pub(super) fn replace_never_ran(context: &DiffContext, statement: &StatementContext, live: &LiveStatement) -> Change {
    let mut reasons = vec![Reason::NeverRan { detail: live.detail.clone() }];
    reasons.extend(self::replacement_reasons(context, statement));
    statement.replace(Strategy::NeverRan, Some(statement.current.sent.generation), reasons)
}

/// Decides what happens to a job that FAILED after having run.
pub(super) fn failed_job(
    context: &mut DiffContext,
    statement: &StatementContext,
    live: &LiveStatement,
) -> Option<Change> {
    let detail = live.detail.clone();
    let is_replace_requested = context.options.replace.contains(&statement.address);
    let mut notes = vec![Note::Failed { detail: detail.clone(), since: live.updated_at.clone() }];
    notes.extend(due_notes(statement));
    if statement.declared.spec.stopped {
        return context.without_cloud_change(&statement.address.key, statement.declared, statement.record, notes);
    }
    if statement.differences.need_replacement() || is_replace_requested {
        let accept = required_consent(statement);
        if statement.class() != StatementClass::TableJob && !has_consent(context, statement, &accept) {
            let by = Block::FailedPredecessor { detail, accept };
            return Some(blocked_with_restart_note(context, by, replacement_reasons(context, statement), statement));
        }
        return Some(replace_job(context, statement));
    }
    if statement.declared.spec.on_failed == UnexpectedPhasePolicy::Resume || context.options.fix_drift {
        let mut reasons = vec![Reason::Failed { detail }];
        reasons.extend(statement.differences.placement.iter().cloned());
        let placement = statement.differences.placement_change;
        return Some(Change::new(Action::resume(placement, RecordedSettings::Declared), reasons));
    }
    context.without_cloud_change(&statement.address.key, statement.declared, statement.record, notes)
}

/// Decides what happens to a job that COMPLETED. A bounded job has done its work. Any other job has ended
/// unexpectedly.
pub(super) fn completed_job(
    context: &mut DiffContext,
    statement: &StatementContext,
    live: &LiveStatement,
) -> Option<Change> {
    if statement.differences.need_replacement() || context.options.replace.contains(&statement.address) {
        return Some(replace_job(context, statement));
    }
    let mut notes = if is_bounded(statement) || (live.bounded == Some(true) && statement.class() == StatementClass::Job)
    {
        Vec::new()
    } else {
        vec![Note::CompletedUnexpectedly]
    };
    notes.extend(due_notes(statement));
    context.without_cloud_change(&statement.address.key, statement.declared, statement.record, notes)
}

/// Returns whether the SQL, the properties or the service say that a job is finite.
///
/// What the service says is not trusted for a streaming CREATE TABLE … AS.
fn is_bounded(statement: &StatementContext) -> bool {
    let is_bounded_by_hint = statement.analysis.is_some_and(|analysis| analysis.is_bounded);
    statement.declared.spec.properties.are_bounded()
        || is_bounded_by_hint
        || (statement.current.bounded && statement.class() == StatementClass::Job)
}

/// Decides what happens to a definition in a stable phase.
pub(super) fn definition_in_stable_phase(
    context: &mut DiffContext,
    statement: &StatementContext,
    live: &LiveStatement,
) -> Option<Change> {
    let in_force = statement.current.reached == FurthestPhase::Completed;
    // A job that has run does not COMPLETE because it is now declared as a definition.
    let has_run = statement.current.reached > FurthestPhase::Submitted;
    if has_run && statement.differences.need_redefinition() && is_job(&statement.current.sent.sql) {
        return Some(Change::new(
            Action::Blocked { by: vec![Block::JobCannotBecomeDefinition] },
            replacement_reasons(context, statement),
        ));
    }
    match live.phase.class() {
        _ if in_force => in_force_definition(context, statement),
        PhaseClass::Running | PhaseClass::Transitional => Some(context.statement_in_motion(statement, live)),
        PhaseClass::Failed | PhaseClass::Stopped | PhaseClass::Completed => {
            Some(replace_never_ran(context, statement, live))
        }
    }
}

/// Returns whether the SQL is a job rather than a definition.
fn is_job(sql: &Template) -> bool {
    sql::analyze(&sql.masked()).kind.class() != StatementClass::Definition
}

/// Decides what happens to a definition that has COMPLETED with its SQL, even if its statement was purged since.
fn in_force_definition(context: &mut DiffContext, statement: &StatementContext) -> Option<Change> {
    if statement.declared.spec.stopped && !statement.record.declared.stopped {
        return Some(Change::blocked(Block::CannotStop));
    }
    if !statement.differences.need_redefinition() && !context.options.replace.contains(&statement.address) {
        return context.without_cloud_change(&statement.address.key, statement.declared, statement.record, Vec::new());
    }
    let reasons = replacement_reasons(context, statement);
    let by = match &statement.record.declared.undo {
        _ if statement.declared.spec.prevent_destroy => Block::PreventDestroy,
        None if statement.analysis.is_some_and(|analysis| analysis.if_not_exists) => Block::IfNotExists,
        None => Block::NoUndo,
        Some(undo) => match undo_block(context, &statement.address.key, statement.record, undo) {
            Some(block) => block,
            None => {
                let from = Some(statement.current.sent.generation);
                return Some(statement.replace(Strategy::Redefine, from, reasons));
            }
        },
    };
    Some(Change::new(Action::Blocked { by: vec![by] }, reasons))
}

/// Returns the block that prevents an undo from being run, if any.
fn undo_block(context: &mut DiffContext, key: &str, record: &StatementRecord, undo: &Template) -> Option<Block> {
    if may_drop_data(undo) && !context.options.allow_data_loss {
        return Some(Block::DataLoss { undo: undo.clone() });
    }
    let by = dependents::users(context, key, record);
    (!by.is_empty()).then_some(Block::ObjectsInUse { by })
}

/// Returns whether an undo may drop data. SQL that is not known to be harmless counts as dropping data.
fn may_drop_data(undo: &Template) -> bool {
    !sql::analyze(&undo.masked()).kind.keeps_data()
}

/// Decides what happens to a desired and recorded statement that is gone, or whose presence is unknown.
pub(super) fn gone_statement(context: &mut DiffContext, statement: &StatementContext) -> Option<Change> {
    if statement.class() == StatementClass::Definition && statement.current.reached == FurthestPhase::Completed {
        return in_force_definition(context, statement);
    }
    let is_done = statement.class() == StatementClass::Job
        && statement.current.reached == FurthestPhase::Completed
        && is_bounded(statement);
    if is_done && !statement.differences.need_replacement() && !context.options.replace.contains(&statement.address) {
        return context.without_cloud_change(&statement.address.key, statement.declared, statement.record, Vec::new());
    }
    if statement.declared.spec.stopped {
        // A stopped statement may have been purged. One that ran may still be running even if a list does not show
        // it.
        if !statement.current.stopped
            && let Presence::Unknown(why) = context.confirmed_presence(&statement.current.sent.name)
        {
            return Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() }));
        }
        return context.without_cloud_change(
            &statement.address.key,
            statement.declared,
            statement.record,
            last_offsets_note(statement).into_iter().collect(),
        );
    }
    match context.confirmed_presence(&statement.current.sent.name) {
        Presence::Absent | Presence::Unlisted => Some(confirmed_gone(context, statement)),
        Presence::Unknown(why) => Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() })),
        Presence::Present(_) => None,
    }
}

/// Returns a note about the last known offsets of a job that is gone. They are certain only if floe stopped the job.
fn last_offsets_note(statement: &StatementContext) -> Option<Note> {
    match &statement.current.offsets {
        Some(_) if statement.current.stopped => Some(Note::OffsetsOnlyInState),
        Some(offsets) => Some(Note::GoneWithUncertainOffsets { topics: offsets.topics.clone() }),
        None if statement.current.reached == FurthestPhase::Submitted => None,
        None => Some(Note::GoneWithUnknownOffsets),
    }
}

/// Decides what happens to a statement that is confirmed to be gone.
fn confirmed_gone(context: &mut DiffContext, statement: &StatementContext) -> Change {
    let mut reasons = vec![Reason::Gone];
    reasons.extend(self::replacement_reasons(context, statement));
    if statement.current.reached == FurthestPhase::Submitted {
        return statement.replace(Strategy::NeverRan, None, reasons);
    }
    if statement.class() == StatementClass::TableJob {
        return Change::new(Action::Blocked { by: vec![Block::CannotReplaceCreateTableAs] }, reasons);
    }
    let accept = required_consent(statement);
    if has_consent(context, statement, &accept) {
        return statement.replace(Strategy::FromSources, None, reasons).with_note(restart_note(
            context,
            &statement.address.key,
            &statement.declared.spec,
        ));
    }
    // The job may have been stopped and resumed outside floe, and may have run on unobserved.
    if !statement.current.stopped {
        let by = vec![Block::GoneWithoutOffsets { accept }];
        let blocked = Change::new(Action::Blocked { by }, reasons);
        let uncertain_offsets =
            last_offsets_note(statement).filter(|note| matches!(note, Note::GoneWithUncertainOffsets { .. }));
        return uncertain_offsets.into_iter().fold(blocked, Change::with_note);
    }
    let offsets = statement.current.offsets.as_ref();
    let stateless = is_stateless(context, statement);
    let sets_start_position = fields::sets_start_position(&statement.declared.spec);
    let hints = offsets.filter(|_| !sets_start_position).map(|offsets| offsets.by_topic()).unwrap_or_default();
    let by = match offsets.and_then(|offsets| offsets.specific_offsets()) {
        // Offsets without the state that belongs to them would give wrong results, so a person decides.
        Some(offsets) if stateless && !statement.differences.need_replacement() => {
            let Some(source) = context.desired.graph.source_with_unknown_changelog(&statement.address.key) else {
                return statement
                    .replace(Strategy::FromOffsets, None, reasons)
                    .with_note(Note::StartsAtOffsets { offsets });
            };
            Block::GoneWithUnknownSource { source: source.to_string(), hints, accept }
        }
        None if stateless && offsets.is_some_and(|offsets| offsets.topics.len() > 1) => {
            Block::GoneWithSeveralSources { hints, accept }
        }
        Some(_) | None => Block::GoneWithoutOffsets { accept },
    };
    blocked_with_restart_note(context, by, reasons, statement)
}

/// Finishes a replacement that an interrupted run left open, from what is live. Nothing else is decided before that.
pub(super) fn open_replacement(context: &mut DiffContext, statement: &StatementContext) -> Option<Change> {
    if let Some(undo) = &statement.record.undo {
        return Some(open_undo(context, statement, undo));
    }
    let successor = statement.record.successor.as_ref()?;
    let generation = successor.sent.generation;
    let live = match context.confirmed_presence(&successor.sent.name) {
        Presence::Present(found) => found,
        Presence::Unknown(why) => return Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() })),
        Presence::Absent | Presence::Unlisted => {
            return Some(Change::new(Action::RollBackReplacement { from: generation }, Vec::new()));
        }
    };
    if let Presence::Unknown(why) = context.confirmed_presence(&statement.current.sent.name) {
        return Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() }));
    }
    let leftover = Reason::LeftoverSuccessor { generation, phase: Some(live.phase.clone()) };
    let is_still_desired = !fields::compare(&statement.declared.spec, None, context.desired.secrets, successor)
        .need_replacement()
        && !statement.declared.spec.stopped;
    let may_have_run = successor.reached > FurthestPhase::Submitted;
    // A rollback was deleting it. Once it is gone, its predecessor is resumed.
    if live.is_being_deleted() {
        return Some(Change { reasons: vec![leftover], ..await_end_of_phase(live) });
    }
    match live.phase.class() {
        PhaseClass::Failed if may_have_run => Some(failed_successor(context, statement, successor, live, leftover)),
        // It would fail again, so the predecessor is resumed. The next plan shows what has to be decided.
        PhaseClass::Failed => Some(Change::new(Action::RollBackReplacement { from: generation }, vec![leftover])),
        _ if is_still_desired => Some(Change::new(Action::FinishReplacement { to: generation }, vec![leftover])),
        PhaseClass::Running | PhaseClass::Completed | PhaseClass::Stopped => {
            Some(Change::new(Action::FinishReplacement { to: generation }, vec![leftover]))
        }
        PhaseClass::Transitional if may_have_run => {
            Some(Change { reasons: vec![leftover], ..await_end_of_phase(live) })
        }
        PhaseClass::Transitional => Some(Change::new(Action::RollBackReplacement { from: generation }, vec![leftover])),
    }
}

/// Decides what happens to a successor that may have written before it FAILED. Declaring the previous SQL rolls it
/// back.
fn failed_successor(
    context: &DiffContext,
    statement: &StatementContext,
    successor: &GenerationRecord,
    live: &LiveStatement,
    leftover: Reason,
) -> Change {
    let name = live.name.clone();
    let can_roll_back = matches!(context.live.statement(&statement.current.sent.name),
        Presence::Present(before) if before.has_uid(&statement.current.uid));
    // This consent is for this very successor. The consent that allowed it does not allow the next one.
    let accept =
        fields::consent(&statement.address.to_string(), &statement.declared.spec, successor, statement.next_generation);
    let is_accepted = statement.declared.spec.accept.as_deref() == Some(&accept);
    let is_replace_approved = is_accepted || context.options.replace.contains(&statement.address);
    if can_roll_back && !is_replace_approved && !statement.differences.need_replacement() {
        let rollback = Change::new(Action::RollBackReplacement { from: successor.sent.generation }, vec![leftover]);
        return rollback.with_note(Note::SuccessorOutputRemains { name });
    }
    if !has_consent(context, statement, &accept) {
        let detail = live.detail.clone();
        return blocked_with_restart_note(
            context,
            Block::FailedSuccessor { name, detail, accept, can_roll_back },
            Vec::new(),
            statement,
        );
    }
    statement
        .replace(Strategy::Restart, Some(statement.current.sent.generation), vec![leftover])
        .with_note(restart_note(context, &statement.address.key, &statement.declared.spec))
}

/// Decides what happens to an undo that an interrupted run left: the redefinition continues, or is rolled back if the
/// undo will not complete.
fn open_undo(context: &mut DiffContext, statement: &StatementContext, undo: &GenerationRecord) -> Change {
    if undo_will_not_complete(context, undo) {
        return Change::new(Action::RollBackReplacement { from: undo.sent.generation }, vec![Reason::LeftoverUndo]);
    }
    statement.replace(Strategy::Redefine, Some(statement.current.sent.generation), vec![Reason::LeftoverUndo])
}

/// Returns whether an undo that an interrupted run left can no longer complete. This is not assumed of an undo
/// whose presence is unknown.
fn undo_will_not_complete(context: &DiffContext, undo: &GenerationRecord) -> bool {
    matches!(context.live.statement(&undo.sent.name), Presence::Present(found) if found.will_not_complete(&undo.uid))
}

/// Decides what happens to a desired statement that has no current generation in the record, only leftovers of an
/// interrupted run.
pub(super) fn open_without_current(context: &mut DiffContext, record: &StatementRecord) -> Option<Change> {
    let leftover = record.undo.as_ref().or(record.successor.as_ref())?;
    let name = &leftover.sent.name;
    if let Presence::Unknown(why) = context.confirmed_presence(name) {
        return Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() }));
    }
    if record.undo.is_some() {
        let to = record.last_generation.next();
        let action = Action::Replace { strategy: Strategy::Redefine, from: None, to };
        return Some(Change::new(action, vec![Reason::LeftoverUndo]));
    }
    let generation = leftover.sent.generation;
    Some(Change::new(
        Action::FinishReplacement { to: generation },
        vec![Reason::LeftoverSuccessor { generation, phase: None }],
    ))
}

/// Removes a statement that is recorded and not desired.
pub(super) fn remove_statement(context: &mut DiffContext, key: &str, record: &StatementRecord) -> Option<Change> {
    let why = if context.options.destroy { Reason::DestroyRequested } else { Reason::NotDeclared };
    if record.declared.prevent_destroy && record.generations().next().is_some() {
        let undeclared = !context.desired.graph.project.statements.contains_key(key);
        return Some(Change::blocked_by_prevent_destroy(why, undeclared));
    }
    let unexpected = context.unexpected_generations(key, &record.declared.name, record);
    if !unexpected.is_empty() {
        return Some(Change::new(
            Action::Blocked { by: vec![Block::UnexpectedGenerations { names: unexpected }] },
            vec![why],
        ));
    }
    let Some(current) = &record.current else {
        // An interrupted run may have left its undo or its successor. Both are deleted with it.
        let has_leftover = record.generations().next().is_some();
        let action = if has_leftover { Action::Delete { undo: None } } else { Action::Forget };
        return Some(Change::new(action, vec![why]));
    };
    let analysis = sql::analyze(&record.declared.sql.masked());
    let is_undone = record.declared.undo.is_some() || record.undo.is_some();
    match analysis.kind.class() {
        StatementClass::Definition if current.reached == FurthestPhase::Completed => {
            return Some(remove_definition(context, key, record, why));
        }
        // The job is stopped first. Then its table is undone like any other.
        StatementClass::TableJob if current.reached > FurthestPhase::Submitted && is_undone => {
            return Some(remove_definition(context, key, record, why));
        }
        StatementClass::Definition
        | StatementClass::Job
        | StatementClass::TableJob
        | StatementClass::Unsupported(_) => {}
    }
    let change = match context.confirmed_presence(&current.sent.name) {
        Presence::Unknown(text) => Change::blocked(Block::PresenceUnknown { why: text.to_owned() }),
        // The name now belongs to another statement.
        Presence::Present(found) if !found.has_uid(&current.uid) && record.generations().count() == 1 => {
            Change::new(Action::Forget, vec![why])
        }
        Presence::Present(_) => Change::new(Action::Delete { undo: None }, vec![why]),
        Presence::Absent | Presence::Unlisted if record.generations().count() > 1 => {
            Change::new(Action::Delete { undo: None }, vec![why])
        }
        Presence::Absent | Presence::Unlisted => Change::new(Action::Forget, vec![why, Reason::Gone]),
    };
    Some(if analysis.kind.class() == StatementClass::TableJob {
        change.with_note(objects_remain_note(&analysis))
    } else {
        change
    })
}

/// Removes a definition: undoes it, forgets it, or blocks the removal.
fn remove_definition(context: &mut DiffContext, key: &str, record: &StatementRecord, why: Reason) -> Change {
    let analysis = sql::analyze(&record.declared.sql.masked());
    let leftover: Vec<Reason> = record.undo.iter().map(|_| Reason::LeftoverUndo).collect();
    let why: Vec<Reason> = std::iter::once(why).chain(leftover).collect();
    // If an interrupted run submitted an undo, do not ask for consent again, unless that undo failed. A failed undo
    // is submitted again and needs fresh consent.
    if record.undo.as_deref().is_some_and(|undo| !undo_will_not_complete(context, undo)) {
        return Change::new(Action::Delete { undo: record.declared.undo.clone() }, why);
    }
    match &record.declared.undo {
        None if record.undo.is_some() => {
            Change::new(Action::Delete { undo: None }, why).with_note(objects_remain_note(&analysis))
        }
        None => Change::new(Action::Forget, why).with_note(objects_remain_note(&analysis)),
        Some(undo) => match undo_block(context, key, record, undo) {
            Some(block) => Change::new(Action::Blocked { by: vec![block] }, why),
            None => Change::new(Action::Delete { undo: Some(undo.clone()) }, why),
        },
    }
}

/// Returns the note that names the objects that remain.
fn objects_remain_note(analysis: &sql::Analysis) -> Note {
    let is_created_object =
        |mention: &&sql::Mention| mention.usage == Usage::Creates && mention.kind != ObjectKind::Catalog;
    let objects = analysis.mentions.iter().filter(is_created_object).map(|mention| mention.name.join(".")).collect();
    Note::ObjectsRemain { objects }
}
