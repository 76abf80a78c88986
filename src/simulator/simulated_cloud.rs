//! The simulated cloud that clients and tests hold: its world, its rate limits, and the requests that it received.

use std::{
    collections::VecDeque,
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    audit::{AuditReport, AuditTrail, Effect},
    events::run_due_events,
    faults::{ActiveFaults, FaultRule},
    limiter::AddressRateLimiter,
    options::SimulatorOptions,
    scenario::StatementOverride,
    world::{LogRecord, SimulatedWorld, WorldLog, read_without_lock},
};
use crate::cloud::Method;

/// A simulated Confluent Cloud. Clones share one world.
#[derive(Clone)]
pub struct Simulator(Arc<Mutex<SimulatorState>>);

/// The mutable state of a simulator, shared by its clones.
pub(super) struct SimulatorState {
    /// The simulated resources, their time and their log.
    pub(super) world: SimulatedWorld,
    /// The rate limits of each client address.
    pub(super) limiter: AddressRateLimiter,
    /// The most recent requests, oldest first: method and path.
    pub(super) requests: VecDeque<(Method, String)>,
    /// The source of request and error ids. It is separate from the world's, so that reads change nothing.
    pub(super) random: fastrand::Rng,
}

impl Simulator {
    /// Creates an empty cloud in memory.
    pub fn new(options: SimulatorOptions) -> Simulator {
        Simulator::from_world(SimulatedWorld::new(Arc::new(options.with_scenario_overrides())))
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
        let read_log = |on_record: &mut dyn FnMut(LogRecord)| WorldLog::open(path.as_ref(), on_record).map(Some);
        let options = Arc::new(options.with_scenario_overrides());
        Ok(Simulator::from_world(SimulatedWorld::restore(options, AuditTrail::default(), read_log)?))
    }

    /// Loads an in-memory copy of the cloud whose log is at `path`, for read-only use. The log is neither locked nor
    /// written, and effects are not recorded.
    ///
    /// # Errors
    ///
    /// Fails if the file is not such a log.
    pub fn load_copy(path: impl AsRef<Path>, options: SimulatorOptions) -> io::Result<Simulator> {
        let read_log =
            |on_record: &mut dyn FnMut(LogRecord)| read_without_lock(path.as_ref(), on_record).map(|()| None);
        let options = Arc::new(options.with_scenario_overrides());
        Ok(Simulator::from_world(SimulatedWorld::restore(options, AuditTrail::disabled(), read_log)?))
    }

    /// Wraps `world` with fresh rate limits and an empty list of requests.
    pub(super) fn from_world(world: SimulatedWorld) -> Simulator {
        let random = fastrand::Rng::with_seed(!world.options.seed);
        let state = SimulatorState { world, limiter: AddressRateLimiter::default(), requests: VecDeque::new(), random };
        Simulator(Arc::new(Mutex::new(state)))
    }

    /// Returns every change of the world, in order.
    pub fn effects(&self) -> Vec<Effect> {
        let mut state = self.lock();
        run_due_events(&mut state.world);
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
        run_due_events(&mut state.world);
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
        self.lock().world.faults = ActiveFaults::default();
    }

    /// Locks the state. A panic of another holder does not poison it.
    pub(super) fn lock(&self) -> MutexGuard<'_, SimulatorState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows only the type's name, because a world is large.
impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").finish_non_exhaustive()
    }
}
