//! floe against its simulated cloud: one binary for everything that takes a whole run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod convergence;
mod crash;
mod faults;
mod interrupt;
mod lives;
mod wire;
mod world;
