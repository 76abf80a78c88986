//! Makes one plan from a snapshot of the cloud, and looks up the facts that the snapshot lacks.

use std::{borrow::Cow, sync::Arc};

use super::{PlanningError, redaction::redact_live};
use crate::{
    assess::Assessment,
    cloud::{self, CloudClient},
    diff::{self, Desired, Diff, DiffOutcome, Inputs, PlanOptions},
    graph::{self, Graph},
    live::{self, Live},
    manifest::{self, InvalidProject, LoadOptions},
    plan::{self, Plan},
    resource::{Address, ResourceKind, SecretHashes, Secrets},
    settle::{self, Settlement},
    state::{Entry, Fact, GenerationRecord, Recorded},
};

/// A plan and what it was made from.
#[derive(Debug, Clone)]
pub struct PlanningOutput {
    /// The plan that was made.
    pub plan: Plan,
    /// The record that the plan runs on, before the plan's own entries.
    pub recorded: Arc<Recorded>,
    /// The record with the plan's own entries applied. If there are none, it is the same as `recorded`.
    pub settled: Arc<Recorded>,
    /// The conditions of all recorded addresses, on which the plan was decided.
    pub assessment: Assessment,
    /// The live snapshot that was read.
    pub live: Live,
    /// The given secrets, extended to redact what the cloud shows of secrets whose values are not available here.
    pub secrets: Secrets,
}

/// The live snapshot, and the record brought up to date with it.
#[derive(Debug, Clone)]
pub struct SettledRecord<'r> {
    /// The live snapshot that was read.
    pub live: Live,
    /// The settled record. If there was nothing new to record, it is the one that was passed in.
    pub settled: Cow<'r, Recorded>,
    /// The outcomes of the open requests of an interrupted run.
    pub settlement: Settlement,
    /// The given secrets, extended to redact what the cloud shows of secrets whose values are not available here.
    pub secrets: Secrets,
}

impl SettledRecord<'_> {
    /// Returns the inputs of a plan that is made from this record and its snapshot.
    fn inputs<'a>(&'a self, desired: Desired<'a>, options: &'a PlanOptions) -> Inputs<'a> {
        Inputs { desired, recorded: &self.settled, settlement: &self.settlement, live: &self.live, options }
    }
}

/// What a plan is made of, apart from what the cloud says.
#[derive(Debug, Clone, Copy)]
pub struct PlanRequest<'a> {
    /// The dependency graph of the checked project.
    pub graph: &'a Graph,
    /// The secrets whose values are available here.
    pub secrets: &'a Secrets,
    /// The record before it is settled.
    pub recorded: &'a Arc<Recorded>,
    /// What the user asks of the plan.
    pub options: &'a PlanOptions,
}

/// The upper bound on lookup rounds. Each round resolves lookups, so reaching it is a bug.
const MAX_LOOKUP_ROUNDS: usize = 4;

/// Returns the checked project with its dependencies.
///
/// # Errors
/// When the manifests or the SQL have problems. All of them are returned, each with its location.
pub fn load_desired(inputs: &LoadOptions) -> Result<Graph, InvalidProject> {
    graph::build(manifest::load(inputs).map_err(graph::add_graph_problems)?)
}

/// Settles the record against `read`, after looking up what the list left open. Redacts the values of `secrets` in
/// the service's messages.
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

/// Reads the cloud, settles the record, computes the diff and puts it in order. `secrets` are those with a value
/// available here.
///
/// # Errors
/// When the cloud cannot be read, when the record contradicts itself, or when the request names an unknown address.
pub async fn make_plan(
    graph: &Graph,
    secrets: &Secrets,
    recorded: &Arc<Recorded>,
    cloud: &CloudClient,
    options: &PlanOptions,
) -> Result<PlanningOutput, PlanningError> {
    check_selected_addresses(graph, recorded, options)?;
    let read = redact_read_error(live::read(cloud).await, secrets)?;
    plan_from(cloud, read, PlanRequest { graph, secrets, recorded, options }).await
}

/// Makes the same plan from a snapshot that was just `read`.
///
/// # Errors
/// When the record contradicts itself, or when the request names an unknown address.
pub async fn plan_from(
    cloud: &CloudClient,
    read: Live,
    request: PlanRequest<'_>,
) -> Result<PlanningOutput, PlanningError> {
    let PlanRequest { graph, secrets, recorded, options } = request;
    check_selected_addresses(graph, recorded, options)?;
    let mut basis = settle_with_lookups(cloud, read, recorded, secrets).await?;
    let mut entries = basis.settlement.entries.clone();
    let (facts, blocked_renames) = diff::resolve_moved_blocks(&graph.project, &basis.settled);
    for fact in facts {
        let entry = Entry::FactRecorded { fact };
        basis.settled.to_mut().apply(&entry)?;
        entries.push(entry);
    }
    let hashes = basis.secrets.comparable_hashes(graph.project.secrets.keys().map(String::as_str), &recorded.hash_key);
    entries.extend(strengthened_hashes(&basis.settled, &hashes));
    let desired = Desired { graph, secrets: &hashes };
    let mut difference = diff_with_lookups(cloud, &mut basis, desired, options).await?;
    // If everything is destroyed, a blocked rename does not matter.
    if !options.destroy {
        let selected = diff::select(graph, &basis.settled, options);
        difference.changes.extend(blocked_renames.into_iter().filter(|(address, _)| selected.contains(address)));
    }
    let assessment = std::mem::take(&mut difference.assessment);
    let plan = plan::plan(basis.inputs(desired, options), entries, difference);
    let SettledRecord { live, settled, secrets, .. } = basis;
    let settled = match settled {
        Cow::Borrowed(_) => Arc::clone(recorded),
        Cow::Owned(settled) => Arc::new(settled),
    };
    Ok(PlanningOutput { plan, recorded: Arc::clone(recorded), settled, assessment, live, secrets })
}

/// Returns the snapshot that was `read`. In an error, the values of `secrets` are redacted in the service's message.
///
/// # Errors
/// When the cloud could not be read.
pub fn redact_read_error(read: cloud::Result<Live>, secrets: &Secrets) -> Result<Live, PlanningError> {
    Ok(read.map_err(|error| error.redacted(secrets))?)
}

/// Returns the entries that replace the hashes of floe 0.1.0, where the values are available here and have not changed.
/// They are left out of the settled record, so that a saved plan does not depend on which values are available.
fn strengthened_hashes(settled: &Recorded, hashes: &SecretHashes) -> Vec<Entry> {
    let generations =
        settled.statements.iter().flat_map(|(key, record)| record.generations().map(move |found| (key, found)));
    let entry = |(key, generation): (&String, &GenerationRecord)| {
        let secrets = hashes.strengthened(&generation.secrets)?;
        let (key, name) = (key.clone(), generation.sent.name.clone());
        Some(Entry::FactRecorded { fact: Fact::SecretsRehashed { key, name, secrets } })
    };
    generations.filter_map(entry).collect()
}

/// Returns the diff once the snapshot answers all of its lookups.
async fn diff_with_lookups(
    cloud: &CloudClient,
    basis: &mut SettledRecord<'_>,
    desired: Desired<'_>,
    options: &PlanOptions,
) -> Result<Diff, PlanningError> {
    for _ in 0..MAX_LOOKUP_ROUNDS {
        let lookups = match diff::diff(basis.inputs(desired, options)) {
            DiffOutcome::Complete(difference) => return Ok(difference),
            DiffOutcome::Incomplete(lookups) => lookups,
        };
        live::fetch_missing(cloud, &mut basis.live, &lookups).await;
        redact_live(&mut basis.live, &basis.secrets, &basis.settled);
    }
    Err(PlanningError::LookupsNotConverging)
}

/// Rejects unknown addresses. A `--target` that matches nothing would select nothing, which is never intended.
fn check_selected_addresses(graph: &Graph, recorded: &Recorded, options: &PlanOptions) -> Result<(), PlanningError> {
    let selections =
        [("--target", &options.targets), ("--exclude", &options.excludes), ("--replace", &options.replace)];
    for (flag, addresses) in selections {
        if let Some(address) = addresses.iter().find(|address| !is_known_address(graph, recorded, address)) {
            return Err(PlanningError::UnknownAddress { flag, address: address.clone() });
        }
    }
    match options.replace.iter().find(|address| address.kind == ResourceKind::Pool) {
        Some(pool) => Err(PlanningError::PoolNotReplaceable(pool.clone())),
        None => Ok(()),
    }
}

/// Returns whether `address` is declared, recorded, or has an open request.
fn is_known_address(graph: &Graph, recorded: &Recorded, address: &Address) -> bool {
    // Plans mention the unresolved requests of an interrupted run, so their addresses can be selected.
    recorded.has_open_intent(address) || graph.project.declares(address) || recorded.contains(address)
}
