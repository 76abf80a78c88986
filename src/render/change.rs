//! A change as every format shows it: its symbol, its headline, and the details below.

use super::{
    Paint, PlanContext, RunFlags,
    sql_diff::{self, DiffLine},
    words::{BlockSetting, explain_block, headline, headline_covers, note_text, reason_text, symbol},
};
use crate::{
    diff::{Action, Change, Note, Reason},
    plan::Plan,
    resource::{Address, ResourceKind},
};

/// A change that is ready to be laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RenderedChange {
    /// The addresses that it is about. More than one if the same change happens to several.
    pub addresses: Vec<Address>,
    /// The symbol of its action: `+`, `~`, `±` …
    pub symbol: &'static str,
    /// The color of its symbol.
    pub paint: Paint,
    /// The headline, which says what happens.
    pub head: String,
    /// The details below the headline, in order.
    pub details: Vec<ChangeDetail>,
}

/// A detail below the headline of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ChangeDetail {
    /// Sentences. Lines after the first are there to be pasted.
    Prose(String),
    /// SQL lines that are removed and added.
    Sql(Vec<DiffLine>),
}

/// The number of identical changes from which they are shown as one entry.
const MIN_GROUP_SIZE: usize = 3;

/// Returns the changes of a plan in order of address. Changes with identical text are one entry.
pub(super) fn rendered_changes(
    plan: &Plan,
    context: &PlanContext,
    flags: &RunFlags,
    verbose: bool,
) -> Vec<RenderedChange> {
    let flags = &flags.in_environment(&plan.basis.environment);
    let listed = plan.changes.iter().filter(|(_, change)| verbose || !is_verbose_only(change));
    group_identical(listed.map(|(address, change)| rendered_change(address, change, context, flags, verbose)).collect())
}

/// Returns whether a change is listed only with `-v`: it changes nothing but settings that only floe reads, and has
/// no other note.
pub(super) fn is_verbose_only(change: &Change) -> bool {
    matches!(change.action, Action::RecordSettings | Action::Inform)
        && change.notes.iter().all(|note| *note == Note::CosmeticSqlChange)
}

/// Returns one change with its headline and details.
fn rendered_change(
    address: &Address,
    change: &Change,
    context: &PlanContext,
    flags: &RunFlags,
    verbose: bool,
) -> RenderedChange {
    let (symbol, paint) = symbol(change);
    // The text of the consent already says what happens to the output.
    let is_covered_by_consent = |note: &Note| change.is_blocked() && matches!(note, Note::OutputRepeated { .. });
    let notes = change
        .notes
        .iter()
        .filter(|note| (verbose || **note != Note::CosmeticSqlChange) && !is_covered_by_consent(note));
    let mut notes: Vec<String> = notes.map(|found| note_text(found, address, context)).collect();
    let reasons: Vec<String> = change
        .reasons
        .iter()
        .filter(|found| !headline_covers(change, found))
        .map(|found| reason_text(found, context))
        .collect();
    let mut details = Vec::new();
    let head = match (&change.action, headline(address, change, context)) {
        (_, Some(head)) => head,
        (Action::Blocked { by }, None) => {
            let setting = BlockSetting { flags, role: context.role_of(address) };
            let mut choices = by.iter().map(|by| explain_block(by, address, change, setting));
            let first = choices.next();
            for choice in first.iter().flat_map(|first| &first.options) {
                details.push(ChangeDetail::Prose(choice.clone()));
            }
            for more in choices {
                details.push(ChangeDetail::Prose(format!("Also blocked: {}.", more.cause)));
                details.extend(more.options.into_iter().map(ChangeDetail::Prose));
            }
            format!("BLOCKED: {}.", first.map_or_else(|| "a decision is needed".to_owned(), |first| first.cause))
        }
        (_, None) if notes.is_empty() => "as declared".to_owned(),
        (_, None) => notes.remove(0),
    };
    // In a block, what changed comes before the options.
    let (above, below) = match sql_lines(change, verbose).filter(|lines| !lines.is_empty()).map(ChangeDetail::Sql) {
        sql if change.is_blocked() => (sql, None),
        sql => (None, sql),
    };
    if let Some(sql) = above {
        details.insert(0, sql);
    }
    if !reasons.is_empty() {
        details.insert(0, ChangeDetail::Prose(format!("Why: {}.", reasons.join("; ").trim_end_matches('.'))));
    }
    details.extend(below);
    details.extend(notes.into_iter().map(|note| ChangeDetail::Prose(as_sentence(&note))));
    RenderedChange { addresses: vec![address.clone()], symbol, paint, head, details }
}

/// Returns the SQL lines to show: the difference of changed SQL, or with `-v` the SQL of a new statement.
fn sql_lines(change: &Change, verbose: bool) -> Option<Vec<DiffLine>> {
    let changed = change.reasons.iter().find_map(|reason| match reason {
        Reason::SqlChanged { before, after } => Some(sql_diff::line_diff(before.as_str(), after.as_str())),
        _ => None,
    });
    match &change.action {
        _ if changed.is_some() => changed,
        Action::Create { sql, .. } if verbose => Some(sql_diff::added_lines(sql.as_str())),
        _ => None,
    }
}

/// Returns a note as a sentence: capitalized if it starts with a word of prose, and with a period at the end.
fn as_sentence(note: &str) -> String {
    let mut letters = note.chars();
    let capitalized = match letters.next() {
        Some(first) if first.is_ascii_lowercase() && !note.starts_with("max_cfu") => {
            format!("{}{}", first.to_ascii_uppercase(), letters.as_str())
        }
        _ => note.to_owned(),
    };
    if capitalized.ends_with(['.', '!', '?']) { capitalized } else { format!("{capitalized}.") }
}

/// Groups changes with identical text and the same resource kind, at the position of the first.
fn group_identical(entries: Vec<RenderedChange>) -> Vec<RenderedChange> {
    let is_same = |one: &RenderedChange, other: &RenderedChange| {
        let kind = |entry: &RenderedChange| entry.addresses.first().map(|address| address.kind);
        kind(one) == kind(other)
            && one.symbol == other.symbol
            && one.head == other.head
            && one.details == other.details
            && !one.details.iter().any(|detail| matches!(detail, ChangeDetail::Sql(_)))
    };
    let mut groups: Vec<Vec<RenderedChange>> = Vec::new();
    for entry in entries {
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| is_same(first, &entry))) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    let mut entries: Vec<RenderedChange> = Vec::new();
    for group in groups {
        if group.len() < MIN_GROUP_SIZE {
            entries.extend(group);
            continue;
        }
        let addresses = group.iter().flat_map(|entry| entry.addresses.clone()).collect();
        entries.extend(group.into_iter().next().map(|first| RenderedChange { addresses, ..first }));
    }
    entries.sort_by(|one, other| one.addresses.cmp(&other.addresses));
    entries
}

impl RenderedChange {
    /// Returns what the entry is about: an address, or `× 48 statements`.
    pub fn subject(&self) -> String {
        match self.addresses.as_slice() {
            [one] => one.to_string(),
            several => {
                let kind = several.first().map_or(ResourceKind::Statement, |address| address.kind);
                format!("× {} {}", several.len(), kind.manifest_table())
            }
        }
    }
}
