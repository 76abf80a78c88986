//! What an apply says while it runs, one line an event.

use super::{
    Paint, Style,
    style::{pad, sanitize},
};
use std::time::Duration;

use crate::{
    cloud::RetryNotice,
    execute::Event,
    resource::{Address, Phase},
};

/// The column of addresses.
const ADDRESS_WIDTH: usize = 34;

/// That all steps of an address have succeeded, and the phase in which they left it.
pub fn done_line(address: &Address, phase: Option<&Phase>, style: Style) -> String {
    let phase = phase.map_or(String::new(), |phase| format!(": {}", sanitize(phase.as_str())));
    format!("  {} {}  done{phase}", style.paint(Paint::Green, "✓"), pad(&address.to_string(), ADDRESS_WIDTH))
}

/// That a call is tried again: what, why, and for how long.
pub fn retry_line(retrying: &RetryNotice, style: Style) -> String {
    let limit = match retrying.max_duration {
        short if short <= Duration::from_secs(10) => format!("{} s", short.as_secs().max(1)),
        long if long <= Duration::from_secs(90) => format!("{} s", long.as_secs().div_ceil(10).saturating_mul(10)),
        longer => format!("{} min", longer.as_secs().div_ceil(60)),
    };
    let what = if retrying.is_waiting { "Waiting" } else { "Trying again" };
    let line = format!("{what} for up to {limit}: {}", sanitize(&retrying.error.to_string()));
    style.paint(Paint::Yellow, &line)
}

/// An event in a line, without a line end.
pub fn event_line(event: &Event, style: Style) -> String {
    let line = |symbol: &str, paint: Paint, address: &dyn std::fmt::Display, text: String| {
        format!("  {} {}  {}", style.paint(paint, symbol), pad(&address.to_string(), ADDRESS_WIDTH), text)
    };
    match event {
        Event::Started { address } => line("·", Paint::Dim, address, "begins".to_owned()),
        Event::RequestAccepted { address, request } => line("·", Paint::Dim, address, sanitize(&request.to_string())),
        Event::PhaseObserved { address, name, phase, detail } => {
            let phase = phase.as_ref().map_or("gone", |phase| phase.as_str());
            let detail = sanitize(detail);
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            line("·", Paint::Dim, address, format!("{name} is {}{detail}", sanitize(phase)))
        }
        Event::Succeeded { address } => done_line(address, None, style),
        Event::Failed { address, failure } => line("✗", Paint::Red, address, sanitize(&failure.to_string())),
        Event::RollbackStarted { address } => {
            line("↺", Paint::Yellow, address, "takes back what it had begun".to_owned())
        }
        Event::RolledBack { address } => line("↺", Paint::Yellow, address, "taken back: as it was before".to_owned()),
        Event::Skipped { address, because } => {
            line("-", Paint::Yellow, address, format!("skipped: {because} did not succeed"))
        }
        Event::InterruptReceived => style.paint(
            Paint::Yellow,
            "  Interrupted: nothing new starts, what is open is finished or taken back. Again to leave at once.",
        ),
    }
}
