//! Changes that others make to the world, outside the client under test, and a view of everything in it.

use std::{io, time::Duration};

use super::{
    audit::EffectKind,
    clock::rfc3339,
    events::{advance_by, run_due_events},
    lifecycle,
    pools::NewPoolRequest,
    simulated_cloud::Simulator,
    statements::recreate_statement,
    world::{SimulatedPool, SimulatedWarning, SimulatedWorld},
};
use crate::resource::{Labels, Phase, PoolPhase, Properties};

/// A change outside the client under test, applied at once. Unknown names, and statements in a phase in which the
/// service would not make the change, are left alone.
#[derive(Debug, Clone, PartialEq)]
pub enum OutOfBandChange {
    /// Another client stops this statement.
    Stop(String),
    /// Another client resumes this statement.
    Resume(String),
    /// Another client deletes this statement.
    Delete(String),
    /// The running statement of this name fails with this detail.
    Fail(String, String),
    /// The statement of this name becomes DEGRADED.
    Degrade(String),
    /// The running statement of this name becomes COMPLETED.
    Complete(String),
    /// The service adds a warning to a statement: name, severity and message.
    Warn(String, String, String),
    /// Another client deletes a statement and creates it again, with this SQL or the same.
    Recreate(String, Option<String>),
    /// A statement is removed at once, as it would be thirty days after its end.
    Purge(String),
    /// Every statement that has ended is removed at once.
    PurgeEnded,
    /// The `max_cfu` of a pool changes; unlike through the API, it may decrease.
    SetPoolMaxCfu(String, u32),
    /// Another client deletes this pool.
    DeletePool(String),
    /// The phase of this pool becomes FAILED.
    FailPool(String),
    /// Another client creates a pool, which is ready: id, environment, cloud, region and `max_cfu`.
    CreatePool(String, String, String, String, u32),
    /// The world's time moves forward by this duration.
    AdvanceTime(Duration),
}

/// All statements and pools of the world at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldView {
    /// The statements in order of creation.
    pub statements: Vec<StatementView>,
    /// The pools, sorted by id.
    pub pools: Vec<PoolView>,
    /// The world's time in RFC 3339.
    pub time: String,
}

/// A statement as the world holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the API's own fields")]
pub struct StatementView {
    pub environment: String,
    pub name: String,
    pub uid: String,
    pub sql: String,
    pub properties: Properties<String>,
    pub labels: Labels,
    pub pool: String,
    pub principal: String,
    pub stopped: bool,
    pub phase: Phase,
    pub detail: String,
}

/// A pool as the world holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the API's own fields")]
pub struct PoolView {
    pub environment: String,
    pub id: String,
    pub display_name: String,
    pub max_cfu: u32,
    pub phase: PoolPhase,
}

impl Simulator {
    /// Returns the current statements, pools and time.
    pub fn world_view(&self) -> WorldView {
        let mut state = self.lock();
        let world = &mut state.world;
        run_due_events(world);
        let statements = world.statements().map(|it| StatementView {
            environment: it.fixed.environment.to_string(),
            name: it.fixed.name.clone(),
            uid: it.fixed.uid.clone(),
            sql: it.fixed.sql.clone(),
            properties: it.fixed.properties.clone().unwrap_or_default(),
            labels: it.current.labels.clone(),
            pool: it.current.pool.to_string(),
            principal: it.current.principal.to_string(),
            stopped: it.current.stopped,
            phase: it.current.phase.clone(),
            detail: it.current.detail.clone(),
        });
        let pools = world.pools().map(|pool| PoolView {
            environment: pool.environment.clone(),
            id: pool.id.clone(),
            display_name: pool.display_name.clone(),
            max_cfu: pool.max_cfu,
            phase: pool.phase.clone(),
        });
        WorldView { statements: statements.collect(), pools: pools.collect(), time: rfc3339(world.time) }
    }

    /// Applies a change as another client or the service would, in every environment that holds the name.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be written.
    pub fn apply_out_of_band(&self, change: OutOfBandChange) -> io::Result<()> {
        let mut state = self.lock();
        let world = &mut state.world;
        run_due_events(world);
        match &change {
            OutOfBandChange::AdvanceTime(span) => advance_by(world, *span),
            OutOfBandChange::PurgeEnded => {
                let ended = |phase: &Phase| matches!(phase, Phase::Completed | Phase::Failed | Phase::Stopped);
                let ended_serials: Vec<_> =
                    world.statements().filter(|it| ended(&it.current.phase)).map(|it| it.serial).collect();
                ended_serials.into_iter().for_each(|serial| lifecycle::purge_statement(world, serial));
            }
            OutOfBandChange::SetPoolMaxCfu(id, max_cfu) => {
                change_pool(world, id, |pool| pool.max_cfu = *max_cfu);
                lifecycle::admit_waiting(world, id);
            }
            OutOfBandChange::FailPool(id) => change_pool(world, id, |pool| {
                pool.phase = PoolPhase::Failed;
                pool.phase_ends_at = None;
            }),
            OutOfBandChange::DeletePool(id) => lifecycle::begin_deprovisioning(world, id),
            OutOfBandChange::CreatePool(id, environment, cloud, region, max_cfu) => {
                let wanted = NewPoolRequest {
                    environment: environment.clone(),
                    display_name: id.clone(),
                    cloud: cloud.to_uppercase(),
                    region: region.clone(),
                    max_cfu: *max_cfu,
                    enable_ai: false,
                    default_pool: false,
                    network: None,
                };
                world.put_pool(wanted.into_ready_pool(id.clone(), world.time));
            }
            OutOfBandChange::Stop(name)
            | OutOfBandChange::Resume(name)
            | OutOfBandChange::Delete(name)
            | OutOfBandChange::Fail(name, _)
            | OutOfBandChange::Degrade(name)
            | OutOfBandChange::Complete(name)
            | OutOfBandChange::Warn(name, ..)
            | OutOfBandChange::Recreate(name, _)
            | OutOfBandChange::Purge(name) => {
                for (serial, uid) in world.statements_named(name) {
                    apply_to_statement(world, &change, name, serial, &uid);
                }
            }
        }
        run_due_events(world);
        world.commit()
    }
}

/// Applies `change` to the pool `id`, if it exists, and records the effect.
fn change_pool(world: &mut SimulatedWorld, id: &str, change: impl FnOnce(&mut SimulatedPool)) {
    if let Some(mut pool) = world.pool(id).cloned() {
        change(&mut pool);
        world.put_pool(pool);
        world.record_effect(EffectKind::PoolUpdated, id, id);
    }
}

/// Applies a change to one statement. Changes of pools and of the whole world do nothing here.
fn apply_to_statement(world: &mut SimulatedWorld, change: &OutOfBandChange, name: &str, serial: u64, uid: &str) {
    let Some(phase) = world.statement(serial).map(|statement| statement.current.phase.clone()) else { return };
    let at_rest = matches!(phase, Phase::Stopped | Phase::Failed);
    let ended = at_rest || matches!(phase, Phase::Completed | Phase::Stopping | Phase::Failing | Phase::Deleting);
    match change {
        OutOfBandChange::Stop(_) | OutOfBandChange::Fail(..) if ended => {}
        OutOfBandChange::Degrade(_) | OutOfBandChange::Complete(_) if ended || phase == Phase::Pending => {}
        OutOfBandChange::Resume(_) if !at_rest => {}
        OutOfBandChange::Delete(_) if phase == Phase::Deleting => {}
        OutOfBandChange::Stop(_) => {
            lifecycle::begin_stop(world, serial);
            world.record_effect(EffectKind::Stopped, name, uid);
        }
        OutOfBandChange::Resume(_) => {
            lifecycle::begin_resume(world, serial);
            world.record_effect(EffectKind::Resumed, name, uid);
        }
        OutOfBandChange::Delete(_) => lifecycle::begin_deletion(world, serial, name, uid),
        OutOfBandChange::Fail(_, detail) => lifecycle::fail_running_statement(world, serial, detail),
        OutOfBandChange::Degrade(_) => world.change_statement(serial, |fields| fields.phase = Phase::Degraded),
        OutOfBandChange::Complete(_) => lifecycle::end_statement(world, serial, Phase::Completed, String::new()),
        OutOfBandChange::Warn(_, severity, message) => {
            let (severity, message) = (severity.clone(), message.clone());
            let warning =
                SimulatedWarning { severity, reason: "SIMULATED".to_owned(), message, created_at: world.time };
            world.change_statement(serial, |fields| fields.warnings.push(warning));
        }
        OutOfBandChange::Recreate(_, sql) => recreate_statement(world, serial, sql.clone()),
        OutOfBandChange::Purge(_) => lifecycle::purge_statement(world, serial),
        _ => {}
    }
}
