//! The ends of a pool's phases, and its deletion, with what they mean for the statements on the pool.

use super::{
    super::{audit::EffectKind, world::SimulatedWorld},
    end::{admit_waiting, stop_all_on_pool},
};
use crate::resource::PoolPhase;

/// Ends the current phase of a pool: DEPROVISIONING ends with its removal, any other with PROVISIONED.
pub(in crate::simulator) fn run_pool_event(world: &mut SimulatedWorld, id: &str) {
    let Some(mut pool) = world.pool(id).cloned() else { return };
    if pool.phase == PoolPhase::Deprovisioning {
        return world.remove_pool(id);
    }
    pool.phase = PoolPhase::Provisioned;
    pool.updated_at = world.time;
    pool.phase_ends_at = None;
    world.put_pool(pool);
    admit_waiting(world, id);
}

/// Starts deleting a pool. The statements that run or wait on it become STOPPED at once.
pub(in crate::simulator) fn begin_deprovisioning(world: &mut SimulatedWorld, id: &str) {
    let Some(mut pool) = world.pool(id).cloned() else { return };
    pool.phase = PoolPhase::Deprovisioning;
    pool.updated_at = world.time;
    pool.phase_ends_at = Some(world.jittered_due(world.options.phase_durations.deprovision));
    world.put_pool(pool);
    stop_all_on_pool(world, id);
    world.record_effect(EffectKind::PoolDeleted, id, id);
}
