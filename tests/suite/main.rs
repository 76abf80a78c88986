//! floe against its simulated cloud: one binary for everything that takes a whole run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
// Figures and what was skipped are printed.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod advice;
mod architecture;
mod bytes;
mod convergence;
mod crash;
mod docs;
mod doubt;
mod faults;
mod formats;
mod input;
mod interrupt;
mod late;
mod lives;
mod lock;
mod motion;
mod objections;
mod private;
mod process;
mod program;
mod rivals;
mod saved;
mod scenarios;
mod terminal;
mod values;
mod wire;
mod world;
