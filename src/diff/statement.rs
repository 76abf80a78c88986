//! Decides what happens to each statement from desired, recorded and live, one address at a time.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Desired, PlanOptions,
    action::{Action, AfterWait, Block, Change, Note, PlacementChange, Reason, RecordedSettings, Strategy},
    evolution,
    fields::{self, DesiredPool, Differences},
};
use crate::{
    live::{Live, Lookups, Presence},
    manifest::DeclaredStatement,
    resource::{Address, Generation, LiveStatement, Phase, PhaseClass, Statement, UnexpectedPhasePolicy, labels},
    settle::Settlement,
    sql::{Analysis, StatementClass},
    state::{FurthestPhase, GenerationRecord, Recorded, StatementRecord, Tombstone},
};

/// What all decisions about statements read, and the lookups that they collect.
pub(super) struct DiffContext<'a> {
    /// The desired project and its secrets.
    pub desired: &'a Desired<'a>,
    /// The settled record of the environment.
    pub recorded: &'a Recorded,
    /// The snapshot of Confluent Cloud.
    pub live: &'a Live,
    /// What the user asks of the plan.
    pub options: &'a PlanOptions,
    /// The addresses that this run covers.
    pub selected: &'a BTreeSet<Address>,
    /// What settling found about an interrupted run.
    pub settlement: &'a Settlement,
    /// The pool that statements run on, by the pool's key.
    pub pools: &'a BTreeMap<String, DesiredPool>,
    /// Keys of owned pools that are gone and will be created again.
    pub recreated_pools: &'a BTreeSet<String>,
    /// What the record keeps of deleted statements, by cloud name.
    pub tombstones: BTreeMap<&'a str, &'a Tombstone>,
    /// The names and ids that have to be looked up.
    pub lookups: Lookups,
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

    /// Returns a change that replaces the current generation.
    pub fn replace(&self, strategy: Strategy, from: Option<Generation>, reasons: Vec<Reason>) -> Change {
        Change::new(Action::Replace { strategy, from, to: self.next_generation }, reasons)
    }
}

impl<'a> DiffContext<'a> {
    /// Returns the change of one statement, or `None` if it needs none.
    pub fn diff_statement(&mut self, key: &str) -> Option<Change> {
        let address = Address::statement(key);
        if let Some(why) = self.settlement.unclear.get(&address) {
            return Some(Change::blocked(Block::UnclearIntent { why: why.clone() }));
        }
        let declared = self.desired.graph.project.statements.get(key).filter(|_| !self.options.destroy);
        match (declared, self.recorded.statements.get(key)) {
            (Some(declared), None) => self
                .unrecorded_statement(key, declared, None)
                .map(|change| self.with_missing_secret_notes(change, &declared.spec)),
            (Some(declared), Some(record)) => {
                let change =
                    self.recorded_statement(key, declared, record).map(|change| self.block_if_unknown(change, record));
                let change = change.map(|change| self.await_leaving_generations(change, record));
                self.note_ignored_replace(&address, declared, change)
            }
            (None, Some(record)) => {
                evolution::remove_statement(self, key, record).map(|change| self.block_if_unknown(change, record))
            }
            (None, None) => None,
        }
    }

    /// Decides what happens to a desired statement that has no current generation in the record.
    fn unrecorded_statement(
        &mut self,
        key: &str,
        declared: &DeclaredStatement,
        record: Option<&StatementRecord>,
    ) -> Option<Change> {
        let base = declared.spec.name.as_str();
        let next = self.next_generation(base, record);
        let name = next.name(base);
        let stopped = declared.spec.stopped;
        if !stopped && let Presence::Unknown(why) = self.confirmed_presence(&name) {
            return Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() }));
        }
        // Retired generations are recorded. Any other statement with such a name must have our labels.
        let is_recorded =
            |live: &LiveStatement| record.is_some_and(|record| record.generation_named(&live.name).is_some());
        let mut found = self.live.generations(base);
        found.retain(|(_, live)| !is_recorded(live));
        if let Some((_, foreign)) = found.iter().find(|(_, live)| !self.has_our_labels(key, live)) {
            return Some(Change::blocked(Block::ForeignStatement { name: foreign.name.clone() }));
        }
        let running: Vec<_> = found.iter().filter(|(_, live)| live.may_run()).collect();
        if running.len() > 1 {
            let names = running.iter().map(|(_, live)| live.name.clone()).collect();
            return Some(Change::blocked(Block::UnexpectedGenerations { names }));
        }
        if let Some((generation, live)) = running.first().copied().or(found.last()) {
            if fields::adoption_exposes_secret(&declared.spec, live, self.live.secret_locations(&live.name)) {
                return Some(Change::blocked(Block::AdoptionExposesSecret { name: live.name.clone() }));
            }
            if live.is_being_deleted() {
                return Some(await_end_of_phase(live));
            }
            return Some(Change::new(Action::Adopt { name: live.name.clone(), generation: *generation }, Vec::new()));
        }
        match (stopped, record) {
            (true, Some(record)) => self.without_cloud_change(key, declared, record, Vec::new()),
            (true, None) => Some(Change::new(Action::KeepUnsubmitted, Vec::new())),
            (false, _) => {
                let sql = declared.spec.sql.clone();
                let change = Change::new(Action::Create { sql, name, generation: next }, Vec::new());
                Some(evolution::recreate_notes(self, key, declared, record).into_iter().fold(change, Change::with_note))
            }
        }
    }

    /// Returns one more than the highest generation number that was ever used under a cloud name, by this project or
    /// another.
    fn next_generation(&self, base: &str, record: Option<&StatementRecord>) -> Generation {
        let recorded = record.map(|record| record.last_generation);
        let tombstone = self.tombstones.get(base).map(|tombstone| tombstone.last_generation);
        let live = self.live.generations(base).last().map(|(generation, _)| *generation);
        recorded.max(tombstone).max(live).map_or(Generation::FIRST, Generation::next)
    }

    /// Returns the generations that may run in addition to the current one: unrecorded ones of ours, and retired
    /// ones.
    pub fn unexpected_generations(&self, key: &str, base: &str, record: &StatementRecord) -> Vec<String> {
        let unknown = [base, record.declared.name.as_str()]
            .into_iter()
            .flat_map(|base| self.live.generations(base))
            .filter(|(_, live)| record.generation_named(&live.name).is_none() && self.has_our_labels(key, live))
            .map(|(_, live)| live);
        let retired = record.retired.iter().filter_map(|g| match self.live.statement(&g.sent.name) {
            Presence::Present(live) if live.has_uid(&g.uid) && !live.is_being_deleted() => Some(live),
            _ => None,
        });
        let names: BTreeSet<String> =
            unknown.chain(retired).filter(|live| live.may_run()).map(|live| live.name.clone()).collect();
        names.into_iter().collect()
    }

    /// Returns whether a live statement has the labels of this project and address.
    fn has_our_labels(&self, key: &str, live: &LiveStatement) -> bool {
        let project = live.labels.get(labels::PROJECT).map(String::as_str);
        let address = live.labels.get(labels::ADDRESS).map(String::as_str);
        project == Some(self.desired.graph.project.name.as_str())
            && address == Some(Address::statement(key).to_string().as_str())
    }

    /// Decides what happens to a statement that is desired and recorded.
    fn recorded_statement(
        &mut self,
        key: &str,
        declared: &'a DeclaredStatement,
        record: &'a StatementRecord,
    ) -> Option<Change> {
        let Some(current) = &record.current else {
            // An interrupted run may have left the undo of a redefinition, or the successor of a job that is gone.
            return match evolution::open_without_current(self, record) {
                Some(change) => Some(change),
                None => {
                    let change = self.unrecorded_statement(key, declared, Some(record));
                    change.map(|change| self.with_missing_secret_notes(change, &declared.spec))
                }
            };
        };
        let unexpected = self.unexpected_generations(key, &declared.spec.name, record);
        if !unexpected.is_empty() {
            return Some(Change::blocked(Block::UnexpectedGenerations { names: unexpected }));
        }
        let pool = declared.spec.pool.as_deref().and_then(|key| Some((key, self.pools.get(key)?)));
        let statement = StatementContext {
            address: Address::statement(key),
            declared,
            record,
            current,
            analysis: self.desired.graph.analysis(key),
            differences: fields::compare(&declared.spec, pool, self.desired.secrets, current),
            next_generation: self.next_generation(&declared.spec.name, Some(record)),
        };
        let change = match self.live.statement(&current.sent.name) {
            _ if record.successor.is_some() || record.undo.is_some() => evolution::open_replacement(self, &statement),
            Presence::Present(live) if !live.has_uid(&current.uid) => {
                Some(evolution::recreated_outside(self, &statement, live))
            }
            Presence::Present(live) => self.present_statement(&statement, live),
            Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => evolution::gone_statement(self, &statement),
        };
        let has_uncompared_secrets = self.is_real_cloud() && !statement.differences.unknown_secrets.is_empty();
        let change = change.or_else(|| has_uncompared_secrets.then(|| Change::new(Action::Inform, Vec::new())));
        change.map(|change| self.with_missing_secret_notes(with_settings_notes(change, &statement), &declared.spec))
    }

    /// Returns whether the environment is real. On the simulator a placeholder replaces a secret, and nothing depends
    /// on its value.
    fn is_real_cloud(&self) -> bool {
        self.desired.graph.project.environment.simulator.is_none()
    }

    /// Adds a note for each secret that a submission needs and that has no value here.
    fn with_missing_secret_notes(&self, mut change: Change, desired: &Statement) -> Change {
        let is_submission = matches!(change.action, Action::Create { .. } | Action::Replace { .. });
        if is_submission && self.is_real_cloud() {
            change.notes.retain(|note| !matches!(note, Note::SecretNotCompared { .. }));
            let missing = fields::secrets_without_value(desired, self.desired.secrets);
            change.notes.extend(missing.into_iter().map(|name| Note::SecretMissing { name }));
        }
        change
    }

    /// Decides what happens to a statement that is desired, recorded and live.
    fn present_statement(&mut self, statement: &StatementContext, live: &LiveStatement) -> Option<Change> {
        if live.phase.class() == PhaseClass::Transitional || self.is_resuming(statement, live) {
            return Some(self.statement_in_motion(statement, live));
        }
        match statement.class() {
            StatementClass::Definition => evolution::definition_in_stable_phase(self, statement, live),
            StatementClass::Job | StatementClass::TableJob | StatementClass::Unsupported(_) => {
                self.job_in_stable_phase(statement, live)
            }
        }
    }

    /// Decides what happens to a statement in a transitional phase, in which most decisions are not possible.
    ///
    /// There are two exceptions. A statement that waits and never took effect may be replaced. A job may wait for
    /// room on its pool indefinitely, so it can be stopped or moved.
    pub fn statement_in_motion(&mut self, statement: &StatementContext, live: &LiveStatement) -> Change {
        let is_replace_requested = self.options.replace.contains(&statement.address);
        let is_job = statement.class() != StatementClass::Definition;
        let has_changed =
            if is_job { statement.differences.need_replacement() } else { statement.differences.need_redefinition() };
        let (is_new_generation_wanted, is_to_be_stopped) =
            (has_changed || is_replace_requested, statement.declared.spec.stopped);
        let has_placement_change = !statement.differences.placement_change.is_empty();
        let never_ran = live.phase == Phase::Pending && statement.current.reached == FurthestPhase::Submitted;
        if never_ran && !is_to_be_stopped && (is_new_generation_wanted || (is_job && has_placement_change)) {
            return evolution::replace_never_ran(self, statement, live);
        }
        if is_job && (live.phase == Phase::Pending || live.is_resuming()) {
            if is_to_be_stopped && !statement.current.stopped {
                return with_due_notes(Change::new(Action::Stop, vec![Reason::StoppedChanged { to: true }]), statement);
            }
            if has_placement_change && !is_to_be_stopped && !is_new_generation_wanted {
                return restart(statement);
            }
        }
        let is_ending = match live.phase {
            // A stop that is desired needs no decision.
            Phase::Stopping => !(is_to_be_stopped && live.stopped),
            Phase::Failing | Phase::Deleting => true,
            _ => false,
        };
        if is_ending
            || is_new_generation_wanted
            || is_to_be_stopped != statement.current.stopped
            || has_placement_change
        {
            return await_end_of_phase(live);
        }
        Change::new(Action::wait(live.phase.clone(), AfterWait::RecordDeclared), Vec::new())
    }

    /// Decides what happens to a job in a stable phase.
    fn job_in_stable_phase(&mut self, statement: &StatementContext, live: &LiveStatement) -> Option<Change> {
        let is_replace_requested = self.options.replace.contains(&statement.address);
        let (wants_stop, sent_stopped) = (statement.declared.spec.stopped, statement.current.stopped);
        match live.phase.class() {
            PhaseClass::Failed if statement.current.reached == FurthestPhase::Submitted && !wants_stop => {
                Some(evolution::replace_never_ran(self, statement, live))
            }
            PhaseClass::Failed => evolution::failed_job(self, statement, live),
            PhaseClass::Completed => evolution::completed_job(self, statement, live),
            PhaseClass::Running if wants_stop && !sent_stopped => {
                Some(with_due_notes(Change::new(Action::Stop, vec![Reason::StoppedChanged { to: true }]), statement))
            }
            PhaseClass::Running if wants_stop => Some(self.resumed_outside(statement)),
            PhaseClass::Running if statement.differences.need_replacement() || is_replace_requested => {
                Some(evolution::replace_job(self, statement))
            }
            PhaseClass::Running if sent_stopped => {
                let resume = Action::resume(PlacementChange::default(), RecordedSettings::Declared);
                Some(Change::new(resume, vec![Reason::StoppedChanged { to: false }]))
            }
            PhaseClass::Running if !statement.differences.placement_change.is_empty() => Some(restart(statement)),
            PhaseClass::Running => self.running_job(statement, live),
            PhaseClass::Stopped if wants_stop => self.stays_stopped(statement),
            PhaseClass::Stopped => Some(self.stopped_job(statement, is_replace_requested)),
            PhaseClass::Transitional => Some(self.statement_in_motion(statement, live)),
        }
    }

    /// Decides what happens to a job that runs although it should be stopped.
    fn resumed_outside(&self, statement: &StatementContext) -> Change {
        if self.options.fix_drift {
            Change::new(Action::Stop, vec![Reason::ResumedOutside])
        } else {
            with_due_notes(Change::new(Action::Inform, Vec::new()).with_note(Note::ResumedOutside), statement)
        }
    }

    /// Decides what happens to a job that runs as desired. It may have been moved outside floe, or be degraded.
    fn running_job(&mut self, statement: &StatementContext, live: &LiveStatement) -> Option<Change> {
        let drift = fields::placement_drift(statement.current, live);
        let change = drift.change();
        if !change.is_empty() && self.options.fix_drift {
            let reason = |(field, live, sent)| Reason::MovedOutside { field, live, sent };
            return Some(Change::new(Action::restart(change), drift.fields().map(reason).collect()));
        }
        let mut notes: Vec<_> =
            drift.fields().map(|(field, live, sent)| Note::MovedOutside { field, live, sent }).collect();
        if live.phase == Phase::Degraded {
            notes.push(Note::Degraded { detail: live.detail.clone() });
        }
        self.without_cloud_change(&statement.address.key, statement.declared, statement.record, notes)
    }

    /// Decides what happens to a stopped job that should stay stopped.
    fn stays_stopped(&mut self, statement: &StatementContext) -> Option<Change> {
        if !statement.current.stopped {
            // It was already stopped outside floe. The PUT records the stop as floe's own and changes nothing else.
            return Some(with_due_notes(
                Change::new(Action::Stop, vec![Reason::StoppedChanged { to: true }]),
                statement,
            ));
        }
        self.without_cloud_change(&statement.address.key, statement.declared, statement.record, due_notes(statement))
    }

    /// Decides what happens to a stopped job that should run.
    fn stopped_job(&mut self, statement: &StatementContext, is_replace_requested: bool) -> Change {
        let was_stopped_by_interrupted_run = statement.current.stopped && !statement.record.declared.stopped;
        if statement.differences.need_replacement() || is_replace_requested {
            let change = evolution::replace_job(self, statement);
            // A job that an interrupted run stopped must not stay stopped while a person decides.
            if !(was_stopped_by_interrupted_run && change.is_blocked()) {
                return change;
            }
            let fields = statement.differences.field_names();
            let resume = Action::resume(PlacementChange::default(), RecordedSettings::Unchanged);
            return Change::new(resume, vec![Reason::StoppedByInterruptedRun])
                .with_note(Note::ChangesLeftForNextPlan { fields });
        }
        let was_stopped_by_us = statement.current.stopped;
        let was_stopped_with_pool =
            statement.declared.spec.pool.as_ref().is_some_and(|pool| self.recreated_pools.contains(pool));
        if was_stopped_by_us
            || was_stopped_with_pool
            || statement.declared.spec.on_stopped == UnexpectedPhasePolicy::Resume
            || self.options.fix_drift
        {
            let reason = match (was_stopped_by_us, was_stopped_by_interrupted_run) {
                (true, true) => Reason::StoppedByInterruptedRun,
                (true, false) => Reason::StoppedChanged { to: false },
                (false, _) => Reason::StoppedOutside,
            };
            let mut reasons = vec![reason];
            reasons.extend(statement.differences.placement.iter().cloned());
            let placement = statement.differences.placement_change;
            return Change::new(Action::resume(placement, RecordedSettings::Declared), reasons);
        }
        with_due_notes(Change::new(Action::Inform, Vec::new()).with_note(Note::StoppedOutside), statement)
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
        let needs = self.desired.graph.dependencies(&Address::statement(key));
        let has_settings_change = declared.spec != record.declared || !needs.eq(&record.dependencies);
        match (has_settings_change, notes.is_empty()) {
            (true, _) => Some(Change { action: Action::RecordSettings, reasons: Vec::new(), notes }),
            (false, false) => Some(Change { action: Action::Inform, reasons: Vec::new(), notes }),
            (false, true) => None,
        }
    }
}

/// Returns a change that waits for a phase to end. The decision is made after that.
pub fn await_end_of_phase(live: &LiveStatement) -> Change {
    let phase = live.phase.clone();
    Change::new(Action::wait(phase.clone(), AfterWait::PlanAgain), Vec::new()).with_note(Note::InMotion { phase })
}

/// Restarts a job with the pool and principal that differ.
fn restart(statement: &StatementContext) -> Change {
    let differences = &statement.differences;
    Change::new(Action::restart(differences.placement_change), differences.placement.clone())
}

/// Adds a note with the differences that wait for the next start.
fn with_due_notes(change: Change, statement: &StatementContext) -> Change {
    due_notes(statement).into_iter().fold(change, Change::with_note)
}

/// Returns a note with the differences that wait for the next start, if any.
pub(super) fn due_notes(statement: &StatementContext) -> Vec<Note> {
    let fields = statement.differences.field_names();
    if fields.is_empty() { Vec::new() } else { vec![Note::DueAtNextStart { fields }] }
}

/// Adds the notes about settings, which apply to every action.
fn with_settings_notes(mut change: Change, statement: &StatementContext) -> Change {
    if statement.differences.is_cosmetic {
        change.notes.push(Note::CosmeticSqlChange);
    }
    let base = statement.current.sent.generation.name(&statement.declared.spec.name);
    if base != statement.current.sent.name && !matches!(change.action, Action::Replace { .. }) {
        change.notes.push(Note::RenamedAtNextGeneration { current_name: statement.current.sent.name.clone() });
    }
    for name in &statement.differences.unknown_secrets {
        change.notes.push(Note::SecretNotCompared { name: name.clone() });
    }
    change
}
