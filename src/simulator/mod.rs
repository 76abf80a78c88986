//! A simulated Confluent Cloud in memory or in a file: the statements and pools APIs with phases, limits and faults.
//!
//! A [`Simulator`] is a [`Transport`](crate::cloud::Transport), so a client needs no port; [`serve`] serves the same
//! world over HTTP. Time is tokio's, so minutes pass at once on a paused clock, and all randomness comes from one seed.
//! The simulator follows the API's OpenAPI document and what is known about real responses. It was never compared with
//! the live service; [`Switches`] has a switch for each open question.

mod api_request;
mod audit;
mod clock;
mod connection;
mod events;
mod exchange;
mod faults;
mod lifecycle;
mod limiter;
mod options;
mod out_of_band;
mod pattern;
mod pools;
mod response;
mod routes;
mod scenario;
mod serve;
mod simulated_cloud;
mod snapshot;
mod sql_summary;
mod statements;
mod switches;
#[cfg(test)]
mod tests;
mod transport;
mod uuid;
mod world;

pub use audit::{AuditReport, Effect, EffectKind};
pub use faults::{FaultRule, InjectedFault};
pub use options::{PhaseDurations, SimulatedRateLimits, SimulatorOptions};
pub use out_of_band::{OutOfBandChange, PoolView, StatementView, WorldView};
pub use scenario::{ForcedOutcome, Scenario, StatementOverride};
pub use serve::serve;
pub use simulated_cloud::Simulator;
pub use snapshot::WorldSnapshot;
pub use switches::{CatalogMode, RequestPolicy, Switches};
