//! Brings the record up to date with what an interrupted run left open, by reading and never by assuming.
//!
//! Pure: open intents and live in; entries for the journal, what to say, and what is unclear out.

mod intent_verdict;
mod observed_facts;

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use crate::{
    live::{Live, Lookups, Presence},
    resource::{Address, Intent, Operation},
    state::{Entry, Fact, InconsistentEntry, Outcome, Recorded},
};

pub use intent_verdict::{IntentVerdict, judge_intent, update_took_effect};
pub use observed_facts::{furthest_phase, generation_facts, matches_sent_spec};

/// What reading the cloud told about the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// What has to be recorded, in order.
    pub entries: Vec<Entry>,
    /// What became of each request that an interrupted run left open.
    pub interrupted_requests: Vec<InterruptedRequest>,
    /// Why the named addresses cannot be planned: what is there is not what was asked, or nobody can tell.
    pub unclear: BTreeMap<Address, String>,
}

/// A request of an interrupted run, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterruptedRequest {
    /// The request.
    pub intent: Intent,
    /// Whether it took effect.
    pub applied: bool,
}

/// The names whose absence would settle something, wherever the list does not show them.
pub fn required_lookups(recorded: &Recorded) -> Lookups {
    let mut lookups = Lookups::default();
    for open in recorded.open_intents.values() {
        match &open.intent.operation {
            Operation::Submit(submission) => lookups.statements.extend([submission.name.clone()]),
            Operation::Update { name, .. } | Operation::Delete { name, .. } => {
                lookups.statements.extend([name.clone()])
            }
            Operation::UpdatePool { id, .. } | Operation::DeletePool { id } => lookups.pools.extend([id.clone()]),
            Operation::CreatePool { .. } => {}
        }
    }
    for record in recorded.statements.values() {
        lookups.statements.extend(record.other_generations().map(|generation| generation.sent.name.clone()));
        // Whether the successor may take over depends on what the one in force does.
        let predecessor = record.current.iter().filter(|_| record.successor.is_some());
        lookups.statements.extend(predecessor.map(|generation| generation.sent.name.clone()));
    }
    lookups
}

/// Settles every open intent, then notes how far each recorded generation has got. A record of which there is nothing
/// new to say is given back as it is.
///
/// # Errors
/// When the record contradicts itself: a damaged state, or a bug.
pub fn settle<'r>(recorded: &'r Recorded, live: &Live) -> Result<(Cow<'r, Recorded>, Settlement), InconsistentEntry> {
    let mut settled = Cow::Borrowed(recorded);
    let mut settlement = Settlement::default();
    for intent in recorded.open_intents.values().map(|open| &open.intent) {
        match judge_intent(intent, recorded, live) {
            IntentVerdict::Applied(outcome) => {
                settlement.interrupted_requests.push(InterruptedRequest { intent: intent.clone(), applied: true });
                settlement.entries.push(Entry::IntentSettled { intent_id: intent.id.clone(), outcome });
                if let Operation::Delete { name, .. } = &intent.operation
                    && live.statement(name) == Presence::Absent
                {
                    let gone = Fact::GenerationGone { key: intent.address.key.clone(), name: name.clone() };
                    settlement.entries.push(Entry::FactRecorded { fact: gone });
                }
            }
            // No name keeps a second pool from being made, and the request may still be on its way: the intent stays
            // open until whoever asks again has looked long enough, or nobody wants it any more.
            IntentVerdict::Rejected(_) if matches!(intent.operation, Operation::CreatePool { .. }) => {
                settlement.interrupted_requests.push(InterruptedRequest { intent: intent.clone(), applied: false });
            }
            IntentVerdict::Rejected(why) => {
                settlement.interrupted_requests.push(InterruptedRequest { intent: intent.clone(), applied: false });
                settlement
                    .entries
                    .push(Entry::IntentSettled { intent_id: intent.id.clone(), outcome: Outcome::Rejected { why } });
            }
            IntentVerdict::Unclear(why) => drop(settlement.unclear.insert(intent.address.clone(), why)),
        }
    }
    for entry in &settlement.entries {
        settled.to_mut().apply(entry)?;
    }
    for fact in observed_facts::observed_facts(&settled, live) {
        let entry = Entry::FactRecorded { fact };
        settled.to_mut().apply(&entry)?;
        settlement.entries.push(entry);
    }
    Ok((settled, settlement))
}
