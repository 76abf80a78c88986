//! Makes one plan: desired, recorded and live are brought together, in the order of the map in `lib.rs`. Sends GETs only.
//!
//! The command line and the tests come through here alike, so what is tested is what ships.

mod shown;
mod unplanned;

use std::{borrow::Cow, sync::Arc};

use crate::{
    cloud::{self, Cloud},
    diff::{self, Desired, Diff, PlanOptions},
    graph::{self, Graph},
    live::{self, Live},
    manifest::{self, Flawed, Inputs},
    plan::{self, Plan},
    resource::{Address, Kind, Secrets},
    settle::{self, Settlement},
    state::{Entry, Recorded},
};

pub use shown::redact;
pub use unplanned::Unplanned;

/// A plan and what it was made from.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The record that the plan is to run on, before the plan's own entries.
    pub recorded: Arc<Recorded>,
    /// The record with the plan's own entries; the same one if there are none.
    pub settled: Arc<Recorded>,
    /// What the cloud held.
    pub live: Live,
    /// The secrets that were given, hiding also what the cloud shows of the others.
    pub secrets: Secrets,
}

/// The cloud, and the record brought up to date with it.
#[derive(Debug, Clone)]
pub struct CaughtUp<'r> {
    /// What the cloud held.
    pub live: Live,
    /// The record, settled; the one that came in if there was nothing new to say of it.
    pub settled: Cow<'r, Recorded>,
    /// What became of what an interrupted run left open.
    pub settlement: Settlement,
    /// The secrets that were given, hiding also what the cloud shows of the others.
    pub secrets: Secrets,
}

/// How often a diff may ask again. Each time it is answered, so one more is never wanted.
const ROUNDS: usize = 4;

/// The checked project with its dependencies.
///
/// # Errors
/// Every problem of the manifests and the SQL, each with its place.
pub fn desired(inputs: &Inputs) -> Result<Graph, Flawed> {
    graph::build(manifest::load(inputs).map_err(graph::judge)?)
}

/// Settles the record by what was just `read` of the cloud, asking for what the list leaves open. The values of `secrets`
/// are taken out of what the service says in words.
///
/// # Errors
/// When the record contradicts itself.
pub async fn catch_up<'r>(
    cloud: &Cloud,
    read: Live,
    recorded: &'r Recorded,
    secrets: &Secrets,
) -> Result<CaughtUp<'r>, Unplanned> {
    let mut live = read;
    live::confirm(cloud, &mut live, &settle::asks(recorded)).await;
    let secrets = redact(&mut live, secrets, recorded);
    let (settled, settlement) = settle::settle(recorded, &live)?;
    Ok(CaughtUp { live, settled, settlement, secrets })
}

/// Reads the cloud, settles the record, takes the difference and orders it. `secrets` are those that have a value here.
///
/// # Errors
/// When the cloud cannot be read, the record contradicts itself, or the request names what nobody knows.
pub async fn planned(
    graph: &Graph,
    secrets: &Secrets,
    recorded: &Arc<Recorded>,
    cloud: &Cloud,
    request: &PlanOptions,
) -> Result<Planned, Unplanned> {
    every_address_is_known(graph, recorded, request)?;
    let read = redacted(live::read(cloud).await, secrets)?;
    planned_on(read, graph, secrets, recorded, cloud, request).await
}

/// The same on what was just `read` of the cloud.
///
/// # Errors
/// When the record contradicts itself, or the request names what nobody knows.
pub async fn planned_on(
    read: Live,
    graph: &Graph,
    secrets: &Secrets,
    recorded: &Arc<Recorded>,
    cloud: &Cloud,
    request: &PlanOptions,
) -> Result<Planned, Unplanned> {
    every_address_is_known(graph, recorded, request)?;
    let CaughtUp { mut live, mut settled, settlement, secrets } = catch_up(cloud, read, recorded, secrets).await?;
    let mut entries = settlement.entries.clone();
    let (facts, stuck) = diff::resolve_moved_blocks(&graph.project, &settled);
    for fact in facts {
        let entry = Entry::Record { fact };
        settled.to_mut().apply(&entry)?;
        entries.push(entry);
    }
    let hashes = secrets.hashes(graph.project.secrets.keys().map(String::as_str), &recorded.key);
    let desired = Desired { graph, secrets: &hashes };
    let mut difference = answered(&desired, &settled, &settlement, &mut live, cloud, request, &secrets).await?;
    // What is removed whole needs no name.
    if !request.destroy {
        let selected = diff::select(graph, &settled, request);
        difference.changes.extend(stuck.into_iter().filter(|(address, _)| selected.contains(address)));
    }
    let plan = plan::plan(&desired, &settled, &settlement, entries, &live, request, difference);
    let settled = match settled {
        Cow::Borrowed(_) => Arc::clone(recorded),
        Cow::Owned(settled) => Arc::new(settled),
    };
    Ok(Planned { plan, recorded: Arc::clone(recorded), settled, live, secrets })
}

/// What was `read` of the cloud; where it could not be, the values of `secrets` are taken out of the service's words.
///
/// # Errors
/// When the cloud could not be read.
pub fn redacted(read: cloud::Result<Live>, secrets: &Secrets) -> Result<Live, Unplanned> {
    Ok(read.map_err(|mut error| {
        error.detail = secrets.redact(&error.detail);
        error
    })?)
}

/// The difference, once the snapshot answers all that it asks.
async fn answered(
    desired: &Desired<'_>,
    settled: &Recorded,
    settlement: &Settlement,
    live: &mut Live,
    cloud: &Cloud,
    request: &PlanOptions,
    secrets: &Secrets,
) -> Result<Diff, Unplanned> {
    for _ in 0..ROUNDS {
        let difference = diff::diff(desired, settled, settlement, live, request);
        let asks = live.unanswered(&difference.lookups);
        if asks.is_empty() {
            return Ok(difference);
        }
        live::confirm(cloud, live, &asks).await;
        redact(live, secrets, settled);
    }
    Err(Unplanned::NeverAnswered)
}

/// A `--target` that names nothing selects nothing, which is never meant.
fn every_address_is_known(graph: &Graph, recorded: &Recorded, request: &PlanOptions) -> Result<(), Unplanned> {
    let named = [("--target", &request.targets), ("--exclude", &request.excludes), ("--replace", &request.replace)];
    for (flag, addresses) in named {
        if let Some(address) = addresses.iter().find(|address| !is_known(graph, recorded, address)) {
            return Err(Unplanned::NamesNothing { flag, address: address.clone() });
        }
    }
    match request.replace.iter().find(|address| address.kind == Kind::Pool) {
        Some(pool) => Err(Unplanned::ReplacesPool(pool.clone())),
        None => Ok(()),
    }
}

fn is_known(graph: &Graph, recorded: &Recorded, address: &Address) -> bool {
    let (project, key) = (&graph.project, &address.key);
    // What an interrupted run asked for and nobody has settled is named in plans, so it can be named to them.
    let is_open = recorded.open.values().any(|open| open.intent.address == *address);
    is_open
        || match address.kind {
            Kind::Pool => project.pools.contains_key(key) || recorded.pools.contains_key(key),
            Kind::Statement => project.statements.contains_key(key) || recorded.statements.contains_key(key),
        }
}
