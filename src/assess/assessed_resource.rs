//! One resource as it is seen, with its conditions.

use super::condition::Condition;
use crate::live::Lookups;

/// One address as it is live, with its conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssessedResource {
    /// The cloud name of the statement or the id of the pool. `None` if nothing is submitted.
    pub name: Option<String>,
    /// What the resource is seen as.
    pub state: ObservedState,
    /// When it entered its phase (RFC 3339), if the service reports it.
    pub since: Option<String>,
    /// The conditions of the resource, in the order in which they are shown.
    pub conditions: Vec<Condition>,
    /// The lookups that the conditions lack.
    pub missing: Lookups,
}

/// What a resource is seen as: its phase, or why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObservedState {
    /// The service reports this phase.
    Phase(String),
    /// It is gone from Confluent Cloud.
    Gone,
    /// It was stopped and is gone, and the state keeps its offsets.
    Purged,
    /// It completed, and the service has deleted it since.
    Done,
    /// Its name belongs to another statement.
    Foreign,
    /// It could not be read.
    Unknown,
    /// It is declared and not submitted, because `stopped = true`.
    Held,
    /// A request for it is open.
    Open,
}

impl AssessedResource {
    /// Returns a resource that is seen as `state`, with conditions.
    pub(super) fn new(name: Option<&str>, state: ObservedState, conditions: Vec<Condition>) -> Self {
        let name = name.map(str::to_owned);
        AssessedResource { name, state, since: None, conditions, missing: Lookups::default() }
    }

    /// Returns whether the resource needs attention.
    pub fn is_unhealthy(&self) -> bool {
        self.conditions.iter().any(Condition::is_unhealthy)
    }
}

impl ObservedState {
    /// Returns the phase in the service's spelling, or a lower-case word if there is none.
    pub fn as_str(&self) -> &str {
        match self {
            ObservedState::Phase(phase) => phase,
            ObservedState::Gone => "gone",
            ObservedState::Purged => "purged",
            ObservedState::Done => "done",
            ObservedState::Foreign => "foreign",
            ObservedState::Unknown => "unknown",
            ObservedState::Held => "held",
            ObservedState::Open => "open",
        }
    }
}
