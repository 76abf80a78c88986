//! floe keeps Flink SQL on Confluent Cloud in git: `plan` shows what would change, and `apply` changes it.
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
//! There are three sources: *desired*, *recorded* and *live*. `settle` brings the record up to date with the requests
//! that an interrupted run left open, then all three meet once, in `diff`. The only loop goes through the world:
//! `execute` changes the cloud and the record, and the next run reads them. `planning` runs everything from the left up
//! to `plan`. The command line and the tests both call it.
//!
//! # Invariants
//!
//! 1. `settle`, `assess`, `diff` and `plan` are synchronous and pure: no IO, no clock, no randomness. Equal inputs give
//!    byte-equal plans.
//! 2. Planning sends only GETs.
//! 3. Execution decides nothing except when to retry.
//! 4. A request that changes something is sent only after its intent is durable.
//! 5. An error, an empty page or a 403 never counts as absence.
//! 6. The library prints nothing and reads no environment variable. Only `cli` does.
//! 7. Plans are checked by code other than the planner: [`plan::check`], in tests and before every apply.
//! 8. Submitted SQL is the text in git with its `${…}` filled in, byte for byte.
//! 9. `render` never compares two specs.
//!
//! `tests/suite/architecture.rs` enforces which room (top-level module) may use which. `CONTRIBUTING.md` describes the
//! rooms and explains the terms.

pub mod resource;

pub mod sql;

pub mod manifest;

pub mod graph;

pub mod state;

pub mod cloud;

pub mod simulator;

pub mod live;

pub mod settle;

pub mod assess;

pub mod diff;

pub mod plan;

pub mod planning;

pub mod execute;

pub mod render;

pub mod cli;
