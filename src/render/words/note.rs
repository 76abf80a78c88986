//! What people should know beside a change.

use std::collections::BTreeMap;

use super::{
    super::{PlanContext, style::sanitize},
    reason::{detail_suffix, field_value},
};
use crate::{
    diff::Note,
    resource::{Address, Phase, is_undo_name},
};

/// A note as a sentence, with the next step where there is one.
pub(in super::super) fn note_text(note: &Note, address: &Address, context: &PlanContext) -> String {
    match note {
        Note::CosmeticSqlChange => {
            "its SQL differs in layout, comments or keyword case only, which is no change".to_owned()
        }
        Note::RenamedAtNextGeneration { current_name } => {
            format!("the new name is used from the next generation on; now it is `{current_name}`")
        }
        Note::StoppedOutside => {
            "STOPPED: somebody stopped it outside. `--fix-drift` or `on_stopped = \"resume\"` resumes \
                                 it, `stopped = true` keeps it so"
                .to_owned()
        }
        Note::ResumedOutside => "runs although `stopped = true`: somebody resumed it outside. `--fix-drift` stops it, \
                                 `stopped = false` keeps it so"
            .to_owned(),
        Note::LateSubmissions { names } => {
            let or_adopt = format!(", or declare {address} again, which adopts it");
            format!(
                "{} {} here, and took effect after being given up: nothing records it. Delete it{}",
                names.join(" and "),
                if names.len() == 1 { "was submitted from" } else { "were submitted from" },
                if names.iter().all(|name| is_undo_name(name)) { "" } else { &or_adopt }
            )
        }
        Note::MovedOutside { field, live, sent } => format!(
            "somebody changed its {field} outside: {} → {}. `--fix-drift` changes it back",
            field_value(field, sent, context),
            field_value(field, live, context)
        ),
        Note::Failed { detail, since } => {
            let since =
                since.as_deref().and_then(|since| context.age(since)).map_or(String::new(), |age| format!(" {age}"));
            format!(
                "FAILED{since}{}. `--fix-drift` or `on_failed = \"resume\"` resumes it, `--replace {address}` \
                 submits it anew",
                detail_suffix(detail).trim_end_matches('.')
            )
        }
        Note::CompletedUnexpectedly => {
            format!("COMPLETED although its sources have no end; `--replace {address}` submits it anew")
        }
        Note::Degraded { detail } => format!("DEGRADED{}", detail_suffix(detail)),
        Note::ServiceWarning { severity, message } => {
            format!("the service warns ({severity}){}", detail_suffix(message))
        }
        Note::DueAtNextStart { fields } => format!("at next start: {} changes", fields.join(", ")),
        Note::OffsetsOnlyInState => {
            "purged or deleted while it stood still: its offsets live in the state alone".to_owned()
        }
        Note::GoneWithUnknownOffsets => "it is gone, and where it stood is not known".to_owned(),
        Note::GoneWithUncertainOffsets { topics } => format!(
            "it is gone. When somebody stopped it outside it stood here, and whether it went on from there is not known: {}",
            topic_offsets(topics)
        ),
        Note::PreviouslyRemoved { topics } if topics.is_empty() => "one of this name was removed before".to_owned(),
        Note::PreviouslyRemoved { topics } => {
            format!("one of this name was removed before, where it stood at {}", topic_offsets(topics))
        }
        Note::ChangesLeftForNextPlan { fields } => {
            format!("it goes on as it was; the next plan decides on {}", fields.join(", "))
        }
        Note::ReplaceIgnoredWhileStopped => {
            "`--replace` does nothing to what is to stand still: set `stopped = false` for a new generation".to_owned()
        }
        Note::InMotion { phase: Phase::Stopped } => {
            "STOPPED and being resumed, from which nothing is decided; apply waits for it first, then plans again"
                .to_owned()
        }
        Note::InMotion { phase } => {
            format!("{phase} now, from which nothing is decided; apply waits for it first, then plans again")
        }
        Note::StaleReaders { readers } => {
            let flags: Vec<String> = readers.iter().map(|reader| format!("--replace {reader}")).collect();
            format!("running readers keep the old definition until they are replaced: {}", flags.join(" "))
        }
        Note::CannotLowerMaxCfu { live, desired } => {
            format!("max_cfu is {live} and stays so: the service can raise it, not lower it to {desired}")
        }
        Note::ObjectsRemain { objects } => format!("what it defined stays: {}", objects.join(", ")),
        Note::OutputRepeated { keyed } => {
            format!(
                "readers see a gap, then its output again from the beginning of its sources: {}",
                rewritten_rows(*keyed)
            )
        }
        Note::StartsWhereSqlSays => "it starts where its SQL or properties say, whatever was read before".to_owned(),
        Note::SuccessorOutputRemains { name } => {
            format!("what `{name}` wrote before it FAILED stays: appended rows may be there twice")
        }
        Note::StartsAtOffsets { offsets } => {
            format!("it starts at {}; readers see a gap and then what came meanwhile", sanitize(offsets))
        }
        Note::StoppedWithPool { statements } => {
            let statements: Vec<String> = statements.iter().map(Address::to_string).collect();
            format!("these stopped with it: {}", statements.join(", "))
        }
        Note::DuplicatePools { ids } => {
            format!(
                "another pool of this name is there that the state does not know: {}; delete it if nobody needs it",
                ids.join(", ")
            )
        }
        Note::UnverifiedPool => "used unseen: it cannot be looked at without a Cloud API key that may".to_owned(),
        Note::SecretMissing { name } => format!("secret `{name}`: (unknown here), and apply needs its value"),
        Note::SecretNotCompared { name } => {
            format!("secret `{name}`: (unknown here), so that a change of it would not be seen")
        }
    }
}

/// What becomes of rows that are written a second time.
pub(super) fn rewritten_rows(keyed: Option<bool>) -> &'static str {
    match keyed {
        Some(true) => "keyed rows are overwritten",
        Some(false) => "appended rows come twice",
        None => "appended rows come twice, keyed rows are overwritten",
    }
}

fn topic_offsets(topics: &BTreeMap<String, String>) -> String {
    let topics: Vec<String> = topics.iter().map(|(topic, at)| format!("{topic} at {at}")).collect();
    sanitize(&topics.join(", "))
}
