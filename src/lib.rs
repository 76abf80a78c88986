//! floe
pub mod cloud;
pub mod resource;
pub mod sql;
pub mod state;
