//! Connects step groups to the scheduler: they append entries durably, emit events, and read the record.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{mpsc, oneshot};

use super::event::{Event, StepFailure};
use crate::{
    resource::{Address, Intent, IntentId, Operation, Secrets, ServiceTime, Submission, Template, placeholder},
    state::{Entry, Fact, Outcome, Recorded},
};

/// A message from a step group to the scheduler.
pub(super) enum SchedulerMessage {
    /// Appends these entries, and acknowledges them when they are durable.
    Append(Vec<Entry>, oneshot::Sender<Result<(), StepFailure>>),
    /// Shows an event to the user.
    Emit(Event),
    /// The rollback of an address failed.
    RollbackFailed(Address, StepFailure),
}

/// The record as step groups see it. They read it, and only the scheduler changes it.
#[derive(Clone)]
pub(super) struct JournalHandle {
    /// The record, which the scheduler changes.
    recorded: Arc<Mutex<Recorded>>,
    /// The channel to the scheduler.
    scheduler: mpsc::UnboundedSender<SchedulerMessage>,
    /// The id of the run, which starts every intent id.
    run_id: Arc<str>,
    /// The number of the next intent.
    next_intent: Arc<AtomicU64>,
}

impl JournalHandle {
    /// Returns a handle, and the messages that it sends.
    pub fn new(recorded: Recorded, run_id: &str) -> (JournalHandle, mpsc::UnboundedReceiver<SchedulerMessage>) {
        let (scheduler, messages) = mpsc::unbounded_channel();
        let recorded = Arc::new(Mutex::new(recorded));
        (JournalHandle { recorded, scheduler, run_id: run_id.into(), next_intent: Arc::default() }, messages)
    }

    /// Locks and returns the current record. Nothing may be awaited while the lock is held.
    pub fn lock_recorded(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends entries, and returns when they are durable.
    pub async fn append(&self, entries: Vec<Entry>) -> Result<(), StepFailure> {
        if entries.is_empty() {
            return Ok(());
        }
        let (acknowledge, acknowledged) = oneshot::channel();
        let scheduler_gone = || StepFailure::Incoherent("the scheduler is no longer running".to_owned());
        self.scheduler.send(SchedulerMessage::Append(entries, acknowledge)).map_err(|_| scheduler_gone())?;
        acknowledged.await.unwrap_or_else(|_| Err(scheduler_gone()))
    }

    /// Appends facts, and returns when they are durable.
    pub async fn record_facts(&self, facts: impl IntoIterator<Item = Fact>) -> Result<(), StepFailure> {
        self.append(facts.into_iter().map(|fact| Entry::FactRecorded { fact }).collect()).await
    }

    /// Returns `fact` as it is recorded: an adopted generation gets the hashes of its secrets.
    ///
    /// The service does not reveal which value a statement has, so it is assumed to have the one that is set here.
    /// The next change of that value is then noticed.
    pub fn with_secret_hashes(&self, fact: &Fact, secrets: &Secrets) -> Fact {
        let mut fact = fact.clone();
        if let Fact::Adopted { generation, .. } = &mut fact {
            generation.secrets =
                secrets.hashes(secret_names(&generation.sent).into_iter(), &self.lock_recorded().hash_key);
        }
        fact
    }

    /// Records the intent of a request before it is sent, with the time by the service's clock and with the hashes of
    /// its secrets or placeholders.
    pub async fn record_intent(
        &self,
        address: &Address,
        operation: Operation,
        sent_at: Option<ServiceTime>,
        (secrets, placeholders): (&Secrets, bool),
    ) -> Result<Intent, StepFailure> {
        let number = self.next_intent.fetch_add(1, Ordering::Relaxed);
        let id = IntentId(format!("{}-{number:06}", self.run_id));
        let secrets = match &operation {
            Operation::Submit(submission) => {
                let names = secret_names(submission);
                let key = self.lock_recorded().hash_key.clone();
                let mut hashes = secrets.hashes(names.iter().copied(), &key);
                // A placeholder was sent for a secret without a value, so a value that is set later counts as another
                // one.
                for name in names.into_iter().filter(|_| placeholders) {
                    hashes.entry(name.to_owned()).or_insert_with(|| secrets.hash_of(&key, &placeholder(name)));
                }
                hashes
            }
            _ => Default::default(),
        };
        let intent = Intent { id, address: address.clone(), operation, sent_at };
        self.append(vec![Entry::IntentOpened { intent: intent.clone(), secrets }]).await?;
        Ok(intent)
    }

    /// Records the outcome of a request.
    pub async fn record_outcome(&self, intent: &Intent, outcome: Outcome) -> Result<(), StepFailure> {
        self.append(vec![Entry::IntentSettled { intent_id: intent.id.clone(), outcome }]).await
    }

    /// Reports to the user, and in the report, that a rollback failed.
    pub fn report_rollback_failure(&self, address: &Address, failure: StepFailure) {
        let _ = self.scheduler.send(SchedulerMessage::RollbackFailed(address.clone(), failure));
    }

    /// Shows an event to the user. The run continues even if the receiver is gone.
    pub fn emit(&self, event: Event) {
        let _ = self.scheduler.send(SchedulerMessage::Emit(event));
    }
}

/// Returns the names of the secrets in a submission.
fn secret_names(submission: &Submission) -> BTreeSet<&str> {
    let templates = std::iter::once(&submission.sql).chain(submission.properties.values());
    templates.flat_map(Template::secret_names).collect()
}
