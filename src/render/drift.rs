//! What differs in the cloud from what was sent, as text.

use super::{
    Paint, Style,
    plan::place,
    style::{clean, columns, count, pad},
};
use crate::{manifest::Environment, resource::Address};

/// The differences, one a line, with a header and a line end at its end.
pub fn drift(environment: &Environment, differences: &[(Address, String)], style: Style) -> String {
    let place = place(&environment.name, &environment.identity, environment.simulator.is_some());
    let short = match differences.len() {
        0 => "no drift".to_owned(),
        number => count(number, "difference"),
    };
    let mut text = format!("{}\n", style.paint(Paint::Bold, &format!("floe drift · {place} · {short}")));
    if differences.is_empty() {
        return text;
    }
    text.push('\n');
    let column = differences.iter().map(|(address, _)| columns(&address.to_string())).max().unwrap_or(0).min(40);
    for (address, what) in differences {
        let symbol = style.paint(Paint::Yellow, "~");
        text.push_str(&format!("  {symbol} {}  {}\n", pad(&address.to_string(), column), clean(what)));
    }
    text.push_str(&format!("\n`floe plan -e {} --fix-drift` says what would put it back.\n", environment.name));
    text
}
