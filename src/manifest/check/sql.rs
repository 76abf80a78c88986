//! The SQL of a statement: from where it comes, and whether it may be sent.

use std::{path::Path, sync::Arc};

use super::{ValidationContext, problem_at};
use crate::{
    manifest::{
        SqlSourceMap, file,
        gather::{sql_path, toml_entry},
        layer::{At, StatementLayer, toml_string},
        suggest,
    },
    resource::{Problem, SourceFile, Span, Template},
    sql::{self, Analysis, StatementClass, StatementKind},
};

/// The most SQL that the service takes, by its documentation.
const SQL_LIMIT: usize = 4 << 20;

/// A layer says in one way where its SQL comes from.
pub(super) fn check_single_sql_source(context: &mut ValidationContext<'_>, key: &str, layer: &At<Box<StatementLayer>>) {
    if let (Some(sql), Some(sql_file)) = (&layer.value.sql, &layer.value.sql_file) {
        context.problems.push(
            problem_at(sql, format!("`statements.{key}` has both `sql` and `sql_file`"), "one of the two")
                .at(sql_file.place.clone(), "and the other")
                .help("remove one"),
        );
    }
}

/// A text that is to be sent, and where it stands.
pub(super) struct ResolvedSql {
    pub template: Template,
    pub source_map: SqlSourceMap,
}

/// The SQL that a statement's layers say, from wherever they say it comes.
pub(super) fn resolve_sql(
    context: &mut ValidationContext<'_>,
    key: &str,
    declared: &At<Box<StatementLayer>>,
    layer: &StatementLayer,
) -> Option<ResolvedSql> {
    let (template, source_map) = match (&layer.sql, &layer.sql_file) {
        (Some(sql), _) => {
            let positions = toml_string::value_source_map(&sql.place, sql.value.len());
            context.substitution.interpolate_text(&sql.value, positions)?
        }
        (None, Some(sql_file)) => {
            let sql_file = context.substitution.interpolate(sql_file)?;
            let source = read_sql_file(context, &sql_file)?;
            context.substitution.interpolate_text(&source.text, SqlSourceMap::of_file(source.clone()))?
        }
        (None, None) => {
            if !layer.has_invalid_fields {
                context.problems.push(
                    problem_at(declared, format!("`statements.{key}` has no SQL"), "neither `sql` nor `sql_file`")
                        .help(missing_sql_help(key, &declared.place.source.path)),
                );
            }
            return None;
        }
    };
    Some(ResolvedSql { template, source_map })
}

/// The next step where a table has settings alone: often a bare file was removed and its settings stayed.
fn missing_sql_help(key: &str, manifest: &Path) -> String {
    let folder = manifest.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("statements"));
    let file = folder.join(format!("{key}.sql"));
    format!(
        "no file by itself is its SQL either, as `{}` would be: if that was removed, remove this table too; else write \
         `sql = \"…\"` or `sql_file = \"{key}.sql\"` here",
        file.display()
    )
}

fn read_sql_file(context: &mut ValidationContext<'_>, sql_file: &At<String>) -> Option<Arc<SourceFile>> {
    let path = sql_path(sql_file);
    if path.is_absolute() {
        let message = format!("`{}` begins at the root of the file system", sql_file.value);
        context.problems.push(
            problem_at(sql_file, message, "not a path in the project").help("write the path relative to this manifest"),
        );
        return None;
    }
    match context.sql_files.read(context.root, &path) {
        Ok(source) => Some(source),
        Err(problem) if !context.root.join(&path).exists() => {
            let folder = path.parent().unwrap_or(Path::new(""));
            let names = file::entry_names(context.root, folder);
            let written = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let missing =
                problem_at(sql_file, format!("there is no file `{}`", path.display()), "relative to this manifest");
            context.problems.push(match suggest::nearest(written, names.iter().map(String::as_str)) {
                Some(near) => missing.help(format!("did you mean `{near}`?")),
                None if problem.help.is_some() => problem,
                None => missing,
            });
            None
        }
        Err(problem) => {
            let problem =
                if problem.locations.is_empty() { problem.at(sql_file.place.clone(), "named here") } else { problem };
            context.problems.push(problem);
            None
        }
    }
}

/// What a text is for decides what may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SqlPurpose {
    Statement,
    BareFile,
    Undo,
}

/// Checks a text for what can be said of it offline. Gives what it says, unless that cannot be read.
pub(super) fn check_sql(
    context: &mut ValidationContext<'_>,
    key: &str,
    sql: &ResolvedSql,
    purpose: SqlPurpose,
) -> Option<Analysis> {
    let masked = sql.template.masked();
    let first = first_word_span(&masked);
    let here = sql.source_map.locate(&first);
    let what = if purpose == SqlPurpose::Undo { "`undo`" } else { "SQL" };
    if first.is_empty() {
        let message = format!("`statements.{key}` has no {what} but white space and comments");
        context.problems.push(Problem::new(message).at(here, "nothing to run"));
        return None;
    }
    if masked.len() > SQL_LIMIT {
        let message = format!("the SQL of `statements.{key}` is {} bytes long", masked.len());
        context.problems.push(Problem::new(message).at(here, "the service takes at most 4 MB"));
        return None;
    }
    let analysis = sql::analyze(&masked);
    for error in &analysis.errors {
        context.problems.push(Problem::new(error.message.clone()).at(sql.source_map.locate(&error.span), "here"));
    }
    if !analysis.errors.is_empty() {
        return None;
    }
    let problem = match (purpose, analysis.kind.class()) {
        (_, StatementClass::Unsupported(why)) => {
            Problem::new(format!("floe cannot keep this statement: {why}")).at(here, "refused")
        }
        (SqlPurpose::Undo, StatementClass::Job | StatementClass::TableJob) => {
            Problem::new("an `undo` has to complete, and this keeps running")
                .at(here, "keeps running")
                .help("for example `undo = \"DROP TABLE …\"`")
        }
        (SqlPurpose::BareFile, _) if !is_allowed_in_bare_file(analysis.kind) => {
            let path = &sql.source_map.source.path;
            Problem::new("a `.sql` file by itself may hold one `CREATE`, `INSERT` or statement set")
                .at(here, "needs a manifest entry that says so")
                .help(format!("in `floe.toml`:\n\n{}", toml_entry(key, path)))
        }
        _ => return Some(analysis),
    };
    context.problems.push(problem);
    Some(analysis)
}

/// What nobody needs to be told about: it makes something, or runs until it is removed.
fn is_allowed_in_bare_file(kind: StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::CreateTable
            | StatementKind::CreateTableAs
            | StatementKind::CreateView
            | StatementKind::CreateFunction
            | StatementKind::CreateModel
            | StatementKind::CreateConnection
            | StatementKind::CreateAgent
            | StatementKind::CreateTool
            | StatementKind::CreateDatabase
            | StatementKind::CreateCatalog
            | StatementKind::InsertInto
            | StatementKind::InsertValues
            | StatementKind::StatementSet
    )
}

/// Where the first word of a text stands; empty, at its end, where there is none.
fn first_word_span(text: &str) -> Span {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ';');
        let after_comment = if rest.starts_with("--") || rest.starts_with("//") {
            rest.split_once('\n').map_or("", |(_, after)| after)
        } else if rest.starts_with("/*") {
            rest.split_once("*/").map_or("", |(_, after)| after)
        } else {
            let start = text.len().saturating_sub(rest.len());
            let word = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
            let length = word.max(rest.chars().next().map_or(0, char::len_utf8));
            return start..start.saturating_add(length);
        };
        rest = after_comment;
    }
}
