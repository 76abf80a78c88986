//! Values of secrets that have none here. The cloud shows them in what was submitted, and its words may quote them.

use crate::{
    live::{Live, Presence},
    resource::{Operation, Secrets, Submission},
    state::Recorded,
};

/// Takes the values of secrets out of what the service says in words, also of those that have no value here. Returns the
/// secrets, hiding those as well.
pub fn redact_live(live: &mut Live, secrets: &Secrets, recorded: &Recorded) -> Secrets {
    let open_submissions = recorded.open_intents.values().filter_map(|open| match &open.intent.operation {
        Operation::Submit(submission) => Some(submission),
        _ => None,
    });
    let generations = recorded.statements.values().flat_map(|record| record.generations());
    let sent = generations.map(|generation| &generation.sent).chain(open_submissions);
    let cloud_values: Vec<_> = sent.flat_map(|submission| secret_values_in_cloud(submission, live)).collect();
    let extended = secrets.with_cloud_values(cloud_values);
    live.redact(&extended);
    extended
}

/// What the cloud holds in the places of a submission's secrets.
fn secret_values_in_cloud(submission: &Submission, live: &Live) -> Vec<(String, String)> {
    let Presence::Present(found) = live.statement(&submission.name) else { return Vec::new() };
    let mut values = Vec::new();
    if submission.sql.has_secrets() {
        values.extend(submission.sql.secret_values_in(&found.sql));
    }
    for (key, template) in submission.properties.iter().filter(|(_, template)| template.has_secrets()) {
        values.extend(found.properties.get(key).map(|value| template.secret_values_in(value)).unwrap_or_default());
    }
    values
}
