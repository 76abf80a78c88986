//! A statement: its name, its settings, its SQL, what it refers to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Desk, moved, name, words, wrong};
use crate::{
    manifest::{
        DeclaredStatement, SqlText, file,
        gather::sql_path,
        layer::{At, Property, StatementLayer, string},
        merge, near,
    },
    resource::{
        Address, Evolve, Kind as AddressKind, OnOutside, Place, Problem, Span, Statement, Template, cloud_name,
    },
    sql::{self, Class, Kind},
};

/// A statement may take 15 minutes to reach its phase.
const DEFAULT_TIMEOUT: u64 = 15 * 60;

/// The most SQL that the service takes, by its documentation.
const SQL_LIMIT: usize = 4 << 20;

/// Merges and checks the statement `key`. `bare`: no manifest mentions it.
pub(in crate::manifest) fn statement(
    desk: &mut Desk<'_>,
    key: &str,
    declared: &At<StatementLayer>,
    overlay: Option<&At<StatementLayer>>,
    bare: bool,
) -> Option<DeclaredStatement> {
    for layer in [Some(declared), overlay].into_iter().flatten() {
        one_source(desk, key, layer);
    }
    let mut layer = merge::statement(desk.defaults, &declared.value, &mut desk.problems);
    if let Some(overlay) = overlay {
        layer = merge::statement(&layer, &overlay.value, &mut desk.problems);
    }
    let name = cloud(desk, key, declared, layer.name.as_ref());
    let settings = settings(desk, &layer);
    let sql = sql_of(desk, key, declared, &layer);
    if let Some(sql) = &sql {
        check_sql(desk, key, sql, if bare { Purpose::Bare } else { Purpose::Statement });
    }
    let undo = layer.undo.as_ref().and_then(|undo| {
        let (template, text) = desk.substitution.template(undo)?;
        let undo = Sql { template, text };
        check_sql(desk, key, &undo, Purpose::Undo);
        Some(undo.template)
    });
    let mut reference_places = BTreeMap::new();
    let pool = settings.pool.map(|pool| {
        reference_places.insert(Address::pool(pool.value.clone()), pool.place);
        pool.value
    });
    let depends_on = depends_on(desk, key, layer.depends_on.as_deref().unwrap_or_default());
    reference_places.extend(depends_on.iter().map(|(address, place)| (address.clone(), place.clone())));
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
        sql: sql.text,
        reference_places,
        allow: settings.allow,
    })
}

fn one_source(desk: &mut Desk<'_>, key: &str, layer: &At<StatementLayer>) {
    if let (Some(sql), Some(sql_file)) = (&layer.value.sql, &layer.value.sql_file) {
        desk.problems.push(
            wrong(sql, format!("`statements.{key}` has both `sql` and `sql_file`"), "one of the two")
                .at(sql_file.place.clone(), "and the other")
                .help("remove one"),
        );
    }
}

/// Two statements of one cloud name: the service has one.
pub(in crate::manifest) fn same_names(statements: &BTreeMap<String, DeclaredStatement>, problems: &mut Vec<Problem>) {
    let mut names: BTreeMap<&str, (&str, &Place)> = BTreeMap::new();
    for (key, statement) in statements {
        if let Some((other, first)) = names.insert(&statement.spec.name, (key, &statement.place)) {
            problems.push(
                Problem::new(format!(
                    "`statements.{other}` and `statements.{key}` have one cloud name, `{}`",
                    statement.spec.name
                ))
                .at(statement.place.clone(), "the same name again")
                .at(first.clone(), "first here")
                .help("rename one of them, or say `name = \"…\"`"),
            );
        }
    }
}

/// The fields that are strings and no SQL, substituted and checked.
struct Settings {
    pool: Option<At<String>>,
    principal: Option<String>,
    properties: BTreeMap<String, Template>,
    evolve: Evolve,
    accept: Option<String>,
    on_failed: OnOutside,
    on_stopped: OnOutside,
    timeout: u64,
    allow: BTreeSet<String>,
}

fn settings(desk: &mut Desk<'_>, layer: &StatementLayer) -> Settings {
    let mut plain = |field: &Option<At<String>>| field.as_ref().and_then(|at| desk.substitution.plain(at));
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

/// Checks `[defaults]` by themselves.
pub(in crate::manifest) fn defaults(desk: &mut Desk<'_>) {
    let defaults = desk.defaults;
    settings(desk, defaults);
}

/// Checks what can be known of the overlay of an environment that was not chosen: its fields and its words.
pub(in crate::manifest) fn overlay(
    desk: &mut Desk<'_>,
    key: &str,
    declared: &At<StatementLayer>,
    overlay: &At<StatementLayer>,
) {
    let under = merge::statement(desk.defaults, &declared.value, &mut Vec::new());
    merge::statement(&under, &overlay.value, &mut desk.problems);
    one_source(desk, key, overlay);
    settings(desk, &overlay.value);
    depends_on(desk, key, overlay.value.depends_on.as_deref().unwrap_or_default());
}

fn properties(desk: &mut Desk<'_>, properties: &BTreeMap<String, Property>) -> BTreeMap<String, Template> {
    let mut filled = BTreeMap::new();
    for (key, property) in properties {
        if key == "sql.tables.initial-offset-from" {
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
    filled
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
    let sound = at
        .value
        .strip_prefix("FL")
        .is_some_and(|digits| digits.len() == 3 && digits.chars().all(|digit| digit.is_ascii_digit()));
    if !sound {
        problems.push(wrong(&at, format!("`{}` is not the code of a lint", at.value), "looks like `FL104`"));
    }
    sound.then_some(at.value)
}

fn cloud(desk: &mut Desk<'_>, key: &str, declared: &At<StatementLayer>, name: Option<&At<String>>) -> Option<String> {
    let (name, place) = match name {
        Some(at) => {
            let at = desk.substitution.plain(at)?;
            (at.value, at.place)
        }
        None => (cloud_name(&desk.environment.name_prefix, key), declared.place.clone()),
    };
    if let Some((message, label)) = name::fault(&name) {
        let mut problem = Problem::new(message).at(place, label);
        if declared.value.name.is_none() {
            problem = problem.help("rename the statement, or say `name = \"…\"`");
        }
        desk.problems.push(problem);
    }
    Some(name)
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

fn depends_on(desk: &mut Desk<'_>, key: &str, written: &[At<String>]) -> BTreeMap<Address, Place> {
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
            problem.help = near::nearest(&at.value.key, keys.iter().copied())
                .map(|near| format!("did you mean `{}.{near}`?", at.value.kind.table()));
            desk.problems.push(problem);
        }
    }
    addresses
}

struct Sql {
    template: Template,
    text: SqlText,
}

fn sql_of(desk: &mut Desk<'_>, key: &str, declared: &At<StatementLayer>, layer: &StatementLayer) -> Option<Sql> {
    let (template, text) = match (&layer.sql, &layer.sql_file) {
        (Some(sql), _) => {
            let positions = string::positions(&sql.place, sql.value.len());
            desk.substitution.text(&sql.value, positions)?
        }
        (None, Some(sql_file)) => {
            let sql_file = desk.substitution.plain(sql_file)?;
            let source = read(desk, &sql_file)?;
            desk.substitution.text(&source.text, SqlText::whole(source.clone()))?
        }
        (None, None) => {
            if !layer.flawed {
                desk.problems.push(
                    wrong(declared, format!("`statements.{key}` has no SQL"), "neither `sql` nor `sql_file`")
                        .help(format!("for example `sql_file = \"{key}.sql\"`")),
                );
            }
            return None;
        }
    };
    Some(Sql { template, text })
}

fn read(desk: &mut Desk<'_>, sql_file: &At<String>) -> Option<std::sync::Arc<crate::resource::Source>> {
    let path = sql_path(sql_file);
    match desk.sources.read(desk.root, &path) {
        Ok(source) => Some(source),
        Err(problem) if !desk.root.join(&path).exists() => {
            let folder = path.parent().unwrap_or(std::path::Path::new(""));
            let names = file::neighbours(desk.root, folder);
            let written = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let missing =
                wrong(sql_file, format!("there is no file `{}`", path.display()), "relative to this manifest");
            desk.problems.push(match near::nearest(written, names.iter().map(String::as_str)) {
                Some(near) => missing.help(format!("did you mean `{near}`?")),
                None if problem.help.is_some() => problem,
                None => missing,
            });
            None
        }
        Err(problem) => {
            let problem =
                if problem.places.is_empty() { problem.at(sql_file.place.clone(), "named here") } else { problem };
            desk.problems.push(problem);
            None
        }
    }
}

/// What a text is for decides what may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Statement,
    Bare,
    Undo,
}

fn check_sql(desk: &mut Desk<'_>, key: &str, sql: &Sql, purpose: Purpose) {
    let masked = sql.template.masked();
    let first = first_word(&masked);
    let here = sql.text.locate(&first);
    let what = if purpose == Purpose::Undo { "`undo`" } else { "SQL" };
    if first.is_empty() {
        let message = format!("`statements.{key}` has no {what} but white space and comments");
        desk.problems.push(Problem::new(message).at(here, "nothing to run"));
        return;
    }
    if masked.len() > SQL_LIMIT {
        let message = format!("the SQL of `statements.{key}` is {} bytes long", masked.len());
        desk.problems.push(Problem::new(message).at(here, "the service takes at most 4 MB"));
        return;
    }
    let reading = sql::read(&masked);
    for fault in &reading.faults {
        desk.problems.push(Problem::new(fault.message.clone()).at(sql.text.locate(&fault.span), "here"));
    }
    if !reading.faults.is_empty() {
        return;
    }
    let problem = match (purpose, reading.kind.class()) {
        (_, Class::Refused(why)) => Problem::new(format!("floe cannot keep this statement: {why}")).at(here, "refused"),
        (Purpose::Undo, Class::Job | Class::TableJob) => {
            Problem::new("an `undo` has to complete, and this keeps running")
                .at(here, "keeps running")
                .help("for example `undo = \"DROP TABLE …\"`")
        }
        (Purpose::Bare, _) if !may_stand_alone(reading.kind) => {
            let path = &sql.text.source.path;
            Problem::new("a `.sql` file by itself may hold one `CREATE`, `INSERT` or statement set")
                .at(here, "needs a manifest entry that says so")
                .help(format!("in `floe.toml`:\n\n[statements.{key}]\nsql_file = \"{}\"", path.display()))
        }
        _ => return,
    };
    desk.problems.push(problem);
}

/// What nobody needs to be told about: it makes something, or runs until it is removed.
fn may_stand_alone(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::CreateTable
            | Kind::CreateTableAs
            | Kind::CreateView
            | Kind::CreateFunction
            | Kind::CreateModel
            | Kind::CreateConnection
            | Kind::CreateAgent
            | Kind::CreateTool
            | Kind::CreateDatabase
            | Kind::CreateCatalog
            | Kind::InsertInto
            | Kind::InsertValues
            | Kind::StatementSet
    )
}

/// Where the first word of a text stands; empty, at its end, where there is none.
fn first_word(text: &str) -> Span {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let trimmed = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ';');
        at += rest.len() - trimmed.len();
        let skipped = if trimmed.starts_with("--") || trimmed.starts_with("//") {
            trimmed.find('\n').unwrap_or(trimmed.len())
        } else if trimmed.starts_with("/*") {
            trimmed.find("*/").map_or(trimmed.len(), |end| end + 2)
        } else {
            let end = trimmed.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(trimmed.len());
            let first = trimmed.chars().next().map_or(0, char::len_utf8);
            return at..at + end.max(first);
        };
        at += skipped;
    }
}
