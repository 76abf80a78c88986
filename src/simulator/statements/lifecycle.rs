//! Transitions of statements without a request: they compile, wait, run, end, and are purged.

use std::time::Duration;

use super::{
    super::{
        audit::EffectKind,
        catalog::CatalogChanges,
        clock::{micros, rfc3339_seconds},
        scenario::{ForcedOutcome, duration_from_seconds},
        sql_summary::{SqlSummary, StatementBehavior},
        world::SimulatedWorld,
    },
    statement::{MutableFields, ScheduledTransition, SimulatedStatement, SimulatedWarning},
};
use crate::{
    resource::{Phase, PoolPhase},
    simulator::switches::RequestPolicy,
    sql::{ObjectKind, Usage},
};

/// How long a statement that ended is kept, according to Confluent's documentation on statements.
pub(in crate::simulator) const ENDED_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a query runs while its results are not fetched, according to Confluent's documentation on statements.
pub(in crate::simulator) const RESULTS_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a statement waits for the one whose offsets it carries over, according to Confluent's documentation.
const CARRY_OVER_TIMEOUT: Duration = Duration::from_secs(6 * 3600);
/// The number of records that a running job reads from each topic in one second of the world's time.
const RECORDS_PER_SECOND: i64 = 100;
/// The number of partitions of every topic.
pub(in crate::simulator) const PARTITIONS: u64 = 2;

impl SimulatedWorld {
    /// Runs the earliest due transition of a statement.
    pub(in crate::simulator) fn run_statement_event(&mut self, serial: u64) {
        let time = self.time;
        let Some(statement) = self.statement(serial) else { return };
        let mut due: Vec<_> = statement.current.scheduled.iter().filter(|(due, _)| *due <= time).cloned().collect();
        due.sort_by_key(|(due, _)| *due);
        let Some((_, next)) = due.into_iter().next() else { return };
        match next {
            ScheduledTransition::Remove => self.finish_removal(serial),
            ScheduledTransition::Start => self.start_statement(serial),
            ScheduledTransition::EnterPending => {
                let due = self.jittered_due(self.options.phase_durations.start);
                self.change_statement(serial, |fields| fields.restart_from_pending(due));
            }
            ScheduledTransition::Complete => self.end_statement(serial, Phase::Completed, String::new()),
            ScheduledTransition::FinishFailing => {
                let detail = statement.current.detail.clone();
                self.end_statement(serial, Phase::Failed, detail);
            }
            ScheduledTransition::FinishStopping => self.finish_stopping(serial),
            ScheduledTransition::Fail(detail) => self.fail_running_statement(serial, &detail),
            ScheduledTransition::Degrade => self.change_statement(serial, |fields| {
                fields.phase = Phase::Degraded;
                fields.scheduled.retain(|(_, next)| *next != ScheduledTransition::Degrade);
            }),
            ScheduledTransition::ResultsIdle => {
                self.change_statement(serial, |fields| fields.stopped = true);
                self.stop_immediately(
                    serial,
                    "Statement was stopped because its results were not consumed for 5 minutes.",
                );
            }
            ScheduledTransition::CarryOverTimedOut => {
                let name = statement.current.waiting_for.clone().unwrap_or_default();
                let detail = format!("Referenced statement {name} was not stopped in time.");
                self.end_statement(serial, Phase::Failed, detail);
            }
        }
    }

    /// Compiles a PENDING statement, which then waits, completes or runs.
    fn start_statement(&mut self, serial: u64) {
        let Some(statement) = self.statement(serial).cloned() else { return };
        let forced = self.forced_outcome(&statement.fixed.name).cloned();
        let changes = match self.compile_statement(&statement, forced.as_ref()) {
            Ok(changes) => changes,
            Err(reason) => {
                self.change_statement(serial, |fields| fields.failed_to_compile = true);
                return self.end_statement(serial, Phase::Failed, reason);
            }
        };
        if statement.fixed.is_dry_run() {
            return self.end_statement(serial, Phase::Completed, String::new());
        }
        if forced == Some(ForcedOutcome::NeverStarts) {
            return self.change_statement(serial, |fields| fields.scheduled.clear());
        }
        if let Some(name) = statement.fixed.carry_over_source()
            && !statement.current.offsets_carried_over
            && !self.can_carry_over_or_waits(&statement, name)
        {
            return;
        }
        if changes.already_exists {
            return self.end_statement(serial, Phase::Completed, String::new());
        }
        let runs = matches!(
            statement.fixed.traits.behavior,
            StatementBehavior::Job | StatementBehavior::TableJob | StatementBehavior::Foreground
        );
        if runs && !self.has_room_or_waits(serial, &statement.current, forced.as_ref()) {
            return;
        }
        changes.drops.into_iter().for_each(|object| self.drop_object(object));
        changes.creates.into_iter().for_each(|object| self.create_object(object));
        if runs {
            self.run_statement(serial, &statement, forced);
        } else {
            self.end_statement(serial, Phase::Completed, String::new());
        }
    }

    /// Returns what a statement changes in the catalog, or the service's message if it does not compile.
    pub(in crate::simulator) fn compile_statement(
        &self,
        statement: &SimulatedStatement,
        forced: Option<&ForcedOutcome>,
    ) -> Result<CatalogChanges, String> {
        if let Some(ForcedOutcome::Invalid(detail)) = forced {
            return Err(detail.clone());
        }
        let principal = &statement.current.principal;
        if self.options.principals.as_ref().is_some_and(|known| !known.contains(&**principal)) {
            return Err(format!("Principal '{principal}' does not exist or you do not have permission to use it."));
        }
        let summary = SqlSummary::read(&statement.fixed.sql);
        if let Some(parse_error) = &summary.parse_error {
            return Err(format!("SQL parse failed. {parse_error}"));
        }
        if summary.traits.behavior == StatementBehavior::Unsupported {
            return Err(format!("Statement of kind {} is not supported.", summary.traits.kind));
        }
        if summary.traits.behavior == StatementBehavior::TableJob && statement.current.started_at.is_some() {
            return Ok(CatalogChanges::default()); // The table was created by its first run.
        }
        self.catalog.changes_of(statement, &summary, self.options.catalog)
    }

    /// Returns whether the pool has room for one more statement. If not, the statement waits for a new pool to be
    /// ready, or for room.
    fn has_room_or_waits(&mut self, serial: u64, fields: &MutableFields, forced: Option<&ForcedOutcome>) -> bool {
        let Some(pool) = self.pool(&fields.pool) else { return true };
        let (due, jobs) = (pool.phase_ends_at, self.options.jobs_per_cfu);
        let capacity = u64::from(pool.max_cfu).saturating_mul(u64::from(jobs));
        let running = u64::try_from(self.executing_on_pool(&pool.id)).unwrap_or(u64::MAX);
        let provisioned = pool.phase == PoolPhase::Provisioned;
        if provisioned && forced != Some(&ForcedOutcome::PoolExhausted) && (jobs == 0 || running < capacity) {
            return true;
        }
        let (queued, time) = (fields.is_waiting_for_pool(), self.time);
        self.change_statement(serial, |fields| {
            fields.scheduled.clear();
            fields.waiting_for = None;
            if provisioned && !queued {
                fields.scaling = Some(("POOL_EXHAUSTED".to_owned(), time));
            }
            fields.scheduled.extend(due.filter(|_| !provisioned).map(|due| (due, ScheduledTransition::Start)));
        });
        false
    }

    /// Returns whether the statement can start with the offsets of `name` now. If not, it waits or FAILS.
    fn can_carry_over_or_waits(&mut self, statement: &SimulatedStatement, name: &str) -> bool {
        let (serial, created) = (statement.serial, statement.fixed.created_at);
        let predecessor = self.statement_named(&statement.fixed.environment, name).map(|it| it.current.clone());
        let waiting = statement.current.waiting_for.is_some();
        let policy = match &predecessor {
            Some(fields) if fields.phase == Phase::Stopped && fields.stopped => {
                let records_read = fields.records_read.clone();
                self.change_statement(serial, |fields| {
                    fields.records_read = records_read;
                    fields.offsets_carried_over = true;
                });
                return true;
            }
            Some(fields) if matches!(fields.phase, Phase::Completed | Phase::Failed | Phase::Deleting) => {
                self.options.switches.carry_over_from_ended
            }
            Some(_) => RequestPolicy::Ignore,
            None if waiting => self.options.switches.carry_over_from_ended,
            None => RequestPolicy::Reject,
        };
        let deadline = created.saturating_add(micros(CARRY_OVER_TIMEOUT));
        match policy {
            RequestPolicy::Apply => {
                self.change_statement(serial, |fields| fields.offsets_carried_over = true);
                return true;
            }
            RequestPolicy::Reject => {
                let detail = format!("Referenced statement {name} does not exist or has no offsets to start from.");
                self.end_statement(serial, Phase::Failed, detail);
            }
            RequestPolicy::Ignore if self.time >= deadline => {
                self.end_statement(
                    serial,
                    Phase::Failed,
                    format!("Referenced statement {name} was not stopped in time."),
                );
            }
            RequestPolicy::Ignore => self.change_statement(serial, |fields| {
                fields.detail = format!(
                    "Statement is currently pending until referenced statement {name} is stopped. If {name} is not \
                     stopped before {}, this statement will fail.",
                    rfc3339_seconds(deadline)
                );
                fields.waiting_for = Some(name.to_owned());
                fields.schedule_only(deadline, ScheduledTransition::CarryOverTimedOut);
            }),
        }
        false
    }

    /// Starts running a statement and schedules its next transitions.
    fn run_statement(&mut self, serial: u64, statement: &SimulatedStatement, forced: Option<ForcedOutcome>) {
        let time = self.time;
        let later = |after: f64| time.saturating_add(micros(duration_from_seconds(after)));
        let bounded = statement.fixed.is_snapshot_query() || forced == Some(ForcedOutcome::Completes);
        let finish = bounded.then(|| self.jittered_due(self.options.phase_durations.finish));
        let idle = time.saturating_add(micros(RESULTS_IDLE_TIMEOUT));
        let foreground = statement.fixed.traits.behavior == StatementBehavior::Foreground;
        self.change_statement(serial, |fields| {
            fields.phase = Phase::Running;
            fields.detail.clear();
            fields.scaling = Some(("OK".to_owned(), time));
            fields.waiting_for = None;
            fields.executing = true;
            fields.started_at = Some(time);
            fields.ended_at = None;
            fields.scheduled.clear();
            fields.scheduled.extend(finish.map(|due| (due, ScheduledTransition::Complete)));
            if foreground && !bounded {
                fields.scheduled.push((idle, ScheduledTransition::ResultsIdle));
            }
            match forced {
                Some(ForcedOutcome::Fails { after_seconds, detail }) => {
                    fields.scheduled.push((later(after_seconds), ScheduledTransition::Fail(detail)))
                }
                Some(ForcedOutcome::Degrades { after_seconds: after }) => {
                    fields.scheduled.push((later(after), ScheduledTransition::Degrade))
                }
                Some(ForcedOutcome::UnknownPhase(phase)) => fields.phase = Phase::from(phase),
                Some(ForcedOutcome::CriticalWarning(message)) => fields.warnings.push(SimulatedWarning {
                    severity: "CRITICAL".to_owned(),
                    reason: "SIMULATED".to_owned(),
                    message,
                    created_at: time,
                }),
                _ => {}
            }
        });
    }

    /// Starts failing a running statement, with an exception.
    pub(in crate::simulator) fn fail_running_statement(&mut self, serial: u64, detail: &str) {
        let due = self.jittered_due(self.options.phase_durations.stop);
        let time = self.time;
        self.change_statement(serial, |fields| {
            fields.phase = Phase::Failing;
            fields.detail = detail.to_owned();
            let name = "org.apache.flink.runtime.JobException".to_owned();
            fields.exceptions.push_front((name, detail.to_owned(), time));
            fields.exceptions.truncate(10);
            fields.schedule_only(due, ScheduledTransition::FinishFailing);
        });
    }

    /// Ends a statement as COMPLETED or FAILED. It is kept for thirty days.
    pub(in crate::simulator) fn end_statement(&mut self, serial: u64, phase: Phase, detail: String) {
        self.enter_final_phase(serial, phase, detail, false);
    }

    /// Stops a statement at once, without STOPPING and a savepoint in between.
    pub(in crate::simulator) fn stop_immediately(&mut self, serial: u64, detail: &str) {
        self.enter_final_phase(serial, Phase::Stopped, detail.to_owned(), true);
    }

    /// Finishes a stop: the statement becomes STOPPED.
    fn finish_stopping(&mut self, serial: u64) {
        self.enter_final_phase(serial, Phase::Stopped, String::new(), true);
    }

    /// Ends a run: counts what was read, schedules the removal, and lets waiting statements start.
    fn enter_final_phase(&mut self, serial: u64, phase: Phase, detail: String, shows_offsets: bool) {
        let Some(statement) = self.statement(serial) else { return };
        let (environment, name) = (statement.fixed.environment.clone(), statement.fixed.name.clone());
        let (pool, was_executing, time) = (statement.current.pool.clone(), statement.current.executing, self.time);
        let resumable = statement.fixed.traits.behavior.is_resumable();
        let records_read = records_read_until(statement, time);
        self.change_statement(serial, |fields| {
            fields.phase = phase;
            fields.detail = detail;
            fields.records_read = records_read;
            fields.executing = false;
            fields.waiting_for = None;
            fields.scaling = None;
            fields.ended_at = Some(time);
            fields.offsets_at = (shows_offsets && resumable && fields.started_at.is_some()).then_some(time);
            fields.schedule_only(time.saturating_add(micros(ENDED_RETENTION)), ScheduledTransition::Remove);
        });
        if was_executing {
            self.admit_waiting(&pool);
        }
        self.wake_statements_waiting_for(&environment, &name);
    }

    /// Removes a statement whose deletion has ended or that is purged.
    fn finish_removal(&mut self, serial: u64) {
        let Some(statement) = self.remove_statement(serial) else { return };
        let fixed = &statement.fixed;
        if statement.current.phase != Phase::Deleting {
            self.record_effect(EffectKind::Purged, &fixed.name, &fixed.uid);
        }
        if statement.current.executing {
            self.admit_waiting(&statement.current.pool);
        }
        self.wake_statements_waiting_for(&fixed.environment, &fixed.name);
    }

    /// Removes a statement immediately, as the service does thirty days after its end.
    pub(in crate::simulator) fn purge_statement(&mut self, serial: u64) {
        self.finish_removal(serial);
    }

    /// Schedules the start of every statement that waits for this one.
    fn wake_statements_waiting_for(&mut self, environment: &str, name: &str) {
        let time = self.time;
        for waiting in self.statements_waiting_for(environment, name) {
            self.change_statement(waiting, |fields| fields.scheduled.push((time, ScheduledTransition::Start)));
        }
    }

    /// Stops every statement that runs, waits or is stopping on a deleted pool, at once.
    pub(in crate::simulator) fn stop_all_on_pool(&mut self, pool: &str) {
        /// The service's message for these statements.
        const DETAIL: &str = "Statement auto-stopped because the compute pool it is using was deleted by a user.";
        for serial in self.statements_on_pool(pool) {
            let Some(statement) = self.statement(serial) else { continue };
            if !matches!(statement.current.phase, Phase::Completed | Phase::Failed | Phase::Stopped | Phase::Deleting) {
                self.change_statement(serial, |fields| fields.stopped = true);
                self.stop_immediately(serial, DETAIL);
            }
        }
    }

    /// Lets a query run for five more minutes, because its results were fetched.
    pub(in crate::simulator) fn results_fetched(&mut self, serial: u64, time: i64) {
        let Some(statement) = self.statement(serial) else { return };
        if statement.current.scheduled.iter().any(|(_, next)| *next == ScheduledTransition::ResultsIdle) {
            let mut fields = statement.current.clone();
            for (due, next) in &mut fields.scheduled {
                *due = if *next == ScheduledTransition::ResultsIdle {
                    time.saturating_add(micros(RESULTS_IDLE_TIMEOUT))
                } else {
                    *due
                };
            }
            self.reschedule_statement(serial, fields);
        }
    }

    /// Schedules the start of statements that wait for this pool, as many as it has room for.
    pub(in crate::simulator) fn admit_waiting(&mut self, pool: &str) {
        let queue = self.waiting_on_pool(pool);
        let Some(max) = self.pool(pool).map(|pool| u64::from(pool.max_cfu)) else { return };
        let running = u64::try_from(self.executing_on_pool(pool)).unwrap_or(u64::MAX);
        let room = max.saturating_mul(u64::from(self.options.jobs_per_cfu)).saturating_sub(running);
        let room = if self.options.jobs_per_cfu == 0 { queue.len() } else { usize::try_from(room).unwrap_or(0) };
        let time = self.time;
        for serial in queue.into_iter().take(room) {
            self.change_statement(serial, |fields| fields.schedule_only(time, ScheduledTransition::Start));
        }
    }
}

/// Returns the number of records of each topic that a statement has read until `time`.
fn records_read_until(statement: &SimulatedStatement, time: i64) -> std::collections::BTreeMap<String, u64> {
    let SimulatedStatement { fixed, current: fields, .. } = statement;
    let mut records_read = fields.records_read.clone();
    let (true, true, Some(started_at)) = (fixed.traits.behavior.is_resumable(), fields.executing, fields.started_at)
    else {
        return records_read;
    };
    let records = time.saturating_sub(started_at).saturating_mul(RECORDS_PER_SECOND).div_euclid(1_000_000);
    let records = u64::try_from(records).unwrap_or(0);
    for (object, name) in SqlSummary::read(&fixed.sql).objects_with_role(Usage::Reads) {
        if let (ObjectKind::Table, Some(topic)) = (object, name.last()) {
            // A topic that is read for the first time already holds some records.
            let initial = u64::from(fnv_hash(topic).wrapping_add(fnv_hash(&fixed.environment)) % 1000);
            let count = records_read.entry(topic.clone()).or_insert(initial);
            *count = count.saturating_add(records);
        }
    }
    records_read
}

/// Returns the 32-bit FNV-1a hash of `text`.
fn fnv_hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

impl MutableFields {
    /// Starts over from PENDING, with the pool and principal of a pending move.
    pub(in crate::simulator) fn restart_from_pending(&mut self, due: i64) {
        self.phase = Phase::Pending;
        self.detail.clear();
        self.offsets_at = None;
        self.ended_at = None;
        self.failed_to_compile = false;
        self.warnings.clear();
        self.scaling = None;
        self.schedule_only(due, ScheduledTransition::Start);
        if let Some((pool, principal)) = self.pending_move.take().map(|due| *due) {
            self.pool = pool;
            self.principal = principal;
        }
    }
}
