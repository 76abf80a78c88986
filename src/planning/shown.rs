//! Values of secrets that have none here. The cloud shows them in what was submitted, and its words may quote them.

use crate::{
    live::{Live, Presence},
    resource::{Operation, Secrets, Submission},
    state::Recorded,
};

/// Takes the values of secrets out of what the service says in words, also of those that have no value here. Returns the
/// secrets, hiding those as well.
pub fn redact(live: &mut Live, secrets: &Secrets, recorded: &Recorded) -> Secrets {
    let asked = recorded.open.values().filter_map(|open| match &open.intent.operation {
        Operation::Submit(submission) => Some(submission),
        _ => None,
    });
    let generations = recorded.statements.values().flat_map(|record| record.generations());
    let sent = generations.map(|generation| &generation.sent).chain(asked);
    let shown: Vec<_> = sent.flat_map(|submission| shown(submission, live)).collect();
    let hiding = secrets.hiding(shown);
    live.redact(&hiding);
    hiding
}

/// What the cloud holds in the places of a submission's secrets.
fn shown(submission: &Submission, live: &Live) -> Vec<(String, String)> {
    let Presence::Present(found) = live.statement(&submission.name) else { return Vec::new() };
    let mut shown = Vec::new();
    if submission.sql.has_secrets() {
        shown.extend(submission.sql.shown_in(&found.sql));
    }
    for (key, template) in submission.properties.iter().filter(|(_, template)| template.has_secrets()) {
        shown.extend(found.properties.get(key).map(|value| template.shown_in(value)).unwrap_or_default());
    }
    shown
}
