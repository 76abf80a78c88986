//! Validates a statement: its name, its settings, its SQL and its references.

use std::collections::BTreeMap;

use super::{
    ValidationContext, cloud_name, moved, problem_at,
    settings::check_settings,
    sql::{ResolvedSql, SqlPurpose, check_single_sql_source, check_sql, resolve_sql},
};
use crate::{
    manifest::{
        DeclaredStatement,
        layer::{At, EnvironmentLayer, StatementLayer, toml_string},
        merge,
    },
    resource::{Address, FormerConsent, ResourceKind as AddressKind, SmallMap, SourceLocation, Statement, Template},
    sql::{self, Analysis, StatementClass, StatementKind},
};

/// Merges and checks the statement `key`. Set `is_bare` if only a bare `.sql` file declares it. Returns `None` if it
/// has no usable name or SQL.
pub(in crate::manifest) fn check_statement(
    context: &mut ValidationContext<'_>,
    key: &str,
    declared: &At<Box<StatementLayer>>,
    overlay: Option<&At<Box<StatementLayer>>>,
    is_bare: bool,
) -> Option<DeclaredStatement> {
    for layer in [Some(declared), overlay].into_iter().flatten() {
        check_single_sql_source(context, key, layer);
    }
    let mut layer = merge::merge_statement(context.defaults, &declared.value, &mut context.problems);
    if let Some(overlay) = overlay {
        layer = merge::merge_statement(&layer, &overlay.value, &mut context.problems);
    }
    let name = cloud_name::check_cloud_name(context, key, declared, layer.name.as_deref());
    let settings = check_settings(context, &layer);
    let before = context.problems.len();
    let sql = resolve_sql(context, key, declared, &layer);
    let purpose = if is_bare { SqlPurpose::BareFile } else { SqlPurpose::Statement };
    let analysis = sql.as_ref().and_then(|sql| check_sql(context, key, sql, purpose));
    let has_all_properties =
        !layer.has_invalid_properties && settings.properties.iter().count() == layer.properties.len();
    if context.problems.len() > before || !has_all_properties {
        context.invalid_statements.insert(key.to_owned());
    }
    let undo = check_undo(context, key, &layer);
    if let (Some(at), Some(StatementClass::Job)) =
        (&layer.undo, analysis.as_ref().map(|analysis| analysis.kind.class()))
    {
        let message = format!("the `undo` of `{key}` would never run, because `{key}` is a job");
        let mut problem = problem_at(at, message, "not allowed on a job");
        problem.help = Some(
            "Move `undo` to the statement that creates the job's table. When a job is removed, it is stopped and \
             deleted, and the rows that it wrote stay."
                .to_owned(),
        );
        context.problems.push(problem);
    }
    check_stateful(context, &layer, analysis.as_ref());
    let mut reference_places = SmallMap::new();
    let pool = settings.pool.map(|pool| {
        reference_places.insert(Address::pool(pool.value.clone()), pool.place);
        pool.value
    });
    let depends_on = check_depends_on(context, key, layer.depends_on.as_deref().unwrap_or_default());
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
            former_consent: FormerConsent::default(),
            on_failed: settings.on_failed,
            on_stopped: settings.on_stopped,
            depends_on: depends_on.into_keys().collect(),
            prevent_destroy: layer.prevent_destroy.is_some_and(|at| at.value),
            timeout: settings.timeout,
        },
        place: declared.place.clone(),
        source_map: sql.source_map.shrunk_to_fit(),
        analysis: analysis?,
        reference_places: reference_places.shrunk_to_fit(),
        secret_places,
        allow: settings.allow,
        is_stateful_function: layer.stateful.is_some_and(|at| at.value),
        accept: settings.accept,
    })
}

/// Reports `stateful` on a statement that creates no function.
fn check_stateful(context: &mut ValidationContext<'_>, layer: &StatementLayer, analysis: Option<&Analysis>) {
    if let (Some(at), Some(analysis)) = (&layer.stateful, analysis)
        && analysis.kind != StatementKind::CreateFunction
    {
        context.problems.push(
            problem_at(at, "`stateful` is only for a `CREATE FUNCTION`", "creates no function").help(
                "Remove it. floe finds the state of queries in their SQL, and takes a function for stateless unless \
                 the statement that creates it says `stateful = true`.",
            ),
        );
    }
}

/// Returns the locations of the values of properties that hold a secret, as far as the manifest shows it: by their
/// keys, or by credentials in their values.
fn secret_places(layer: &StatementLayer) -> SmallMap<SourceLocation> {
    let secrets = layer.properties.iter().filter(|(key, property)| {
        sql::is_sensitive_key(key) || sql::plaintext_secret_form(key, &property.value.value).is_some()
    });
    secrets.map(|(key, property)| (key.clone(), property.value.place.clone())).collect()
}

/// Checks `[defaults]` on its own, without a statement.
pub(in crate::manifest) fn check_defaults(context: &mut ValidationContext<'_>) {
    let defaults = context.defaults;
    check_settings(context, defaults);
}

/// Checks the settings that an environment has for all of its statements.
pub(in crate::manifest) fn check_policy(context: &mut ValidationContext<'_>, environment: &EnvironmentLayer) {
    check_settings(context, &StatementLayer { evolve: environment.evolve.clone(), ..StatementLayer::default() });
}

/// Checks the overlay of an environment that was not chosen, as far as possible: its fields, its keywords, and its
/// SQL if all of its variables are known here.
pub(in crate::manifest) fn check_overlay(
    context: &mut ValidationContext<'_>,
    key: &str,
    declared: &At<Box<StatementLayer>>,
    overlay: &At<Box<StatementLayer>>,
) {
    let base = merge::merge_statement(context.defaults, &declared.value, &mut Vec::new());
    merge::merge_statement(&base, &overlay.value, &mut context.problems);
    check_single_sql_source(context, key, overlay);
    check_settings(context, &overlay.value);
    if (overlay.value.sql.is_some() || overlay.value.sql_file.is_some())
        && let Some(sql) = resolve_sql(context, key, overlay, &overlay.value)
    {
        check_sql(context, key, &sql, SqlPurpose::Statement);
    }
    check_undo(context, key, &overlay.value);
    check_depends_on(context, key, overlay.value.depends_on.as_deref().unwrap_or_default());
}

/// Returns the SQL in `undo`, and reports what is wrong with it.
fn check_undo(context: &mut ValidationContext<'_>, key: &str, layer: &StatementLayer) -> Option<Template> {
    let (template, source_map) = {
        let undo = layer.undo.as_ref()?;
        let positions = toml_string::value_source_map(&undo.place, undo.value.len());
        context.substitution.interpolate_sql(&undo.value, positions)?
    };
    let undo = ResolvedSql { template, source_map };
    check_sql(context, key, &undo, SqlPurpose::Undo);
    Some(undo.template)
}

/// Returns the declared addresses in `depends_on`, and reports the others.
fn check_depends_on(
    context: &mut ValidationContext<'_>,
    key: &str,
    references: &[At<String>],
) -> BTreeMap<Address, SourceLocation> {
    let mut addresses = BTreeMap::new();
    for reference in references {
        let Some(at) = moved::parse_address(context, reference) else { continue };
        let (keys, kind) = match at.value.kind {
            AddressKind::Pool => (&context.pool_keys, "pool"),
            AddressKind::Statement => (&context.statement_keys, "statement"),
        };
        if at.value == Address::statement(key) {
            context.problems.push(problem_at(&at, format!("`{}` depends on itself", at.value), "itself"));
        } else if keys.contains(&at.value.key.as_str()) {
            addresses.insert(at.value, at.place);
        } else if context.is_complete {
            let mut problem = problem_at(&at, format!("there is no {kind} `{}`", at.value.key), "not declared");
            problem.help = context
                .nearest(&at.value.key, keys)
                .map(|near| format!("Did you mean `{}.{near}`?", at.value.kind.manifest_table()));
            context.problems.push(problem);
        }
    }
    addresses
}
