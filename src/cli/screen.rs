//! The only place that prints. A reader that has gone away is no error: nobody is left to be told.

use std::{
    io::{self, IsTerminal, Write},
    thread,
};

use tokio::sync::oneshot;

use super::{CommandError, ProcessEnvironment, arguments::ColorChoice};
use crate::render::Style;

/// Standard output and error, and how text is laid out on each.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// For what was asked for.
    pub stdout_style: Style,
    /// For everything said beside it.
    pub stderr_style: Style,
    /// Whether somebody sits at standard error and input: they can be asked, and shown a table that moves.
    pub is_interactive: bool,
}

/// Columns where no terminal says how many it has.
const DEFAULT_WIDTH: usize = 80;
/// The most columns that text is spread over; longer lines read badly.
const MAX_WIDTH: usize = 120;
const MIN_WIDTH: usize = 40;

impl Screen {
    /// This process's, coloured as asked.
    pub fn from_process(color: ColorChoice, process: &ProcessEnvironment) -> Self {
        let columns = process.variable("COLUMNS").and_then(|columns| columns.trim().parse().ok());
        let terminal =
            |fd: Option<(terminal_size::Width, terminal_size::Height)>| fd.map(|(width, _)| usize::from(width.0));
        let width = |found: Option<usize>| columns.or(found).unwrap_or(DEFAULT_WIDTH).clamp(MIN_WIDTH, MAX_WIDTH);
        let use_color = |is_terminal: bool| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                is_terminal && process.variable("NO_COLOR").is_none() && process.variable("TERM") != Some("dumb")
            }
        };
        let (stdout, stderr) = (io::stdout(), io::stderr());
        Screen {
            stdout_style: Style {
                width: width(terminal(terminal_size::terminal_size_of(&stdout))),
                color: use_color(stdout.is_terminal()),
            },
            stderr_style: Style {
                width: width(terminal(terminal_size::terminal_size_of(&stderr))),
                color: use_color(stderr.is_terminal()),
            },
            is_interactive: stderr.is_terminal() && io::stdin().is_terminal(),
        }
    }

    /// Prints what was asked for.
    ///
    /// # Errors
    /// When it cannot be written, a full disk for example. Not when nobody reads.
    pub fn print(&self, text: &str) -> Result<(), CommandError> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(CommandError::new(format!("standard output cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Says something beside it. Where standard error is gone, nobody can be told.
    pub fn eprint(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }

    /// Asks for a yes. Anything else, and the end of input, is a no. Whoever waits for the answer may stop waiting: the
    /// reading is a thread of its own, which ends with the process.
    pub async fn confirm(&self, question: &str) -> bool {
        self.eprint(question);
        let (sender, receiver) = oneshot::channel();
        thread::spawn(move || {
            let mut answer = String::new();
            let read = io::stdin().read_line(&mut answer).is_ok();
            // Nobody may be waiting any more.
            let _ = sender.send(read && matches!(answer.trim(), "y" | "yes" | "Y" | "Yes" | "YES"));
        });
        receiver.await.unwrap_or(false)
    }
}
