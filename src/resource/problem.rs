//! Where something stands in a file, and what is wrong there.

use std::{ops::Range, path::PathBuf, sync::Arc};

/// A byte range of a text.
pub type Span = Range<usize>;

/// One file as it was read: what diagnostics quote from.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as people should see it: relative to the project.
    pub path: PathBuf,
    /// The whole text.
    pub text: Arc<str>,
}

/// A labelled stretch of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLocation {
    /// The file.
    pub source: Arc<SourceFile>,
    /// The bytes of it that are meant.
    pub span: Span,
}

/// Something wrong with what the user wrote: what, where, and the next step. `cli` draws it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One lower-case sentence, objects in backticks.
    pub message: String,
    /// The next step.
    pub help: Option<String>,
    /// The places that matter, each with a short label; the first is where the problem is.
    pub locations: Vec<(SourceLocation, String)>,
}

impl Problem {
    /// A problem at no place in particular.
    pub fn new(message: impl Into<String>) -> Self {
        Problem { message: message.into(), help: None, locations: Vec::new() }
    }

    /// Adds a place with its label.
    pub fn at(mut self, location: SourceLocation, label: impl Into<String>) -> Self {
        self.locations.push((location, label.into()));
        self
    }

    /// Says the next step.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
