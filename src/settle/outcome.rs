//! What became of one request, judged by what is there now.

use crate::{
    live::{Live, Presence},
    resource::{Amendment, Intent, LiveStatement, Operation, Phase, Pool, PoolPhase, Submission, labels},
    state::{Outcome, Recorded},
};

use super::same_spec;

/// The judgement on one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It took effect.
    Applied(Outcome),
    /// It took none; the reason.
    Rejected(String),
    /// Nobody can tell, or something else is there; the reason, for a person to act on.
    Unclear(String),
}

/// Judges `intent`. Nothing is assumed from a list that does not show a name: that is `Unclear`.
pub fn verdict(intent: &Intent, recorded: &Recorded, live: &Live) -> Verdict {
    match &intent.operation {
        Operation::Submit(submission) => submitted(recorded, submission, live),
        Operation::Amend { name, uid, to } => match live.statement(name) {
            Presence::Present(found) if found.is(uid) && amended(to, found) => applied(None),
            Presence::Present(found) if found.is(uid) => Verdict::Rejected("it did not take effect".to_owned()),
            Presence::Present(_) => Verdict::Rejected("it was deleted and created again".to_owned()),
            Presence::Absent => Verdict::Rejected("it is gone".to_owned()),
            Presence::Unlisted => Verdict::Unclear(unlisted(name)),
            Presence::Unknown(why) => Verdict::Unclear(why.to_owned()),
        },
        Operation::Remove { name, uid } => match live.statement(name) {
            Presence::Present(found) if !found.is(uid) => applied(None),
            Presence::Present(found) if found.phase == Phase::Deleting => applied(None),
            Presence::Present(_) => Verdict::Rejected("it is still there".to_owned()),
            Presence::Absent => applied(None),
            Presence::Unlisted => Verdict::Unclear(unlisted(name)),
            Presence::Unknown(why) => Verdict::Unclear(why.to_owned()),
        },
        Operation::CreatePool { pool, before } => created_pool(pool, before, recorded, live),
        Operation::AmendPool { id, to } => match live.pool(id) {
            Presence::Present(found) => {
                let named = to.display_name.as_ref().is_none_or(|name| *name == found.display_name);
                let sized = to.max_cfu.is_none_or(|cfu| cfu == found.max_cfu);
                if named && sized { applied(None) } else { Verdict::Rejected("it did not take effect".to_owned()) }
            }
            Presence::Absent => Verdict::Rejected("it is gone".to_owned()),
            Presence::Unlisted => Verdict::Unclear(unlisted(id)),
            Presence::Unknown(why) => Verdict::Unclear(why.to_owned()),
        },
        Operation::RemovePool { id } => match live.pool(id) {
            Presence::Present(found) if found.phase == PoolPhase::Deprovisioning => applied(None),
            Presence::Present(_) => Verdict::Rejected("it is still there".to_owned()),
            Presence::Absent => applied(None),
            Presence::Unlisted => Verdict::Unclear(unlisted(id)),
            Presence::Unknown(why) => Verdict::Unclear(why.to_owned()),
        },
    }
}

fn submitted(recorded: &Recorded, submission: &Submission, live: &Live) -> Verdict {
    match live.statement(&submission.name) {
        Presence::Present(found) => {
            // The label, where the service keeps labels, is the surest evidence of whose it is.
            let foreign = found.labels.get(labels::LINEAGE).is_some_and(|label| *label != recorded.lineage);
            if !foreign && same_spec(submission, found) {
                Verdict::Applied(Outcome::Applied { id: Some(found.uid.clone()), created_at: found.created_at.clone() })
            } else {
                Verdict::Unclear(format!(
                    "statement `{}` exists with a SQL, properties, pool or principal that this state did not send",
                    submission.name
                ))
            }
        }
        Presence::Absent => Verdict::Rejected("it never arrived".to_owned()),
        Presence::Unlisted => Verdict::Unclear(unlisted(&submission.name)),
        Presence::Unknown(why) => Verdict::Unclear(why.to_owned()),
    }
}

/// Whether what `to` asks for is what is there.
pub fn amended(to: &Amendment, found: &LiveStatement) -> bool {
    found.stopped == to.stopped
        && (to.pool.is_none() || to.pool == found.pool)
        && (to.principal.is_none() || to.principal == found.principal)
}

/// Pools get their ids from the service and their names are not unique: ours is the one of this name and spec that
/// was not there before and that no record knows.
fn created_pool(pool: &Pool, before: &std::collections::BTreeSet<String>, recorded: &Recorded, live: &Live) -> Verdict {
    if !live.pools_listed {
        return Verdict::Unclear("pools cannot be listed without a Cloud API key".to_owned());
    }
    let known = |id: &str| before.contains(id) || recorded.pools.values().any(|record| record.id == id);
    let ours: Vec<_> = live
        .pools()
        .filter(|found| found.display_name == pool.display_name && !known(&found.id))
        .filter(|found| found.max_cfu == pool.max_cfu && found.region == pool.region && found.cloud == pool.cloud)
        .collect();
    let hidden = live.unreadable_pools().find(|id| !known(id));
    match (ours.as_slice(), hidden) {
        ([], Some(id)) => Verdict::Unclear(format!("pool `{id}` is new and its description does not read")),
        ([], None) => Verdict::Rejected("it never arrived".to_owned()),
        ([found], _) => {
            Verdict::Applied(Outcome::Applied { id: Some(found.id.clone()), created_at: found.created_at.clone() })
        }
        (several, _) => {
            let ids: Vec<_> = several.iter().map(|found| found.id.as_str()).collect();
            Verdict::Unclear(format!(
                "pools {} all bear the name `{}` and are new; delete those that nobody needs",
                ids.join(", "),
                pool.display_name
            ))
        }
    }
}

fn applied(id: Option<String>) -> Verdict {
    Verdict::Applied(Outcome::Applied { id, created_at: None })
}

fn unlisted(name: &str) -> String {
    format!("the list does not show `{name}`, and a single read has not confirmed that it is gone")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::{
        cloud::Listed,
        resource::{HashKey, Identity},
    };

    #[test]
    fn a_new_pool_that_does_not_read_may_be_the_one_that_was_asked_for() {
        let pool = Pool {
            display_name: "main".to_owned(),
            max_cfu: 5,
            network: None,
            cloud: "aws".to_owned(),
            region: "us-east-1".to_owned(),
            prevent_destroy: false,
        };
        let identity = Identity {
            organization: "o".to_owned(),
            environment: "env".to_owned(),
            cloud: "aws".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let recorded = Recorded::new("lineage".to_owned(), identity, HashKey("key".to_owned()));
        let nothing = || Listed { found: BTreeMap::new(), unreadable: BTreeMap::new() };
        let unreadable = BTreeMap::from([("lfcp-odd".to_owned(), "it does not read".to_owned())]);
        let live = Live::listed(nothing(), Some(Listed { found: BTreeMap::new(), unreadable }));
        let verdict = |before: &[&str]| {
            let before: BTreeSet<String> = before.iter().map(|id| (*id).to_owned()).collect();
            created_pool(&pool, &before, &recorded, &live)
        };
        assert!(matches!(verdict(&[]), Verdict::Unclear(why) if why.contains("`lfcp-odd`")));
        assert!(matches!(verdict(&["lfcp-odd"]), Verdict::Rejected(_)));
    }
}
