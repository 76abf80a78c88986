//! Commands and flags. The only place that prints, reads the environment, draws progress, catches signals or exits.
//!
//! `arguments` is what is typed; each command is a file; `planning` makes one plan, from manifests to passages.

mod ambient;
pub mod arguments;
pub mod door;
mod exit;
mod plan;
pub mod planning;
pub mod problems;
mod runtime;
mod screen;
mod trouble;
mod validate;

use std::process::ExitCode;

use clap::Parser;

use self::{
    arguments::{Arguments, Colour, Command, Format, Global},
    problems::Rank,
};

pub use ambient::Ambient;
pub use exit::Exit;
pub use screen::Screen;
pub use trouble::Trouble;

/// The program: parses the command line, runs the command, says what went wrong.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error).into(),
    };
    let ambient = Ambient::of_process();
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
        Command::Validate => validate::run(global, ambient, screen),
        Command::Plan(plan) => plan::run(plan, global, ambient, screen),
        _ => Err(Trouble::new("not yet")),
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
    let problems: Vec<_> = trouble.problems().into_iter().map(|problem| (problem, Rank::ERROR)).collect();
    let text = match global.format {
        Format::Json => format!("{:#}\n", problems::json(&problems)),
        _ => problems::draw(&problems, screen.err),
    };
    screen.err(&text);
    let _ = Colour::Auto;
}
