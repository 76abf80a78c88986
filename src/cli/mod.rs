//! Commands and flags. The only place that prints, reads the environment, draws progress, catches signals or exits.
//!
//! `arguments` is what is typed; each command is a file; `project` is what every command begins with.

mod ambient;
mod apply;
pub mod arguments;
mod beside;
mod completions;
pub mod door;
mod drift;
mod exit;
mod graph;
mod help;
mod holder;
mod import;
mod init;
mod interrupt;
mod lints;
mod moved;
mod plan;
pub mod problems;
mod progress;
mod project;
mod quote;
mod runtime;
mod saved;
mod screen;
mod simulator;
mod state;
mod status;
mod trouble;
mod validate;
mod values;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use self::arguments::{Arguments, Command, Format, Global};

pub use ambient::Ambient;
pub use exit::Exit;
pub use screen::Screen;
pub use trouble::Trouble;

/// The program: parses the command line, runs the command, says what went wrong.
pub fn main() -> ExitCode {
    let ambient = Ambient::of_process();
    let arguments = match Arguments::given(&ambient) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error).into(),
    };
    let screen = Screen::of_process(arguments.global.color, &ambient);
    let exit = run(&arguments, &ambient, &screen).unwrap_or_else(|trouble| {
        tell(&trouble, &arguments.global, &screen);
        trouble.exit()
    });
    exit.into()
}

fn run(arguments: &Arguments, ambient: &Ambient, screen: &Screen) -> Result<Exit, Trouble> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Init { into } => init::run(&in_folder(global, into), screen),
        Command::Validate => validate::run(global, ambient, screen),
        Command::Plan(plan) => plan::run(plan, global, ambient, screen),
        Command::Apply(apply) => apply::apply(apply, global, ambient, screen),
        Command::Destroy(destroy) => apply::destroy(destroy, global, ambient, screen),
        Command::Status => status::run(global, ambient, screen),
        Command::Drift => drift::run(global, ambient, screen),
        Command::Import { address, id } => import::run(address, id, global, ambient, screen),
        Command::State(command) => state::run(command, global, ambient, screen),
        Command::Graph { targets } => graph::run(targets, global, ambient, screen),
        Command::Simulator(simulator) => simulator::run(simulator, screen),
        Command::Completions { shell } => completions::run(*shell, screen),
        Command::Help { topic } => help::run(topic, screen),
    }
}

/// `path` as it is meant with `-C`, without the dot that means nothing.
fn in_folder(global: &Global, path: &Path) -> PathBuf {
    match (global.folder == Path::new("."), path == Path::new(".")) {
        (true, _) => path.to_owned(),
        (false, true) => global.folder.clone(),
        (false, false) => global.folder.join(path),
    }
}

/// Help and version are what was asked for; everything else is an error. (clap's own code for that is 2, which here
/// means that changes are pending.)
fn usage(error: &clap::Error) -> Exit {
    // A closed pipe is no error.
    let _ = error.print();
    if error.use_stderr() { Exit::Error } else { Exit::Done }
}

/// Says what ended a command, drawn for people or as JSON, always on standard error.
fn tell(trouble: &Trouble, global: &Global, screen: &Screen) {
    let problems = trouble.problems();
    let text = match global.format {
        Format::Json => format!("{:#}\n", problems::json(&problems)),
        _ => problems::draw(&problems, screen.err),
    };
    screen.err(&text);
}
