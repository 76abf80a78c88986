//! Checks once more that no copy of a job has appeared, just before it is submitted.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    live::Live,
    resource::{Intent, LiveStatement, Operation, Submission, Template, properties},
    sql::{self, Namespace},
    state::Recorded,
};

/// What a submission needs to recognize a copy that has appeared since the plan was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyCheck {
    /// The uids of the copies that the plan has seen: a person consented to them, or they do no harm.
    pub accepted: BTreeSet<String>,
    /// Ids that SQL may use for a catalog or database, each with the name that it stands for.
    pub aliases: BTreeMap<String, String>,
}

/// Returns the cloud name of a listed statement that may be a copy of the job: another generation of its name, or one
/// with an equal `INSERT`. What the record or an open request explains is left out, and so is what the plan accepted.
pub fn unexpected_copy<'l>(
    submission: &Submission,
    check: &CopyCheck,
    recorded: &Recorded,
    listed: &'l Live,
) -> Option<&'l str> {
    let known = recorded.statement_names();
    let is_requested = |name: &str| recorded.open_intents.values().any(|open| submits(&open.intent, name));
    let is_unknown = |live: &&LiveStatement| {
        let name = live.name.as_str();
        live.may_run() && !known.contains(name) && !is_requested(name) && !check.accepted.contains(&live.uid)
    };
    let generations = listed.generations(submission.generation.base_of(&submission.name).unwrap_or(&submission.name));
    let mut other_generations =
        generations.into_iter().map(|(_, live)| live).filter(is_unknown).filter(|live| live.name != submission.name);
    if let Some(live) = other_generations.next() {
        return Some(&live.name);
    }
    let text = submission.sql.masked();
    let sinks = sql::insert_sinks(&text);
    let property = |key: &str| submission.properties.get(key).map(Template::masked);
    let (catalog, database) = (property(properties::CURRENT_CATALOG), property(properties::CURRENT_DATABASE));
    let aliases = Some(&check.aliases);
    let namespace = Namespace { catalog: catalog.as_deref(), database: database.as_deref(), aliases };
    let forms = sql::insert_forms(&text, namespace);
    let is_copy = |live: &&LiveStatement| {
        let (catalog, database) = live.properties.namespace();
        !sinks.is_disjoint(&sql::insert_sinks(&live.sql))
            && !live.properties.contains_key(properties::DRY_RUN)
            && !forms.is_disjoint(&sql::insert_forms(&live.sql, Namespace { catalog, database, aliases }))
    };
    let mut unknown = listed.statements().filter(is_unknown).filter(|live| live.name != submission.name);
    unknown.find(is_copy).map(|live| live.name.as_str())
}

/// Returns whether a request submits a statement with this cloud name.
fn submits(intent: &Intent, name: &str) -> bool {
    matches!(&intent.operation, Operation::Submit(submission) if submission.name == name)
}
