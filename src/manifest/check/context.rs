//! The data that the checks share, and their problems with locations.

use std::collections::BTreeSet;

use crate::{
    manifest::{
        Environment,
        gather::SqlFileCache,
        layer::{At, StatementLayer},
        project_folder::ProjectFolder,
        substitute::Substitution,
        suggest,
    },
    resource::{Problem, SourceLocation},
};

/// The data that the checks of pools and statements share.
pub(in crate::manifest) struct ValidationContext<'a> {
    /// The folder of the project.
    pub folder: &'a ProjectFolder<'a>,
    /// The chosen environment, or a placeholder if none could be chosen.
    pub environment: &'a Environment,
    /// The defaults of all statements, with those of the environment.
    pub defaults: &'a StatementLayer,
    /// The lint codes in `allow` of `[project]`.
    pub allow: &'a [At<String>],
    /// Whether all files could be read, so that a missing declaration does not exist.
    pub is_complete: bool,
    /// The keys of all declared pools.
    pub pool_keys: BTreeSet<&'a str>,
    /// The keys of all declared statements.
    pub statement_keys: BTreeSet<&'a str>,
    /// The variables and secrets of the environment that is being checked.
    pub substitution: Substitution<'a>,
    /// The SQL files that were read so far.
    pub sql_files: SqlFileCache,
    /// The problems found so far.
    pub problems: Vec<Problem>,
    /// The keys of statements with a problem that affects the meaning of their SQL. They are left out of the project.
    pub invalid_statements: BTreeSet<String>,
}

/// The number of problems after which no suggestions are made, since computing them then costs more than it helps.
const MAX_SUGGESTIONS: usize = 200;

impl ValidationContext<'_> {
    /// Returns the known name nearest to `written`, unless there are already too many problems.
    pub(super) fn nearest<'k>(&self, written: &str, known: &BTreeSet<&'k str>) -> Option<&'k str> {
        if self.problems.len() < MAX_SUGGESTIONS { suggest::nearest(written, known.iter().copied()) } else { None }
    }
}

/// Returns a problem at the location of `at`.
pub(super) fn problem_at<T>(at: &At<T>, message: impl Into<String>, label: impl Into<String>) -> Problem {
    Problem::new(message).at(at.place.clone(), label)
}

/// Adds the locations of a duplicate and of the first occurrence to `problem`.
pub(super) fn with_both_places(problem: Problem, second: &SourceLocation, first: &SourceLocation) -> Problem {
    problem.at(second.clone(), "again here").at(first.clone(), "first here")
}
