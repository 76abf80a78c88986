//! What is written down without anything being sent: settled facts, in a few words each.

use crate::{
    resource::Address,
    state::{Entry, Fact, FurthestPhase, Outcome},
};

/// How many are named.
const MAX_DESCRIBED: usize = 5;

/// What entries say, the first few of them.
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

fn describe_entry(entry: &Entry) -> String {
    match entry {
        Entry::IntentOpened { intent, .. } => format!("what is asked of {}", intent.address),
        Entry::IntentSettled { outcome: Outcome::Applied { .. }, .. } => {
            "a step of an interrupted run took effect".to_owned()
        }
        Entry::IntentSettled { outcome: Outcome::Rejected { .. }, .. } => {
            "a step of an interrupted run did not take effect".to_owned()
        }
        Entry::FactRecorded { fact } => describe_fact(fact),
    }
}

fn describe_fact(fact: &Fact) -> String {
    let statement = |key: &str| Address::statement(key);
    match fact {
        Fact::Declared { key, .. } => format!("how {} is declared", statement(key)),
        Fact::PoolDeclared { key, .. } => format!("how {} is declared", Address::pool(key)),
        Fact::Adopted { key, .. } => format!("{} is this project's", statement(key)),
        Fact::PoolAdopted { key, id, .. } => format!("{} is pool {id}", Address::pool(key)),
        Fact::PhaseReached { key, reached, .. } => {
            let how = match reached {
                FurthestPhase::Submitted => "was submitted",
                FurthestPhase::Running => "ran",
                FurthestPhase::Completed => "completed",
            };
            format!("{} {how}", statement(key))
        }
        Fact::OffsetsSet { key, offsets, .. } if offsets.is_empty() => format!("{} runs again", statement(key)),
        Fact::OffsetsSet { key, .. } => format!("where {} stood", statement(key)),
        Fact::Promoted { key } => format!("the new generation of {} is in force", statement(key)),
        Fact::GenerationGone { key, name } => format!("`{name}` of {} is gone", statement(key)),
        Fact::Deleted { address } => format!("{address} is deleted"),
        Fact::Forgotten { address } => format!("{address} is not floe's any more"),
        Fact::Moved { from, to } => format!("{from} is {to} from now on"),
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
        assert_eq!(describe_entries(&two), "statements.a ran; statements.a is statements.b from now on");
        let many: Vec<Entry> = (0..9).map(|number| ran(&format!("s{number}"))).collect();
        assert!(describe_entries(&many).ends_with("statements.s4 ran; and 4 more"), "{}", describe_entries(&many));
    }
}
