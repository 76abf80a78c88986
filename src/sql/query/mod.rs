//! Walks queries: which tables they read, which functions they call, and which constructs keep state.

mod clauses;
mod expressions;
mod join_bounds;
mod named_arguments;
mod query_starts;
mod stars;
mod tables;
mod walker;
mod window_sources;

pub(super) use walker::QueryWalker;
pub(super) use window_sources::WindowSources;
