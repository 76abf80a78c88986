//! The text of each note on a change.

use std::collections::BTreeMap;

use super::{
    super::{PlanContext, StatementRole, style::sanitize},
    condition::{
        COMPLETED_UNEXPECTEDLY, POOL_EXHAUSTED, RESUMED_OUTSIDE, STOPPED_OUTSIDE, changed_outside, runs_twice_text,
    },
    reason::detail_suffix,
};
use crate::{
    diff::Note,
    resource::{Address, Phase, is_undo_name},
    sql::ObjectKind,
};

/// Returns the text of a note, with the next step if there is one. It starts in lower case, and ends with a period if
/// it has more than one sentence.
pub(in super::super) fn note_text(note: &Note, address: &Address, context: &PlanContext) -> String {
    match note {
        Note::CosmeticSqlChange => "its SQL differs only in layout, comments or keyword case".to_owned(),
        Note::RenamedAtNextGeneration { current_name } => {
            format!("the new name takes effect with the next generation. The current name is `{current_name}`.")
        }
        Note::StoppedOutside => format!(
            "{STOPPED_OUTSIDE}. `--fix-drift` or `on_stopped = \"resume\"` resumes it, and `stopped = true` keeps it \
             stopped."
        ),
        Note::ResumedOutside => {
            format!("{RESUMED_OUTSIDE}. `--fix-drift` stops it, and `stopped = false` keeps it running.")
        }
        Note::LateSubmissions { names } => left_over_statements(names, address),
        Note::InactiveCopies { names } => {
            format!("`{}` has the same SQL and does not run now. Do not resume it beside this job.", names.join("`, `"))
        }
        Note::GeneratingCopies { names } => {
            format!("`{}` runs the same SQL, which generates rows of its own", names.join("`, `"))
        }
        Note::RunsTwice { names } => {
            format!("{}. Stop one of them, or remove {address} from the manifests.", runs_twice_text(names))
        }
        Note::MovedOutside { field, live, sent } => {
            format!("{}. `--fix-drift` changes it back.", changed_outside(field, live, sent, context))
        }
        Note::Failed { detail, since } => {
            let since =
                since.as_deref().and_then(|since| context.age(since)).map_or(String::new(), |age| format!(" {age}"));
            format!(
                "FAILED{since}{}. `--fix-drift` or `on_failed = \"resume\"` resumes it, and `--replace {address}` \
                 resubmits it.",
                detail_suffix(detail).trim_end_matches('.')
            )
        }
        Note::CompletedUnexpectedly => {
            format!("{COMPLETED_UNEXPECTEDLY}. `--replace {address}` resubmits it.")
        }
        Note::Degraded { detail } => format!("DEGRADED{}", detail_suffix(detail)),
        Note::PoolExhausted => POOL_EXHAUSTED.to_owned(),
        Note::ServiceWarning { severity, message } => {
            format!("warning from the service ({severity}){}", detail_suffix(message))
        }
        Note::DueAtNextStart { fields } => {
            format!("these changes take effect at the next start: {}", fields.join(", "))
        }
        Note::OffsetsOnlyInState => {
            "purged or deleted while stopped: its offsets are kept only in the state".to_owned()
        }
        Note::GoneWithUnknownOffsets => "it no longer exists, and its offsets are unknown".to_owned(),
        Note::GoneWithUncertainOffsets { topics } => format!(
            "it no longer exists. These are its offsets from when it was stopped outside floe, and it may have run \
             since then: {}",
            topic_offsets(topics)
        ),
        Note::PreviouslyRemoved { topics } if topics.is_empty() => {
            "a statement with this name was removed before".to_owned()
        }
        Note::PreviouslyRemoved { topics } => {
            format!(
                "a statement with this name was removed before. It stopped at these offsets: {}",
                topic_offsets(topics)
            )
        }
        Note::ChangesLeftForNextPlan { fields } => {
            format!("it resumes unchanged. The next plan decides about {}.", fields.join(", "))
        }
        Note::ReplaceIgnoredWhileStopped => {
            "`--replace` has no effect while `stopped = true`. Set `stopped = false` to get a new generation."
                .to_owned()
        }
        Note::InMotion { phase: Phase::Stopped } => {
            "STOPPED and being resumed, so nothing is decided yet. Apply waits for it, then plans again.".to_owned()
        }
        Note::InMotion { phase } => {
            format!("still {phase}, so nothing is decided yet. Apply waits for it, then plans again.")
        }
        Note::StaleReaders { readers } => {
            let flags: Vec<String> = readers.iter().map(|reader| format!("--replace {reader}")).collect();
            format!("running readers keep the old definition until they are replaced: `{}`", flags.join(" "))
        }
        Note::CannotLowerMaxCfu { live, desired } => {
            format!(
                "max_cfu stays at {live}: the service can raise it, but cannot lower it to {desired}. For a smaller \
                 pool, declare one under a new key and move the jobs to it."
            )
        }
        Note::ObjectsRemain { objects } if objects.is_empty() => what_remains(context.role_of(address)),
        Note::ObjectsRemain { objects } => format!("the objects that it defined remain: {}", objects.join(", ")),
        Note::OutputRepeated { keyed } if context.role_of(address) == StatementRole::WritesConstants => {
            format!("its rows are written again: {}", rewritten_rows(*keyed))
        }
        Note::OutputRepeated { .. } if !context.role_of(address).reads_rows() => "its SQL runs again".to_owned(),
        Note::OutputRepeated { keyed } => {
            format!(
                "readers see a gap, then its output is written again from the beginning of its sources: {}",
                rewritten_rows(*keyed)
            )
        }
        Note::StartsWhereSqlSays => {
            "it starts where its SQL or properties say, regardless of what it read before".to_owned()
        }
        Note::SuccessorOutputRemains { name } => {
            format!("rows that `{name}` wrote before it FAILED remain: appended rows may be duplicated")
        }
        Note::StartsAtOffsets { offsets } => {
            format!(
                "it starts from offsets {}. Readers see a gap, then the rows that arrived in the meantime.",
                sanitize(offsets)
            )
        }
        Note::StoppedWithPool { statements } => {
            let statements: Vec<String> = statements.iter().map(Address::to_string).collect();
            format!("these statements stopped with it: {}", statements.join(", "))
        }
        Note::DuplicatePools { ids } => {
            format!(
                "another pool with this name exists that is not in the state: `{}`. Delete it if it is not needed.",
                ids.join("`, `")
            )
        }
        Note::UnverifiedPool => "not verified: reading pools needs a Cloud API key with access".to_owned(),
        Note::SecretMissing { name } => format!("secret `{name}` (unknown here): apply needs its value"),
        Note::SecretNotCompared { name } => {
            format!("secret `{name}` (unknown here): a change of its value would not be detected")
        }
    }
}

/// Returns what remains of a statement that creates no object.
fn what_remains(role: StatementRole) -> String {
    let object = match role {
        StatementRole::Alters(kind) => kind,
        StatementRole::WritesConstants => return "the rows that it wrote remain".to_owned(),
        StatementRole::Drops => return "what it dropped is not created again".to_owned(),
        StatementRole::Job | StatementRole::TableJob | StatementRole::Creates => {
            return "what it did remains".to_owned();
        }
    };
    let object = match object {
        ObjectKind::Table => "table",
        ObjectKind::Function => "function",
        ObjectKind::Model => "model",
        ObjectKind::Connection => "connection",
        ObjectKind::Agent => "agent",
        ObjectKind::Tool => "tool",
        ObjectKind::Database => "database",
        ObjectKind::Catalog => "catalog",
    };
    format!("the {object} keeps this change")
}

/// Returns what happens to rows that are written again.
pub(super) fn rewritten_rows(keyed: Option<bool>) -> &'static str {
    match keyed {
        Some(true) => "keyed rows are overwritten",
        Some(false) => "appended rows are duplicated",
        None => "appended rows are duplicated, keyed rows are overwritten",
    }
}

/// Returns the offsets of each topic on one line.
fn topic_offsets(topics: &BTreeMap<String, String>) -> String {
    let topics: Vec<String> = topics.iter().map(|(topic, at)| format!("{topic} at {at}")).collect();
    sanitize(&topics.join(", "))
}

/// Returns the text for statements of this project whose address is neither declared nor recorded.
fn left_over_statements(names: &[String], address: &Address) -> String {
    let (have, them) = if names.len() == 1 {
        ("has this project's labels and is", "it")
    } else {
        ("have this project's labels and are", "them")
    };
    let advice = match names.iter().all(|name| is_undo_name(name)) {
        true => format!("Delete {them}"),
        false => format!("Declare {address} again to adopt {them}, or stop {them} if nothing needs the output"),
    };
    format!("`{}` {have} neither declared nor in the state. {advice}.", names.join("` and `"))
}
