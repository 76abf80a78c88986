//! Tests of this room, on small records.

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
