//! Walks queries: which tables they read, which functions they call, and which constructs keep state.

mod clauses;
mod expressions;
mod tables;
mod walker;

pub(super) use walker::QueryWalker;
