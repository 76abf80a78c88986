//! A passage's way to the owner loop: entries to keep, durable on return; events to tell; the record to read.

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
    resource::{Address, Intent, IntentId, KeyedHash, Operation, Secrets, Submission, Template, placeholder},
    state::{Entry, Fact, Outcome, Recorded},
};

/// What a passage says to the owner loop.
pub(super) enum SchedulerMessage {
    /// Keep these, then say so.
    Append(Vec<Entry>, oneshot::Sender<Result<(), StepFailure>>),
    /// Tell the user.
    Emit(Event),
    /// The way back of an address did not succeed.
    RollbackFailed(Address, StepFailure),
}

/// The record as passages see it: they read it, and only the owner loop changes it.
#[derive(Clone)]
pub(super) struct JournalHandle {
    recorded: Arc<Mutex<Recorded>>,
    scheduler: mpsc::UnboundedSender<SchedulerMessage>,
    run_id: Arc<str>,
    next_intent: Arc<AtomicU64>,
}

impl JournalHandle {
    pub fn new(recorded: Recorded, run_id: &str) -> (JournalHandle, mpsc::UnboundedReceiver<SchedulerMessage>) {
        let (scheduler, messages) = mpsc::unbounded_channel();
        let recorded = Arc::new(Mutex::new(recorded));
        (JournalHandle { recorded, scheduler, run_id: run_id.into(), next_intent: Arc::default() }, messages)
    }

    /// The record as it is now. Nothing waits while it is held.
    pub fn lock_recorded(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has entries kept; returns when they are durable.
    pub async fn append(&self, entries: Vec<Entry>) -> Result<(), StepFailure> {
        if entries.is_empty() {
            return Ok(());
        }
        let (acknowledge, acknowledged) = oneshot::channel();
        let scheduler_gone = || StepFailure::Incoherent("the owner of the record is gone".to_owned());
        self.scheduler.send(SchedulerMessage::Append(entries, acknowledge)).map_err(|_| scheduler_gone())?;
        acknowledged.await.unwrap_or_else(|_| Err(scheduler_gone()))
    }

    /// Has facts kept.
    pub async fn record_facts(&self, facts: impl IntoIterator<Item = Fact>) -> Result<(), StepFailure> {
        self.append(facts.into_iter().map(|fact| Entry::FactRecorded { fact }).collect()).await
    }

    /// `fact` as it is kept: what is adopted with the hashes of its secrets. What the service shows says nothing of a
    /// value, so it is taken to have the one that is set here; the next change of that is then seen.
    pub fn with_secret_hashes(&self, fact: &Fact, secrets: &Secrets) -> Fact {
        let mut fact = fact.clone();
        if let Fact::Adopted { generation, .. } = &mut fact {
            generation.secrets =
                secrets.hashes(secret_names(&generation.sent).into_iter(), &self.lock_recorded().hash_key);
        }
        fact
    }

    /// Writes down what is about to be asked, with the hashes of the secrets that go with it, or of the placeholders.
    pub async fn record_intent(
        &self,
        address: &Address,
        operation: Operation,
        (secrets, placeholders): (&Secrets, bool),
    ) -> Result<Intent, StepFailure> {
        let number = self.next_intent.fetch_add(1, Ordering::Relaxed);
        let id = IntentId(format!("{}-{number:06}", self.run_id));
        let secrets = match &operation {
            Operation::Submit(submission) => {
                let names = secret_names(submission);
                let key = self.lock_recorded().hash_key.clone();
                let mut hashes = secrets.hashes(names.iter().copied(), &key);
                // A placeholder went out for what is not set, so a value that is set later is another one.
                for name in names.into_iter().filter(|_| placeholders) {
                    hashes.entry(name.to_owned()).or_insert_with(|| KeyedHash::of(&key, &placeholder(name)));
                }
                hashes
            }
            _ => Default::default(),
        };
        let intent = Intent { id, address: address.clone(), operation };
        self.append(vec![Entry::IntentOpened { intent: intent.clone(), secrets }]).await?;
        Ok(intent)
    }

    /// Writes down what came of it.
    pub async fn record_outcome(&self, intent: &Intent, outcome: Outcome) -> Result<(), StepFailure> {
        self.append(vec![Entry::IntentSettled { intent_id: intent.id.clone(), outcome }]).await
    }

    /// Tells the user, and the report, that a way back failed.
    pub fn report_rollback_failure(&self, address: &Address, failure: StepFailure) {
        let _ = self.scheduler.send(SchedulerMessage::RollbackFailed(address.clone(), failure));
    }

    /// Tells the user. A listener that is gone is no reason to stop.
    pub fn emit(&self, event: Event) {
        let _ = self.scheduler.send(SchedulerMessage::Emit(event));
    }
}

/// The names of the secrets that go with a submission.
fn secret_names(submission: &Submission) -> BTreeSet<&str> {
    let templates = std::iter::once(&submission.sql).chain(submission.properties.values());
    templates.flat_map(Template::secret_names).collect()
}
