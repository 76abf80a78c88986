//! A simulated Confluent Cloud in memory or in a file: the statements and pools APIs with phases, limits and faults.
//!
//! A [`Simulator`] is a [`Transport`], so a client needs no port; [`serve`] serves the same world over HTTP. Time is
//! tokio's, so minutes pass at once on a paused clock, and all randomness comes from one seed. The simulator follows
//! the API's OpenAPI document and what is known about real responses. It was never compared with the live service;
//! [`Switches`] has a switch for each open question.

mod api_request;
mod audit;
mod clock;
mod connection;
mod exchange;
mod faults;
mod limiter;
mod options;
mod out_of_band;
mod pattern;
mod pools;
mod response;
mod routes;
mod scenario;
mod serve;
mod snapshot;
mod sql_summary;
mod statements;
mod switches;
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
pub use options::{PhaseDurations, SimulatedRateLimits, SimulatorOptions};
pub use out_of_band::{OutOfBandChange, PoolView, StatementView, WorldView};
pub use scenario::{ForcedOutcome, Scenario, StatementOverride};
pub use serve::serve;
pub use snapshot::WorldSnapshot;
pub use switches::{CatalogMode, RequestPolicy, Switches};

/// A simulated Confluent Cloud. Clones share one world.
#[derive(Clone)]
pub struct Simulator(Arc<Mutex<SimulatorState>>);

/// The mutable state of a simulator, shared by its clones.
struct SimulatorState {
    /// The simulated resources, their time and their log.
    world: world::SimulatedWorld,
    /// The rate limits of each client address.
    limiter: limiter::AddressRateLimiter,
    /// The most recent requests, oldest first: method and path.
    requests: VecDeque<(Method, String)>,
    /// The source of request and error ids. It is separate from the world's, so that reads change nothing.
    random: fastrand::Rng,
}

impl Simulator {
    /// Creates an empty cloud in memory.
    pub fn new(options: SimulatorOptions) -> Simulator {
        Simulator::from_world(world::SimulatedWorld::new(Arc::new(options.with_scenario_overrides())))
    }

    /// Opens the cloud whose log is at `path`, or creates an empty one.
    ///
    /// Each effect is appended to the log before its response is sent, so a killed process leaves a world that holds
    /// every effect that was answered. The world's time and its pending events continue from the last record. Fault
    /// rules start over. A truncated last line is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the file is not such a log, cannot be written, or is in use by another simulator. The lock is held
    /// until the last clone is dropped, which compacts the log to the current world.
    pub fn open(path: impl AsRef<Path>, options: SimulatorOptions) -> io::Result<Simulator> {
        let read_log =
            |on_record: &mut dyn FnMut(world::LogRecord)| world::WorldLog::open(path.as_ref(), on_record).map(Some);
        let options = Arc::new(options.with_scenario_overrides());
        Ok(Simulator::from_world(world::SimulatedWorld::restore(options, audit::AuditTrail::default(), read_log)?))
    }

    /// Loads an in-memory copy of the cloud whose log is at `path`, for read-only use. The log is neither locked nor
    /// written, and effects are not recorded.
    ///
    /// # Errors
    ///
    /// Fails if the file is not such a log.
    pub fn load_copy(path: impl AsRef<Path>, options: SimulatorOptions) -> io::Result<Simulator> {
        let read_log = |on_record: &mut dyn FnMut(world::LogRecord)| {
            world::read_without_lock(path.as_ref(), on_record).map(|()| None)
        };
        let options = Arc::new(options.with_scenario_overrides());
        Ok(Simulator::from_world(world::SimulatedWorld::restore(options, audit::AuditTrail::disabled(), read_log)?))
    }

    /// Wraps `world` with fresh rate limits and an empty list of requests.
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

    /// Returns every change of the world, in order.
    pub fn effects(&self) -> Vec<Effect> {
        let mut state = self.lock();
        state.world.run_due_events();
        state.world.audit.effects().to_vec()
    }

    /// Returns the received requests in order, as method and path without query. The last 100,000 are kept.
    pub fn requests(&self) -> Vec<(Method, String)> {
        self.lock().requests.iter().cloned().collect()
    }

    /// Removes all recorded requests from the list.
    pub fn clear_requests(&self) {
        self.lock().requests.clear();
    }

    /// Returns the counts by which tests find copies of a job that ran at once and repeated creations.
    pub fn audit_report(&self) -> AuditReport {
        let mut state = self.lock();
        state.world.run_due_events();
        state.world.audit.report()
    }

    /// Adds a fault rule. Rules that were added earlier are tried first.
    pub fn push_fault(&self, rule: FaultRule) {
        self.lock().world.faults.push(rule);
    }

    /// Adds an override for statements that start from now on. Overrides that were added earlier are tried first.
    pub fn push_override(&self, rule: StatementOverride) {
        self.lock().world.overrides.push(rule);
    }

    /// Removes all fault rules, including those of the scenario.
    pub fn clear_faults(&self) {
        self.lock().world.faults = faults::ActiveFaults::default();
    }

    /// Locks the state. A panic of another holder does not poison it.
    fn lock(&self) -> MutexGuard<'_, SimulatorState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows only the type's name, because a world is large.
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
                    Err(TransportError::AfterSending("the response body was truncated".to_owned()))
                }
                exchange::Delivery::Lost(lost) => Err(lost),
            }
        })
    }
}
