//! A simulated machine that can crash at any point. Its disk and its wire fail together, and what the ledger
//! acknowledged before the crash is known.

use std::{
    future::{Future, pending, poll_fn},
    path::Path,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use floe::{
    cloud::{BoxFuture, Headers, HttpRequest, HttpResponse, Transport, TransportError},
    diff,
    execute::{self, Interrupt, RunReport},
    plan::{self, Plan},
    resource::Generation,
    simulator::Simulator,
    state::{
        Disk, Entry, Ledger, LedgerError, LedgerFuture, LocalLedger, Recorded, RunLedger, fake_disk::FakeDisk,
        hooked_disk::HookedDisk,
    },
};
use tokio::sync::{Notify, watch};

use super::{
    mutants::Mutant,
    observer::{CrashObserver, ObservingHook, RequestFate, deliver},
};
use crate::test_project::{TestProject, empty_record, holder};

/// The path of the state file.
const STATE_PATH: &str = "state/prod.json";
/// The path of the lock file.
const LOCK_PATH: &str = "state/prod.lock";

/// The wire of a machine. The machine may crash at every request that is sent and every response that is received.
#[derive(Clone)]
pub struct CrashingTransport {
    /// The simulator that answers the requests.
    pub simulator: Simulator,
    /// The disk of the machine, which also counts the operations on the wire.
    pub disk: FakeDisk,
    /// The fate of the request in flight when the machine crashes.
    pub request_fate: RequestFate,
    /// The mutant that the machine runs.
    pub mutant: Mutant,
    /// The observer of the crash points, if there is one.
    pub observer: Option<CrashObserver>,
    /// The signal that the machine has crashed.
    pub crashed: Arc<Notify>,
}

impl CrashingTransport {
    /// Reports an exchange to the observer, if there is one.
    async fn observe(&self, name: &'static str, what: &str, change: Option<&HttpRequest>) {
        if let Some(observer) = &self.observer {
            observer.observe_exchange(&self.disk, name, what, change).await;
        }
    }

    /// Signals that the machine has crashed, and never returns.
    async fn wait_forever(&self) -> Result<HttpResponse, TransportError> {
        self.crashed.notify_one();
        pending().await
    }
}

impl Transport for CrashingTransport {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            if self.disk.has_crashed() {
                return self.wait_forever().await;
            }
            let what = format!("{} {}", request.method, request.url.rsplit('/').next().unwrap_or_default());
            let changes = !request.method.is_safe();
            let holds_lock = self.disk.is_locked(Path::new(LOCK_PATH)).unwrap_or_default();
            assert!(holds_lock || !changes, "{what} is sent without the lock");
            self.observe("send", &what, Some(&request).filter(|_| changes)).await;
            if self.disk.external_operation("send", &what).is_err() {
                if changes {
                    deliver(request, self.request_fate, &self.simulator).await;
                }
                return self.wait_forever().await;
            }
            let outcome = self.simulator.send(request).await;
            if !self.disk.has_crashed() {
                self.observe("answer", &what, None).await;
            }
            if self.disk.has_crashed() || self.disk.external_operation("answer", &what).is_err() {
                return self.wait_forever().await;
            }
            match outcome {
                Err(TransportError::AfterSending(_)) if changes && self.mutant == Mutant::LostResponseIsRejection => {
                    Ok(error_response(400))
                }
                outcome => outcome,
            }
        })
    }
}

/// Returns an error response with `status`.
fn error_response(status: u16) -> HttpResponse {
    let mut headers = Headers::default();
    headers.push("X-Request-Id", "mutant");
    HttpResponse { status, headers, body: b"{\"errors\":[{\"detail\":\"no\"}]}".to_vec() }
}

/// What a run may claim to know: what the ledger acknowledged, and what it was writing.
#[derive(Debug, Clone, PartialEq)]
pub struct AcknowledgedRecord {
    /// The record with everything that was acknowledged, or none if the entries do not apply to it.
    acknowledged: Option<Recorded>,
    /// The same with the entries that were appended last. A crash makes either all or none of them durable.
    pending: Option<Recorded>,
}

impl AcknowledgedRecord {
    /// Returns what a run knows that starts from `base`.
    pub fn of(base: &Recorded) -> AcknowledgedRecord {
        AcknowledgedRecord { acknowledged: Some(without_serial(base)), pending: None }
    }

    /// Notes the entries that the ledger is asked to append.
    fn begin_append(&mut self, entries: &[Entry]) {
        self.pending = self.acknowledged.clone();
        let applies = |record: &mut Recorded| entries.iter().all(|entry| record.apply(entry).is_ok());
        self.pending.take_if(|record| !applies(record));
    }

    /// Notes that the last entries are acknowledged.
    fn acknowledge(&mut self) {
        self.acknowledged = self.pending.take();
    }

    /// Returns true if `found` holds everything that was acknowledged, and nothing that was never appended.
    pub fn survives_in(&self, found: &Recorded) -> bool {
        let found = Some(without_serial(found));
        self.acknowledged.is_some() && (found == self.acknowledged || found == self.pending)
    }
}

/// Returns the record with the serial 0, so that records can be compared.
fn without_serial(record: &Recorded) -> Recorded {
    Recorded { serial: 0, ..record.clone() }
}

/// A ledger that notes what it acknowledged.
struct RecordingLedger<L> {
    /// The ledger that keeps the record.
    ledger: L,
    /// The mutant that the machine runs.
    mutant: Mutant,
    /// The intents that a mutant writes only with the next entries.
    delayed: Vec<Entry>,
    /// What the run may claim to know.
    acknowledged: Arc<Mutex<Arc<AcknowledgedRecord>>>,
}

impl<L: RunLedger> RunLedger for RecordingLedger<L> {
    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        self.ledger.begin(recorded)
    }
    fn append<'a>(&'a mut self, entries: &'a [Entry]) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            if self.mutant == Mutant::IntentAfterRequest
                && entries.iter().all(|e| matches!(e, Entry::IntentOpened { .. }))
            {
                self.delayed.extend(entries.iter().cloned());
                return Ok(());
            }
            let mut all = std::mem::take(&mut self.delayed);
            all.extend(entries.iter().cloned());
            Arc::make_mut(&mut self.acknowledged.lock().unwrap()).begin_append(&all);
            if std::env::var_os("FLOE_TELL").is_some() {
                eprintln!("  {all:?}");
            }
            self.ledger.append(&all).await?;
            Arc::make_mut(&mut self.acknowledged.lock().unwrap()).acknowledge();
            Ok(())
        })
    }
    fn compact<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        self.ledger.compact(recorded)
    }
}

/// Returns the record as the next run would read it.
pub async fn load_record(disk: &FakeDisk) -> Result<Recorded, LedgerError> {
    Ok(LocalLedger::on_disk(disk.clone(), STATE_PATH).load().await?.unwrap_or_else(empty_record))
}

/// The outcome of one run.
pub enum MachineOutcome {
    /// The machine crashed during the run.
    Crashed,
    /// The plan had nothing to do.
    NothingToDo,
    /// The plan was applied, possibly with failures.
    Applied(Box<RunReport>),
    /// The plan was blocked and not applied.
    Blocked(Box<Plan>),
    /// The run ended with an error before it applied anything.
    FailedToStart(String),
}

/// One run of floe on a machine, from the lock to the last compaction, or to the crash.
pub struct MachineRun {
    /// The disk of the machine.
    pub disk: FakeDisk,
    /// The fate of the request in flight when the machine crashes.
    pub request_fate: RequestFate,
    /// The mutant that the machine runs.
    pub mutant: Mutant,
    /// The options of the plan.
    pub request: diff::PlanOptions,
    /// What the run may claim to know.
    pub acknowledged: Arc<Mutex<Arc<AcknowledgedRecord>>>,
    /// The observer of the crash points, if there is one.
    pub observer: Option<CrashObserver>,
}

impl MachineRun {
    /// Returns a machine without an observer, which loses the request in flight when it crashes.
    pub fn new(disk: FakeDisk, mutant: Mutant, request: diff::PlanOptions) -> MachineRun {
        let acknowledged = Arc::new(Mutex::new(Arc::new(AcknowledgedRecord::of(&empty_record()))));
        MachineRun { disk, request_fate: RequestFate::Lost, mutant, request, acknowledged, observer: None }
    }

    /// Returns the machine with an observer of its crash points.
    pub fn observed_by(self, observer: CrashObserver) -> MachineRun {
        MachineRun { acknowledged: Arc::clone(&observer.acknowledged), observer: Some(observer), ..self }
    }

    /// Notes that exactly `found` is acknowledged.
    fn set_acknowledged(&self, found: &Recorded) {
        *self.acknowledged.lock().unwrap() = Arc::new(AcknowledgedRecord::of(found));
    }

    /// Runs floe once, until the run ends or the machine crashes.
    pub async fn run(&self, project: &mut TestProject) -> MachineOutcome {
        match load_record(&self.disk).await {
            Ok(found) => self.set_acknowledged(&found),
            Err(error) => return MachineOutcome::FailedToStart(error.to_string()),
        }
        let crashed = Arc::new(Notify::new());
        let transport = CrashingTransport {
            simulator: project.simulator.clone(),
            disk: self.disk.clone(),
            request_fate: self.request_fate,
            mutant: self.mutant,
            observer: self.observer.clone(),
            crashed: Arc::clone(&crashed),
        };
        let disk = self.disk.clone();
        let mut run = pin!(self.run_to_end(project, transport));
        // The crash stops the run in the middle of any operation.
        let until_crash = poll_fn(move |context| match run.as_mut().poll(context) {
            _ if disk.has_crashed() => Poll::Ready(MachineOutcome::Crashed),
            polled => polled,
        });
        tokio::select! {
            biased;
            () = crashed.notified() => MachineOutcome::Crashed,
            outcome = until_crash => outcome,
        }
    }

    /// Runs floe to the end and turns an error into an outcome.
    async fn run_to_end(&self, project: &mut TestProject, transport: CrashingTransport) -> MachineOutcome {
        match self.try_run_to_end(project, transport).await {
            Ok(outcome) => outcome,
            Err(error) => MachineOutcome::FailedToStart(error.to_string()),
        }
    }

    /// Locks, loads, plans and applies, without the protection that the mutant lacks.
    async fn try_run_to_end(
        &self,
        project: &mut TestProject,
        transport: CrashingTransport,
    ) -> Result<MachineOutcome, Box<dyn std::error::Error>> {
        let hook = ObservingHook { observer: self.observer.clone(), mutant: self.mutant };
        let disk = HookedDisk::new(self.disk.clone(), hook);
        let mut ledger = LocalLedger::on_disk(disk, STATE_PATH);
        ledger.lock(&holder(), Duration::ZERO).await?;
        let recorded = ledger.load().await?.unwrap_or_else(empty_record);
        self.set_acknowledged(&recorded);
        let cloud = project.cloud_through(Arc::new(transport));
        let mut basis = recorded.clone();
        if self.mutant == Mutant::OpenIntentsIgnored {
            basis.open_intents.clear();
        }
        if self.mutant == Mutant::GenerationNumbersForgotten {
            basis.tombstones.clear();
            basis.statements.values_mut().for_each(|record| {
                let remaining = record.generations().map(|generation| generation.sent.generation).max();
                record.last_generation = remaining.unwrap_or(Generation(0));
            });
        }
        let mut plan = project.plan_decided(&cloud, &self.request, &basis).await?;
        if self.mutant == Mutant::PredecessorResumedUnconfirmed {
            plan.groups.iter_mut().flat_map(|group| &mut group.rollback).for_each(|step| step.guard = None);
        }
        if plan.is_blocked() || !plan.has_work() {
            ledger.compact_interrupted(&recorded).await?;
            return Ok(if plan.is_blocked() {
                MachineOutcome::Blocked(Box::new(plan))
            } else {
                MachineOutcome::NothingToDo
            });
        }
        let violations = plan::check(&plan, &recorded);
        if !violations.is_empty() {
            return Err(format!("the plan violates invariants: {violations:?}").into());
        }
        let (_sender, interrupt) = watch::channel(Interrupt::None);
        let inputs = project.run_inputs(&cloud, interrupt);
        let acknowledged = Arc::clone(&self.acknowledged);
        let mut ledger = RecordingLedger { ledger, mutant: self.mutant, delayed: Vec::new(), acknowledged };
        let report = execute::run(&plan, recorded, &mut ledger, &inputs, &mut |_| {}).await?;
        Ok(MachineOutcome::Applied(Box::new(report)))
    }
}
