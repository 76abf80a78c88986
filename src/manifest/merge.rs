//! Defaults under a declaration under an environment's overlay: for each field the nearest one that is set.

use super::{
    layer::{At, PoolLayer, StatementLayer},
    near,
};
use crate::resource::Problem;

/// Puts `over` upon `under`. What `over` unsets is taken from `under` first.
pub(super) fn statement(under: &StatementLayer, over: &StatementLayer, problems: &mut Vec<Problem>) -> StatementLayer {
    let mut merged = under.clone();
    for path in &over.unset {
        unset(&mut merged, over, path, problems);
    }
    let StatementLayer {
        name,
        sql,
        sql_file,
        undo,
        pool,
        principal,
        properties,
        stopped,
        evolve,
        accept,
        on_failed,
        on_stopped,
        depends_on,
        prevent_destroy,
        timeout,
        allow,
        unset: _,
        flawed,
        lost_properties,
    } = over;
    merged.flawed |= flawed;
    merged.lost_properties |= lost_properties;
    // The two are one thing: where its SQL comes from.
    if sql.is_some() || sql_file.is_some() {
        (merged.sql, merged.sql_file) = (sql.clone(), sql_file.clone());
    }
    set(&mut merged.name, name);
    set(&mut merged.undo, undo);
    set(&mut merged.pool, pool);
    set(&mut merged.principal, principal);
    set(&mut merged.stopped, stopped);
    set(&mut merged.evolve, evolve);
    set(&mut merged.accept, accept);
    set(&mut merged.on_failed, on_failed);
    set(&mut merged.on_stopped, on_stopped);
    set(&mut merged.depends_on, depends_on);
    set(&mut merged.prevent_destroy, prevent_destroy);
    set(&mut merged.timeout, timeout);
    set(&mut merged.allow, allow);
    merged.properties.extend(properties.iter().map(|(key, value)| (key.clone(), value.clone())));
    merged
}

/// Puts the overlay `over` upon the pool `under`.
pub(super) fn pool(under: &PoolLayer, over: &PoolLayer, problems: &mut Vec<Problem>) -> PoolLayer {
    let mut merged = under.clone();
    for path in &over.unset {
        let taken = match path.value.as_str() {
            "id" => merged.id.take().is_some(),
            "display_name" => merged.display_name.take().is_some(),
            "max_cfu" => merged.max_cfu.take().is_some(),
            "network" => merged.network.take().is_some(),
            "prevent_destroy" => merged.prevent_destroy.take().is_some(),
            _ => false,
        };
        if !taken {
            problems.push(nothing_to_unset(path, ["id", "display_name", "max_cfu", "network", "prevent_destroy"]));
        }
    }
    let PoolLayer { id, display_name, max_cfu, network, prevent_destroy, unset: _, flawed } = over;
    merged.flawed |= flawed;
    set(&mut merged.id, id);
    set(&mut merged.display_name, display_name);
    set(&mut merged.max_cfu, max_cfu);
    set(&mut merged.network, network);
    set(&mut merged.prevent_destroy, prevent_destroy);
    merged
}

fn set<T: Clone>(field: &mut Option<T>, over: &Option<T>) {
    if over.is_some() {
        field.clone_from(over);
    }
}

fn unset(layer: &mut StatementLayer, over: &StatementLayer, path: &At<String>, problems: &mut Vec<Problem>) {
    if let Some(property) = path.value.strip_prefix("properties.") {
        let known: Vec<String> = layer.properties.keys().map(|key| format!("properties.{key}")).collect();
        if let Some(again) = over.properties.get(property) {
            problems.push(
                Problem::new(format!("`{}` is set and unset in one place", path.value))
                    .at(path.place.clone(), "unset here")
                    .at(again.key.clone(), "set here"),
            );
        } else if layer.properties.remove(property).is_none() {
            problems.push(nothing_to_unset(path, known.iter().map(String::as_str)));
        }
        return;
    }
    let taken = match path.value.as_str() {
        "name" => layer.name.take().is_some(),
        "undo" => layer.undo.take().is_some(),
        "pool" => layer.pool.take().is_some(),
        "principal" => layer.principal.take().is_some(),
        "properties" => !std::mem::take(&mut layer.properties).is_empty(),
        "stopped" => layer.stopped.take().is_some(),
        "evolve" => layer.evolve.take().is_some(),
        "accept" => layer.accept.take().is_some(),
        "on_failed" => layer.on_failed.take().is_some(),
        "on_stopped" => layer.on_stopped.take().is_some(),
        "depends_on" => layer.depends_on.take().is_some(),
        "prevent_destroy" => layer.prevent_destroy.take().is_some(),
        "timeout" => layer.timeout.take().is_some(),
        "allow" => layer.allow.take().is_some(),
        _ => false,
    };
    if !taken {
        problems.push(nothing_to_unset(path, FIELDS));
    }
}

const FIELDS: [&str; 14] = [
    "name",
    "undo",
    "pool",
    "principal",
    "properties",
    "stopped",
    "evolve",
    "accept",
    "on_failed",
    "on_stopped",
    "depends_on",
    "prevent_destroy",
    "timeout",
    "allow",
];

fn nothing_to_unset<'a>(path: &At<String>, known: impl IntoIterator<Item = &'a str> + Clone) -> Problem {
    let problem =
        Problem::new(format!("there is no `{}` to unset", path.value)).at(path.place.clone(), "not set below this");
    match near::nearest(&path.value, known) {
        Some(name) => problem.help(format!("did you mean `{name}`?")),
        None => problem.help("`unset` takes away what `[defaults]` or the declaration under an overlay sets; a property is `properties.<name>`"),
    }
}
