//! Prints to standard output and standard error. Only this file prints. A reader that has gone away is not an error.

use std::{
    io::{self, IsTerminal, Write},
    thread,
};

use anstream::{AutoStream, ColorChoice, stream::RawStream};
use terminal_size::{Height, Width, terminal_size_of};
use tokio::sync::oneshot;

use super::{CommandError, ProcessEnvironment, arguments::ColorWhen};
use crate::render::{self, Style, printable};

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

/// The width of text in columns on a terminal that does not report one.
const DEFAULT_WIDTH: usize = 80;
/// The largest width of text in columns, since longer lines are hard to read.
const MAX_WIDTH: usize = 120;
/// The smallest width of text in columns.
const MIN_WIDTH: usize = 40;

/// Sets which output has colors. An explicit `when` overrides `NO_COLOR`, which overrides `FORCE_COLOR`. Otherwise
/// anstream decides for each stream: by `CLICOLOR_FORCE`, `CLICOLOR`, `TERM` and whether the stream is a terminal.
///
/// The setting is anstream's own, so that clap's messages follow it too.
pub fn set_color(when: ColorWhen, process: &ProcessEnvironment) {
    let is_forced = process.variable("FORCE_COLOR").is_some() && process.variable("NO_COLOR").is_none();
    let choice = match when {
        ColorWhen::Always => ColorChoice::Always,
        ColorWhen::Never => ColorChoice::Never,
        ColorWhen::Auto if is_forced => ColorChoice::Always,
        ColorWhen::Auto => ColorChoice::Auto,
    };
    choice.write_global();
}

/// Returns whether text on `stream` has colors.
fn has_color<S: RawStream>(stream: &S) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

/// Returns the width of text on a stream: `COLUMNS`, or the width of the terminal. Lines in a file or a pipe are not
/// wrapped, so that a search finds whole lines.
fn text_width(stream: &impl IsTerminal, terminal: Option<(Width, Height)>, process: &ProcessEnvironment) -> usize {
    let columns = process.variable("COLUMNS").and_then(|columns| columns.trim().parse().ok());
    if columns.is_none() && !stream.is_terminal() {
        return Style::UNLIMITED;
    }
    let terminal = terminal.map(|(Width(columns), _)| usize::from(columns));
    columns.or(terminal).unwrap_or(DEFAULT_WIDTH).clamp(MIN_WIDTH, MAX_WIDTH)
}

impl Screen {
    /// Returns the screen of this process. `set_color` decides beforehand which streams have colors.
    pub fn from_process(process: &ProcessEnvironment) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        Screen {
            stdout_style: Style {
                width: text_width(&stdout, terminal_size_of(&stdout), process),
                color: has_color(&stdout),
            },
            stderr_style: Style {
                width: text_width(&stderr, terminal_size_of(&stderr), process),
                color: has_color(&stderr),
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

    /// Prints sentences on standard error and wraps them. Errors are ignored.
    pub fn notify(&self, text: &str) {
        self.eprint(&(render::wrap(text, self.stderr_style.width).join("\n") + "\n"));
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
