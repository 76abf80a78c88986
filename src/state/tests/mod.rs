//! The room's tests, over records small enough to read.

mod apply;
mod crash;
mod local;
mod memory;
mod sample;
mod schema;

use super::*;
