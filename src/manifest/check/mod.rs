//! From merged layers to what is desired: every rule that a declaration has to keep.

pub(super) mod cloud_name;
pub(super) mod environment;
pub(super) mod environment_conflicts;
pub(super) mod moved;
pub(super) mod pool;
pub(super) mod secret;
mod settings;
mod sql;
pub(super) mod statement;
mod values;

use std::collections::BTreeSet;

use super::{
    gather::SqlFileCache,
    layer::{At, StatementLayer},
    substitute::Substitution,
    suggest,
};
use crate::{
    manifest::Environment,
    resource::{Problem, SourceLocation},
};

/// What checks of pools and statements share.
pub(super) struct ValidationContext<'a> {
    pub root: &'a std::path::Path,
    pub environment: &'a Environment,
    pub defaults: &'a StatementLayer,
    /// `[project] allow`.
    pub allow: &'a [At<String>],
    /// Whether everything was read, so that what is not there does not exist.
    pub is_complete: bool,
    pub pool_keys: BTreeSet<&'a str>,
    pub statement_keys: BTreeSet<&'a str>,
    pub substitution: Substitution<'a>,
    pub sql_files: SqlFileCache,
    pub problems: Vec<Problem>,
    /// Keys of statements of which something is wrong that decides what their SQL means: nothing is built on them.
    pub invalid_statements: BTreeSet<String>,
}

/// With so many problems a guess at each costs more than it helps.
const MAX_SUGGESTIONS: usize = 200;

impl ValidationContext<'_> {
    /// "Did you mean", as long as there are not too many problems to guess at.
    fn nearest<'k>(&self, written: &str, known: &BTreeSet<&'k str>) -> Option<&'k str> {
        if self.problems.len() < MAX_SUGGESTIONS { suggest::nearest(written, known.iter().copied()) } else { None }
    }
}

/// Says at the place of `at` what is wrong with it.
fn problem_at<T>(at: &At<T>, message: impl Into<String>, label: impl Into<String>) -> Problem {
    Problem::new(message).at(at.place.clone(), label)
}

/// Where a duplicate and what it repeats stand.
fn with_both_places(problem: Problem, second: &SourceLocation, first: &SourceLocation) -> Problem {
    problem.at(second.clone(), "again here").at(first.clone(), "first here")
}
