//! Runs the events of the world that are due: ends of phases, transitions of statements, and delayed effects.

use std::time::Duration;

use super::{
    lifecycle, routes,
    world::{DueEvent, SimulatedWorld},
};

/// Runs every event that is due, each at its own time.
pub(super) fn run_due_events(world: &mut SimulatedWorld) {
    let now = world.clock_time();
    while let Some(event) = world.take_due_event(now) {
        match event {
            DueEvent::Statement(serial) => lifecycle::run_statement_event(world, serial),
            DueEvent::Pool(id) => lifecycle::run_pool_event(world, &id),
            DueEvent::DelayedEffect(effect) => routes::apply_delayed_effect(world, &effect),
        }
    }
    world.time = now;
}

/// Moves the world's time forward by `span`.
pub(super) fn advance_by(world: &mut SimulatedWorld, span: Duration) {
    world.advance_clock(span);
    run_due_events(world);
}
