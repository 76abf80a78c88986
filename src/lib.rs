//! floe
pub mod cloud;
pub mod graph;
pub mod manifest;
pub mod resource;
pub mod simulator;
pub mod sql;
pub mod state;
