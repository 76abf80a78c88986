//! A script of misfortunes and verdicts, from a JSON file or a test.
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

use super::{faults::FaultRule, options::Switches};

/// What goes wrong, and which statements do what their text would not make them do.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// Misfortunes of requests, in the order in which they are tried; the first that fits is used.
    pub faults: Vec<FaultRule>,
    /// Verdicts on statements; the first whose name fits is used.
    #[serde(rename = "verdicts")]
    pub overrides: Vec<StatementOverride>,
    /// Answers to what the API's documents leave open; those that are not named are the best guess.
    pub switches: Option<Switches>,
    /// The principals that exist; all, where none are named.
    pub principals: Option<BTreeSet<String>>,
}

/// What the service makes of a statement, whatever its text says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StatementOverride {
    /// The statement's name, with `*` for anything.
    pub name: String,
    /// What becomes of it.
    #[serde(rename = "does")]
    pub outcome: ForcedOutcome,
}

/// What becomes of a statement when it starts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum ForcedOutcome {
    /// It does not compile: FAILED with this detail, and without traits.
    Invalid(String),
    /// It runs, and FAILS so many seconds later.
    Fails {
        /// Seconds of the world's time from RUNNING on.
        #[serde(rename = "after")]
        after_seconds: f64,
        /// `status.detail`, and its exception.
        detail: String,
    },
    /// It stays PENDING.
    NeverStarts,
    /// It COMPLETES instead of running on.
    Completes,
    /// It stays PENDING with `POOL_EXHAUSTED`, whatever its pool holds.
    PoolExhausted,
    /// It runs with a warning `CRITICAL`.
    CriticalWarning(String),
    /// It is DEGRADED so many seconds after it began to run.
    #[serde(rename = "degraded")]
    Degrades {
        /// Seconds of the world's time.
        #[serde(rename = "after")]
        after_seconds: f64,
    },
    /// It is in a phase that no client has heard of, where it would be RUNNING.
    #[serde(rename = "phase")]
    UnknownPhase(String),
    /// It takes so many seconds to start.
    #[serde(rename = "slow")]
    StartsAfter(f64),
}

impl Scenario {
    /// Reads a scenario file. The error names line and column, and what was expected there.
    pub fn parse(text: &str) -> Result<Scenario, String> {
        serde_json::from_str(text).map_err(|error| format!("scenario: {error}"))
    }
}

impl StatementOverride {
    /// Whether it is about the statement `name`.
    pub(super) fn matches(&self, name: &str) -> bool {
        matches_pattern(&self.name, name)
    }
}

/// Seconds from a file as a span; nonsense is none.
pub(super) fn duration_from_seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Whether `text` fits `pattern`, in which `*` stands for anything.
pub(super) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece).and_then(|start| rest.get(start.saturating_add(piece.len())..)) {
            Some(tail) => rest = tail,
            None => return false,
        }
    }
    true
}
