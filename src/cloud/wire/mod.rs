//! The JSON of the two APIs, read tolerantly: unknown fields are skipped, and a field that may be absent may also be
//! null. Only fields that decisions depend on are required. (`flink-gateway-v1` and `fcpm-v2` in Confluent's API
//! description.)

mod decode;
mod object;
mod page;
mod pool;
mod raw_object;
mod statement;

use object::MissingField;
pub(super) use object::WireObject;
pub(super) use page::WirePage;
pub(super) use pool::{NewPool, Pool, PoolChange, Region};
pub(super) use raw_object::RawObject;
pub(super) use statement::{Exception, NewStatement, Statement};
