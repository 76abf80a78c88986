//! What others do to the world beside the client: interference, and a look at everything.

use std::{io, time::Duration};

use super::{
    Simulator,
    audit::Verb,
    clock::rfc3339,
    statements::{self, Alarm},
};
use crate::resource::{Phase, PoolPhase};

/// Interference from outside the client, at once. Names that do not exist are left alone.
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
    pub properties: std::collections::BTreeMap<String, String>,
    pub labels: std::collections::BTreeMap<String, String>,
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
            environment: it.born.environment.clone(),
            name: it.born.name.clone(),
            uid: it.born.uid.clone(),
            sql: it.born.sql.clone(),
            properties: it.born.properties.clone().unwrap_or_default(),
            labels: it.now.labels.clone(),
            pool: it.now.pool.clone(),
            principal: it.now.principal.clone(),
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
        match meddle {
            Meddle::Advance(span) => world.leap(span),
            Meddle::PurgeEnded => {
                let ended = |phase: &Phase| matches!(phase, Phase::Completed | Phase::Failed | Phase::Stopped);
                let gone: Vec<_> = world.statements().filter(|it| ended(&it.now.phase)).map(|it| it.serial).collect();
                gone.into_iter().for_each(|serial| world.purge(serial));
            }
            Meddle::PoolLimit(id, max_cfu) => {
                if let Some(mut pool) = world.pool(&id).cloned() {
                    pool.max_cfu = max_cfu;
                    world.put_pool(pool);
                    world.effect(Verb::PoolUpdated, &id, &id);
                    world.feed(&id);
                }
            }
            Meddle::DeletePool(id) => super::pools::remove(world, &id),
            Meddle::FailPool(id) => {
                if let Some(mut pool) = world.pool(&id).cloned() {
                    pool.phase = PoolPhase::Failed;
                    pool.due = None;
                    world.put_pool(pool);
                }
            }
            Meddle::MakePool(id, environment, cloud, region, max_cfu) => {
                world.put_pool(super::pools::given(world.moment, id, environment, &cloud, region, max_cfu));
            }
            Meddle::Stop(name) => each(world, &name, statements::stop, Verb::Stopped),
            Meddle::Resume(name) => each(world, &name, statements::resume, Verb::Resumed),
            Meddle::Delete(name) => {
                for (serial, uid) in world.all_named(&name) {
                    statements::remove(world, serial, &name, &uid);
                }
            }
            Meddle::Fail(name, detail) => {
                world.all_named(&name).into_iter().for_each(|(serial, _)| world.fail_at_work(serial, &detail));
            }
            Meddle::Degrade(name) => {
                for (serial, _) in world.all_named(&name) {
                    world.change(serial, |now| now.phase = Phase::Degraded);
                }
            }
            Meddle::Complete(name) => {
                for (serial, _) in world.all_named(&name) {
                    world.end(serial, Phase::Completed, String::new());
                }
            }
            Meddle::Warn(name, severity, message) => {
                let at = world.moment;
                for (serial, _) in world.all_named(&name) {
                    let alarm = Alarm {
                        severity: severity.clone(),
                        reason: "SIMULATED".to_owned(),
                        message: message.clone(),
                        at,
                    };
                    world.change(serial, |now| now.warnings.push(alarm));
                }
            }
            Meddle::Recreate(name, sql) => {
                for (serial, _) in world.all_named(&name) {
                    statements::recreate(world, serial, sql.clone());
                }
            }
            Meddle::Purge(name) => {
                world.all_named(&name).into_iter().for_each(|(serial, _)| world.purge(serial));
            }
        }
        world.advance();
        world.commit()
    }
}

fn each(world: &mut super::world::World, name: &str, act: impl Fn(&mut super::world::World, u64), verb: Verb) {
    for (serial, uid) in world.all_named(name) {
        act(world, serial);
        world.effect(verb, name, &uid);
    }
}
