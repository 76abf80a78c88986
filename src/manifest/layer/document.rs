//! One TOML file into its layers.

use std::{collections::BTreeSet, sync::Arc};

use toml::de::DeTable;

use super::{
    At, EnvironmentLayer, Field, Manifest, MovedLayer, PoolLayer, ProjectLayer, StatementLayer,
    duplicates::{self, DUPLICATE_KEY, FirstOccurrence},
    fields::{DocumentReader, TableFields},
};
use crate::resource::{Problem, SourceFile, SourceLocation, Span};

/// Which file of a project it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum ManifestRole {
    /// `floe.toml`: everything may stand in it.
    Main,
    /// A file that `include` found: pools, statements and moves.
    Included,
}

/// Reads a manifest as far as it can be read; adds what is wrong to `problems`.
pub(in crate::manifest) fn read_manifest(
    source: &Arc<SourceFile>,
    role: ManifestRole,
    problems: &mut Vec<Problem>,
) -> Manifest {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    let mut reader =
        DocumentReader { source: Arc::clone(source), problems: Vec::new(), incomplete: !errors.is_empty() };
    let mut fields = TableFields::new(document.get_ref(), reader.place(0..0), String::new(), &mut reader);
    let mut manifest = read_tables(&mut fields, role);
    // `[statement.x]` is a statement that is not there for whoever refers to it.
    let all_known = fields.finish();
    manifest.incomplete = reader.incomplete || !all_known;
    if errors.is_empty() {
        problems.append(&mut reader.problems);
    } else {
        // What else seems wrong may be the parser's guess at what was meant.
        problems.extend(syntax_problems(source, &errors));
        manifest.unparsable.push(Arc::clone(source));
    }
    manifest
}

fn read_tables(fields: &mut TableFields<'_, '_, '_>, role: ManifestRole) -> Manifest {
    let mut manifest = Manifest::default();
    if role == ManifestRole::Main {
        manifest.project = fields.section("project", read_project).unwrap_or_default();
        manifest.defaults = fields.section("defaults", read_defaults).unwrap_or_default();
        manifest.secrets = fields.named_tables("secrets", read_secret);
        manifest.environments = fields.named_tables("environments", read_environment);
    } else {
        fields.set_misplaced_keys(&[
            ("project", "move it to `floe.toml`"),
            ("defaults", "move it to `floe.toml`"),
            ("secrets", "move it to `floe.toml`"),
            ("environments", "move it to `floe.toml`"),
        ]);
    }
    manifest.pools = fields.named_tables("pools", read_pool);
    manifest.statements = fields.named_tables("statements", read_statement);
    let moves = fields.list_of_tables("moved", read_moved_block).into_iter();
    manifest.moved = moves.filter_map(|at| Some(At { value: at.value?, place: at.place })).collect();
    manifest
}

fn read_project(fields: &mut TableFields<'_, '_, '_>) -> ProjectLayer {
    ProjectLayer {
        name: fields.string("name"),
        include: fields.strings("include"),
        allow: fields.strings("allow").unwrap_or_default(),
        has_invalid_fields: fields.has_invalid_fields(),
    }
}

/// The variable of a secret. `None` where something is wrong with it; it is declared all the same.
fn read_secret(fields: &mut TableFields<'_, '_, '_>) -> Field<String> {
    fields.set_misplaced_keys(&[(
        "value",
        "secrets stay out of manifests: `{ env = \"NAME\" }` names a variable that holds it",
    )]);
    let env = fields.string("env");
    if fields.key_place("env").is_none() {
        fields.report_missing("env", "for example `openai = { env = \"OPENAI_API_KEY\" }`");
    }
    env
}

/// `[defaults]`: what many statements may share.
fn read_defaults(fields: &mut TableFields<'_, '_, '_>) -> StatementLayer {
    fields.set_misplaced_keys(&[
        ("name", "every statement has a name of its own"),
        ("sql", "every statement has SQL of its own"),
        ("sql_file", "every statement has SQL of its own"),
        ("undo", "what undoes a statement is its own"),
        ("accept", "consent is given to one change of one statement"),
        ("depends_on", "say it in the statement that needs it"),
        ("unset", "leave the default out instead"),
        ("allow", "for the whole project it is `allow` in `[project]`"),
        ("variables", "variables belong to an environment: `variables = { … }` in `[environments.<name>]`"),
    ]);
    read_shared_fields(fields)
}

/// What `[defaults]` and a statement have in common.
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

fn read_statement(fields: &mut TableFields<'_, '_, '_>) -> Box<StatementLayer> {
    fields.set_misplaced_keys(&[
        ("file", "the SQL's file is `sql_file`"),
        ("statement", "the SQL is `sql`"),
        ("compute_pool", "the pool's key is `pool`"),
        ("variables", "variables belong to an environment: `variables = { … }` in `[environments.<name>]`"),
    ]);
    Box::new(StatementLayer {
        name: fields.string("name"),
        sql: fields.string("sql"),
        sql_file: fields.string("sql_file"),
        undo: fields.string("undo"),
        accept: fields.string("accept"),
        depends_on: fields.strings("depends_on"),
        allow: fields.strings("allow"),
        unset: fields.strings("unset").unwrap_or_default(),
        has_invalid_fields: fields.has_invalid_fields(),
        ..read_shared_fields(fields)
    })
}

fn read_pool(fields: &mut TableFields<'_, '_, '_>) -> PoolLayer {
    fields.set_misplaced_keys(&[
        ("cloud", "a pool's cloud is its environment's"),
        ("region", "a pool's region is its environment's"),
        ("environment", "which environment it is in follows from `--env`"),
        ("name", "what people see is `display_name`"),
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

fn read_environment(fields: &mut TableFields<'_, '_, '_>) -> EnvironmentLayer {
    fields.set_misplaced_keys(&[
        ("environment", "the environment's id is `id`"),
        ("api_key", CREDENTIALS_HELP),
        ("api_secret", CREDENTIALS_HELP),
        ("key", CREDENTIALS_HELP),
        ("secret", CREDENTIALS_HELP),
        (
            "properties",
            "properties of all statements belong in `[defaults]`; let them use `${…}` to differ by environment",
        ),
        ("defaults", "`[defaults]` holds in every environment; let it use `${…}` to differ by environment"),
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

const CREDENTIALS_HELP: &str = "credentials come from the environment only: `FLINK_API_KEY`, `FLINK_API_SECRET`";

fn read_moved_block(fields: &mut TableFields<'_, '_, '_>) -> Option<MovedLayer> {
    let (from, to) = (fields.string("from"), fields.string("to"));
    for name in ["from", "to"] {
        if fields.key_place(name).is_none() {
            fields.report_missing(name, "it takes `from = \"statements.a\"` and `to = \"statements.b\"`");
        }
    }
    Some(MovedLayer { from: *from?, to: *to? })
}

/// What the TOML crate found: the first fault of each line, for the others follow from it.
fn syntax_problems(source: &Arc<SourceFile>, errors: &[toml::de::Error]) -> Vec<Problem> {
    let place = |span: Span| SourceLocation { source: Arc::clone(source), span };
    // Where a bracket or quote is not closed, the parser takes what follows for something else.
    if errors.iter().all(|error| error.message() == DUPLICATE_KEY) {
        return duplicate_key_problems(source, errors);
    }
    let mut lines = BTreeSet::new();
    let mut problems = Vec::new();
    for error in errors.iter().filter(|fault| fault.message() != DUPLICATE_KEY) {
        let span = error.span().unwrap_or_default();
        let line = source.text.get(..span.start).map_or(0, |before| before.matches('\n').count());
        if lines.insert(line) {
            let message = format!("this is not TOML: {}", error.message());
            problems.push(Problem::new(message).at(place(span), "here"));
        }
    }
    problems
}

fn duplicate_key_problems(source: &Arc<SourceFile>, errors: &[toml::de::Error]) -> Vec<Problem> {
    let place = |span: Span| SourceLocation { source: Arc::clone(source), span };
    let spans: Vec<Span> = errors.iter().map(|error| error.span().unwrap_or_default()).collect();
    let mut headers: Vec<usize> = Vec::new();
    let mut problems = Vec::new();
    for (span, first) in spans.iter().zip(duplicates::first_occurrences(&source.text, &spans)) {
        // A key that is given once in each of two tables of one name.
        let begins = first.as_ref().map_or(0, |first| first.header_or_key.start);
        if headers.iter().any(|header| (begins..span.start).contains(header)) {
            continue;
        }
        if first.as_ref().is_some_and(FirstOccurrence::is_header) {
            headers.push(span.start);
        }
        let key = source.text.get(span.clone()).unwrap_or_default();
        let problem = Problem::new(format!("`{key}` is given twice")).at(place(span.clone()), "again here");
        problems.push(match first {
            Some(first) => problem.at(place(first.header_or_key), "first here"),
            None => problem,
        });
    }
    problems
}
