//! Merges `[defaults]`, a declaration and an environment's overlay. For each field the last one that is set wins.

use super::{
    layer::{At, PoolLayer, StatementLayer},
    suggest,
};
use crate::resource::Problem;

/// Returns `base` with the fields that `overlay` sets. Fields that `overlay` unsets are removed from `base` first.
pub(super) fn merge_statement(
    base: &StatementLayer,
    overlay: &StatementLayer,
    problems: &mut Vec<Problem>,
) -> StatementLayer {
    let mut merged = base.clone();
    for path in &overlay.unset {
        apply_unset(&mut merged, overlay, path, problems);
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
        stateful,
        unset: _,
        has_invalid_fields,
        has_invalid_properties,
    } = overlay;
    merged.has_invalid_fields |= has_invalid_fields;
    merged.has_invalid_properties |= has_invalid_properties;
    // `sql` and `sql_file` are two forms of one setting, the source of the SQL, so each replaces the other.
    if sql.is_some() || sql_file.is_some() {
        (merged.sql, merged.sql_file) = (sql.clone(), sql_file.clone());
    }
    override_with(&mut merged.name, name);
    override_with(&mut merged.undo, undo);
    override_with(&mut merged.pool, pool);
    override_with(&mut merged.principal, principal);
    override_with(&mut merged.stopped, stopped);
    override_with(&mut merged.evolve, evolve);
    override_with(&mut merged.accept, accept);
    override_with(&mut merged.on_failed, on_failed);
    override_with(&mut merged.on_stopped, on_stopped);
    override_with(&mut merged.depends_on, depends_on);
    override_with(&mut merged.prevent_destroy, prevent_destroy);
    override_with(&mut merged.timeout, timeout);
    override_with(&mut merged.allow, allow);
    override_with(&mut merged.stateful, stateful);
    merged.properties.extend(properties.iter().map(|(key, value)| (key.clone(), value.clone())));
    merged
}

/// Returns the pool `base` with the fields that `overlay` sets. Fields that `overlay` unsets are removed from `base`
/// first.
pub(super) fn merge_pool(base: &PoolLayer, overlay: &PoolLayer, problems: &mut Vec<Problem>) -> PoolLayer {
    let mut merged = base.clone();
    for path in &overlay.unset {
        let was_set = match path.value.as_str() {
            "id" => merged.id.take().is_some(),
            "display_name" => merged.display_name.take().is_some(),
            "max_cfu" => merged.max_cfu.take().is_some(),
            "network" => merged.network.take().is_some(),
            "prevent_destroy" => merged.prevent_destroy.take().is_some(),
            _ => false,
        };
        if !was_set {
            problems.push(nothing_to_unset(path, ["id", "display_name", "max_cfu", "network", "prevent_destroy"]));
        }
    }
    let PoolLayer { id, display_name, max_cfu, network, prevent_destroy, unset: _, has_invalid_fields } = overlay;
    merged.has_invalid_fields |= has_invalid_fields;
    override_with(&mut merged.id, id);
    override_with(&mut merged.display_name, display_name);
    override_with(&mut merged.max_cfu, max_cfu);
    override_with(&mut merged.network, network);
    override_with(&mut merged.prevent_destroy, prevent_destroy);
    merged
}

/// Replaces `field` if `overlay` is set.
fn override_with<T: Clone>(field: &mut Option<T>, overlay: &Option<T>) {
    if overlay.is_some() {
        field.clone_from(overlay);
    }
}

/// Removes the field or property at `path` from `layer`, and reports it if it is not set.
fn apply_unset(layer: &mut StatementLayer, overlay: &StatementLayer, path: &At<String>, problems: &mut Vec<Problem>) {
    if let Some(property) = path.value.strip_prefix("properties.") {
        let known: Vec<String> = layer.properties.keys().map(|key| format!("properties.{key}")).collect();
        if let Some(entry) = overlay.properties.get(property) {
            problems.push(
                Problem::new(format!("`{}` is both set and unset in the same table", path.value))
                    .at(path.place.clone(), "unset here")
                    .at(entry.key_place.clone(), "set here"),
            );
        } else if layer.properties.remove(property).is_none() {
            problems.push(nothing_to_unset(path, known.iter().map(String::as_str)));
        }
        return;
    }
    let was_set = match path.value.as_str() {
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
        "stateful" => layer.stateful.take().is_some(),
        _ => false,
    };
    if !was_set {
        problems.push(nothing_to_unset(path, UNSETTABLE_FIELDS));
    }
}

/// The fields of a statement that `unset` may name.
const UNSETTABLE_FIELDS: [&str; 15] = [
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
    "stateful",
];

/// Returns the problem of an `unset` entry that names nothing that is set. `known` are the names that it may have.
fn nothing_to_unset<'a>(path: &At<String>, known: impl IntoIterator<Item = &'a str> + Clone) -> Problem {
    let problem =
        Problem::new(format!("cannot unset `{}`, which is not set", path.value)).at(path.place.clone(), "not set");
    match suggest::nearest(&path.value, known) {
        Some(name) => problem.help(format!("Did you mean `{name}`?")),
        None => problem.help(
            "Remove this entry or correct its name. `unset` removes what `[defaults]` or the declaration under an \
             overlay sets. A property is written `properties.<name>`.",
        ),
    }
}
