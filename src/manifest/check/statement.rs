//! A statement: its name, its settings, its SQL, what it refers to.

use std::collections::BTreeMap;

use super::{
    Desk, moved, name,
    settings::settings,
    sql::{Purpose, Sql, check_sql, one_source, sql_of},
    wrong,
};
use crate::{
    manifest::{
        DeclaredStatement,
        layer::{At, EnvironmentLayer, StatementLayer},
        merge,
    },
    resource::{Address, ResourceKind as AddressKind, SmallMap, SourceLocation, Statement, Template},
    sql::{self, StatementClass},
};

/// Merges and checks the statement `key`. `bare`: no manifest mentions it.
pub(in crate::manifest) fn statement(
    desk: &mut Desk<'_>,
    key: &str,
    declared: &At<Box<StatementLayer>>,
    overlay: Option<&At<Box<StatementLayer>>>,
    bare: bool,
) -> Option<DeclaredStatement> {
    for layer in [Some(declared), overlay].into_iter().flatten() {
        one_source(desk, key, layer);
    }
    let mut layer = merge::statement(desk.defaults, &declared.value, &mut desk.problems);
    if let Some(overlay) = overlay {
        layer = merge::statement(&layer, &overlay.value, &mut desk.problems);
    }
    let name = name::cloud(desk, key, declared, layer.name.as_deref());
    let settings = settings(desk, &layer);
    let before = desk.problems.len();
    let sql = sql_of(desk, key, declared, &layer);
    let purpose = if bare { Purpose::Bare } else { Purpose::Statement };
    let analysis = sql.as_ref().and_then(|sql| check_sql(desk, key, sql, purpose));
    let has_all_properties = !layer.lost_properties && settings.properties.iter().count() == layer.properties.len();
    if desk.problems.len() > before || !has_all_properties {
        desk.unsound.insert(key.to_owned());
    }
    let undo = undo(desk, key, &layer);
    if let (Some(at), Some(StatementClass::Job)) = (&layer.undo, analysis.as_ref().map(|reading| reading.kind.class()))
    {
        let message = format!("`undo` of `{key}` would never run: a job defines nothing");
        let mut problem = wrong(at, message, "not for a job");
        problem.help = Some(
            "a job that is removed is stopped and deleted, and what it wrote stays; give `undo` to the statement that \
             creates its table"
                .to_owned(),
        );
        desk.problems.push(problem);
    }
    let mut reference_places = SmallMap::new();
    let pool = settings.pool.map(|pool| {
        reference_places.insert(Address::pool(pool.value.clone()), pool.place);
        pool.value
    });
    let depends_on = depends_on(desk, key, layer.depends_on.as_deref().unwrap_or_default());
    reference_places.extend(depends_on.iter().map(|(address, place)| (address.clone(), place.clone())));
    let secret_places = secret_places(&layer);
    let sql = sql?;
    Some(DeclaredStatement {
        spec: Statement {
            name: name?,
            sql: sql.template,
            properties: settings.properties,
            pool,
            principal: settings.principal,
            stopped: layer.stopped.is_some_and(|at| at.value),
            undo,
            evolve: settings.evolve,
            accept: settings.accept,
            on_failed: settings.on_failed,
            on_stopped: settings.on_stopped,
            depends_on: depends_on.into_keys().collect(),
            prevent_destroy: layer.prevent_destroy.is_some_and(|at| at.value),
            timeout: settings.timeout,
        },
        place: declared.place.clone(),
        sql: sql.text.fitted(),
        analysis: analysis?,
        reference_places: reference_places.shrunk_to_fit(),
        secret_places,
        allow: settings.allow,
    })
}

fn secret_places(layer: &StatementLayer) -> SmallMap<SourceLocation> {
    let named = layer.properties.iter().filter(|(key, _)| sql::is_sensitive_key(key));
    named.map(|(key, property)| (key.clone(), property.value.place.clone())).collect()
}

/// Checks `[defaults]` by themselves.
pub(in crate::manifest) fn defaults(desk: &mut Desk<'_>) {
    let defaults = desk.defaults;
    settings(desk, defaults);
}

/// Checks what an environment says for all its statements.
pub(in crate::manifest) fn policy(desk: &mut Desk<'_>, environment: &EnvironmentLayer) {
    settings(desk, &StatementLayer { evolve: environment.evolve.clone(), ..StatementLayer::default() });
}

/// Checks what can be known of the overlay of an environment that was not chosen: its fields, its words, and
/// its SQL where all its variables are known here.
pub(in crate::manifest) fn overlay(
    desk: &mut Desk<'_>,
    key: &str,
    declared: &At<Box<StatementLayer>>,
    overlay: &At<Box<StatementLayer>>,
) {
    let under = merge::statement(desk.defaults, &declared.value, &mut Vec::new());
    merge::statement(&under, &overlay.value, &mut desk.problems);
    one_source(desk, key, overlay);
    settings(desk, &overlay.value);
    if (overlay.value.sql.is_some() || overlay.value.sql_file.is_some())
        && let Some(sql) = sql_of(desk, key, overlay, &overlay.value)
    {
        check_sql(desk, key, &sql, Purpose::Statement);
    }
    undo(desk, key, &overlay.value);
    depends_on(desk, key, overlay.value.depends_on.as_deref().unwrap_or_default());
}

fn undo(desk: &mut Desk<'_>, key: &str, layer: &StatementLayer) -> Option<Template> {
    let (template, text) = desk.substitution.template(layer.undo.as_ref()?)?;
    let undo = Sql { template, text };
    check_sql(desk, key, &undo, Purpose::Undo);
    Some(undo.template)
}

fn depends_on(desk: &mut Desk<'_>, key: &str, written: &[At<String>]) -> BTreeMap<Address, SourceLocation> {
    let mut addresses = BTreeMap::new();
    for written in written {
        let Some(at) = moved::address(desk, written) else { continue };
        let (keys, kind) = match at.value.kind {
            AddressKind::Pool => (&desk.pool_keys, "pool"),
            AddressKind::Statement => (&desk.statement_keys, "statement"),
        };
        if at.value == Address::statement(key) {
            desk.problems.push(wrong(&at, format!("`{}` depends on itself", at.value), "itself"));
        } else if keys.contains(&at.value.key.as_str()) {
            addresses.insert(at.value, at.place);
        } else if desk.complete {
            let mut problem = wrong(&at, format!("there is no {kind} `{}`", at.value.key), "not declared");
            problem.help = desk
                .nearest(&at.value.key, keys)
                .map(|near| format!("did you mean `{}.{near}`?", at.value.kind.manifest_table()));
            desk.problems.push(problem);
        }
    }
    addresses
}
