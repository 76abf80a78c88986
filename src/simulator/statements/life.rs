//! What happens to statements by themselves: they compile, wait, run, end, and are purged.

use std::time::Duration;

use super::{
    super::{
        audit::Verb,
        catalog::Outcome,
        clock::{micros, rfc3339_seconds},
        reading::{Gist, Sort},
        scenario::{Fate, seconds},
        world::World,
    },
    record::{Alarm, Next, Now, Statement},
};
use crate::{
    resource::{Phase, PoolPhase},
    simulator::options::Policy,
    sql::{ObjectKind, Usage},
};

/// How long a statement that ended is kept: Confluent's documentation on statements.
pub(in crate::simulator) const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a query runs whose results nobody fetches: Confluent's documentation on statements.
pub(in crate::simulator) const IDLE: Duration = Duration::from_secs(300);
/// How long a statement waits for the one whose offsets it carries over: Confluent's documentation.
const CARRY_OVER: Duration = Duration::from_secs(6 * 3600);
/// Records that a running job reads of each topic in a second of the world's time.
const RECORDS_PER_SECOND: i64 = 100;
/// Partitions of every topic.
pub(in crate::simulator) const PARTITIONS: u64 = 2;

impl World {
    /// What is due for a statement happens.
    pub(in crate::simulator) fn statement_due(&mut self, serial: u64) {
        let moment = self.moment;
        let Some(statement) = self.statement(serial) else { return };
        let mut due: Vec<_> = statement.now.next.iter().filter(|(due, _)| *due <= moment).cloned().collect();
        due.sort_by_key(|(due, _)| *due);
        let Some((_, next)) = due.into_iter().next() else { return };
        match next {
            Next::Gone => self.leave(serial),
            Next::Start => self.start(serial),
            Next::Begin => {
                let due = self.about(self.options.pace.start);
                self.change(serial, |now| now.begin_again(due));
            }
            Next::Complete => self.end(serial, Phase::Completed, String::new()),
            Next::Failed => {
                let detail = statement.now.detail.clone();
                self.end(serial, Phase::Failed, detail);
            }
            Next::Stopped => self.come_to_rest(serial),
            Next::Fail(detail) => self.fail_at_work(serial, &detail),
            Next::Degrade => self.change(serial, |now| {
                now.phase = Phase::Degraded;
                now.next.retain(|(_, next)| *next != Next::Degrade);
            }),
            Next::Idle => {
                self.change(serial, |now| now.stopped = true);
                self.halt(serial, "Statement was stopped because its results were not consumed for 5 minutes.");
            }
            Next::Overdue => {
                let name = statement.now.waits_for.clone().unwrap_or_default();
                let detail = format!("Referenced statement {name} was not stopped in time.");
                self.end(serial, Phase::Failed, detail);
            }
        }
    }

    /// A PENDING statement is compiled, then waits, completes or runs.
    fn start(&mut self, serial: u64) {
        let Some(statement) = self.statement(serial).cloned() else { return };
        let fate = self.fate(&statement.born.name).cloned();
        let outcome = match self.compile(&statement, fate.as_ref()) {
            Ok(outcome) => outcome,
            Err(reason) => {
                self.change(serial, |now| now.invalid = true);
                return self.end(serial, Phase::Failed, reason);
            }
        };
        if statement.born.dry_run() {
            return self.end(serial, Phase::Completed, String::new());
        }
        if fate == Some(Fate::NeverStarts) {
            return self.change(serial, |now| now.next.clear());
        }
        if let Some(name) = statement.born.carries_from()
            && !statement.now.carried
            && !self.may_carry_over(&statement, name)
        {
            return;
        }
        if outcome.nothing_to_do {
            return self.end(serial, Phase::Completed, String::new());
        }
        let runs = matches!(statement.born.traits.sort, Sort::Job | Sort::TableJob | Sort::Foreground);
        if runs && !self.has_room(serial, &statement.now, fate.as_ref()) {
            return;
        }
        outcome.drops.into_iter().for_each(|thing| self.drop_thing(thing));
        outcome.makes.into_iter().for_each(|thing| self.make(thing));
        if runs {
            self.run(serial, &statement, fate);
        } else {
            self.end(serial, Phase::Completed, String::new());
        }
    }

    /// What a statement does to the catalog, or the service's words on why it does not compile.
    pub(in crate::simulator) fn compile(&self, statement: &Statement, fate: Option<&Fate>) -> Result<Outcome, String> {
        if let Some(Fate::Invalid(detail)) = fate {
            return Err(detail.clone());
        }
        let principal = &statement.now.principal;
        if self.options.principals.as_ref().is_some_and(|known| !known.contains(&**principal)) {
            return Err(format!("Principal '{principal}' does not exist or you do not have permission to use it."));
        }
        let gist = Gist::of(&statement.born.sql);
        if let Some(fault) = &gist.fault {
            return Err(format!("SQL parse failed. {fault}"));
        }
        if gist.traits.sort == Sort::Refused {
            return Err(format!("Statement of kind {} is not supported.", gist.traits.kind));
        }
        if gist.traits.sort == Sort::TableJob && statement.now.began.is_some() {
            return Ok(Outcome::default()); // It made its table when it first ran.
        }
        self.catalog.judge(statement, &gist, self.options.catalog)
    }

    /// Whether a pool can take one more; if not, the statement waits: for a new pool to be ready, or for room.
    fn has_room(&mut self, serial: u64, now: &Now, fate: Option<&Fate>) -> bool {
        let Some(pool) = self.pool(&now.pool) else { return true };
        let (due, jobs) = (pool.due, self.options.jobs_per_cfu);
        let room = u64::from(pool.max_cfu).saturating_mul(u64::from(jobs));
        let running = u64::try_from(self.running(&pool.id)).unwrap_or(u64::MAX);
        let provisioned = pool.phase == PoolPhase::Provisioned;
        if provisioned && fate != Some(&Fate::PoolExhausted) && (jobs == 0 || running < room) {
            return true;
        }
        let (queued, moment) = (now.queued(), self.moment);
        self.change(serial, |now| {
            now.next.clear();
            now.waits_for = None;
            if provisioned && !queued {
                now.scaling = Some(("POOL_EXHAUSTED".to_owned(), moment));
            }
            now.next.extend(due.filter(|_| !provisioned).map(|due| (due, Next::Start)));
        });
        false
    }

    /// Whether offsets can be taken over now; if not, the statement waits or FAILS.
    fn may_carry_over(&mut self, statement: &Statement, name: &str) -> bool {
        let (serial, created) = (statement.serial, statement.born.created);
        let referenced = self.named(&statement.born.environment, name).map(|it| it.now.clone());
        let waiting = statement.now.waits_for.is_some();
        let policy = match &referenced {
            Some(now) if now.phase == Phase::Stopped && now.stopped => {
                let read = now.read.clone();
                self.change(serial, |now| {
                    now.read = read;
                    now.carried = true;
                });
                return true;
            }
            Some(now) if matches!(now.phase, Phase::Completed | Phase::Failed | Phase::Deleting) => {
                self.options.switches.carry_from_ended
            }
            Some(_) => Policy::Ignore,
            None if waiting => self.options.switches.carry_from_ended,
            None => Policy::Reject,
        };
        let deadline = created.saturating_add(micros(CARRY_OVER));
        match policy {
            Policy::Apply => {
                self.change(serial, |now| now.carried = true);
                return true;
            }
            Policy::Reject => {
                let words = format!("Referenced statement {name} does not exist or has no offsets to start from.");
                self.end(serial, Phase::Failed, words);
            }
            Policy::Ignore if self.moment >= deadline => {
                self.end(serial, Phase::Failed, format!("Referenced statement {name} was not stopped in time."));
            }
            Policy::Ignore => self.change(serial, |now| {
                now.detail = format!(
                    "Statement is currently pending until referenced statement {name} is stopped. If {name} is not \
                     stopped before {}, this statement will fail.",
                    rfc3339_seconds(deadline)
                );
                now.waits_for = Some(name.to_owned());
                now.only(deadline, Next::Overdue);
            }),
        }
        false
    }

    fn run(&mut self, serial: u64, statement: &Statement, fate: Option<Fate>) {
        let moment = self.moment;
        let later = |after: f64| moment.saturating_add(micros(seconds(after)));
        let bounded = statement.born.snapshot() || fate == Some(Fate::Completes);
        let finish = bounded.then(|| self.about(self.options.pace.finish));
        let idle = moment.saturating_add(micros(IDLE));
        let foreground = statement.born.traits.sort == Sort::Foreground;
        self.change(serial, |now| {
            now.phase = Phase::Running;
            now.detail.clear();
            now.scaling = Some(("OK".to_owned(), moment));
            now.waits_for = None;
            now.alive = true;
            now.began = Some(moment);
            now.ended = None;
            now.next.clear();
            now.next.extend(finish.map(|due| (due, Next::Complete)));
            if foreground && !bounded {
                now.next.push((idle, Next::Idle));
            }
            match fate {
                Some(Fate::Fails { after, detail }) => now.next.push((later(after), Next::Fail(detail))),
                Some(Fate::Degraded { after }) => now.next.push((later(after), Next::Degrade)),
                Some(Fate::Phase(word)) => now.phase = Phase::Other(word),
                Some(Fate::CriticalWarning(message)) => now.warnings.push(Alarm {
                    severity: "CRITICAL".to_owned(),
                    reason: "SIMULATED".to_owned(),
                    message,
                    at: moment,
                }),
                _ => {}
            }
        });
    }

    /// A statement that runs meets an error.
    pub(in crate::simulator) fn fail_at_work(&mut self, serial: u64, detail: &str) {
        let due = self.about(self.options.pace.stop);
        let moment = self.moment;
        self.change(serial, |now| {
            now.phase = Phase::Failing;
            now.detail = detail.to_owned();
            let name = "org.apache.flink.runtime.JobException".to_owned();
            now.exceptions.push_front((name, detail.to_owned(), moment));
            now.exceptions.truncate(10);
            now.only(due, Next::Failed);
        });
    }

    /// A statement COMPLETES or FAILS. It is kept for thirty days.
    pub(in crate::simulator) fn end(&mut self, serial: u64, phase: Phase, detail: String) {
        self.rest(serial, phase, detail, false);
    }

    /// A statement is stopped at once, without a savepoint on the way.
    pub(in crate::simulator) fn halt(&mut self, serial: u64, detail: &str) {
        self.rest(serial, Phase::Stopped, detail.to_owned(), true);
    }

    fn come_to_rest(&mut self, serial: u64) {
        self.rest(serial, Phase::Stopped, String::new(), true);
    }

    fn rest(&mut self, serial: u64, phase: Phase, detail: String, offsets: bool) {
        let Some(statement) = self.statement(serial) else { return };
        let (environment, name) = (statement.born.environment.clone(), statement.born.name.clone());
        let (pool, was_alive, moment) = (statement.now.pool.clone(), statement.now.alive, self.moment);
        let resumes = statement.born.traits.sort.resumes();
        let read = read_so_far(statement, moment);
        self.change(serial, |now| {
            now.phase = phase;
            now.detail = detail;
            now.read = read;
            now.alive = false;
            now.waits_for = None;
            now.scaling = None;
            now.ended = Some(moment);
            now.offsets_at = (offsets && resumes && now.began.is_some()).then_some(moment);
            now.only(moment.saturating_add(micros(KEPT)), Next::Gone);
        });
        if was_alive {
            self.feed(&pool);
        }
        self.wake_followers(&environment, &name);
    }

    /// A statement is gone: its deletion ended, or it was purged.
    fn leave(&mut self, serial: u64) {
        let Some(statement) = self.remove(serial) else { return };
        let born = &statement.born;
        if statement.now.phase != Phase::Deleting {
            self.effect(Verb::Purged, &born.name, &born.uid);
        }
        if statement.now.alive {
            self.feed(&statement.now.pool);
        }
        self.wake_followers(&born.environment, &born.name);
    }

    /// Removes an ended statement at once, as the service does after thirty days.
    pub(in crate::simulator) fn purge(&mut self, serial: u64) {
        self.leave(serial);
    }

    fn wake_followers(&mut self, environment: &str, name: &str) {
        let moment = self.moment;
        for follower in self.followers(environment, name) {
            self.change(follower, |now| now.next.push((moment, Next::Start)));
        }
    }

    /// A pool is deleted: what runs, waits or stops on it is STOPPED at once.
    pub(in crate::simulator) fn stop_all_on(&mut self, pool: &str) {
        const WORDS: &str = "Statement auto-stopped because the compute pool it is using was deleted by a user.";
        for serial in self.all_on(pool) {
            let Some(statement) = self.statement(serial) else { continue };
            if !matches!(statement.now.phase, Phase::Completed | Phase::Failed | Phase::Stopped | Phase::Deleting) {
                self.change(serial, |now| now.stopped = true);
                self.halt(serial, WORDS);
            }
        }
    }

    /// Somebody fetched a query's results: it may go on for five minutes more.
    pub(in crate::simulator) fn consumed(&mut self, serial: u64, moment: i64) {
        let Some(statement) = self.statement(serial) else { return };
        if statement.now.next.iter().any(|(_, next)| *next == Next::Idle) {
            let mut now = statement.now.clone();
            for (due, next) in &mut now.next {
                *due = if *next == Next::Idle { moment.saturating_add(micros(IDLE)) } else { *due };
            }
            self.reschedule(serial, now);
        }
    }

    /// There may be room on a pool: the first that waits for it tries again.
    pub(in crate::simulator) fn feed(&mut self, pool: &str) {
        let queue = self.queue(pool);
        let Some(max) = self.pool(pool).map(|pool| u64::from(pool.max_cfu)) else { return };
        let running = u64::try_from(self.running(pool)).unwrap_or(u64::MAX);
        let room = max.saturating_mul(u64::from(self.options.jobs_per_cfu)).saturating_sub(running);
        let room = if self.options.jobs_per_cfu == 0 { queue.len() } else { usize::try_from(room).unwrap_or(0) };
        let moment = self.moment;
        for serial in queue.into_iter().take(room) {
            self.change(serial, |now| now.only(moment, Next::Start));
        }
    }
}

/// How many records of each topic a statement has read.
fn read_so_far(statement: &Statement, moment: i64) -> std::collections::BTreeMap<String, u64> {
    let Statement { born, now, .. } = statement;
    let mut read = now.read.clone();
    let (true, true, Some(began)) = (born.traits.sort.resumes(), now.alive, now.began) else { return read };
    let records = moment.saturating_sub(began).saturating_mul(RECORDS_PER_SECOND).div_euclid(1_000_000);
    let records = u64::try_from(records).unwrap_or(0);
    for (object, name) in Gist::of(&born.sql).named(Usage::Reads) {
        if let (ObjectKind::Table, Some(topic)) = (object, name.last()) {
            // A topic that is read for the first time begins with what it holds already.
            let held = u64::from(fnv(topic).wrapping_add(fnv(&born.environment)) % 1000);
            let count = read.entry(topic.clone()).or_insert(held);
            *count = count.saturating_add(records);
        }
    }
    read
}

fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

impl Now {
    /// Begins again from PENDING.
    pub(in crate::simulator) fn begin_again(&mut self, due: i64) {
        self.phase = Phase::Pending;
        self.detail.clear();
        self.offsets_at = None;
        self.ended = None;
        self.invalid = false;
        self.warnings.clear();
        self.scaling = None;
        self.only(due, Next::Start);
        if let Some((pool, principal)) = self.due_move.take().map(|due| *due) {
            self.pool = pool;
            self.principal = principal;
        }
    }
}
