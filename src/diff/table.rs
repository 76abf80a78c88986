//! The decision table for statements: desired × recorded × live, one address at a time.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Desired, Request,
    action::{Action, Block, Change, Note, Reason, Strategy},
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

/// What every row of the table looks at.
pub(super) struct Table<'a> {
    pub desired: &'a Desired<'a>,
    pub recorded: &'a Recorded,
    pub live: &'a Live,
    pub request: &'a Request,
    /// What this run looks at.
    pub selected: &'a BTreeSet<Address>,
    pub settlement: &'a Settlement,
    pub pools: &'a BTreeMap<String, DesiredPool>,
    /// Keys of owned pools that are gone and will be created again.
    pub recreated: &'a BTreeSet<String>,
    /// What is left of statements that were deleted, by cloud name.
    pub buried: BTreeMap<&'a str, &'a Tombstone>,
    pub asks: Lookups,
}

/// One statement that is desired and has a generation in force.
pub(super) struct Row<'a> {
    pub address: Address,
    pub declared: &'a DeclaredStatement,
    pub record: &'a StatementRecord,
    pub current: &'a GenerationRecord,
    pub analysis: Option<&'a Analysis>,
    pub differences: Differences,
    /// The number that a new generation would have.
    pub next: Generation,
}

impl Row<'_> {
    pub fn class(&self) -> StatementClass {
        self.analysis.map_or(StatementClass::Job, |reading| reading.kind.class())
    }

    /// Replaces the current generation.
    pub fn replace(&self, strategy: Strategy, from: Option<Generation>, reasons: Vec<Reason>) -> Change {
        Change::new(Action::Replace { strategy, from, to: self.next }, reasons)
    }
}

impl<'a> Table<'a> {
    /// What happens to one statement; `None` if it is as it should be.
    pub fn statement(&mut self, key: &str) -> Option<Change> {
        let address = Address::statement(key);
        if let Some(why) = self.settlement.unclear.get(&address) {
            return Some(Change::blocked(Block::Unclear { why: why.clone() }));
        }
        let declared = self.desired.graph.project.statements.get(key).filter(|_| !self.request.destroy);
        match (declared, self.recorded.statements.get(key)) {
            (Some(declared), None) => {
                self.unrecorded(key, declared, None).map(|change| self.with_wanted_secrets(change, &declared.spec))
            }
            (Some(declared), Some(record)) => {
                let change = self.recorded(key, declared, record).map(|change| self.certain(change, record));
                let change = change.map(|change| self.once_gone(change, record));
                self.unless_parked(&address, declared, change)
            }
            (None, Some(record)) => evolution::removed(self, key, record).map(|change| self.certain(change, record)),
            (None, None) => None,
        }
    }

    /// Desired, and no generation of it is in the record.
    fn unrecorded(
        &mut self,
        key: &str,
        declared: &DeclaredStatement,
        record: Option<&StatementRecord>,
    ) -> Option<Change> {
        let base = declared.spec.name.as_str();
        let next = self.next_generation(base, record);
        let name = next.name(base);
        let stopped = declared.spec.stopped;
        if !stopped && let Presence::Unknown(why) = self.confirmed(&name) {
            return Some(Change::blocked(Block::Unknown { why: why.to_owned() }));
        }
        // Retired generations are known; what else bears such a name has to be somebody's.
        let known = |live: &LiveStatement| record.is_some_and(|record| record.generation_named(&live.name).is_some());
        let mut found = self.live.generations(base);
        found.retain(|(_, live)| !known(live));
        if let Some((_, foreign)) = found.iter().find(|(_, live)| !self.is_labelled_ours(key, live)) {
            return Some(Change::blocked(Block::NotOurs { name: foreign.name.clone() }));
        }
        let alive: Vec<_> = found.iter().filter(|(_, live)| live.may_run()).collect();
        if alive.len() > 1 {
            let names = alive.iter().map(|(_, live)| live.name.clone()).collect();
            return Some(Change::blocked(Block::SeveralLive { names }));
        }
        if let Some((generation, live)) = alive.first().copied().or(found.last()) {
            if fields::hides_a_secret(&declared.spec, live, self.live.secret_locations(&live.name)) {
                return Some(Change::blocked(Block::HidesSecret { name: live.name.clone() }));
            }
            if live.is_being_deleted() {
                return Some(awaits(live));
            }
            return Some(Change::new(Action::Adopt { name: live.name.clone(), generation: *generation }, Vec::new()));
        }
        match (stopped, record) {
            (true, Some(record)) => self.quiet(key, declared, record, Vec::new()),
            (true, None) => Some(Change::new(Action::Hold, Vec::new())),
            (false, _) => {
                let sql = declared.spec.sql.clone();
                let change = Change::new(Action::Create { sql, name, generation: next }, Vec::new());
                Some(evolution::again(self, key, declared, record).into_iter().fold(change, Change::noting))
            }
        }
    }

    /// One more than the highest number that was ever used under a cloud name, by anybody.
    fn next_generation(&self, base: &str, record: Option<&StatementRecord>) -> Generation {
        let recorded = record.map(|record| record.last_generation);
        let buried = self.buried.get(base).map(|buried| buried.last_generation);
        let live = self.live.generations(base).last().map(|(generation, _)| *generation);
        recorded.max(buried).max(live).map_or(Generation::FIRST, Generation::next)
    }

    /// Generations that may run beside the one in force: ours that the record does not know, and retired ones.
    pub fn strays(&self, key: &str, base: &str, record: &StatementRecord) -> Vec<String> {
        let unknown = [base, record.declared.name.as_str()]
            .into_iter()
            .flat_map(|base| self.live.generations(base))
            .filter(|(_, live)| record.generation_named(&live.name).is_none() && self.is_labelled_ours(key, live))
            .map(|(_, live)| live);
        let retired = record.retired.iter().filter_map(|g| match self.live.statement(&g.sent.name) {
            Presence::Present(live) if live.has_uid(&g.uid) && !live.is_being_deleted() => Some(live),
            _ => None,
        });
        let names: BTreeSet<String> =
            unknown.chain(retired).filter(|live| live.may_run()).map(|live| live.name.clone()).collect();
        names.into_iter().collect()
    }

    fn is_labelled_ours(&self, key: &str, live: &LiveStatement) -> bool {
        let project = live.labels.get(labels::PROJECT).map(String::as_str);
        let address = live.labels.get(labels::ADDRESS).map(String::as_str);
        project == Some(self.desired.graph.project.name.as_str())
            && address == Some(Address::statement(key).to_string().as_str())
    }

    /// Desired and recorded.
    fn recorded(&mut self, key: &str, declared: &'a DeclaredStatement, record: &'a StatementRecord) -> Option<Change> {
        let Some(current) = &record.current else {
            // An interrupted redefinition may have left its undo, or a gone job its successor.
            return match evolution::open_without_current(self, record) {
                Some(change) => Some(change),
                None => {
                    let change = self.unrecorded(key, declared, Some(record));
                    change.map(|change| self.with_wanted_secrets(change, &declared.spec))
                }
            };
        };
        let strays = self.strays(key, &declared.spec.name, record);
        if !strays.is_empty() {
            return Some(Change::blocked(Block::SeveralLive { names: strays }));
        }
        let pool = declared.spec.pool.as_deref().and_then(|key| Some((key, self.pools.get(key)?)));
        let row = Row {
            address: Address::statement(key),
            declared,
            record,
            current,
            analysis: self.desired.graph.analysis(key),
            differences: fields::compare(&declared.spec, pool, self.desired.secrets, current),
            next: self.next_generation(&declared.spec.name, Some(record)),
        };
        let change = match self.live.statement(&current.sent.name) {
            _ if record.successor.is_some() || record.undo.is_some() => evolution::open(self, &row),
            Presence::Present(live) if !live.has_uid(&current.uid) => Some(evolution::recreated(self, &row, live)),
            Presence::Present(live) => self.present(&row, live),
            Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => evolution::gone(self, &row),
        };
        let unsure = self.is_real() && !row.differences.unknown_secrets.is_empty();
        let change = change.or_else(|| unsure.then(|| Change::new(Action::Note, Vec::new())));
        change.map(|change| self.with_wanted_secrets(with_settings_notes(change, &row), &declared.spec))
    }

    /// On the simulator a placeholder stands in for a secret, and nothing depends on the value.
    fn is_real(&self) -> bool {
        self.desired.graph.project.environment.simulator.is_none()
    }

    /// Names the secrets that a submission wants and that have no value here.
    fn with_wanted_secrets(&self, mut change: Change, desired: &Statement) -> Change {
        let submits = matches!(change.action, Action::Create { .. } | Action::Replace { .. });
        if submits && self.is_real() {
            change.notes.retain(|note| !matches!(note, Note::SecretUnknown { .. }));
            let wanted = fields::unknown_secrets(desired, self.desired.secrets);
            change.notes.extend(wanted.into_iter().map(|name| Note::SecretWanted { name }));
        }
        change
    }

    /// Desired, recorded, and there.
    fn present(&mut self, row: &Row, live: &LiveStatement) -> Option<Change> {
        if live.phase.class() == PhaseClass::Transitional || self.is_resuming(row, live) {
            return Some(self.moving(row, live));
        }
        match row.class() {
            StatementClass::Definition => evolution::definition(self, row, live),
            StatementClass::Job | StatementClass::TableJob | StatementClass::Unsupported(_) => self.job(row, live),
        }
    }

    /// Nothing is decided from a phase that passes. But a statement that waits and never took effect may be replaced; and
    /// one may wait for room on its pool for good, so it can be stopped and moved.
    pub fn moving(&mut self, row: &Row, live: &LiveStatement) -> Change {
        let asked = self.request.replace.contains(&row.address);
        let is_job = row.class() != StatementClass::Definition;
        let differs = if is_job { row.differences.need_replacement() } else { row.differences.redefine() };
        let (wanted, parked) = (differs || asked, row.declared.spec.stopped);
        let is_elsewhere = !row.differences.placement.is_empty();
        let never_ran = live.phase == Phase::Pending && row.current.reached == FurthestPhase::Submitted;
        if never_ran && !parked && (wanted || (is_job && is_elsewhere)) {
            return evolution::never_ran(self, row, live);
        }
        if is_job && (live.phase == Phase::Pending || live.is_resuming()) {
            if parked && !row.current.stopped {
                return due(Change::new(Action::Stop, vec![Reason::StoppedChanged { to: true }]), row);
            }
            if is_elsewhere && !parked && !wanted {
                return Change::new(Action::Restart, row.differences.placement.clone());
            }
        }
        let is_ending = match live.phase {
            // As it is to.
            Phase::Stopping => !(parked && live.stopped),
            Phase::Failing | Phase::Deleting => true,
            _ => false,
        };
        if is_ending || wanted || parked != row.current.stopped || is_elsewhere {
            return awaits(live);
        }
        Change::new(Action::Await { phase: live.phase.clone() }, Vec::new())
    }

    /// A job in a phase that lasts.
    fn job(&mut self, row: &Row, live: &LiveStatement) -> Option<Change> {
        let asked = self.request.replace.contains(&row.address);
        let (wants_stop, sent_stopped) = (row.declared.spec.stopped, row.current.stopped);
        match live.phase.class() {
            PhaseClass::Failed if row.current.reached == FurthestPhase::Submitted && !wants_stop => {
                Some(evolution::never_ran(self, row, live))
            }
            PhaseClass::Failed => evolution::failed(self, row, live),
            PhaseClass::Completed => evolution::completed(self, row, live),
            PhaseClass::Running if wants_stop && !sent_stopped => {
                Some(due(Change::new(Action::Stop, vec![Reason::StoppedChanged { to: true }]), row))
            }
            PhaseClass::Running if wants_stop => Some(self.resumed_outside(row)),
            PhaseClass::Running if row.differences.need_replacement() || asked => {
                Some(evolution::replace_job(self, row))
            }
            PhaseClass::Running if sent_stopped => {
                Some(Change::new(Action::Start, vec![Reason::StoppedChanged { to: false }]))
            }
            PhaseClass::Running if !row.differences.placement.is_empty() => {
                Some(Change::new(Action::Restart, row.differences.placement.clone()))
            }
            PhaseClass::Running => self.running(row, live),
            PhaseClass::Stopped if wants_stop => self.stands_still(row),
            PhaseClass::Stopped => Some(self.stopped(row, asked)),
            PhaseClass::Transitional => Some(self.moving(row, live)),
        }
    }

    fn resumed_outside(&self, row: &Row) -> Change {
        if self.request.fix_drift {
            Change::new(Action::Stop, vec![Reason::ResumedOutside])
        } else {
            due(Change::new(Action::Note, Vec::new()).noting(Note::ResumedOutside), row)
        }
    }

    /// Running as it should, on this side: moved outside, perhaps, or ailing.
    fn running(&mut self, row: &Row, live: &LiveStatement) -> Option<Change> {
        let moved = fields::moved_outside(row.current, live);
        if !moved.is_empty() && self.request.fix_drift {
            let reason = |(field, live, sent)| Reason::MovedOutside { field, live, sent };
            return Some(Change::new(Action::Restart, moved.into_iter().map(reason).collect()));
        }
        let mut notes: Vec<_> =
            moved.into_iter().map(|(field, live, sent)| Note::MovedOutside { field, live, sent }).collect();
        if live.phase == Phase::Degraded {
            notes.push(Note::Degraded { detail: live.detail.clone() });
        }
        self.quiet(&row.address.key, row.declared, row.record, notes)
    }

    /// Stopped, and to stay so.
    fn stands_still(&mut self, row: &Row) -> Option<Change> {
        if !row.current.stopped {
            // Somebody stopped it first; the PUT makes it ours and changes nothing.
            return Some(due(Change::new(Action::Stop, vec![Reason::StoppedChanged { to: true }]), row));
        }
        self.quiet(&row.address.key, row.declared, row.record, due_notes(row))
    }

    /// Stopped, and to run.
    fn stopped(&mut self, row: &Row, asked: bool) -> Change {
        let interrupted = row.current.stopped && !row.record.declared.stopped;
        if row.differences.need_replacement() || asked {
            let change = evolution::replace_job(self, row);
            // A job that an interrupted run stopped must not stand still while a person decides.
            if !(interrupted && change.is_blocked()) {
                return change;
            }
            let fields = row.differences.field_names();
            let start = Change::new(Action::Start, vec![Reason::StoppedByInterruptedRun]);
            return start.noting(Note::StillToDecide { fields });
        }
        let by_us = row.current.stopped;
        let with_pool = row.declared.spec.pool.as_ref().is_some_and(|pool| self.recreated.contains(pool));
        if by_us || with_pool || row.declared.spec.on_stopped == UnexpectedPhasePolicy::Resume || self.request.fix_drift
        {
            let reason = match (by_us, interrupted) {
                (true, true) => Reason::StoppedByInterruptedRun,
                (true, false) => Reason::StoppedChanged { to: false },
                (false, _) => Reason::StoppedOutside,
            };
            let mut reasons = vec![reason];
            reasons.extend(row.differences.placement.iter().cloned());
            return Change::new(Action::Start, reasons);
        }
        due(Change::new(Action::Note, Vec::new()).noting(Note::StoppedOutside), row)
    }

    /// Nothing to do in the cloud: perhaps something to write down, perhaps something to say.
    pub fn quiet(
        &self,
        key: &str,
        declared: &DeclaredStatement,
        record: &StatementRecord,
        notes: Vec<Note>,
    ) -> Option<Change> {
        let needs = self.desired.graph.dependencies(&Address::statement(key));
        let settings = declared.spec != record.declared || !needs.eq(&record.dependencies);
        match (settings, notes.is_empty()) {
            (true, _) => Some(Change { action: Action::Record, reasons: Vec::new(), notes }),
            (false, false) => Some(Change { action: Action::Note, reasons: Vec::new(), notes }),
            (false, true) => None,
        }
    }
}

/// What is under way is waited for, and decided on when that has passed.
pub fn awaits(live: &LiveStatement) -> Change {
    let phase = live.phase.clone();
    Change::new(Action::Await { phase: phase.clone() }, Vec::new()).noting(Note::InMotion { phase })
}

/// Says which differences wait for the next start.
fn due(change: Change, row: &Row) -> Change {
    due_notes(row).into_iter().fold(change, Change::noting)
}

/// The differences that wait for the next start.
pub(super) fn due_notes(row: &Row) -> Vec<Note> {
    let fields = row.differences.field_names();
    if fields.is_empty() { Vec::new() } else { vec![Note::DueAtNextStart { fields }] }
}

/// What is to be said of settings, whatever happens.
fn with_settings_notes(mut change: Change, row: &Row) -> Change {
    if row.differences.cosmetic {
        change.notes.push(Note::Cosmetic);
    }
    let base = row.current.sent.generation.name(&row.declared.spec.name);
    if base != row.current.sent.name && !matches!(change.action, Action::Replace { .. }) {
        change.notes.push(Note::NameAtNextGeneration { now: row.current.sent.name.clone() });
    }
    for name in &row.differences.unknown_secrets {
        change.notes.push(Note::SecretUnknown { name: name.clone() });
    }
    change
}
