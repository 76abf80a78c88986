//! Makes one plan: desired, recorded and live are brought together, in the order of the map in `lib.rs`. Sends GETs only.
//!
//! The command line and the tests come through here alike, so what is tested is what ships.

mod error;
mod redaction;

use std::{borrow::Cow, sync::Arc};

use crate::{
    cloud::{self, CloudClient},
    diff::{self, Desired, Diff, PlanOptions},
    graph::{self, Graph},
    live::{self, Live},
    manifest::{self, InvalidProject, LoadOptions},
    plan::{self, Plan},
    resource::{Address, ResourceKind, Secrets},
    settle::{self, Settlement},
    state::{Entry, Recorded},
};

pub use error::PlanningError;
pub use redaction::redact_live;

/// A plan and what it was made from.
#[derive(Debug, Clone)]
pub struct PlanningOutput {
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
pub struct SettledRecord<'r> {
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
const MAX_LOOKUP_ROUNDS: usize = 4;

/// The checked project with its dependencies.
///
/// # Errors
/// Every problem of the manifests and the SQL, each with its place.
pub fn load_desired(inputs: &LoadOptions) -> Result<Graph, InvalidProject> {
    graph::build(manifest::load(inputs).map_err(graph::add_graph_problems)?)
}

/// Settles the record by what was just `read` of the cloud, asking for what the list leaves open. The values of `secrets`
/// are taken out of what the service says in words.
///
/// # Errors
/// When the record contradicts itself.
pub async fn settle_with_lookups<'r>(
    cloud: &CloudClient,
    read: Live,
    recorded: &'r Recorded,
    secrets: &Secrets,
) -> Result<SettledRecord<'r>, PlanningError> {
    let mut live = read;
    live::fetch_missing(cloud, &mut live, &settle::required_lookups(recorded)).await;
    let secrets = redact_live(&mut live, secrets, recorded);
    let (settled, settlement) = settle::settle(recorded, &live)?;
    Ok(SettledRecord { live, settled, settlement, secrets })
}

/// Reads the cloud, settles the record, takes the difference and orders it. `secrets` are those that have a value here.
///
/// # Errors
/// When the cloud cannot be read, the record contradicts itself, or the request names what nobody knows.
pub async fn make_plan(
    graph: &Graph,
    secrets: &Secrets,
    recorded: &Arc<Recorded>,
    cloud: &CloudClient,
    request: &PlanOptions,
) -> Result<PlanningOutput, PlanningError> {
    check_selected_addresses(graph, recorded, request)?;
    let read = redact_read_error(live::read(cloud).await, secrets)?;
    plan_from(read, graph, secrets, recorded, cloud, request).await
}

/// The same on what was just `read` of the cloud.
///
/// # Errors
/// When the record contradicts itself, or the request names what nobody knows.
pub async fn plan_from(
    read: Live,
    graph: &Graph,
    secrets: &Secrets,
    recorded: &Arc<Recorded>,
    cloud: &CloudClient,
    request: &PlanOptions,
) -> Result<PlanningOutput, PlanningError> {
    check_selected_addresses(graph, recorded, request)?;
    let SettledRecord { mut live, mut settled, settlement, secrets } =
        settle_with_lookups(cloud, read, recorded, secrets).await?;
    let mut entries = settlement.entries.clone();
    let (facts, blocked_renames) = diff::resolve_moved_blocks(&graph.project, &settled);
    for fact in facts {
        let entry = Entry::FactRecorded { fact };
        settled.to_mut().apply(&entry)?;
        entries.push(entry);
    }
    let hashes = secrets.hashes(graph.project.secrets.keys().map(String::as_str), &recorded.hash_key);
    let desired = Desired { graph, secrets: &hashes };
    let mut difference =
        diff_with_lookups(&desired, &settled, &settlement, &mut live, cloud, request, &secrets).await?;
    // What is removed whole needs no name.
    if !request.destroy {
        let selected = diff::select(graph, &settled, request);
        difference.changes.extend(blocked_renames.into_iter().filter(|(address, _)| selected.contains(address)));
    }
    let plan = plan::plan(&desired, &settled, &settlement, entries, &live, request, difference);
    let settled = match settled {
        Cow::Borrowed(_) => Arc::clone(recorded),
        Cow::Owned(settled) => Arc::new(settled),
    };
    Ok(PlanningOutput { plan, recorded: Arc::clone(recorded), settled, live, secrets })
}

/// What was `read` of the cloud; where it could not be, the values of `secrets` are taken out of the service's words.
///
/// # Errors
/// When the cloud could not be read.
pub fn redact_read_error(read: cloud::Result<Live>, secrets: &Secrets) -> Result<Live, PlanningError> {
    Ok(read.map_err(|mut error| {
        error.detail = secrets.redact(&error.detail);
        error
    })?)
}

/// The difference, once the snapshot answers all that it asks.
async fn diff_with_lookups(
    desired: &Desired<'_>,
    settled: &Recorded,
    settlement: &Settlement,
    live: &mut Live,
    cloud: &CloudClient,
    request: &PlanOptions,
    secrets: &Secrets,
) -> Result<Diff, PlanningError> {
    for _ in 0..MAX_LOOKUP_ROUNDS {
        let difference = diff::diff(desired, settled, settlement, live, request);
        let lookups = live.pending_lookups(&difference.lookups);
        if lookups.is_empty() {
            return Ok(difference);
        }
        live::fetch_missing(cloud, live, &lookups).await;
        redact_live(live, secrets, settled);
    }
    Err(PlanningError::LookupsNotConverging)
}

/// A `--target` that names nothing selects nothing, which is never meant.
fn check_selected_addresses(graph: &Graph, recorded: &Recorded, request: &PlanOptions) -> Result<(), PlanningError> {
    let selections =
        [("--target", &request.targets), ("--exclude", &request.excludes), ("--replace", &request.replace)];
    for (flag, addresses) in selections {
        if let Some(address) = addresses.iter().find(|address| !is_known_address(graph, recorded, address)) {
            return Err(PlanningError::UnknownAddress { flag, address: address.clone() });
        }
    }
    match request.replace.iter().find(|address| address.kind == ResourceKind::Pool) {
        Some(pool) => Err(PlanningError::PoolNotReplaceable(pool.clone())),
        None => Ok(()),
    }
}

fn is_known_address(graph: &Graph, recorded: &Recorded, address: &Address) -> bool {
    // What an interrupted run asked for and nobody has settled is named in plans, so it can be named to them.
    recorded.has_open_intent(address) || graph.project.declares(address) || recorded.contains(address)
}
