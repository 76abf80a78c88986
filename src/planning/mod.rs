//! Makes one plan from desired, recorded and live, in the order shown in `lib.rs`. Sends only GETs.
//!
//! The command line and the tests both use this room, so the tests cover what ships.

mod error;
mod import;
mod one_plan;
mod redaction;
mod settled_plan;

pub use error::PlanningError;
pub use import::{ImportError, ImportRequest, ImportedStatement, import_statements};
pub use one_plan::{
    PlanRequest, PlanningOutput, SettledRecord, load_desired, make_plan, plan_from, redact_read_error,
    settle_with_lookups,
};
pub use redaction::redact_live;
pub use settled_plan::{Waiting, plan_once_settled};
