//! The lints of a project, as problems at their places.

use super::problems::Rank;
use crate::{
    manifest::{DeclaredStatement, Project},
    resource::{Evolve, Few, Problem, Template},
    sql::{self, Lint, LintContext, Severity},
};

/// The lints of every statement, at their places.
pub(super) fn all(project: &Project) -> Vec<(Problem, Rank)> {
    let mut found = Vec::new();
    for statement in project.statements.values() {
        let text = statement.spec.sql.masked();
        let masked = |(key, value): (&String, &Template)| (key.clone(), value.masked());
        let properties: Few<String> = statement.spec.properties.iter().map(masked).collect();
        let context = LintContext {
            properties: &properties,
            principal: statement.spec.principal.as_deref(),
            protected: project.environment.protected,
            evolves: statement.spec.evolve != Evolve::Manual,
            allowed: &statement.allow,
        };
        found.extend(sql::lint(&statement.reading, &text, &context).into_iter().map(|lint| problem(statement, lint)));
    }
    found
}

/// Those that must not be sent.
pub(super) fn forbidding(project: &Project) -> Vec<(Problem, Rank)> {
    all(project).into_iter().filter(|(_, rank)| rank.is_error).collect()
}

fn problem(statement: &DeclaredStatement, lint: Lint) -> (Problem, Rank) {
    let of_property = lint.property.as_ref().and_then(|key| statement.secret_places.get(key)).cloned();
    let in_text = lint.span.as_ref().map(|span| statement.sql.locate(span));
    let place = of_property.or(in_text).unwrap_or_else(|| statement.place.clone());
    let problem = Problem::new(lint.message).at(place, "here").help(lint.help);
    (problem, Rank { is_error: lint.severity == Severity::Error, code: Some(lint.code) })
}
