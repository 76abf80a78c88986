//! Finishes or rolls back a replacement that an interrupted run left open.

use super::{
    action::{Action, Block, Change, Note, Reason, Strategy},
    context::{DiffContext, StatementContext, await_end_of_phase},
    definition::undo_will_not_complete,
    fields,
    lookups::{ConfirmedPresence, Decision},
    replace::{blocked_with_restart_note, has_consent, restart_note},
};
use crate::{
    assess::Condition,
    resource::{LiveStatement, PhaseClass},
    state::{FurthestPhase, GenerationRecord, StatementRecord},
};

/// Finishes a replacement that an interrupted run left open, from what is live. Nothing else is decided before that.
pub(super) fn open_replacement(context: &DiffContext, statement: &StatementContext) -> Decision {
    if let Some(undo) = &statement.record.undo {
        return Ok(Some(open_undo(context, statement, undo)));
    }
    let Some(successor) = &statement.record.successor else { return Ok(None) };
    let presence = context.confirmed_generation(statement.record, successor)?;
    if let ConfirmedPresence::Unknown(why) = presence {
        return Ok(Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() })));
    }
    let generation = successor.sent.generation;
    let reasons = match presence {
        ConfirmedPresence::Present(live) => vec![leftover_reason(successor, live)],
        ConfirmedPresence::Absent | ConfirmedPresence::Unknown(_) => Vec::new(),
    };
    let resolution = resolution(
        SuccessorState::of(context, statement, successor, presence),
        PredecessorState::of(statement, context.confirmed_generation(statement.record, statement.current)?),
    );
    let names = || (statement.current.sent.name.clone(), successor.sent.name.clone());
    Ok(Some(match resolution {
        Resolution::Block(why) => Change::blocked(Block::PresenceUnknown { why: why.to_owned() }),
        Resolution::BlockTwoCopies => {
            let (predecessor, successor) = names();
            Change::new(Action::Blocked { by: vec![Block::TwoCopies { predecessor, successor }] }, reasons)
        }
        Resolution::Finish => Change::new(Action::FinishReplacement { to: generation }, reasons),
        Resolution::RollBack => Change::new(Action::RollBackReplacement { from: generation }, reasons),
        Resolution::Await(live) => Change { reasons, ..await_end_of_phase(live) },
        Resolution::AfterFailure { live, can_roll_back } => {
            failed_successor(context, statement, successor, live, can_roll_back)
        }
    }))
}

/// Returns how an open replacement is resolved. This is the whole table: one row for each pair of states.
fn resolution<'a>(successor: SuccessorState<'a>, predecessor: PredecessorState<'a>) -> Resolution<'a> {
    use PredecessorState as Predecessor;
    use SuccessorState as Successor;
    match (successor, predecessor) {
        (Successor::Unknown(why), _) => Resolution::Block(why),
        // If the predecessor is unknown, the rollback is blocked like every other change that starts something.
        (Successor::Gone, _) => Resolution::RollBack,
        (_, Predecessor::Unknown(why)) => Resolution::Block(why),
        // A rollback was deleting it. Once it is gone, its predecessor is resumed.
        (Successor::BeingDeleted(live), _) => Resolution::Await(live),
        // It would fail again, so the predecessor is resumed. The next plan shows what has to be decided.
        (Successor::FailedBeforeRunning, _) => Resolution::RollBack,
        (Successor::FailedAfterRunning(live), Predecessor::Present | Predecessor::Running) => {
            Resolution::AfterFailure { live, can_roll_back: true }
        }
        (Successor::FailedAfterRunning(live), Predecessor::Gone) => {
            Resolution::AfterFailure { live, can_roll_back: false }
        }
        (Successor::UnwantedBeforeRunning, _) => Resolution::RollBack,
        (Successor::UnwantedAfterRunning(live), _) => Resolution::Await(live),
        // A request took effect after it was given up, or somebody resumed the predecessor. Only a person knows which
        // of the two is wanted.
        (Successor::Running, Predecessor::Running) => Resolution::BlockTwoCopies,
        // Somebody stopped the successor to keep its predecessor.
        (Successor::StoppedUnwanted, Predecessor::Running) => Resolution::RollBack,
        (Successor::CanTakeOver | Successor::Running | Successor::StoppedUnwanted, _) => Resolution::Finish,
    }
}

/// The state of the successor in an open replacement.
#[derive(Clone, Copy)]
enum SuccessorState<'a> {
    /// A GET failed to say whether it exists. The text is the service's message.
    Unknown(&'a str),
    /// A GET confirmed that it does not exist.
    Gone,
    /// It is being deleted and may run until it is gone.
    BeingDeleted(&'a LiveStatement),
    /// It FAILED and has never run.
    FailedBeforeRunning,
    /// It FAILED and may have written something.
    FailedAfterRunning(&'a LiveStatement),
    /// It is in a transitional phase, is no longer desired as it is, and has never run.
    UnwantedBeforeRunning,
    /// It is in a transitional phase, is no longer desired as it is, and may have run.
    UnwantedAfterRunning(&'a LiveStatement),
    /// It runs, so it can take over.
    Running,
    /// It was stopped, and is no longer desired as it is.
    StoppedUnwanted,
    /// It is still desired, or in a stable phase from which it can take over.
    CanTakeOver,
}

impl<'a> SuccessorState<'a> {
    /// Returns the state of the `successor` whose presence is known.
    fn of(
        context: &DiffContext,
        statement: &StatementContext,
        successor: &GenerationRecord,
        presence: ConfirmedPresence<'a, LiveStatement>,
    ) -> Self {
        let live = match presence {
            ConfirmedPresence::Present(live) => live,
            ConfirmedPresence::Absent => return SuccessorState::Gone,
            ConfirmedPresence::Unknown(why) => return SuccessorState::Unknown(why),
        };
        if live.is_being_deleted() {
            return SuccessorState::BeingDeleted(live);
        }
        let declared = &statement.declared.spec;
        let is_still_desired = !fields::compare(declared, None, context.inputs.desired.secrets, successor)
            .need_replacement()
            && !declared.stopped;
        let may_have_run = successor.reached > FurthestPhase::Submitted;
        match live.phase.class() {
            PhaseClass::Failed if has_failed_after_running(statement) => SuccessorState::FailedAfterRunning(live),
            PhaseClass::Failed => SuccessorState::FailedBeforeRunning,
            PhaseClass::Transitional if is_still_desired => SuccessorState::CanTakeOver,
            PhaseClass::Transitional if may_have_run => SuccessorState::UnwantedAfterRunning(live),
            PhaseClass::Transitional => SuccessorState::UnwantedBeforeRunning,
            PhaseClass::Running => SuccessorState::Running,
            PhaseClass::Stopped if live.stopped && !is_still_desired => SuccessorState::StoppedUnwanted,
            PhaseClass::Completed | PhaseClass::Stopped => SuccessorState::CanTakeOver,
        }
    }
}

/// Returns whether the successor FAILED after it had run.
fn has_failed_after_running(statement: &StatementContext) -> bool {
    statement.conditions.iter().any(|condition| matches!(condition, Condition::FailedSuccessor { .. }))
}

/// The state of the predecessor in an open replacement.
#[derive(Clone, Copy)]
enum PredecessorState<'a> {
    /// A GET failed to say whether it exists. The text is the service's message.
    Unknown(&'a str),
    /// It does not exist, or its name belongs to another statement.
    Gone,
    /// It runs beside its successor, or may.
    Running,
    /// It exists, so it can be resumed.
    Present,
}

impl<'a> PredecessorState<'a> {
    /// Returns the state of the current generation, whose presence is known.
    fn of(statement: &StatementContext, presence: ConfirmedPresence<'a, LiveStatement>) -> Self {
        match presence {
            ConfirmedPresence::Present(live) if live.has_uid(&statement.current.uid) => match live.phase.class() {
                PhaseClass::Running => PredecessorState::Running,
                _ => PredecessorState::Present,
            },
            ConfirmedPresence::Present(_) | ConfirmedPresence::Absent => PredecessorState::Gone,
            ConfirmedPresence::Unknown(why) => PredecessorState::Unknown(why),
        }
    }
}

/// How an open replacement is resolved.
enum Resolution<'a> {
    /// Nothing is done before both generations can be read. The text is the service's message.
    Block(&'a str),
    /// Both generations run, and a person has to stop one of them.
    BlockTwoCopies,
    /// The successor takes over.
    Finish,
    /// The successor is deleted, and the predecessor is resumed.
    RollBack,
    /// The next plan decides, once the phase of the successor has ended.
    Await(&'a LiveStatement),
    /// A successor that may have run has FAILED, so the manifest has to say what follows.
    AfterFailure {
        /// The successor as it is live.
        live: &'a LiveStatement,
        /// Whether the predecessor can be resumed.
        can_roll_back: bool,
    },
}

/// Returns the reason that names a live successor and its phase.
fn leftover_reason(successor: &GenerationRecord, live: &LiveStatement) -> Reason {
    Reason::LeftoverSuccessor { generation: successor.sent.generation, phase: Some(live.phase.clone()) }
}

/// Decides what happens to a desired statement that has no current generation in the record, only leftovers of an
/// interrupted run.
pub(super) fn open_without_current(context: &DiffContext, record: &StatementRecord) -> Decision {
    let Some(leftover) = record.undo.as_ref().or(record.successor.as_ref()) else { return Ok(None) };
    let name = &leftover.sent.name;
    if let ConfirmedPresence::Unknown(why) = context.confirmed_presence(name)? {
        return Ok(Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() })));
    }
    if record.undo.is_some() {
        let to = record.last_generation.next();
        let action = Action::Replace { strategy: Strategy::Redefine, from: None, to };
        return Ok(Some(Change::new(action, vec![Reason::LeftoverUndo])));
    }
    let generation = leftover.sent.generation;
    Ok(Some(Change::new(
        Action::FinishReplacement { to: generation },
        vec![Reason::LeftoverSuccessor { generation, phase: None }],
    )))
}

/// Decides what happens to an undo that an interrupted run left: the redefinition continues, or is rolled back if the
/// undo will not complete.
fn open_undo(context: &DiffContext, statement: &StatementContext, undo: &GenerationRecord) -> Change {
    if undo_will_not_complete(context, undo) {
        return Change::new(Action::RollBackReplacement { from: undo.sent.generation }, vec![Reason::LeftoverUndo]);
    }
    statement.replace(Strategy::Redefine, Some(statement.current.sent.generation), vec![Reason::LeftoverUndo])
}

/// Decides what happens to a successor that may have written before it FAILED. Declaring the previous SQL rolls it
/// back.
fn failed_successor(
    context: &DiffContext,
    statement: &StatementContext,
    successor: &GenerationRecord,
    live: &LiveStatement,
    can_roll_back: bool,
) -> Change {
    let (name, leftover) = (live.name.clone(), leftover_reason(successor, live));
    // This consent is for this very successor. The consent that allowed it does not allow the next one.
    let accept = fields::restart_consent(
        &statement.address.to_string(),
        &statement.declared.spec,
        successor,
        statement.next_generation,
    );
    let is_accepted = statement.declared.has_consent(&accept);
    let is_replace_approved = is_accepted || context.inputs.options.replace.contains(&statement.address);
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
