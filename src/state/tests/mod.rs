//! The room's tests, over records small enough to read.

mod apply;
mod crash;
mod killed;
mod local;
mod lock;
mod memory;
mod readers;
mod sample;
mod schema;
mod used;
mod wrapped;

use super::*;
