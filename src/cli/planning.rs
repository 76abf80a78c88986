//! Makes one plan: desired, recorded and live are brought together, in the order of the map in `lib.rs`.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use super::{
    Ambient, Exit, Trouble,
    arguments::Global,
    door::{self, SIMULATED_SEED},
};
use crate::{
    cloud::Cloud,
    diff::{self, Desired, Diff, Request},
    graph::{self, Graph},
    live::{self, Live, Presence},
    manifest::{self, Inputs},
    plan::{self, Plan},
    render::{Beside, Interrupted, PoolNow},
    resource::{KeyedHash, PoolDeclaration, Secrets},
    settle,
    state::{self, Entry, Ledger, Local, Recorded},
};

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
    /// What is shown beside the plan.
    pub beside: Beside,
}

/// How often a diff may ask again. Each time it is answered, so one more is never wanted.
const ROUNDS: usize = 4;

/// What a project is loaded with.
pub fn inputs(global: &Global, ambient: &Ambient) -> Inputs {
    Inputs {
        root: global.folder.clone(),
        environment: global.environment.clone(),
        var_flags: global.variables.iter().cloned().collect(),
        var_environment: ambient.project_variables(),
    }
}

/// The checked project with its dependencies.
pub fn desired(inputs: &Inputs) -> Result<Graph, Trouble> {
    let project = manifest::load(inputs)?;
    Ok(graph::build(project)?)
}

/// The ledger of a project's environment.
pub fn ledger(graph: &Graph) -> Local {
    Local::at(door::state_file(&graph.project))
}

/// The record, or a new one where there is none. `lineage` is that of a saved plan, which a record that has yet to be
/// begun takes over.
pub async fn recorded(
    ledger: &dyn Ledger,
    graph: &Graph,
    ambient: &Ambient,
    lineage: Option<&str>,
) -> Result<Arc<Recorded>, Trouble> {
    let environment = &graph.project.environment;
    if let Some(recorded) = ledger.load().await? {
        state::check(&recorded, &environment.identity)?;
        return Ok(Arc::new(recorded));
    }
    let seed = if environment.simulated.is_some() { SIMULATED_SEED } else { ambient.seed };
    let mut random = fastrand::Rng::with_seed(seed);
    let made = state::lineage(&mut random);
    let key = state::hash_key(&mut random);
    let lineage = lineage.map_or(made, str::to_owned);
    Ok(Arc::new(Recorded::new(lineage, environment.identity.clone(), key)))
}

/// The keyed hashes of the secrets that have a value here.
fn hashes(graph: &Graph, secrets: &Secrets, recorded: &Recorded) -> BTreeMap<String, KeyedHash> {
    secrets.hashes(graph.project.secrets.keys().map(String::as_str), &recorded.key)
}

/// Reads the cloud, settles the record, takes the difference and orders it. Sends GETs only.
pub async fn planned(
    graph: &Graph,
    secrets: &Secrets,
    recorded: &Arc<Recorded>,
    cloud: &Cloud,
    request: &Request,
) -> Result<Planned, Trouble> {
    every_address_is_known(graph, recorded, request)?;
    let hashes = hashes(graph, secrets, recorded);
    let mut live = live::read(cloud).await?;
    live::confirm(cloud, &mut live, &settle::asks(recorded)).await;
    live.redact(secrets);
    let (mut settled, settlement) = settle::settle(recorded, &live)?;
    let mut entries = settlement.entries.clone();
    let (facts, stuck) = diff::moves(&graph.project, &settled);
    for fact in facts {
        let entry = Entry::Record { fact };
        settled.to_mut().apply(&entry)?;
        entries.push(entry);
    }
    let desired = Desired { graph, secrets: &hashes };
    let mut difference = answered(&desired, &settled, &settlement, &mut live, cloud, request, secrets).await?;
    difference.changes.extend(stuck);
    let plan = plan::plan(&desired, &settled, &settlement, entries, &live, request, difference);
    let beside = beside(graph, &settled, &live);
    let settled = match settled {
        Cow::Borrowed(_) => Arc::clone(recorded),
        Cow::Owned(settled) => Arc::new(settled),
    };
    Ok(Planned { plan, recorded: Arc::clone(recorded), settled, live, beside })
}

/// The difference, once the snapshot answers all that it asks.
async fn answered(
    desired: &Desired<'_>,
    settled: &Recorded,
    settlement: &settle::Settlement,
    live: &mut Live,
    cloud: &Cloud,
    request: &Request,
    secrets: &Secrets,
) -> Result<Diff, Trouble> {
    for _ in 0..ROUNDS {
        let difference = diff::diff(desired, settled, settlement, live, request);
        let asks = live.unanswered(&difference.asks);
        if asks.is_empty() {
            return Ok(difference);
        }
        live::confirm(cloud, live, &asks).await;
        live.redact(secrets);
    }
    Err(Trouble::new("the cloud's answers leave the same question open again and again").help("plan again in a moment"))
}

/// A `--target` that names nothing selects nothing, which is never meant.
fn every_address_is_known(graph: &Graph, recorded: &Recorded, request: &Request) -> Result<(), Trouble> {
    let named = [("--target", &request.targets), ("--exclude", &request.excludes), ("--replace", &request.replace)];
    for (flag, addresses) in named {
        for address in addresses {
            let known = match address.kind {
                crate::resource::Kind::Pool => {
                    graph.project.pools.contains_key(&address.key) || recorded.pools.contains_key(&address.key)
                }
                crate::resource::Kind::Statement => {
                    graph.project.statements.contains_key(&address.key)
                        || recorded.statements.contains_key(&address.key)
                }
            };
            if !known {
                return Err(Trouble::new(format!(
                    "`{flag} {address}` names nothing: it is neither declared nor recorded"
                ))
                .help("`floe state list` and the manifests say what there is"));
            }
        }
    }
    Ok(())
}

/// What is shown beside the plan: pools in use, and the service's clock.
pub fn beside(graph: &Graph, settled: &Recorded, live: &Live) -> Beside {
    let declared = graph.project.pools.iter().filter_map(|(key, pool)| match &pool.spec {
        PoolDeclaration::Borrowed { id } => Some((key, id)),
        PoolDeclaration::Owned(_) => None,
    });
    let recorded = settled.pools.iter().map(|(key, record)| (key, &record.id));
    let now = |(key, id): (&String, &String)| match live.pool(id) {
        Presence::Present(pool) => {
            let now = PoolNow { id: id.clone(), current_cfu: pool.current_cfu, max_cfu: pool.max_cfu };
            Some((key.clone(), now))
        }
        _ => None,
    };
    Beside {
        pools: declared.chain(recorded).filter_map(now).collect(),
        service_time: live.service_time.clone(),
        interrupted: None,
    }
}

/// The run that left its journal open, unless it goes on.
pub async fn interrupted(ledger: &dyn Ledger, held_here: bool) -> Result<Option<Interrupted>, Trouble> {
    let Some(run) = ledger.begun_by().await? else { return Ok(None) };
    if !held_here && ledger.held_by().await?.is_some() {
        return Ok(None);
    }
    let since = run.since.parse::<jiff::Timestamp>().ok();
    let seconds_ago = since.map(|since| jiff::Timestamp::now().as_second().saturating_sub(since.as_second()));
    Ok(Some(Interrupted { command: run.command, seconds_ago }))
}

/// How the exit code of a plan is judged before anything is done about it.
pub fn exit(plan: &Plan, detailed: bool) -> Exit {
    let blocked = if plan.is_blocked() { Exit::Blocked } else { Exit::Done };
    let pending = if detailed && plan.has_changes() { Exit::Pending } else { Exit::Done };
    blocked.or(pending)
}
