//! Judges the outcome of one request by the current live snapshot.

use crate::{
    live::{Live, Presence},
    resource::{Intent, LiveStatement, Operation, Phase, Pool, PoolPhase, StatementUpdate, Submission, labels},
    state::{Outcome, Recorded},
};

use super::matches_sent_spec;

/// The verdict on one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentVerdict {
    /// The request took effect.
    Applied(Outcome),
    /// No effect of the request can be seen, for this reason. It may still take effect while it is in flight.
    NotSeen(String),
    /// The request had no effect and can no longer have one, for this reason.
    NotApplied(String),
    /// The outcome cannot be determined, or something unexpected exists. A person has to act on the reason.
    Unclear(String),
}

/// Judges `intent` by what is live now. A name that the list lacks proves nothing, so the verdict is `Unclear`.
pub fn judge_intent(intent: &Intent, recorded: &Recorded, live: &Live) -> IntentVerdict {
    match &intent.operation {
        // It was sent more than once. Another copy has taken effect, and the name cannot be taken twice.
        Operation::Submit(submission) if is_recorded(intent, &submission.name, recorded) => {
            IntentVerdict::NotSeen("the statement was created by another request".to_owned())
        }
        Operation::Submit(submission) => judge_submission(recorded, submission, live),
        Operation::Update { name, uid, to } => match live.statement(name) {
            Presence::Present(found) if found.has_uid(uid) && update_took_effect(to, found) => applied_verdict(None),
            Presence::Present(found) if found.has_uid(uid) => {
                IntentVerdict::NotSeen("the request did not take effect".to_owned())
            }
            Presence::Present(_) => IntentVerdict::NotApplied("the statement was deleted and created again".to_owned()),
            Presence::Absent => IntentVerdict::NotApplied("the statement no longer exists".to_owned()),
            Presence::Unlisted => IntentVerdict::Unclear(unlisted_reason(name)),
            Presence::Unknown(why) => IntentVerdict::Unclear(why.to_owned()),
        },
        Operation::Delete { name, uid } => match live.statement(name) {
            Presence::Present(found) if !found.has_uid(uid) => applied_verdict(None),
            Presence::Present(found) if found.phase == Phase::Deleting => applied_verdict(None),
            Presence::Present(_) => IntentVerdict::NotSeen("the statement still exists".to_owned()),
            Presence::Absent => applied_verdict(None),
            Presence::Unlisted => IntentVerdict::Unclear(unlisted_reason(name)),
            Presence::Unknown(why) => IntentVerdict::Unclear(why.to_owned()),
        },
        Operation::CreatePool { pool, existing_ids } => judge_pool_creation(pool, existing_ids, recorded, live),
        Operation::UpdatePool { id, to } => match live.pool(id) {
            Presence::Present(found) => {
                let name_matches = to.display_name.as_ref().is_none_or(|name| *name == found.display_name);
                let size_matches = to.max_cfu.is_none_or(|cfu| cfu == found.max_cfu);
                if name_matches && size_matches {
                    applied_verdict(None)
                } else {
                    IntentVerdict::NotSeen("the request did not take effect".to_owned())
                }
            }
            Presence::Absent => IntentVerdict::NotApplied("the pool no longer exists".to_owned()),
            Presence::Unlisted => IntentVerdict::Unclear(unlisted_reason(id)),
            Presence::Unknown(why) => IntentVerdict::Unclear(why.to_owned()),
        },
        Operation::DeletePool { id } => match live.pool(id) {
            Presence::Present(found) if found.phase == PoolPhase::Deprovisioning => applied_verdict(None),
            Presence::Present(_) => IntentVerdict::NotSeen("the pool still exists".to_owned()),
            Presence::Absent => applied_verdict(None),
            Presence::Unlisted => IntentVerdict::Unclear(unlisted_reason(id)),
            Presence::Unknown(why) => IntentVerdict::Unclear(why.to_owned()),
        },
    }
}

/// Returns whether the record has a generation called `name` under the address of the intent.
pub(super) fn is_recorded(intent: &Intent, name: &str, recorded: &Recorded) -> bool {
    let record = recorded.statements.get(&intent.address.key);
    record.is_some_and(|record| record.generation_named(name).is_some())
}

/// Judges a submission by the statement that now has its name.
fn judge_submission(recorded: &Recorded, submission: &Submission, live: &Live) -> IntentVerdict {
    match live.statement(&submission.name) {
        Presence::Present(found) => {
            // If the service keeps labels, the lineage label is the best evidence of which state submitted the
            // statement.
            let is_from_other_state = found.labels.get(labels::LINEAGE).is_some_and(|label| *label != recorded.lineage);
            if !is_from_other_state && matches_sent_spec(submission, found) {
                IntentVerdict::Applied(Outcome::Applied {
                    id: Some(found.uid.clone()),
                    created_at: found.created_at.clone(),
                })
            } else {
                IntentVerdict::Unclear(format!(
                    "statement `{}` exists with SQL, properties, a pool or a principal that this state did not send",
                    submission.name
                ))
            }
        }
        Presence::Absent => IntentVerdict::NotSeen("the statement does not exist".to_owned()),
        Presence::Unlisted => IntentVerdict::Unclear(unlisted_reason(&submission.name)),
        Presence::Unknown(why) => IntentVerdict::Unclear(why.to_owned()),
    }
}

/// Returns whether the statement already has the values that `to` asks for.
pub fn update_took_effect(to: &StatementUpdate, found: &LiveStatement) -> bool {
    found.stopped == to.stopped
        && (to.pool.is_none() || to.pool == found.pool)
        && (to.principal.is_none() || to.principal == found.principal)
}

/// Judges the creation of a pool. The service assigns ids and names are not unique, so the created pool is the one
/// with this name and spec that did not exist before and is in no record.
fn judge_pool_creation(
    pool: &Pool,
    existing_ids: &std::collections::BTreeSet<String>,
    recorded: &Recorded,
    live: &Live,
) -> IntentVerdict {
    if !live.pools_listed {
        return IntentVerdict::Unclear("pools cannot be listed without a Cloud API key".to_owned());
    }
    let is_known = |id: &str| existing_ids.contains(id) || recorded.pools.values().any(|record| record.id == id);
    let candidates: Vec<_> = live
        .pools()
        .filter(|found| found.display_name == pool.display_name && !is_known(&found.id))
        .filter(|found| found.max_cfu == pool.max_cfu && found.region == pool.region && found.cloud == pool.cloud)
        .collect();
    let unreadable = live.unreadable_pools().find(|id| !is_known(id));
    match (candidates.as_slice(), unreadable) {
        ([], Some(id)) => IntentVerdict::Unclear(format!("pool `{id}` is new and its description cannot be read")),
        ([], None) => IntentVerdict::NotSeen("no new pool matches the request".to_owned()),
        ([found], _) => IntentVerdict::Applied(Outcome::Applied {
            id: Some(found.id.clone()),
            created_at: found.created_at.clone(),
        }),
        (several, _) => {
            let ids: Vec<_> = several.iter().map(|found| found.id.as_str()).collect();
            IntentVerdict::Unclear(format!(
                "pools {} are new and are all named `{}`: delete the ones that you do not need",
                ids.join(", "),
                pool.display_name
            ))
        }
    }
}

/// Returns the verdict that the request was applied, with the given id.
fn applied_verdict(id: Option<String>) -> IntentVerdict {
    IntentVerdict::Applied(Outcome::Applied { id, created_at: None })
}

/// Returns the reason why an unlisted name is not evidence.
fn unlisted_reason(name: &str) -> String {
    format!("the list does not contain `{name}`, and no GET has confirmed that it is absent")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::{
        cloud::Listing,
        resource::{
            HashKey,
            tests::{identity, pool},
        },
    };

    #[test]
    fn an_unreadable_new_pool_may_be_the_one_created() {
        let pool = pool("main");
        let recorded = Recorded::new("lineage".to_owned(), identity(), HashKey("key".to_owned()));
        let no_statements = || Listing { items: BTreeMap::new(), unreadable: BTreeMap::new() };
        let unreadable = BTreeMap::from([("lfcp-odd".to_owned(), "it cannot be read".to_owned())]);
        let live = Live::from_lists(no_statements(), Some(Listing { items: BTreeMap::new(), unreadable }));
        let verdict = |before: &[&str]| {
            let before: BTreeSet<String> = before.iter().map(|id| (*id).to_owned()).collect();
            judge_pool_creation(&pool, &before, &recorded, &live)
        };
        assert!(matches!(verdict(&[]), IntentVerdict::Unclear(why) if why.contains("`lfcp-odd`")));
        assert!(matches!(verdict(&["lfcp-odd"]), IntentVerdict::NotSeen(_)));
    }
}
