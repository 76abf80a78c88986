//! Writes a diff as one line per change, for the snapshots of the tests: the action with everything that `plan` reads
//! from it, then the reasons, the notes, and whether the resource is unhealthy.

use super::*;

/// Returns one line per change, or one per lookup if facts are missing.
pub fn of_outcome(outcome: &DiffOutcome) -> String {
    match outcome {
        DiffOutcome::Complete(diff) => of_diff(diff),
        DiffOutcome::Incomplete(lookups) => {
            let statements = lookups.statements.iter().map(|name| format!("looks up {name}"));
            let pools = lookups.pools.iter().map(|id| format!("looks up the pool {id}"));
            statements.chain(pools).collect::<Vec<_>>().join("\n")
        }
    }
}

/// Returns one line per change.
pub fn of_diff(diff: &Diff) -> String {
    if diff.changes.is_empty() {
        return "no changes".to_owned();
    }
    diff.changes.iter().map(|(address, change)| line(address, change)).collect::<Vec<_>>().join("\n")
}

/// Returns the line of one change.
fn line(address: &Address, change: &Change) -> String {
    let mut parts = vec![format!("{}: {}", address.key, action(&change.action))];
    if !change.reasons.is_empty() {
        parts.push(format!("because {}", joined(change.reasons.iter().map(reason))));
    }
    if !change.notes.is_empty() {
        parts.push(format!("note {}", joined(change.notes.iter().map(|note| format!("{note:?}")))));
    }
    if change.unhealthy {
        parts.push("unhealthy".to_owned());
    }
    parts.join(" | ")
}

/// Returns the action with the fields that decide what `plan` makes of it. The SQL of a creation is left out.
fn action(action: &Action) -> String {
    match action {
        Action::Create { generation, name, .. } => format!("Create {name} {generation}"),
        Action::Replace { strategy, from: Some(from), to } => format!("Replace {strategy:?} {from} -> {to}"),
        Action::Replace { strategy, from: None, to } => format!("Replace {strategy:?} -> {to}"),
        Action::Resume { placement, records } => {
            format!("Resume, sends {}, records {:?}", sent_fields(placement.0), records.0)
        }
        Action::Restart { placement } => format!("Restart, sends {}", sent_fields(placement.0)),
        Action::Await { phase, then } => format!("Await {phase:?}, then {:?}", then.0),
        Action::Delete { undo: Some(undo) } => format!("Delete, undo {:?}", undo.as_str()),
        Action::Delete { undo: None } => "Delete".to_owned(),
        Action::Blocked { by } => format!("BLOCKED by {}", joined(by.iter().map(|block| format!("{block:?}")))),
        other => format!("{other:?}"),
    }
}

/// Returns the names of the placement fields that are sent.
fn sent_fields(placement: PlacementChange) -> &'static str {
    match (placement.pool, placement.principal) {
        (true, true) => "pool and principal",
        (true, false) => "pool",
        (false, true) => "principal",
        (false, false) => "no placement",
    }
}

/// Returns the reason. The difference of the SQL is left out.
fn reason(reason: &Reason) -> String {
    match reason {
        Reason::SqlChanged { .. } => "SqlChanged".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Returns the values separated by commas.
fn joined(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(", ")
}
