//! The state of a simulated cloud, indexed so that a request visits only the entries that it returns.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    sync::Arc,
};

use super::{
    super::{
        audit::{AuditTrail, Effect, EffectKind},
        clock::{self, Clock},
        faults::ActiveFaults,
        options::SimulatorOptions,
        scenario::{ForcedOutcome, StatementOverride},
    },
    catalog::{Catalog, CatalogObject},
    delayed_effect::DelayedEffect,
    log::{LogRecord, WorldChange, WorldLog},
    org_config::OrgComputePoolConfig,
    pool::SimulatedPool,
    statement::SimulatedStatement,
};
use crate::resource::InternedStr;

/// What an event of the agenda is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AgendaItem {
    /// The phase of the pool with this id ends.
    Pool(String),
    /// A scheduled transition of the statement with this serial number is due.
    Statement(u64),
    /// The delayed effect with this number takes place.
    DelayedEffect(u64),
}

/// An event whose time has come.
pub(in crate::simulator) enum DueEvent {
    /// The phase of the pool with this id ends.
    Pool(String),
    /// A scheduled transition of the statement with this serial number is due.
    Statement(u64),
    /// This effect, whose response was lost, takes place.
    DelayedEffect(DelayedEffect),
}

/// The simulated cloud: its resources, its time, and the events that are still to come.
pub(in crate::simulator) struct SimulatedWorld {
    /// The options that the world was created with.
    pub(in crate::simulator) options: Arc<SimulatorOptions>,
    /// The fault rules in force.
    pub(in crate::simulator) faults: ActiveFaults,
    /// The overrides of statement outcomes, in the order in which they are tried.
    pub(in crate::simulator) overrides: Vec<StatementOverride>,
    /// The tables, functions and other objects that statements created or dropped.
    pub(in crate::simulator) catalog: Catalog,
    /// The organization's configuration of default pools.
    pub(in crate::simulator) org_config: OrgComputePoolConfig,
    /// The record of what was changed.
    pub(in crate::simulator) audit: AuditTrail,
    /// The time of the event that is being handled, in microseconds since 1970.
    pub(in crate::simulator) time: i64,
    /// Removed statements with the time of their removal, oldest first; lagging lists show them.
    pub(in crate::simulator) removed_statements: VecDeque<(i64, SimulatedStatement)>,
    /// The clock that the world's time follows.
    pub(super) clock: Clock,
    /// The serial number of the newest statement.
    pub(super) last_serial: u64,
    /// The number of random sources that were given out, which makes ids unique.
    pub(super) issued_ids: u64,
    /// All statements, by serial number.
    pub(super) statements: BTreeMap<u64, SimulatedStatement>,
    /// Serial numbers by environment and name.
    pub(super) serials_by_name: BTreeMap<InternedStr, BTreeMap<String, u64>>,
    /// Serial numbers by pool and name.
    pub(super) serials_by_pool: BTreeMap<InternedStr, BTreeMap<String, u64>>,
    /// The executing statements of each pool.
    pub(super) executing_by_pool: BTreeMap<InternedStr, BTreeSet<u64>>,
    /// The statements that wait for room on each pool.
    pub(super) waiting_by_pool: BTreeMap<InternedStr, BTreeSet<u64>>,
    /// The statements that wait for another one to stop, by environment and name of that one.
    pub(super) waiting_by_predecessor: BTreeMap<(String, String), BTreeSet<u64>>,
    /// All pools, by id.
    pub(super) pools: BTreeMap<String, SimulatedPool>,
    /// The pending events with their due times, earliest first.
    pub(super) agenda: BTreeSet<(i64, AgendaItem)>,
    /// The delayed effects that are still to come, by number.
    pub(super) delayed_effects: BTreeMap<u64, DelayedEffect>,
    /// The changes that the next commit writes to the log.
    unlogged_changes: Vec<WorldChange>,
    /// The log, if the world is kept in a file.
    pub(super) log: Option<WorldLog>,
    /// The number of lines and changes in the log.
    pub(super) logged_entries: usize,
    /// The time of the last record in the log.
    pub(super) last_logged_time: i64,
}

impl SimulatedWorld {
    /// Creates an empty world.
    pub(in crate::simulator) fn new(options: Arc<SimulatorOptions>) -> SimulatedWorld {
        let mut faults = ActiveFaults::default();
        options.scenario.faults.iter().cloned().for_each(|rule| faults.push(rule));
        SimulatedWorld {
            clock: Clock::starting_at(options.start_time),
            time: options.start_time,
            last_logged_time: options.start_time,
            overrides: options.scenario.overrides.clone(),
            options,
            faults,
            catalog: Catalog::default(),
            org_config: OrgComputePoolConfig::default(),
            audit: AuditTrail::default(),
            removed_statements: VecDeque::new(),
            last_serial: 0,
            issued_ids: 0,
            statements: BTreeMap::new(),
            serials_by_name: BTreeMap::new(),
            serials_by_pool: BTreeMap::new(),
            executing_by_pool: BTreeMap::new(),
            waiting_by_pool: BTreeMap::new(),
            waiting_by_predecessor: BTreeMap::new(),
            pools: BTreeMap::new(),
            agenda: BTreeSet::new(),
            delayed_effects: BTreeMap::new(),
            unlogged_changes: Vec::new(),
            log: None,
            logged_entries: 0,
        }
    }

    /// Returns the time of the clock, which is never before the world's own time.
    pub(in crate::simulator) fn clock_time(&self) -> i64 {
        self.clock.now().max(self.time)
    }

    /// Moves the clock forward by `span`.
    pub(in crate::simulator) fn advance_clock(&mut self, span: std::time::Duration) {
        self.clock.advance_by(span);
    }

    /// Takes the earliest event that is due at `now`, and sets the world's time to that of the event.
    pub(in crate::simulator) fn take_due_event(&mut self, now: i64) -> Option<DueEvent> {
        while self.agenda.first().is_some_and(|(due, _)| *due <= now)
            && let Some((due, item)) = self.agenda.pop_first()
        {
            self.time = self.time.max(due);
            match item {
                AgendaItem::Statement(serial) => return Some(DueEvent::Statement(serial)),
                AgendaItem::Pool(id) => return Some(DueEvent::Pool(id)),
                AgendaItem::DelayedEffect(number) => {
                    self.log_change(|| WorldChange::DelayedEffectApplied(number));
                    if let Some(effect) = self.take_delayed_effect(number) {
                        return Some(DueEvent::DelayedEffect(effect));
                    }
                }
            }
        }
        None
    }

    /// Writes the changes since the last commit to the log, in one append.
    ///
    /// # Errors
    ///
    /// Fails if this write or an earlier one failed.
    pub(in crate::simulator) fn commit(&mut self) -> io::Result<()> {
        let time_is_stale = self.time.saturating_sub(self.last_logged_time) >= 1_000_000;
        let changes = std::mem::take(&mut self.unlogged_changes);
        let Some(log) = &mut self.log else { return Ok(()) };
        // Changes that could not be written are lost after a restart, so nothing is shown any more, not even to
        // reads.
        if let Some(error) = log.write_error() {
            return Err(error);
        }
        if changes.is_empty() && !time_is_stale {
            return Ok(());
        }
        self.last_logged_time = self.time;
        self.logged_entries = self.logged_entries.saturating_add(1).saturating_add(changes.len());
        log.append(&LogRecord { at: self.time, issued_ids: self.issued_ids, changes })
    }

    /// Makes every further write to the log fail, as on a full disk.
    #[cfg(test)]
    pub(in crate::simulator) fn simulate_full_disk(&mut self) -> io::Result<()> {
        self.log.as_mut().map_or(Ok(()), WorldLog::simulate_full_disk)
    }

    /// Queues a change for the log, if there is one.
    pub(super) fn log_change(&mut self, change: impl FnOnce() -> WorldChange) {
        if self.log.is_some() {
            self.unlogged_changes.push(change());
        }
    }

    /// Records an effect in the audit trail and in the log.
    pub(in crate::simulator) fn record_effect(&mut self, kind: EffectKind, name: &str, uid: &str) {
        let at = clock::rfc3339(self.time);
        let effect = Effect { kind, name: name.to_owned(), uid: uid.to_owned(), at };
        self.log_change(|| WorldChange::Effect(effect.clone()));
        self.audit.record(effect);
    }

    /// Returns the random source for the next id. It depends on the seed and on how many were given out before.
    pub(in crate::simulator) fn next_random(&mut self) -> fastrand::Rng {
        self.issued_ids = self.issued_ids.saturating_add(1);
        fastrand::Rng::with_seed(self.options.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ self.issued_ids)
    }

    /// Returns the time that is `span` from now, varied by up to a quarter.
    pub(in crate::simulator) fn jittered_due(&mut self, span: std::time::Duration) -> i64 {
        let span = clock::micros(span);
        let quarter = span.checked_div(4).unwrap_or_default();
        let jitter = if quarter > 0 { self.next_random().i64(-quarter..=quarter) } else { 0 };
        self.time.saturating_add(span).saturating_add(jitter)
    }

    /// Returns the outcome that an override forces on the statement `name`, if one matches.
    pub(in crate::simulator) fn forced_outcome(&self, name: &str) -> Option<&ForcedOutcome> {
        self.overrides.iter().find(|rule| rule.matches(name)).map(|rule| &rule.outcome)
    }

    /// Sets the organization's configuration of default pools.
    pub(in crate::simulator) fn set_org_config(&mut self, config: OrgComputePoolConfig) {
        self.log_change(|| WorldChange::ConfigChanged(config.clone()));
        self.org_config = config;
    }

    /// Adds an object that a statement created.
    pub(in crate::simulator) fn create_object(&mut self, object: CatalogObject) {
        self.log_change(|| WorldChange::ObjectCreated(object.clone()));
        self.catalog.add(object);
    }

    /// Removes an object that a statement dropped.
    pub(in crate::simulator) fn drop_object(&mut self, object: CatalogObject) {
        self.log_change(|| WorldChange::ObjectDropped(object.clone()));
        self.catalog.drop_object(object);
    }

    /// Schedules the effect of a request whose response was lost.
    pub(in crate::simulator) fn add_delayed_effect(&mut self, effect: DelayedEffect) {
        // Numbers depend only on the pending effects, so a restored world gives out the same ones.
        let number = self.delayed_effects.last_key_value().map_or(0, |(last, _)| *last).saturating_add(1);
        self.log_change(|| WorldChange::EffectDelayed(number, effect.clone()));
        self.agenda.insert((effect.due, AgendaItem::DelayedEffect(number)));
        self.delayed_effects.insert(number, effect);
    }

    /// Removes a delayed effect from the agenda and returns it.
    pub(super) fn take_delayed_effect(&mut self, number: u64) -> Option<DelayedEffect> {
        let effect = self.delayed_effects.remove(&number)?;
        self.agenda.remove(&(effect.due, AgendaItem::DelayedEffect(number)));
        Some(effect)
    }
}
