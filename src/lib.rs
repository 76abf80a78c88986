//! floe
pub mod cloud;
pub mod diff;
pub mod graph;
pub mod live;
pub mod manifest;
pub mod plan;
pub mod resource;
pub mod settle;
pub mod sql;
pub mod state;
