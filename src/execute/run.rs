//! The owner loop: it alone keeps the record, and it decides which passage may start.

use tokio::sync::watch::Receiver;

use super::event::{Event, Report};
use crate::{
    cloud::Cloud,
    plan::Plan,
    resource::Secrets,
    state::{Ledger, LedgerError, Recorded},
};

/// How far the user has asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Interrupt {
    /// Not at all.
    #[default]
    None,
    /// No new step outside an open passage; open passages are finished or taken back (the first Ctrl-C).
    Finish,
    /// Save and leave (the second).
    Leave,
}

/// What a run works with.
#[derive(Clone)]
pub struct Setting {
    /// The cloud.
    pub cloud: Cloud,
    /// The values of secrets.
    pub secrets: Secrets,
    /// The project's name, for labels.
    pub project: String,
    /// Whether a secret without a value is replaced by a placeholder: on the simulator only.
    pub placeholders: bool,
    /// What tells this run's intents from those of every other run of this state: part of their ids.
    pub run: String,
    /// How far the user has asked to stop.
    pub interrupt: Receiver<Interrupt>,
}

/// Runs `plan` on `recorded`, keeping every step in `ledger`, which holds the lock and has not begun its journal yet;
/// folds the record at the end. The plan has been checked with [`crate::plan::check`] against `recorded`.
///
/// # Errors
/// When the journal cannot be begun: nothing was sent then. A ledger that fails later is in the report.
pub async fn run(
    plan: &Plan,
    recorded: Recorded,
    ledger: &mut dyn Ledger,
    setting: &Setting,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<Report, LedgerError> {
    let _ = (plan, recorded, ledger, setting, events);
    unimplemented!()
}
