//! A run as it goes: a table that moves on a terminal, a line an event elsewhere. The only place that knows indicatif.

use std::{collections::BTreeMap, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Screen;
use crate::{
    execute::Event,
    render::{self, Style},
    resource::{Address, Secrets},
};

/// Draws the events of one run.
pub(super) struct Progress {
    screen: Screen,
    style: Style,
    /// Whatever a service says back may hold a value that it was sent.
    secrets: Secrets,
    table: Option<Table>,
}

struct Table {
    bars: MultiProgress,
    running: BTreeMap<Address, ProgressBar>,
}

impl Progress {
    /// On standard error.
    pub fn new(screen: Screen, secrets: Secrets) -> Self {
        let table = screen.interactive.then(|| Table {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            running: BTreeMap::new(),
        });
        Progress { screen, style: screen.err, secrets, table }
    }

    /// Takes in what happened.
    pub fn take(&mut self, event: &Event) {
        let line = self.secrets.redact(&render::event(event, self.style));
        match &mut self.table {
            None => self.screen.err(&format!("{line}\n")),
            Some(table) => table.take(event, &line, &self.secrets),
        }
    }

    /// Clears what moves.
    pub fn end(&mut self) {
        if let Some(table) = &mut self.table {
            std::mem::take(&mut table.running).into_values().for_each(|bar| bar.finish_and_clear());
        }
    }
}

impl Table {
    fn take(&mut self, event: &Event, line: &str, secrets: &Secrets) {
        match event {
            Event::Started { address } => {
                let bar = self.bars.add(ProgressBar::new_spinner().with_style(look()));
                bar.set_prefix(address.to_string());
                bar.enable_steady_tick(Duration::from_millis(120));
                self.running.insert(address.clone(), bar);
            }
            Event::Asked { address, what } => self.say(address, secrets.redact(&what.to_string())),
            Event::Seen { address, phase, .. } => {
                let phase = phase.as_ref().map_or("gone", |phase| phase.as_str());
                self.say(address, secrets.redact(phase));
            }
            Event::TakingBack { address } => {
                self.say(address, "taking back what it had begun".to_owned());
                self.keep(line);
            }
            Event::Done { address } | Event::TakenBack { address } => {
                if let Some(bar) = self.running.remove(address) {
                    bar.finish_and_clear();
                }
                self.keep(line);
            }
            Event::Failed { .. } | Event::Skipped { .. } | Event::Stopping => self.keep(line),
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
