//! A passage's way to the owner loop: entries to keep, durable on return; events to tell; the record to read.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{mpsc, oneshot};

use super::event::{Event, Failure};
use crate::{
    resource::{Address, Intent, IntentId, KeyedHash, Operation, Secrets, Submission, Template, placeholder},
    state::{Entry, Fact, Outcome, Recorded},
};

/// What a passage says to the owner loop.
pub(super) enum Message {
    /// Keep these, then say so.
    Keep(Vec<Entry>, oneshot::Sender<Result<(), Failure>>),
    /// Tell the user.
    Tell(Event),
    /// The way back of an address did not succeed.
    NotTakenBack(Address, Failure),
}

/// The record as passages see it: they read it, and only the owner loop changes it.
#[derive(Clone)]
pub(super) struct Record {
    recorded: Arc<Mutex<Recorded>>,
    owner: mpsc::UnboundedSender<Message>,
    run: Arc<str>,
    intents: Arc<AtomicU64>,
}

impl Record {
    pub fn new(recorded: Recorded, run: &str) -> (Record, mpsc::UnboundedReceiver<Message>) {
        let (owner, messages) = mpsc::unbounded_channel();
        let recorded = Arc::new(Mutex::new(recorded));
        (Record { recorded, owner, run: run.into(), intents: Arc::default() }, messages)
    }

    /// The record as it is now. Nothing waits while it is held.
    pub fn now(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has entries kept; returns when they are durable.
    pub async fn keep(&self, entries: Vec<Entry>) -> Result<(), Failure> {
        if entries.is_empty() {
            return Ok(());
        }
        let (done, kept) = oneshot::channel();
        let lost = || Failure::Incoherent("the owner of the record is gone".to_owned());
        self.owner.send(Message::Keep(entries, done)).map_err(|_| lost())?;
        kept.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Has facts kept.
    pub async fn learn(&self, facts: impl IntoIterator<Item = Fact>) -> Result<(), Failure> {
        self.keep(facts.into_iter().map(|fact| Entry::FactRecorded { fact }).collect()).await
    }

    /// `fact` as it is kept: what is adopted with the hashes of its secrets. What the service shows says nothing of a
    /// value, so it is taken to have the one that is set here; the next change of that is then seen.
    pub fn hashed(&self, fact: &Fact, secrets: &Secrets) -> Fact {
        let mut fact = fact.clone();
        if let Fact::Adopted { generation, .. } = &mut fact {
            generation.secrets = secrets.hashes(secrets_of(&generation.sent).into_iter(), &self.now().hash_key);
        }
        fact
    }

    /// Writes down what is about to be asked, with the hashes of the secrets that go with it, or of the placeholders.
    pub async fn intend(
        &self,
        address: &Address,
        operation: Operation,
        (secrets, placeholders): (&Secrets, bool),
    ) -> Result<Intent, Failure> {
        let number = self.intents.fetch_add(1, Ordering::Relaxed);
        let id = IntentId(format!("{}-{number:06}", self.run));
        let secrets = match &operation {
            Operation::Submit(submission) => {
                let names = secrets_of(submission);
                let key = self.now().hash_key.clone();
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
        self.keep(vec![Entry::IntentOpened { intent: intent.clone(), secrets }]).await?;
        Ok(intent)
    }

    /// Writes down what came of it.
    pub async fn settle(&self, intent: &Intent, outcome: Outcome) -> Result<(), Failure> {
        self.keep(vec![Entry::IntentSettled { intent_id: intent.id.clone(), outcome }]).await
    }

    /// Tells the user, and the report, that a way back failed.
    pub fn not_taken_back(&self, address: &Address, failure: Failure) {
        let _ = self.owner.send(Message::NotTakenBack(address.clone(), failure));
    }

    /// Tells the user. A listener that is gone is no reason to stop.
    pub fn tell(&self, event: Event) {
        let _ = self.owner.send(Message::Tell(event));
    }
}

/// The names of the secrets that go with a submission.
fn secrets_of(submission: &Submission) -> BTreeSet<&str> {
    let templates = std::iter::once(&submission.sql).chain(submission.properties.values());
    templates.flat_map(Template::secret_names).collect()
}
