//! What Confluent's guides warn of, as far as a text shows it: each lint has a code, a place and a way out.

mod catalogue;
mod checks;

use std::collections::BTreeSet;

use super::{
    Class, Kind, Reading,
    lex::Sort,
    reading::{understand, written_secrets},
    script::Script,
};
use crate::resource::{SmallMap, Span, Template};

pub use catalogue::{Explanation, codes, explain};
pub(super) use checks::is_written_secret;
pub use checks::names_a_secret;

/// What surrounds a statement in its project.
#[derive(Debug, Clone)]
pub struct LintContext<'a> {
    /// Its properties, defaults merged in.
    pub properties: &'a SmallMap<Template>,
    /// Who it runs as, if the project says so: `sa-…`, `u-…`, `pool-…`.
    pub principal: Option<&'a str>,
    /// Whether its environment is marked `protected = true`.
    pub protected: bool,
    /// Whether floe may replace its job by a new generation (every policy but `manual`).
    pub evolves: bool,
    /// Codes that are allowed here: their lints are left out.
    pub allowed: &'a BTreeSet<String>,
}

/// How much a lint weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It will work, and somebody will regret it.
    Warning,
    /// It must not be sent.
    Error,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// `FL101`; [`explain`] tells more.
    pub code: &'static str,
    /// One lower-case sentence, objects in back-quotes. Never holds a literal of the text.
    pub message: String,
    /// The next step.
    pub help: String,
    /// Where in the text; `None` if it is about the statement's surroundings.
    pub span: Option<Span>,
    /// The property that it is about, where it is about one.
    pub property: Option<String>,
    /// Whether it is an error.
    pub severity: Severity,
}

/// The lints of a statement, in order of place and code. `reading` is the reading of `text`. A text with faults has none:
/// the faults come first.
pub fn lint(reading: &Reading, text: &str, context: &LintContext<'_>) -> Vec<Lint> {
    if !reading.faults.is_empty() {
        return Vec::new();
    }
    let script = Script::new(text);
    let (statement, _, _) = understand(&script);
    let subject = Subject { reading, script: &script, statement: &statement, context };
    told(checks::ALL.iter().flat_map(|check| check(&subject)).collect(), context)
}

/// Those that are not allowed here, in order of place and code.
fn told(mut lints: Vec<Lint>, context: &LintContext<'_>) -> Vec<Lint> {
    lints.retain(|lint| !context.allowed.contains(lint.code));
    lints.sort_by_key(|lint| (lint.span.as_ref().map(|span| span.start), lint.code));
    lints
}

/// Whether an option of `text` that is named like a secret holds its value rather than a reference to one.
pub fn writes_a_secret(text: &str) -> bool {
    let script = Script::new(text);
    let (statement, _, _) = understand(&script);
    !written_secrets(&statement).is_empty()
}

/// Of the lints of a statement those that are errors, in order of place. Takes no second look at its text.
pub fn forbidding(reading: &Reading, context: &LintContext<'_>) -> Vec<Lint> {
    if !reading.faults.is_empty() {
        return Vec::new();
    }
    told(checks::secret_literals(reading, context), context)
}

/// The strings of a text with their quotes, and its hints, which hold strings.
pub fn strings(text: &str) -> Vec<&str> {
    let script = Script::new(text);
    let strings = (0..script.len()).filter(|&at| script.sort(at) == Some(Sort::Text)).map(|at| script.text(at));
    strings.chain(script.hints.iter().map(|hint| hint.text(text))).collect()
}

/// What a check looks at.
struct Subject<'c, 's, 'a> {
    reading: &'c Reading,
    script: &'s Script<'a>,
    statement: &'c super::statement::Statement<'s, 'a>,
    context: &'c LintContext<'c>,
}

impl Subject<'_, '_, '_> {
    /// Whether the statement goes on running.
    fn is_job(&self) -> bool {
        matches!(self.reading.kind.class(), Class::Job | Class::TableJob)
    }

    /// Whether the statement is of this kind.
    fn is(&self, kind: Kind) -> bool {
        self.reading.kind == kind
    }

    /// Whether a property is set to more than nothing: `0`, `0 ms` and the like switch off what the lints ask for.
    fn sets(&self, property: &str) -> bool {
        self.context.properties.get(property).is_some_and(|value| {
            let digits: String = value.masked().trim().chars().take_while(char::is_ascii_digit).collect();
            digits.is_empty() || digits.bytes().any(|digit| digit != b'0')
        })
    }

    /// Whether a hint of the text holds `word`.
    fn hints_at(&self, word: &str) -> bool {
        let source = self.script.source();
        self.script.hints.iter().any(|hint| hint.text(source).to_ascii_lowercase().contains(word))
    }

    /// Whether the state of the statement is given an end.
    fn expires_state(&self) -> bool {
        self.sets("sql.state-ttl") || self.hints_at("state_ttl")
    }
}
