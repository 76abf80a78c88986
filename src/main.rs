//! floe: `cli` parses, plans, shows, asks, executes and exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    floe::cli::main()
}
