//! Takes the fields of a TOML table one by one, collects what is wrong, and knows at the end which keys nobody took.

use std::{collections::BTreeMap, sync::Arc};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{At, Field, StringEntry};
use crate::{
    manifest::suggest,
    resource::{InternedStr, Problem, SmallMap, SourceFile, SourceLocation, Span, is_valid_key},
};

/// What all tables of one file share.
pub(super) struct DocumentReader {
    pub source: Arc<SourceFile>,
    pub problems: Vec<Problem>,
    /// Whether a whole entry was lost to a problem.
    pub incomplete: bool,
}

impl DocumentReader {
    pub(super) fn place(&self, span: Span) -> SourceLocation {
        SourceLocation { source: Arc::clone(&self.source), span }
    }

    /// `[header]` of a table, or the key of one that is written inline or dotted.
    fn header_place(&self, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> SourceLocation {
        let written = self.source.text.get(value.span()).unwrap_or_default();
        let is_header = value.get_ref().is_table() && written.starts_with('[');
        self.place(if is_header { value.span() } else { key.span() })
    }

    fn report_wrong_type(&mut self, name: &str, wanted: &str, value: &Spanned<DeValue<'_>>, help: Option<String>) {
        let place = self.place(value.span());
        let found = type_name(value.get_ref());
        let mut problem = Problem::new(format!("`{name}` must be {wanted}")).at(place, format!("this is {found}"));
        problem.help = help;
        self.problems.push(problem);
    }

    /// A string, or a problem that shows how it is written.
    fn string<T: for<'a> From<&'a str>>(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<At<T>> {
        if let DeValue::String(text) = value.get_ref() {
            return Some(At { value: T::from(text), place: self.place(value.span()) });
        }
        let written = self.source.text.get(value.span()).unwrap_or_default();
        let scalar = !matches!(value.get_ref(), DeValue::Array(_) | DeValue::Table(_));
        let help = match value.get_ref() {
            DeValue::Table(_) => flatten_entries(name, value.get_ref())
                .first()
                .map(|(path, leaf)| format!("if a property is meant: `properties = {{ \"{path}\" = {leaf} }}`")),
            _ => scalar.then(|| format!("write it as a string: `{name} = \"{written}\"`")),
        };
        self.report_wrong_type(name, "a string", value, help);
        None
    }
}

/// One table while its fields are taken.
pub(super) struct TableFields<'t, 'i, 'r> {
    table: &'t DeTable<'i>,
    /// What people call it: `[statements.orders]`.
    owner: String,
    /// Where it begins.
    place: SourceLocation,
    taken: Vec<&'static str>,
    /// Whether a field was lost to a problem, so that it is not missing.
    has_invalid_fields: bool,
    /// Keys that belong elsewhere, and the next step.
    misplaced_keys: &'static [(&'static str, &'static str)],
    pub reader: &'r mut DocumentReader,
}

impl<'t, 'i, 'r> TableFields<'t, 'i, 'r> {
    pub(super) fn new(
        table: &'t DeTable<'i>,
        place: SourceLocation,
        owner: String,
        reader: &'r mut DocumentReader,
    ) -> Self {
        TableFields { table, place, owner, taken: Vec::new(), has_invalid_fields: false, misplaced_keys: &[], reader }
    }

    /// Says where keys belong that people put here by mistake.
    pub(super) fn set_misplaced_keys(&mut self, keys: &'static [(&'static str, &'static str)]) {
        self.misplaced_keys = keys;
    }

    /// Whether any field that was taken so far was lost to a problem.
    pub(super) fn has_invalid_fields(&self) -> bool {
        self.has_invalid_fields
    }

    /// Whether there is a key that nobody has taken so far.
    pub(super) fn has_unknown_keys(&self) -> bool {
        self.table.keys().any(|key| !self.taken.contains(&key.get_ref().as_ref()))
    }

    /// A string, as a `String` or as a text that copies share.
    pub(super) fn string<T: for<'a> From<&'a str>>(&mut self, name: &'static str) -> Field<T> {
        let (_, value) = self.take(name)?;
        let string = self.reader.string(name, value);
        self.has_invalid_fields |= string.is_none();
        string.map(Box::new)
    }

    pub(super) fn boolean(&mut self, name: &'static str) -> Field<bool> {
        let (_, value) = self.take(name)?;
        let place = self.reader.place(value.span());
        if let DeValue::Boolean(value) = value.get_ref() {
            return Some(Box::new(At { value: *value, place }));
        }
        let help = value
            .get_ref()
            .as_str()
            .and_then(|text| matches!(text, "true" | "false").then(|| format!("without quotes: `{name} = {text}`")));
        self.reader.report_wrong_type(name, "true or false", value, help);
        self.has_invalid_fields = true;
        None
    }

    pub(super) fn integer(&mut self, name: &'static str) -> Field<i64> {
        let (_, value) = self.take(name)?;
        let place = self.reader.place(value.span());
        let Some(number) = value.get_ref().as_integer() else {
            let help = value
                .get_ref()
                .as_str()
                .and_then(|text| text.parse::<i64>().is_ok().then(|| format!("without quotes: `{name} = {text}`")));
            self.reader.report_wrong_type(name, "a whole number", value, help);
            self.has_invalid_fields = true;
            return None;
        };
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(value) => Some(Box::new(At { value, place })),
            Err(_) => {
                self.reader.problems.push(Problem::new(format!("`{name}` is out of range")).at(place, "this number"));
                self.has_invalid_fields = true;
                None
            }
        }
    }

    /// A list of strings.
    pub(super) fn strings(&mut self, name: &'static str) -> Option<Vec<At<String>>> {
        let (_, value) = self.take(name)?;
        let Some(items) = value.get_ref().as_array() else {
            let help = value.get_ref().as_str().map(|text| format!("in brackets: `{name} = [\"{text}\"]`"));
            self.reader.report_wrong_type(name, "a list of strings", value, help);
            return None;
        };
        Some(items.iter().filter_map(|item| self.reader.string(name, item)).collect())
    }

    /// A table of strings whose keys are the user's: properties, variables, aliases.
    pub(super) fn entries(&mut self, name: &'static str) -> SmallMap<StringEntry> {
        let Some((_, value)) = self.take(name) else { return SmallMap::new() };
        let Some(table) = value.get_ref().as_table() else {
            let help = Some(format!("for example `{name} = {{ \"key\" = \"value\" }}`"));
            self.reader.report_wrong_type(name, "a table of strings", value, help);
            return SmallMap::new();
        };
        let mut entries = SmallMap::new();
        for (key, value) in table {
            let place = self.reader.place(key.span());
            let value = match value.get_ref() {
                DeValue::Table(_) => {
                    // `sql.state-ttl = "7 d"` is three tables to TOML.
                    let leaves = flatten_entries(key.get_ref(), value.get_ref());
                    let quoted: Vec<String> =
                        leaves.iter().map(|(path, leaf)| format!("`\"{path}\" = {leaf}`")).collect();
                    self.reader.problems.push(
                        Problem::new(format!("`{name}.{}` is a table, and `{name}` holds strings", key.get_ref()))
                            .at(place, "TOML takes dots for tables")
                            .help(format!("quote the whole key: {}", quoted.join(", "))),
                    );
                    continue;
                }
                _ => self.reader.string(&toml_key(key.get_ref()), value).unwrap_or_else(|| {
                    // It is there, if wrong: whoever refers to it need not hear that it is missing.
                    At { value: Arc::from(""), place: place.clone() }
                }),
            };
            entries.insert(InternedStr::from(key.get_ref().as_ref()), StringEntry { key_place: place, value });
        }
        entries
    }

    /// One table, read by `read`.
    pub(super) fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut TableFields<'t, 'i, '_>) -> T,
    ) -> Option<T> {
        let (key, value) = self.take(name)?;
        let Some(table) = value.get_ref().as_table() else {
            self.reader.report_wrong_type(
                name,
                "a table",
                value,
                Some(format!("`[{name}]` on a line by itself begins it")),
            );
            return None;
        };
        let place = self.reader.header_place(key, value);
        Some(read_table(table, place, format!("[{name}]"), self.reader, read))
    }

    /// Tables by the user's keys, each read by `read`: `[pools.main]`, `[statements.orders]`.
    pub(super) fn named_tables<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut TableFields<'t, 'i, '_>) -> T,
    ) -> BTreeMap<String, At<T>> {
        let Some((_, value)) = self.take(name) else { return BTreeMap::new() };
        let Some(table) = value.get_ref().as_table() else {
            self.reader.report_wrong_type(
                name,
                "a table of tables",
                value,
                Some(format!("for example `[{name}.main]`")),
            );
            self.reader.incomplete = true;
            return BTreeMap::new();
        };
        let outer = self.owner.trim_matches(['[', ']']).to_owned();
        let prefix = if outer.is_empty() { name.to_owned() } else { format!("{outer}.{name}") };
        let mut tables = BTreeMap::new();
        for (key, value) in table {
            let place = self.reader.header_place(key, value);
            let name = format!("{prefix}.{}", key.get_ref());
            if !is_valid_key(key.get_ref()) {
                self.reader.problems.push(
                    Problem::new(format!("`{}` cannot be a name here", key.get_ref()))
                        .at(self.reader.place(key.span()), "letters, digits, `-` and `_` only"),
                );
                self.reader.incomplete = true;
            } else if let Some(table) = value.get_ref().as_table() {
                let value = read_table(table, place.clone(), format!("[{name}]"), self.reader, &mut read);
                tables.insert(key.get_ref().to_string(), At { value, place });
            } else {
                let help = Some(format!("`[{name}]` on a line by itself begins it"));
                self.reader.report_wrong_type(&name, "a table", value, help);
                self.reader.incomplete = true;
            }
        }
        tables
    }

    /// A list of tables, each read by `read`: `[[moved]]`.
    pub(super) fn list_of_tables<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut TableFields<'t, 'i, '_>) -> T,
    ) -> Vec<At<T>> {
        let Some((_, value)) = self.take(name) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.reader.report_wrong_type(
                name,
                "a list of tables",
                value,
                Some(format!("write `[[{name}]]`, in double brackets")),
            );
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in items {
            let place = self.reader.place(item.span());
            match item.get_ref().as_table() {
                Some(table) => {
                    let value = read_table(table, place.clone(), format!("[[{name}]]"), self.reader, &mut read);
                    found.push(At { value, place });
                }
                None => self.reader.report_wrong_type(name, "a list of tables", item, None),
            }
        }
        found
    }

    /// Says that `name` has to be here, and what it looks like.
    pub(super) fn report_missing(&mut self, name: &str, help: &str) {
        let problem = Problem::new(format!("`{}` has no `{name}`", self.owner))
            .at(self.place.clone(), format!("`{name}` is missing"))
            .help(help);
        self.reader.problems.push(problem);
    }

    /// Where the key `name` stands, if it is there.
    pub(super) fn key_place(&self, name: &str) -> Option<SourceLocation> {
        self.table.get_key_value(name).map(|(key, value)| self.reader.header_place(key, value))
    }

    fn take(&mut self, name: &'static str) -> Option<(&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>)> {
        self.taken.push(name);
        self.table.get_key_value(name)
    }

    /// Whether every key was taken; a problem for each that was not.
    pub(super) fn finish(self) -> bool {
        let mut all_known = true;
        for (key, value) in self.table {
            let name = key.get_ref().as_ref();
            if self.taken.contains(&name) {
                continue;
            }
            all_known = false;
            let container = if self.owner.is_empty() { "a manifest".to_owned() } else { format!("`{}`", self.owner) };
            let hint = self.misplaced_keys.iter().find(|(key, _)| *key == name).map(|(_, help)| (*help).to_owned());
            let (message, label) = match hint {
                Some(_) => (format!("`{name}` does not belong in {container}"), "not here"),
                None => (format!("unknown key `{name}` in {container}"), "unknown"),
            };
            let place = match value.get_ref() {
                DeValue::Table(_) => self.reader.header_place(key, value),
                _ => self.reader.place(key.span()),
            };
            let mut problem = Problem::new(message).at(place, label);
            problem.help = hint.or_else(|| suggest::suggestion(name, self.taken.iter().copied()));
            self.reader.problems.push(problem);
        }
        all_known
    }
}

fn read_table<'t, 'i, T>(
    table: &'t DeTable<'i>,
    place: SourceLocation,
    owner: String,
    reader: &mut DocumentReader,
    read: impl FnOnce(&mut TableFields<'t, 'i, '_>) -> T,
) -> T {
    let mut fields = TableFields::new(table, place, owner, reader);
    let value = read(&mut fields);
    fields.finish();
    value
}

/// The full keys and the values of what dots have put into nested tables.
fn flatten_entries(key: &str, value: &DeValue<'_>) -> Vec<(String, String)> {
    match value {
        DeValue::Table(table) => table
            .iter()
            .flat_map(|(inner, value)| flatten_entries(&format!("{key}.{}", inner.get_ref()), value.get_ref()))
            .collect(),
        DeValue::String(text) => vec![(key.to_owned(), format!("{:?}", text.as_ref()))],
        _ => vec![(key.to_owned(), "\"…\"".to_owned())],
    }
}

/// A key as TOML wants it.
fn toml_key(key: &str) -> String {
    if is_valid_key(key) { key.to_owned() } else { format!("\"{key}\"") }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
