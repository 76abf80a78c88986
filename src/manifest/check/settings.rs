//! A statement's fields that are strings and no SQL.

use std::collections::BTreeSet;

use super::{ValidationContext, problem_at, values};
use crate::{
    manifest::{
        layer::{At, Field, StatementLayer, StringEntry},
        suggest,
    },
    resource::{Evolve, Problem, Properties, SmallMap, Template, UnexpectedPhasePolicy, properties},
    sql,
};

/// A statement may take 15 minutes to reach its phase.
const DEFAULT_TIMEOUT: u64 = 15 * 60;

/// The fields that are strings and no SQL, substituted and checked.
pub(super) struct StatementSettings {
    pub pool: Option<At<String>>,
    pub principal: Option<String>,
    pub properties: Properties<Template>,
    pub evolve: Evolve,
    pub accept: Option<String>,
    pub on_failed: UnexpectedPhasePolicy,
    pub on_stopped: UnexpectedPhasePolicy,
    pub timeout: u64,
    pub allow: BTreeSet<String>,
}

/// Substitutes and checks them.
pub(super) fn check_settings(context: &mut ValidationContext<'_>, layer: &StatementLayer) -> StatementSettings {
    let mut interpolate = |field: &Field<String>| field.as_ref().and_then(|at| context.substitution.interpolate(at));
    let (pool, principal, evolve) =
        (interpolate(&layer.pool), interpolate(&layer.principal), interpolate(&layer.evolve));
    let (accept, timeout) = (interpolate(&layer.accept), interpolate(&layer.timeout));
    let (on_failed, on_stopped) = (interpolate(&layer.on_failed), interpolate(&layer.on_stopped));
    let mut allow = context.substitution.interpolate_all(context.allow);
    allow.extend(context.substitution.interpolate_all(layer.allow.as_deref().unwrap_or_default()));
    if let Some(pool) = &pool {
        check_pool_exists(context, pool);
    }
    let problems = &mut context.problems;
    StatementSettings {
        pool,
        principal: principal
            .and_then(|at| values::check_id("principal", &["sa-", "u-", "pool-"], "sa-abc123", &at, problems)),
        evolve: evolve.and_then(|at| values::parse_evolve(&at, problems)).unwrap_or_default(),
        accept: accept.and_then(|at| check_consent(at, problems)),
        on_failed: on_failed.and_then(|at| values::parse_on_outside("on_failed", &at, problems)).unwrap_or_default(),
        on_stopped: on_stopped.and_then(|at| values::parse_on_outside("on_stopped", &at, problems)).unwrap_or_default(),
        timeout: timeout.and_then(|at| values::parse_timeout(&at, problems)).unwrap_or(DEFAULT_TIMEOUT),
        allow: allow.into_iter().filter_map(|at| check_lint_code(at, problems)).collect(),
        properties: interpolate_properties(context, &layer.properties),
    }
}

fn interpolate_properties(
    context: &mut ValidationContext<'_>,
    properties: &SmallMap<StringEntry>,
) -> Properties<Template> {
    let mut interpolated = SmallMap::new();
    for (key, property) in properties {
        if **key == *properties::INITIAL_OFFSET_FROM {
            context.problems.push(
                Problem::new(format!("`{key}` is floe's to set"))
                    .at(property.key_place.clone(), "set when offsets are carried over to a new generation")
                    .help("remove it; `evolve` says how a changed statement takes over from the one before"),
            );
        }
        if let Some((template, _)) = context.substitution.interpolate_template(&property.value) {
            interpolated.insert(key.clone(), template);
        }
    }
    interpolated.shrunk_to_fit().into()
}

fn check_consent(at: At<String>, problems: &mut Vec<Problem>) -> Option<String> {
    let is_valid = at.value.split_once(':').is_some_and(|(word, digits)| {
        !word.is_empty() && digits.len() == 6 && digits.chars().all(|digit| digit.is_ascii_hexdigit())
    });
    if !is_valid {
        problems.push(
            problem_at(&at, format!("`{}` is no consent that a plan printed", at.value), "looks like `restart:3f2a9c`")
                .help("copy it from the plan that is blocked"),
        );
    }
    is_valid.then_some(at.value)
}

fn check_lint_code(at: At<String>, problems: &mut Vec<Problem>) -> Option<String> {
    if sql::lint_codes().any(|code| code == at.value) {
        return Some(at.value);
    }
    let problem = problem_at(&at, format!("there is no lint `{}`", at.value), "unknown");
    let upper = at.value.to_uppercase();
    let near = sql::lint_codes().find(|code| *code == upper).or_else(|| suggest::nearest(&at.value, sql::lint_codes()));
    problems.push(match near {
        Some(code) => problem.help(format!("did you mean `{code}`?")),
        None => problem.help("codes look like `FL104`; `floe validate` prints them"),
    });
    None
}

fn check_pool_exists(context: &mut ValidationContext<'_>, pool: &At<String>) {
    if !context.is_complete || context.pool_keys.contains(&pool.value.as_str()) {
        return;
    }
    let mut problem = problem_at(pool, format!("there is no pool `{}`", pool.value), "not declared");
    problem.help = match pool.value.strip_prefix("pools.") {
        Some(key) if context.pool_keys.contains(&key) => Some(format!("write the key alone: `pool = \"{key}\"`")),
        _ if pool.value.starts_with("lfcp-") => {
            Some(format!("pools are named by key; declare it:\n\n[pools.shared]\nid = \"{}\"", pool.value))
        }
        _ => suggest::suggestion(&pool.value, context.pool_keys.iter().copied())
            .or_else(|| Some(format!("declare it:\n\n[pools.{}]\nmax_cfu = 10", pool.value))),
    };
    context.problems.push(problem);
}
