//! A world read back from its log: the last word on everything counts.

use std::{io, sync::Arc};

use super::{
    super::{
        audit::Audit,
        clock::Clock,
        log::{Change, Log, Record},
        options::Options,
    },
    Subject, World,
};

/// How many changes a line of a log that was made anew holds.
const LINE: usize = 100;
/// So many lines and changes are not worth a rename.
const FEW: usize = 100;

impl World {
    /// The world that the records tell of which `read` gives one by one. Its time goes on from the last record's. It goes
    /// on writing the log that `read` leaves, if any; one that is mostly past is made anew. What was done goes into `audit`.
    pub(in crate::simulator) fn restore(
        options: Arc<Options>,
        audit: Audit,
        read: impl FnOnce(&mut dyn FnMut(Record)) -> io::Result<Option<Log>>,
    ) -> io::Result<World> {
        let mut world = World::new(options);
        world.audit = audit;
        let log = read(&mut |record| {
            world.logged = world.logged.saturating_add(1).saturating_add(record.changes.len());
            world.moment = world.moment.max(record.at);
            world.ids = world.ids.max(record.ids);
            record.changes.into_iter().for_each(|change| world.replay(change));
        })?;
        world.clock = Clock::at(world.moment);
        world.told = world.moment;
        world.log = log;
        world.shorten(2)?;
        Ok(world)
    }

    /// Makes a log anew that holds more than `times` what there is, in one rename.
    fn shorten(&mut self, times: usize) -> io::Result<()> {
        if self.logged <= self.size().saturating_mul(times).saturating_add(FEW) {
            return Ok(());
        }
        let Some(mut log) = self.log.take() else { return Ok(()) };
        let everything = self.everything();
        self.logged = everything.len().saturating_add(everything.len().div_ceil(LINE));
        let mut everything = everything.into_iter().peekable();
        let (at, ids) = (self.moment, self.ids);
        log.compact(std::iter::from_fn(|| {
            everything.peek()?;
            Some(Record { at, ids, changes: everything.by_ref().take(LINE).collect() })
        }))?;
        self.log = Some(log);
        Ok(())
    }

    /// The world that one record tells of, without a log.
    pub(in crate::simulator) fn retold(options: Arc<Options>, record: Record) -> World {
        let mut world = World::new(options);
        world.moment = record.at;
        world.ids = record.ids;
        record.changes.into_iter().for_each(|change| world.replay(change));
        world.clock = Clock::at(world.moment);
        world.told = world.moment;
        world
    }

    /// The whole world in one record.
    pub(in crate::simulator) fn told_whole(&self) -> Record {
        Record { at: self.moment, ids: self.ids, changes: self.everything() }
    }

    /// How many changes make up the whole world.
    fn size(&self) -> usize {
        let things = self.catalog.made().len().saturating_add(self.catalog.dropped().len());
        let told = self.audit.effects().len().saturating_add(self.audit.peaks().count());
        things.saturating_add(told).saturating_add(self.statements.len()).saturating_add(self.pools.len())
    }

    fn replay(&mut self, change: Change) {
        match change {
            Change::Born(serial, born, now) => {
                self.serial = self.serial.max(serial);
                self.place(serial, born, now);
            }
            Change::Now(serial, now) => self.set(serial, now),
            Change::Gone(serial) => drop(self.take(serial)),
            Change::Pool(pool) => self.set_pool(*pool),
            Change::PoolGone(id) => self.drop_pool(&id),
            Change::Made(thing) => self.catalog.make(thing),
            Change::Dropped(thing) => self.catalog.drop_thing(thing),
            Change::Config(config) => self.config = config,
            Change::Late(number, late) => {
                self.agenda.insert((late.due, Subject::Late(number)));
                self.late.insert(number, late);
            }
            Change::Arrived(number) => drop(self.take_late(number)),
            Change::Effect(effect) => self.audit.tell(effect),
            Change::Peak(base, most) => self.audit.peak(&base, most),
        }
    }

    /// The whole world as changes to an empty one.
    fn everything(&self) -> Vec<Change> {
        let effects = self.audit.effects().iter().cloned().map(Change::Effect);
        let pools = self.pools.values().cloned().map(|pool| Change::Pool(Box::new(pool)));
        let made = self.catalog.made().iter().cloned().map(Change::Made);
        let dropped = self.catalog.dropped().iter().cloned().map(Change::Dropped);
        let statements = self
            .statements
            .values()
            .map(|statement| Change::Born(statement.serial, statement.born.clone(), statement.now.clone()));
        let late = self.late.iter().map(|(number, late)| Change::Late(*number, late.clone()));
        let peaks = self.audit.peaks().map(|(base, most)| Change::Peak(base.to_owned(), most));
        let config = std::iter::once(Change::Config(self.config.clone()));
        config
            .chain(effects)
            .chain(pools)
            .chain(made)
            .chain(dropped)
            .chain(statements)
            .chain(late)
            .chain(peaks)
            .collect()
    }
}

/// Whoever comes next reads what there is, not how it came about. A log that cannot be made anew holds it all the same.
impl Drop for World {
    fn drop(&mut self) {
        drop(self.shorten(1));
    }
}
