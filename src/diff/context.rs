//! What the decisions about statements read, and the small changes and notes that they share.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    action::{Action, AfterWait, Block, Change, Note, Reason, Strategy},
    adoption::LiveComparison,
    fields::{DesiredPool, Differences},
    inputs::Inputs,
    lookups::ConfirmedPresence,
};
use crate::{
    assess::{Assessment, Condition, CopyFinder},
    live::{Lookups, Presence},
    manifest::DeclaredStatement,
    resource::{Address, Generation, LiveStatement, Operation, Role},
    sql::{Analysis, StatementClass},
    state::{GenerationRecord, StatementRecord, Tombstone},
};

/// What all decisions about statements read.
pub(super) struct DiffContext<'a> {
    /// Everything that the plan is made from.
    pub inputs: Inputs<'a>,
    /// The conditions of all recorded addresses.
    pub assessment: &'a Assessment,
    /// Finds statements that could be copies of a job.
    pub finder: &'a CopyFinder<'a>,
    /// The addresses that this run covers.
    pub selected: &'a BTreeSet<Address>,
    /// The pool that statements run on, by the pool's key.
    pub pools: &'a BTreeMap<String, DesiredPool>,
    /// Keys of owned pools that are gone and will be created again.
    pub recreated_pools: &'a BTreeSet<String>,
    /// The highest generation number that was ever used under each cloud name.
    pub used_numbers: BTreeMap<&'a str, Generation>,
    /// What the record keeps of deleted statements, by cloud name.
    pub tombstones: BTreeMap<&'a str, &'a Tombstone>,
}

/// A statement that is desired and has a current generation in the record.
pub(super) struct StatementContext<'a> {
    /// The address of the statement.
    pub address: Address,
    /// What the manifests declare for it.
    pub declared: &'a DeclaredStatement,
    /// What the record holds of it.
    pub record: &'a StatementRecord,
    /// The current generation in the record.
    pub current: &'a GenerationRecord,
    /// The conditions of the statement.
    pub conditions: &'a [Condition],
    /// The analysis of the declared SQL.
    pub analysis: Option<&'a Analysis>,
    /// What differs between desired and sent.
    pub differences: Differences,
    /// The number that a new generation would get.
    pub next_generation: Generation,
}

impl StatementContext<'_> {
    /// Returns the class of the declared SQL, or that of a job if there is no analysis.
    pub fn class(&self) -> StatementClass {
        self.analysis.map_or(StatementClass::Job, |analysis| analysis.kind.class())
    }

    /// Returns whether another statement now has the name of the current generation.
    pub fn is_recreated(&self) -> bool {
        self.conditions.iter().any(|condition| matches!(condition, Condition::Recreated { .. }))
    }

    /// Returns the notes about those conditions that match.
    pub fn notes_about(&self, matches: impl Fn(&Condition) -> bool) -> Vec<Note> {
        self.conditions.iter().filter(|condition| matches(condition)).filter_map(Note::about).collect()
    }

    /// Returns a change that replaces the current generation.
    pub fn replace(&self, strategy: Strategy, from: Option<Generation>, reasons: Vec<Reason>) -> Change {
        Change::new(Action::Replace { strategy, from, to: self.next_generation }, reasons)
    }
}

impl<'a> DiffContext<'a> {
    /// Returns what is known about a statement before a decision relies on its absence.
    ///
    /// # Errors
    /// The lookup of the statement, if nothing is known yet.
    pub fn confirmed_presence(&self, name: &str) -> Result<ConfirmedPresence<'a, LiveStatement>, Lookups> {
        ConfirmedPresence::of(self.inputs.live.statement(name), || Lookups::of_statement(name))
    }

    /// Returns what is known about one generation of a record. If nothing is known about it, the lookups are those of
    /// every such generation of the record, so that one round answers for all of them.
    pub fn confirmed_generation(
        &self,
        record: &StatementRecord,
        generation: &GenerationRecord,
    ) -> Result<ConfirmedPresence<'a, LiveStatement>, Lookups> {
        self.confirmed_presence(&generation.sent.name).map_err(|_| self.missing_generations(record))
    }

    /// Returns the lookups of those generations of a statement of which nothing is known yet.
    pub fn missing_generations(&self, record: &StatementRecord) -> Lookups {
        let statements = record.generations().map(|generation| generation.sent.name.clone()).collect();
        self.inputs.live.pending_lookups(&Lookups { statements, ..Lookups::default() })
    }

    /// Returns one more than the highest generation number that was ever used under a cloud name, by this project or
    /// another. A submission that may still be in flight keeps its number: it is sent again under the same name.
    pub fn next_generation(&self, key: &str, base: &str, record: Option<&StatementRecord>) -> Generation {
        let in_flight = self.inputs.settlement.in_flight.iter().filter(|request| !request.is_superseded);
        let submission = in_flight.filter(|request| request.intent.address == Address::statement(key)).find_map(|it| {
            match &it.intent.operation {
                Operation::Submit(submission) if submission.role != Role::Undo => Some(submission),
                _ => None,
            }
        });
        if let Some(submission) = submission.filter(|it| it.generation.base_of(&it.name) == Some(base)) {
            return submission.generation;
        }
        let own = record.map(|record| record.last_generation);
        let used = self.used_numbers.get(base).copied();
        let live = self.inputs.live.generations(base).last().map(|(generation, _)| *generation);
        own.max(used).max(live).map_or(Generation::FIRST, Generation::next)
    }

    /// Returns a block if generations of a statement exist that the state does not know, or if other ones may run in
    /// addition to the current one.
    pub fn unexpected_generations_block(&self, address: &Address) -> Option<Block> {
        self.assessment.conditions(address).iter().find_map(|condition| match condition {
            Condition::StateOlderThanCloud { names, .. } => Some(self.older_state_block(address, names)),
            Condition::UnexpectedGenerations { names, .. } => {
                Some(Block::UnexpectedGenerations { names: names.clone() })
            }
            _ => None,
        })
    }

    /// Returns the block about generations that the state does not know. It names one that `floe import` can take over:
    /// the newest that may run, or else the newest.
    fn older_state_block(&self, address: &Address, names: &[String]) -> Block {
        let declared = self.inputs.desired.graph.project.statements.get(&address.key);
        let mut found: Vec<&LiveStatement> = names
            .iter()
            .filter_map(|name| match self.inputs.live.statement(name) {
                Presence::Present(live) => Some(live),
                Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => None,
            })
            .collect();
        found.sort_by_key(|live| (live.may_run(), Generation::at_end_of(&live.name)));
        let import = found.last().zip(declared).map(|(live, declared)| {
            let pool = declared.spec.pool.as_ref().and_then(|key| self.pools.get(key));
            (live.name.clone(), LiveComparison::of(self.inputs, &declared.spec, pool, live).import)
        });
        let import = import.filter(|(_, mode)| !mode.is_refused());
        Block::StateOlderThanCloud { names: names.to_vec(), import }
    }

    /// Returns a change that sends nothing: it records settings that changed, and carries the notes. `None` if there
    /// are neither.
    pub fn without_cloud_change(
        &self,
        key: &str,
        declared: &DeclaredStatement,
        record: &StatementRecord,
        notes: Vec<Note>,
    ) -> Option<Change> {
        let needs = self.inputs.desired.graph.dependencies(&Address::statement(key));
        let has_settings_change = declared.spec != record.declared || !needs.eq(&record.dependencies);
        match (has_settings_change, notes.is_empty()) {
            (true, _) => Some(Change::new(Action::RecordSettings, Vec::new()).with_notes(notes)),
            (false, false) => Some(Change::new(Action::Inform, Vec::new()).with_notes(notes)),
            (false, true) => None,
        }
    }
}

/// Returns a change that waits for a phase to end. The decision is made after that.
pub(super) fn await_end_of_phase(live: &LiveStatement) -> Change {
    let phase = live.phase.clone();
    Change::new(Action::wait(phase.clone(), AfterWait::PlanAgain), Vec::new()).with_note(Note::InMotion { phase })
}

/// Restarts a job with the pool and principal that differ.
pub(super) fn restart(statement: &StatementContext) -> Change {
    let differences = &statement.differences;
    Change::new(Action::restart(differences.placement_change), differences.placement.clone())
}

/// Adds a note with the differences that wait for the next start.
pub(super) fn with_due_notes(change: Change, statement: &StatementContext) -> Change {
    due_notes(statement).into_iter().fold(change, Change::with_note)
}

/// Returns a note with the differences that wait for the next start, if any.
pub(super) fn due_notes(statement: &StatementContext) -> Vec<Note> {
    let fields = statement.differences.field_names();
    if fields.is_empty() { Vec::new() } else { vec![Note::DueAtNextStart { fields }] }
}

/// Returns whether the SQL, the properties or the service say that a job is finite.
///
/// What the service says is not trusted for a streaming CREATE TABLE … AS.
pub(super) fn is_bounded(statement: &StatementContext) -> bool {
    let is_bounded_by_hint = statement.analysis.is_some_and(|analysis| analysis.is_bounded);
    statement.declared.spec.properties.has_bounded_mode()
        || is_bounded_by_hint
        || (statement.current.bounded && statement.class() == StatementClass::Job)
}
