//! Resolves the SQL of a statement and checks that it can be submitted.

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
    sql::{self, Analysis, SqlError, StatementClass, StatementKind},
};

/// The maximum size in bytes of the SQL that the service accepts, according to its documentation.
const SQL_LIMIT: usize = 4 << 20;

/// Reports a layer that sets both `sql` and `sql_file`.
pub(super) fn check_single_sql_source(context: &mut ValidationContext<'_>, key: &str, layer: &At<Box<StatementLayer>>) {
    if let (Some(sql), Some(sql_file)) = (&layer.value.sql, &layer.value.sql_file) {
        context.problems.push(
            problem_at(sql, format!("`statements.{key}` has both `sql` and `sql_file`"), "`sql` is set here")
                .at(sql_file.place.clone(), "`sql_file` is set here")
                .help("Remove one of them."),
        );
    }
}

/// SQL with its variables substituted.
pub(super) struct ResolvedSql {
    /// The SQL, with secrets as references.
    pub template: Template,
    /// The map from the SQL to the file that holds it.
    pub source_map: SqlSourceMap,
}

/// Returns the SQL of a statement, from `sql` or from the file in `sql_file`. Reports a statement that has neither.
pub(super) fn resolve_sql(
    context: &mut ValidationContext<'_>,
    key: &str,
    declared: &At<Box<StatementLayer>>,
    layer: &StatementLayer,
) -> Option<ResolvedSql> {
    let (template, source_map) = match (&layer.sql, &layer.sql_file) {
        (Some(sql), _) => {
            let positions = toml_string::value_source_map(&sql.place, sql.value.len());
            context.substitution.interpolate_sql(&sql.value, positions)?
        }
        (None, Some(sql_file)) => {
            let sql_file = context.substitution.interpolate(sql_file)?;
            let source = read_sql_file(context, &sql_file)?;
            context.substitution.interpolate_sql(&source.text, SqlSourceMap::of_file(source.clone()))?
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

/// Returns the help for a table that has only settings. Often its bare file was removed and the settings were left.
fn missing_sql_help(key: &str, manifest: &Path) -> String {
    let folder = manifest.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("statements"));
    let file = folder.join(format!("{key}.sql"));
    format!(
        "Set `sql = \"…\"` or `sql_file = \"{key}.sql\"` here, or create `{}`. If you removed that file, remove this \
         table too.",
        file.display()
    )
}

/// Returns the file that `sql_file` names, and reports one that cannot be read.
fn read_sql_file(context: &mut ValidationContext<'_>, sql_file: &At<String>) -> Option<Arc<SourceFile>> {
    let path = sql_path(sql_file);
    if path.is_absolute() {
        let message = format!("`{}` is an absolute path", sql_file.value);
        context.problems.push(
            problem_at(sql_file, message, "not a path in the project")
                .help("Write the path relative to this manifest."),
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
                Some(near) => missing.help(format!("Did you mean `{near}`?")),
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

/// The purpose of an SQL text, which decides which statements it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SqlPurpose {
    /// The SQL of a statement that a manifest declares.
    Statement,
    /// The SQL of a bare `.sql` file.
    BareFile,
    /// The SQL in `undo`.
    Undo,
}

/// Checks everything about an SQL text that can be checked offline. Returns its analysis, or `None` if it has a
/// problem.
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
        let message = format!("the {what} of `statements.{key}` contains only whitespace and comments");
        context.problems.push(Problem::new(message).at(here, "nothing to run"));
        return None;
    }
    if masked.len() > SQL_LIMIT {
        let message = format!("the SQL of `statements.{key}` is {} bytes long", masked.len());
        context.problems.push(Problem::new(message).at(here, "the service accepts at most 4 MB"));
        return None;
    }
    let analysis = sql::analyze(&masked);
    for error in &analysis.errors {
        context.problems.push(sql_problem(error, &masked, &sql.source_map));
    }
    if !analysis.errors.is_empty() {
        return None;
    }
    let problem = match (purpose, analysis.kind.class()) {
        (_, StatementClass::Unsupported(why)) => {
            Problem::new(format!("floe cannot manage this statement: {why}")).at(here, "not supported")
        }
        (SqlPurpose::Undo, StatementClass::Job | StatementClass::TableJob) => {
            Problem::new("an `undo` must complete, but this statement keeps running")
                .at(here, "keeps running")
                .help("Use a statement that completes, for example `undo = \"DROP TABLE …\"`.")
        }
        (SqlPurpose::BareFile, _) if !is_allowed_in_bare_file(analysis.kind) => {
            let path = &sql.source_map.source.path;
            Problem::new(
                "a `.sql` file without a manifest entry can hold only one `CREATE`, one `INSERT` or one statement \
                 set",
            )
            .at(here, "needs a manifest entry")
            .help(format!("Add this to `floe.toml`:\n\n{}", toml_entry(key, path)))
        }
        _ => return Some(analysis),
    };
    context.problems.push(problem);
    Some(analysis)
}

/// Returns the problem of an error in `text`. If a variable next to it is empty, the problem is about the variable.
fn sql_problem(error: &SqlError, text: &str, source_map: &SqlSourceMap) -> Problem {
    if let Some(reference) = source_map.blank_reference_next_to(text, &error.span) {
        let written = reference.source.text.get(reference.span.clone()).unwrap_or_default();
        let name = written.trim_start_matches("${").trim_end_matches('}');
        return Problem::new(format!("variable `{name}` is empty, and {}", error.message))
            .at(reference.clone(), "empty")
            .help(format!("Give `{name}` a value, or remove the reference."));
    }
    let mut problem = Problem::new(error.message.clone()).at(source_map.locate(&error.span), "here");
    problem.help.clone_from(&error.help);
    problem
}

/// Returns whether a bare file may hold a statement of this kind: one that creates something or writes rows.
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

/// Returns the span of the first word of a text. If there is none, returns an empty span at its end.
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
