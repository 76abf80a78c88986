//! floe: `cli` parses, plans, shows, asks, executes and exits.

use std::process::ExitCode;

/// A plan of a large project is a million small pieces, made by two threads and gone a moment later.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    floe::cli::main()
}
