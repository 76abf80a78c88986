//! Starts what a request asks of a statement: that it is stopped, resumed or deleted.

use std::time::Duration;

use super::super::{
    audit::EffectKind,
    world::{ScheduledTransition, SimulatedWorld},
};
use crate::resource::Phase;

/// Starts deleting a statement. A running statement continues to run until it is removed.
pub(in crate::simulator) fn begin_deletion(world: &mut SimulatedWorld, serial: u64, name: &str, uid: &str) {
    let due = world.jittered_due(world.options.phase_durations.delete);
    world.change_statement(serial, |fields| {
        fields.phase = Phase::Deleting;
        fields.detail.clear();
        fields.scaling = None;
        fields.waiting_for = None;
        fields.schedule_only(due, ScheduledTransition::Remove);
    });
    world.record_effect(EffectKind::Deleted, name, uid);
}

/// Starts stopping a statement, regardless of its phase.
pub(in crate::simulator) fn begin_stop(world: &mut SimulatedWorld, serial: u64) {
    let due = world.jittered_due(world.options.phase_durations.stop);
    world.change_statement(serial, |fields| {
        fields.stopped = true;
        fields.phase = Phase::Stopping;
        fields.detail.clear();
        fields.scaling = None;
        fields.waiting_for = None;
        fields.schedule_only(due, ScheduledTransition::FinishStopping);
    });
}

/// Starts resuming a statement. Its phase stays STOPPED for a moment.
pub(in crate::simulator) fn begin_resume(world: &mut SimulatedWorld, serial: u64) {
    let due = world.jittered_due(world.options.phase_durations.start.min(Duration::from_millis(300)));
    world.change_statement(serial, |fields| {
        fields.stopped = false;
        fields.schedule_only(due, ScheduledTransition::EnterPending);
    });
}
