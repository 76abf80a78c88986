//! A run as it goes: a table that moves on a terminal, a line an event elsewhere. The only place that knows indicatif.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Screen, trouble::redacted};
use crate::{
    cloud::Retrying,
    execute::Event,
    render::{self, Style},
    resource::{Address, PhaseClass, Secrets},
};

/// What is said while a command works: above the table if one moves, else as it comes.
#[derive(Clone)]
pub(super) struct Voice {
    screen: Screen,
    table: Arc<Mutex<Option<MultiProgress>>>,
}

impl Voice {
    /// On standard error.
    pub fn new(screen: Screen) -> Self {
        Voice { screen, table: Arc::default() }
    }

    /// Says that a call is tried again: what, why, and for how long.
    pub fn retrying(&self, retrying: &Retrying, secrets: &Secrets) {
        let trouble = redacted(retrying.trouble.clone(), secrets);
        let line = render::retrying(&Retrying { trouble, ..retrying.clone() }, self.screen.err);
        match self.table.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            // A terminal that is gone cannot be told.
            Some(table) => drop(table.println(line)),
            None => self.screen.err(&format!("{line}\n")),
        }
    }

    fn stand_above(&self, table: Option<MultiProgress>) {
        *self.table.lock().unwrap_or_else(PoisonError::into_inner) = table;
    }
}

/// Draws the events of one run.
pub(super) struct Progress {
    screen: Screen,
    voice: Voice,
    style: Style,
    table: Option<Table>,
    /// What was seen last of an address and says nothing yet: the next event decides whether it has to be told.
    held: BTreeMap<Address, Event>,
}

struct Table {
    bars: MultiProgress,
    running: BTreeMap<Address, ProgressBar>,
}

impl Progress {
    /// On standard error.
    pub fn new(voice: &Voice) -> Self {
        let (voice, screen) = (voice.clone(), voice.screen);
        let table = screen.interactive.then(|| Table {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            running: BTreeMap::new(),
        });
        voice.stand_above(table.as_ref().map(|table| table.bars.clone()));
        Progress { screen, voice, style: screen.err, table, held: BTreeMap::new() }
    }

    /// Takes in what happened.
    pub fn take(&mut self, event: &Event) {
        if self.table.is_none() {
            let lines = telling(&mut self.held, event, self.style);
            lines.iter().for_each(|line| self.screen.err(&format!("{line}\n")));
        } else if let Some(table) = &mut self.table {
            table.take(event, &render::event(event, self.style));
        }
    }

    /// Clears what moves, and says what was held back.
    pub fn end(&mut self) {
        self.voice.stand_above(None);
        for event in std::mem::take(&mut self.held).into_values() {
            self.screen.err(&format!("{}\n", render::event(&event, self.style)));
        }
        if let Some(table) = &mut self.table {
            std::mem::take(&mut table.running).into_values().for_each(|bar| bar.finish_and_clear());
        }
    }
}

/// The lines that an event is worth where they stay: that something begins is told by what is asked, that it is PENDING
/// by its having been submitted, and the phase in which it is done stands in the line that says so.
fn telling(held: &mut BTreeMap<Address, Event>, event: &Event, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    match event {
        Event::Started { .. } => {}
        Event::PhaseObserved { address, phase, detail, .. } if detail.trim().is_empty() => {
            let before = held.remove(address);
            lines.extend(before.map(|before| render::event(&before, style)));
            if phase.as_ref().is_none_or(|phase| phase.class() != PhaseClass::Moving) {
                held.insert(address.clone(), event.clone());
            }
        }
        Event::Succeeded { address } => {
            let phase = match held.remove(address) {
                Some(Event::PhaseObserved { phase: Some(phase), .. }) => Some(phase),
                _ => None,
            };
            lines.push(render::done(address, phase.as_ref(), style));
        }
        Event::RequestAccepted { address, .. }
        | Event::PhaseObserved { address, .. }
        | Event::Failed { address, .. }
        | Event::RollbackStarted { address }
        | Event::RolledBack { address }
        | Event::Skipped { address, .. } => {
            lines.extend(held.remove(address).map(|before| render::event(&before, style)));
            lines.push(render::event(event, style));
        }
        Event::InterruptReceived => lines.push(render::event(event, style)),
    }
    lines
}

impl Table {
    fn take(&mut self, event: &Event, line: &str) {
        match event {
            Event::Started { address } => {
                let bar = self.bars.add(ProgressBar::new_spinner().with_style(look()));
                bar.set_prefix(address.to_string());
                bar.enable_steady_tick(Duration::from_millis(120));
                self.running.insert(address.clone(), bar);
            }
            Event::RequestAccepted { address, request } => self.say(address, request.to_string()),
            Event::PhaseObserved { address, phase, .. } => {
                let phase = phase.as_ref().map_or("gone", |phase| phase.as_str());
                self.say(address, phase.to_owned());
            }
            Event::RollbackStarted { address } => {
                self.say(address, "taking back what it had begun".to_owned());
                self.keep(line);
            }
            Event::Succeeded { address } | Event::RolledBack { address } => {
                if let Some(bar) = self.running.remove(address) {
                    bar.finish_and_clear();
                }
                self.keep(line);
            }
            Event::Failed { .. } | Event::Skipped { .. } | Event::InterruptReceived => self.keep(line),
        }
    }

    fn say(&self, address: &Address, what: String) {
        if let Some(bar) = self.running.get(address) {
            bar.set_message(what);
        }
    }

    /// Leaves a line above the table. A terminal that is gone cannot be told.
    fn keep(&self, line: &str) {
        let _ = self.bars.println(line);
    }
}

/// A template that this file writes is well-formed; were it not, the plain look would do.
fn look() -> ProgressStyle {
    ProgressStyle::with_template("  {spinner} {prefix:34}  {msg}  {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::{execute::RequestAccepted, resource::Phase};

    #[test]
    fn a_line_that_stays_tells_something() {
        let address = Address::statement("orders");
        let seen = |phase: Option<Phase>, detail: &str| Event::PhaseObserved {
            address: address.clone(),
            name: "orders".to_owned(),
            phase,
            detail: detail.to_owned(),
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
        let mut held = BTreeMap::new();
        let lines: Vec<String> = events.iter().flat_map(|event| telling(&mut held, event, Style::default())).collect();
        let said: Vec<&str> = lines.iter().map(|line| line.split("orders  ").last().unwrap().trim()).collect();
        let [stop, stopped, submit, pending, done] = said.as_slice() else { panic!("{lines:#?}") };
        assert!(stop.contains("stop") && stopped.ends_with("orders is STOPPED"), "{lines:#?}");
        assert!(submit.contains("orders-g2") && pending.ends_with("PENDING: no room in the pool"), "{lines:#?}");
        assert!(done.ends_with("done: RUNNING") && held.is_empty(), "{lines:#?}");
    }

    #[test]
    fn what_was_seen_before_a_failure_is_not_lost() {
        let address = Address::statement("orders");
        let running = Event::PhaseObserved {
            address: address.clone(),
            name: "orders".to_owned(),
            phase: Some(Phase::Running),
            detail: String::new(),
        };
        let mut held = BTreeMap::new();
        assert!(telling(&mut held, &running, Style::default()).is_empty());
        let lines = telling(&mut held, &Event::RollbackStarted { address }, Style::default());
        assert_eq!(lines.len(), 2);
        assert!(lines.first().unwrap().ends_with("orders is RUNNING"));
    }
}
