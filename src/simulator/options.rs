//! How a simulated cloud is set up: seed, pace, keys, limits, and a switch for each question that the API leaves open.

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;

use super::scenario::Scenario;

/// How a simulated cloud behaves. `Default` is the documented service at its usual pace, with any key accepted.
#[derive(Clone)]
pub struct SimulatorOptions {
    /// Where ids, uids and the jitter of phases come from: equal seeds and equal requests give equal worlds.
    pub seed: u64,
    /// How long phases last.
    pub phase_durations: PhaseDurations,
    /// When a new world begins (microseconds since 1970). A world from a file goes on where it stood.
    pub start_time: i64,
    /// The key of the statements API, id and secret; without one any key is taken.
    pub flink_key: Option<(String, String)>,
    /// The key of the pools API, id and secret; without one any key is taken.
    pub cloud_key: Option<(String, String)>,
    /// The rate limits per address.
    pub rate_limits: SimulatedRateLimits,
    /// What a table is that no statement made.
    pub catalog: CatalogMode,
    /// The answers to what the API's documents leave open.
    pub switches: Switches,
    /// The principals that exist; `None` for all.
    pub principals: Option<BTreeSet<String>>,
    /// How many running jobs one CFU of a pool carries; 0 for any number.
    pub jobs_per_cfu: u32,
    /// The organization that pools' resource names show: their paths carry none.
    pub organization: String,
    /// The cloud and region of a default pool, where the request's host names none.
    pub home_region: (String, String),
    /// Misfortunes and verdicts from the first request on.
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
    /// These, with what their scenario says of them.
    pub(super) fn with_scenario_overrides(mut self) -> SimulatorOptions {
        self.switches = self.scenario.switches.clone().unwrap_or(self.switches);
        self.principals = self.scenario.principals.clone().or(self.principals);
        self
    }
}

/// Shows whether keys are set, never what they are.
impl std::fmt::Debug for SimulatorOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatorOptions")
            .field("seed", &self.seed)
            .field("pace", &self.phase_durations)
            .field("flink_key", &self.flink_key.is_some())
            .field("cloud_key", &self.cloud_key.is_some())
            .field("limits", &self.rate_limits)
            .field("catalog", &self.catalog)
            .field("switches", &self.switches)
            .finish_non_exhaustive()
    }
}

/// How long each passage lasts in the world's time. Every one varies by up to a quarter, by the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseDurations {
    /// A definition, from PENDING to COMPLETED.
    pub define: Duration,
    /// A job, from PENDING to RUNNING.
    pub start: Duration,
    /// A bounded query, from RUNNING to COMPLETED.
    pub finish: Duration,
    /// From STOPPING to STOPPED, and from FAILING to FAILED.
    pub stop: Duration,
    /// From DELETING to gone.
    pub delete: Duration,
    /// A pool, from PROVISIONING to PROVISIONED.
    pub provision: Duration,
    /// A pool, from DEPROVISIONING to gone.
    pub deprovision: Duration,
}

impl PhaseDurations {
    /// About what people report of the service: definitions 10 to 35 s, jobs 5 to 30 s, pools a few minutes.
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

    /// Every phase lasts about `span`.
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

    /// The same, `factor` times as long.
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

/// The rate limits, each per client address, as exact sliding windows over tokio's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimulatedRateLimits {
    /// Whether they hold at all.
    pub enabled: bool,
    /// Requests a second.
    pub per_second: usize,
    /// Requests a minute.
    pub per_minute: usize,
    /// Requests under way at once: stands for the service's limit on connections.
    pub concurrent: usize,
}

impl Default for SimulatedRateLimits {
    /// The documented limits.
    fn default() -> Self {
        SimulatedRateLimits { enabled: true, per_second: 50, per_minute: 1000, concurrent: 100 }
    }
}

impl SimulatedRateLimits {
    /// No limits.
    pub fn unlimited() -> Self {
        SimulatedRateLimits { enabled: false, ..SimulatedRateLimits::default() }
    }
}

/// What a table is that no statement of this world made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogMode {
    /// A topic from outside, which can be read and written.
    Lenient,
    /// Nothing: a statement that names it FAILS.
    Strict,
}

/// What becomes of a request that the documents do not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestPolicy {
    /// Done.
    Apply,
    /// Accepted, and nothing comes of it.
    Ignore,
    /// Refused with a 4xx.
    Reject,
}

/// One switch for each question that the API's documents leave open; each default is the best guess.
/// **None of these is verified against the live service.**
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Switches {
    /// Whether PUT answers 200 with the statement, not 202 without a body.
    pub put_answers_statement: bool,
    /// The status of an accepted DELETE of a statement.
    pub delete_status: u16,
    /// Whether a GET of a DELETING statement is 204 without a body.
    pub deleting_reads_empty: bool,
    /// Whether lists show DELETING statements.
    pub deleting_listed: bool,
    /// Whether the 409 of a taken name carries `Location`.
    pub conflict_location: bool,
    /// A POST with `stopped: true`.
    pub create_stopped: RequestPolicy,
    /// A PUT with another name or SQL. (Other properties are always ignored.)
    pub immutable_change: RequestPolicy,
    /// A PUT with another pool or principal for a statement that runs; `Apply` takes effect at its next start.
    pub move_running: RequestPolicy,
    /// A PUT with another pool or principal for a statement that stays STOPPED.
    pub move_stopped: RequestPolicy,
    /// A stop of a PENDING statement.
    pub stop_pending: RequestPolicy,
    /// A stop of a COMPLETED or FAILED statement; `Apply` and `Ignore` keep its phase, the first sets `spec.stopped`.
    pub stop_ended: RequestPolicy,
    /// A resume of a kind that cannot resume; `Apply` compiles it again.
    pub resume_other_kind: RequestPolicy,
    /// Whether a FAILED job can be resumed.
    pub failed_resumable: bool,
    /// Whether names follow the documentation (72 characters, no dot), not the API's specification (100, dots).
    pub strict_names: bool,
    /// The status of a name, SQL or property set that breaks the rules.
    pub invalid_status: u16,
    /// The longest SQL in bytes: the documentation says 4 MiB, the specification 131,072.
    pub sql_limit: usize,
    /// A DELETE of a DELETING statement; `Reject` is 404.
    pub delete_again: RequestPolicy,
    /// The most statements an environment may hold.
    pub statement_quota: Option<usize>,
    /// The status of a statement or pool over the quota.
    pub quota_status: u16,
    /// The most pools an environment may hold.
    pub pool_quota: Option<usize>,
    /// The status of a pool that does not exist.
    pub pool_absent_status: u16,
    /// Whether DEPROVISIONING pools are shown.
    pub deprovisioning_shown: bool,
    /// Whether a pool with running statements may be deleted; they are STOPPED.
    pub busy_pool_deletable: bool,
    /// The status of a `max_cfu` that shrinks, or is none of the accepted values.
    pub cfu_status: u16,
    /// Whether `max_cfu` may be above 50 (up to 1000, limited availability).
    pub large_pools: bool,
    /// The status of a second default pool.
    pub second_default_status: u16,
    /// Whether PATCH of a statement works; else it is 403 "Patch feature is currently disabled".
    pub patch: bool,
    /// New labels in a PUT.
    pub label_change: RequestPolicy,
    /// Whether a 429 carries `Retry-After` and `X-RateLimit-…`.
    pub retry_after: bool,
    /// A carry-over whose referenced statement COMPLETED, FAILED or was deleted while it waited: `Apply` starts it,
    /// `Ignore` goes on waiting to the deadline, `Reject` FAILS it.
    pub carry_from_ended: RequestPolicy,
    /// Whether a streaming `CREATE TABLE … AS` says `is_bounded: true`, as reported in January 2026.
    pub bounded_table_job: bool,
    /// Whether a dry run is a statement like others, PENDING first and kept; else it is judged in the answer to its POST
    /// and never stored, as Confluent's client for Python (0.7.0) expects.
    pub dry_run_stored: bool,
    /// Whether `end_time` and `duration` (early access) are shown.
    pub ended_fields: bool,
    /// Whether the version moves by itself in the first second after a change.
    pub early_bumps: bool,
    /// Whether statements show `network_kind`.
    pub network_kind_shown: bool,
    /// Whether statements show `scaling_status`, once there is one.
    pub scaling_status_shown: bool,
    /// The status of a second pool of the same display name in its environment; `None` where names may be shared.
    pub same_pool_name_status: Option<u16>,
}

impl Default for Switches {
    fn default() -> Self {
        Switches {
            put_answers_statement: false,
            delete_status: 202,
            deleting_reads_empty: false,
            deleting_listed: true,
            conflict_location: true,
            create_stopped: RequestPolicy::Ignore,
            immutable_change: RequestPolicy::Ignore,
            move_running: RequestPolicy::Reject,
            move_stopped: RequestPolicy::Apply,
            stop_pending: RequestPolicy::Apply,
            stop_ended: RequestPolicy::Apply,
            resume_other_kind: RequestPolicy::Reject,
            failed_resumable: true,
            strict_names: false,
            invalid_status: 400,
            sql_limit: 4_194_304,
            delete_again: RequestPolicy::Apply,
            statement_quota: None,
            quota_status: 402,
            pool_quota: None,
            pool_absent_status: 403,
            deprovisioning_shown: true,
            busy_pool_deletable: true,
            cfu_status: 400,
            large_pools: false,
            second_default_status: 409,
            patch: true,
            label_change: RequestPolicy::Ignore,
            retry_after: true,
            carry_from_ended: RequestPolicy::Ignore,
            bounded_table_job: true,
            dry_run_stored: false,
            ended_fields: false,
            early_bumps: true,
            network_kind_shown: true,
            scaling_status_shown: true,
            same_pool_name_status: None,
        }
    }
}
