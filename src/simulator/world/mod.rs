//! Everything there is in a simulated cloud, indexed so that no request looks at more than it answers.

mod restore;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    sync::Arc,
};

use super::{
    audit::{Audit, Effect, Verb},
    catalog::{Catalog, Thing},
    clock::Clock,
    faults::Faults,
    log::{Change, Log, Record},
    options::Options,
    pools::{OrgConfig, Pool},
    scenario::{Fate, Verdict},
    statements::{Born, Now, Statement},
};
use crate::resource::{InternedStr, PoolPhase};

/// How many statements that are gone a lagging list can still show.
const DEPARTED: usize = 1000;

/// What the agenda is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Pool(String),
    Statement(u64),
    Late(u64),
}

/// A request whose answer was lost and whose effect is still to come.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Late {
    pub(super) due: i64,
    pub(super) method: String,
    pub(super) url: String,
    pub(super) owner: String,
    pub(super) body: String,
}

/// The simulated cloud.
pub(super) struct World {
    pub(super) options: Arc<Options>,
    pub(super) faults: Faults,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) catalog: Catalog,
    pub(super) config: OrgConfig,
    pub(super) audit: Audit,
    /// The time of what happens now.
    pub(super) moment: i64,
    pub(super) departed: VecDeque<(i64, Statement)>,
    clock: Clock,
    serial: u64,
    ids: u64,
    statements: BTreeMap<u64, Statement>,
    names: BTreeMap<InternedStr, BTreeMap<String, u64>>,
    by_pool: BTreeMap<InternedStr, BTreeMap<String, u64>>,
    alive: BTreeMap<InternedStr, BTreeSet<u64>>,
    queues: BTreeMap<InternedStr, BTreeSet<u64>>,
    followers: BTreeMap<(String, String), BTreeSet<u64>>,
    pools: BTreeMap<String, Pool>,
    agenda: BTreeSet<(i64, Subject)>,
    late: BTreeMap<u64, Late>,
    changes: Vec<Change>,
    log: Option<Log>,
    /// How many lines and changes the log holds.
    logged: usize,
    told: i64,
}

impl World {
    /// An empty world.
    pub(super) fn new(options: Arc<Options>) -> World {
        let mut faults = Faults::default();
        options.scenario.faults.iter().cloned().for_each(|fault| faults.push(fault));
        World {
            clock: Clock::at(options.start),
            moment: options.start,
            told: options.start,
            verdicts: options.scenario.verdicts.clone(),
            options,
            faults,
            catalog: Catalog::default(),
            config: OrgConfig::default(),
            audit: Audit::default(),
            departed: VecDeque::new(),
            serial: 0,
            ids: 0,
            statements: BTreeMap::new(),
            names: BTreeMap::new(),
            by_pool: BTreeMap::new(),
            alive: BTreeMap::new(),
            queues: BTreeMap::new(),
            followers: BTreeMap::new(),
            pools: BTreeMap::new(),
            agenda: BTreeSet::new(),
            late: BTreeMap::new(),
            changes: Vec::new(),
            log: None,
            logged: 0,
        }
    }

    // Time

    /// Lets everything happen that is due, each at its time.
    pub(super) fn advance(&mut self) {
        let now = self.clock.now().max(self.moment);
        while self.agenda.first().is_some_and(|(due, _)| *due <= now)
            && let Some((due, subject)) = self.agenda.pop_first()
        {
            self.moment = self.moment.max(due);
            match subject {
                Subject::Statement(serial) => self.statement_due(serial),
                Subject::Pool(id) => self.pool_due(&id),
                Subject::Late(number) => self.late_due(number),
            }
        }
        self.moment = now;
    }

    /// Moves the world's time forward.
    pub(super) fn leap(&mut self, span: std::time::Duration) {
        self.clock.leap(span);
        self.advance();
    }

    /// Writes what changed to the log, in one append.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        let stale = self.moment.saturating_sub(self.told) >= 1_000_000;
        let changes = std::mem::take(&mut self.changes);
        let Some(log) = &mut self.log else { return Ok(()) };
        // What was not written is not so after a restart: nobody is shown it, not even by a reading.
        if let Some(refusal) = log.refusal() {
            return Err(refusal);
        }
        if changes.is_empty() && !stale {
            return Ok(());
        }
        self.told = self.moment;
        self.logged = self.logged.saturating_add(1).saturating_add(changes.len());
        log.append(&Record { at: self.moment, ids: self.ids, changes })
    }

    #[cfg(test)]
    pub(super) fn fill_the_disk(&mut self) -> io::Result<()> {
        self.log.as_mut().map_or(Ok(()), Log::fill_the_disk)
    }

    fn tell(&mut self, change: impl FnOnce() -> Change) {
        if self.log.is_some() {
            self.changes.push(change());
        }
    }

    /// Tells that something was done.
    pub(super) fn effect(&mut self, verb: Verb, name: &str, uid: &str) {
        let at = super::clock::rfc3339(self.moment);
        let effect = Effect { verb, name: name.to_owned(), uid: uid.to_owned(), at };
        self.tell(|| Change::Effect(effect.clone()));
        self.audit.tell(effect);
    }

    /// The next source of ids: depends on the seed and on how many came before.
    pub(super) fn random(&mut self) -> fastrand::Rng {
        self.ids = self.ids.saturating_add(1);
        fastrand::Rng::with_seed(self.options.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ self.ids)
    }

    /// `span`, a quarter more or less.
    pub(super) fn about(&mut self, span: std::time::Duration) -> i64 {
        let span = super::clock::micros(span);
        let quarter = span.checked_div(4).unwrap_or_default();
        let jitter = if quarter > 0 { self.random().i64(-quarter..=quarter) } else { 0 };
        self.moment.saturating_add(span).saturating_add(jitter)
    }

    // Statements

    /// What a verdict makes of the statement `name`, if there is one.
    pub(super) fn fate(&self, name: &str) -> Option<&Fate> {
        self.verdicts.iter().find(|verdict| verdict.fits(name)).map(|verdict| &verdict.does)
    }

    /// The statement of that name.
    pub(super) fn named(&self, environment: &str, name: &str) -> Option<&Statement> {
        self.statements.get(self.names.get(environment)?.get(name)?)
    }

    /// The statement of that number.
    pub(super) fn statement(&self, serial: u64) -> Option<&Statement> {
        self.statements.get(&serial)
    }

    /// Every statement in order of creation.
    pub(super) fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.statements.values()
    }

    /// Number and `uid` of the statements of that name, one per environment at most.
    pub(super) fn all_named(&self, name: &str) -> Vec<(u64, String)> {
        let serials = self.names.values().filter_map(|names| names.get(name));
        serials.filter_map(|serial| Some((*serial, self.statements.get(serial)?.born.uid.clone()))).collect()
    }

    /// How many statements an environment holds.
    pub(super) fn count(&self, environment: &str) -> usize {
        self.names.get(environment).map_or(0, BTreeMap::len)
    }

    /// The statements of an environment or of one pool in it, by name, after `after`.
    pub(super) fn listed<'a>(
        &'a self,
        environment: &'a str,
        pool: Option<&str>,
        after: &str,
    ) -> impl Iterator<Item = &'a Statement> {
        let names = match pool {
            Some(pool) => self.by_pool.get(pool),
            None => self.names.get(environment),
        };
        let from = (std::ops::Bound::Excluded(after.to_owned()), std::ops::Bound::Unbounded);
        let serials = names.into_iter().flat_map(move |names| names.range(from.clone()));
        serials
            .filter_map(|(_, serial)| self.statements.get(serial))
            .filter(move |statement| statement.born.environment == *environment)
    }

    /// A new statement.
    pub(super) fn add(&mut self, born: Born, now: Now) -> u64 {
        self.serial = self.serial.saturating_add(1);
        let serial = self.serial;
        let (born, now) = (Box::new(born), Box::new(now));
        self.tell(|| Change::Born(serial, born.clone(), now.clone()));
        self.place(serial, born, now);
        serial
    }

    /// Changes a statement: its version and time move on.
    pub(super) fn change(&mut self, serial: u64, change: impl FnOnce(&mut Now)) {
        let Some(statement) = self.statements.get(&serial) else { return };
        let before = statement.now.clone();
        let mut now = before.clone();
        now.version = now.version_at(self.moment).0.saturating_add(1);
        now.bumps.retain(|due| *due > self.moment);
        now.updated = self.moment;
        change(&mut now);
        self.tell(|| Change::Now(serial, now.clone()));
        self.set(serial, now);
        if let Some(statement) = self.statements.get_mut(&serial) {
            statement.before = Some(before);
        }
    }

    /// Changes only what happens to a statement by itself: no new version.
    pub(super) fn reschedule(&mut self, serial: u64, now: Box<Now>) {
        self.tell(|| Change::Now(serial, now.clone()));
        self.set(serial, now);
    }

    /// Removes a statement.
    pub(super) fn remove(&mut self, serial: u64) -> Option<Statement> {
        self.tell(|| Change::Gone(serial));
        let statement = self.take(serial)?;
        self.departed.push_back((self.moment, statement.clone()));
        if self.departed.len() > DEPARTED {
            self.departed.pop_front();
        }
        Some(statement)
    }

    /// Those that wait for the stop of a statement.
    pub(super) fn followers(&self, environment: &str, name: &str) -> Vec<u64> {
        let key = (environment.to_owned(), name.to_owned());
        self.followers.get(&key).into_iter().flatten().copied().collect()
    }

    /// Those that name a pool, in order of creation.
    pub(super) fn all_on(&self, pool: &str) -> BTreeSet<u64> {
        self.by_pool.get(pool).into_iter().flat_map(BTreeMap::values).copied().collect()
    }

    /// Those that wait for room on a pool, in order of creation.
    pub(super) fn queue(&self, pool: &str) -> Vec<u64> {
        self.queues.get(pool).into_iter().flatten().copied().collect()
    }

    /// How many run on a pool.
    pub(super) fn running(&self, pool: &str) -> usize {
        self.alive.get(pool).map_or(0, BTreeSet::len)
    }

    fn place(&mut self, serial: u64, born: Box<Born>, now: Box<Now>) {
        self.names.entry(born.environment.clone()).or_default().insert(born.name.clone(), serial);
        self.statements.insert(serial, Statement { serial, born, now, before: None });
        self.index(serial);
    }

    fn set(&mut self, serial: u64, now: Box<Now>) {
        self.unindex(serial);
        if let Some(statement) = self.statements.get_mut(&serial) {
            statement.now = now;
        }
        self.index(serial);
    }

    fn take(&mut self, serial: u64) -> Option<Statement> {
        self.unindex(serial);
        let statement = self.statements.remove(&serial)?;
        if let Some(names) = self.names.get_mut(&statement.born.environment) {
            names.remove(&statement.born.name);
        }
        Some(statement)
    }

    fn index(&mut self, serial: u64) {
        let Some(Statement { born, now, .. }) = self.statements.get(&serial) else { return };
        self.by_pool.entry(now.pool.clone()).or_default().insert(born.name.clone(), serial);
        if let Some(due) = now.next.iter().map(|(due, _)| *due).min() {
            self.agenda.insert((due, Subject::Statement(serial)));
        }
        if now.alive {
            self.alive.entry(now.pool.clone()).or_default().insert(serial);
            if born.traits.sort.resumes() {
                self.audit.begins(&born.name, serial);
            }
        }
        if now.queued() {
            self.queues.entry(now.pool.clone()).or_default().insert(serial);
        }
        if let Some(name) = &now.waits_for {
            self.followers.entry((born.environment.to_string(), name.clone())).or_default().insert(serial);
        }
    }

    fn unindex(&mut self, serial: u64) {
        let Some(Statement { born, now, .. }) = self.statements.get(&serial) else { return };
        if let Some(names) = self.by_pool.get_mut(&now.pool) {
            names.remove(&born.name);
        }
        if let Some(due) = now.next.iter().map(|(due, _)| *due).min() {
            self.agenda.remove(&(due, Subject::Statement(serial)));
        }
        if now.alive {
            self.alive.entry(now.pool.clone()).or_default().remove(&serial);
            self.audit.ends(&born.name, serial);
        }
        if now.queued() {
            self.queues.entry(now.pool.clone()).or_default().remove(&serial);
        }
        if let Some(name) = &now.waits_for {
            self.followers.entry((born.environment.to_string(), name.clone())).or_default().remove(&serial);
        }
    }

    // Pools

    /// The pool of that id.
    pub(super) fn pool(&self, id: &str) -> Option<&Pool> {
        self.pools.get(id)
    }

    /// Every pool, by id.
    pub(super) fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.values()
    }

    /// Adds or replaces a pool.
    pub(super) fn put_pool(&mut self, pool: Pool) {
        self.tell(|| Change::Pool(Box::new(pool.clone())));
        self.set_pool(pool);
    }

    /// Removes a pool.
    pub(super) fn remove_pool(&mut self, id: &str) {
        self.tell(|| Change::PoolGone(id.to_owned()));
        self.drop_pool(id);
    }

    fn set_pool(&mut self, pool: Pool) {
        self.drop_pool(&pool.id);
        if let Some(due) = pool.due {
            self.agenda.insert((due, Subject::Pool(pool.id.clone())));
        }
        self.pools.insert(pool.id.clone(), pool);
    }

    fn drop_pool(&mut self, id: &str) {
        if let Some(Pool { due: Some(due), .. }) = self.pools.remove(id) {
            self.agenda.remove(&(due, Subject::Pool(id.to_owned())));
        }
    }

    fn pool_due(&mut self, id: &str) {
        let Some(mut pool) = self.pools.get(id).cloned() else { return };
        if pool.phase == PoolPhase::Deprovisioning {
            return self.remove_pool(id);
        }
        pool.phase = PoolPhase::Provisioned;
        pool.updated = self.moment;
        pool.due = None;
        self.put_pool(pool);
        self.feed(id);
    }

    // The rest

    /// Sets the organization's configuration of pools.
    pub(super) fn put_config(&mut self, config: OrgConfig) {
        self.tell(|| Change::Config(config.clone()));
        self.config = config;
    }

    /// A statement made an object.
    pub(super) fn make(&mut self, thing: Thing) {
        self.tell(|| Change::Made(thing.clone()));
        self.catalog.make(thing);
    }

    /// A statement dropped an object.
    pub(super) fn drop_thing(&mut self, thing: Thing) {
        self.tell(|| Change::Dropped(thing.clone()));
        self.catalog.drop_thing(thing);
    }

    /// A request whose effect is still to come.
    pub(super) fn put_late(&mut self, late: Late) {
        // A number of what is still to come, whatever there was before: a world that is read back gives the same.
        let number = self.late.last_key_value().map_or(0, |(last, _)| *last).saturating_add(1);
        self.tell(|| Change::Late(number, late.clone()));
        self.agenda.insert((late.due, Subject::Late(number)));
        self.late.insert(number, late);
    }

    fn take_late(&mut self, number: u64) -> Option<Late> {
        let late = self.late.remove(&number)?;
        self.agenda.remove(&(late.due, Subject::Late(number)));
        Some(late)
    }

    fn late_due(&mut self, number: u64) {
        self.tell(|| Change::Arrived(number));
        if let Some(late) = self.take_late(number) {
            super::door::carry_out_late(self, &late);
        }
    }
}
