//! The simulated cloud as a client sees it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod catalog;
mod client;
mod formats;
mod misfortunes;
mod persistence;
mod pools;
mod robust;
mod served;
mod statements;
