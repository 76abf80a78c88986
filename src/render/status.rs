//! The text and the JSON of `floe status`: the phases of the recorded resources.

use serde::Serialize;
use serde_json::json;

use super::{
    Paint, PlanContext, Style,
    escape::json_text,
    plan::{EnvironmentHeader, cfu_line, environment_label},
    style::{display_width, pad, pluralize, sanitize, wrap},
    words::condition_text,
};
use crate::{
    assess::{AssessedResource, Assessment},
    resource::{Address, EnvironmentIdentity},
};

/// One recorded resource in a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusRow {
    /// The address of the resource.
    pub address: Address,
    /// The statement's cloud name, or the pool's id.
    pub name: String,
    /// The phase, or `gone`, `unknown` or `held` if there is none.
    pub phase: String,
    /// When it entered that phase (RFC 3339), if the service reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Whether the resource is unhealthy.
    pub unhealthy: bool,
    /// Remarks below its row: the service's message, warnings, the day on which it is purged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl StatusRow {
    /// Returns the row of an address: its health, and a remark for each of its conditions.
    fn new(address: &Address, assessed: &AssessedResource, context: &PlanContext) -> Self {
        StatusRow {
            address: address.clone(),
            name: assessed.name.clone().unwrap_or_else(|| "-".to_owned()),
            phase: assessed.state.as_str().to_owned(),
            since: assessed.since.clone(),
            unhealthy: assessed.is_unhealthy(),
            remarks: assessed.conditions.iter().map(|condition| condition_text(condition, context)).collect(),
        }
    }
}

/// Returns a row for each address, pools first.
pub fn status_rows(assessment: &Assessment, context: &PlanContext) -> Vec<StatusRow> {
    assessment.iter().map(|(address, assessed)| StatusRow::new(address, assessed, context)).collect()
}

/// Everything that a status shows.
#[derive(Debug, Clone, Copy)]
pub struct StatusView<'a> {
    /// The name of the project.
    pub project: &'a str,
    /// The key of the environment.
    pub environment: &'a str,
    /// The identity of the Confluent Cloud environment.
    pub identity: &'a EnvironmentIdentity,
    /// Whether the environment is simulated.
    pub simulated: bool,
    /// The origins outside Confluent Cloud that requests are sent to.
    pub hosts: &'a [String],
    /// The recorded resources, one row each.
    pub rows: &'a [StatusRow],
    /// The pools and the service's clock.
    pub context: &'a PlanContext,
}

/// Returns the table with a header and a summary line. The text ends with a newline.
pub fn status_text(view: &StatusView<'_>, style: Style) -> String {
    let StatusView { project, environment, identity, simulated, hosts, rows, context } = *view;
    let unhealthy = rows.iter().filter(|row| row.unhealthy).count();
    let health = if unhealthy == 0 { "healthy".to_owned() } else { format!("{unhealthy} unhealthy") };
    let label = environment_label(EnvironmentHeader { name: environment, identity, simulated, hosts });
    let header = format!("floe status · {project}/{label} · {health}");
    let mut text: String =
        wrap(&header, style.width).iter().map(|line| style.paint(Paint::Bold, line) + "\n").collect();
    if !rows.is_empty() {
        text.push('\n');
    }
    let widest = |of: &dyn Fn(&StatusRow) -> usize, most: usize| rows.iter().map(of).max().unwrap_or(0).min(most);
    let addresses = widest(&|row| display_width(&row.address.to_string()), 40);
    let phases = widest(&|row| display_width(&row.phase), 14);
    let names = widest(&|row| display_width(&row.name), 40);
    let ages: Vec<String> =
        rows.iter().map(|row| row.since.as_deref().and_then(|since| context.age(since)).unwrap_or_default()).collect();
    let age = ages.iter().map(|age| display_width(age)).max().unwrap_or(0);
    // If the lines have no room for the names, the names are on lines of their own.
    let is_wide = 4 + addresses + 2 + phases + 2 + names + if age > 0 { 2 + age } else { 0 } <= style.width;
    for (row, age) in rows.iter().zip(&ages) {
        let (symbol, paint) = if row.unhealthy { ("!", Paint::Red) } else { (" ", Paint::Plain) };
        let name = if age.is_empty() || !is_wide { row.name.clone() } else { pad(&row.name, names) };
        let name = style.paint(Paint::Dim, &name);
        let (same_line, next_line) =
            if is_wide { (format!("{name}  "), String::new()) } else { (String::new(), format!("      {name}\n")) };
        let line = format!(
            "  {} {}  {}  {same_line}{age}",
            style.paint(paint, symbol),
            pad(&row.address.to_string(), addresses),
            style.paint(paint, &pad(&row.phase, phases))
        );
        text.push_str(line.trim_end());
        text.push('\n');
        text.push_str(&next_line);
        for remark in
            row.remarks.iter().flat_map(|remark| wrap(&sanitize(remark), style.width.saturating_sub(6).max(24)))
        {
            text.push_str(&format!("      {remark}\n"));
        }
    }
    text.push('\n');
    if let Some(cfu) = cfu_line(context) {
        wrap(&cfu, style.width.saturating_sub(2)).iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    text.push_str(&format!("{}, {unhealthy} unhealthy.\n", pluralize(rows.len(), "resource")));
    text
}

/// Returns the status as JSON.
///
/// # Errors
/// If the status cannot be written as JSON, which is a bug.
pub fn status_json(view: &StatusView<'_>) -> Result<String, serde_json::Error> {
    let StatusView { project, environment, identity, simulated, hosts, rows, context } = *view;
    let mut value = json!({
        "format_version": 1,
        "project": project,
        "environment": environment,
        "identity": identity,
        "simulated": simulated,
        "healthy": rows.iter().all(|row| !row.unhealthy),
        "rows": rows,
        "beside": context,
    });
    if let (Some(fields), false) = (value.as_object_mut(), hosts.is_empty()) {
        fields.insert("hosts".to_owned(), json!(hosts));
    }
    json_text(&value)
}
