//! Returns the lints of a project as problems at their locations.

use std::collections::BTreeSet;

use super::problems::ProblemLevel;
use crate::{
    graph::Graph,
    manifest::{DeclaredStatement, Project},
    resource::{Evolve, Problem},
    sql::{self, Lint, LintContext, LintSeverity, StatementClass, ViewContext},
};

/// The lints of a query that a job also has if it reads the query through a view.
const LINTS_OF_VIEWS: [&str; 2] = ["FL101", "FL109"];

/// Returns all lints of every statement, at their locations. The jobs that read a view run its query, so what they keep
/// in state for it is reported too.
pub(super) fn all_lints(graph: &Graph) -> Vec<(Problem, ProblemLevel)> {
    let mut found = Vec::new();
    for (key, statement) in &graph.project.statements {
        let views = ViewContext { windowed_views: graph.windowed_views(key), is_view_of_job: false };
        let context = lint_context(&graph.project, statement);
        let lints = sql::lint_with_views(&statement.analysis, &statement.spec.sql.masked(), &context, &views);
        found.extend(lints.into_iter().map(|lint| lint_problem(statement, lint)));
        if matches!(statement.analysis.kind.class(), StatementClass::Job | StatementClass::TableJob) {
            found.extend(lints_of_views(graph, key, statement));
        }
    }
    found
}

/// Returns the lints of every statement of a project that has problems, so that it has no graph.
pub(super) fn lints_of_partial_project(project: &Project) -> Vec<(Problem, ProblemLevel)> {
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
        let lints = lint(statement, &lint_context(project, statement));
        found.extend(lints.into_iter().map(|lint| lint_problem(statement, lint)));
    }
    found
}

/// Returns the lints of the views that the job `key` reads, as parts of the job.
fn lints_of_views<'g>(
    graph: &'g Graph,
    key: &'g str,
    job: &'g DeclaredStatement,
) -> impl Iterator<Item = (Problem, ProblemLevel)> {
    graph.views_read_by(key).into_iter().flat_map(move |view_key| {
        let Some(view) = graph.project.statements.get(view_key) else { return Vec::new() };
        let views = ViewContext { windowed_views: graph.windowed_views(view_key), is_view_of_job: true };
        let allowed_codes: BTreeSet<String> = job.allow.union(&view.allow).cloned().collect();
        let context = LintContext { allowed_codes: &allowed_codes, ..lint_context(&graph.project, job) };
        let lints = sql::lint_with_views(&view.analysis, &view.spec.sql.masked(), &context, &views).into_iter();
        let of_job = lints.filter(|lint| LINTS_OF_VIEWS.contains(&lint.code));
        of_job
            .map(|lint| {
                let (problem, level) = lint_problem(view, lint);
                (problem.at(job.place.clone(), "in the state of this job"), level)
            })
            .collect::<Vec<_>>()
    })
}

/// Returns what the project says about a statement.
fn lint_context<'a>(project: &Project, statement: &'a DeclaredStatement) -> LintContext<'a> {
    LintContext {
        properties: &statement.spec.properties,
        principal: statement.spec.principal.as_deref(),
        is_protected: project.environment.protected,
        can_evolve: statement.spec.evolve != Evolve::Manual,
        allowed_codes: &statement.allow,
    }
}

/// Returns a lint as a problem, at the property or the part of the SQL that it is about.
fn lint_problem(statement: &DeclaredStatement, lint: Lint) -> (Problem, ProblemLevel) {
    let of_property = lint.property.as_ref().and_then(|key| statement.secret_places.get(key.as_str())).cloned();
    let in_text = lint.span.as_ref().map(|span| statement.source_map.locate(span));
    let place = of_property.or(in_text).unwrap_or_else(|| statement.place.clone());
    let problem = Problem::new(lint.message).at(place, "here").help(lint.help);
    (problem, ProblemLevel { is_error: lint.severity == LintSeverity::Error, code: Some(lint.code) })
}
