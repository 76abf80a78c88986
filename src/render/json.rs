//! A plan as JSON: the plan itself, and beside it what the text view shows besides.

use serde_json::{Value, json};

use super::Beside;
use crate::plan::Plan;

/// The plan with its `format_version`, and under `beside` what was shown with it. Reads back as a [`Plan`].
///
/// # Errors
/// When the plan cannot be written as JSON, which is a bug.
pub fn plan_json(plan: &Plan, beside: &Beside) -> Result<String, serde_json::Error> {
    written(plan, beside, None)
}

/// The same with the id under which `apply` marks it as used: what `--out` writes.
///
/// # Errors
/// When the plan cannot be written as JSON, which is a bug.
pub fn kept(plan: &Plan, beside: &Beside, id: &str) -> Result<String, serde_json::Error> {
    written(plan, beside, Some(id))
}

fn written(plan: &Plan, beside: &Beside, id: Option<&str>) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(plan)?;
    if let Value::Object(fields) = &mut value {
        fields.insert("beside".to_owned(), serde_json::to_value(beside)?);
        if let Some(id) = id {
            fields.insert("id".to_owned(), json!(id));
        }
    }
    let mut text = serde_json::to_string_pretty(&value)?;
    text.push('\n');
    Ok(text)
}
