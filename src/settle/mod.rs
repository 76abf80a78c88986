//! Works out what happened to the open requests of an interrupted run and brings the record up to date. It relies on
//! reads and assumes nothing. `execute` judges a lost response of its own run with the same [`judge_intent`].
//!
//! Pure: takes the open intents and the live snapshot, and returns entries for the journal, the outcomes to report,
//! and what is unclear.

mod intent_verdict;
mod observed_facts;
mod sent_spec;

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use crate::{
    live::{Live, Lookups, Presence},
    resource::{Address, Intent, Operation},
    state::{Entry, Fact, InconsistentEntry, Outcome, Recorded},
};

pub use intent_verdict::{IntentVerdict, judge_intent, update_took_effect};
pub use observed_facts::{furthest_phase, generation_facts};
pub use sent_spec::{matches_sent_spec, spec_differences};

/// What the live snapshot shows about the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// The entries to record, in order.
    pub entries: Vec<Entry>,
    /// The open requests of an interrupted run, each with its outcome.
    pub interrupted_requests: Vec<InterruptedRequest>,
    /// The addresses that cannot be planned, each with the reason: the resource differs from what was requested, or
    /// the outcome cannot be determined.
    pub unclear: BTreeMap<Address, String>,
}

/// A request of an interrupted run and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterruptedRequest {
    /// The request that was open.
    pub intent: Intent,
    /// Whether the request took effect.
    pub applied: bool,
}

/// Returns the names that settling needs to know about if the list lacks them.
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
        // Whether the successor may take over depends on the phase of the current generation.
        let predecessor = record.current.iter().filter(|_| record.successor.is_some());
        lookups.statements.extend(predecessor.map(|generation| generation.sent.name.clone()));
    }
    lookups
}

/// Settles every open intent, then records how far each generation has progressed. Returns the record unchanged if
/// there is nothing new to record.
///
/// # Errors
/// When the record contradicts itself, because the state is damaged or because of a bug.
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
            // Nothing prevents a second pool with the same name, and the request may still take effect. So the intent
            // stays open until a run that creates the pool again has looked for it long enough, or until the pool is no
            // longer desired.
            IntentVerdict::NotApplied(_) if matches!(intent.operation, Operation::CreatePool { .. }) => {
                settlement.interrupted_requests.push(InterruptedRequest { intent: intent.clone(), applied: false });
            }
            IntentVerdict::NotApplied(why) => {
                settlement.interrupted_requests.push(InterruptedRequest { intent: intent.clone(), applied: false });
                settlement
                    .entries
                    .push(Entry::IntentSettled { intent_id: intent.id.clone(), outcome: Outcome::NotApplied { why } });
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
