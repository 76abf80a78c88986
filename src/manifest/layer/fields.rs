//! Reads the fields of a TOML table one by one, collects problems, and reports the keys that were not read.

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

/// The state that all tables of one file share while they are read.
pub(super) struct DocumentReader {
    /// The file that is being read.
    pub source: Arc<SourceFile>,
    /// The problems found so far.
    pub problems: Vec<Problem>,
    /// Whether a whole entry could not be read because of a problem.
    pub is_incomplete: bool,
}

impl DocumentReader {
    /// Returns the location of `span` in this file.
    pub(super) fn place(&self, span: Span) -> SourceLocation {
        SourceLocation { source: Arc::clone(&self.source), span }
    }

    /// Returns the location of a table's `[header]`, or of its key if the table is inline or dotted.
    fn header_place(&self, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> SourceLocation {
        let written = self.source.text.get(value.span()).unwrap_or_default();
        let is_header = value.get_ref().is_table() && written.starts_with('[');
        self.place(if is_header { value.span() } else { key.span() })
    }

    /// Reports that the type of the value of `name` is not `expected`.
    fn report_wrong_type(&mut self, name: &str, expected: &str, value: &Spanned<DeValue<'_>>, help: Option<String>) {
        let place = self.place(value.span());
        let found = type_name(value.get_ref());
        let mut problem = Problem::new(format!("`{name}` must be {expected}")).at(place, format!("this is {found}"));
        problem.help = help;
        self.problems.push(problem);
    }

    /// Returns the string in `value`. If it is not a string, reports how to write it as one.
    fn string<T: for<'a> From<&'a str>>(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<At<T>> {
        if let DeValue::String(text) = value.get_ref() {
            return Some(At { value: T::from(text), place: self.place(value.span()) });
        }
        let written = self.source.text.get(value.span()).unwrap_or_default();
        let scalar = !matches!(value.get_ref(), DeValue::Array(_) | DeValue::Table(_));
        let help = match value.get_ref() {
            DeValue::Table(_) => flatten_entries(name, value.get_ref())
                .first()
                .map(|(path, leaf)| format!("To set a property, write `properties = {{ \"{path}\" = {leaf} }}`.")),
            _ => scalar.then(|| format!("Write it as a string: `{name} = \"{written}\"`.")),
        };
        self.report_wrong_type(name, "a string", value, help);
        None
    }
}

/// One table whose fields are being read.
pub(super) struct TableFields<'t, 'i, 'r> {
    /// The table as the TOML crate parsed it.
    table: &'t DeTable<'i>,
    /// The name of the table in messages, such as `[statements.orders]`.
    table_name: String,
    /// The location of the header or key of the table.
    place: SourceLocation,
    /// The keys that were read so far.
    read_keys: Vec<&'static str>,
    /// Whether a field could not be read, so that it must not be reported as missing.
    has_invalid_fields: bool,
    /// The keys that belong elsewhere, each with the next step.
    misplaced_keys: &'static [(&'static str, &'static str)],
    /// The reader of the whole file.
    pub reader: &'r mut DocumentReader,
}

impl<'t, 'i, 'r> TableFields<'t, 'i, 'r> {
    /// Returns a table of which no field has been read yet.
    pub(super) fn new(
        table: &'t DeTable<'i>,
        place: SourceLocation,
        table_name: String,
        reader: &'r mut DocumentReader,
    ) -> Self {
        TableFields {
            table,
            place,
            table_name,
            read_keys: Vec::new(),
            has_invalid_fields: false,
            misplaced_keys: &[],
            reader,
        }
    }

    /// Sets the keys that users often put here by mistake, each with the next step.
    pub(super) fn set_misplaced_keys(&mut self, keys: &'static [(&'static str, &'static str)]) {
        self.misplaced_keys = keys;
    }

    /// Returns whether any of the fields so far had a problem and could not be read.
    pub(super) fn has_invalid_fields(&self) -> bool {
        self.has_invalid_fields
    }

    /// Returns whether the table has a key that was not read so far.
    pub(super) fn has_unknown_keys(&self) -> bool {
        self.table.keys().any(|key| !self.read_keys.contains(&key.get_ref().as_ref()))
    }

    /// Returns the string `name`, as a `String` or as a shared `Arc<str>`.
    pub(super) fn string<T: for<'a> From<&'a str>>(&mut self, name: &'static str) -> Field<T> {
        let (_, value) = self.take(name)?;
        let string = self.reader.string(name, value);
        self.has_invalid_fields |= string.is_none();
        string.map(Box::new)
    }

    /// Returns the boolean `name`, if it is set and valid.
    pub(super) fn boolean(&mut self, name: &'static str) -> Field<bool> {
        let (_, value) = self.take(name)?;
        let place = self.reader.place(value.span());
        if let DeValue::Boolean(value) = value.get_ref() {
            return Some(Box::new(At { value: *value, place }));
        }
        let help = value.get_ref().as_str().and_then(|text| {
            matches!(text, "true" | "false").then(|| format!("Remove the quotes: `{name} = {text}`."))
        });
        self.reader.report_wrong_type(name, "true or false", value, help);
        self.has_invalid_fields = true;
        None
    }

    /// Returns the integer `name`, if it is set and valid.
    pub(super) fn integer(&mut self, name: &'static str) -> Field<i64> {
        let (_, value) = self.take(name)?;
        let place = self.reader.place(value.span());
        let Some(number) = value.get_ref().as_integer() else {
            let help = value
                .get_ref()
                .as_str()
                .and_then(|text| text.parse::<i64>().is_ok().then(|| format!("Remove the quotes: `{name} = {text}`.")));
            self.reader.report_wrong_type(name, "an integer", value, help);
            self.has_invalid_fields = true;
            return None;
        };
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(value) => Some(Box::new(At { value, place })),
            Err(_) => {
                self.reader
                    .problems
                    .push(Problem::new(format!("`{name}` is out of range")).at(place, "does not fit in 64 bits"));
                self.has_invalid_fields = true;
                None
            }
        }
    }

    /// Returns the list of strings `name`, without the items that are not strings.
    pub(super) fn strings(&mut self, name: &'static str) -> Option<Vec<At<String>>> {
        let (_, value) = self.take(name)?;
        let Some(items) = value.get_ref().as_array() else {
            let help = value.get_ref().as_str().map(|text| format!("Write it as a list: `{name} = [\"{text}\"]`."));
            self.reader.report_wrong_type(name, "a list of strings", value, help);
            return None;
        };
        Some(items.iter().filter_map(|item| self.reader.string(name, item)).collect())
    }

    /// Returns the string `name` as a list of one, or the list of strings `name`, without the items that are not
    /// strings.
    pub(super) fn string_or_strings(&mut self, name: &'static str) -> Option<Vec<At<String>>> {
        let is_list = self.table.get(name).is_some_and(|value| value.get_ref().is_array());
        if is_list { self.strings(name) } else { self.string(name).map(|only| vec![*only]) }
    }

    /// Returns the table of strings `name`, whose keys the user chooses: properties, variables or aliases.
    pub(super) fn entries(&mut self, name: &'static str) -> SmallMap<StringEntry> {
        let Some((_, value)) = self.take(name) else { return SmallMap::new() };
        let Some(table) = value.get_ref().as_table() else {
            let help = Some(format!("Write it as a table, for example `{name} = {{ \"key\" = \"value\" }}`."));
            self.reader.report_wrong_type(name, "a table of strings", value, help);
            return SmallMap::new();
        };
        let mut entries = SmallMap::new();
        for (key, value) in table {
            let place = self.reader.place(key.span());
            let value = match value.get_ref() {
                DeValue::Table(_) => {
                    // TOML reads the dots in `sql.state-ttl = "7 d"` as nested tables.
                    let leaves = flatten_entries(key.get_ref(), value.get_ref());
                    let quoted: Vec<String> =
                        leaves.iter().map(|(path, leaf)| format!("`\"{path}\" = {leaf}`")).collect();
                    self.reader.problems.push(
                        Problem::new(format!("`{name}.{}` is a table, but `{name}` holds only strings", key.get_ref()))
                            .at(place, "TOML reads dots as nested tables")
                            .help(format!("Quote the whole key: {}.", quoted.join(", "))),
                    );
                    continue;
                }
                _ => self.reader.string(&toml_key(key.get_ref()), value).unwrap_or_else(|| {
                    // The entry exists, so references to it must not be reported as undefined.
                    At { value: Arc::from(""), place: place.clone() }
                }),
            };
            entries.insert(InternedStr::from(key.get_ref().as_ref()), StringEntry { key_place: place, value });
        }
        entries
    }

    /// Returns the table `name`, read by `read`.
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
                Some(format!("Start the table with `[{name}]` on its own line.")),
            );
            return None;
        };
        let place = self.reader.header_place(key, value);
        Some(read_table(table, place, format!("[{name}]"), self.reader, read))
    }

    /// Returns the tables in `name`, whose keys the user chooses, such as `[pools.main]`. Each is read by `read`.
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
                Some(format!("Write one table for each entry, for example `[{name}.main]`.")),
            );
            self.reader.is_incomplete = true;
            return BTreeMap::new();
        };
        let outer = self.table_name.trim_matches(['[', ']']).to_owned();
        let prefix = if outer.is_empty() { name.to_owned() } else { format!("{outer}.{name}") };
        let mut tables = BTreeMap::new();
        for (key, value) in table {
            let place = self.reader.header_place(key, value);
            let name = format!("{prefix}.{}", key.get_ref());
            if !is_valid_key(key.get_ref()) {
                self.reader.problems.push(
                    Problem::new(format!("`{}` is not a valid key", key.get_ref()))
                        .at(self.reader.place(key.span()), "letters, digits, `-` and `_` only"),
                );
                self.reader.is_incomplete = true;
            } else if let Some(table) = value.get_ref().as_table() {
                let value = read_table(table, place.clone(), format!("[{name}]"), self.reader, &mut read);
                tables.insert(key.get_ref().to_string(), At { value, place });
            } else {
                let help = Some(format!("Start the table with `[{name}]` on its own line."));
                self.reader.report_wrong_type(&name, "a table", value, help);
                self.reader.is_incomplete = true;
            }
        }
        tables
    }

    /// Returns the list of tables `name`, such as `[[moved]]`. Each is read by `read`.
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
                Some(format!("Use double brackets: `[[{name}]]`.")),
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

    /// Reports that the required field `name` is missing.
    pub(super) fn report_missing(&mut self, name: &str, help: &str) {
        let problem = Problem::new(format!("`{}` has no `{name}`", self.table_name))
            .at(self.place.clone(), format!("`{name}` is missing"))
            .help(help);
        self.reader.problems.push(problem);
    }

    /// Returns the location of the key `name`, if the table has it.
    pub(super) fn key_place(&self, name: &str) -> Option<SourceLocation> {
        self.table.get_key_value(name).map(|(key, value)| self.reader.header_place(key, value))
    }

    /// Returns the entry `name`, and remembers that it was read.
    fn take(&mut self, name: &'static str) -> Option<(&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>)> {
        self.read_keys.push(name);
        self.table.get_key_value(name)
    }

    /// Reports every key that was not read. Returns whether there was none.
    pub(super) fn finish(self) -> bool {
        let mut all_known = true;
        for (key, value) in self.table {
            let name = key.get_ref().as_ref();
            if self.read_keys.contains(&name) {
                continue;
            }
            all_known = false;
            let container =
                if self.table_name.is_empty() { "this file".to_owned() } else { format!("`{}`", self.table_name) };
            let hint = self.misplaced_keys.iter().find(|(key, _)| *key == name).map(|(_, help)| (*help).to_owned());
            let (message, label) = match hint {
                Some(_) => (format!("`{name}` does not belong in {container}"), "not here"),
                None => (format!("unknown key `{name}` in {container}"), "unknown key"),
            };
            let place = match value.get_ref() {
                DeValue::Table(_) => self.reader.header_place(key, value),
                _ => self.reader.place(key.span()),
            };
            let mut problem = Problem::new(message).at(place, label);
            problem.help = hint.or_else(|| suggest::suggestion(name, self.read_keys.iter().copied()));
            self.reader.problems.push(problem);
        }
        all_known
    }
}

/// Reads one table with `read`, and reports its unknown keys.
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

/// Returns the entries of nested tables with their full dotted keys. Each value is formatted as TOML.
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

/// Returns `key` as it is written in TOML, with quotes if it needs them.
fn toml_key(key: &str) -> String {
    if is_valid_key(key) { key.to_owned() } else { format!("\"{key}\"") }
}

/// Returns the name of the type of `value`, for messages.
fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
