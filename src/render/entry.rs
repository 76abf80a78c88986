//! One change as it is shown, wherever it is shown: its symbol, its line, and what is said below.

use super::{
    Beside, Paint,
    sql::{self, Line},
    words::{block, headline, headline_says, note, reason, symbol},
};
use crate::{
    diff::{Action, Change, Note, Reason},
    plan::Plan,
    resource::{Address, Kind},
};

/// A change, ready to be laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Whose: more than one where the same happens to several.
    pub addresses: Vec<Address>,
    /// `+`, `~`, `±` …
    pub symbol: &'static str,
    /// Its colour.
    pub paint: Paint,
    /// What happens, in a line.
    pub head: String,
    /// What is said below.
    pub details: Vec<Detail>,
}

/// Something said below the line of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Detail {
    /// A sentence. Lines after the first are there to be pasted.
    Prose(String),
    /// SQL that goes and comes.
    Sql(Vec<Line>),
}

/// How many of the same are shown as one.
const GROUP: usize = 3;

/// The entries of a plan's changes, in order of address; those that say the same are one.
pub(super) fn entries(plan: &Plan, beside: &Beside, verbose: bool) -> Vec<Entry> {
    let environment = &plan.basis.environment;
    let told = plan.changes.iter().filter(|(_, change)| verbose || !is_quiet(change));
    grouped(told.map(|(address, change)| entry(address, change, beside, environment, verbose)).collect())
}

/// Whether only `-v` lists it: settings that floe alone reads, and nothing to be said of them.
pub(super) fn is_quiet(change: &Change) -> bool {
    matches!(change.action, Action::RecordSettings | Action::Inform)
        && change.notes.iter().all(|note| *note == Note::CosmeticSqlChange)
}

fn entry(address: &Address, change: &Change, beside: &Beside, environment: &str, verbose: bool) -> Entry {
    let (symbol, paint) = symbol(change);
    // What a consent does to the output is said of the consent.
    let is_said = |note: &Note| change.is_blocked() && matches!(note, Note::OutputRepeated { .. });
    let notes = change.notes.iter().filter(|note| (verbose || **note != Note::CosmeticSqlChange) && !is_said(note));
    let mut notes: Vec<String> = notes.map(|found| note(found, address, beside)).collect();
    let reasons: Vec<String> = change
        .reasons
        .iter()
        .filter(|found| !headline_says(change, found))
        .map(|found| reason(found, beside))
        .collect();
    let mut details = Vec::new();
    let head = match (&change.action, headline(address, change, beside)) {
        (_, Some(head)) => head,
        (Action::Blocked { by }, None) => {
            let mut choices = by.iter().map(|by| block(by, address, change, environment));
            let first = choices.next();
            for choice in first.iter().flat_map(|first| &first.choices) {
                details.push(Detail::Prose(choice.clone()));
            }
            for more in choices {
                details.push(Detail::Prose(format!("And {}.", more.why)));
                details.extend(more.choices.into_iter().map(Detail::Prose));
            }
            format!("BLOCKED: {}.", first.map_or_else(|| "a person has to decide".to_owned(), |first| first.why))
        }
        (_, None) if notes.is_empty() => "as it should be".to_owned(),
        (_, None) => notes.remove(0),
    };
    // What changed stands above what can be done about it.
    let (above, below) = match sql_of(change, verbose).filter(|lines| !lines.is_empty()).map(Detail::Sql) {
        sql if change.is_blocked() => (sql, None),
        sql => (None, sql),
    };
    if let Some(sql) = above {
        details.insert(0, sql);
    }
    if !reasons.is_empty() {
        details.insert(0, Detail::Prose(format!("Why: {}.", reasons.join("; ").trim_end_matches('.'))));
    }
    details.extend(below);
    details.extend(notes.into_iter().map(|note| Detail::Prose(sentence(&note))));
    Entry { addresses: vec![address.clone()], symbol, paint, head, details }
}

fn sql_of(change: &Change, verbose: bool) -> Option<Vec<Line>> {
    let changed = change.reasons.iter().find_map(|reason| match reason {
        Reason::SqlChanged { before, after } => Some(sql::difference(before.as_str(), after.as_str())),
        _ => None,
    });
    match &change.action {
        _ if changed.is_some() => changed,
        Action::Create { sql, .. } if verbose => Some(sql::whole(sql.as_str())),
        _ => None,
    }
}

/// A note as a sentence of its own: what begins as a word of prose begins large, and all end with a point.
fn sentence(note: &str) -> String {
    let mut letters = note.chars();
    let large = match letters.next() {
        Some(first) if first.is_ascii_lowercase() && !note.starts_with("max_cfu") => {
            format!("{}{}", first.to_ascii_uppercase(), letters.as_str())
        }
        _ => note.to_owned(),
    };
    if large.ends_with(['.', '!', '?']) { large } else { format!("{large}.") }
}

/// Puts those together that say the same of several things of one kind, in the place of the first.
fn grouped(entries: Vec<Entry>) -> Vec<Entry> {
    let same = |one: &Entry, other: &Entry| {
        let kind = |entry: &Entry| entry.addresses.first().map(|address| address.kind);
        kind(one) == kind(other)
            && one.symbol == other.symbol
            && one.head == other.head
            && one.details == other.details
            && !one.details.iter().any(|detail| matches!(detail, Detail::Sql(_)))
    };
    let mut groups: Vec<Vec<Entry>> = Vec::new();
    for entry in entries {
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| same(first, &entry))) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    let mut entries: Vec<Entry> = Vec::new();
    for group in groups {
        if group.len() < GROUP {
            entries.extend(group);
            continue;
        }
        let addresses = group.iter().flat_map(|entry| entry.addresses.clone()).collect();
        entries.extend(group.into_iter().next().map(|first| Entry { addresses, ..first }));
    }
    entries.sort_by(|one, other| one.addresses.cmp(&other.addresses));
    entries
}

impl Entry {
    /// Who it is about: an address, or `× 48 statements`.
    pub fn who(&self) -> String {
        match self.addresses.as_slice() {
            [one] => one.to_string(),
            several => {
                let kind = several.first().map_or(Kind::Statement, |address| address.kind);
                format!("× {} {}", several.len(), kind.table())
            }
        }
    }
}
