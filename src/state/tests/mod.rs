//! Tests of this room, on small records.

mod apply;
mod concurrent_readers;
mod consumed_plans;
mod crash;
mod disk_hooks;
mod fixtures;
mod killed;
mod local;
mod lock;
mod memory;
mod schema;

use super::*;
