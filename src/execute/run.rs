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
    event::{Event, RunReport, StepFailure},
    journal::{JournalHandle, SchedulerMessage},
    pool,
    step_group::{self, RunContext},
    watcher,
};
use crate::{
    cloud::CloudClient,
    plan::{Plan, StepGroup},
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
    FinishOpenGroups,
    /// Save and leave (the second).
    Abort,
}

/// What a run works with.
#[derive(Clone)]
pub struct RunInputs {
    /// The cloud.
    pub cloud: CloudClient,
    /// The values of secrets.
    pub secrets: Secrets,
    /// The project's name, for labels.
    pub project: String,
    /// Whether a secret without a value is replaced by a placeholder: on the simulator only.
    pub use_placeholders: bool,
    /// What tells this run's intents from those of every other run of this state: part of their ids.
    pub run_id: String,
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
    inputs: &RunInputs,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<RunReport, LedgerError> {
    ledger.begin(&recorded).await?;
    let (journal, messages) = JournalHandle::new(recorded, &inputs.run_id);
    let mut scheduler = Scheduler::new(plan, journal, ledger, inputs, events);
    // What settling found is durable before anything is built on it.
    match scheduler.apply_in_memory(&plan.entries) {
        Ok(()) => drop(scheduler.append(plan.entries.clone()).await),
        // The plan is for another record: nothing runs, and everything is reported as not begun.
        Err(failure) => scheduler.failed.extend(plan.groups.first().map(|first| (first.address.clone(), failure))),
    }
    if scheduler.failed.is_empty() {
        scheduler.run_until_done(messages).await;
    }
    let duplicate_pools = match scheduler.ledger_error.is_none() && *inputs.interrupt.borrow() == Interrupt::None {
        true => pool::duplicate_pools(plan, &scheduler.context).await,
        false => Vec::new(),
    };
    Ok(scheduler.report(duplicate_pools).await)
}

/// How long requests under way may still take once the user wants to leave.
const ABORT_GRACE: Duration = Duration::from_secs(5);

struct Scheduler<'a> {
    ledger: &'a mut dyn Ledger,
    events: &'a mut (dyn FnMut(Event) + Send),
    journal: JournalHandle,
    context: RunContext,
    interrupt: Receiver<Interrupt>,
    /// Why nothing more can be kept.
    ledger_error: Option<LedgerError>,
    /// Passages that have not begun, by address; `after` loses what has succeeded.
    pending: BTreeMap<Address, StepGroup>,
    /// Those of them that wait for each address.
    dependents: BTreeMap<Address, Vec<Address>>,
    /// Those of them that wait for nothing any more.
    ready: BTreeSet<Address>,
    running: JoinSet<Result<(), StepFailure>>,
    /// Whose passage each task walks.
    tasks: BTreeMap<task::Id, Address>,
    succeeded: Vec<Address>,
    failed: Vec<(Address, StepFailure)>,
    rollback_failed: Vec<(Address, StepFailure)>,
    skipped: Vec<(Address, Address)>,
    rolled_back: BTreeSet<Address>,
}

impl<'a> Scheduler<'a> {
    fn new(
        plan: &Plan,
        journal: JournalHandle,
        ledger: &'a mut dyn Ledger,
        inputs: &RunInputs,
        events: &'a mut (dyn FnMut(Event) + Send),
    ) -> Self {
        let watcher = watcher::start_watcher(inputs.cloud.clone());
        let mut dependents: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
        for group in &plan.groups {
            for before in &group.after {
                dependents.entry(before.clone()).or_default().push(group.address.clone());
            }
        }
        let is_ready = |group: &&StepGroup| group.after.is_empty();
        Scheduler {
            dependents,
            ready: plan.groups.iter().filter(is_ready).map(|group| group.address.clone()).collect(),
            ledger,
            events,
            context: RunContext { inputs: inputs.clone(), journal: journal.clone(), watcher },
            journal,
            interrupt: inputs.interrupt.clone(),
            ledger_error: None,
            pending: plan.groups.iter().map(|group| (group.address.clone(), group.clone())).collect(),
            running: JoinSet::new(),
            tasks: BTreeMap::new(),
            succeeded: Vec::new(),
            failed: Vec::new(),
            rollback_failed: Vec::new(),
            skipped: Vec::new(),
            rolled_back: BTreeSet::new(),
        }
    }

    async fn run_until_done(&mut self, mut messages: mpsc::UnboundedReceiver<SchedulerMessage>) {
        let (mut batch, mut can_be_interrupted, mut abort_at) = (Vec::new(), true, None);
        self.start_ready();
        while !self.running.is_empty() {
            let abort_deadline = abort_at.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                _ = messages.recv_many(&mut batch, 1024) => self.handle_messages(&mut batch).await,
                Some(finished) = self.running.join_next_with_id() => {
                    // Its last messages may still be on the way: they come first.
                    while let Ok(message) = messages.try_recv() {
                        batch.push(message);
                    }
                    self.handle_messages(&mut batch).await;
                    self.finish_task(finished);
                    self.start_ready();
                }
                changed = self.interrupt.changed(), if can_be_interrupted => match changed.map(|()| *self.interrupt.borrow()) {
                    Ok(Interrupt::Abort) => abort_at = Some(Instant::now() + ABORT_GRACE),
                    Ok(_) => (self.events)(Event::InterruptReceived),
                    // Nobody can ask any more.
                    Err(_) => can_be_interrupted = false,
                },
                () = sleep_until(abort_deadline), if abort_at.is_some() => self.running.abort_all(),
            }
        }
        while let Ok(message) = messages.try_recv() {
            batch.push(message);
        }
        self.handle_messages(&mut batch).await;
    }

    /// Starts every passage whose predecessors have all succeeded, unless nothing new may start.
    fn start_ready(&mut self) {
        let is_interrupted = *self.interrupt.borrow() != Interrupt::None;
        if is_interrupted || self.ledger_error.is_some() {
            return;
        }
        while let Some(address) = self.ready.pop_first() {
            if let Some(group) = self.pending.remove(&address) {
                let task = self.running.spawn(step_group::run_step_group(group, self.context.clone()));
                self.tasks.insert(task.id(), address);
            }
        }
    }

    /// Keeps everything that was asked for as one group, and tells what there is to tell.
    async fn handle_messages(&mut self, batch: &mut Vec<SchedulerMessage>) {
        let (mut accepted_entries, mut acknowledgments) = (Vec::new(), Vec::new());
        for message in batch.drain(..) {
            match message {
                SchedulerMessage::Emit(event) => {
                    if let Event::RolledBack { address } = &event {
                        self.rolled_back.insert(address.clone());
                    }
                    (self.events)(event);
                }
                SchedulerMessage::RollbackFailed(address, failure) => {
                    (self.events)(Event::Failed { address: address.clone(), failure: failure.clone() });
                    self.rollback_failed.push((address, failure));
                }
                SchedulerMessage::Append(entries, acknowledgment) => match self.apply_in_memory(&entries) {
                    Ok(()) => {
                        accepted_entries.extend(entries);
                        acknowledgments.push(acknowledgment);
                    }
                    // A passage that is gone needs no answer.
                    Err(failure) => drop(acknowledgment.send(Err(failure))),
                },
            }
        }
        let result = self.append(accepted_entries).await;
        for acknowledgment in acknowledgments {
            drop(acknowledgment.send(result.clone()));
        }
    }

    /// Applies entries to the record in memory. After one that contradicts it the record is not what the journal says, so
    /// the ledger refuses to fold it: the next run goes on from the journal.
    fn apply_in_memory(&self, entries: &[Entry]) -> Result<(), StepFailure> {
        if let Some(error) = &self.ledger_error {
            return Err(StepFailure::Ledger(error.clone()));
        }
        let mut recorded = self.journal.lock_recorded();
        entries
            .iter()
            .try_for_each(|entry| recorded.apply(entry))
            .map_err(|error| StepFailure::Incoherent(error.to_string()))
    }

    async fn append(&mut self, entries: Vec<Entry>) -> Result<(), StepFailure> {
        if entries.is_empty() {
            return Ok(());
        }
        let result = self.ledger.append(&entries).await;
        result.map_err(|error| {
            self.ledger_error = Some(error.clone());
            // What waits for its turn must not be sent any more, whatever was durable of it before; and what is under
            // way cannot be recorded: the next run finds out.
            self.running.abort_all();
            StepFailure::Ledger(error)
        })
    }

    fn finish_task(&mut self, finished: Result<(task::Id, Result<(), StepFailure>), task::JoinError>) {
        let (id, result) = match finished {
            Ok((id, result)) => (id, result),
            Err(error) if error.is_cancelled() => {
                let failure = self.ledger_error.clone().map_or(StepFailure::Interrupted, StepFailure::Ledger);
                (error.id(), Err(failure))
            }
            Err(error) => (error.id(), Err(StepFailure::Incoherent(error.to_string()))),
        };
        let Some(address) = self.tasks.remove(&id) else { return };
        match result {
            Ok(()) => {
                for freed in self.dependents.remove(&address).unwrap_or_default() {
                    if let Some(group) = self.pending.get_mut(&freed) {
                        group.after.remove(&address);
                        if group.after.is_empty() {
                            self.ready.insert(freed);
                        }
                    }
                }
                (self.events)(Event::Succeeded { address: address.clone() });
                self.succeeded.push(address);
            }
            Err(failure) => {
                (self.events)(Event::Failed { address: address.clone(), failure: failure.clone() });
                self.failed.push((address.clone(), failure));
                self.skip_dependents(&address);
            }
        }
    }

    /// Leaves out, with its cause, everything that waits for `address`, directly or not.
    fn skip_dependents(&mut self, address: &Address) {
        let mut causes = vec![address.clone()];
        while let Some(cause) = causes.pop() {
            for address in self.dependents.remove(&cause).unwrap_or_default() {
                if self.pending.remove(&address).is_none() {
                    continue;
                }
                (self.events)(Event::Skipped { address: address.clone(), because: cause.clone() });
                self.skipped.push((address.clone(), cause.clone()));
                causes.push(address);
            }
        }
    }

    async fn report(self, duplicate_pools: Vec<(Address, String)>) -> RunReport {
        let recorded = self.journal.lock_recorded().clone();
        let ledger_error = match self.ledger_error {
            Some(error) => Some(error),
            None => self.ledger.compact(&recorded).await.err(),
        };
        let failed_statements = self.failed.iter().filter(|(address, _)| address.kind == ResourceKind::Statement);
        // A stop of which nobody can tell what became of it may still come.
        let may_stop = |address: &Address, name: &str| {
            let stops = |intent: &Intent| matches!(&intent.operation, Operation::Update { name: asked, to, .. } if asked == name && to.stopped);
            !self.rolled_back.contains(address) && recorded.open_intents.values().any(|open| stops(&open.intent))
        };
        let is_left_stopped = |address: &&Address| {
            recorded.statements.get(&address.key).is_some_and(|record| {
                let current = record.current.as_ref();
                let may_be_stopped = current.is_some_and(|it| it.stopped || may_stop(address, &it.sent.name));
                may_be_stopped && !record.declared.stopped
            })
        };
        let left_stopped = failed_statements.map(|(address, _)| address).filter(is_left_stopped).cloned().collect();
        RunReport {
            left_stopped,
            duplicate_pools,
            recorded,
            succeeded: self.succeeded,
            failed: self.failed,
            rollback_failed: self.rollback_failed,
            skipped: self.skipped,
            not_started: self.pending.into_keys().collect(),
            was_interrupted: *self.interrupt.borrow() != Interrupt::None,
            ledger_error,
        }
    }
}
