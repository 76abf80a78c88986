//! Locations in source files, and the problems that are found there.

use std::{ops::Range, path::PathBuf, sync::Arc};

/// A byte range of a text.
pub type Span = Range<usize>;

/// A file as it was read. Diagnostics quote from it.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path to display, relative to the project.
    pub path: PathBuf,
    /// The whole text of the file.
    pub text: Arc<str>,
}

/// A range of bytes in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLocation {
    /// The file that contains the range.
    pub source: Arc<SourceFile>,
    /// The bytes in that file.
    pub span: Span,
}

/// A mistake in the user's files: what is wrong, where, and the next step. `cli` renders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One lower-case sentence with objects in back-quotes.
    pub message: String,
    /// What the user should do next.
    pub help: Option<String>,
    /// The locations that matter, each with a short label. The problem is at the first one.
    pub locations: Vec<(SourceLocation, String)>,
}

impl Problem {
    /// Returns a problem without a location.
    pub fn new(message: impl Into<String>) -> Self {
        Problem { message: message.into(), help: None, locations: Vec::new() }
    }

    /// Adds a location with its label.
    pub fn at(mut self, location: SourceLocation, label: impl Into<String>) -> Self {
        self.locations.push((location, label.into()));
        self
    }

    /// Sets the next step to show.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
