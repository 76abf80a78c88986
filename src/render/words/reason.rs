//! Why something happens.

use super::super::{PlanContext, style::sanitize};
use crate::{
    diff::Reason,
    resource::{Phase, Template, properties},
};

/// A reason as a clause.
pub(in super::super) fn reason_text(reason: &Reason, context: &PlanContext) -> String {
    match reason {
        Reason::SqlChanged { .. } => "its SQL changed".to_owned(),
        Reason::PropertyChanged { key, before, after } => {
            format!("`{key}` {} → {}", property_value(key, before.as_ref()), property_value(key, after.as_ref()))
        }
        Reason::SecretChanged { name } => format!("secret `{name}` has another value (sensitive)"),
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
        Reason::Gone => "it is gone from the cloud".to_owned(),
        Reason::Failed { detail } => format!("it FAILED after having run{}", detail_suffix(detail)),
        Reason::CompletedUnexpectedly => "it COMPLETED although its sources have no end".to_owned(),
        Reason::StoppedOutside => "somebody stopped it outside".to_owned(),
        Reason::ResumedOutside => "somebody resumed it outside".to_owned(),
        Reason::MovedOutside { field, live, sent } => {
            format!(
                "somebody changed its {field} outside: {} → {}",
                field_value(field, sent, context),
                field_value(field, live, context)
            )
        }
        Reason::StoppedByInterruptedRun => "an interrupted run stopped it".to_owned(),
        Reason::LeftoverSuccessor { generation, phase } => {
            let phase = phase.as_ref().map_or("gone by now", Phase::as_str);
            format!("an interrupted run left its successor {generation}, {phase}")
        }
        Reason::LeftoverUndo => "an interrupted run left its undo".to_owned(),
        Reason::NotDeclared => "it is not declared any more".to_owned(),
        Reason::DestroyRequested => "destroy was asked for".to_owned(),
        Reason::ReplaceRequested => "`--replace` names it".to_owned(),
    }
}

/// `: the service's words`, or nothing.
pub(super) fn detail_suffix(detail: &str) -> String {
    let detail = sanitize(detail);
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

/// A pool by its key; anything else as it is.
pub(super) fn field_value<'a>(field: &str, value: &'a str, context: &'a PlanContext) -> &'a str {
    if field == "pool" { context.pool_key_or_id(value) } else { value }
}

/// A property's value. What Confluent itself hides is not shown, and a secret only by its reference.
fn property_value(key: &str, template: Option<&Template>) -> String {
    match template {
        None => "(not set)".to_owned(),
        Some(_) if properties::is_secret_key(key) => "(sensitive)".to_owned(),
        Some(template) => format!("'{}'", sanitize(template.as_str())),
    }
}
