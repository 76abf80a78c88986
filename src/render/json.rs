//! A plan as JSON: the plan itself, and beside it what the text view shows besides.

use serde_json::{Value, json};

use super::{Beside, place::Lines};
use crate::{
    graph::{Edge, EdgeReason, Graph},
    plan::Plan,
};

/// The plan with its `format_version`, and under `beside` what was shown with it and every dependency. Reads back as a [`Plan`].
///
/// # Errors
/// When the plan cannot be written as JSON, which is a bug.
pub fn plan_json(plan: &Plan, graph: &Graph, beside: &Beside) -> Result<String, serde_json::Error> {
    written(plan, graph, beside, None)
}

/// The same with the id under which `apply` marks it as used: what `--out` writes.
///
/// # Errors
/// When the plan cannot be written as JSON, which is a bug.
pub fn kept(plan: &Plan, graph: &Graph, beside: &Beside, id: &str) -> Result<String, serde_json::Error> {
    written(plan, graph, beside, Some(id))
}

fn written(plan: &Plan, graph: &Graph, beside: &Beside, id: Option<&str>) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(plan)?;
    if let Value::Object(fields) = &mut value {
        let mut beside = serde_json::to_value(beside)?;
        if let Value::Object(beside) = &mut beside {
            beside.insert("edges".to_owned(), edges(graph));
        }
        fields.insert("beside".to_owned(), beside);
        if let Some(id) = id {
            fields.insert("id".to_owned(), json!(id));
        }
    }
    let mut text = serde_json::to_string_pretty(&value)?;
    text.push('\n');
    Ok(text)
}

/// Who needs whom, whether the SQL shows it or a manifest says it, and where.
fn edges(graph: &Graph) -> Value {
    let mut lines = Lines::default();
    let edge = |edge: &Edge| {
        let mut value = json!({ "from": edge.from, "to": edge.to, "inferred": false });
        if let (EdgeReason::Inferred { object, .. }, Value::Object(fields)) = (&edge.reason, &mut value) {
            fields.insert("inferred".to_owned(), json!(true));
            fields.insert("object".to_owned(), json!(object.to_string()));
        }
        lines.add(&mut value, graph.place_of_edge(edge).as_ref());
        value
    };
    graph.edges.iter().map(edge).collect()
}
