//! The lints of a project, as problems at their places.

use super::problems::Rank;
use crate::{
    manifest::{DeclaredStatement, Project},
    resource::{Evolve, Problem},
    sql::{self, Lint, LintContext, LintSeverity},
};

/// The lints of every statement, at their places.
pub(super) fn all(project: &Project) -> Vec<(Problem, Rank)> {
    of_each(project, |statement, context| sql::lint(&statement.analysis, &statement.spec.sql.masked(), context))
}

/// Those that must not be sent.
pub(super) fn forbidding(project: &Project) -> Vec<(Problem, Rank)> {
    of_each(project, |statement, context| sql::lint_errors(&statement.analysis, context))
}

fn of_each(
    project: &Project,
    lint: impl Fn(&DeclaredStatement, &LintContext<'_>) -> Vec<Lint>,
) -> Vec<(Problem, Rank)> {
    let mut found = Vec::new();
    for statement in project.statements.values() {
        let context = LintContext {
            properties: &statement.spec.properties,
            principal: statement.spec.principal.as_deref(),
            is_protected: project.environment.protected,
            can_evolve: statement.spec.evolve != Evolve::Manual,
            allowed_codes: &statement.allow,
        };
        found.extend(lint(statement, &context).into_iter().map(|lint| problem(statement, lint)));
    }
    found
}

fn problem(statement: &DeclaredStatement, lint: Lint) -> (Problem, Rank) {
    let of_property = lint.property.as_ref().and_then(|key| statement.secret_places.get(key.as_str())).cloned();
    let in_text = lint.span.as_ref().map(|span| statement.source_map.locate(span));
    let place = of_property.or(in_text).unwrap_or_else(|| statement.place.clone());
    let problem = Problem::new(lint.message).at(place, "here").help(lint.help);
    (problem, Rank { is_error: lint.severity == LintSeverity::Error, code: Some(lint.code) })
}
