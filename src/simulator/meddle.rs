//! What others do to the world beside the client: interference, and a look at everything.

use std::{io, time::Duration};

use super::{
    Simulator,
    audit::Verb,
    clock::rfc3339,
    pools::{self, Pool},
    statements::{self, Alarm},
    world::World,
};
use crate::resource::{Phase, PoolPhase};

/// Interference from outside the client, at once. Names that do not exist, and statements in a phase in which the
/// service would not do it, are left alone.
#[derive(Debug, Clone, PartialEq)]
pub enum Meddle {
    /// Somebody asks a statement to stop.
    Stop(String),
    /// Somebody asks a statement to run again.
    Resume(String),
    /// Somebody deletes a statement.
    Delete(String),
    /// A statement that runs meets an error, with this detail.
    Fail(String, String),
    /// A statement becomes DEGRADED.
    Degrade(String),
    /// A statement that runs COMPLETES.
    Complete(String),
    /// The service warns of a statement: severity and message.
    Warn(String, String, String),
    /// Somebody deletes a statement and creates it again, with this SQL or the same.
    Recreate(String, Option<String>),
    /// A statement is removed at once, as thirty days after its end.
    Purge(String),
    /// Every statement that ended is removed at once.
    PurgeEnded,
    /// A pool's `max_cfu` changes, down too.
    PoolLimit(String, u32),
    /// Somebody deletes a pool.
    DeletePool(String),
    /// A pool's phase becomes FAILED.
    FailPool(String),
    /// A pool of somebody else's appears: id, environment, cloud, region, `max_cfu`.
    MakePool(String, String, String, String, u32),
    /// The world's time moves forward.
    Advance(Duration),
}

/// Everything there is, now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldNow {
    /// The statements in order of creation.
    pub statements: Vec<StatementNow>,
    /// The pools by id.
    pub pools: Vec<PoolNow>,
    /// The world's time (RFC 3339).
    pub time: String,
}

/// A statement of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the API's own fields")]
pub struct StatementNow {
    pub environment: String,
    pub name: String,
    pub uid: String,
    pub sql: String,
    pub properties: crate::resource::SmallMap<String>,
    pub labels: crate::resource::SmallMap<String>,
    pub pool: String,
    pub principal: String,
    pub stopped: bool,
    pub phase: Phase,
    pub detail: String,
}

/// A pool of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the API's own fields")]
pub struct PoolNow {
    pub environment: String,
    pub id: String,
    pub display_name: String,
    pub max_cfu: u32,
    pub phase: PoolPhase,
}

impl Simulator {
    /// What there is now.
    pub fn world(&self) -> WorldNow {
        let mut inside = self.inside();
        let world = &mut inside.world;
        world.advance();
        let statements = world.statements().map(|it| StatementNow {
            environment: it.born.environment.to_string(),
            name: it.born.name.clone(),
            uid: it.born.uid.clone(),
            sql: it.born.sql.clone(),
            properties: it.born.properties.clone().unwrap_or_default(),
            labels: it.now.labels.clone(),
            pool: it.now.pool.to_string(),
            principal: it.now.principal.to_string(),
            stopped: it.now.stopped,
            phase: it.now.phase.clone(),
            detail: it.now.detail.clone(),
        });
        let pools = world.pools().map(|pool| PoolNow {
            environment: pool.environment.clone(),
            id: pool.id.clone(),
            display_name: pool.display_name.clone(),
            max_cfu: pool.max_cfu,
            phase: pool.phase.clone(),
        });
        WorldNow { statements: statements.collect(), pools: pools.collect(), time: rfc3339(world.moment) }
    }

    /// Somebody else does something, in every environment that holds the name. Fails if the log cannot be written.
    pub fn meddle(&self, meddle: Meddle) -> io::Result<()> {
        let mut inside = self.inside();
        let world = &mut inside.world;
        world.advance();
        match &meddle {
            Meddle::Advance(span) => world.leap(*span),
            Meddle::PurgeEnded => {
                let ended = |phase: &Phase| matches!(phase, Phase::Completed | Phase::Failed | Phase::Stopped);
                let gone: Vec<_> = world.statements().filter(|it| ended(&it.now.phase)).map(|it| it.serial).collect();
                gone.into_iter().for_each(|serial| world.purge(serial));
            }
            Meddle::PoolLimit(id, max_cfu) => {
                change_pool(world, id, |pool| pool.max_cfu = *max_cfu);
                world.feed(id);
            }
            Meddle::FailPool(id) => change_pool(world, id, |pool| {
                pool.phase = PoolPhase::Failed;
                pool.due = None;
            }),
            Meddle::DeletePool(id) => pools::remove(world, id),
            Meddle::MakePool(id, environment, cloud, region, max_cfu) => {
                world.put_pool(pools::given(world.moment, id, environment, cloud, region, *max_cfu));
            }
            Meddle::Stop(name)
            | Meddle::Resume(name)
            | Meddle::Delete(name)
            | Meddle::Fail(name, _)
            | Meddle::Degrade(name)
            | Meddle::Complete(name)
            | Meddle::Warn(name, ..)
            | Meddle::Recreate(name, _)
            | Meddle::Purge(name) => {
                for (serial, uid) in world.all_named(name) {
                    meddle_with(world, &meddle, name, serial, &uid);
                }
            }
        }
        world.advance();
        world.commit()
    }
}

fn change_pool(world: &mut World, id: &str, change: impl FnOnce(&mut Pool)) {
    if let Some(mut pool) = world.pool(id).cloned() {
        change(&mut pool);
        world.put_pool(pool);
        world.effect(Verb::PoolUpdated, id, id);
    }
}

/// Interference with one statement; what concerns the whole world or a pool is done already.
fn meddle_with(world: &mut World, meddle: &Meddle, name: &str, serial: u64, uid: &str) {
    let Some(phase) = world.statement(serial).map(|statement| statement.now.phase.clone()) else { return };
    let at_rest = matches!(phase, Phase::Stopped | Phase::Failed);
    let ended = at_rest || matches!(phase, Phase::Completed | Phase::Stopping | Phase::Failing | Phase::Deleting);
    match meddle {
        Meddle::Stop(_) | Meddle::Fail(..) if ended => {}
        Meddle::Degrade(_) | Meddle::Complete(_) if ended || phase == Phase::Pending => {}
        Meddle::Resume(_) if !at_rest => {}
        Meddle::Delete(_) if phase == Phase::Deleting => {}
        Meddle::Stop(_) => {
            statements::stop(world, serial);
            world.effect(Verb::Stopped, name, uid);
        }
        Meddle::Resume(_) => {
            statements::resume(world, serial);
            world.effect(Verb::Resumed, name, uid);
        }
        Meddle::Delete(_) => statements::remove(world, serial, name, uid),
        Meddle::Fail(_, detail) => world.fail_at_work(serial, detail),
        Meddle::Degrade(_) => world.change(serial, |now| now.phase = Phase::Degraded),
        Meddle::Complete(_) => world.end(serial, Phase::Completed, String::new()),
        Meddle::Warn(_, severity, message) => {
            let (severity, message) = (severity.clone(), message.clone());
            let alarm = Alarm { severity, reason: "SIMULATED".to_owned(), message, at: world.moment };
            world.change(serial, |now| now.warnings.push(alarm));
        }
        Meddle::Recreate(_, sql) => statements::recreate(world, serial, sql.clone()),
        Meddle::Purge(_) => world.purge(serial),
        _ => {}
    }
}
