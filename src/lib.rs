//! floe
pub mod resource;
pub mod sql;
