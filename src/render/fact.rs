//! Short descriptions of the entries that a plan records without sending a request.

use crate::{
    resource::Address,
    state::{Entry, Fact, FurthestPhase, Outcome},
};

/// The most descriptions that are listed.
const MAX_DESCRIBED: usize = 5;

/// Returns descriptions of the first few entries and the number of the others.
pub(super) fn describe_entries(entries: &[Entry]) -> String {
    let mut descriptions: Vec<String> = Vec::new();
    for entry in entries {
        let description = describe_entry(entry);
        if !descriptions.contains(&description) {
            descriptions.push(description);
        }
    }
    let more = descriptions.len().saturating_sub(MAX_DESCRIBED);
    descriptions.truncate(MAX_DESCRIBED);
    if more > 0 {
        descriptions.push(format!("and {more} more"));
    }
    descriptions.join("; ")
}

/// Returns what one entry records.
fn describe_entry(entry: &Entry) -> String {
    match entry {
        Entry::IntentOpened { intent, .. } => format!("a request for {}", intent.address),
        Entry::IntentSettled { outcome: Outcome::Applied { .. }, .. } => {
            "a step of an interrupted run took effect".to_owned()
        }
        Entry::IntentSettled { outcome: Outcome::NotApplied { .. }, .. } => {
            "a step of an interrupted run did not take effect".to_owned()
        }
        Entry::FactRecorded { fact } => describe_fact(fact),
    }
}

/// Returns what one fact records.
fn describe_fact(fact: &Fact) -> String {
    let statement = |key: &str| Address::statement(key);
    match fact {
        Fact::Declared { key, .. } => format!("the declaration of {}", statement(key)),
        Fact::PoolDeclared { key, .. } => format!("the declaration of {}", Address::pool(key)),
        Fact::Adopted { key, .. } => format!("{} is adopted", statement(key)),
        Fact::PoolAdopted { key, id, .. } => format!("{} is pool `{id}`", Address::pool(key)),
        Fact::PhaseReached { key, reached, .. } => {
            let how = match reached {
                FurthestPhase::Submitted => "was submitted",
                FurthestPhase::Running => "ran",
                FurthestPhase::Completed => "completed",
            };
            format!("{} {how}", statement(key))
        }
        Fact::OffsetsSet { key, offsets, .. } if offsets.is_empty() => format!("{} is running again", statement(key)),
        Fact::OffsetsSet { key, .. } => format!("the offsets of {}", statement(key)),
        Fact::SecretsRehashed { key, .. } => format!("stronger hashes of the secrets of {}", statement(key)),
        Fact::Promoted { key } => format!("the new generation of {} is current", statement(key)),
        Fact::GenerationGone { key, name } => format!("`{name}` of {} no longer exists", statement(key)),
        Fact::Deleted { address } => format!("{address} is deleted"),
        Fact::Forgotten { address } => format!("{address} is no longer managed"),
        Fact::Moved { from, to } => format!("{from} is moved to {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_entries_are_described_once_and_the_rest_are_counted() {
        let ran = |key: &str| Entry::FactRecorded {
            fact: Fact::PhaseReached {
                key: key.to_owned(),
                name: key.to_owned(),
                reached: FurthestPhase::Running,
                sql_kind: None,
                bounded: false,
            },
        };
        let moved = Fact::Moved { from: Address::statement("a"), to: Address::statement("b") };
        let two = [ran("a"), ran("a"), Entry::FactRecorded { fact: moved }];
        assert_eq!(describe_entries(&two), "statements.a ran; statements.a is moved to statements.b");
        let many: Vec<Entry> = (0..9).map(|number| ran(&format!("s{number}"))).collect();
        assert!(describe_entries(&many).ends_with("statements.s4 ran; and 4 more"), "{}", describe_entries(&many));
    }
}
