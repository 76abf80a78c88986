//! Confirms that a statement is absent before acting on its absence. A name missing from a list, or a 403, is not
//! evidence that it is gone.

use super::{
    action::{Action, Block, Change, Note},
    statement::{DiffContext, StatementContext, await_end_of_phase},
};
use crate::{
    live::Presence,
    manifest::DeclaredStatement,
    resource::{Address, LiveStatement},
    sql::StatementClass,
    state::StatementRecord,
};

impl<'a> DiffContext<'a> {
    /// Returns what is known about a statement before a decision relies on its absence.
    ///
    /// An unlisted name becomes a lookup. Until the lookup is answered, the name counts as absent in a diff that is
    /// then discarded.
    pub fn confirmed_presence(&mut self, name: &str) -> Presence<'a, LiveStatement> {
        match self.live.statement(name) {
            Presence::Unlisted => {
                self.lookups.statements.insert(name.to_owned());
                Presence::Absent
            }
            known => known,
        }
    }

    /// Blocks a change that would start, delete or undo something while the presence of one of the statement's
    /// generations is unknown, since that generation may run.
    pub fn block_if_unknown(&mut self, change: Change, record: &StatementRecord) -> Change {
        let starts_or_deletes = match change.action {
            Action::Create { .. }
            | Action::Resume { .. }
            | Action::Restart { .. }
            | Action::Replace { .. }
            | Action::FinishReplacement { .. }
            | Action::RollBackReplacement { .. }
            | Action::Delete { .. } => true,
            Action::CreatePool { .. }
            | Action::UpdatePool { .. }
            | Action::KeepUnsubmitted
            | Action::Adopt { .. }
            | Action::Stop
            | Action::Forget
            | Action::Await { .. }
            | Action::RecordSettings
            | Action::Inform
            | Action::Blocked { .. } => false,
        };
        let mut unknown = None;
        for generation in record.generations().filter(|_| starts_or_deletes) {
            if let Presence::Unknown(why) = self.confirmed_presence(&generation.sent.name) {
                unknown.get_or_insert(why);
            }
        }
        match unknown {
            Some(why) => Change {
                action: Action::Blocked { by: vec![Block::PresenceUnknown { why: why.to_owned() }] },
                ..change
            },
            None => change,
        }
    }

    /// Turns a pending change into a wait while a retired generation is being deleted, since it may run until it is
    /// gone.
    pub fn await_leaving_generations(&self, change: Change, record: &StatementRecord) -> Change {
        let leaving = record.retired.iter().find_map(|retired| match self.live.statement(&retired.sent.name) {
            Presence::Present(live) if live.has_uid(&retired.uid) && live.is_being_deleted() => Some(live),
            _ => None,
        });
        match leaving {
            Some(live) if change.is_pending() => await_end_of_phase(live),
            _ => change,
        }
    }

    /// Returns whether a STOPPED job is being resumed.
    ///
    /// A job whose pool is gone stays stopped, even if it was asked to run.
    pub fn is_resuming(&mut self, statement: &StatementContext, live: &LiveStatement) -> bool {
        statement.class() != StatementClass::Definition && live.is_resuming() && !self.has_lost_pool(live)
    }

    /// Returns whether the statement's pool no longer exists. An unlisted pool becomes a lookup and counts as gone.
    fn has_lost_pool(&mut self, live: &LiveStatement) -> bool {
        let Some(id) = live.pool.as_deref().filter(|_| self.live.pools_listed) else { return false };
        match self.live.pool(id) {
            Presence::Absent => true,
            Presence::Unlisted => {
                self.lookups.pools.insert(id.to_owned());
                true
            }
            Presence::Present(_) | Presence::Unknown(_) => false,
        }
    }

    /// Adds a note if `--replace` names a job that should be stopped, where it has no effect.
    pub fn note_ignored_replace(
        &self,
        address: &Address,
        declared: &DeclaredStatement,
        change: Option<Change>,
    ) -> Option<Change> {
        let replaces = |change: &Change| change.is_blocked() || matches!(change.action, Action::Replace { .. });
        let is_ignored = self.options.replace.contains(address) && declared.spec.stopped;
        if !is_ignored || change.as_ref().is_some_and(replaces) {
            return change;
        }
        Some(
            change
                .unwrap_or_else(|| Change::new(Action::Inform, Vec::new()))
                .with_note(Note::ReplaceIgnoredWhileStopped),
        )
    }
}
