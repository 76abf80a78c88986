//! The statements of a world, with the indexes by name, pool and predecessor.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    log::WorldChange,
    state::{AgendaItem, SimulatedWorld},
    statement::{FixedFields, MutableFields, SimulatedStatement},
};

/// The number of removed statements that a lagging list can still show.
const MAX_REMOVED_STATEMENTS: usize = 1000;

impl SimulatedWorld {
    /// Returns the statement with this name in `environment`.
    pub(in crate::simulator) fn statement_named(&self, environment: &str, name: &str) -> Option<&SimulatedStatement> {
        self.statements.get(self.serials_by_name.get(environment)?.get(name)?)
    }

    /// Returns the statement with this serial number.
    pub(in crate::simulator) fn statement(&self, serial: u64) -> Option<&SimulatedStatement> {
        self.statements.get(&serial)
    }

    /// Returns all statements in order of creation.
    pub(in crate::simulator) fn statements(&self) -> impl Iterator<Item = &SimulatedStatement> {
        self.statements.values()
    }

    /// Returns the serial number and `uid` of the statements with this name, at most one per environment.
    pub(in crate::simulator) fn statements_named(&self, name: &str) -> Vec<(u64, String)> {
        let serials = self.serials_by_name.values().filter_map(|names| names.get(name));
        serials.filter_map(|serial| Some((*serial, self.statements.get(serial)?.fixed.uid.clone()))).collect()
    }

    /// Returns the number of statements in an environment.
    pub(in crate::simulator) fn statement_count(&self, environment: &str) -> usize {
        self.serials_by_name.get(environment).map_or(0, BTreeMap::len)
    }

    /// Returns the statements of an environment, or of one pool in it, whose names follow `start_after`, sorted by
    /// name.
    pub(in crate::simulator) fn statements_after<'a>(
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
    pub(in crate::simulator) fn add_statement(&mut self, fixed: FixedFields, fields: MutableFields) -> u64 {
        self.last_serial = self.last_serial.saturating_add(1);
        let serial = self.last_serial;
        let (fixed, fields) = (Box::new(fixed), Box::new(fields));
        self.log_change(|| WorldChange::StatementCreated(serial, fixed.clone(), fields.clone()));
        self.insert_statement(serial, fixed, fields);
        serial
    }

    /// Changes a statement, and its version and time of change with it.
    pub(in crate::simulator) fn change_statement(&mut self, serial: u64, change: impl FnOnce(&mut MutableFields)) {
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
    pub(in crate::simulator) fn reschedule_statement(&mut self, serial: u64, fields: Box<MutableFields>) {
        self.log_change(|| WorldChange::StatementChanged(serial, fields.clone()));
        self.set_fields(serial, fields);
    }

    /// Removes a statement and returns it.
    pub(in crate::simulator) fn remove_statement(&mut self, serial: u64) -> Option<SimulatedStatement> {
        self.log_change(|| WorldChange::StatementRemoved(serial));
        let statement = self.take_statement(serial)?;
        self.removed_statements.push_back((self.time, statement.clone()));
        if self.removed_statements.len() > MAX_REMOVED_STATEMENTS {
            self.removed_statements.pop_front();
        }
        Some(statement)
    }

    /// Returns the statements that wait for the statement `name` to stop.
    pub(in crate::simulator) fn statements_waiting_for(&self, environment: &str, name: &str) -> Vec<u64> {
        let key = (environment.to_owned(), name.to_owned());
        self.waiting_by_predecessor.get(&key).into_iter().flatten().copied().collect()
    }

    /// Returns the statements that name this pool, in order of creation.
    pub(in crate::simulator) fn statements_on_pool(&self, pool: &str) -> BTreeSet<u64> {
        self.serials_by_pool.get(pool).into_iter().flat_map(BTreeMap::values).copied().collect()
    }

    /// Returns the statements that wait for room on this pool, in order of creation.
    pub(in crate::simulator) fn waiting_on_pool(&self, pool: &str) -> Vec<u64> {
        self.waiting_by_pool.get(pool).into_iter().flatten().copied().collect()
    }

    /// Returns the number of statements that execute on this pool.
    pub(in crate::simulator) fn executing_on_pool(&self, pool: &str) -> usize {
        self.executing_by_pool.get(pool).map_or(0, BTreeSet::len)
    }

    /// Inserts a statement and indexes it, without logging.
    pub(super) fn insert_statement(&mut self, serial: u64, fixed: Box<FixedFields>, fields: Box<MutableFields>) {
        self.serials_by_name.entry(fixed.environment.clone()).or_default().insert(fixed.name.clone(), serial);
        self.statements.insert(serial, SimulatedStatement { serial, fixed, current: fields, previous: None });
        self.index_statement(serial);
    }

    /// Replaces the mutable fields of a statement and updates the indexes, without logging.
    pub(super) fn set_fields(&mut self, serial: u64, fields: Box<MutableFields>) {
        self.unindex_statement(serial);
        if let Some(statement) = self.statements.get_mut(&serial) {
            statement.current = fields;
        }
        self.index_statement(serial);
    }

    /// Removes a statement and its index entries, without logging.
    pub(super) fn take_statement(&mut self, serial: u64) -> Option<SimulatedStatement> {
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
}
