//! Runs plans: as dependencies allow, recording before and after each request. Decides nothing but when to try again.
//!
//! ```text
//! run (owner loop) ─▶ walk (one passage) ─▶ operate (one step) ─▶ asking (one change of statements, pools) ─▶ cloud
//!   ▲                                            │                   │
//!   └──────────── record (entries, events) ◀─────┴───────────────────┘
//!                                                └─▶ wait ─▶ watch (one lister for all waits)
//! ```

mod event;
mod journal;
mod mutation;
mod pool;
mod run;
mod statement;
mod step;
mod step_group;
mod wait;
mod watcher;

pub use event::{Event, NotReached, NotReachedCause, RequestAccepted, RunReport, StepFailure};
pub use run::{Interrupt, RunInputs, run};
