//! The scheduler. It alone keeps the record, and it starts each step group when those that it waits for have
//! succeeded.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch::Receiver},
    task::{self, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    context::{Interrupt, RunContext, RunInputs},
    event::{Event, RunReport, StepFailure},
    journal::{JournalHandle, SchedulerMessage},
    pool,
    recent_list::RecentList,
    step_group, watcher,
};
use crate::{
    plan::{Plan, StepGroup},
    resource::{Address, Intent, Operation, ResourceKind},
    state::{Entry, LedgerError, Recorded, RunLedger},
};

/// Runs `plan` on `recorded`, recording every step in `ledger`, and compacts the record at the end.
///
/// The ledger holds the lock and has not begun its journal yet. The plan has been checked with [`crate::plan::check`]
/// against `recorded`.
///
/// # Errors
/// Fails if the journal cannot be begun, in which case nothing was sent. A ledger that fails later is in the report.
pub async fn run(
    plan: &Plan,
    recorded: Recorded,
    ledger: &mut dyn RunLedger,
    inputs: &RunInputs,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<RunReport, LedgerError> {
    ledger.begin(&recorded).await?;
    let (journal, messages) = JournalHandle::new(recorded, &inputs.run_id);
    let mut scheduler = Scheduler::new(plan, journal, ledger, inputs, events);
    // The entries from settling become durable before any step relies on them.
    match scheduler.apply_in_memory(&plan.entries) {
        Ok(()) => drop(scheduler.append(plan.entries.clone()).await),
        // The plan is for another record. Nothing runs, and everything is reported as not started.
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

/// How long requests in flight may still take once the user wants to exit.
const ABORT_GRACE: Duration = Duration::from_secs(5);

/// The state of a run, and what it works with.
struct Scheduler<'a> {
    /// Where entries are kept durably.
    ledger: &'a mut dyn RunLedger,
    /// Receives the events of the run.
    events: &'a mut (dyn FnMut(Event) + Send),
    /// The handle on the record.
    journal: JournalHandle,
    /// What every step works with.
    context: RunContext,
    /// How urgently the user has asked to stop.
    interrupt: Receiver<Interrupt>,
    /// The reason why nothing more can be recorded, if there is one.
    ledger_error: Option<LedgerError>,
    /// The step groups that have not started, by address. `after` loses the addresses that have succeeded.
    pending: BTreeMap<Address, StepGroup>,
    /// The pending step groups that wait for each address.
    dependents: BTreeMap<Address, Vec<Address>>,
    /// The pending step groups that no longer wait for anything.
    ready: BTreeSet<Address>,
    /// The tasks of the step groups that run.
    running: JoinSet<Result<(), StepFailure>>,
    /// The address whose step group each task runs.
    tasks: BTreeMap<task::Id, Address>,
    /// The addresses that succeeded, in order.
    succeeded: Vec<Address>,
    /// The addresses that failed, in order.
    failed: Vec<(Address, StepFailure)>,
    /// The addresses whose rollback failed, in order.
    rollback_failed: Vec<(Address, StepFailure)>,
    /// The addresses that were skipped, each with the address that caused it.
    skipped: Vec<(Address, Address)>,
    /// The addresses that were rolled back.
    rolled_back: BTreeSet<Address>,
}

impl<'a> Scheduler<'a> {
    /// Returns a scheduler that has started no step group yet.
    fn new(
        plan: &Plan,
        journal: JournalHandle,
        ledger: &'a mut dyn RunLedger,
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
            context: RunContext {
                inputs: inputs.clone(),
                journal: journal.clone(),
                watcher,
                copy_check: Arc::new(plan.copy_check.clone()),
                recent_list: RecentList::default(),
            },
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

    /// Starts step groups and handles their messages until none is running.
    async fn run_until_done(&mut self, mut messages: mpsc::UnboundedReceiver<SchedulerMessage>) {
        let (mut batch, mut can_be_interrupted, mut abort_at) = (Vec::new(), true, None);
        self.start_ready();
        while !self.running.is_empty() {
            let abort_deadline = abort_at.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                _ = messages.recv_many(&mut batch, 1024) => self.handle_messages(&mut batch).await,
                Some(finished) = self.running.join_next_with_id() => {
                    // Its last messages may still be in the channel. They come first.
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
                    // The sender is gone, so there can be no interrupt.
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

    /// Starts every step group that no longer waits for anything, unless nothing new may start.
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

    /// Records the entries of all messages as one group, and emits the events.
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
                    // A step group that is gone needs no answer.
                    Err(failure) => drop(acknowledgment.send(Err(failure))),
                },
            }
        }
        let result = self.append(accepted_entries).await;
        for acknowledgment in acknowledgments {
            drop(acknowledgment.send(result.clone()));
        }
    }

    /// Applies entries to the record in memory.
    ///
    /// After an entry that contradicts it, the record is not what the journal says. The ledger then refuses to
    /// compact it, and the next run continues from the journal.
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

    /// Appends entries to the journal. After a failure, all step groups are aborted.
    async fn append(&mut self, entries: Vec<Entry>) -> Result<(), StepFailure> {
        if entries.is_empty() {
            return Ok(());
        }
        let result = self.ledger.append(&entries).await;
        result.map_err(|error| {
            self.ledger_error = Some(error.clone());
            // What is still queued must not be sent, even if its intent is durable. What is in flight cannot
            // be recorded, and the next run finds out what became of it.
            self.running.abort_all();
            StepFailure::Ledger(error)
        })
    }

    /// Handles the end of a step group's task.
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

    /// Skips everything that waits for `address`, directly or not, with the address that caused it.
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

    /// Compacts the record and returns the report.
    async fn report(self, duplicate_pools: Vec<(Address, String)>) -> RunReport {
        let recorded = self.journal.lock_recorded().clone();
        let ledger_error = match self.ledger_error {
            Some(error) => Some(error),
            None => self.ledger.compact(&recorded).await.err(),
        };
        let failed_statements = self.failed.iter().filter(|(address, _)| address.kind == ResourceKind::Statement);
        // A stop whose outcome is unknown may still take effect.
        let may_stop = |address: &Address, name: &str| {
            let stops = |intent: &Intent| matches!(&intent.operation, Operation::Update { name: updated, to, .. } if updated == name && to.stopped);
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
