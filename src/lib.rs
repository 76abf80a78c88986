//! floe keeps Flink SQL on Confluent Cloud in git: `plan` says what would happen, `apply` does it.
//!
//! ```text
//!  *.toml *.sql ──▶ manifest ──▶ graph ───────┐
//!                      ▲                      │
//!                     sql                     ├──▶ diff ──▶ plan ──▶ execute ──▶ cloud, state
//!  state/*.json ───▶ state ──┐                │        │         │
//!                            ├──▶ settle ─────┘        └─ render ┘ ──▶ cli ──▶ terminal
//!  Confluent ──▶ cloud ──▶ live
//! ```
//!
//! Three sources enter: *desired*, *recorded*, *live*. `settle` brings the record up to date with what an interrupted
//! run left open; then all three meet once, in `diff`. The only loop is through the world: `execute` changes the cloud
//! and the record, and the next run reads them. `planning` takes the way from the left to `plan`; the command line and
//! the tests both call it.
//!
//! # Invariants
//!
//! 1. `settle`, `diff` and `plan` are synchronous and pure: no IO, no clock, no randomness. Equal inputs give
//!    byte-equal plans.
//! 2. Planning sends only GETs.
//! 3. Execution decides nothing but when to try again.
//! 4. No request that changes something leaves before its intent is durable.
//! 5. No branch turns an error, an empty page or a 403 into absence.
//! 6. The library prints nothing and reads no environment variable; `cli` does.
//! 7. Someone other than the planner checks plans: [`plan::check`], in tests and before every apply.
//! 8. Submitted SQL is git's text after `${…}`, byte for byte.
//! 9. `render` never compares two specs.
//!
//! `tests/suite/architecture.rs` holds this table of rooms.

pub mod resource;

pub mod sql;

pub mod manifest;

pub mod graph;

pub mod state;

pub mod cloud;

pub mod simulator;

pub mod live;

pub mod settle;

pub mod diff;

pub mod plan;

pub mod planning;

pub mod execute;

pub mod render;

pub mod cli;
