//! The text of `floe drift`: the differences between live and sent.

use super::{
    Paint, Style,
    plan::{EnvironmentHeader, environment_label},
    style::{display_width, pad, pluralize, sanitize},
};
use crate::{manifest::Environment, resource::Address};

/// Returns the differences, one per line, below a header. The text ends with a newline.
pub fn drift_text(environment: &Environment, differences: &[(Address, String)], style: Style) -> String {
    let label = environment_label(EnvironmentHeader {
        name: &environment.name,
        identity: &environment.identity,
        simulated: environment.simulator.is_some(),
        hosts: &environment.hosts_outside_confluent(),
    });
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
    text.push_str(&format!(
        "\n`floe plan -e {} --fix-drift` plans the changes that would revert it.\n",
        environment.name
    ));
    text
}
