//! The lines that an apply prints while it runs, one per event.

use super::{
    Paint, Style,
    style::{pad, sanitize, wrap},
    words::request_text,
};
use std::time::Duration;

use crate::{
    cloud::RetryNotice,
    execute::Event,
    resource::{Address, Phase},
};

/// The width of the address column.
const ADDRESS_WIDTH: usize = 34;

/// Returns the line which says that all steps of an address have succeeded, with its last phase.
pub fn done_line(address: &Address, phase: Option<&Phase>, style: Style) -> String {
    let phase = phase.map_or(String::new(), |phase| format!(": {}", sanitize(phase.as_str())));
    format!("  {} {}  done{phase}", style.paint(Paint::Green, "✓"), pad(&address.to_string(), ADDRESS_WIDTH))
}

/// Returns the sentence which says that a call is retried, for how long, and why. It has no newline at the end.
pub fn retry_line(retrying: &RetryNotice, style: Style) -> String {
    let limit = match retrying.max_duration {
        short if short <= Duration::from_secs(10) => format!("{} s", short.as_secs().max(1)),
        long if long <= Duration::from_secs(90) => format!("{} s", long.as_secs().div_ceil(10).saturating_mul(10)),
        longer => format!("{} min", longer.as_secs().div_ceil(60)),
    };
    let what = if retrying.is_waiting { "Waiting" } else { "Retrying" };
    let line = format!("{what} for up to {limit}: {}", sanitize(&retrying.error.to_string()));
    let lines: Vec<String> = wrap(&line, style.width).iter().map(|line| style.paint(Paint::Yellow, line)).collect();
    lines.join("\n")
}

/// Returns an event as one line without a newline.
pub fn event_line(event: &Event, style: Style) -> String {
    let line = |symbol: &str, paint: Paint, address: &dyn std::fmt::Display, text: String| {
        format!("  {} {}  {}", style.paint(paint, symbol), pad(&address.to_string(), ADDRESS_WIDTH), text)
    };
    match event {
        Event::Started { address } => line("·", Paint::Dim, address, "started".to_owned()),
        Event::RequestAccepted { address, request } => line("·", Paint::Dim, address, sanitize(&request.to_string())),
        Event::PhaseObserved { address, name, phase, detail } => {
            let phase = phase.as_ref().map_or("gone", |phase| phase.as_str());
            let detail = sanitize(detail);
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            line("·", Paint::Dim, address, format!("{name} is {}{detail}", sanitize(phase)))
        }
        Event::AwaitingRequest { address, operation, at_most } => line(
            "·",
            Paint::Yellow,
            address,
            format!(
                "waiting for up to {} s: {} got no response and may still take effect",
                at_most.as_secs().max(1),
                request_text(operation)
            ),
        ),
        Event::AccessRefused { address, name, error } => line(
            "!",
            Paint::Red,
            address,
            format!("cannot read `{}`, and stops waiting soon: {}", sanitize(name), sanitize(&error.to_string())),
        ),
        Event::Succeeded { address } => done_line(address, None, style),
        Event::Failed { address, failure } => line("✗", Paint::Red, address, sanitize(&failure.to_string())),
        Event::RollbackStarted { address } => line("↺", Paint::Yellow, address, "rolling back".to_owned()),
        Event::RolledBack { address } => line("↺", Paint::Yellow, address, "rolled back".to_owned()),
        Event::Skipped { address, because } => {
            line("-", Paint::Yellow, address, format!("skipped: {because} did not succeed"))
        }
        Event::InterruptReceived => style.paint(
            Paint::Yellow,
            "  Interrupted: nothing new starts, open steps are finished or rolled back. Interrupt again to exit at \
             once.",
        ),
    }
}
