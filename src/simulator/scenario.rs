//! A scenario: fault rules and statement overrides, from a JSON file or a test.
//!
//! ```json
//! {
//!   "faults": [
//!     { "method": "POST", "path": "*/statements", "name": "orders*", "after": 1, "times": 2, "does": "lost-after-effect" },
//!     { "does": { "too-many": { "retry-after": 3 } }, "times": 1 },
//!     { "method": "GET", "does": { "status": 503 }, "times": 5 }
//!   ],
//!   "verdicts": [
//!     { "name": "enrich-g2", "does": { "fails": { "after": 30, "detail": "deserialization failed" } } },
//!     { "name": "big-*", "does": "pool-exhausted" }
//!   ],
//!   "switches": { "delete-status": 204, "stop-pending": "reject" },
//!   "principals": ["u-1a2b3c", "sa-1a2b3c"]
//! }
//! ```

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;

use super::{faults::FaultRule, pattern::matches_pattern, switches::Switches};

/// What goes wrong, and which statements behave differently from what their SQL says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// The fault rules, in the order in which they are tried. The first match is used.
    pub faults: Vec<FaultRule>,
    /// The overrides of statement outcomes. The first whose name matches is used.
    #[serde(rename = "verdicts")]
    pub overrides: Vec<StatementOverride>,
    /// The answers to questions that the API's documents leave open. A switch that is not named has its default.
    pub switches: Option<Switches>,
    /// The principals that exist. Without a value all exist.
    pub principals: Option<BTreeSet<String>>,
}

/// An outcome that is forced on statements, regardless of their SQL.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StatementOverride {
    /// The statement's name, with `*` for any text.
    pub name: String,
    /// The outcome of the statement.
    #[serde(rename = "does")]
    pub outcome: ForcedOutcome,
}

/// The outcome of a statement when it starts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum ForcedOutcome {
    /// It does not compile: it is FAILED with this detail and has no traits.
    Invalid(String),
    /// It runs, and FAILS some time later.
    Fails {
        /// The delay after RUNNING, in seconds of the world's time.
        #[serde(rename = "after")]
        after_seconds: f64,
        /// The text of `status.detail` and of the exception.
        detail: String,
    },
    /// It stays PENDING and never starts.
    NeverStarts,
    /// It is COMPLETED instead of running on.
    Completes,
    /// It stays PENDING with `POOL_EXHAUSTED`, regardless of the room on its pool.
    PoolExhausted,
    /// It runs with a `CRITICAL` warning, which has this message.
    CriticalWarning(String),
    /// It becomes DEGRADED some time after it began to run.
    #[serde(rename = "degraded")]
    Degrades {
        /// The delay after RUNNING, in seconds of the world's time.
        #[serde(rename = "after")]
        after_seconds: f64,
    },
    /// It is in this phase, which clients may not know, instead of RUNNING.
    #[serde(rename = "phase")]
    UnknownPhase(String),
    /// It takes this many seconds to start.
    #[serde(rename = "slow")]
    StartsAfter(f64),
}

impl Scenario {
    /// Parses a scenario file.
    ///
    /// # Errors
    ///
    /// The message names line and column, and what was expected there.
    pub fn parse(text: &str) -> Result<Scenario, String> {
        serde_json::from_str(text).map_err(|error| format!("invalid scenario: {error}"))
    }
}

impl StatementOverride {
    /// Returns whether the override applies to the statement `name`.
    pub(super) fn matches(&self, name: &str) -> bool {
        matches_pattern(&self.name, name)
    }
}

/// Converts seconds from a file to a duration. Negative and invalid values give zero.
pub(super) fn duration_from_seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
