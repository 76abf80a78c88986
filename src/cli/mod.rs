//! The commands and flags of floe. Only this room prints, reads the environment, draws progress, catches signals and
//! exits.
//!
//! `arguments` parses the command line, each command has a file, and `project` loads what every command needs.

mod apply;
pub mod arguments;
mod command_error;
mod completions;
pub mod connect;
mod drift;
mod excerpt;
mod exit;
mod graph;
mod help;
mod import;
mod init;
mod init_state;
mod interrupt;
mod lint_problems;
mod lock_holder;
mod moved_blocks;
mod plan;
mod plan_context;
pub mod problems;
mod process_environment;
mod progress;
mod project;
mod quoted_file;
mod runtime;
mod saved_plan;
mod screen;
mod secret_values;
mod simulator;
mod state;
mod status;
mod validate;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use self::arguments::{Arguments, Command, GlobalOptions, OutputFormat};

pub use command_error::CommandError;
pub use exit::Exit;
pub use process_environment::ProcessEnvironment;
pub use screen::Screen;

/// Runs the program: parses the command line, runs the command, prints its error and returns its exit code.
pub fn main() -> ExitCode {
    let mut process = ProcessEnvironment::from_process();
    let arguments = match Arguments::from_command_line(&process) {
        Ok(arguments) => arguments,
        Err(error) => {
            screen::set_color(arguments::color_of_rejected_line(&process), &process);
            return print_clap_message(&error).into();
        }
    };
    process.allow_endpoints(&arguments.global.allowed_endpoints);
    screen::set_color(arguments.global.color, &process);
    let screen = Screen::from_process(&process);
    let exit = run(&arguments, &process, &screen).unwrap_or_else(|error| {
        print_error(&error, &arguments.global, &screen);
        error.exit()
    });
    exit.into()
}

/// Runs the command that `arguments` ask for.
fn run(arguments: &Arguments, process: &ProcessEnvironment, screen: &Screen) -> Result<Exit, CommandError> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Init { into, state: false } => init::run(&in_folder(global, into), screen),
        Command::Init { into, state: true } => {
            let global = GlobalOptions { folder: in_folder(global, into), ..global.clone() };
            init_state::run(&global, process, screen)
        }
        Command::Validate => validate::run(global, process, screen),
        Command::Plan(plan) => plan::run(plan, global, process, screen),
        Command::Apply(apply) => apply::apply(apply, global, process, screen),
        Command::Destroy(destroy) => apply::destroy(destroy, global, process, screen),
        Command::Status => status::run(global, process, screen),
        Command::Drift => drift::run(global, process, screen),
        Command::Import(arguments) => import::run(arguments, global, process, screen),
        Command::State(command) => state::run(command, global, process, screen),
        Command::Graph { targets } => graph::run(targets, global, process, screen),
        Command::Simulator(simulator) => simulator::run(simulator, process, screen),
        Command::Completions { shell } => completions::run(*shell, screen),
        Command::Help { topic } => help::run(topic, screen),
    }
}

/// Returns `path` relative to the folder of `-C`, without a redundant `.`.
fn in_folder(global: &GlobalOptions, path: &Path) -> PathBuf {
    match (global.folder == Path::new("."), path == Path::new(".")) {
        (true, _) => path.to_owned(),
        (false, true) => global.folder.clone(),
        (false, false) => global.folder.join(path),
    }
}

/// Prints clap's message and returns the exit code. Help and version were requested; any other message is an error.
/// clap's own exit code for errors is 2, which here means that changes are pending.
fn print_clap_message(error: &clap::Error) -> Exit {
    // A closed pipe is not an error.
    let _ = error.print();
    if error.use_stderr() { Exit::Error } else { Exit::Done }
}

/// Prints the error that ended a command on standard error, drawn for people or as JSON.
fn print_error(error: &CommandError, global: &GlobalOptions, screen: &Screen) {
    let problems = error.problems();
    let text = match global.format {
        OutputFormat::Json => crate::render::json_text(&problems::problems_json(&problems)).unwrap_or_default(),
        _ => problems::draw_problems(&problems, screen.stderr_style),
    };
    screen.eprint(&text);
}
