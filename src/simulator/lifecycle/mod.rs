//! What happens to statements and pools in the simulated world: they start, wait, run, end and are removed.

mod due;
mod end;
mod pool;
mod request;
mod start;

pub(super) use due::run_statement_event;
pub(super) use end::{ENDED_RETENTION, admit_waiting, end_statement, fail_running_statement, purge_statement};
pub(super) use pool::{begin_deprovisioning, run_pool_event};
pub(super) use request::{begin_deletion, begin_resume, begin_stop};
pub(super) use start::{compile_statement, results_fetched};
