//! Runs plans: as dependencies allow, recording before and after each request. Decides nothing but when to try again.
//!
//! ```text
//! run (owner loop) ─▶ walk (one passage) ─▶ operate (one step) ─▶ asking (one change of statements, pools) ─▶ cloud
//!   ▲                                            │                   │
//!   └──────────── record (entries, events) ◀─────┴───────────────────┘
//!                                                └─▶ wait ─▶ watch (one lister for all waits)
//! ```

mod asking;
mod event;
mod operate;
mod pools;
mod record;
mod run;
mod statements;
mod wait;
mod walk;
mod watch;

pub use event::{Event, NotReached, NotReachedCause, RequestAccepted, RunReport, StepFailure};
pub use run::{Interrupt, RunInputs, run};
