//! Finds the first of two keys with the same name. The parser reports only the second one. The first is the one
//! without which the parser accepts the second.

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::resource::Span;

/// The parser's message for a duplicate key.
pub(super) const DUPLICATE_KEY: &str = "duplicate key";

/// The maximum number of candidates for one duplicate. Each candidate costs another parse of the whole file.
const MAX_CANDIDATES: usize = 16;
/// The maximum number of duplicates of a file that are looked up.
const MAX_DUPLICATES: usize = 16;
/// The maximum size in bytes of a file in which duplicates are looked up.
const MAX_FILE_SIZE: usize = 1 << 20;

/// The first of two keys with the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FirstOccurrence {
    /// The span of the key itself.
    key: Span,
    /// The span of the table header that contains the key, or else of the key.
    pub header_or_key: Span,
}

impl FirstOccurrence {
    /// Returns whether the key is in the header of a table.
    pub(super) fn is_header(&self) -> bool {
        self.header_or_key != self.key
    }
}

/// Returns for each of the keys at `duplicates` where it was defined first, or `None` if that is not certain.
pub(super) fn first_occurrences(text: &str, duplicates: &[Span]) -> Vec<Option<FirstOccurrence>> {
    let (document, _) = DeTable::parse_recoverable(text);
    let first_within_limits = |(index, duplicate): (usize, &Span)| {
        (index < MAX_DUPLICATES && text.len() <= MAX_FILE_SIZE)
            .then(|| first_occurrence(text, document.get_ref(), duplicate))
            .flatten()
    };
    duplicates.iter().enumerate().map(first_within_limits).collect()
}

/// Returns where the key at `duplicate` was defined first, if that is certain.
fn first_occurrence(text: &str, document: &DeTable<'_>, duplicate: &Span) -> Option<FirstOccurrence> {
    let name = unquoted_key(text.get(duplicate.clone())?)?;
    let mut candidates = Vec::new();
    collect_keys(text, document, &name, &mut candidates);
    // The second header replaces the first one in the parsed document, so the text before it is parsed separately.
    let line = text.get(..duplicate.start)?.rfind('\n').map_or(0, |at| at.saturating_add(1));
    let (before, _) = DeTable::parse_recoverable(text.get(..line)?);
    collect_keys(text, before.get_ref(), &name, &mut candidates);
    candidates.retain(|first| first.key.end <= duplicate.start);
    candidates.sort_by_key(|first| (std::cmp::Reverse(first.key.start), std::cmp::Reverse(first.header_or_key.len())));
    candidates.dedup_by_key(|first| first.key.clone());
    candidates.into_iter().take(MAX_CANDIDATES).find(|first| is_first_of(text, &first.key, duplicate))
}

/// Returns the name of a key without quotes and escapes.
fn unquoted_key(key: &str) -> Option<String> {
    let line = format!("{key} = 0");
    let table = DeTable::parse(&line).ok()?;
    table.get_ref().keys().next().map(|key| key.get_ref().to_string())
}

/// Adds every key called `name` in `table`, at any depth, to `found`.
fn collect_keys(text: &str, table: &DeTable<'_>, name: &str, found: &mut Vec<FirstOccurrence>) {
    for (key, value) in table {
        if key.get_ref() == name {
            found.push(FirstOccurrence { key: key.span(), header_or_key: header_or_key_span(text, key, value) });
        }
        collect_keys_below(text, value.get_ref(), name, found);
    }
}

/// Adds every key called `name` inside `value` to `found`.
fn collect_keys_below(text: &str, value: &DeValue<'_>, name: &str, found: &mut Vec<FirstOccurrence>) {
    match value {
        DeValue::Table(table) => collect_keys(text, table, name, found),
        DeValue::Array(values) => {
            values.iter().for_each(|value| collect_keys_below(text, value.get_ref(), name, found))
        }
        _ => {}
    }
}

/// Returns the span of the header of a table that has one, or else the span of the key.
fn header_or_key_span(text: &str, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Span {
    let written = text.get(value.span()).unwrap_or_default();
    let is_header = value.get_ref().is_table() && written.starts_with('[');
    if is_header { value.span() } else { key.span() }
}

/// Returns whether the parser accepts the key at `duplicate` once the key at `first` has another name.
fn is_first_of(text: &str, first: &Span, duplicate: &Span) -> bool {
    /// A quoted key that no manifest is likely to use.
    const UNUSED_KEY: &str = "\"\u{2026}\u{2026}\"";
    let (Some(before), Some(after)) = (text.get(..first.start), text.get(first.end..)) else { return false };
    let renamed = [before, UNUSED_KEY, after].concat();
    let shifted = |at: usize| at.saturating_add(UNUSED_KEY.len()).saturating_sub(first.len());
    let duplicate = shifted(duplicate.start)..shifted(duplicate.end);
    let (_, errors) = DeTable::parse_recoverable(&renamed);
    errors.iter().all(|error| error.span().is_none_or(|span| span != duplicate))
}
