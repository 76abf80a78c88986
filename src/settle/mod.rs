//! Works out what happened to the open requests of an interrupted run and brings the record up to date. It relies on
//! reads and assumes nothing. `execute` judges a lost response of its own run with the same [`judge_intent`].
//!
//! Pure: takes the open intents and the live snapshot, and returns entries for the journal, the outcomes to report,
//! and what is unclear.

mod intent_verdict;
mod observed_facts;
mod sent_spec;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Deserialize, Serialize};

use crate::{
    live::{Live, Lookups, Presence},
    resource::{Address, Intent, Operation},
    state::{Entry, Fact, InconsistentEntry, Outcome, Recorded},
};

use intent_verdict::is_recorded;
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
    /// The requests that have shown no effect and may still take effect. Their intents stay open.
    pub in_flight: Vec<RequestInFlight>,
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

/// A request whose answer is not known, and that may still take effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestInFlight {
    /// The request that was sent, or was about to be sent.
    pub intent: Intent,
    /// For how many more seconds it may take effect.
    pub seconds_left: u64,
    /// Whether the request was sent again since, and the later copy has taken effect. It then has an effect only if
    /// what the later copy created is deleted.
    pub is_superseded: bool,
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
            Operation::UpdatePool { id, .. } => lookups.pools.extend([id.clone()]),
            Operation::DeletePool { id } => lookups.deleted_pools.extend([id.clone()]),
            Operation::CreatePool { .. } => {}
        }
    }
    let deleted = recorded.pools.values().filter(|record| record.is_deleted);
    lookups.deleted_pools.extend(deleted.map(|record| record.id.clone()));
    for record in recorded.statements.values() {
        lookups.statements.extend(record.other_generations().map(|generation| generation.sent.name.clone()));
        // Whether the successor may take over depends on the phase of the current generation.
        let predecessor = record.current.iter().filter(|_| record.successor.is_some());
        lookups.statements.extend(predecessor.map(|generation| generation.sent.name.clone()));
    }
    lookups
}

/// Settles every open intent whose outcome is known, then records how far each generation has progressed. Returns the
/// record unchanged if there is nothing new to record.
///
/// # Errors
/// When the record contradicts itself, because the state is damaged or because of a bug.
pub fn settle<'r>(recorded: &'r Recorded, live: &Live) -> Result<(Cow<'r, Recorded>, Settlement), InconsistentEntry> {
    let mut settled = Cow::Borrowed(recorded);
    let mut settlement = Settlement::default();
    let mut intents: Vec<&Intent> = recorded.open_intents.values().map(|open| &open.intent).collect();
    // Of several copies of one submission, the first is taken for the one that took effect. The later ones may still
    // be in flight for longer.
    intents.sort_by_key(|intent| intent.sent_at);
    for intent in intents {
        settlement.add_verdict(intent, recorded, live);
    }
    for (key, name) in deleted_statements(&settlement, recorded, live) {
        settlement.entries.push(Entry::FactRecorded { fact: Fact::GenerationGone { key, name } });
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

/// Returns the key and the name of each recorded generation whose deletion took effect.
fn deleted_statements(settlement: &Settlement, recorded: &Recorded, live: &Live) -> BTreeSet<(String, String)> {
    let applied = settlement.interrupted_requests.iter().filter(|request| request.applied);
    let deleted = applied.filter_map(|InterruptedRequest { intent, .. }| match &intent.operation {
        Operation::Delete { name, .. } if live.statement(name) == Presence::Absent => {
            is_recorded(intent, name, recorded).then(|| (intent.address.key.clone(), name.clone()))
        }
        _ => None,
    });
    deleted.collect()
}

impl Settlement {
    /// Adds what has become of one open intent.
    fn add_verdict(&mut self, intent: &Intent, recorded: &Recorded, live: &Live) {
        let is_superseded = match &intent.operation {
            Operation::Submit(submission) => {
                is_recorded(intent, &submission.name, recorded) || self.has_applied_submission(&submission.name)
            }
            _ => false,
        };
        let verdict = match judge_intent(intent, recorded, live) {
            IntentVerdict::Applied(_) if is_superseded => {
                IntentVerdict::NotSeen("the statement was created by another request".to_owned())
            }
            verdict => verdict,
        };
        let (outcome, applied) = match verdict {
            IntentVerdict::Unclear(why) => {
                self.unclear.insert(intent.address.clone(), why);
                return;
            }
            IntentVerdict::NotSeen(why) => match intent.in_flight_for(live.read_at) {
                Some(left) => {
                    let seconds_left = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
                    self.in_flight.push(RequestInFlight { intent: intent.clone(), seconds_left, is_superseded });
                    return;
                }
                None => (Outcome::NotApplied { why }, false),
            },
            IntentVerdict::NotApplied(why) => (Outcome::NotApplied { why }, false),
            IntentVerdict::Applied(outcome) => (outcome, true),
        };
        if !is_superseded {
            self.interrupted_requests.push(InterruptedRequest { intent: intent.clone(), applied });
        }
        self.entries.push(Entry::IntentSettled { intent_id: intent.id.clone(), outcome });
    }
    /// Returns whether a submission of `name` was already found to have taken effect.
    fn has_applied_submission(&self, name: &str) -> bool {
        self.interrupted_requests.iter().any(|request| {
            let submits = |it: &Operation| matches!(it, Operation::Submit(submission) if submission.name == name);
            request.applied && submits(&request.intent.operation)
        })
    }
}
