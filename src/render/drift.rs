//! The text of `floe drift`: the differences between live and sent.

use super::{
    Paint, RunFlags, Style,
    plan::environment_label,
    style::{display_width, pad, pluralize, sanitize, wrap},
};
use crate::{manifest::Environment, resource::Address};

/// Returns the differences, one per line, below a header. The text ends with a newline.
pub fn drift_text(
    environment: &Environment,
    differences: &[(Address, String)],
    flags: &RunFlags,
    style: Style,
) -> String {
    let label = environment_label(&environment.name, &environment.identity, environment.simulator.is_some());
    let summary = match differences.len() {
        0 => "no drift".to_owned(),
        number => pluralize(number, "difference"),
    };
    let header = format!("floe drift · {label} · {summary}");
    let mut text: String =
        wrap(&header, style.width).iter().map(|line| style.paint(Paint::Bold, line) + "\n").collect();
    if differences.is_empty() {
        return text;
    }
    text.push('\n');
    let address_width =
        differences.iter().map(|(address, _)| display_width(&address.to_string())).max().unwrap_or(0).min(40);
    let indent = address_width.saturating_add(6);
    for (address, what) in differences {
        let symbol = style.paint(Paint::Yellow, "~");
        let lines = wrap(&sanitize(what), style.width.saturating_sub(indent).max(24));
        let what = lines.join(&format!("\n{}", " ".repeat(indent)));
        text.push_str(&format!("  {symbol} {}  {what}\n", pad(&address.to_string(), address_width)));
    }
    let command = flags.in_environment(&environment.name).command("plan").argument("--fix-drift");
    let advice = format!("`{command}` plans the changes that would revert it.");
    text.push_str(&format!("\n{}\n", wrap(&advice, style.width).join("\n")));
    text
}
