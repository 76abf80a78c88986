//! Validates the names of statements on Confluent Cloud.

use std::collections::BTreeMap;

use super::ValidationContext;
use crate::{
    manifest::{
        DeclaredStatement,
        layer::{At, EnvironmentLayer, Field, Manifest, StatementLayer},
    },
    resource::{MAX_STATEMENT_NAME_LENGTH, Problem, SourceLocation, default_cloud_name, has_reserved_suffix},
};

/// The maximum length of a name without a suffix. Six characters are kept for suffixes such as `-g3` and `-undo-1`.
const BASE_NAME_LIMIT: usize = MAX_STATEMENT_NAME_LENGTH.saturating_sub(6);

/// Returns the cloud name of the statement `key`: `name` if it is set, or else the environment's prefix and the key.
/// Reports a name that the API rejects.
pub(super) fn check_cloud_name(
    context: &mut ValidationContext<'_>,
    key: &str,
    declared: &At<Box<StatementLayer>>,
    name: Option<&At<String>>,
) -> Option<String> {
    let (name, place) = match name {
        Some(at) => {
            let at = context.substitution.interpolate(at)?;
            (at.value, at.place)
        }
        None => (default_cloud_name(&context.environment.name_prefix, key), declared.place.clone()),
    };
    if let Some((message, label)) = cloud_name_error(&name) {
        let mut problem = Problem::new(message).at(place, label);
        if declared.value.name.is_none() {
            problem = problem.help("Rename the statement, or set `name = \"…\"`.");
        }
        context.problems.push(problem);
    }
    Some(name)
}

/// Reports statements that have the same cloud name, since the service has only one statement of each name.
pub(in crate::manifest) fn check_duplicate_names(
    statements: &BTreeMap<String, Box<DeclaredStatement>>,
    problems: &mut Vec<Problem>,
) {
    let mut names: BTreeMap<&str, (&str, &SourceLocation)> = BTreeMap::new();
    for (key, statement) in statements {
        if let Some((other, first)) = names.insert(&statement.spec.name, (key, &statement.place)) {
            problems.push(
                Problem::new(format!(
                    "`statements.{other}` and `statements.{key}` have the same cloud name, `{}`",
                    statement.spec.name
                ))
                .at(statement.place.clone(), "the same name again")
                .at(first.clone(), "first used here")
                .help("Rename one of them, or set `name = \"…\"`."),
            );
        }
    }
}

/// Checks the names that statements have in an environment that was not chosen. Reports a name that the API rejects.
/// If both are the same Confluent environment with different prefixes, also reports a name that both would use: a
/// `name`, which gets no prefix, or a key that starts with the other's prefix. The variables of the other environment
/// are in `context.substitution`.
pub(in crate::manifest) fn check_names_in_environment(
    context: &mut ValidationContext<'_>,
    manifest: &Manifest,
    statements: &BTreeMap<String, Box<DeclaredStatement>>,
    (other, environment): (&str, &At<EnvironmentLayer>),
) {
    let layer = &environment.value;
    let mut interpolate = |field: &Field<String>| field.as_ref().map(|at| context.substitution.interpolate(at));
    let is_same =
        interpolate(&layer.id).flatten().is_some_and(|id| id.value == context.environment.identity.environment);
    let prefix = match interpolate(&layer.name_prefix) {
        Some(Some(prefix)) => prefix.value,
        Some(None) => return,
        None => String::new(),
    };
    if prefix == context.environment.name_prefix && layer.statements.is_empty() {
        return;
    }
    let statements_by_name: BTreeMap<&str, &DeclaredStatement> =
        statements.values().map(|statement| (statement.spec.name.as_str(), &**statement)).collect();
    for (key, at) in &manifest.statements {
        let overlaid = layer.statements.get(key).and_then(|overlay| overlay.value.name.as_ref());
        let (name, place) = match overlaid.or(at.value.name.as_ref()) {
            Some(name) => match context.substitution.interpolate(name) {
                Some(name) => (name.value, name.place),
                None => continue,
            },
            None => (default_cloud_name(&prefix, key), at.place.clone()),
        };
        let is_valid_here =
            statements.get(key).is_some_and(|statement| cloud_name_error(&statement.spec.name).is_none());
        if let Some((message, label)) = cloud_name_error(&name).filter(|_| is_valid_here) {
            context.problems.push(Problem::new(format!("in environment `{other}`, {message}")).at(place, label));
        } else if let Some(statement) =
            statements_by_name.get(name.as_str()).filter(|_| is_same && prefix != context.environment.name_prefix)
        {
            context.problems.push(shared_name_problem(
                context.environment.name.as_str(),
                statement,
                other,
                &name,
                &place,
            ));
        }
    }
}

/// Returns the problem of a cloud name that two environments would both use.
fn shared_name_problem(
    here: &str,
    statement: &DeclaredStatement,
    other: &str,
    name: &str,
    place: &SourceLocation,
) -> Problem {
    let message = format!(
        "`{here}` and `{other}` are the same Confluent environment, and both would have a statement named \
         `{name}`"
    );
    let mut problem = Problem::new(message).at(place.clone(), format!("in `{other}`"));
    if statement.place != *place {
        problem = problem.at(statement.place.clone(), format!("in `{here}`"));
    }
    problem.help(
        "Rename the statement. If it sets `name`, remove `name` or use a variable in it, because `name` gets no \
         `name_prefix`.",
    )
}

/// Returns why `name` cannot be the cloud name of a statement, as a message and a label, or `None` if it can. The
/// pattern is the API's without dots, which Confluent's documentation calls unsupported.
fn cloud_name_error(name: &str) -> Option<(String, String)> {
    let invalid_character =
        name.chars().find(|letter| !(letter.is_ascii_lowercase() || letter.is_ascii_digit() || *letter == '-'));
    if name.is_empty() {
        return Some(("the cloud name is empty".to_owned(), "empty".to_owned()));
    }
    if let Some(letter) = invalid_character {
        let message = format!("the cloud name `{name}` contains `{letter}`, which the API rejects");
        return Some((message, "a-z, 0-9 and `-` only".to_owned()));
    }
    if name.starts_with('-') || name.ends_with('-') {
        let message = format!("the cloud name `{name}` starts or ends with `-`, which the API rejects");
        return Some((message, "must start and end with a letter or digit".to_owned()));
    }
    if name.len() > BASE_NAME_LIMIT {
        let message = format!("the cloud name `{name}` is {} characters long", name.len());
        return Some((
            message,
            format!(
                "at most {BASE_NAME_LIMIT} characters: six of {MAX_STATEMENT_NAME_LENGTH} are reserved for suffixes such \
                 as `-g3`"
            ),
        ));
    }
    has_reserved_suffix(name).then(|| {
        let message = format!("the cloud name `{name}` has a reserved suffix");
        (message, "`-g<number>` and `-undo-<number>` are reserved".to_owned())
    })
}
