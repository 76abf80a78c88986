//! All state of a simulated cloud, indexed so that a request visits only the entries that it returns.

mod restore;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    sync::Arc,
};

use super::{
    audit::{AuditTrail, Effect, EffectKind},
    catalog::{Catalog, CatalogObject},
    clock::Clock,
    faults::ActiveFaults,
    log::{LogRecord, WorldChange, WorldLog},
    options::SimulatorOptions,
    pools::{OrgComputePoolConfig, SimulatedPool},
    scenario::{ForcedOutcome, StatementOverride},
    statements::{FixedFields, MutableFields, SimulatedStatement},
};
use crate::resource::{InternedStr, PoolPhase};

/// The number of removed statements that a lagging list can still show.
const MAX_REMOVED_STATEMENTS: usize = 1000;

/// What an event of the agenda is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum AgendaItem {
    /// The phase of the pool with this id ends.
    Pool(String),
    /// A scheduled transition of the statement with this serial number is due.
    Statement(u64),
    /// The delayed effect with this number takes place.
    DelayedEffect(u64),
}

/// A request whose response was lost and whose effect takes place later.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct DelayedEffect {
    /// When the effect takes place, in microseconds since 1970.
    pub(super) due: i64,
    /// The HTTP method of the request.
    pub(super) method: String,
    /// The absolute URL of the request.
    pub(super) url: String,
    /// The principal that sent the request.
    #[serde(rename = "owner")]
    pub(super) principal: String,
    /// The body of the request as text.
    pub(super) body: String,
}

/// The simulated cloud: its resources, its time, and the events that are still to come.
pub(super) struct SimulatedWorld {
    /// The options that the world was created with.
    pub(super) options: Arc<SimulatorOptions>,
    /// The fault rules in force.
    pub(super) faults: ActiveFaults,
    /// The overrides of statement outcomes, in the order in which they are tried.
    pub(super) overrides: Vec<StatementOverride>,
    /// The tables, functions and other objects that statements created or dropped.
    pub(super) catalog: Catalog,
    /// The organization's configuration of default pools.
    pub(super) org_config: OrgComputePoolConfig,
    /// The record of what was changed.
    pub(super) audit: AuditTrail,
    /// The time of the event that is being handled, in microseconds since 1970.
    pub(super) time: i64,
    /// Removed statements with the time of their removal, oldest first; lagging lists show them.
    pub(super) removed_statements: VecDeque<(i64, SimulatedStatement)>,
    /// The clock that the world's time follows.
    clock: Clock,
    /// The serial number of the newest statement.
    last_serial: u64,
    /// The number of random sources that were given out, which makes ids unique.
    issued_ids: u64,
    /// All statements, by serial number.
    statements: BTreeMap<u64, SimulatedStatement>,
    /// Serial numbers by environment and name.
    serials_by_name: BTreeMap<InternedStr, BTreeMap<String, u64>>,
    /// Serial numbers by pool and name.
    serials_by_pool: BTreeMap<InternedStr, BTreeMap<String, u64>>,
    /// The executing statements of each pool.
    executing_by_pool: BTreeMap<InternedStr, BTreeSet<u64>>,
    /// The statements that wait for room on each pool.
    waiting_by_pool: BTreeMap<InternedStr, BTreeSet<u64>>,
    /// The statements that wait for another one to stop, by environment and name of that one.
    waiting_by_predecessor: BTreeMap<(String, String), BTreeSet<u64>>,
    /// All pools, by id.
    pools: BTreeMap<String, SimulatedPool>,
    /// The pending events with their due times, earliest first.
    agenda: BTreeSet<(i64, AgendaItem)>,
    /// The delayed effects that are still to come, by number.
    delayed_effects: BTreeMap<u64, DelayedEffect>,
    /// The changes that the next commit writes to the log.
    unlogged_changes: Vec<WorldChange>,
    /// The log, if the world is kept in a file.
    log: Option<WorldLog>,
    /// The number of lines and changes in the log.
    logged_entries: usize,
    /// The time of the last record in the log.
    last_logged_time: i64,
}

impl SimulatedWorld {
    /// Creates an empty world.
    pub(super) fn new(options: Arc<SimulatorOptions>) -> SimulatedWorld {
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

    // Time

    /// Runs every event that is due, each at its own time.
    pub(super) fn run_due_events(&mut self) {
        let now = self.clock.now().max(self.time);
        while self.agenda.first().is_some_and(|(due, _)| *due <= now)
            && let Some((due, item)) = self.agenda.pop_first()
        {
            self.time = self.time.max(due);
            match item {
                AgendaItem::Statement(serial) => self.run_statement_event(serial),
                AgendaItem::Pool(id) => self.run_pool_event(&id),
                AgendaItem::DelayedEffect(number) => self.run_delayed_effect(number),
            }
        }
        self.time = now;
    }

    /// Moves the world's time forward by `span`.
    pub(super) fn advance_by(&mut self, span: std::time::Duration) {
        self.clock.advance_by(span);
        self.run_due_events();
    }

    /// Writes the changes since the last commit to the log, in one append.
    ///
    /// # Errors
    ///
    /// Fails if this write or an earlier one failed.
    pub(super) fn commit(&mut self) -> io::Result<()> {
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
    pub(super) fn simulate_full_disk(&mut self) -> io::Result<()> {
        self.log.as_mut().map_or(Ok(()), WorldLog::simulate_full_disk)
    }

    /// Queues a change for the log, if there is one.
    fn log_change(&mut self, change: impl FnOnce() -> WorldChange) {
        if self.log.is_some() {
            self.unlogged_changes.push(change());
        }
    }

    /// Records an effect in the audit trail and in the log.
    pub(super) fn record_effect(&mut self, kind: EffectKind, name: &str, uid: &str) {
        let at = super::clock::rfc3339(self.time);
        let effect = Effect { kind, name: name.to_owned(), uid: uid.to_owned(), at };
        self.log_change(|| WorldChange::Effect(effect.clone()));
        self.audit.record(effect);
    }

    /// Returns the random source for the next id. It depends on the seed and on how many were given out before.
    pub(super) fn next_random(&mut self) -> fastrand::Rng {
        self.issued_ids = self.issued_ids.saturating_add(1);
        fastrand::Rng::with_seed(self.options.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ self.issued_ids)
    }

    /// Returns the time that is `span` from now, varied by up to a quarter.
    pub(super) fn jittered_due(&mut self, span: std::time::Duration) -> i64 {
        let span = super::clock::micros(span);
        let quarter = span.checked_div(4).unwrap_or_default();
        let jitter = if quarter > 0 { self.next_random().i64(-quarter..=quarter) } else { 0 };
        self.time.saturating_add(span).saturating_add(jitter)
    }

    // Statements

    /// Returns the outcome that an override forces on the statement `name`, if one matches.
    pub(super) fn forced_outcome(&self, name: &str) -> Option<&ForcedOutcome> {
        self.overrides.iter().find(|rule| rule.matches(name)).map(|rule| &rule.outcome)
    }

    /// Returns the statement with this name in `environment`.
    pub(super) fn statement_named(&self, environment: &str, name: &str) -> Option<&SimulatedStatement> {
        self.statements.get(self.serials_by_name.get(environment)?.get(name)?)
    }

    /// Returns the statement with this serial number.
    pub(super) fn statement(&self, serial: u64) -> Option<&SimulatedStatement> {
        self.statements.get(&serial)
    }

    /// Returns all statements in order of creation.
    pub(super) fn statements(&self) -> impl Iterator<Item = &SimulatedStatement> {
        self.statements.values()
    }

    /// Returns the serial number and `uid` of the statements with this name, at most one per environment.
    pub(super) fn statements_named(&self, name: &str) -> Vec<(u64, String)> {
        let serials = self.serials_by_name.values().filter_map(|names| names.get(name));
        serials.filter_map(|serial| Some((*serial, self.statements.get(serial)?.fixed.uid.clone()))).collect()
    }

    /// Returns the number of statements in an environment.
    pub(super) fn statement_count(&self, environment: &str) -> usize {
        self.serials_by_name.get(environment).map_or(0, BTreeMap::len)
    }

    /// Returns the statements of an environment, or of one pool in it, whose names follow `start_after`, sorted by
    /// name.
    pub(super) fn statements_after<'a>(
        &'a self,
        environment: &'a str,
        pool: Option<&str>,
        start_after: &str,
    ) -> impl Iterator<Item = &'a SimulatedStatement> {
        let names = match pool {
            Some(pool) => self.serials_by_pool.get(pool),
            None => self.serials_by_name.get(environment),
        };
        let from = (std::ops::Bound::Excluded(start_after.to_owned()), std::ops::Bound::Unbounded);
        let serials = names.into_iter().flat_map(move |names| names.range(from.clone()));
        serials
            .filter_map(|(_, serial)| self.statements.get(serial))
            .filter(move |statement| statement.fixed.environment == *environment)
    }

    /// Adds a statement and returns its serial number.
    pub(super) fn add_statement(&mut self, fixed: FixedFields, fields: MutableFields) -> u64 {
        self.last_serial = self.last_serial.saturating_add(1);
        let serial = self.last_serial;
        let (fixed, fields) = (Box::new(fixed), Box::new(fields));
        self.log_change(|| WorldChange::StatementCreated(serial, fixed.clone(), fields.clone()));
        self.insert_statement(serial, fixed, fields);
        serial
    }

    /// Changes a statement, and its version and time of change with it.
    pub(super) fn change_statement(&mut self, serial: u64, change: impl FnOnce(&mut MutableFields)) {
        let Some(statement) = self.statements.get(&serial) else { return };
        let previous = statement.current.clone();
        let mut fields = previous.clone();
        fields.version = fields.version_at(self.time).0.saturating_add(1);
        fields.version_bumps.retain(|due| *due > self.time);
        fields.updated_at = self.time;
        change(&mut fields);
        self.log_change(|| WorldChange::StatementChanged(serial, fields.clone()));
        self.set_fields(serial, fields);
        if let Some(statement) = self.statements.get_mut(&serial) {
            statement.previous = Some(previous);
        }
    }

    /// Changes only the scheduled transitions of a statement, without a new version.
    pub(super) fn reschedule_statement(&mut self, serial: u64, fields: Box<MutableFields>) {
        self.log_change(|| WorldChange::StatementChanged(serial, fields.clone()));
        self.set_fields(serial, fields);
    }

    /// Removes a statement and returns it.
    pub(super) fn remove_statement(&mut self, serial: u64) -> Option<SimulatedStatement> {
        self.log_change(|| WorldChange::StatementRemoved(serial));
        let statement = self.take_statement(serial)?;
        self.removed_statements.push_back((self.time, statement.clone()));
        if self.removed_statements.len() > MAX_REMOVED_STATEMENTS {
            self.removed_statements.pop_front();
        }
        Some(statement)
    }

    /// Returns the statements that wait for the statement `name` to stop.
    pub(super) fn statements_waiting_for(&self, environment: &str, name: &str) -> Vec<u64> {
        let key = (environment.to_owned(), name.to_owned());
        self.waiting_by_predecessor.get(&key).into_iter().flatten().copied().collect()
    }

    /// Returns the statements that name this pool, in order of creation.
    pub(super) fn statements_on_pool(&self, pool: &str) -> BTreeSet<u64> {
        self.serials_by_pool.get(pool).into_iter().flat_map(BTreeMap::values).copied().collect()
    }

    /// Returns the statements that wait for room on this pool, in order of creation.
    pub(super) fn waiting_on_pool(&self, pool: &str) -> Vec<u64> {
        self.waiting_by_pool.get(pool).into_iter().flatten().copied().collect()
    }

    /// Returns the number of statements that execute on this pool.
    pub(super) fn executing_on_pool(&self, pool: &str) -> usize {
        self.executing_by_pool.get(pool).map_or(0, BTreeSet::len)
    }

    /// Inserts a statement and indexes it, without logging.
    fn insert_statement(&mut self, serial: u64, fixed: Box<FixedFields>, fields: Box<MutableFields>) {
        self.serials_by_name.entry(fixed.environment.clone()).or_default().insert(fixed.name.clone(), serial);
        self.statements.insert(serial, SimulatedStatement { serial, fixed, current: fields, previous: None });
        self.index_statement(serial);
    }

    /// Replaces the mutable fields of a statement and updates the indexes, without logging.
    fn set_fields(&mut self, serial: u64, fields: Box<MutableFields>) {
        self.unindex_statement(serial);
        if let Some(statement) = self.statements.get_mut(&serial) {
            statement.current = fields;
        }
        self.index_statement(serial);
    }

    /// Removes a statement and its index entries, without logging.
    fn take_statement(&mut self, serial: u64) -> Option<SimulatedStatement> {
        self.unindex_statement(serial);
        let statement = self.statements.remove(&serial)?;
        if let Some(names) = self.serials_by_name.get_mut(&statement.fixed.environment) {
            names.remove(&statement.fixed.name);
        }
        Some(statement)
    }

    /// Adds a statement to the indexes and the agenda. Counts a job that executes.
    fn index_statement(&mut self, serial: u64) {
        let Some(SimulatedStatement { fixed, current: fields, .. }) = self.statements.get(&serial) else { return };
        self.serials_by_pool.entry(fields.pool.clone()).or_default().insert(fixed.name.clone(), serial);
        if let Some(due) = fields.scheduled.iter().map(|(due, _)| *due).min() {
            self.agenda.insert((due, AgendaItem::Statement(serial)));
        }
        if fields.executing {
            self.executing_by_pool.entry(fields.pool.clone()).or_default().insert(serial);
            if fixed.traits.behavior.is_resumable() {
                self.audit.job_started(&fixed.name, serial);
            }
        }
        if fields.is_waiting_for_pool() {
            self.waiting_by_pool.entry(fields.pool.clone()).or_default().insert(serial);
        }
        if let Some(name) = &fields.waiting_for {
            self.waiting_by_predecessor
                .entry((fixed.environment.to_string(), name.clone()))
                .or_default()
                .insert(serial);
        }
    }

    /// Removes a statement from the indexes and the agenda.
    fn unindex_statement(&mut self, serial: u64) {
        let Some(SimulatedStatement { fixed, current: fields, .. }) = self.statements.get(&serial) else { return };
        if let Some(names) = self.serials_by_pool.get_mut(&fields.pool) {
            names.remove(&fixed.name);
        }
        if let Some(due) = fields.scheduled.iter().map(|(due, _)| *due).min() {
            self.agenda.remove(&(due, AgendaItem::Statement(serial)));
        }
        if fields.executing {
            self.executing_by_pool.entry(fields.pool.clone()).or_default().remove(&serial);
            self.audit.job_ended(&fixed.name, serial);
        }
        if fields.is_waiting_for_pool() {
            self.waiting_by_pool.entry(fields.pool.clone()).or_default().remove(&serial);
        }
        if let Some(name) = &fields.waiting_for {
            self.waiting_by_predecessor
                .entry((fixed.environment.to_string(), name.clone()))
                .or_default()
                .remove(&serial);
        }
    }

    // Pools

    /// Returns the pool with this id.
    pub(super) fn pool(&self, id: &str) -> Option<&SimulatedPool> {
        self.pools.get(id)
    }

    /// Returns all pools, sorted by id.
    pub(super) fn pools(&self) -> impl Iterator<Item = &SimulatedPool> {
        self.pools.values()
    }

    /// Adds a pool, or replaces the one with the same id.
    pub(super) fn put_pool(&mut self, pool: SimulatedPool) {
        self.log_change(|| WorldChange::PoolStored(Box::new(pool.clone())));
        self.insert_pool(pool);
    }

    /// Removes the pool with this id.
    pub(super) fn remove_pool(&mut self, id: &str) {
        self.log_change(|| WorldChange::PoolRemoved(id.to_owned()));
        self.forget_pool(id);
    }

    /// Adds or replaces a pool and its event, without logging.
    fn insert_pool(&mut self, pool: SimulatedPool) {
        self.forget_pool(&pool.id);
        if let Some(due) = pool.phase_ends_at {
            self.agenda.insert((due, AgendaItem::Pool(pool.id.clone())));
        }
        self.pools.insert(pool.id.clone(), pool);
    }

    /// Removes a pool and its event, without logging.
    fn forget_pool(&mut self, id: &str) {
        if let Some(SimulatedPool { phase_ends_at: Some(due), .. }) = self.pools.remove(id) {
            self.agenda.remove(&(due, AgendaItem::Pool(id.to_owned())));
        }
    }

    /// Ends the current phase of a pool: DEPROVISIONING ends with its removal, any other with PROVISIONED.
    fn run_pool_event(&mut self, id: &str) {
        let Some(mut pool) = self.pools.get(id).cloned() else { return };
        if pool.phase == PoolPhase::Deprovisioning {
            return self.remove_pool(id);
        }
        pool.phase = PoolPhase::Provisioned;
        pool.updated_at = self.time;
        pool.phase_ends_at = None;
        self.put_pool(pool);
        self.admit_waiting(id);
    }

    // Configuration, catalog and delayed effects

    /// Sets the organization's configuration of default pools.
    pub(super) fn set_org_config(&mut self, config: OrgComputePoolConfig) {
        self.log_change(|| WorldChange::ConfigChanged(config.clone()));
        self.org_config = config;
    }

    /// Adds an object that a statement created.
    pub(super) fn create_object(&mut self, object: CatalogObject) {
        self.log_change(|| WorldChange::ObjectCreated(object.clone()));
        self.catalog.add(object);
    }

    /// Removes an object that a statement dropped.
    pub(super) fn drop_object(&mut self, object: CatalogObject) {
        self.log_change(|| WorldChange::ObjectDropped(object.clone()));
        self.catalog.drop_object(object);
    }

    /// Schedules the effect of a request whose response was lost.
    pub(super) fn add_delayed_effect(&mut self, effect: DelayedEffect) {
        // Numbers depend only on the pending effects, so a restored world gives out the same ones.
        let number = self.delayed_effects.last_key_value().map_or(0, |(last, _)| *last).saturating_add(1);
        self.log_change(|| WorldChange::EffectDelayed(number, effect.clone()));
        self.agenda.insert((effect.due, AgendaItem::DelayedEffect(number)));
        self.delayed_effects.insert(number, effect);
    }

    /// Removes a delayed effect from the agenda and returns it.
    fn take_delayed_effect(&mut self, number: u64) -> Option<DelayedEffect> {
        let effect = self.delayed_effects.remove(&number)?;
        self.agenda.remove(&(effect.due, AgendaItem::DelayedEffect(number)));
        Some(effect)
    }

    /// Applies the delayed effect with this number.
    fn run_delayed_effect(&mut self, number: u64) {
        self.log_change(|| WorldChange::DelayedEffectApplied(number));
        if let Some(effect) = self.take_delayed_effect(number) {
            super::routes::apply_delayed_effect(self, &effect);
        }
    }
}
