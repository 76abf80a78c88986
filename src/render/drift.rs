//! The text of `floe drift`: the differences between live and sent.

use serde::Serialize;

use super::{
    Paint, PlanContext, RunFlags, Style,
    plan::{EnvironmentHeader, environment_label},
    style::{display_width, pad, pluralize, sanitize, wrap},
    words::{condition_text, not_reverted_text},
};
use crate::{
    assess::{Assessment, Condition},
    manifest::Environment,
    plan::Plan,
    resource::Address,
};

/// One difference between live and sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriftRow {
    /// The address of the resource.
    pub address: Address,
    /// What differs from what was sent.
    pub difference: String,
    /// Whether a plan with `--fix-drift` reverts it.
    #[serde(rename = "fix_drift_reverts")]
    pub is_reverted: bool,
    /// Why `--fix-drift` does not revert it, and what to do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Returns the conditions that are drift, one row each. `fixing` is a plan that was made with `--fix-drift`: it shows
/// what would be reverted. Commands to paste repeat `flags`.
pub fn drift_rows(assessment: &Assessment, fixing: &Plan, context: &PlanContext, flags: &RunFlags) -> Vec<DriftRow> {
    let flags = flags.in_environment(&fixing.basis.environment);
    let row = |address: &Address, condition: &Condition| {
        let is_pending = fixing.changes.get(address).is_some_and(|change| change.is_pending());
        let is_reverted = is_pending && condition.is_revertible();
        DriftRow {
            address: address.clone(),
            difference: condition_text(condition, context),
            is_reverted,
            help: (!is_reverted).then(|| not_reverted_text(condition, address, &flags)),
        }
    };
    let conditions = assessment
        .iter()
        .flat_map(|(address, assessed)| assessed.conditions.iter().map(move |condition| (address, condition)));
    conditions
        .filter(|(_, condition)| condition.is_drift())
        .map(|(address, condition)| row(address, condition))
        .collect()
}

/// Returns the differences below a header. The text ends with a newline.
pub fn drift_text(environment: &Environment, rows: &[DriftRow], flags: &RunFlags, style: Style) -> String {
    let label = environment_label(EnvironmentHeader {
        name: &environment.name,
        identity: &environment.identity,
        simulated: environment.simulator.is_some(),
        hosts: &environment.hosts_outside_confluent(),
    });
    let summary = match rows.len() {
        0 => "no drift".to_owned(),
        number => pluralize(number, "difference"),
    };
    let header = format!("floe drift · {label} · {summary}");
    let mut text: String =
        wrap(&header, style.width).iter().map(|line| style.paint(Paint::Bold, line) + "\n").collect();
    if rows.is_empty() {
        return text;
    }
    text.push('\n');
    let address_width = rows.iter().map(|row| display_width(&row.address.to_string())).max().unwrap_or(0).min(40);
    let indent = address_width.saturating_add(6);
    for row in rows {
        let symbol = style.paint(Paint::Yellow, "~");
        let address = pad(&row.address.to_string(), address_width);
        let lines = wrap(&sanitize(&row.difference), style.width.saturating_sub(indent).max(24));
        let difference = lines.join(&format!("\n{}", " ".repeat(indent)));
        text.push_str(&format!("  {symbol} {address}  {difference}\n"));
        let help = row.help.iter().flat_map(|help| wrap(help, style.width.saturating_sub(6).max(24)));
        help.for_each(|line| text.push_str(&format!("      {line}\n")));
    }
    if rows.iter().any(|row| row.is_reverted) {
        let command = flags.in_environment(&environment.name).command("plan").argument("--fix-drift");
        let advice = format!("`{command}` plans the changes that would revert it.");
        text.push_str(&format!("\n{}\n", wrap(&advice, style.width).join("\n")));
    }
    text
}
