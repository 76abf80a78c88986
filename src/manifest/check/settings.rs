//! Validates the string fields of a statement other than its SQL.

use std::collections::BTreeSet;

use super::{ValidationContext, problem_at, values};
use crate::{
    manifest::{
        GivenConsent,
        layer::{At, Field, StatementLayer, StringEntry},
        suggest,
    },
    resource::{Evolve, InvalidConsent, Problem, Properties, SmallMap, Template, UnexpectedPhasePolicy, properties},
    sql,
};

/// The default time in seconds that a statement may take to reach its phase: 15 minutes.
const DEFAULT_TIMEOUT: u64 = 15 * 60;

/// The string fields of a statement other than its SQL, substituted and checked.
pub(super) struct StatementSettings {
    /// The key of the pool, if one is set.
    pub pool: Option<At<String>>,
    /// The id of the principal that the statement runs as.
    pub principal: Option<String>,
    /// The Flink properties, with secrets as references.
    pub properties: Properties<Template>,
    /// What floe may do when a job changes.
    pub evolve: Evolve,
    /// The consents to blocked changes.
    pub accept: Vec<GivenConsent>,
    /// What to do with a job that failed.
    pub on_failed: UnexpectedPhasePolicy,
    /// What to do with a job that was stopped outside floe.
    pub on_stopped: UnexpectedPhasePolicy,
    /// The time in seconds that the statement may take to reach its phase.
    pub timeout: u64,
    /// The codes of the lints that are allowed, including those of the project.
    pub allow: BTreeSet<String>,
}

/// Substitutes and checks the string fields of `layer`, and reports invalid values.
pub(super) fn check_settings(context: &mut ValidationContext<'_>, layer: &StatementLayer) -> StatementSettings {
    let mut interpolate = |field: &Field<String>| field.as_ref().and_then(|at| context.substitution.interpolate(at));
    let (pool, principal, evolve) =
        (interpolate(&layer.pool), interpolate(&layer.principal), interpolate(&layer.evolve));
    let timeout = interpolate(&layer.timeout);
    let (on_failed, on_stopped) = (interpolate(&layer.on_failed), interpolate(&layer.on_stopped));
    let mut allow = context.substitution.interpolate_all(context.allow);
    allow.extend(context.substitution.interpolate_all(layer.allow.as_deref().unwrap_or_default()));
    let accept = check_consents(context, layer.accept.as_deref().unwrap_or_default());
    if let Some(pool) = &pool {
        check_pool_exists(context, pool);
    }
    let problems = &mut context.problems;
    StatementSettings {
        pool,
        principal: principal
            .and_then(|at| values::check_id("principal", &["sa-", "u-", "pool-"], "sa-abc123", &at, problems)),
        evolve: evolve.and_then(|at| values::parse_evolve(&at, problems)).unwrap_or_default(),
        accept,
        on_failed: on_failed
            .and_then(|at| values::parse_unexpected_phase_policy("on_failed", &at, problems))
            .unwrap_or_default(),
        on_stopped: on_stopped
            .and_then(|at| values::parse_unexpected_phase_policy("on_stopped", &at, problems))
            .unwrap_or_default(),
        timeout: timeout.and_then(|at| values::parse_timeout(&at, problems)).unwrap_or(DEFAULT_TIMEOUT),
        allow: allow.into_iter().filter_map(|at| check_lint_code(at, problems)).collect(),
        properties: interpolate_properties(context, &layer.properties),
    }
}

/// Substitutes the properties and reports those that floe does not support.
fn interpolate_properties(
    context: &mut ValidationContext<'_>,
    properties: &SmallMap<StringEntry>,
) -> Properties<Template> {
    let mut interpolated = SmallMap::new();
    for (key, property) in properties {
        if **key == *properties::INITIAL_OFFSET_FROM {
            context.problems.push(
                Problem::new(format!("the property `{key}` is not supported"))
                    .at(property.key_place.clone(), "not allowed in `properties`")
                    .help(
                        "Remove it. floe does not carry offsets from one generation of a job to the next. `evolve` \
                         says what floe may do when a job changes.",
                    ),
            );
        }
        if let Some((template, _)) = context.substitution.interpolate_template(&property.value) {
            interpolated.insert(key.clone(), template);
        }
    }
    interpolated.shrunk_to_fit().into()
}

/// Returns the consents that have the form that plans print, and reports the others.
pub(super) fn check_consents(context: &mut ValidationContext<'_>, written: &[At<String>]) -> Vec<GivenConsent> {
    let mut given = Vec::new();
    for at in context.substitution.interpolate_all(written) {
        match at.value.parse() {
            Ok(consent) => given.push(GivenConsent { consent, place: at.place }),
            Err(InvalidConsent(text)) => context.problems.push(
                problem_at(&at, format!("`{text}` is not a valid consent"), "should look like `restart:3f2a9c`")
                    .help("Copy it from the plan that shows the blocked change."),
            ),
        }
    }
    given
}

/// Returns the code of a lint, if there is such a lint.
fn check_lint_code(at: At<String>, problems: &mut Vec<Problem>) -> Option<String> {
    if sql::lint_codes().any(|code| code == at.value) {
        return Some(at.value);
    }
    let problem = problem_at(&at, format!("there is no lint `{}`", at.value), "unknown");
    let upper = at.value.to_uppercase();
    let near = sql::lint_codes().find(|code| *code == upper).or_else(|| suggest::nearest(&at.value, sql::lint_codes()));
    problems.push(match near {
        Some(code) => problem.help(format!("Did you mean `{code}`?")),
        None => problem.help("Lint codes look like `FL104`. `floe validate` prints them."),
    });
    None
}

/// Reports a pool that is not declared.
fn check_pool_exists(context: &mut ValidationContext<'_>, pool: &At<String>) {
    if !context.is_complete || context.pool_keys.contains(&pool.value.as_str()) {
        return;
    }
    let mut problem = problem_at(pool, format!("there is no pool `{}`", pool.value), "not declared");
    problem.help = match pool.value.strip_prefix("pools.") {
        Some(key) if context.pool_keys.contains(&key) => Some(format!("Write only the key: `pool = \"{key}\"`.")),
        _ if pool.value.starts_with("lfcp-") => Some(format!(
            "`pool` takes the key of a declared pool. Declare this pool, and use its key:\n\n\
             [pools.shared]\nid = \"{}\"",
            pool.value
        )),
        _ => suggest::suggestion(&pool.value, context.pool_keys.iter().copied())
            .or_else(|| Some(format!("Declare it:\n\n[pools.{}]\nmax_cfu = 10", pool.value))),
    };
    context.problems.push(problem);
}
