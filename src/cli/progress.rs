//! Shows the progress of a run: a live table on a terminal, one line for each event elsewhere. Only this file uses
//! indicatif.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Screen;
use crate::{
    cloud::RetryNotice,
    execute::Event,
    render::{self, Style},
    resource::{Address, PhaseClass, Secrets, one_line},
};

/// Prints messages while a command works: above the live table if there is one, otherwise directly.
#[derive(Clone)]
pub(super) struct StatusLine {
    /// The screen to print on.
    screen: Screen,
    /// The live table, if one is being drawn.
    table: Arc<Mutex<Option<MultiProgress>>>,
}

impl StatusLine {
    /// Returns a status line that prints on standard error.
    pub fn new(screen: Screen) -> Self {
        StatusLine { screen, table: Arc::default() }
    }

    /// Prints that a call is retried, why, and for how long.
    pub fn show_retry(&self, retrying: &RetryNotice, secrets: &Secrets) {
        let error = retrying.error.clone().redacted(secrets);
        let line = render::retry_line(&RetryNotice { error, ..retrying.clone() }, self.screen.stderr_style);
        match self.table.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            // An error means that the terminal is gone, and nothing can be shown.
            Some(table) => drop(table.println(render::printable(&line, self.screen.stderr_style.color))),
            None => self.screen.eprint(&format!("{line}\n")),
        }
    }

    /// Sets or clears the live table that messages are printed above.
    fn set_bars(&self, table: Option<MultiProgress>) {
        *self.table.lock().unwrap_or_else(PoisonError::into_inner) = table;
    }
}

/// Shows the events of one run.
pub(super) struct ProgressDisplay {
    /// The screen to print on.
    screen: Screen,
    /// The status line that shares the live table.
    status_line: StatusLine,
    /// The style of standard error.
    style: Style,
    /// The live table, if standard error is a terminal.
    table: Option<ProgressTable>,
    /// The last observed phase of an address that is not printed yet. The next event decides whether it is printed.
    held_back: BTreeMap<Address, Event>,
}

/// A live table with one row for each address that is being worked on.
struct ProgressTable {
    /// The container that draws all rows.
    bars: MultiProgress,
    /// The row of each address in progress.
    running: BTreeMap<Address, ProgressBar>,
}

impl ProgressDisplay {
    /// Returns a display that draws on standard error.
    pub fn new(status_line: &StatusLine) -> Self {
        let (status_line, screen) = (status_line.clone(), status_line.screen);
        let table = screen.is_interactive.then(|| ProgressTable {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            running: BTreeMap::new(),
        });
        status_line.set_bars(table.as_ref().map(|table| table.bars.clone()));
        ProgressDisplay { screen, status_line, style: screen.stderr_style, table, held_back: BTreeMap::new() }
    }

    /// Shows an event of the run.
    pub fn handle_event(&mut self, event: &Event) {
        if self.table.is_none() {
            let lines = lines_for(&mut self.held_back, event, self.style);
            lines.iter().for_each(|line| self.screen.eprint(&format!("{line}\n")));
        } else if let Some(table) = &mut self.table {
            table.handle_event(event, &render::event_line(event, self.style));
        }
    }

    /// Clears the live table and prints the phases that were held back.
    pub fn finish(&mut self) {
        self.status_line.set_bars(None);
        for event in std::mem::take(&mut self.held_back).into_values() {
            self.screen.eprint(&format!("{}\n", render::event_line(&event, self.style)));
        }
        if let Some(table) = &mut self.table {
            std::mem::take(&mut table.running).into_values().for_each(|bar| bar.finish_and_clear());
        }
    }
}

/// Returns the lines to print for an event where there is no live table. Redundant events have no line: the line of the
/// first request shows that work has started, the line of the submission implies PENDING, and the final phase is part
/// of the line that says that the resource is done.
fn lines_for(held_back: &mut BTreeMap<Address, Event>, event: &Event, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    match event {
        Event::Started { .. } => {}
        Event::PhaseObserved { address, phase, detail, .. } if detail.trim().is_empty() => {
            let before = held_back.remove(address);
            lines.extend(before.map(|before| render::event_line(&before, style)));
            if phase.as_ref().is_none_or(|phase| phase.class() != PhaseClass::Transitional) {
                held_back.insert(address.clone(), event.clone());
            }
        }
        Event::Succeeded { address } => {
            let phase = match held_back.remove(address) {
                Some(Event::PhaseObserved { phase: Some(phase), .. }) => Some(phase),
                _ => None,
            };
            lines.push(render::done_line(address, phase.as_ref(), style));
        }
        Event::RequestAccepted { address, .. }
        | Event::PhaseObserved { address, .. }
        | Event::AwaitingRequest { address, .. }
        | Event::AccessRefused { address, .. }
        | Event::Failed { address, .. }
        | Event::RollbackStarted { address }
        | Event::RolledBack { address }
        | Event::Skipped { address, .. } => {
            lines.extend(held_back.remove(address).map(|before| render::event_line(&before, style)));
            lines.push(render::event_line(event, style));
        }
        Event::InterruptReceived => lines.push(render::event_line(event, style)),
    }
    lines
}

impl ProgressTable {
    /// Updates the row of an address, or prints `line` above the table.
    fn handle_event(&mut self, event: &Event, line: &str) {
        match event {
            Event::Started { address } => {
                let bar = self.bars.add(ProgressBar::new_spinner().with_style(spinner_style()));
                bar.set_prefix(address.to_string());
                bar.enable_steady_tick(Duration::from_millis(120));
                self.running.insert(address.clone(), bar);
            }
            Event::RequestAccepted { address, request } => self.set_message(address, &request.to_string()),
            Event::PhaseObserved { address, phase, .. } => {
                let phase = phase.as_ref().map_or("gone", |phase| phase.as_str());
                self.set_message(address, phase);
            }
            Event::RollbackStarted { address } => {
                self.set_message(address, "rolling back");
                self.print_above(line);
            }
            Event::Succeeded { address } | Event::RolledBack { address } => {
                if let Some(bar) = self.running.remove(address) {
                    bar.finish_and_clear();
                }
                self.print_above(line);
            }
            Event::AwaitingRequest { .. }
            | Event::AccessRefused { .. }
            | Event::Failed { .. }
            | Event::Skipped { .. }
            | Event::InterruptReceived => self.print_above(line),
        }
    }

    /// Sets the text in the row of an address.
    fn set_message(&self, address: &Address, what: &str) {
        if let Some(bar) = self.running.get(address) {
            bar.set_message(one_line(what));
        }
    }

    /// Prints a line above the table. Errors are ignored, since they mean that the terminal is gone.
    fn print_above(&self, line: &str) {
        let _ = self.bars.println(render::printable(line, true));
    }
}

/// Returns the style of a row. The template below is well-formed; the default style is only a fallback.
fn spinner_style() -> ProgressStyle {
    ProgressStyle::with_template("  {spinner} {prefix:34}  {msg}  {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::{execute::RequestAccepted, resource::Phase};

    #[test]
    fn uninformative_events_print_no_line() {
        let address = Address::statement("orders");
        let seen = |phase: Option<Phase>, detail: &str| Event::PhaseObserved {
            address: address.clone(),
            name: "orders".to_owned(),
            phase,
            detail: detail.into(),
        };
        let asked = |request| Event::RequestAccepted { address: address.clone(), request };
        let events = [
            Event::Started { address: address.clone() },
            asked(RequestAccepted::Stopped("orders".to_owned())),
            seen(Some(Phase::Stopping), ""),
            seen(Some(Phase::Stopped), ""),
            asked(RequestAccepted::Submitted("orders-g2".to_owned())),
            seen(Some(Phase::Pending), ""),
            seen(Some(Phase::Pending), "no room in the pool"),
            seen(Some(Phase::Running), ""),
            Event::Succeeded { address: address.clone() },
        ];
        let mut held_back = BTreeMap::new();
        let lines: Vec<String> =
            events.iter().flat_map(|event| lines_for(&mut held_back, event, Style::default())).collect();
        let said: Vec<&str> = lines.iter().map(|line| line.split("orders  ").last().unwrap().trim()).collect();
        let [stop, stopped, submit, pending, done] = said.as_slice() else { panic!("{lines:#?}") };
        assert!(stop.contains("stop") && stopped.ends_with("orders is STOPPED"), "{lines:#?}");
        assert!(submit.contains("orders-g2") && pending.ends_with("PENDING: no room in the pool"), "{lines:#?}");
        assert!(done.ends_with("done: RUNNING") && held_back.is_empty(), "{lines:#?}");
    }

    #[test]
    fn a_held_back_phase_is_printed_before_a_rollback() {
        let address = Address::statement("orders");
        let running = Event::PhaseObserved {
            address: address.clone(),
            name: "orders".to_owned(),
            phase: Some(Phase::Running),
            detail: Default::default(),
        };
        let mut held_back = BTreeMap::new();
        assert!(lines_for(&mut held_back, &running, Style::default()).is_empty());
        let lines = lines_for(&mut held_back, &Event::RollbackStarted { address }, Style::default());
        assert_eq!(lines.len(), 2);
        assert!(lines.first().unwrap().ends_with("orders is RUNNING"));
    }
}
