//! What an apply says while it runs, one line an event.

use super::{
    Paint, Style,
    style::{clean, pad},
};
use crate::execute::Event;

/// The column of addresses.
const COLUMN: usize = 34;

/// An event in a line, without a line end.
pub fn event(event: &Event, style: Style) -> String {
    let line = |symbol: &str, paint: Paint, address: &dyn std::fmt::Display, text: String| {
        format!("  {} {}  {}", style.paint(paint, symbol), pad(&address.to_string(), COLUMN), text)
    };
    match event {
        Event::Started { address } => line("·", Paint::Dim, address, "begins".to_owned()),
        Event::Asked { address, what } => line("·", Paint::Dim, address, clean(&what.to_string())),
        Event::Seen { address, name, phase, detail } => {
            let phase = phase.as_ref().map_or("gone", |phase| phase.as_str());
            let detail = clean(detail);
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            line("·", Paint::Dim, address, format!("{name} is {}{detail}", clean(phase)))
        }
        Event::Done { address } => line("✓", Paint::Green, address, "done".to_owned()),
        Event::Failed { address, failure } => line("✗", Paint::Red, address, clean(&failure.to_string())),
        Event::TakingBack { address } => line("↺", Paint::Yellow, address, "takes back what it had begun".to_owned()),
        Event::TakenBack { address } => line("↺", Paint::Yellow, address, "taken back: as it was before".to_owned()),
        Event::Skipped { address, because } => {
            line("-", Paint::Yellow, address, format!("skipped: {because} did not succeed"))
        }
        Event::Stopping => style.paint(
            Paint::Yellow,
            "  Interrupted: nothing new starts, what is open is finished or taken back. Again to leave at once.",
        ),
    }
}
