//! Keys that are given twice. The parser says where the second one stands; the first is the one without which it would
//! not mind the second.

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::resource::Span;

/// What the parser calls it.
pub(super) const DUPLICATE_KEY: &str = "duplicate key";

/// How many keys of one name are tried, how many pairs of a file, and how large a file: each trial reads all of it again.
const MAX_CANDIDATES: usize = 16;
const MAX_DUPLICATES: usize = 16;
const MAX_FILE_SIZE: usize = 1 << 20;

/// The first of two keys of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FirstOccurrence {
    key: Span,
    /// The header, where it is that of a table; else the key.
    pub header_or_key: Span,
}

impl FirstOccurrence {
    /// Whether it is the header of a table.
    pub(super) fn is_header(&self) -> bool {
        self.header_or_key != self.key
    }
}

/// Where each of the keys at `again` was given first; `None` where that is not certain.
pub(super) fn first_occurrences(text: &str, duplicates: &[Span]) -> Vec<Option<FirstOccurrence>> {
    let (document, _) = DeTable::parse_recoverable(text);
    let within = |(index, duplicate): (usize, &Span)| {
        (index < MAX_DUPLICATES && text.len() <= MAX_FILE_SIZE)
            .then(|| first_occurrence(text, document.get_ref(), duplicate))
            .flatten()
    };
    duplicates.iter().enumerate().map(within).collect()
}

fn first_occurrence(text: &str, document: &DeTable<'_>, duplicate: &Span) -> Option<FirstOccurrence> {
    let name = unquoted_key(text.get(duplicate.clone())?)?;
    let mut candidates = Vec::new();
    collect_keys(text, document, &name, &mut candidates);
    // What a header made is gone from the document once the second one has come.
    let line = text.get(..duplicate.start)?.rfind('\n').map_or(0, |at| at.saturating_add(1));
    let (before, _) = DeTable::parse_recoverable(text.get(..line)?);
    collect_keys(text, before.get_ref(), &name, &mut candidates);
    candidates.retain(|first| first.key.end <= duplicate.start);
    candidates.sort_by_key(|first| (std::cmp::Reverse(first.key.start), std::cmp::Reverse(first.header_or_key.len())));
    candidates.dedup_by_key(|first| first.key.clone());
    candidates.into_iter().take(MAX_CANDIDATES).find(|first| is_first_of(text, &first.key, duplicate))
}

/// The name that a key means, quotes and escapes taken off.
fn unquoted_key(key: &str) -> Option<String> {
    let line = format!("{key} = 0");
    let table = DeTable::parse(&line).ok()?;
    table.get_ref().keys().next().map(|key| key.get_ref().to_string())
}

/// Every key of this name.
fn collect_keys(text: &str, table: &DeTable<'_>, name: &str, found: &mut Vec<FirstOccurrence>) {
    for (key, value) in table {
        if key.get_ref() == name {
            found.push(FirstOccurrence { key: key.span(), header_or_key: header_or_key_span(text, key, value) });
        }
        collect_keys_below(text, value.get_ref(), name, found);
    }
}

fn collect_keys_below(text: &str, value: &DeValue<'_>, name: &str, found: &mut Vec<FirstOccurrence>) {
    match value {
        DeValue::Table(table) => collect_keys(text, table, name, found),
        DeValue::Array(values) => {
            values.iter().for_each(|value| collect_keys_below(text, value.get_ref(), name, found))
        }
        _ => {}
    }
}

fn header_or_key_span(text: &str, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Span {
    let written = text.get(value.span()).unwrap_or_default();
    let is_header = value.get_ref().is_table() && written.starts_with('[');
    if is_header { value.span() } else { key.span() }
}

/// Whether nobody would mind the key at `again` if the one at `first` had another name.
fn is_first_of(text: &str, first: &Span, duplicate: &Span) -> bool {
    const UNUSED_KEY: &str = "\"\u{2026}\u{2026}\"";
    let (Some(before), Some(after)) = (text.get(..first.start), text.get(first.end..)) else { return false };
    let renamed = [before, UNUSED_KEY, after].concat();
    let shifted = |at: usize| at.saturating_add(UNUSED_KEY.len()).saturating_sub(first.len());
    let duplicate = shifted(duplicate.start)..shifted(duplicate.end);
    let (_, errors) = DeTable::parse_recoverable(&renamed);
    errors.iter().all(|error| error.span().is_none_or(|span| span != duplicate))
}
