//! Walks queries: which tables they read, which functions they call, and which constructs keep state.

mod clauses;
mod expressions;
mod named_arguments;
mod stars;
mod tables;
mod walker;

pub(super) use walker::QueryWalker;
