//! How statements fail, end, stop and are removed, and which waiting statements start when they do.

use std::{collections::BTreeMap, time::Duration};

use super::super::{
    audit::EffectKind,
    clock::micros,
    sql_summary::SqlSummary,
    world::{ScheduledTransition, SimulatedStatement, SimulatedWorld},
};
use crate::{
    resource::Phase,
    sql::{ObjectKind, Usage},
};

/// How long a statement that ended is kept, according to Confluent's documentation on statements.
pub(in crate::simulator) const ENDED_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);
/// The number of records that a running job reads from each topic in one second of the world's time.
const RECORDS_PER_SECOND: i64 = 100;

/// Starts failing a running statement, with an exception.
pub(in crate::simulator) fn fail_running_statement(world: &mut SimulatedWorld, serial: u64, detail: &str) {
    let due = world.jittered_due(world.options.phase_durations.stop);
    let time = world.time;
    world.change_statement(serial, |fields| {
        fields.phase = Phase::Failing;
        fields.detail = detail.to_owned();
        let name = "org.apache.flink.runtime.JobException".to_owned();
        fields.exceptions.push_front((name, detail.to_owned(), time));
        fields.exceptions.truncate(10);
        fields.schedule_only(due, ScheduledTransition::FinishFailing);
    });
}

/// Ends a statement as COMPLETED or FAILED. It is kept for thirty days.
pub(in crate::simulator) fn end_statement(world: &mut SimulatedWorld, serial: u64, phase: Phase, detail: String) {
    enter_final_phase(world, serial, phase, detail, false);
}

/// Stops a statement at once, without STOPPING and a savepoint in between.
pub(in crate::simulator) fn stop_immediately(world: &mut SimulatedWorld, serial: u64, detail: &str) {
    enter_final_phase(world, serial, Phase::Stopped, detail.to_owned(), true);
}

/// Finishes a stop: the statement becomes STOPPED.
pub(super) fn finish_stopping(world: &mut SimulatedWorld, serial: u64) {
    enter_final_phase(world, serial, Phase::Stopped, String::new(), true);
}

/// Ends a run: counts what was read, schedules the removal, and lets waiting statements start.
fn enter_final_phase(world: &mut SimulatedWorld, serial: u64, phase: Phase, detail: String, shows_offsets: bool) {
    let Some(statement) = world.statement(serial) else { return };
    let (environment, name) = (statement.fixed.environment.clone(), statement.fixed.name.clone());
    let (pool, was_executing, time) = (statement.current.pool.clone(), statement.current.executing, world.time);
    let resumable = statement.fixed.traits.behavior.is_resumable();
    let records_read = records_read_until(statement, time);
    world.change_statement(serial, |fields| {
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
        admit_waiting(world, &pool);
    }
    wake_statements_waiting_for(world, &environment, &name);
}

/// Removes a statement whose deletion has ended or that is purged.
pub(super) fn finish_removal(world: &mut SimulatedWorld, serial: u64) {
    let Some(statement) = world.remove_statement(serial) else { return };
    let fixed = &statement.fixed;
    if statement.current.phase != Phase::Deleting {
        world.record_effect(EffectKind::Purged, &fixed.name, &fixed.uid);
    }
    if statement.current.executing {
        admit_waiting(world, &statement.current.pool);
    }
    wake_statements_waiting_for(world, &fixed.environment, &fixed.name);
}

/// Schedules the start of every statement that waits for this one.
fn wake_statements_waiting_for(world: &mut SimulatedWorld, environment: &str, name: &str) {
    let time = world.time;
    for waiting in world.statements_waiting_for(environment, name) {
        world.change_statement(waiting, |fields| fields.scheduled.push((time, ScheduledTransition::Start)));
    }
}

/// Removes a statement immediately, as the service does thirty days after its end.
pub(in crate::simulator) fn purge_statement(world: &mut SimulatedWorld, serial: u64) {
    finish_removal(world, serial);
}

/// Stops every statement that runs, waits or is stopping on a deleted pool, at once.
pub(in crate::simulator) fn stop_all_on_pool(world: &mut SimulatedWorld, pool: &str) {
    /// The service's message for these statements.
    const DETAIL: &str = "Statement auto-stopped because the compute pool it is using was deleted by a user.";
    for serial in world.statements_on_pool(pool) {
        let Some(statement) = world.statement(serial) else { continue };
        if !matches!(statement.current.phase, Phase::Completed | Phase::Failed | Phase::Stopped | Phase::Deleting) {
            world.change_statement(serial, |fields| fields.stopped = true);
            stop_immediately(world, serial, DETAIL);
        }
    }
}

/// Schedules the start of statements that wait for this pool, as many as it has room for.
pub(in crate::simulator) fn admit_waiting(world: &mut SimulatedWorld, pool: &str) {
    let queue = world.waiting_on_pool(pool);
    let Some(max) = world.pool(pool).map(|pool| u64::from(pool.max_cfu)) else { return };
    let running = u64::try_from(world.executing_on_pool(pool)).unwrap_or(u64::MAX);
    let room = max.saturating_mul(u64::from(world.options.jobs_per_cfu)).saturating_sub(running);
    let room = if world.options.jobs_per_cfu == 0 { queue.len() } else { usize::try_from(room).unwrap_or(0) };
    let time = world.time;
    for serial in queue.into_iter().take(room) {
        world.change_statement(serial, |fields| fields.schedule_only(time, ScheduledTransition::Start));
    }
}

/// Returns the number of records of each topic that a statement has read until `time`.
fn records_read_until(statement: &SimulatedStatement, time: i64) -> BTreeMap<String, u64> {
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
