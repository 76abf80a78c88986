//! Keys that are given twice. The parser says where the second one stands; the first is the one without which it would
//! not mind the second.

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::resource::Span;

/// What the parser calls it.
pub(super) const TWICE: &str = "duplicate key";

/// How many keys of one name are tried, how many pairs of a file, and how large a file: each trial reads all of it again.
const MOST_TRIED: usize = 16;
const MOST_PAIRS: usize = 16;
const LARGEST: usize = 1 << 20;

/// The first of two keys of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct First {
    key: Span,
    /// The header, where it is that of a table; else the key.
    pub shown: Span,
}

impl First {
    /// Whether it is the header of a table.
    pub(super) fn is_header(&self) -> bool {
        self.shown != self.key
    }
}

/// Where each of the keys at `again` was given first; `None` where that is not certain.
pub(super) fn firsts(text: &str, again: &[Span]) -> Vec<Option<First>> {
    let (document, _) = DeTable::parse_recoverable(text);
    let within = |(index, again): (usize, &Span)| {
        (index < MOST_PAIRS && text.len() <= LARGEST).then(|| first(text, document.get_ref(), again)).flatten()
    };
    again.iter().enumerate().map(within).collect()
}

fn first(text: &str, document: &DeTable<'_>, again: &Span) -> Option<First> {
    let name = name_of(text.get(again.clone())?)?;
    let mut found = Vec::new();
    keys(text, document, &name, &mut found);
    // What a header made is gone from the document once the second one has come.
    let line = text.get(..again.start)?.rfind('\n').map_or(0, |at| at.saturating_add(1));
    let (before, _) = DeTable::parse_recoverable(text.get(..line)?);
    keys(text, before.get_ref(), &name, &mut found);
    found.retain(|first| first.key.end <= again.start);
    found.sort_by_key(|first| (std::cmp::Reverse(first.key.start), std::cmp::Reverse(first.shown.len())));
    found.dedup_by_key(|first| first.key.clone());
    found.into_iter().take(MOST_TRIED).find(|first| is_it(text, &first.key, again))
}

/// The name that a key means, quotes and escapes taken off.
fn name_of(key: &str) -> Option<String> {
    let line = format!("{key} = 0");
    let table = DeTable::parse(&line).ok()?;
    table.get_ref().keys().next().map(|key| key.get_ref().to_string())
}

/// Every key of this name.
fn keys(text: &str, table: &DeTable<'_>, name: &str, found: &mut Vec<First>) {
    for (key, value) in table {
        if key.get_ref() == name {
            found.push(First { key: key.span(), shown: shown(text, key, value) });
        }
        below(text, value.get_ref(), name, found);
    }
}

fn below(text: &str, value: &DeValue<'_>, name: &str, found: &mut Vec<First>) {
    match value {
        DeValue::Table(table) => keys(text, table, name, found),
        DeValue::Array(values) => values.iter().for_each(|value| below(text, value.get_ref(), name, found)),
        _ => {}
    }
}

fn shown(text: &str, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Span {
    let written = text.get(value.span()).unwrap_or_default();
    let is_header = value.get_ref().is_table() && written.starts_with('[');
    if is_header { value.span() } else { key.span() }
}

/// Whether nobody would mind the key at `again` if the one at `first` had another name.
fn is_it(text: &str, first: &Span, again: &Span) -> bool {
    const STRANGER: &str = "\"\u{2026}\u{2026}\"";
    let (Some(before), Some(behind)) = (text.get(..first.start), text.get(first.end..)) else { return false };
    let renamed = [before, STRANGER, behind].concat();
    let moved = |at: usize| at.saturating_add(STRANGER.len()).saturating_sub(first.len());
    let again = moved(again.start)..moved(again.end);
    let (_, faults) = DeTable::parse_recoverable(&renamed);
    faults.iter().all(|fault| fault.span().is_none_or(|span| span != again))
}
