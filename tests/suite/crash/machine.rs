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
    cloud::{BoxFuture as Exchange, Headers, Lost, Request, Response, Transport},
    diff,
    execute::{self, Interrupt, RunReport},
    plan::{self, Plan},
    resource::Generation,
    simulator::Simulator,
    state::{BoxFuture, Disk, Entry, Holder, Ledger, LedgerError, Local, Recorded, fake::FakeDisk},
};
use tokio::sync::{Notify, watch};

use super::{
    flaw::{Flaw, FlawedDisk},
    lookout::{Flight, Lookout, WatchedDisk, fly},
};
use crate::world::{World, holder, nothing_recorded};

const PATH: &str = "state/prod.json";
const LOCK: &str = "state/prod.lock";

/// The wire of a machine: every request sent and every answer received is a point at which the machine may stop.
#[derive(Clone)]
pub struct Wire {
    pub simulator: Simulator,
    pub disk: FakeDisk,
    pub flight: Flight,
    pub flaw: Flaw,
    pub lookout: Option<Lookout>,
    pub died: Arc<Notify>,
}

impl Wire {
    async fn look(&self, name: &'static str, what: &str, change: Option<&Request>) {
        if let Some(lookout) = &self.lookout {
            lookout.at_wire(&self.disk, name, what, change).await;
        }
    }

    /// The machine has stopped: whoever waits for this waits for ever.
    async fn dead(&self) -> Result<Response, Lost> {
        self.died.notify_one();
        pending().await
    }
}

impl Transport for Wire {
    fn send(&self, request: Request) -> Exchange<'_, Result<Response, Lost>> {
        Box::pin(async move {
            if self.disk.is_cut() {
                return self.dead().await;
            }
            let what = format!("{} {}", request.method, request.url.rsplit('/').next().unwrap_or_default());
            let changes = request.method.changes();
            let is_alone = self.disk.is_locked(Path::new(LOCK)).unwrap_or_default();
            assert!(is_alone || !changes, "{what} leaves without the lock");
            self.look("send", &what, Some(&request).filter(|_| changes)).await;
            if self.disk.point("send", &what).is_err() {
                if changes {
                    fly(request, self.flight, &self.simulator).await;
                }
                return self.dead().await;
            }
            let outcome = self.simulator.send(request).await;
            if !self.disk.is_cut() {
                self.look("answer", &what, None).await;
            }
            if self.disk.is_cut() || self.disk.point("answer", &what).is_err() {
                return self.dead().await;
            }
            match outcome {
                Err(Lost::AfterSending(_)) if changes && self.flaw == Flaw::LossIsRefusal => Ok(answer(400)),
                outcome => outcome,
            }
        })
    }
}

fn answer(status: u16) -> Response {
    Response { status, headers: Headers::default(), body: b"{\"errors\":[{\"detail\":\"no\"}]}".to_vec() }
}

/// What a run may say that it knows: what the ledger acknowledged, and what it was keeping.
#[derive(Debug, Clone, PartialEq)]
pub struct Knowledge {
    /// The record with everything that was acknowledged; none if that cannot be.
    kept: Option<Recorded>,
    /// The same with what was asked for last, which may have become durable before the cut, all of it or not at all.
    asked: Option<Recorded>,
}

impl Knowledge {
    pub fn of(base: &Recorded) -> Knowledge {
        Knowledge { kept: Some(without_serial(base)), asked: None }
    }

    fn ask(&mut self, entries: &[Entry]) {
        self.asked = self.kept.clone();
        let applies = |record: &mut Recorded| entries.iter().all(|entry| record.apply(entry).is_ok());
        self.asked.take_if(|record| !applies(record));
    }

    fn acknowledge(&mut self) {
        self.kept = self.asked.take();
    }

    /// Whether `found` holds everything that was acknowledged, and nothing that was never asked for.
    pub fn is_kept_in(&self, found: &Recorded) -> bool {
        let found = Some(without_serial(found));
        self.kept.is_some() && (found == self.kept || found == self.asked)
    }
}

fn without_serial(record: &Recorded) -> Recorded {
    Recorded { serial: 0, ..record.clone() }
}

/// A ledger that writes down what it acknowledged.
struct Witness<L> {
    ledger: L,
    flaw: Flaw,
    put_off: Vec<Entry>,
    knowledge: Arc<Mutex<Arc<Knowledge>>>,
}

impl<L: Ledger> Ledger for Witness<L> {
    fn load(&self) -> BoxFuture<'_, Result<Option<Recorded>, LedgerError>> {
        self.ledger.load()
    }
    fn lock<'a>(&'a mut self, holder: &'a Holder, patience: Duration) -> BoxFuture<'a, Result<(), LedgerError>> {
        self.ledger.lock(holder, patience)
    }
    fn held_by(&self) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>> {
        self.ledger.held_by()
    }
    fn begun_by(&self) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>> {
        self.ledger.begun_by()
    }
    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> BoxFuture<'a, Result<(), LedgerError>> {
        self.ledger.begin(recorded)
    }
    fn fold_interrupted<'a>(&'a mut self, recorded: &'a Recorded) -> BoxFuture<'a, Result<(), LedgerError>> {
        self.ledger.fold_interrupted(recorded)
    }
    fn append<'a>(&'a mut self, entries: &'a [Entry]) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            if self.flaw == Flaw::IntentAfterRequest && entries.iter().all(|e| matches!(e, Entry::Intend { .. })) {
                self.put_off.extend(entries.iter().cloned());
                return Ok(());
            }
            let mut all = std::mem::take(&mut self.put_off);
            all.extend(entries.iter().cloned());
            Arc::make_mut(&mut self.knowledge.lock().unwrap()).ask(&all);
            if std::env::var_os("FLOE_TELL").is_some() {
                eprintln!("  {all:?}");
            }
            self.ledger.append(&all).await?;
            Arc::make_mut(&mut self.knowledge.lock().unwrap()).acknowledge();
            Ok(())
        })
    }
    fn fold<'a>(&'a mut self, recorded: &'a Recorded) -> BoxFuture<'a, Result<(), LedgerError>> {
        self.ledger.fold(recorded)
    }
}

/// The record as the next run would read it.
pub async fn found(disk: &FakeDisk) -> Result<Recorded, LedgerError> {
    Ok(Local::on(disk.clone(), PATH).load().await?.unwrap_or_else(nothing_recorded))
}

/// What one run came to.
pub enum Outcome {
    /// The machine stopped.
    Cut,
    /// The plan was empty.
    Nothing,
    Ran(Box<RunReport>),
    Blocked(Box<Plan>),
    /// It ended before it began.
    Refused(String),
}

/// One run of floe on a machine, from the lock to the last fold, or to the point where the machine stops.
pub struct Machine {
    pub disk: FakeDisk,
    pub flight: Flight,
    pub flaw: Flaw,
    pub request: diff::PlanOptions,
    pub knowledge: Arc<Mutex<Arc<Knowledge>>>,
    pub lookout: Option<Lookout>,
}

impl Machine {
    pub fn new(disk: FakeDisk, flaw: Flaw, request: diff::PlanOptions) -> Machine {
        let knowledge = Arc::new(Mutex::new(Arc::new(Knowledge::of(&nothing_recorded()))));
        Machine { disk, flight: Flight::Lost, flaw, request, knowledge, lookout: None }
    }

    /// As it is, with somebody looking at it.
    pub fn seen_from(self, lookout: Lookout) -> Machine {
        Machine { knowledge: Arc::clone(&lookout.knowledge), lookout: Some(lookout), ..self }
    }

    fn learn(&self, found: &Recorded) {
        *self.knowledge.lock().unwrap() = Arc::new(Knowledge::of(found));
    }

    pub async fn run(&self, world: &mut World) -> Outcome {
        match found(&self.disk).await {
            Ok(found) => self.learn(&found),
            Err(error) => return Outcome::Refused(error.to_string()),
        }
        let died = Arc::new(Notify::new());
        let wire = Wire {
            simulator: world.simulator.clone(),
            disk: self.disk.clone(),
            flight: self.flight,
            flaw: self.flaw,
            lookout: self.lookout.clone(),
            died: Arc::clone(&died),
        };
        let disk = self.disk.clone();
        let mut run = pin!(self.whole(world, wire));
        // The machine stops in the middle of whatever it does.
        let watched = poll_fn(move |context| match run.as_mut().poll(context) {
            _ if disk.is_cut() => Poll::Ready(Outcome::Cut),
            polled => polled,
        });
        tokio::select! {
            biased;
            () = died.notified() => Outcome::Cut,
            outcome = watched => outcome,
        }
    }

    async fn whole(&self, world: &mut World, wire: Wire) -> Outcome {
        match self.try_whole(world, wire).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Refused(error.to_string()),
        }
    }

    async fn try_whole(&self, world: &mut World, wire: Wire) -> Result<Outcome, Box<dyn std::error::Error>> {
        let disk = WatchedDisk { disk: self.disk.clone(), lookout: self.lookout.clone() };
        let disk = FlawedDisk { disk, flaw: self.flaw };
        let mut ledger = Local::on(disk, PATH);
        ledger.lock(&holder(), Duration::ZERO).await?;
        let recorded = ledger.load().await?.unwrap_or_else(nothing_recorded);
        self.learn(&recorded);
        let cloud = world.cloud_through(Arc::new(wire));
        let mut basis = recorded.clone();
        if self.flaw == Flaw::OpenIgnored {
            basis.open.clear();
        }
        if self.flaw == Flaw::NumbersForgotten {
            basis.tombstones.clear();
            basis.statements.values_mut().for_each(|record| {
                let standing = record.generations().map(|generation| generation.sent.generation).max();
                record.last_generation = standing.unwrap_or(Generation(0));
            });
        }
        let mut plan = world.plan_on(&cloud, &self.request, &basis).await?;
        if self.flaw == Flaw::ResumedUnconfirmed {
            plan.groups.iter_mut().flat_map(|passage| &mut passage.rollback).for_each(|step| step.guard = None);
        }
        if plan.is_blocked() || !plan.has_work() {
            ledger.fold_interrupted(&recorded).await?;
            return Ok(if plan.is_blocked() { Outcome::Blocked(Box::new(plan)) } else { Outcome::Nothing });
        }
        let objections = plan::check(&plan, &recorded);
        if !objections.is_empty() {
            return Err(format!("the plan is not accepted: {objections:?}").into());
        }
        let (_sender, interrupt) = watch::channel(Interrupt::None);
        let setting = world.setting(&cloud, interrupt);
        let knowledge = Arc::clone(&self.knowledge);
        let mut ledger = Witness { ledger, flaw: self.flaw, put_off: Vec::new(), knowledge };
        let report = execute::run(&plan, recorded, &mut ledger, &setting, &mut |_| {}).await?;
        Ok(Outcome::Ran(Box::new(report)))
    }
}
