//! DESIRED: TOML and SQL files in, one checked project out, or every problem with its place.

mod project;

pub use project::{DeclaredPool, DeclaredStatement, Environment, Moved, Project, Simulated, SqlText, StateLocation};
