//! A Confluent Cloud that fits in memory or a file: the statements and pools APIs, with their phases, limits and moods.
//!
//! A [`Simulator`] is a [`Transport`], so that a client needs no port; [`serve`] puts the same world behind one. Time is
//! tokio's: on a paused clock minutes pass at once. Everything random comes from one seed. It is built from the API's
//! OpenAPI document and what is known of real answers, and checked against no live service; [`Switches`] hold what is
//! not known.

mod api_request;
mod audit;
mod catalog;
mod clock;
mod connection;
mod exchange;
mod faults;
mod limiter;
mod log;
mod options;
mod out_of_band;
mod pools;
mod response;
mod routes;
mod scenario;
mod serve;
mod snapshot;
mod sql_summary;
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

pub use audit::{AuditReport, Effect, EffectKind};
pub use faults::{FaultRule, InjectedFault};
pub use options::{CatalogMode, PhaseDurations, RequestPolicy, SimulatedRateLimits, SimulatorOptions, Switches};
pub use out_of_band::{OutOfBandChange, PoolView, StatementView, WorldView};
pub use scenario::{ForcedOutcome, Scenario, StatementOverride};
pub use serve::serve;
pub use snapshot::WorldSnapshot;

/// A simulated cloud. Clones share one world.
#[derive(Clone)]
pub struct Simulator(Arc<Mutex<SimulatorState>>);

struct SimulatorState {
    world: world::SimulatedWorld,
    limiter: limiter::AddressRateLimiter,
    requests: VecDeque<(Method, String)>,
    /// Ids of requests and errors: apart from the world's, so that reading changes nothing.
    random: fastrand::Rng,
}

impl Simulator {
    /// An empty cloud in memory.
    pub fn new(options: SimulatorOptions) -> Simulator {
        Simulator::from_world(world::SimulatedWorld::new(Arc::new(options.with_scenario_overrides())))
    }

    /// The cloud whose log is at `path`, or an empty one. From then on each effect is appended to the log before it is
    /// answered, so a process that is killed leaves a world that holds what was answered. The world's time, and what is
    /// still to happen in it, go on from the last record; faults begin anew. A last line that was cut short is left
    /// out. Fails if the file is no such log, cannot be written, or is held by another simulator: it is held until the
    /// last clone is dropped, which leaves a log of what there is.
    pub fn open(path: impl AsRef<Path>, options: SimulatorOptions) -> io::Result<Simulator> {
        let read_log =
            |on_record: &mut dyn FnMut(log::LogRecord)| log::WorldLog::open(path.as_ref(), on_record).map(Some);
        let options = Arc::new(options.with_scenario_overrides());
        Ok(Simulator::from_world(world::SimulatedWorld::restore(options, audit::AuditTrail::default(), read_log)?))
    }

    /// A copy in memory of the cloud whose log is at `path`, for those who only read: the log is neither locked nor
    /// written, and no account is kept of what was done. Fails if the file is no such log.
    pub fn load_copy(path: impl AsRef<Path>, options: SimulatorOptions) -> io::Result<Simulator> {
        let read_log =
            |on_record: &mut dyn FnMut(log::LogRecord)| log::read_without_lock(path.as_ref(), on_record).map(|()| None);
        let options = Arc::new(options.with_scenario_overrides());
        Ok(Simulator::from_world(world::SimulatedWorld::restore(options, audit::AuditTrail::disabled(), read_log)?))
    }

    fn from_world(world: world::SimulatedWorld) -> Simulator {
        let random = fastrand::Rng::with_seed(!world.options.seed);
        let state = SimulatorState {
            world,
            limiter: limiter::AddressRateLimiter::default(),
            requests: VecDeque::new(),
            random,
        };
        Simulator(Arc::new(Mutex::new(state)))
    }

    /// Everything that changed the world, in order.
    pub fn effects(&self) -> Vec<Effect> {
        let mut state = self.lock();
        state.world.run_due_events();
        state.world.audit.effects().to_vec()
    }

    /// Every request that was received, in order: method and path without query. The last 100,000 are kept.
    pub fn requests(&self) -> Vec<(Method, String)> {
        self.lock().requests.iter().cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.lock().requests.clear();
    }

    /// What must never have happened, counted.
    pub fn audit_report(&self) -> AuditReport {
        let mut state = self.lock();
        state.world.run_due_events();
        state.world.audit.report()
    }

    /// Adds a misfortune. Those that were added before come first.
    pub fn push_fault(&self, rule: FaultRule) {
        self.lock().world.faults.push(rule);
    }

    /// Adds a verdict on statements that start from now on. Those that were added before come first.
    pub fn push_override(&self, rule: StatementOverride) {
        self.lock().world.overrides.push(rule);
    }

    /// Ends every misfortune.
    pub fn clear_faults(&self) {
        self.lock().world.faults = faults::ActiveFaults::default();
    }

    fn lock(&self) -> MutexGuard<'_, SimulatorState> {
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
                exchange::Delivery::Complete(response) => Ok(response),
                exchange::Delivery::Truncated(..) => {
                    Err(TransportError::AfterSending("the body was cut short".to_owned()))
                }
                exchange::Delivery::Lost(lost) => Err(lost),
            }
        })
    }
}
