//! The text of each reason of a change.

use super::super::{PlanContext, style::sanitize};
use crate::{
    diff::Reason,
    resource::{Phase, Template, properties},
};

/// Returns a reason as a clause, such as `its SQL changed`.
pub(in super::super) fn reason_text(reason: &Reason, context: &PlanContext) -> String {
    match reason {
        Reason::SqlChanged { .. } => "its SQL changed".to_owned(),
        Reason::PropertyChanged { key, before, after } => {
            format!("`{key}` {} → {}", property_value(key, before.as_ref()), property_value(key, after.as_ref()))
        }
        Reason::SecretChanged { name } => format!("the value of secret `{name}` changed (sensitive)"),
        Reason::PoolChanged { before, after } => {
            let before = before.as_deref().map_or("(default pool)", |id| context.pool_key_or_id(id));
            format!("pool {before} → {}", context.pool_key_or_id(after))
        }
        Reason::PrincipalChanged { before, after } => {
            format!("principal {} → {after}", before.as_deref().unwrap_or("(from the key)"))
        }
        Reason::PoolFieldChanged { field, before, after } => format!("{field} {before} → {after}"),
        Reason::StoppedChanged { to: true } => "`stopped` was turned on".to_owned(),
        Reason::StoppedChanged { to: false } => "`stopped` was turned off".to_owned(),
        Reason::NeverRan { detail } => format!("it never took effect{}", detail_suffix(detail)),
        Reason::Gone => "it no longer exists".to_owned(),
        Reason::Failed { detail } => format!("it FAILED after it had run{}", detail_suffix(detail)),
        Reason::CompletedUnexpectedly => "it COMPLETED although its sources are unbounded".to_owned(),
        Reason::StoppedOutside => "it was stopped outside floe".to_owned(),
        Reason::ResumedOutside => "it was resumed outside floe".to_owned(),
        Reason::MovedOutside { field, live, sent } => {
            format!(
                "its {field} was changed outside floe: {} → {}",
                field_value(field, sent, context),
                field_value(field, live, context)
            )
        }
        Reason::StoppedByInterruptedRun => "an interrupted run stopped it".to_owned(),
        Reason::LeftoverSuccessor { generation, phase } => {
            let phase = phase.as_ref().map_or("gone", Phase::as_str);
            format!("an interrupted run left its successor {generation} ({phase})")
        }
        Reason::LeftoverUndo => "an interrupted run submitted its undo".to_owned(),
        Reason::NotDeclared => "it is no longer declared".to_owned(),
        Reason::DestroyRequested => "`destroy` was requested".to_owned(),
        Reason::ReplaceRequested => "`--replace` was given".to_owned(),
    }
}

/// Returns `: ` and the service's message, or an empty string if there is none.
pub(super) fn detail_suffix(detail: &str) -> String {
    let detail = sanitize(detail);
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

/// Returns a pool's key for its id, and any other value unchanged.
pub(super) fn field_value<'a>(field: &str, value: &'a str, context: &'a PlanContext) -> &'a str {
    if field == "pool" { context.pool_key_or_id(value) } else { value }
}

/// Returns a property's value for display. Values that Confluent itself hides are not shown, and a secret is shown
/// only as its reference.
pub(in super::super) fn property_value(key: &str, template: Option<&Template>) -> String {
    match template {
        None => "(not set)".to_owned(),
        Some(_) if properties::is_secret_key(key) => "(sensitive)".to_owned(),
        Some(template) => format!("'{}'", sanitize(template.as_str())),
    }
}
