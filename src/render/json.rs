//! A plan as JSON: the plan itself, and under `beside` what the text view shows in addition.

use serde_json::{Value, json};

use super::{PlanContext, place_json::LineIndex};
use crate::{
    graph::{Edge, EdgeReason, Graph},
    plan::Plan,
};

/// Returns the plan with its `format_version`, and under `beside` its context and every dependency. The text can be
/// read back as a [`Plan`].
///
/// # Errors
/// If the plan cannot be written as JSON, which is a bug.
pub fn plan_json(plan: &Plan, graph: &Graph, context: &PlanContext) -> Result<String, serde_json::Error> {
    plan_json_with_id(plan, graph, context, None)
}

/// Returns what `--out` writes: the same JSON with the id under which `apply` marks the plan as used.
///
/// # Errors
/// If the plan cannot be written as JSON, which is a bug.
pub fn saved_plan_json(
    plan: &Plan,
    graph: &Graph,
    context: &PlanContext,
    id: &str,
) -> Result<String, serde_json::Error> {
    plan_json_with_id(plan, graph, context, Some(id))
}

/// Returns the JSON of a plan, with an id if there is one.
fn plan_json_with_id(
    plan: &Plan,
    graph: &Graph,
    context: &PlanContext,
    id: Option<&str>,
) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(plan)?;
    if let Value::Object(fields) = &mut value {
        let mut context_value = serde_json::to_value(context)?;
        if let Value::Object(context_fields) = &mut context_value {
            context_fields.insert("edges".to_owned(), edges_json(graph));
        }
        fields.insert("beside".to_owned(), context_value);
        if let Some(id) = id {
            fields.insert("id".to_owned(), json!(id));
        }
    }
    let mut text = serde_json::to_string_pretty(&value)?;
    text.push('\n');
    Ok(text)
}

/// Returns the dependencies: both ends, whether each is inferred from the SQL or declared, and where it is written.
fn edges_json(graph: &Graph) -> Value {
    let mut line_index = LineIndex::default();
    let edge = |edge: &Edge| {
        let mut value = json!({ "from": edge.from, "to": edge.to, "inferred": false });
        if let (EdgeReason::Inferred { object, .. }, Value::Object(fields)) = (&edge.reason, &mut value) {
            fields.insert("inferred".to_owned(), json!(true));
            fields.insert("object".to_owned(), json!(object.quoted_name()));
        }
        line_index.add_place(&mut value, graph.place_of_edge(edge).as_ref());
        value
    };
    graph.edges.iter().map(edge).collect()
}
