//! A statement's fields that are strings and no SQL.

use std::collections::BTreeSet;

use super::{Desk, words, wrong};
use crate::{
    manifest::{
        layer::{At, Field, Property, StatementLayer},
        near,
    },
    resource::{Evolve, Problem, SmallMap, Template, UnexpectedPhasePolicy},
    sql,
};

/// A statement may take 15 minutes to reach its phase.
const DEFAULT_TIMEOUT: u64 = 15 * 60;

/// The fields that are strings and no SQL, substituted and checked.
pub(super) struct Settings {
    pub pool: Option<At<String>>,
    pub principal: Option<String>,
    pub properties: SmallMap<Template>,
    pub evolve: Evolve,
    pub accept: Option<String>,
    pub on_failed: UnexpectedPhasePolicy,
    pub on_stopped: UnexpectedPhasePolicy,
    pub timeout: u64,
    pub allow: BTreeSet<String>,
}

/// Substitutes and checks them.
pub(super) fn settings(desk: &mut Desk<'_>, layer: &StatementLayer) -> Settings {
    let mut plain = |field: &Field<String>| field.as_ref().and_then(|at| desk.substitution.plain(at));
    let (pool, principal, evolve) = (plain(&layer.pool), plain(&layer.principal), plain(&layer.evolve));
    let (accept, timeout) = (plain(&layer.accept), plain(&layer.timeout));
    let (on_failed, on_stopped) = (plain(&layer.on_failed), plain(&layer.on_stopped));
    let mut allow = desk.substitution.plains(desk.allow);
    allow.extend(desk.substitution.plains(layer.allow.as_deref().unwrap_or_default()));
    if let Some(pool) = &pool {
        known_pool(desk, pool);
    }
    let problems = &mut desk.problems;
    Settings {
        pool,
        principal: principal.and_then(|at| words::id("principal", &["sa-", "u-", "pool-"], "sa-abc123", &at, problems)),
        evolve: evolve.and_then(|at| words::evolve(&at, problems)).unwrap_or_default(),
        accept: accept.and_then(|at| consent(at, problems)),
        on_failed: on_failed.and_then(|at| words::on_outside("on_failed", &at, problems)).unwrap_or_default(),
        on_stopped: on_stopped.and_then(|at| words::on_outside("on_stopped", &at, problems)).unwrap_or_default(),
        timeout: timeout.and_then(|at| words::duration(&at, problems)).unwrap_or(DEFAULT_TIMEOUT),
        allow: allow.into_iter().filter_map(|at| lint_code(at, problems)).collect(),
        properties: properties(desk, &layer.properties),
    }
}

fn properties(desk: &mut Desk<'_>, properties: &SmallMap<Property>) -> SmallMap<Template> {
    let mut filled = SmallMap::new();
    for (key, property) in properties {
        if **key == *"sql.tables.initial-offset-from" {
            desk.problems.push(
                Problem::new(format!("`{key}` is floe's to set"))
                    .at(property.key.clone(), "set when offsets are carried over to a new generation")
                    .help("remove it; `evolve` says how a changed statement takes over from the one before"),
            );
        }
        if let Some((template, _)) = desk.substitution.template(&property.value) {
            filled.insert(key.clone(), template);
        }
    }
    filled.shrunk_to_fit()
}

fn consent(at: At<String>, problems: &mut Vec<Problem>) -> Option<String> {
    let sound = at.value.split_once(':').is_some_and(|(word, digits)| {
        !word.is_empty() && digits.len() == 6 && digits.chars().all(|digit| digit.is_ascii_hexdigit())
    });
    if !sound {
        problems.push(
            wrong(&at, format!("`{}` is no consent that a plan printed", at.value), "looks like `restart:3f2a9c`")
                .help("copy it from the plan that is blocked"),
        );
    }
    sound.then_some(at.value)
}

fn lint_code(at: At<String>, problems: &mut Vec<Problem>) -> Option<String> {
    if sql::lint_codes().any(|code| code == at.value) {
        return Some(at.value);
    }
    let problem = wrong(&at, format!("there is no lint `{}`", at.value), "unknown");
    let upper = at.value.to_uppercase();
    let near = sql::lint_codes().find(|code| *code == upper).or_else(|| near::nearest(&at.value, sql::lint_codes()));
    problems.push(match near {
        Some(code) => problem.help(format!("did you mean `{code}`?")),
        None => problem.help("codes look like `FL104`; `floe validate` prints them"),
    });
    None
}

fn known_pool(desk: &mut Desk<'_>, pool: &At<String>) {
    if !desk.complete || desk.pool_keys.contains(&pool.value.as_str()) {
        return;
    }
    let mut problem = wrong(pool, format!("there is no pool `{}`", pool.value), "not declared");
    problem.help = match pool.value.strip_prefix("pools.") {
        Some(key) if desk.pool_keys.contains(&key) => Some(format!("write the key alone: `pool = \"{key}\"`")),
        _ if pool.value.starts_with("lfcp-") => {
            Some(format!("pools are named by key; declare it:\n\n[pools.shared]\nid = \"{}\"", pool.value))
        }
        _ => near::suggestion(&pool.value, desk.pool_keys.iter().copied())
            .or_else(|| Some(format!("declare it:\n\n[pools.{}]\nmax_cfu = 10", pool.value))),
    };
    desk.problems.push(problem);
}
