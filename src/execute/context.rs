//! What the steps of a run share: its inputs, the handles on the journal and the watcher, and how an interrupt applies.

use std::sync::Arc;

use tokio::sync::watch::Receiver;

use super::{event::Event, journal::JournalHandle, recent_list::RecentList, watcher::Watcher};
use crate::{
    cloud::{CloudClient, Error},
    plan::CopyCheck,
    resource::{Address, ForeignText, Secrets},
};

/// How urgently the user has asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Interrupt {
    /// The user has not asked.
    #[default]
    None,
    /// Start no new step outside an open step group. Open step groups are finished or rolled back (the first Ctrl-C).
    FinishOpenGroups,
    /// Save the state and exit (the second Ctrl-C).
    Abort,
}

/// What a run works with.
#[derive(Clone)]
pub struct RunInputs {
    /// The client of Confluent Cloud.
    pub cloud: CloudClient,
    /// The values of secrets.
    pub secrets: Secrets,
    /// The name of the project, for labels.
    pub project: String,
    /// The key of the environment, for labels.
    pub environment: String,
    /// Whether a secret without a value is replaced by a placeholder, on the simulator only.
    pub use_placeholders: bool,
    /// The start of every intent id of this run, which differs from that of every other run of this state.
    pub run_id: String,
    /// How urgently the user has asked to stop.
    pub interrupt: Receiver<Interrupt>,
}

/// What every step works with.
#[derive(Clone)]
pub(super) struct RunContext {
    /// What the run works with.
    pub inputs: RunInputs,
    /// The handle on the record and the events.
    pub journal: JournalHandle,
    /// The watcher that all waits share.
    pub watcher: Watcher,
    /// How jobs are told from copies.
    pub copy_check: Arc<CopyCheck>,
    /// The last list of statements, in which submissions look for copies.
    pub recent_list: RecentList,
}

/// How far a step group has got, which decides whether an interrupt may stop it here.
#[derive(Clone, Copy)]
pub(super) struct InterruptScope<'a> {
    /// The address of the step group.
    pub address: &'a Address,
    /// Whether something was changed and there is a rollback. The step group is then finished or rolled back, not
    /// left as it is.
    pub is_open: bool,
    /// Whether there is a rollback, so that the first change opens the step group.
    pub has_rollback: bool,
}

impl InterruptScope<'_> {
    /// Returns the scope after a step that changed something in the cloud, or did not.
    pub fn after_change(&self, changed: bool) -> Self {
        InterruptScope { is_open: self.is_open || (changed && self.has_rollback), ..*self }
    }
}

impl RunContext {
    /// Returns how urgently the user has asked to stop.
    pub fn interrupt(&self) -> Interrupt {
        *self.inputs.interrupt.borrow()
    }

    /// Returns whether a step group in this scope has to stop where it is.
    pub fn must_stop(&self, scope: &InterruptScope) -> bool {
        match self.interrupt() {
            Interrupt::None => false,
            Interrupt::FinishOpenGroups => !scope.is_open,
            Interrupt::Abort => true,
        }
    }

    /// Shows an event to the user.
    pub fn emit(&self, event: Event) {
        self.journal.emit(event);
    }

    /// Redacts an error, since the service's message may quote SQL with a secret in it.
    pub fn redact_error(&self, error: Error) -> Error {
        error.redacted(&self.inputs.secrets)
    }

    /// Returns the service's text with the values of secrets hidden.
    pub fn redact_foreign(&self, text: &ForeignText) -> ForeignText {
        text.clone().map(|text| self.redact_text(text))
    }

    /// Returns text with the values of secrets hidden.
    pub fn redact_text(&self, text: &str) -> String {
        self.inputs.secrets.redact(text)
    }
}
