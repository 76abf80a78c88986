//! The owner loop: it alone keeps the record, and it starts each passage when those that it waits for have succeeded.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch::Receiver},
    task::{self, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    event::{Event, Failure, Report},
    pools,
    record::{Message, Record},
    walk::{self, Tools},
    watch,
};
use crate::{
    cloud::CloudClient,
    plan::{Passage, Plan},
    resource::{Address, Intent, Operation, ResourceKind, Secrets},
    state::{Entry, Ledger, LedgerError, Recorded},
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
    pub cloud: CloudClient,
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
    ledger.begin(&recorded).await?;
    let (record, messages) = Record::new(recorded, &setting.run);
    let mut owner = Owner::new(plan, record, ledger, setting, events);
    // What settling found is durable before anything is built on it.
    match owner.take_in(&plan.entries) {
        Ok(()) => drop(owner.append(plan.entries.clone()).await),
        // The plan is for another record: nothing runs, and everything is reported as not begun.
        Err(failure) => owner.failed.extend(plan.passages.first().map(|first| (first.address.clone(), failure))),
    }
    if owner.failed.is_empty() {
        owner.work(messages).await;
    }
    let twins = match owner.broken.is_none() && *setting.interrupt.borrow() == Interrupt::None {
        true => pools::twins(plan, &owner.tools).await,
        false => Vec::new(),
    };
    Ok(owner.report(twins).await)
}

/// How long requests under way may still take once the user wants to leave.
const LEAVING: Duration = Duration::from_secs(5);

struct Owner<'a> {
    ledger: &'a mut dyn Ledger,
    events: &'a mut (dyn FnMut(Event) + Send),
    record: Record,
    tools: Tools,
    interrupt: Receiver<Interrupt>,
    /// Why nothing more can be kept.
    broken: Option<LedgerError>,
    /// Passages that have not begun, by address; `after` loses what has succeeded.
    waiting: BTreeMap<Address, Passage>,
    /// Those of them that wait for each address.
    needed_by: BTreeMap<Address, Vec<Address>>,
    /// Those of them that wait for nothing any more.
    ready: BTreeSet<Address>,
    running: JoinSet<Result<(), Failure>>,
    /// Whose passage each task walks.
    tasks: BTreeMap<task::Id, Address>,
    done: Vec<Address>,
    failed: Vec<(Address, Failure)>,
    not_taken_back: Vec<(Address, Failure)>,
    skipped: Vec<(Address, Address)>,
    taken_back: BTreeSet<Address>,
}

impl<'a> Owner<'a> {
    fn new(
        plan: &Plan,
        record: Record,
        ledger: &'a mut dyn Ledger,
        setting: &Setting,
        events: &'a mut (dyn FnMut(Event) + Send),
    ) -> Self {
        let watch = watch::start(setting.cloud.clone());
        let mut needed_by: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
        for passage in &plan.passages {
            for before in &passage.after {
                needed_by.entry(before.clone()).or_default().push(passage.address.clone());
            }
        }
        let is_ready = |passage: &&Passage| passage.after.is_empty();
        Owner {
            needed_by,
            ready: plan.passages.iter().filter(is_ready).map(|passage| passage.address.clone()).collect(),
            ledger,
            events,
            tools: Tools { setting: setting.clone(), record: record.clone(), watch },
            record,
            interrupt: setting.interrupt.clone(),
            broken: None,
            waiting: plan.passages.iter().map(|passage| (passage.address.clone(), passage.clone())).collect(),
            running: JoinSet::new(),
            tasks: BTreeMap::new(),
            done: Vec::new(),
            failed: Vec::new(),
            not_taken_back: Vec::new(),
            skipped: Vec::new(),
            taken_back: BTreeSet::new(),
        }
    }

    async fn work(&mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        let (mut batch, mut listening, mut leaving) = (Vec::new(), true, None);
        self.begin_ready();
        while !self.running.is_empty() {
            let asked_to_leave = leaving.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                _ = messages.recv_many(&mut batch, 1024) => self.hear(&mut batch).await,
                Some(ended) = self.running.join_next_with_id() => {
                    // Its last messages may still be on the way: they come first.
                    while let Ok(message) = messages.try_recv() {
                        batch.push(message);
                    }
                    self.hear(&mut batch).await;
                    self.end(ended);
                    self.begin_ready();
                }
                changed = self.interrupt.changed(), if listening => match changed.map(|()| *self.interrupt.borrow()) {
                    Ok(Interrupt::Leave) => leaving = Some(Instant::now() + LEAVING),
                    Ok(_) => (self.events)(Event::Stopping),
                    // Nobody can ask any more.
                    Err(_) => listening = false,
                },
                () = sleep_until(asked_to_leave), if leaving.is_some() => self.running.abort_all(),
            }
        }
        while let Ok(message) = messages.try_recv() {
            batch.push(message);
        }
        self.hear(&mut batch).await;
    }

    /// Starts every passage whose predecessors have all succeeded, unless nothing new may start.
    fn begin_ready(&mut self) {
        let stopping = *self.interrupt.borrow() != Interrupt::None;
        if stopping || self.broken.is_some() {
            return;
        }
        while let Some(address) = self.ready.pop_first() {
            if let Some(passage) = self.waiting.remove(&address) {
                let task = self.running.spawn(walk::walk(passage, self.tools.clone()));
                self.tasks.insert(task.id(), address);
            }
        }
    }

    /// Keeps everything that was asked for as one group, and tells what there is to tell.
    async fn hear(&mut self, batch: &mut Vec<Message>) {
        let (mut group, mut waiting) = (Vec::new(), Vec::new());
        for message in batch.drain(..) {
            match message {
                Message::Tell(event) => {
                    if let Event::TakenBack { address } = &event {
                        self.taken_back.insert(address.clone());
                    }
                    (self.events)(event);
                }
                Message::NotTakenBack(address, failure) => {
                    (self.events)(Event::Failed { address: address.clone(), failure: failure.clone() });
                    self.not_taken_back.push((address, failure));
                }
                Message::Keep(entries, done) => match self.take_in(&entries) {
                    Ok(()) => {
                        group.extend(entries);
                        waiting.push(done);
                    }
                    // A passage that is gone needs no answer.
                    Err(failure) => drop(done.send(Err(failure))),
                },
            }
        }
        let kept = self.append(group).await;
        for done in waiting {
            drop(done.send(kept.clone()));
        }
    }

    /// Applies entries to the record in memory. After one that contradicts it the record is not what the journal says, so
    /// the ledger refuses to fold it: the next run goes on from the journal.
    fn take_in(&self, entries: &[Entry]) -> Result<(), Failure> {
        if let Some(error) = &self.broken {
            return Err(Failure::Ledger(error.clone()));
        }
        let mut recorded = self.record.now();
        entries
            .iter()
            .try_for_each(|entry| recorded.apply(entry))
            .map_err(|error| Failure::Incoherent(error.to_string()))
    }

    async fn append(&mut self, group: Vec<Entry>) -> Result<(), Failure> {
        if group.is_empty() {
            return Ok(());
        }
        let kept = self.ledger.append(&group).await;
        kept.map_err(|error| {
            self.broken = Some(error.clone());
            // What waits for its turn must not be sent any more, whatever was durable of it before; and what is under
            // way cannot be recorded: the next run finds out.
            self.running.abort_all();
            Failure::Ledger(error)
        })
    }

    fn end(&mut self, ended: Result<(task::Id, Result<(), Failure>), task::JoinError>) {
        let (id, result) = match ended {
            Ok((id, result)) => (id, result),
            Err(error) if error.is_cancelled() => {
                let failure = self.broken.clone().map_or(Failure::Interrupted, Failure::Ledger);
                (error.id(), Err(failure))
            }
            Err(error) => (error.id(), Err(Failure::Incoherent(error.to_string()))),
        };
        let Some(address) = self.tasks.remove(&id) else { return };
        match result {
            Ok(()) => {
                for freed in self.needed_by.remove(&address).unwrap_or_default() {
                    if let Some(passage) = self.waiting.get_mut(&freed) {
                        passage.after.remove(&address);
                        if passage.after.is_empty() {
                            self.ready.insert(freed);
                        }
                    }
                }
                (self.events)(Event::Done { address: address.clone() });
                self.done.push(address);
            }
            Err(failure) => {
                (self.events)(Event::Failed { address: address.clone(), failure: failure.clone() });
                self.failed.push((address.clone(), failure));
                self.skip_what_needs(&address);
            }
        }
    }

    /// Leaves out, with its cause, everything that waits for `address`, directly or not.
    fn skip_what_needs(&mut self, address: &Address) {
        let mut causes = vec![address.clone()];
        while let Some(cause) = causes.pop() {
            for address in self.needed_by.remove(&cause).unwrap_or_default() {
                if self.waiting.remove(&address).is_none() {
                    continue;
                }
                (self.events)(Event::Skipped { address: address.clone(), because: cause.clone() });
                self.skipped.push((address.clone(), cause.clone()));
                causes.push(address);
            }
        }
    }

    async fn report(self, twins: Vec<(Address, String)>) -> Report {
        let recorded = self.record.now().clone();
        let ledger = match self.broken {
            Some(error) => Some(error),
            None => self.ledger.compact(&recorded).await.err(),
        };
        let touched = self.failed.iter().filter(|(address, _)| address.kind == ResourceKind::Statement);
        // A stop of which nobody can tell what became of it may still come.
        let may_stop = |address: &Address, name: &str| {
            let stops = |intent: &Intent| matches!(&intent.operation, Operation::Update { name: asked, to, .. } if asked == name && to.stopped);
            !self.taken_back.contains(address) && recorded.open_intents.values().any(|open| stops(&open.intent))
        };
        let stands_still = |address: &&Address| {
            recorded.statements.get(&address.key).is_some_and(|record| {
                let current = record.current.as_ref();
                let stands = current.is_some_and(|it| it.stopped || may_stop(address, &it.sent.name));
                stands && !record.declared.stopped
            })
        };
        let standing_still = touched.map(|(address, _)| address).filter(stands_still).cloned().collect();
        Report {
            standing_still,
            twins,
            recorded,
            done: self.done,
            failed: self.failed,
            not_taken_back: self.not_taken_back,
            skipped: self.skipped,
            not_begun: self.waiting.into_keys().collect(),
            interrupted: *self.interrupt.borrow() != Interrupt::None,
            ledger,
        }
    }
}
