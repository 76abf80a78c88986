//! The options of a simulated cloud: seed, phase durations, keys and limits.

use std::{collections::BTreeSet, time::Duration};

use super::{
    scenario::Scenario,
    switches::{CatalogMode, Switches},
};

/// The options of a simulated cloud. The default is the documented service with typical phase durations, and any key
/// is accepted.
#[derive(Clone)]
pub struct SimulatorOptions {
    /// The source of ids, uids and the jitter of phases. Equal seeds and equal requests give equal worlds.
    pub seed: u64,
    /// How long each phase lasts.
    pub phase_durations: PhaseDurations,
    /// The start time of a new world, in microseconds since 1970. A world from a file continues at its own time.
    pub start_time: i64,
    /// The key of the statements API as id and secret. `None` accepts any key.
    pub flink_key: Option<(String, String)>,
    /// The key of the pools API as id and secret. `None` accepts any key.
    pub cloud_key: Option<(String, String)>,
    /// The rate limits of each client address.
    pub rate_limits: SimulatedRateLimits,
    /// How the simulator treats tables that no statement created.
    pub catalog: CatalogMode,
    /// The answers to questions that the API's documents leave open.
    pub switches: Switches,
    /// The principals that exist. With `None` all exist.
    pub principals: Option<BTreeSet<String>>,
    /// The number of running jobs that one CFU of a pool carries; 0 means any number.
    pub jobs_per_cfu: u32,
    /// The organization in the resource names of pools, whose paths do not name one.
    pub organization: String,
    /// The cloud and region of a default pool if the request's host does not name them.
    pub home_region: (String, String),
    /// The faults and overrides that apply from the first request on.
    pub scenario: Scenario,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        SimulatorOptions {
            seed: 1,
            phase_durations: PhaseDurations::typical(),
            start_time: 1_767_225_600_000_000, // 2026-01-01T00:00:00Z
            flink_key: None,
            cloud_key: None,
            rate_limits: SimulatedRateLimits::default(),
            catalog: CatalogMode::Lenient,
            switches: Switches::default(),
            principals: None,
            jobs_per_cfu: 1,
            organization: "b0b21724-4586-4a07-b787-d0bb5aacbf87".to_owned(),
            home_region: ("aws".to_owned(), "us-east-1".to_owned()),
            scenario: Scenario::default(),
        }
    }
}

impl SimulatorOptions {
    /// Returns these options with the switches and principals of their scenario.
    pub(super) fn with_scenario_overrides(mut self) -> SimulatorOptions {
        self.switches = self.scenario.switches.clone().unwrap_or(self.switches);
        self.principals = self.scenario.principals.clone().or(self.principals);
        self
    }
}

/// Shows whether keys are set, but never the keys.
impl std::fmt::Debug for SimulatorOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatorOptions")
            .field("seed", &self.seed)
            .field("phase_durations", &self.phase_durations)
            .field("flink_key", &self.flink_key.is_some())
            .field("cloud_key", &self.cloud_key.is_some())
            .field("rate_limits", &self.rate_limits)
            .field("catalog", &self.catalog)
            .field("switches", &self.switches)
            .finish_non_exhaustive()
    }
}

/// How long each transition lasts in the world's time. Each varies by up to a quarter, depending on the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseDurations {
    /// A definition, from PENDING to COMPLETED.
    pub define: Duration,
    /// A job, from PENDING to RUNNING.
    pub start: Duration,
    /// A bounded query, from RUNNING to COMPLETED.
    pub finish: Duration,
    /// A statement, from STOPPING to STOPPED or from FAILING to FAILED.
    pub stop: Duration,
    /// A statement, from DELETING to its removal.
    pub delete: Duration,
    /// A pool, from PROVISIONING to PROVISIONED.
    pub provision: Duration,
    /// A pool, from DEPROVISIONING to its removal.
    pub deprovision: Duration,
}

impl PhaseDurations {
    /// Returns durations close to what users report of the service: definitions 10 to 35 s, jobs 5 to 30 s, pools a
    /// few minutes.
    pub fn typical() -> Self {
        let seconds = Duration::from_secs;
        PhaseDurations {
            define: seconds(15),
            start: seconds(12),
            finish: seconds(20),
            stop: seconds(8),
            delete: seconds(8),
            provision: seconds(120),
            deprovision: seconds(30),
        }
    }

    /// Returns durations in which every transition lasts about `duration`.
    pub fn uniform(duration: Duration) -> Self {
        PhaseDurations {
            define: duration,
            start: duration,
            finish: duration,
            stop: duration,
            delete: duration,
            provision: duration,
            deprovision: duration,
        }
    }

    /// Returns these durations multiplied by `factor`.
    pub fn scaled(self, factor: f64) -> Self {
        let factor = if factor.is_finite() && factor >= 0.0 { factor.min(1e6) } else { 1.0 };
        let scale =
            |duration: Duration| Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(duration);
        PhaseDurations {
            define: scale(self.define),
            start: scale(self.start),
            finish: scale(self.finish),
            stop: scale(self.stop),
            delete: scale(self.delete),
            provision: scale(self.provision),
            deprovision: scale(self.deprovision),
        }
    }
}

/// The rate limits of each client address, as exact sliding windows over tokio's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimulatedRateLimits {
    /// Whether the limits apply at all.
    pub enabled: bool,
    /// The most requests in one second.
    pub per_second: usize,
    /// The most requests in one minute.
    pub per_minute: usize,
    /// The most requests in flight at once. It stands for the service's limit on connections.
    pub concurrent: usize,
}

impl Default for SimulatedRateLimits {
    /// Returns the limits that Confluent documents.
    fn default() -> Self {
        SimulatedRateLimits { enabled: true, per_second: 50, per_minute: 1000, concurrent: 100 }
    }
}

impl SimulatedRateLimits {
    /// Returns limits that never apply.
    pub fn unlimited() -> Self {
        SimulatedRateLimits { enabled: false, ..SimulatedRateLimits::default() }
    }
}
