//! What becomes of a statement whose SQL is immutable: replaced, redone, undone, taken back, or blocked with its choices.

use super::{
    action::{Action, Block, Change, Note, Reason, Recreated, Strategy},
    fields, readers,
    table::{Row, Table, awaits, due_notes},
};
use crate::{
    live::Presence,
    manifest::DeclaredStatement,
    resource::{Evolve, LiveStatement, PhaseClass, Statement, Template, UnexpectedPhasePolicy},
    sql::{self, ObjectKind, StatementClass, Usage},
    state::{FurthestPhase, GenerationRecord, StatementRecord},
};

/// Whether a person has said yes to losing this job's position: by policy, by consent to this very change, or by flag.
fn consents(table: &Table, row: &Row, accept: &str) -> bool {
    row.declared.spec.evolve == Evolve::Restart
        || row.declared.spec.accept.as_deref() == Some(accept)
        || table.request.replace.contains(&row.address)
}

/// Whether nothing is known in a job that keeps state.
fn is_stateless(table: &Table, row: &Row) -> bool {
    row.analysis.is_some() && table.desired.graph.stateful_reason(&row.address.key).is_none()
}

fn accept(row: &Row) -> String {
    fields::consent(&row.address.to_string(), &row.declared.spec, row.current, row.next)
}

/// What the output of a generation is that begins without the offsets of the one before.
fn begins(table: &Table, key: &str, desired: &Statement) -> Note {
    match fields::says_where_it_begins(desired) {
        true => Note::StartsAsWritten,
        false => Note::OutputAgain { keyed: table.desired.graph.writes_are_upserts(key) },
    }
}

/// What is to be known of a job that is submitted after one of its name was removed: its output comes again.
pub(super) fn again(
    table: &Table,
    key: &str,
    declared: &DeclaredStatement,
    record: Option<&StatementRecord>,
) -> Vec<Note> {
    let buried = table.buried.get(declared.spec.name.as_str());
    let stood =
        record.and_then(|record| record.last_offsets.as_ref()).or(buried.and_then(|buried| buried.offsets.as_ref()));
    if declared.analysis.kind.class() != StatementClass::Job || (stood.is_none() && buried.is_none()) {
        return Vec::new();
    }
    let topics = stood.map(|stood| stood.topics.clone()).unwrap_or_default();
    vec![Note::RemovedBefore { topics }, begins(table, key, &declared.spec)]
}

/// Under its name there is a statement of somebody else's.
pub(super) fn recreated(table: &Table, row: &Row, live: &LiveStatement) -> Change {
    let is_known = row.current.offsets.as_ref().is_some_and(|offsets| offsets.specific_offsets().is_some());
    let is_where_it_stood =
        is_stateless(table, row) && table.desired.graph.source_with_unknown_changelog(&row.address.key).is_none();
    let goes_on_from_offsets = is_known && is_where_it_stood && !row.differences.need_replacement();
    let deleted = match (row.class(), row.current.reached) {
        (_, FurthestPhase::Submitted) => Recreated::Anew,
        (StatementClass::Definition, _) => Recreated::Done,
        (StatementClass::TableJob, _) => Recreated::Stuck,
        (_, FurthestPhase::Completed) if is_bounded(row) => Recreated::Done,
        _ if goes_on_from_offsets => Recreated::Anew,
        _ => match accept(row) {
            accept if consents(table, row, &accept) => Recreated::Anew,
            accept => Recreated::Accepted(accept),
        },
    };
    blocked_beginning(table, Block::RecreatedOutside { name: live.name.clone(), deleted }, Vec::new(), row)
}

/// Blocked until somebody consents to where it begins, and to what that does to what it writes.
fn blocked_beginning(table: &Table, by: Block, reasons: Vec<Reason>, row: &Row) -> Change {
    let is_asked = by.consent().is_some();
    let change = Change::new(Action::Blocked { by: vec![by] }, reasons);
    match begins(table, &row.address.key, &row.declared.spec) {
        Note::OutputAgain { .. } if !is_asked => change,
        begins => change.noting(begins),
    }
}

fn reasons(table: &Table, row: &Row) -> Vec<Reason> {
    let asked = table.request.replace.contains(&row.address).then_some(Reason::Asked);
    row.differences.reasons().into_iter().chain(asked).collect()
}

/// A job that gets a new generation: with consent it begins again from its sources, else it is blocked.
pub(super) fn replace_job(table: &Table, row: &Row) -> Change {
    let accept = accept(row);
    let by = if row.class() == StatementClass::TableJob {
        Some(Block::TableJob)
    } else if row.declared.spec.prevent_destroy {
        Some(Block::PreventDestroy)
    } else if consents(table, row, &accept) {
        None
    } else if row.declared.spec.evolve == Evolve::Manual {
        Some(Block::Manual { accept })
    } else {
        let keeps = table.desired.graph.stateful_reason(&row.address.key);
        Some(Block::LosesPosition { keeps, accept })
    };
    let reasons = reasons(table, row);
    if let Some(by) = by {
        return blocked_beginning(table, by, reasons, row);
    }
    let change = row.replace(Strategy::Restart, Some(row.current.sent.generation), reasons);
    change.noting(begins(table, &row.address.key, &row.declared.spec))
}

/// A statement that FAILED before it took effect, or waits to: delete it and submit anew.
pub(super) fn never_ran(table: &Table, row: &Row, live: &LiveStatement) -> Change {
    let mut reasons = vec![Reason::NeverRan { detail: live.detail.clone() }];
    reasons.extend(self::reasons(table, row));
    row.replace(Strategy::NeverRan, Some(row.current.sent.generation), reasons)
}

/// A job that FAILED after having run.
pub(super) fn failed(table: &mut Table, row: &Row, live: &LiveStatement) -> Option<Change> {
    let detail = live.detail.clone();
    let asked = table.request.replace.contains(&row.address);
    let mut notes = vec![Note::Failed { detail: detail.clone(), since: live.updated_at.clone() }];
    notes.extend(due_notes(row));
    if row.declared.spec.stopped {
        return table.quiet(&row.address.key, row.declared, row.record, notes);
    }
    if row.differences.need_replacement() || asked {
        let accept = accept(row);
        if row.class() != StatementClass::TableJob && !consents(table, row, &accept) {
            let by = Block::FailedPredecessor { detail, accept };
            return Some(blocked_beginning(table, by, reasons(table, row), row));
        }
        return Some(replace_job(table, row));
    }
    if row.declared.spec.on_failed == UnexpectedPhasePolicy::Resume || table.request.fix_drift {
        let mut reasons = vec![Reason::Failed { detail }];
        reasons.extend(row.differences.placement.iter().cloned());
        return Some(Change::new(Action::Start, reasons));
    }
    table.quiet(&row.address.key, row.declared, row.record, notes)
}

/// A job that COMPLETED: a bounded one has done its work, another one has ended.
pub(super) fn completed(table: &mut Table, row: &Row, live: &LiveStatement) -> Option<Change> {
    if row.differences.need_replacement() || table.request.replace.contains(&row.address) {
        return Some(replace_job(table, row));
    }
    let mut notes = if is_bounded(row) || (live.bounded == Some(true) && row.class() == StatementClass::Job) {
        Vec::new()
    } else {
        vec![Note::Ended]
    };
    notes.extend(due_notes(row));
    table.quiet(&row.address.key, row.declared, row.record, notes)
}

/// Whether SQL, properties or the service's word make a job finite. That is not to be trusted for a streaming
/// CREATE TABLE … AS.
fn is_bounded(row: &Row) -> bool {
    let property = |key: &str| row.declared.spec.properties.get(key).map(Template::as_str);
    let snapshot = property("sql.snapshot.mode") == Some("now");
    let ends = property("sql.tables.scan.bounded.mode").is_some_and(|mode| mode != "unbounded");
    let hinted = row.analysis.is_some_and(|reading| reading.is_bounded);
    snapshot || ends || hinted || (row.current.bounded && row.class() == StatementClass::Job)
}

/// A definition in a phase that lasts.
pub(super) fn definition(table: &mut Table, row: &Row, live: &LiveStatement) -> Option<Change> {
    let in_force = row.current.reached == FurthestPhase::Completed;
    // A job that ran does not COMPLETE by being declared as a definition.
    let has_run = row.current.reached > FurthestPhase::Submitted;
    if has_run && row.differences.redefine() && is_job(&row.current.sent.sql) {
        return Some(Change::new(Action::Blocked { by: vec![Block::WasJob] }, reasons(table, row)));
    }
    match live.phase.class() {
        _ if in_force => in_force_definition(table, row),
        PhaseClass::Running | PhaseClass::Transitional => Some(table.moving(row, live)),
        PhaseClass::Failed | PhaseClass::Stopped | PhaseClass::Completed => Some(never_ran(table, row, live)),
    }
}

fn is_job(sql: &Template) -> bool {
    sql::analyze(&sql.masked()).kind.class() != StatementClass::Definition
}

/// A definition that has COMPLETED with its SQL, whether its statement is still there or was purged.
fn in_force_definition(table: &mut Table, row: &Row) -> Option<Change> {
    if row.declared.spec.stopped && !row.record.declared.stopped {
        return Some(Change::blocked(Block::CannotStop));
    }
    if !row.differences.redefine() && !table.request.replace.contains(&row.address) {
        return table.quiet(&row.address.key, row.declared, row.record, Vec::new());
    }
    let reasons = reasons(table, row);
    let by = match &row.record.declared.undo {
        _ if row.declared.spec.prevent_destroy => Block::PreventDestroy,
        None if row.analysis.is_some_and(|reading| reading.if_not_exists) => Block::IfNotExists,
        None => Block::NoUndo,
        Some(undo) => match undo_block(table, &row.address.key, row.record, undo) {
            Some(block) => block,
            None => {
                let from = Some(row.current.sent.generation);
                return Some(row.replace(Strategy::Redefine, from, reasons));
            }
        },
    };
    Some(Change::new(Action::Blocked { by: vec![by] }, reasons))
}

/// What keeps an undo from being run.
fn undo_block(table: &mut Table, key: &str, record: &StatementRecord, undo: &Template) -> Option<Block> {
    if drops_data(undo) && !table.request.allow_data_loss {
        return Some(Block::DataLoss { undo: undo.clone() });
    }
    let by = readers::users(table, key, record);
    (!by.is_empty()).then_some(Block::InUse { by })
}

/// Whether an undo may drop data. What is not known to be harmless counts as dropping.
fn drops_data(undo: &Template) -> bool {
    !sql::analyze(&undo.masked()).kind.keeps_data()
}

/// Desired and recorded, and its statement is not there, or nobody can tell.
pub(super) fn gone(table: &mut Table, row: &Row) -> Option<Change> {
    if row.class() == StatementClass::Definition && row.current.reached == FurthestPhase::Completed {
        return in_force_definition(table, row);
    }
    let done = row.class() == StatementClass::Job && row.current.reached == FurthestPhase::Completed && is_bounded(row);
    if done && !row.differences.need_replacement() && !table.request.replace.contains(&row.address) {
        return table.quiet(&row.address.key, row.declared, row.record, Vec::new());
    }
    if row.declared.spec.stopped {
        // One that stood still may be purged. Of one that ran, a list that does not show it says nothing: it may run on.
        if !row.current.stopped
            && let Presence::Unknown(why) = table.confirmed(&row.current.sent.name)
        {
            return Some(Change::blocked(Block::Unknown { why: why.to_owned() }));
        }
        return table.quiet(&row.address.key, row.declared, row.record, where_it_stood(row).into_iter().collect());
    }
    match table.confirmed(&row.current.sent.name) {
        Presence::Absent | Presence::Unlisted => Some(gone_for_sure(table, row)),
        Presence::Unknown(why) => Some(Change::blocked(Block::Unknown { why: why.to_owned() })),
        Presence::Present(_) => None,
    }
}

/// What is known of where a job stood that is gone: only of one that was stopped from here it is known for sure.
fn where_it_stood(row: &Row) -> Option<Note> {
    match &row.current.offsets {
        Some(_) if row.current.stopped => Some(Note::OffsetsOnlyHere),
        Some(offsets) => Some(Note::StoodWhenStoppedOutside { topics: offsets.topics.clone() }),
        None if row.current.reached == FurthestPhase::Submitted => None,
        None => Some(Note::GoneFromNowhere),
    }
}

fn gone_for_sure(table: &mut Table, row: &Row) -> Change {
    let mut reasons = vec![Reason::Gone];
    reasons.extend(self::reasons(table, row));
    if row.current.reached == FurthestPhase::Submitted {
        return row.replace(Strategy::NeverRan, None, reasons);
    }
    if row.class() == StatementClass::TableJob {
        return Change::new(Action::Blocked { by: vec![Block::TableJob] }, reasons);
    }
    let accept = accept(row);
    if consents(table, row, &accept) {
        return row.replace(Strategy::Again, None, reasons).noting(begins(table, &row.address.key, &row.declared.spec));
    }
    // Somebody who stopped it may have resumed it, too, and nobody saw it run on.
    if !row.current.stopped {
        let by = vec![Block::GoneWithoutOffsets { accept }];
        let blocked = Change::new(Action::Blocked { by }, reasons);
        let stood = where_it_stood(row).filter(|note| matches!(note, Note::StoodWhenStoppedOutside { .. }));
        return stood.into_iter().fold(blocked, Change::noting);
    }
    let offsets = row.current.offsets.as_ref();
    let stateless = is_stateless(table, row);
    let is_said = fields::says_where_it_begins(&row.declared.spec);
    let hints = offsets.filter(|_| !is_said).map(|offsets| offsets.by_topic()).unwrap_or_default();
    let by = match offsets.and_then(|offsets| offsets.specific_offsets()) {
        // Offsets without the state that belongs to them would give wrong results: a person decides.
        Some(offsets) if stateless && !row.differences.need_replacement() => {
            let Some(source) = table.desired.graph.source_with_unknown_changelog(&row.address.key) else {
                return row.replace(Strategy::FromOffsets, None, reasons).noting(Note::StartsAt { offsets });
            };
            Block::GoneFromUnknownSource { source: source.to_string(), hints, accept }
        }
        None if stateless && offsets.is_some_and(|offsets| offsets.topics.len() > 1) => {
            Block::GoneWithSeveralSources { hints, accept }
        }
        Some(_) | None => Block::GoneWithoutOffsets { accept },
    };
    blocked_beginning(table, by, reasons, row)
}

/// A replacement that an interrupted run left open is finished before anything else is decided, from what is there.
pub(super) fn open(table: &mut Table, row: &Row) -> Option<Change> {
    if let Some(undo) = &row.record.undo {
        return Some(open_undo(table, row, undo));
    }
    let successor = row.record.successor.as_ref()?;
    let generation = successor.sent.generation;
    let found = match table.confirmed(&successor.sent.name) {
        Presence::Present(found) => found,
        Presence::Unknown(why) => return Some(Change::blocked(Block::Unknown { why: why.to_owned() })),
        Presence::Absent | Presence::Unlisted => {
            return Some(Change::new(Action::TakeBack { from: generation }, Vec::new()));
        }
    };
    if let Presence::Unknown(why) = table.confirmed(&row.current.sent.name) {
        return Some(Change::blocked(Block::Unknown { why: why.to_owned() }));
    }
    let left = Reason::SuccessorLeft { generation, phase: Some(found.phase.clone()) };
    let still_wanted = !fields::compare(&row.declared.spec, None, table.desired.secrets, successor).need_replacement()
        && !row.declared.spec.stopped;
    let may_have_run = successor.reached > FurthestPhase::Submitted;
    // A way back was at it: once it is gone, its predecessor goes on.
    if found.is_being_deleted() {
        return Some(Change { reasons: vec![left], ..awaits(found) });
    }
    match found.phase.class() {
        PhaseClass::Failed if may_have_run => Some(failed_successor(table, row, successor, found, left)),
        // It would fail again: the predecessor goes on, and the next plan says what is to be decided.
        PhaseClass::Failed => Some(Change::new(Action::TakeBack { from: generation }, vec![left])),
        _ if still_wanted => Some(Change::new(Action::GoOn { to: generation }, vec![left])),
        PhaseClass::Running | PhaseClass::Completed | PhaseClass::Stopped => {
            Some(Change::new(Action::GoOn { to: generation }, vec![left]))
        }
        PhaseClass::Transitional if may_have_run => Some(Change { reasons: vec![left], ..awaits(found) }),
        PhaseClass::Transitional => Some(Change::new(Action::TakeBack { from: generation }, vec![left])),
    }
}

/// A successor that may have written before it FAILED: the SQL that was in force before takes it back.
fn failed_successor(
    table: &Table,
    row: &Row,
    successor: &GenerationRecord,
    found: &LiveStatement,
    left: Reason,
) -> Change {
    let name = found.name.clone();
    let can_go_back = matches!(table.live.statement(&row.current.sent.name),
        Presence::Present(before) if before.has_uid(&row.current.uid));
    // Consent to this very successor: the one that let it come does not let the next one come too.
    let accept = fields::consent(&row.address.to_string(), &row.declared.spec, successor, row.next);
    let is_accepted = row.declared.spec.accept.as_deref() == Some(&accept);
    let is_asked = is_accepted || table.request.replace.contains(&row.address);
    if can_go_back && !is_asked && !row.differences.need_replacement() {
        let back = Change::new(Action::TakeBack { from: successor.sent.generation }, vec![left]);
        return back.noting(Note::SuccessorWrote { name });
    }
    if !consents(table, row, &accept) {
        let detail = found.detail.clone();
        return blocked_beginning(table, Block::FailedSuccessor { name, detail, accept, can_go_back }, Vec::new(), row);
    }
    row.replace(Strategy::Restart, Some(row.current.sent.generation), vec![left]).noting(begins(
        table,
        &row.address.key,
        &row.declared.spec,
    ))
}

/// An undo that an interrupted run left: a redefinition goes on where it is still wanted.
fn open_undo(table: &mut Table, row: &Row, undo: &GenerationRecord) -> Change {
    if came_to_nothing(table, undo) {
        return Change::new(Action::TakeBack { from: undo.sent.generation }, vec![Reason::UndoLeft]);
    }
    row.replace(Strategy::Redefine, Some(row.current.sent.generation), vec![Reason::UndoLeft])
}

/// Whether an undo that an interrupted run left will not complete any more. Of one that nobody can tell of that is not said.
fn came_to_nothing(table: &Table, undo: &GenerationRecord) -> bool {
    matches!(table.live.statement(&undo.sent.name), Presence::Present(found) if found.will_not_complete(&undo.uid))
}

/// Desired, recorded without a generation in force, and something of an interrupted run is left.
pub(super) fn open_without_current(table: &mut Table, record: &StatementRecord) -> Option<Change> {
    let left = record.undo.as_ref().or(record.successor.as_ref())?;
    let name = &left.sent.name;
    if let Presence::Unknown(why) = table.confirmed(name) {
        return Some(Change::blocked(Block::Unknown { why: why.to_owned() }));
    }
    if record.undo.is_some() {
        let to = record.last_generation.next();
        let action = Action::Replace { strategy: Strategy::Redefine, from: None, to };
        return Some(Change::new(action, vec![Reason::UndoLeft]));
    }
    let generation = left.sent.generation;
    Some(Change::new(Action::GoOn { to: generation }, vec![Reason::SuccessorLeft { generation, phase: None }]))
}

/// Recorded and not desired.
pub(super) fn removed(table: &mut Table, key: &str, record: &StatementRecord) -> Option<Change> {
    let why = if table.request.destroy { Reason::Destroy } else { Reason::NotDeclared };
    if record.declared.prevent_destroy && record.generations().next().is_some() {
        let undeclared = !table.desired.graph.project.statements.contains_key(key);
        return Some(Change::prevented(why, undeclared));
    }
    let strays = table.strays(key, &record.declared.name, record);
    if !strays.is_empty() {
        return Some(Change::new(Action::Blocked { by: vec![Block::SeveralLive { names: strays }] }, vec![why]));
    }
    let Some(current) = &record.current else {
        // Its undo or its successor may be left by an interrupted run; both are deleted with it.
        let left = record.generations().next().is_some();
        let action = if left { Action::Delete { undo: None } } else { Action::Forget };
        return Some(Change::new(action, vec![why]));
    };
    let analysis = sql::analyze(&record.declared.sql.masked());
    let is_undone = record.declared.undo.is_some() || record.undo.is_some();
    match analysis.kind.class() {
        StatementClass::Definition if current.reached == FurthestPhase::Completed => {
            return Some(removed_definition(table, key, record, why));
        }
        // It is stopped first; then its table is undone as any other.
        StatementClass::TableJob if current.reached > FurthestPhase::Submitted && is_undone => {
            return Some(removed_definition(table, key, record, why));
        }
        StatementClass::Definition
        | StatementClass::Job
        | StatementClass::TableJob
        | StatementClass::Unsupported(_) => {}
    }
    let change = match table.confirmed(&current.sent.name) {
        Presence::Unknown(text) => Change::blocked(Block::Unknown { why: text.to_owned() }),
        // Somebody else's now.
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
        change.noting(objects_stay(&analysis))
    } else {
        change
    })
}

fn removed_definition(table: &mut Table, key: &str, record: &StatementRecord, why: Reason) -> Change {
    let analysis = sql::analyze(&record.declared.sql.masked());
    let left: Vec<Reason> = record.undo.iter().map(|_| Reason::UndoLeft).collect();
    let why: Vec<Reason> = std::iter::once(why).chain(left).collect();
    // Whether an undo that an interrupted run left has dropped something already, nobody asks again; one that came to
    // nothing is run anew, and so is the consent asked for anew.
    if record.undo.as_deref().is_some_and(|undo| !came_to_nothing(table, undo)) {
        return Change::new(Action::Delete { undo: record.declared.undo.clone() }, why);
    }
    match &record.declared.undo {
        None if record.undo.is_some() => {
            Change::new(Action::Delete { undo: None }, why).noting(objects_stay(&analysis))
        }
        None => Change::new(Action::Forget, why).noting(objects_stay(&analysis)),
        Some(undo) => match undo_block(table, key, record, undo) {
            Some(block) => Change::new(Action::Blocked { by: vec![block] }, why),
            None => Change::new(Action::Delete { undo: Some(undo.clone()) }, why),
        },
    }
}

fn objects_stay(analysis: &sql::Analysis) -> Note {
    let made = |mention: &&sql::Mention| mention.usage == Usage::Creates && mention.kind != ObjectKind::Catalog;
    let objects = analysis.mentions.iter().filter(made).map(|mention| mention.name.join(".")).collect();
    Note::ObjectsStay { objects }
}
