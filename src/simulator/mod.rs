//! A Confluent Cloud that fits in memory or a file: the statements and pools APIs, with their phases, limits and moods.
//!
//! A [`Simulator`] is a [`Transport`], so that a client needs no port; [`serve`] puts the same world behind one. Time is
//! tokio's: on a paused clock minutes pass at once. Everything random comes from one seed. It is built from the API's
//! OpenAPI document and what is known of real answers, and checked against no live service; [`Switches`] hold what is
//! not known.

mod answer;
mod asked;
mod audit;
mod catalog;
mod clock;
mod door;
mod exchange;
mod faults;
mod limiter;
mod line;
mod log;
mod meddle;
mod moment;
mod options;
mod pools;
mod reading;
mod scenario;
mod serve;
mod statements;
#[cfg(test)]
mod tests;
mod world;

use std::{
    collections::VecDeque,
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::cloud::{BoxFuture, HttpRequest, HttpResponse, Method, Transport, TransportError};

pub use audit::{Effect, Findings, Verb};
pub use faults::{Fault, Misfortune};
pub use meddle::{Meddle, PoolNow, StatementNow, WorldNow};
pub use moment::Moment;
pub use options::{CatalogMode, Limits, Options, Pace, Policy, Switches};
pub use scenario::{Fate, Scenario, Verdict};
pub use serve::serve;

/// A simulated cloud. Clones share one world.
#[derive(Clone)]
pub struct Simulator(Arc<Mutex<Inside>>);

struct Inside {
    world: world::World,
    limiter: limiter::Limiter,
    requests: VecDeque<(Method, String)>,
    /// Ids of requests and errors: apart from the world's, so that reading changes nothing.
    random: fastrand::Rng,
}

impl Simulator {
    /// An empty cloud in memory.
    pub fn new(options: Options) -> Simulator {
        Simulator::of(world::World::new(Arc::new(options.of_scenario())))
    }

    /// The cloud whose log is at `path`, or an empty one. From then on each effect is appended to the log before it is
    /// answered, so a process that is killed leaves a world that holds what was answered. The world's time, and what is
    /// still to happen in it, go on from the last record; faults begin anew. A last line that was cut short is left
    /// out. Fails if the file is no such log, cannot be written, or is held by another simulator: it is held until the
    /// last clone is dropped, which leaves a log of what there is.
    pub fn open(path: impl AsRef<Path>, options: Options) -> io::Result<Simulator> {
        let read = |take: &mut dyn FnMut(log::Record)| log::Log::open(path.as_ref(), take).map(Some);
        let options = Arc::new(options.of_scenario());
        Ok(Simulator::of(world::World::restore(options, audit::Audit::default(), read)?))
    }

    /// A copy in memory of the cloud whose log is at `path`, for those who only read: the log is neither locked nor
    /// written, and no account is kept of what was done. Fails if the file is no such log.
    pub fn copy_of(path: impl AsRef<Path>, options: Options) -> io::Result<Simulator> {
        let read = |take: &mut dyn FnMut(log::Record)| log::look(path.as_ref(), take).map(|()| None);
        let options = Arc::new(options.of_scenario());
        Ok(Simulator::of(world::World::restore(options, audit::Audit::silent(), read)?))
    }

    fn of(world: world::World) -> Simulator {
        let random = fastrand::Rng::with_seed(!world.options.seed);
        let inside = Inside { world, limiter: limiter::Limiter::default(), requests: VecDeque::new(), random };
        Simulator(Arc::new(Mutex::new(inside)))
    }

    /// Everything that changed the world, in order.
    pub fn effects(&self) -> Vec<Effect> {
        let mut inside = self.inside();
        inside.world.advance();
        inside.world.audit.effects().to_vec()
    }

    /// Every request that was received, in order: method and path without query. The last 100,000 are kept.
    pub fn requests(&self) -> Vec<(Method, String)> {
        self.inside().requests.iter().cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.inside().requests.clear();
    }

    /// What must never have happened, counted.
    pub fn audit(&self) -> Findings {
        let mut inside = self.inside();
        inside.world.advance();
        inside.world.audit.findings()
    }

    /// Adds a misfortune. Those that were added before come first.
    pub fn push_fault(&self, fault: Fault) {
        self.inside().world.faults.push(fault);
    }

    /// Adds a verdict on statements that start from now on. Those that were added before come first.
    pub fn push_verdict(&self, verdict: Verdict) {
        self.inside().world.verdicts.push(verdict);
    }

    /// Ends every misfortune.
    pub fn clear_faults(&self) {
        self.inside().world.faults = faults::Faults::default();
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows no more than what it is: a world is large.
impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").finish_non_exhaustive()
    }
}

impl Transport for Simulator {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            match self.exchange(request, "in-process").await {
                exchange::Delivery::Whole(response) => Ok(response),
                exchange::Delivery::Cut(..) => Err(TransportError::AfterSending("the body was cut short".to_owned())),
                exchange::Delivery::Nothing(lost) => Err(lost),
            }
        })
    }
}
