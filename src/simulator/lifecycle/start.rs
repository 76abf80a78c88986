//! How a PENDING statement compiles, waits for room or for its predecessor, and starts to run.

use std::time::Duration;

use super::{
    super::{
        clock::{micros, rfc3339_seconds},
        scenario::{ForcedOutcome, duration_from_seconds},
        sql_summary::{SqlSummary, StatementBehavior},
        switches::RequestPolicy,
        world::{
            CatalogChanges, MutableFields, ScheduledTransition, SimulatedStatement, SimulatedWarning, SimulatedWorld,
        },
    },
    end::end_statement,
};
use crate::resource::{Phase, PoolPhase};

/// How long a query runs while its results are not fetched, according to Confluent's documentation on statements.
const RESULTS_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a statement waits for the one whose offsets it carries over, according to Confluent's documentation.
const CARRY_OVER_TIMEOUT: Duration = Duration::from_secs(6 * 3600);

/// Compiles a PENDING statement, which then waits, completes or runs.
pub(super) fn start_statement(world: &mut SimulatedWorld, serial: u64) {
    let Some(statement) = world.statement(serial).cloned() else { return };
    let forced = world.forced_outcome(&statement.fixed.name).cloned();
    let changes = match compile_statement(world, &statement, forced.as_ref()) {
        Ok(changes) => changes,
        Err(reason) => {
            world.change_statement(serial, |fields| fields.failed_to_compile = true);
            return end_statement(world, serial, Phase::Failed, reason);
        }
    };
    if statement.fixed.is_dry_run() {
        return end_statement(world, serial, Phase::Completed, String::new());
    }
    if forced == Some(ForcedOutcome::NeverStarts) {
        return world.change_statement(serial, |fields| fields.scheduled.clear());
    }
    if let Some(name) = statement.fixed.carry_over_source()
        && !statement.current.offsets_carried_over
        && !can_carry_over_or_waits(world, &statement, name)
    {
        return;
    }
    if changes.already_exists {
        return end_statement(world, serial, Phase::Completed, String::new());
    }
    let runs = matches!(
        statement.fixed.traits.behavior,
        StatementBehavior::Job | StatementBehavior::TableJob | StatementBehavior::Foreground
    );
    if runs && !has_room_or_waits(world, serial, &statement.current, forced.as_ref()) {
        return;
    }
    changes.drops.into_iter().for_each(|object| world.drop_object(object));
    changes.creates.into_iter().for_each(|object| world.create_object(object));
    if runs {
        run_statement(world, serial, &statement, forced);
    } else {
        end_statement(world, serial, Phase::Completed, String::new());
    }
}

/// Returns what a statement changes in the catalog, or the service's message if it does not compile.
pub(in crate::simulator) fn compile_statement(
    world: &SimulatedWorld,
    statement: &SimulatedStatement,
    forced: Option<&ForcedOutcome>,
) -> Result<CatalogChanges, String> {
    if let Some(ForcedOutcome::Invalid(detail)) = forced {
        return Err(detail.clone());
    }
    let principal = &statement.current.principal;
    if world.options.principals.as_ref().is_some_and(|known| !known.contains(&**principal)) {
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
    world.catalog.changes_of(statement, &summary, world.options.catalog)
}

/// Returns whether the pool has room for one more statement. If not, the statement waits for a new pool to be
/// ready, or for room.
fn has_room_or_waits(
    world: &mut SimulatedWorld,
    serial: u64,
    fields: &MutableFields,
    forced: Option<&ForcedOutcome>,
) -> bool {
    let Some(pool) = world.pool(&fields.pool) else { return true };
    let (due, jobs) = (pool.phase_ends_at, world.options.jobs_per_cfu);
    let capacity = u64::from(pool.max_cfu).saturating_mul(u64::from(jobs));
    let running = u64::try_from(world.executing_on_pool(&pool.id)).unwrap_or(u64::MAX);
    let provisioned = pool.phase == PoolPhase::Provisioned;
    if provisioned && forced != Some(&ForcedOutcome::PoolExhausted) && (jobs == 0 || running < capacity) {
        return true;
    }
    let (queued, time) = (fields.is_waiting_for_pool(), world.time);
    world.change_statement(serial, |fields| {
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
fn can_carry_over_or_waits(world: &mut SimulatedWorld, statement: &SimulatedStatement, name: &str) -> bool {
    let (serial, created) = (statement.serial, statement.fixed.created_at);
    let predecessor = world.statement_named(&statement.fixed.environment, name).map(|it| it.current.clone());
    let waiting = statement.current.waiting_for.is_some();
    let policy = match &predecessor {
        Some(fields) if fields.phase == Phase::Stopped && fields.stopped => {
            let records_read = fields.records_read.clone();
            world.change_statement(serial, |fields| {
                fields.records_read = records_read;
                fields.offsets_carried_over = true;
            });
            return true;
        }
        Some(fields) if matches!(fields.phase, Phase::Completed | Phase::Failed | Phase::Deleting) => {
            world.options.switches.carry_over_from_ended
        }
        Some(_) => RequestPolicy::Ignore,
        None if waiting => world.options.switches.carry_over_from_ended,
        None => RequestPolicy::Reject,
    };
    let deadline = created.saturating_add(micros(CARRY_OVER_TIMEOUT));
    match policy {
        RequestPolicy::Apply => {
            world.change_statement(serial, |fields| fields.offsets_carried_over = true);
            return true;
        }
        RequestPolicy::Reject => {
            let detail = format!("Referenced statement {name} does not exist or has no offsets to start from.");
            end_statement(world, serial, Phase::Failed, detail);
        }
        RequestPolicy::Ignore if world.time >= deadline => {
            end_statement(
                world,
                serial,
                Phase::Failed,
                format!("Referenced statement {name} was not stopped in time."),
            );
        }
        RequestPolicy::Ignore => world.change_statement(serial, |fields| {
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
fn run_statement(
    world: &mut SimulatedWorld,
    serial: u64,
    statement: &SimulatedStatement,
    forced: Option<ForcedOutcome>,
) {
    let time = world.time;
    let later = |after: f64| time.saturating_add(micros(duration_from_seconds(after)));
    let bounded = statement.fixed.is_snapshot_query()
        || statement.fixed.traits.bounded
        || forced == Some(ForcedOutcome::Completes);
    let finish = bounded.then(|| world.jittered_due(world.options.phase_durations.finish));
    let idle = time.saturating_add(micros(RESULTS_IDLE_TIMEOUT));
    let foreground = statement.fixed.traits.behavior == StatementBehavior::Foreground;
    world.change_statement(serial, |fields| {
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
            Some(ForcedOutcome::UnknownPhase(phase)) => fields.phase = Phase::Other(phase),
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

/// Lets a query run for five more minutes, because its results were fetched.
pub(in crate::simulator) fn results_fetched(world: &mut SimulatedWorld, serial: u64, time: i64) {
    let Some(statement) = world.statement(serial) else { return };
    if statement.current.scheduled.iter().any(|(_, next)| *next == ScheduledTransition::ResultsIdle) {
        let mut fields = statement.current.clone();
        for (due, next) in &mut fields.scheduled {
            *due = if *next == ScheduledTransition::ResultsIdle {
                time.saturating_add(micros(RESULTS_IDLE_TIMEOUT))
            } else {
                *due
            };
        }
        world.reschedule_statement(serial, fields);
    }
}
