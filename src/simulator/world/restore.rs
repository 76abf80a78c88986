//! Restores a world from its log, in which the last value of everything counts, and compacts the log.

use std::{io, sync::Arc};

use super::{
    super::{audit::AuditTrail, clock::Clock, options::SimulatorOptions},
    log::{LogRecord, WorldChange, WorldLog},
    state::{AgendaItem, SimulatedWorld},
};

/// The number of changes in one line of a compacted log.
const CHANGES_PER_RECORD: usize = 100;
/// The number of superfluous lines and changes that do not justify a compaction.
const COMPACTION_SLACK: usize = 100;

impl SimulatedWorld {
    /// Restores the world from the records that `read` passes on one by one. Time continues from the last record, and
    /// effects are recorded in `audit`.
    ///
    /// The world continues to write the log that `read` returns, if any. A log that consists mostly of superseded
    /// records is compacted.
    pub(in crate::simulator) fn restore(
        options: Arc<SimulatorOptions>,
        audit: AuditTrail,
        read: impl FnOnce(&mut dyn FnMut(LogRecord)) -> io::Result<Option<WorldLog>>,
    ) -> io::Result<SimulatedWorld> {
        let mut world = SimulatedWorld::new(options);
        world.audit = audit;
        let log = read(&mut |record| {
            world.logged_entries = world.logged_entries.saturating_add(1).saturating_add(record.changes.len());
            world.time = world.time.max(record.at);
            world.issued_ids = world.issued_ids.max(record.issued_ids);
            record.changes.into_iter().for_each(|change| world.replay(change));
        })?;
        world.clock = Clock::starting_at(world.time);
        world.last_logged_time = world.time;
        world.log = log;
        world.compact_log(2)?;
        Ok(world)
    }

    /// Replaces the log, in one rename, if it holds more than `factor` times what the world needs.
    fn compact_log(&mut self, factor: usize) -> io::Result<()> {
        if self.logged_entries <= self.change_count().saturating_mul(factor).saturating_add(COMPACTION_SLACK) {
            return Ok(());
        }
        let Some(mut log) = self.log.take() else { return Ok(()) };
        let changes = self.all_changes();
        self.logged_entries = changes.len().saturating_add(changes.len().div_ceil(CHANGES_PER_RECORD));
        let mut changes = changes.into_iter().peekable();
        let (at, issued_ids) = (self.time, self.issued_ids);
        log.compact(std::iter::from_fn(|| {
            changes.peek()?;
            Some(LogRecord { at, issued_ids, changes: changes.by_ref().take(CHANGES_PER_RECORD).collect() })
        }))?;
        self.log = Some(log);
        Ok(())
    }

    /// Restores a world without a log from one record.
    pub(in crate::simulator) fn from_record(options: Arc<SimulatorOptions>, record: LogRecord) -> SimulatedWorld {
        let mut world = SimulatedWorld::new(options);
        world.time = record.at;
        world.issued_ids = record.issued_ids;
        record.changes.into_iter().for_each(|change| world.replay(change));
        world.clock = Clock::starting_at(world.time);
        world.last_logged_time = world.time;
        world
    }

    /// Returns the whole world as one record.
    pub(in crate::simulator) fn to_record(&self) -> LogRecord {
        LogRecord { at: self.time, issued_ids: self.issued_ids, changes: self.all_changes() }
    }

    /// Returns the number of changes that make up the whole world.
    fn change_count(&self) -> usize {
        let objects = self.catalog.created().len().saturating_add(self.catalog.dropped().len());
        let audited = self.audit.effects().len().saturating_add(self.audit.peak_counts().count());
        objects.saturating_add(audited).saturating_add(self.statements.len()).saturating_add(self.pools.len())
    }

    /// Applies one logged change.
    fn replay(&mut self, change: WorldChange) {
        match change {
            WorldChange::StatementCreated(serial, fixed, fields) => {
                self.last_serial = self.last_serial.max(serial);
                self.insert_statement(serial, fixed, fields);
            }
            WorldChange::StatementChanged(serial, fields) => self.set_fields(serial, fields),
            WorldChange::StatementRemoved(serial) => drop(self.take_statement(serial)),
            WorldChange::PoolStored(pool) => self.insert_pool(*pool),
            WorldChange::PoolRemoved(id) => self.forget_pool(&id),
            WorldChange::ObjectCreated(object) => self.catalog.add(object),
            WorldChange::ObjectDropped(object) => self.catalog.drop_object(object),
            WorldChange::ConfigChanged(config) => self.org_config = config,
            WorldChange::EffectDelayed(number, effect) => {
                self.agenda.insert((effect.due, AgendaItem::DelayedEffect(number)));
                self.delayed_effects.insert(number, effect);
            }
            WorldChange::DelayedEffectApplied(number) => drop(self.take_delayed_effect(number)),
            WorldChange::Effect(effect) => self.audit.record(effect),
            WorldChange::PeakRunning(base, peak) => self.audit.restore_peak(&base, peak),
        }
    }

    /// Returns the whole world as changes to an empty one.
    fn all_changes(&self) -> Vec<WorldChange> {
        let effects = self.audit.effects().iter().cloned().map(WorldChange::Effect);
        let pools = self.pools.values().cloned().map(|pool| WorldChange::PoolStored(Box::new(pool)));
        let created = self.catalog.created().iter().cloned().map(WorldChange::ObjectCreated);
        let dropped = self.catalog.dropped().iter().cloned().map(WorldChange::ObjectDropped);
        let statements = self.statements.values().map(|statement| {
            WorldChange::StatementCreated(statement.serial, statement.fixed.clone(), statement.current.clone())
        });
        let delayed =
            self.delayed_effects.iter().map(|(number, effect)| WorldChange::EffectDelayed(*number, effect.clone()));
        let peaks = self.audit.peak_counts().map(|(base, most)| WorldChange::PeakRunning(base.to_owned(), most));
        let config = std::iter::once(WorldChange::ConfigChanged(self.org_config.clone()));
        config
            .chain(effects)
            .chain(pools)
            .chain(created)
            .chain(dropped)
            .chain(statements)
            .chain(delayed)
            .chain(peaks)
            .collect()
    }
}

/// Compacts the log, so that the next process reads the current world and not its history. A log that cannot be
/// compacted still holds everything.
impl Drop for SimulatedWorld {
    fn drop(&mut self) {
        drop(self.compact_log(1));
    }
}
