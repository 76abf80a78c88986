//! What the project's things do now, as a table.

use serde::Serialize;
use serde_json::json;

use super::{
    Paint, PlanContext, Style,
    plan::{cfu_line, environment_label},
    style::{display_width, pad, pluralize, sanitize, wrap},
};
use crate::resource::{Address, EnvironmentIdentity};

/// One thing that the state records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusRow {
    /// Whose.
    pub address: Address,
    /// Its cloud name, or the pool's id.
    pub name: String,
    /// The phase; `gone`, `unknown` or `held` where there is none.
    pub phase: String,
    /// Since when it is in that phase (RFC 3339), as far as the service tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Whether something is wrong with it.
    pub unhealthy: bool,
    /// What is to be said: the service's words, warnings, when it is purged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// A status to show.
#[derive(Debug, Clone, Copy)]
pub struct StatusView<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The environment's key.
    pub environment: &'a str,
    /// Which Confluent Cloud environment.
    pub identity: &'a EnvironmentIdentity,
    /// Whether it is simulated.
    pub simulated: bool,
    /// What there is.
    pub rows: &'a [StatusRow],
    /// What stands beside it.
    pub context: &'a PlanContext,
}

/// The table with its header and a last line, with a line end at its end.
pub fn status_text(view: &StatusView<'_>, style: Style) -> String {
    let StatusView { project, environment, identity, simulated, rows, context } = *view;
    let unhealthy = rows.iter().filter(|row| row.unhealthy).count();
    let health = if unhealthy == 0 { "all well".to_owned() } else { format!("{unhealthy} unhealthy") };
    let header = format!("floe status · {project}/{} · {health}", environment_label(environment, identity, simulated));
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
    // Where a line has no room for the names they stand below.
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
    text.push_str(&format!("{}, {unhealthy} unhealthy.\n", pluralize(rows.len(), "thing")));
    text
}

/// The same as JSON.
///
/// # Errors
/// When it cannot be written as JSON, which is a bug.
pub fn status_json(view: &StatusView<'_>) -> Result<String, serde_json::Error> {
    let StatusView { project, environment, identity, simulated, rows, context } = *view;
    let value = json!({
        "format_version": 1,
        "project": project,
        "environment": environment,
        "identity": identity,
        "simulated": simulated,
        "healthy": rows.iter().all(|row| !row.unhealthy),
        "rows": rows,
        "beside": context,
    });
    serde_json::to_string_pretty(&value).map(|text| text + "\n")
}
