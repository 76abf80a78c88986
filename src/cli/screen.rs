//! The only place that prints. A reader that has gone away is no error: nobody is left to be told.

use std::{
    io::{self, IsTerminal, Write},
    thread,
};

use tokio::sync::oneshot;

use super::{Ambient, Trouble, arguments::Colour};
use crate::render::Style;

/// Standard output and error, and how text is laid out on each.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// For what was asked for.
    pub out: Style,
    /// For everything said beside it.
    pub err: Style,
    /// Whether somebody sits at standard error and input: they can be asked, and shown a table that moves.
    pub interactive: bool,
}

/// Columns where no terminal says how many it has.
const WIDTH: usize = 80;
/// The most columns that text is spread over; longer lines read badly.
const WIDEST: usize = 120;
const NARROWEST: usize = 40;

impl Screen {
    /// This process's, coloured as asked.
    pub fn of_process(colour: Colour, ambient: &Ambient) -> Self {
        let columns = ambient.variable("COLUMNS").and_then(|columns| columns.trim().parse().ok());
        let terminal =
            |fd: Option<(terminal_size::Width, terminal_size::Height)>| fd.map(|(width, _)| usize::from(width.0));
        let width = |found: Option<usize>| columns.or(found).unwrap_or(WIDTH).clamp(NARROWEST, WIDEST);
        let coloured = |is_terminal: bool| match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                is_terminal && ambient.variable("NO_COLOR").is_none() && ambient.variable("TERM") != Some("dumb")
            }
        };
        let (out, err) = (io::stdout(), io::stderr());
        Screen {
            out: Style {
                width: width(terminal(terminal_size::terminal_size_of(&out))),
                colour: coloured(out.is_terminal()),
            },
            err: Style {
                width: width(terminal(terminal_size::terminal_size_of(&err))),
                colour: coloured(err.is_terminal()),
            },
            interactive: err.is_terminal() && io::stdin().is_terminal(),
        }
    }

    /// Prints what was asked for.
    ///
    /// # Errors
    /// When it cannot be written, a full disk for example. Not when nobody reads.
    pub fn out(&self, text: &str) -> Result<(), Trouble> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Trouble::new(format!("standard output cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Says something beside it. Where standard error is gone, nobody can be told.
    pub fn err(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Asks for a yes. Anything else, and the end of input, is a no. Whoever waits for the answer may stop waiting: the
    /// reading is a thread of its own, which ends with the process.
    pub async fn ask(&self, question: &str) -> bool {
        self.err(question);
        let (said, heard) = oneshot::channel();
        thread::spawn(move || {
            let mut answer = String::new();
            let read = io::stdin().read_line(&mut answer).is_ok();
            // Nobody may be waiting any more.
            let _ = said.send(read && matches!(answer.trim(), "y" | "yes" | "Y" | "Yes" | "YES"));
        });
        heard.await.unwrap_or(false)
    }
}
