//! Tests of the simulated cloud through its client interface.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod catalog;
mod client;
mod formats;
mod http_server;
mod injected_faults;
mod malformed_requests;
mod persistence;
mod pools;
mod statements;
