//! What differs in the cloud from what was sent, as text.

use super::{
    Paint, Style,
    plan::environment_label,
    style::{display_width, pad, pluralize, sanitize},
};
use crate::{manifest::Environment, resource::Address};

/// The differences, one a line, with a header and a line end at its end.
pub fn drift_text(environment: &Environment, differences: &[(Address, String)], style: Style) -> String {
    let label = environment_label(&environment.name, &environment.identity, environment.simulator.is_some());
    let summary = match differences.len() {
        0 => "no drift".to_owned(),
        number => pluralize(number, "difference"),
    };
    let mut text = format!("{}\n", style.paint(Paint::Bold, &format!("floe drift · {label} · {summary}")));
    if differences.is_empty() {
        return text;
    }
    text.push('\n');
    let address_width =
        differences.iter().map(|(address, _)| display_width(&address.to_string())).max().unwrap_or(0).min(40);
    for (address, what) in differences {
        let symbol = style.paint(Paint::Yellow, "~");
        text.push_str(&format!("  {symbol} {}  {}\n", pad(&address.to_string(), address_width), sanitize(what)));
    }
    text.push_str(&format!("\n`floe plan -e {} --fix-drift` says what would put it back.\n", environment.name));
    text
}
