//! Reads one TOML file into layers.

use std::{collections::BTreeSet, sync::Arc};

use toml::de::DeTable;

use super::{
    At, EnvironmentLayer, Field, Manifest, MovedLayer, PoolLayer, ProjectLayer, RemovedLayer, StatementLayer,
    duplicates::{self, DUPLICATE_KEY, FirstOccurrence},
    fields::{DocumentReader, TableFields},
};
use crate::resource::{Problem, SourceFile, SourceLocation, Span};

/// The role of a manifest in its project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum ManifestRole {
    /// The file `floe.toml`, which may hold every table.
    Main,
    /// A file that `include` matches. It may hold pools, statements and moves.
    Included,
}

/// Reads as much of a manifest as possible and adds its problems to `problems`.
pub(in crate::manifest) fn read_manifest(
    source: &Arc<SourceFile>,
    role: ManifestRole,
    problems: &mut Vec<Problem>,
) -> Manifest {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    let mut reader =
        DocumentReader { source: Arc::clone(source), problems: Vec::new(), is_incomplete: !errors.is_empty() };
    let mut fields = TableFields::new(document.get_ref(), reader.place(0..0), String::new(), &mut reader);
    let mut manifest = read_tables(&mut fields, role);
    // With a misspelled table such as `[statement.x]`, the statement that others refer to seems to be missing.
    let all_known = fields.finish();
    manifest.is_incomplete = reader.is_incomplete || !all_known;
    if errors.is_empty() {
        problems.append(&mut reader.problems);
    } else {
        // Any other problem may only be a consequence of how the parser recovered.
        problems.extend(syntax_problems(source, &errors));
        manifest.unparsable.push(Arc::clone(source));
    }
    manifest
}

/// Reads the top-level tables of a manifest.
fn read_tables(fields: &mut TableFields<'_, '_, '_>, role: ManifestRole) -> Manifest {
    let mut manifest = Manifest::default();
    if role == ManifestRole::Main {
        manifest.project = fields.section("project", read_project).unwrap_or_default();
        manifest.defaults = fields.section("defaults", read_defaults).unwrap_or_default();
        manifest.secrets = fields.named_tables("secrets", read_secret);
        manifest.environments = fields.named_tables("environments", read_environment);
    } else {
        fields.set_misplaced_keys(&[
            ("project", "Move it to `floe.toml`."),
            ("defaults", "Move it to `floe.toml`."),
            ("secrets", "Move it to `floe.toml`."),
            ("environments", "Move it to `floe.toml`."),
        ]);
    }
    manifest.pools = fields.named_tables("pools", read_pool);
    manifest.statements = fields.named_tables("statements", read_statement);
    let moves = fields.list_of_tables("moved", read_moved_block).into_iter();
    manifest.moved = moves.filter_map(|at| Some(At { value: at.value?, place: at.place })).collect();
    let removals = fields.list_of_tables("removed", read_removed_block).into_iter();
    manifest.removed = removals.filter_map(|at| Some(At { value: at.value?, place: at.place })).collect();
    manifest
}

/// Reads one `[[removed]]` block. Returns `None` if its address is missing or invalid.
fn read_removed_block(fields: &mut TableFields<'_, '_, '_>) -> Option<RemovedLayer> {
    let address = fields.string("address");
    if fields.key_place("address").is_none() {
        fields.report_missing("address", "Name the address that is no longer declared, such as `statements.orders`.");
    }
    let accept = fields.string_or_strings("accept");
    if fields.key_place("accept").is_none() {
        fields.report_missing("accept", "Copy the consent from the plan that shows the blocked removal.");
    }
    Some(RemovedLayer { address: *address?, accept: accept? })
}

/// Reads the table `[project]`.
fn read_project(fields: &mut TableFields<'_, '_, '_>) -> ProjectLayer {
    ProjectLayer {
        name: fields.string("name"),
        include: fields.strings("include"),
        allow: fields.strings("allow").unwrap_or_default(),
        has_invalid_fields: fields.has_invalid_fields(),
    }
}

/// Reads the environment variable of a secret. A secret with a problem still counts as declared, with the value
/// `None`.
fn read_secret(fields: &mut TableFields<'_, '_, '_>) -> Field<String> {
    fields.set_misplaced_keys(&[(
        "value",
        "Keep secret values out of manifests. Write `{ env = \"NAME\" }` with the variable that holds the value.",
    )]);
    let env = fields.string("env");
    if fields.key_place("env").is_none() {
        fields.report_missing(
            "env",
            "Name the environment variable that holds it, for example `openai = { env = \"OPENAI_API_KEY\" }`.",
        );
    }
    env
}

/// Reads `[defaults]`, the settings that statements share.
fn read_defaults(fields: &mut TableFields<'_, '_, '_>) -> StatementLayer {
    fields.set_misplaced_keys(&[
        ("name", "Set it in the statement. Every statement has its own name."),
        ("sql", "Set it in the statement. Every statement has its own SQL."),
        ("sql_file", "Set it in the statement. Every statement has its own SQL."),
        ("undo", "Set it in the statement. Every definition has its own `undo`."),
        ("accept", "Set it in the statement. A consent covers one change of one statement."),
        ("depends_on", "Set it in the statement that has the dependency."),
        ("stateful", "Set it in the statement that creates the function."),
        ("unset", "Remove the default itself. There is nothing below `[defaults]` to unset."),
        ("allow", "To allow a lint in the whole project, set `allow` in `[project]`."),
        ("variables", "Variables belong to an environment. Set `variables = { … }` in `[environments.<name>]`."),
    ]);
    read_shared_fields(fields)
}

/// Reads the fields that `[defaults]` and statements have in common.
fn read_shared_fields(fields: &mut TableFields<'_, '_, '_>) -> StatementLayer {
    let before = fields.reader.problems.len();
    let properties = fields.entries("properties");
    StatementLayer {
        has_invalid_properties: fields.reader.problems.len() > before,
        properties,
        pool: fields.string("pool"),
        principal: fields.string("principal"),
        stopped: fields.boolean("stopped"),
        evolve: fields.string("evolve"),
        on_failed: fields.string("on_failed"),
        on_stopped: fields.string("on_stopped"),
        prevent_destroy: fields.boolean("prevent_destroy"),
        timeout: fields.string("timeout"),
        ..StatementLayer::default()
    }
}

/// Reads one `[statements.<key>]` table or overlay.
fn read_statement(fields: &mut TableFields<'_, '_, '_>) -> Box<StatementLayer> {
    fields.set_misplaced_keys(&[
        ("file", "Use `sql_file` for the file that holds the SQL."),
        ("statement", "Use `sql` for the SQL."),
        ("compute_pool", "Use `pool` with the key of the pool."),
        ("variables", "Variables belong to an environment. Set `variables = { … }` in `[environments.<name>]`."),
    ]);
    Box::new(StatementLayer {
        name: fields.string("name"),
        sql: fields.string("sql"),
        sql_file: fields.string("sql_file"),
        undo: fields.string("undo"),
        accept: fields.string_or_strings("accept"),
        depends_on: fields.strings("depends_on"),
        allow: fields.strings("allow"),
        stateful: fields.boolean("stateful"),
        unset: fields.strings("unset").unwrap_or_default(),
        has_invalid_fields: fields.has_invalid_fields(),
        ..read_shared_fields(fields)
    })
}

/// Reads one `[pools.<key>]` table or overlay.
fn read_pool(fields: &mut TableFields<'_, '_, '_>) -> PoolLayer {
    fields.set_misplaced_keys(&[
        ("cloud", "Remove it. A pool uses the cloud of its environment."),
        ("region", "Remove it. A pool uses the region of its environment."),
        ("environment", "Remove it. `--env` selects the environment of a pool."),
        ("name", "Use `display_name` for the name that Confluent Cloud shows."),
    ]);
    PoolLayer {
        id: fields.string("id"),
        display_name: fields.string("display_name"),
        max_cfu: fields.integer("max_cfu"),
        network: fields.string("network"),
        prevent_destroy: fields.boolean("prevent_destroy"),
        unset: fields.strings("unset").unwrap_or_default(),
        has_invalid_fields: fields.has_invalid_fields(),
    }
}

/// Reads one `[environments.<name>]` table with its overlays.
fn read_environment(fields: &mut TableFields<'_, '_, '_>) -> EnvironmentLayer {
    fields.set_misplaced_keys(&[
        ("environment", "Use `id` for the environment's id."),
        ("api_key", CREDENTIALS_HELP),
        ("api_secret", CREDENTIALS_HELP),
        ("key", CREDENTIALS_HELP),
        ("secret", CREDENTIALS_HELP),
        (
            "properties",
            "Set the properties of all statements in `[defaults]`. Use `${…}` where they differ by environment.",
        ),
        ("defaults", "`[defaults]` applies to every environment. Use `${…}` where values differ by environment."),
    ]);
    let before = fields.reader.problems.len();
    let mut layer = EnvironmentLayer {
        organization: fields.string("organization"),
        id: fields.string("id"),
        cloud: fields.string("cloud"),
        region: fields.string("region"),
        private: fields.boolean("private"),
        endpoint: fields.string("endpoint"),
        cloud_endpoint: fields.string("cloud_endpoint"),
        state: fields.string("state"),
        name_prefix: fields.string("name_prefix"),
        variables: fields.entries("variables"),
        aliases: fields.entries("aliases"),
        evolve: fields.string("evolve"),
        protected: fields.boolean("protected"),
        requests_per_second: fields.integer("requests_per_second"),
        simulator: fields.boolean("simulator"),
        pace: fields.string("pace"),
        catalog: fields.string("catalog"),
        scenario: fields.string("scenario"),
        has_invalid_fields: fields.has_invalid_fields(),
        ..EnvironmentLayer::default()
    };
    layer.is_valid = fields.reader.problems.len() == before;
    layer.pools = fields.named_tables("pools", read_pool);
    layer.statements = fields.named_tables("statements", read_statement);
    layer.is_valid &= !fields.has_unknown_keys();
    layer
}

/// The help for a credential that is written into a manifest.
const CREDENTIALS_HELP: &str = "Remove it. Set credentials only as environment variables: `FLINK_API_KEY` and \
                                `FLINK_API_SECRET`.";

/// Reads one `[[moved]]` block. Returns `None` if an address is missing or invalid.
fn read_moved_block(fields: &mut TableFields<'_, '_, '_>) -> Option<MovedLayer> {
    let (from, to) = (fields.string("from"), fields.string("to"));
    for name in ["from", "to"] {
        if fields.key_place(name).is_none() {
            fields.report_missing(
                name,
                "A move needs both, for example `from = \"statements.a\"` and `to = \"statements.b\"`.",
            );
        }
    }
    Some(MovedLayer { from: *from?, to: *to? })
}

/// Returns the syntax errors that the TOML crate found: only the first of each line, since the others follow from it.
fn syntax_problems(source: &Arc<SourceFile>, errors: &[toml::de::Error]) -> Vec<Problem> {
    let place = |span: Span| SourceLocation { source: Arc::clone(source), span };
    // Duplicate keys are reported only if there is no other error. After a bracket or quote that is not closed, the
    // parser misreads what follows.
    if errors.iter().all(|error| error.message() == DUPLICATE_KEY) {
        return duplicate_key_problems(source, errors);
    }
    let mut lines = BTreeSet::new();
    let mut problems = Vec::new();
    for error in errors.iter().filter(|error| error.message() != DUPLICATE_KEY) {
        let span = error.span().unwrap_or_default();
        let line = source.text.get(..span.start).map_or(0, |before| before.matches('\n').count());
        if lines.insert(line) {
            let message = format!("invalid TOML: {}", error.message());
            problems.push(Problem::new(message).at(place(span), "here"));
        }
    }
    problems
}

/// Returns a problem for each duplicate key, with the location of the first key where it is known.
fn duplicate_key_problems(source: &Arc<SourceFile>, errors: &[toml::de::Error]) -> Vec<Problem> {
    let place = |span: Span| SourceLocation { source: Arc::clone(source), span };
    let spans: Vec<Span> = errors.iter().map(|error| error.span().unwrap_or_default()).collect();
    let mut headers: Vec<usize> = Vec::new();
    let mut problems = Vec::new();
    for (span, first) in spans.iter().zip(duplicates::first_occurrences(&source.text, &spans)) {
        // The key is defined once in each of two tables of the same name. The duplicate table is already reported.
        let begins = first.as_ref().map_or(0, |first| first.header_or_key.start);
        if headers.iter().any(|header| (begins..span.start).contains(header)) {
            continue;
        }
        if first.as_ref().is_some_and(FirstOccurrence::is_header) {
            headers.push(span.start);
        }
        let key = source.text.get(span.clone()).unwrap_or_default();
        let problem = Problem::new(format!("`{key}` is defined twice")).at(place(span.clone()), "defined again here");
        problems.push(match first {
            Some(first) => problem.at(place(first.header_or_key), "first defined here"),
            None => problem,
        });
    }
    problems
}
