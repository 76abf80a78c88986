//! Everything there is in a simulated cloud, indexed so that no request looks at more than it answers.

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

/// How many statements that are gone a lagging list can still show.
const MAX_REMOVED_STATEMENTS: usize = 1000;

/// What the agenda is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum AgendaItem {
    Pool(String),
    Statement(u64),
    DelayedEffect(u64),
}

/// A request whose answer was lost and whose effect is still to come.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct DelayedEffect {
    pub(super) due: i64,
    pub(super) method: String,
    pub(super) url: String,
    #[serde(rename = "owner")]
    pub(super) principal: String,
    pub(super) body: String,
}

/// The simulated cloud.
pub(super) struct SimulatedWorld {
    pub(super) options: Arc<SimulatorOptions>,
    pub(super) faults: ActiveFaults,
    pub(super) overrides: Vec<StatementOverride>,
    pub(super) catalog: Catalog,
    pub(super) org_config: OrgComputePoolConfig,
    pub(super) audit: AuditTrail,
    /// The time of what happens now.
    pub(super) time: i64,
    pub(super) removed_statements: VecDeque<(i64, SimulatedStatement)>,
    clock: Clock,
    last_serial: u64,
    issued_ids: u64,
    statements: BTreeMap<u64, SimulatedStatement>,
    serials_by_name: BTreeMap<InternedStr, BTreeMap<String, u64>>,
    serials_by_pool: BTreeMap<InternedStr, BTreeMap<String, u64>>,
    executing_by_pool: BTreeMap<InternedStr, BTreeSet<u64>>,
    waiting_by_pool: BTreeMap<InternedStr, BTreeSet<u64>>,
    waiting_by_predecessor: BTreeMap<(String, String), BTreeSet<u64>>,
    pools: BTreeMap<String, SimulatedPool>,
    agenda: BTreeSet<(i64, AgendaItem)>,
    delayed_effects: BTreeMap<u64, DelayedEffect>,
    unlogged_changes: Vec<WorldChange>,
    log: Option<WorldLog>,
    /// How many lines and changes the log holds.
    logged_entries: usize,
    last_logged_time: i64,
}

impl SimulatedWorld {
    /// An empty world.
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

    /// Lets everything happen that is due, each at its time.
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

    /// Moves the world's time forward.
    pub(super) fn advance_by(&mut self, span: std::time::Duration) {
        self.clock.advance_by(span);
        self.run_due_events();
    }

    /// Writes what changed to the log, in one append.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        let time_is_stale = self.time.saturating_sub(self.last_logged_time) >= 1_000_000;
        let changes = std::mem::take(&mut self.unlogged_changes);
        let Some(log) = &mut self.log else { return Ok(()) };
        // What was not written is not so after a restart: nobody is shown it, not even by a reading.
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

    #[cfg(test)]
    pub(super) fn simulate_full_disk(&mut self) -> io::Result<()> {
        self.log.as_mut().map_or(Ok(()), WorldLog::simulate_full_disk)
    }

    fn log_change(&mut self, change: impl FnOnce() -> WorldChange) {
        if self.log.is_some() {
            self.unlogged_changes.push(change());
        }
    }

    /// Tells that something was done.
    pub(super) fn record_effect(&mut self, kind: EffectKind, name: &str, uid: &str) {
        let at = super::clock::rfc3339(self.time);
        let effect = Effect { kind, name: name.to_owned(), uid: uid.to_owned(), at };
        self.log_change(|| WorldChange::Effect(effect.clone()));
        self.audit.record(effect);
    }

    /// The next source of ids: depends on the seed and on how many came before.
    pub(super) fn next_random(&mut self) -> fastrand::Rng {
        self.issued_ids = self.issued_ids.saturating_add(1);
        fastrand::Rng::with_seed(self.options.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ self.issued_ids)
    }

    /// `span`, a quarter more or less.
    pub(super) fn jittered_due(&mut self, span: std::time::Duration) -> i64 {
        let span = super::clock::micros(span);
        let quarter = span.checked_div(4).unwrap_or_default();
        let jitter = if quarter > 0 { self.next_random().i64(-quarter..=quarter) } else { 0 };
        self.time.saturating_add(span).saturating_add(jitter)
    }

    // Statements

    /// What a verdict makes of the statement `name`, if there is one.
    pub(super) fn forced_outcome(&self, name: &str) -> Option<&ForcedOutcome> {
        self.overrides.iter().find(|rule| rule.matches(name)).map(|verdict| &verdict.outcome)
    }

    /// The statement of that name.
    pub(super) fn statement_named(&self, environment: &str, name: &str) -> Option<&SimulatedStatement> {
        self.statements.get(self.serials_by_name.get(environment)?.get(name)?)
    }

    /// The statement of that number.
    pub(super) fn statement(&self, serial: u64) -> Option<&SimulatedStatement> {
        self.statements.get(&serial)
    }

    /// Every statement in order of creation.
    pub(super) fn statements(&self) -> impl Iterator<Item = &SimulatedStatement> {
        self.statements.values()
    }

    /// Number and `uid` of the statements of that name, one per environment at most.
    pub(super) fn statements_named(&self, name: &str) -> Vec<(u64, String)> {
        let serials = self.serials_by_name.values().filter_map(|names| names.get(name));
        serials.filter_map(|serial| Some((*serial, self.statements.get(serial)?.fixed.uid.clone()))).collect()
    }

    /// How many statements an environment holds.
    pub(super) fn statement_count(&self, environment: &str) -> usize {
        self.serials_by_name.get(environment).map_or(0, BTreeMap::len)
    }

    /// The statements of an environment or of one pool in it, by name, after `after`.
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

    /// A new statement.
    pub(super) fn add_statement(&mut self, fixed: FixedFields, fields: MutableFields) -> u64 {
        self.last_serial = self.last_serial.saturating_add(1);
        let serial = self.last_serial;
        let (fixed, fields) = (Box::new(fixed), Box::new(fields));
        self.log_change(|| WorldChange::StatementCreated(serial, fixed.clone(), fields.clone()));
        self.insert_statement(serial, fixed, fields);
        serial
    }

    /// Changes a statement: its version and time move on.
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

    /// Changes only what happens to a statement by itself: no new version.
    pub(super) fn reschedule_statement(&mut self, serial: u64, fields: Box<MutableFields>) {
        self.log_change(|| WorldChange::StatementChanged(serial, fields.clone()));
        self.set_fields(serial, fields);
    }

    /// Removes a statement.
    pub(super) fn remove_statement(&mut self, serial: u64) -> Option<SimulatedStatement> {
        self.log_change(|| WorldChange::StatementRemoved(serial));
        let statement = self.take_statement(serial)?;
        self.removed_statements.push_back((self.time, statement.clone()));
        if self.removed_statements.len() > MAX_REMOVED_STATEMENTS {
            self.removed_statements.pop_front();
        }
        Some(statement)
    }

    /// Those that wait for the stop of a statement.
    pub(super) fn statements_waiting_for(&self, environment: &str, name: &str) -> Vec<u64> {
        let key = (environment.to_owned(), name.to_owned());
        self.waiting_by_predecessor.get(&key).into_iter().flatten().copied().collect()
    }

    /// Those that name a pool, in order of creation.
    pub(super) fn statements_on_pool(&self, pool: &str) -> BTreeSet<u64> {
        self.serials_by_pool.get(pool).into_iter().flat_map(BTreeMap::values).copied().collect()
    }

    /// Those that wait for room on a pool, in order of creation.
    pub(super) fn waiting_on_pool(&self, pool: &str) -> Vec<u64> {
        self.waiting_by_pool.get(pool).into_iter().flatten().copied().collect()
    }

    /// How many run on a pool.
    pub(super) fn executing_on_pool(&self, pool: &str) -> usize {
        self.executing_by_pool.get(pool).map_or(0, BTreeSet::len)
    }

    fn insert_statement(&mut self, serial: u64, fixed: Box<FixedFields>, fields: Box<MutableFields>) {
        self.serials_by_name.entry(fixed.environment.clone()).or_default().insert(fixed.name.clone(), serial);
        self.statements.insert(serial, SimulatedStatement { serial, fixed, current: fields, previous: None });
        self.index_statement(serial);
    }

    fn set_fields(&mut self, serial: u64, fields: Box<MutableFields>) {
        self.unindex_statement(serial);
        if let Some(statement) = self.statements.get_mut(&serial) {
            statement.current = fields;
        }
        self.index_statement(serial);
    }

    fn take_statement(&mut self, serial: u64) -> Option<SimulatedStatement> {
        self.unindex_statement(serial);
        let statement = self.statements.remove(&serial)?;
        if let Some(names) = self.serials_by_name.get_mut(&statement.fixed.environment) {
            names.remove(&statement.fixed.name);
        }
        Some(statement)
    }

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

    /// The pool of that id.
    pub(super) fn pool(&self, id: &str) -> Option<&SimulatedPool> {
        self.pools.get(id)
    }

    /// Every pool, by id.
    pub(super) fn pools(&self) -> impl Iterator<Item = &SimulatedPool> {
        self.pools.values()
    }

    /// Adds or replaces a pool.
    pub(super) fn put_pool(&mut self, pool: SimulatedPool) {
        self.log_change(|| WorldChange::PoolStored(Box::new(pool.clone())));
        self.insert_pool(pool);
    }

    /// Removes a pool.
    pub(super) fn remove_pool(&mut self, id: &str) {
        self.log_change(|| WorldChange::PoolRemoved(id.to_owned()));
        self.forget_pool(id);
    }

    fn insert_pool(&mut self, pool: SimulatedPool) {
        self.forget_pool(&pool.id);
        if let Some(due) = pool.phase_ends_at {
            self.agenda.insert((due, AgendaItem::Pool(pool.id.clone())));
        }
        self.pools.insert(pool.id.clone(), pool);
    }

    fn forget_pool(&mut self, id: &str) {
        if let Some(SimulatedPool { phase_ends_at: Some(due), .. }) = self.pools.remove(id) {
            self.agenda.remove(&(due, AgendaItem::Pool(id.to_owned())));
        }
    }

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

    // The rest

    /// Sets the organization's configuration of pools.
    pub(super) fn set_org_config(&mut self, config: OrgComputePoolConfig) {
        self.log_change(|| WorldChange::ConfigChanged(config.clone()));
        self.org_config = config;
    }

    /// A statement made an object.
    pub(super) fn create_object(&mut self, object: CatalogObject) {
        self.log_change(|| WorldChange::ObjectCreated(object.clone()));
        self.catalog.add(object);
    }

    /// A statement dropped an object.
    pub(super) fn drop_object(&mut self, object: CatalogObject) {
        self.log_change(|| WorldChange::ObjectDropped(object.clone()));
        self.catalog.drop_object(object);
    }

    /// A request whose effect is still to come.
    pub(super) fn add_delayed_effect(&mut self, effect: DelayedEffect) {
        // A number of what is still to come, whatever there was before: a world that is read back gives the same.
        let number = self.delayed_effects.last_key_value().map_or(0, |(last, _)| *last).saturating_add(1);
        self.log_change(|| WorldChange::EffectDelayed(number, effect.clone()));
        self.agenda.insert((effect.due, AgendaItem::DelayedEffect(number)));
        self.delayed_effects.insert(number, effect);
    }

    fn take_delayed_effect(&mut self, number: u64) -> Option<DelayedEffect> {
        let effect = self.delayed_effects.remove(&number)?;
        self.agenda.remove(&(effect.due, AgendaItem::DelayedEffect(number)));
        Some(effect)
    }

    fn run_delayed_effect(&mut self, number: u64) {
        self.log_change(|| WorldChange::DelayedEffectApplied(number));
        if let Some(effect) = self.take_delayed_effect(number) {
            super::routes::apply_delayed_effect(self, &effect);
        }
    }
}
