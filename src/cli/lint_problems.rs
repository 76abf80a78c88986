//! Returns the lints of a project as problems at their locations.

use super::problems::ProblemLevel;
use crate::{
    manifest::{DeclaredStatement, Project},
    resource::{Evolve, Problem},
    sql::{self, Lint, LintContext, LintSeverity},
};

/// Returns all lints of every statement, at their locations.
pub(super) fn all_lints(project: &Project) -> Vec<(Problem, ProblemLevel)> {
    lint_each(project, |statement, context| sql::lint(&statement.analysis, &statement.spec.sql.masked(), context))
}

/// Returns only the lints that are errors. A statement with one of them must not be sent.
pub(super) fn blocking_lints(project: &Project) -> Vec<(Problem, ProblemLevel)> {
    lint_each(project, |statement, context| sql::plaintext_secret_errors(&statement.analysis, context))
}

/// Runs `lint` on every statement and returns the findings as problems.
fn lint_each(
    project: &Project,
    lint: impl Fn(&DeclaredStatement, &LintContext<'_>) -> Vec<Lint>,
) -> Vec<(Problem, ProblemLevel)> {
    let mut found = Vec::new();
    for statement in project.statements.values() {
        let context = LintContext {
            properties: &statement.spec.properties,
            principal: statement.spec.principal.as_deref(),
            is_protected: project.environment.protected,
            can_evolve: statement.spec.evolve != Evolve::Manual,
            allowed_codes: &statement.allow,
        };
        found.extend(lint(statement, &context).into_iter().map(|lint| lint_problem(statement, lint)));
    }
    found
}

/// Returns a lint as a problem, at the property or the part of the SQL that it is about.
fn lint_problem(statement: &DeclaredStatement, lint: Lint) -> (Problem, ProblemLevel) {
    let of_property = lint.property.as_ref().and_then(|key| statement.secret_places.get(key.as_str())).cloned();
    let in_text = lint.span.as_ref().map(|span| statement.source_map.locate(span));
    let place = of_property.or(in_text).unwrap_or_else(|| statement.place.clone());
    let problem = Problem::new(lint.message).at(place, "here").help(lint.help);
    (problem, ProblemLevel { is_error: lint.severity == LintSeverity::Error, code: Some(lint.code) })
}
