//! Prints to standard output and standard error. Only this file prints. A reader that has gone away is not an error.

use std::{
    io::{self, IsTerminal, Write},
    thread,
};

use tokio::sync::oneshot;

use super::{CommandError, ProcessEnvironment, arguments::ColorChoice};
use crate::render::{Style, printable};

/// Standard output and standard error, with the style of text on each.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// The style of standard output, which has the result of a command.
    pub stdout_style: Style,
    /// The style of standard error, which has progress, warnings and errors.
    pub stderr_style: Style,
    /// Whether standard error and standard input are terminals, so that floe can prompt and draw a live table.
    pub is_interactive: bool,
}

/// The width of text in columns if no terminal reports one.
const DEFAULT_WIDTH: usize = 80;
/// The largest width of text in columns, since longer lines are hard to read.
const MAX_WIDTH: usize = 120;
/// The smallest width of text in columns.
const MIN_WIDTH: usize = 40;

impl Screen {
    /// Returns the screen of this process, with colors as `color` says.
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

    /// Prints the result of a command on standard output.
    ///
    /// # Errors
    /// Returns an error if writing fails, for example because the disk is full. A closed pipe is not an error.
    pub fn print(&self, text: &str) -> Result<(), CommandError> {
        let text = printable(text, self.stdout_style.color);
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(CommandError::new(format!("cannot write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Prints on standard error. Errors are ignored.
    pub fn eprint(&self, text: &str) {
        let text = printable(text, self.stderr_style.color);
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }

    /// Asks a question and returns whether the answer is yes. Any other answer, and the end of input, is a no. The
    /// caller may drop the future at any time: a thread of its own reads the answer, and ends with the process.
    pub async fn confirm(&self, question: &str) -> bool {
        self.eprint(question);
        let (sender, receiver) = oneshot::channel();
        thread::spawn(move || {
            let mut answer = String::new();
            let read = io::stdin().read_line(&mut answer).is_ok();
            // The receiver may have been dropped.
            let _ = sender.send(read && matches!(answer.trim(), "y" | "yes" | "Y" | "Yes" | "YES"));
        });
        receiver.await.unwrap_or(false)
    }
}
