//! The SQL of a statement: from where it comes, and whether it may be sent.

use std::{path::Path, sync::Arc};

use super::{Desk, wrong};
use crate::{
    manifest::{
        SqlText, file,
        gather::{entry, sql_path},
        layer::{At, StatementLayer, string},
        near,
    },
    resource::{Problem, SourceFile, Span, Template},
    sql::{self, Analysis, StatementClass, StatementKind},
};

/// The most SQL that the service takes, by its documentation.
const SQL_LIMIT: usize = 4 << 20;

/// A layer says in one way where its SQL comes from.
pub(super) fn one_source(desk: &mut Desk<'_>, key: &str, layer: &At<Box<StatementLayer>>) {
    if let (Some(sql), Some(sql_file)) = (&layer.value.sql, &layer.value.sql_file) {
        desk.problems.push(
            wrong(sql, format!("`statements.{key}` has both `sql` and `sql_file`"), "one of the two")
                .at(sql_file.place.clone(), "and the other")
                .help("remove one"),
        );
    }
}

/// A text that is to be sent, and where it stands.
pub(super) struct Sql {
    pub template: Template,
    pub text: SqlText,
}

/// The SQL that a statement's layers say, from wherever they say it comes.
pub(super) fn sql_of(
    desk: &mut Desk<'_>,
    key: &str,
    declared: &At<Box<StatementLayer>>,
    layer: &StatementLayer,
) -> Option<Sql> {
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
                        .help(without_sql(key, &declared.place.source.path)),
                );
            }
            return None;
        }
    };
    Some(Sql { template, text })
}

/// The next step where a table has settings alone: often a bare file was removed and its settings stayed.
fn without_sql(key: &str, manifest: &Path) -> String {
    let folder = manifest.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("statements"));
    let file = folder.join(format!("{key}.sql"));
    format!(
        "no file by itself is its SQL either, as `{}` would be: if that was removed, remove this table too; else write \
         `sql = \"…\"` or `sql_file = \"{key}.sql\"` here",
        file.display()
    )
}

fn read(desk: &mut Desk<'_>, sql_file: &At<String>) -> Option<Arc<SourceFile>> {
    let path = sql_path(sql_file);
    if path.is_absolute() {
        let message = format!("`{}` begins at the root of the file system", sql_file.value);
        desk.problems.push(
            wrong(sql_file, message, "not a path in the project").help("write the path relative to this manifest"),
        );
        return None;
    }
    match desk.sources.read(desk.root, &path) {
        Ok(source) => Some(source),
        Err(problem) if !desk.root.join(&path).exists() => {
            let folder = path.parent().unwrap_or(Path::new(""));
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
                if problem.locations.is_empty() { problem.at(sql_file.place.clone(), "named here") } else { problem };
            desk.problems.push(problem);
            None
        }
    }
}

/// What a text is for decides what may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Statement,
    Bare,
    Undo,
}

/// Checks a text for what can be said of it offline. Gives what it says, unless that cannot be read.
pub(super) fn check_sql(desk: &mut Desk<'_>, key: &str, sql: &Sql, purpose: Purpose) -> Option<Analysis> {
    let masked = sql.template.masked();
    let first = first_word(&masked);
    let here = sql.text.locate(&first);
    let what = if purpose == Purpose::Undo { "`undo`" } else { "SQL" };
    if first.is_empty() {
        let message = format!("`statements.{key}` has no {what} but white space and comments");
        desk.problems.push(Problem::new(message).at(here, "nothing to run"));
        return None;
    }
    if masked.len() > SQL_LIMIT {
        let message = format!("the SQL of `statements.{key}` is {} bytes long", masked.len());
        desk.problems.push(Problem::new(message).at(here, "the service takes at most 4 MB"));
        return None;
    }
    let analysis = sql::analyze(&masked);
    for error in &analysis.errors {
        desk.problems.push(Problem::new(error.message.clone()).at(sql.text.locate(&error.span), "here"));
    }
    if !analysis.errors.is_empty() {
        return None;
    }
    let problem = match (purpose, analysis.kind.class()) {
        (_, StatementClass::Unsupported(why)) => {
            Problem::new(format!("floe cannot keep this statement: {why}")).at(here, "refused")
        }
        (Purpose::Undo, StatementClass::Job | StatementClass::TableJob) => {
            Problem::new("an `undo` has to complete, and this keeps running")
                .at(here, "keeps running")
                .help("for example `undo = \"DROP TABLE …\"`")
        }
        (Purpose::Bare, _) if !may_stand_alone(analysis.kind) => {
            let path = &sql.text.source.path;
            Problem::new("a `.sql` file by itself may hold one `CREATE`, `INSERT` or statement set")
                .at(here, "needs a manifest entry that says so")
                .help(format!("in `floe.toml`:\n\n{}", entry(key, path)))
        }
        _ => return Some(analysis),
    };
    desk.problems.push(problem);
    Some(analysis)
}

/// What nobody needs to be told about: it makes something, or runs until it is removed.
fn may_stand_alone(kind: StatementKind) -> bool {
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
fn first_word(text: &str) -> Span {
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
