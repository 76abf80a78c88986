//! Runs a plan as its dependencies allow, and records every request and its outcome. It decides only when to retry.
//!
//! ```text
//! scheduler ────────▶ step_group ──▶ step ──▶ mutation (of a statement or a pool) ──▶ cloud
//!      ▲                              │          │
//!      └─────────── journal ◀─────────┴──────────┘    step ──▶ wait ──▶ watcher
//! ```

mod context;
mod event;
mod journal;
mod late_effects;
mod mutation;
mod pool;
mod read;
mod recent_list;
mod refusal;
mod result;
mod scheduler;
mod statement;
mod step;
mod step_group;
mod wait;
mod watcher;

pub use context::{Interrupt, RunInputs};
pub use event::{Event, NotReached, NotReachedCause, RequestAccepted, RunReport, StepFailure};
pub use result::RunResult;
pub use scheduler::run;
