//! The switches: answers to questions that the documents of the API leave open.

use serde::Deserialize;

/// How the simulator treats a table that no statement of this world created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogMode {
    /// It is a topic created elsewhere, which can be read and written.
    Lenient,
    /// It does not exist: a statement that names it FAILS.
    Strict,
}

/// What happens to a request that the API's documents do not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestPolicy {
    /// The request takes effect.
    Apply,
    /// The request is accepted and has no effect.
    Ignore,
    /// The request is rejected with a 4xx.
    Reject,
}

/// One switch for each question that the API's documents leave open. Each default is the best guess.
///
/// **None of these is verified against the live service.**
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Switches {
    /// Whether PUT returns 200 with the statement, not 202 without a body.
    #[serde(rename = "put-answers-statement")]
    pub put_returns_statement: bool,
    /// The status of an accepted DELETE of a statement.
    pub delete_status: u16,
    /// Whether a GET of a DELETING statement returns 204 without a body.
    pub deleting_reads_empty: bool,
    /// Whether lists show DELETING statements.
    pub deleting_listed: bool,
    /// Whether the 409 for a name that is taken has a `Location` header.
    pub conflict_location: bool,
    /// The policy for a POST with `stopped: true`.
    pub create_stopped: RequestPolicy,
    /// The policy for a PUT with another name or SQL. Changed properties are always ignored.
    pub immutable_change: RequestPolicy,
    /// The policy for a PUT with another pool or principal for a running statement. `Apply` takes effect at its next
    /// start.
    pub move_running: RequestPolicy,
    /// The policy for a PUT with another pool or principal for a statement that stays STOPPED.
    pub move_stopped: RequestPolicy,
    /// The policy for stopping a PENDING statement.
    pub stop_pending: RequestPolicy,
    /// The policy for stopping a COMPLETED or FAILED statement. `Apply` and `Ignore` keep its phase, and `Apply` sets
    /// `spec.stopped`.
    pub stop_ended: RequestPolicy,
    /// The policy for resuming a statement of a kind that cannot be resumed. `Apply` compiles it again.
    pub resume_other_kind: RequestPolicy,
    /// Whether a FAILED job can be resumed.
    pub failed_resumable: bool,
    /// Whether names follow the documentation (72 characters, no dot), not the API's specification (100, dots).
    pub strict_names: bool,
    /// The status for a name, SQL or set of properties that breaks the rules.
    pub invalid_status: u16,
    /// The longest SQL in bytes. The documentation says 4 MiB, the specification 131,072.
    pub sql_limit: usize,
    /// The policy for a DELETE of a DELETING statement. `Reject` returns 404.
    #[serde(rename = "delete-again")]
    pub repeated_delete: RequestPolicy,
    /// The most statements that an environment may hold.
    pub statement_quota: Option<usize>,
    /// The status for a statement or pool over the quota.
    pub quota_status: u16,
    /// The most pools that an environment may hold.
    pub pool_quota: Option<usize>,
    /// The status for a pool that does not exist.
    pub pool_absent_status: u16,
    /// Whether DEPROVISIONING pools are shown.
    pub deprovisioning_shown: bool,
    /// Whether a pool with running statements can be deleted, which makes them STOPPED.
    pub busy_pool_deletable: bool,
    /// The status for a `max_cfu` that is lowered or is not an accepted value.
    pub cfu_status: u16,
    /// Whether `max_cfu` may be above 50 (up to 1000, limited availability).
    pub large_pools: bool,
    /// The status for a second default pool.
    pub second_default_status: u16,
    /// Whether PATCH of a statement works. If not, it returns 403 "Patch feature is currently disabled".
    pub patch: bool,
    /// The policy for new labels in a PUT.
    pub label_change: RequestPolicy,
    /// Whether a 429 has `Retry-After` and `X-RateLimit-…` headers.
    pub retry_after: bool,
    /// The policy for a statement whose predecessor COMPLETED, FAILED or was deleted while it waited for the offsets.
    /// `Apply` starts it, `Ignore` lets it wait until the deadline, and `Reject` makes it FAIL.
    #[serde(rename = "carry-from-ended")]
    pub carry_over_from_ended: RequestPolicy,
    /// Whether a streaming `CREATE TABLE … AS` says `is_bounded: true`, as was reported in January 2026.
    pub bounded_table_job: bool,
    /// Whether a dry run is stored like other statements, PENDING first. If not, its result is in the response to the
    /// POST and it is never stored, as Confluent's client for Python (0.7.0) expects.
    pub dry_run_stored: bool,
    /// Whether statements show `end_time` and `duration` (early access).
    pub ended_fields: bool,
    /// Whether the resource version changes without a request in the first second after a change.
    #[serde(rename = "early-bumps")]
    pub early_version_bumps: bool,
    /// Whether statements show `network_kind`.
    pub network_kind_shown: bool,
    /// Whether statements show `scaling_status` once they have one.
    pub scaling_status_shown: bool,
    /// Whether responses show the SQL without a final semicolon, trailing comments and outer white space, and show
    /// `sql.current-catalog`, `sql.current-database` and `sql.local-time-zone` where they were not sent.
    pub normalizes: bool,
    /// The status for a second pool with the same display name in its environment. With `None` names may be shared.
    pub same_pool_name_status: Option<u16>,
}

impl Default for Switches {
    fn default() -> Self {
        Switches {
            put_returns_statement: false,
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
            repeated_delete: RequestPolicy::Apply,
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
            carry_over_from_ended: RequestPolicy::Ignore,
            bounded_table_job: true,
            dry_run_stored: false,
            ended_fields: false,
            early_version_bumps: true,
            network_kind_shown: true,
            scaling_status_shown: true,
            normalizes: false,
            same_pool_name_status: None,
        }
    }
}
