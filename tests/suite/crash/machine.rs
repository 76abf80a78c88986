//! A machine that can be stopped at any point: its disk and its wire die together, and what was acknowledged is known.

use std::{
    future::{Future, pending, poll_fn},
    path::Path,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use floe::{
    cloud::{BoxFuture as Exchange, Headers, HttpRequest, HttpResponse, Transport, TransportError},
    diff,
    execute::{self, Interrupt, RunReport},
    plan::{self, Plan},
    resource::Generation,
    simulator::Simulator,
    state::{Disk, Entry, Ledger, LedgerError, LedgerFuture, LocalLedger, LockHolder, Recorded, fake_disk::FakeDisk},
};
use tokio::sync::{Notify, watch};

use super::{
    mutants::{Mutant, MutantDisk},
    observer::{CrashObserver, ObservedDisk, RequestFate, deliver},
};
use crate::test_project::{TestProject, empty_record, holder};

const STATE_PATH: &str = "state/prod.json";
const LOCK_PATH: &str = "state/prod.lock";

/// The wire of a machine: every request sent and every answer received is a point at which the machine may stop.
#[derive(Clone)]
pub struct CrashingTransport {
    pub simulator: Simulator,
    pub disk: FakeDisk,
    pub request_fate: RequestFate,
    pub mutant: Mutant,
    pub observer: Option<CrashObserver>,
    pub crashed: Arc<Notify>,
}

impl CrashingTransport {
    async fn observe(&self, name: &'static str, what: &str, change: Option<&HttpRequest>) {
        if let Some(observer) = &self.observer {
            observer.observe_exchange(&self.disk, name, what, change).await;
        }
    }

    /// The machine has stopped: whoever waits for this waits for ever.
    async fn wait_forever(&self) -> Result<HttpResponse, TransportError> {
        self.crashed.notify_one();
        pending().await
    }
}

impl Transport for CrashingTransport {
    fn send(&self, request: HttpRequest) -> Exchange<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            if self.disk.has_crashed() {
                return self.wait_forever().await;
            }
            let what = format!("{} {}", request.method, request.url.rsplit('/').next().unwrap_or_default());
            let changes = request.method.is_mutating();
            let holds_lock = self.disk.is_locked(Path::new(LOCK_PATH)).unwrap_or_default();
            assert!(holds_lock || !changes, "{what} leaves without the lock");
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
                Err(TransportError::AfterSending(_)) if changes && self.mutant == Mutant::LostAnswerIsRejection => {
                    Ok(error_response(400))
                }
                outcome => outcome,
            }
        })
    }
}

fn error_response(status: u16) -> HttpResponse {
    HttpResponse { status, headers: Headers::default(), body: b"{\"errors\":[{\"detail\":\"no\"}]}".to_vec() }
}

/// What a run may say that it knows: what the ledger acknowledged, and what it was keeping.
#[derive(Debug, Clone, PartialEq)]
pub struct AcknowledgedRecord {
    /// The record with everything that was acknowledged; none if that cannot be.
    acknowledged: Option<Recorded>,
    /// The same with what was asked for last, which may have become durable before the cut, all of it or not at all.
    pending: Option<Recorded>,
}

impl AcknowledgedRecord {
    pub fn of(base: &Recorded) -> AcknowledgedRecord {
        AcknowledgedRecord { acknowledged: Some(without_serial(base)), pending: None }
    }

    fn begin_append(&mut self, entries: &[Entry]) {
        self.pending = self.acknowledged.clone();
        let applies = |record: &mut Recorded| entries.iter().all(|entry| record.apply(entry).is_ok());
        self.pending.take_if(|record| !applies(record));
    }

    fn acknowledge(&mut self) {
        self.acknowledged = self.pending.take();
    }

    /// Whether `found` holds everything that was acknowledged, and nothing that was never asked for.
    pub fn survives_in(&self, found: &Recorded) -> bool {
        let found = Some(without_serial(found));
        self.acknowledged.is_some() && (found == self.acknowledged || found == self.pending)
    }
}

fn without_serial(record: &Recorded) -> Recorded {
    Recorded { serial: 0, ..record.clone() }
}

/// A ledger that writes down what it acknowledged.
struct RecordingLedger<L> {
    ledger: L,
    mutant: Mutant,
    delayed: Vec<Entry>,
    acknowledged: Arc<Mutex<Arc<AcknowledgedRecord>>>,
}

impl<L: Ledger> Ledger for RecordingLedger<L> {
    fn load(&self) -> LedgerFuture<'_, Result<Option<Recorded>, LedgerError>> {
        self.ledger.load()
    }
    fn lock<'a>(&'a mut self, holder: &'a LockHolder, patience: Duration) -> LedgerFuture<'a, Result<(), LedgerError>> {
        self.ledger.lock(holder, patience)
    }
    fn lock_holder(&self) -> LedgerFuture<'_, Result<Option<LockHolder>, LedgerError>> {
        self.ledger.lock_holder()
    }
    fn interrupted_run(&self) -> LedgerFuture<'_, Result<Option<LockHolder>, LedgerError>> {
        self.ledger.interrupted_run()
    }
    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        self.ledger.begin(recorded)
    }
    fn compact_interrupted<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        self.ledger.compact_interrupted(recorded)
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

/// The record as the next run would read it.
pub async fn load_record(disk: &FakeDisk) -> Result<Recorded, LedgerError> {
    Ok(LocalLedger::on_disk(disk.clone(), STATE_PATH).load().await?.unwrap_or_else(empty_record))
}

/// What one run came to.
pub enum MachineOutcome {
    /// The machine stopped.
    Crashed,
    /// The plan was empty.
    NothingToDo,
    Applied(Box<RunReport>),
    Blocked(Box<Plan>),
    /// It ended before it began.
    FailedToStart(String),
}

/// One run of floe on a machine, from the lock to the last fold, or to the point where the machine stops.
pub struct Machine {
    pub disk: FakeDisk,
    pub request_fate: RequestFate,
    pub mutant: Mutant,
    pub request: diff::PlanOptions,
    pub acknowledged: Arc<Mutex<Arc<AcknowledgedRecord>>>,
    pub observer: Option<CrashObserver>,
}

impl Machine {
    pub fn new(disk: FakeDisk, mutant: Mutant, request: diff::PlanOptions) -> Machine {
        let acknowledged = Arc::new(Mutex::new(Arc::new(AcknowledgedRecord::of(&empty_record()))));
        Machine { disk, request_fate: RequestFate::Lost, mutant, request, acknowledged, observer: None }
    }

    /// As it is, with somebody looking at it.
    pub fn observed_by(self, observer: CrashObserver) -> Machine {
        Machine { acknowledged: Arc::clone(&observer.acknowledged), observer: Some(observer), ..self }
    }

    fn set_acknowledged(&self, found: &Recorded) {
        *self.acknowledged.lock().unwrap() = Arc::new(AcknowledgedRecord::of(found));
    }

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
        // The machine stops in the middle of whatever it does.
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

    async fn run_to_end(&self, project: &mut TestProject, transport: CrashingTransport) -> MachineOutcome {
        match self.try_run_to_end(project, transport).await {
            Ok(outcome) => outcome,
            Err(error) => MachineOutcome::FailedToStart(error.to_string()),
        }
    }

    async fn try_run_to_end(
        &self,
        project: &mut TestProject,
        transport: CrashingTransport,
    ) -> Result<MachineOutcome, Box<dyn std::error::Error>> {
        let disk = ObservedDisk { disk: self.disk.clone(), observer: self.observer.clone() };
        let disk = MutantDisk { disk, mutant: self.mutant };
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
        let mut plan = project.plan_on(&cloud, &self.request, &basis).await?;
        if self.mutant == Mutant::PredecessorResumedUnconfirmed {
            plan.groups.iter_mut().flat_map(|passage| &mut passage.rollback).for_each(|step| step.guard = None);
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
            return Err(format!("the plan is not accepted: {violations:?}").into());
        }
        let (_sender, interrupt) = watch::channel(Interrupt::None);
        let inputs = project.run_inputs(&cloud, interrupt);
        let acknowledged = Arc::clone(&self.acknowledged);
        let mut ledger = RecordingLedger { ledger, mutant: self.mutant, delayed: Vec::new(), acknowledged };
        let report = execute::run(&plan, recorded, &mut ledger, &inputs, &mut |_| {}).await?;
        Ok(MachineOutcome::Applied(Box::new(report)))
    }
}
