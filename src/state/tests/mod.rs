//! The room's tests, over records small enough to read.

mod apply;
mod concurrent_readers;
mod consumed_plans;
mod crash;
mod fixtures;
mod killed;
mod local;
mod lock;
mod memory;
mod schema;
mod wrapped_disk;

use super::*;
