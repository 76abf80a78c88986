//! Brings the record up to date with what an interrupted run left open, by reading and never by assuming.
//!
//! Pure: open intents and live in; entries for the journal, what to say, and what is unclear out.

mod catch_up;
mod outcome;

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use crate::{
    live::{Asks, Live, Presence},
    resource::{Address, Intent, Operation},
    state::{Entry, Fact, Incoherent, Outcome, Recorded},
};

pub use catch_up::{reached, same_spec, told};
pub use outcome::{Verdict, amended, verdict};

/// What reading the cloud told about the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// What has to be recorded, in order.
    pub entries: Vec<Entry>,
    /// What became of each request that an interrupted run left open.
    pub found: Vec<Found>,
    /// Why the named addresses cannot be planned: what is there is not what was asked, or nobody can tell.
    pub unclear: BTreeMap<Address, String>,
}

/// A request of an interrupted run, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The request.
    pub intent: Intent,
    /// Whether it took effect.
    pub applied: bool,
}

/// The names whose absence would settle something, wherever the list does not show them.
pub fn asks(recorded: &Recorded) -> Asks {
    let mut asks = Asks::default();
    for open in recorded.open.values() {
        match &open.intent.operation {
            Operation::Submit(submission) => asks.statements.extend([submission.name.clone()]),
            Operation::Amend { name, .. } | Operation::Remove { name, .. } => asks.statements.extend([name.clone()]),
            Operation::AmendPool { id, .. } | Operation::RemovePool { id } => asks.pools.extend([id.clone()]),
            Operation::CreatePool { .. } => {}
        }
    }
    for record in recorded.statements.values() {
        asks.statements.extend(record.passing().map(|generation| generation.sent.name.clone()));
        // Whether the successor may take over depends on what the one in force does.
        let predecessor = record.current.iter().filter(|_| record.successor.is_some());
        asks.statements.extend(predecessor.map(|generation| generation.sent.name.clone()));
    }
    asks
}

/// Settles every open intent, then notes how far each recorded generation has got. A record of which there is nothing
/// new to say is given back as it is.
///
/// # Errors
/// When the record contradicts itself: a damaged state, or a bug.
pub fn settle<'r>(recorded: &'r Recorded, live: &Live) -> Result<(Cow<'r, Recorded>, Settlement), Incoherent> {
    let mut settled = Cow::Borrowed(recorded);
    let mut settlement = Settlement::default();
    for intent in recorded.open.values().map(|open| &open.intent) {
        match verdict(intent, recorded, live) {
            Verdict::Applied(outcome) => {
                settlement.found.push(Found { intent: intent.clone(), applied: true });
                settlement.entries.push(Entry::Settle { intent: intent.id.clone(), outcome });
                if let Operation::Remove { name, .. } = &intent.operation
                    && live.statement(name) == Presence::Absent
                {
                    let gone = Fact::Gone { key: intent.address.key.clone(), name: name.clone() };
                    settlement.entries.push(Entry::Record { fact: gone });
                }
            }
            // No name keeps a second pool from being made, and the request may still be on its way: the intent stays
            // open until whoever asks again has looked long enough, or nobody wants it any more.
            Verdict::Rejected(_) if matches!(intent.operation, Operation::CreatePool { .. }) => {
                settlement.found.push(Found { intent: intent.clone(), applied: false });
            }
            Verdict::Rejected(why) => {
                settlement.found.push(Found { intent: intent.clone(), applied: false });
                settlement
                    .entries
                    .push(Entry::Settle { intent: intent.id.clone(), outcome: Outcome::Rejected { why } });
            }
            Verdict::Unclear(why) => drop(settlement.unclear.insert(intent.address.clone(), why)),
        }
    }
    for entry in &settlement.entries {
        settled.to_mut().apply(entry)?;
    }
    for fact in catch_up::facts(&settled, live) {
        let entry = Entry::Record { fact };
        settled.to_mut().apply(&entry)?;
        settlement.entries.push(entry);
    }
    Ok((settled, settlement))
}
