//! `floe status`: shows the phase of everything that the project owns.

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{GlobalOptions, OutputFormat},
    plan::{PreparedPlan, prepare_plan},
    project, runtime,
};
use crate::{
    diff::{Action, Block, Change, PlanOptions},
    live::Presence,
    planning::PlanningOutput,
    render::{self, StatusRow, StatusView},
    resource::{Address, LiveStatement, Phase, PhaseClass, PoolPhase, WarningSeverity},
    state::{FurthestPhase, GenerationRecord, StatementRecord},
};

/// The number of days after which the service deletes a statement that no longer runs (source: Confluent's page "Flink
/// SQL statements").
const PURGE_DAYS: i64 = 30;

/// Prints the table of resources. Exits with 4 if something is unhealthy.
pub fn run(global: &GlobalOptions, process: &ProcessEnvironment, screen: &Screen) -> Result<Exit, CommandError> {
    let project_context = project::load_context(global, process)?;
    let environment = &project_context.environment.clone();
    let PreparedPlan { graph, planning_output: planned, context } = runtime::block_on(
        environment,
        prepare_plan(project_context, project::desired, process, &PlanOptions::default(), screen),
    )??;
    let rows = status_rows(&planned);
    let view = StatusView {
        project: &graph.project.name,
        environment: &environment.name,
        identity: &environment.identity,
        simulated: environment.simulator.is_some(),
        rows: &rows,
        context: &context,
    };
    match global.format {
        OutputFormat::Json => {
            screen.print(&render::status_json(&view)?)?;
        }
        OutputFormat::Text => {
            screen.print(&render::status_text(&view, screen.stdout_style))?;
        }
        _ => return Err(CommandError::new("`floe status` supports only the formats `text` and `json`")),
    }
    Ok(if rows.iter().any(|row| row.unhealthy) { Exit::Unhealthy } else { Exit::Done })
}

/// Returns the rows of all pools and statements, recorded or requested.
fn status_rows(planned: &PlanningOutput) -> Vec<StatusRow> {
    let pools = planned.settled.pools.iter().map(|(key, record)| pool_row(planned, key, &record.id));
    let statements = planned.settled.statements.iter().map(|(key, record)| statement_row(planned, key, record));
    pools.chain(statements).chain(unrecorded_intent_rows(planned)).collect()
}

/// Returns a row for each request of an interrupted run that is unresolved and whose address has no record yet.
fn unrecorded_intent_rows(planned: &PlanningOutput) -> impl Iterator<Item = StatusRow> {
    let recorded = &planned.settled;
    let intents = recorded.open_intents.values().map(|open| &open.intent);
    let unseen = intents.filter(|intent| !recorded.contains(&intent.address));
    unseen.map(|intent| StatusRow {
        address: intent.address.clone(),
        name: "-".to_owned(),
        phase: "open".to_owned(),
        since: None,
        unhealthy: true,
        remarks: vec!["requested by an interrupted run, and the outcome is not known yet".to_owned()],
    })
}

/// Returns why the outcome of a request from an interrupted run is unclear.
fn unclear_reason(change: &Change) -> Option<&str> {
    let Action::Blocked { by } = &change.action else { return None };
    by.iter().find_map(|block| if let Block::UnclearIntent { why } = block { Some(why.as_str()) } else { None })
}

/// Returns the row of a recorded pool.
fn pool_row(planned: &PlanningOutput, key: &str, id: &str) -> StatusRow {
    let (phase, unhealthy) = match planned.live.pool(id) {
        Presence::Present(pool) => (pool.phase.to_string(), pool.phase == PoolPhase::Failed),
        Presence::Absent => ("gone".to_owned(), true),
        Presence::Unlisted | Presence::Unknown(_) => ("unknown".to_owned(), planned.live.pools_listed),
    };
    let address = Address::pool(key);
    StatusRow { address, name: id.to_owned(), phase, since: None, unhealthy, remarks: Vec::new() }
}

/// Returns the row of a recorded statement, with remarks about unclear requests and an open replacement.
fn statement_row(planned: &PlanningOutput, key: &str, record: &StatementRecord) -> StatusRow {
    let address = Address::statement(key);
    let change = planned.plan.changes.get(&address);
    let mut row = match &record.current {
        Some(current) => generation_row(planned, &address, current),
        None => StatusRow {
            address: address.clone(),
            name: "-".to_owned(),
            phase: if record.successor.is_some() { "open" } else { "held" }.to_owned(),
            since: None,
            unhealthy: false,
            remarks: Vec::new(),
        },
    };
    row.unhealthy |= change.is_some_and(Change::is_unhealthy);
    if let Some(why) = change.and_then(unclear_reason) {
        row.unhealthy = true;
        row.remarks.push(format!("the outcome of a request from an interrupted run is unclear: {why}"));
    }
    if let Some(successor) = &record.successor {
        let phase = match planned.live.statement(&successor.sent.name) {
            Presence::Present(live) => live.phase.to_string(),
            _ => "not found".to_owned(),
        };
        row.remarks.push(format!("replacement in progress: the successor is `{}` ({phase})", successor.sent.name));
    }
    if change.is_some_and(|change| {
        matches!(change.action, Action::FinishReplacement { .. } | Action::RollBackReplacement { .. })
    }) {
        row.unhealthy = true;
        row.remarks.push("the replacement was interrupted, and the next apply finishes it or rolls it back".to_owned());
    }
    row
}

/// Returns the row of the current generation of a statement.
fn generation_row(planned: &PlanningOutput, address: &Address, current: &GenerationRecord) -> StatusRow {
    let name = current.sent.name.clone();
    let row = |phase: &str, unhealthy: bool, remarks: Vec<String>| StatusRow {
        address: address.clone(),
        name: name.clone(),
        phase: phase.to_owned(),
        since: None,
        unhealthy,
        remarks,
    };
    match planned.live.statement(&name) {
        Presence::Present(live) if !live.has_uid(&current.uid) => {
            row("foreign", true, vec!["deleted and created again under the same name outside floe".to_owned()])
        }
        Presence::Present(live) => live_row(&row(live.phase.as_str(), false, Vec::new()), live, current),
        Presence::Unknown(why) => row("unknown", true, vec![why.to_owned()]),
        _ if current.reached == FurthestPhase::Completed => row("done", false, Vec::new()),
        _ if current.stopped && current.offsets.is_some() => {
            row("purged", false, vec!["it was stopped, and its offsets are kept only in the state".to_owned()])
        }
        _ if current.stopped => row("gone", true, vec!["it was stopped, and its offsets are not known".to_owned()]),
        Presence::Absent | Presence::Unlisted => row("gone", true, Vec::new()),
    }
}

/// Completes the row of a statement that is live, with its health and what the service says about it.
fn live_row(row: &StatusRow, live: &LiveStatement, current: &GenerationRecord) -> StatusRow {
    let mut row = StatusRow { since: live.updated_at.clone(), ..row.clone() };
    let (is_stopped, is_running) = (live.phase == Phase::Stopped, live.phase.class() == PhaseClass::Running);
    row.unhealthy = matches!(live.phase, Phase::Failed | Phase::Failing | Phase::Degraded)
        || (is_stopped && !current.stopped)
        || (is_running && current.stopped);
    if !live.detail.trim().is_empty() && !is_running && live.phase != Phase::Completed {
        row.remarks.push(live.detail.to_string());
    }
    if is_stopped && !current.stopped {
        row.remarks.push("stopped outside floe".to_owned());
    }
    if is_running && current.stopped {
        row.remarks.push("running although `stopped = true`: it was resumed outside floe".to_owned());
    }
    if let Some(scaling) = live.scaling_state.as_deref().filter(|scaling| *scaling == "POOL_EXHAUSTED") {
        row.unhealthy = true;
        row.remarks.push(format!("{scaling}: its pool has no free CFU"));
    }
    for warning in &live.warnings {
        let severity = String::from(warning.severity.clone());
        row.unhealthy |= warning.severity == WarningSeverity::Critical;
        row.remarks.push(format!("warning {severity} {}: {}", warning.reason, warning.message));
    }
    if matches!(live.phase, Phase::Stopped | Phase::Failed)
        && let Some(day) = live.updated_at.as_deref().and_then(purge_day)
    {
        row.remarks.push(format!("the service deletes it on {day} if it stays in this phase"));
    }
    row
}

/// Returns the day on which the service deletes a statement that stopped or failed at `since`.
fn purge_day(since: &str) -> Option<String> {
    let since: jiff::Timestamp = since.parse().ok()?;
    let purged = jiff::Timestamp::from_second(since.as_second().checked_add(PURGE_DAYS.checked_mul(86_400)?)?).ok()?;
    purged.to_string().split('T').next().map(str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use super::*;
    use crate::{
        cloud::{ApiKey, CloudClient, Credentials, Endpoints, RateLimits},
        manifest::LoadOptions,
        planning,
        resource::{HashKey, Intent, IntentId, Operation, Pool, Secrets},
        simulator::{Simulator, SimulatorOptions},
        state::{Entry, Recorded},
    };

    #[tokio::test(start_paused = true)]
    async fn a_requested_pool_that_was_never_seen_is_listed_as_unhealthy() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "[project]\nname = \"p\"\n[environments.local]\nsimulator = true\n[pools.main]\nmax_cfu = 5\n";
        std::fs::write(folder.path().join("floe.toml"), manifest).unwrap();
        let graph =
            planning::load_desired(&LoadOptions { root: folder.path().to_owned(), ..LoadOptions::default() }).unwrap();
        let identity = graph.project.environment.identity.clone();
        let pool = Pool {
            display_name: "main".to_owned(),
            max_cfu: 5,
            network: None,
            cloud: identity.cloud.clone(),
            region: identity.region.clone(),
            prevent_destroy: false,
        };
        let intent = Intent {
            id: IntentId("run-1".to_owned()),
            address: Address::pool("main"),
            operation: Operation::CreatePool { pool, existing_ids: BTreeSet::new() },
        };
        let mut recorded = Recorded::new("lineage".to_owned(), identity.clone(), HashKey("key".to_owned()));
        recorded.apply(&Entry::IntentOpened { intent, secrets: Default::default() }).unwrap();
        let keys = Credentials { flink: Some(ApiKey::new("k", "s")), cloud: Some(ApiKey::new("k", "s")) };
        let simulator = Arc::new(Simulator::new(SimulatorOptions::default()));
        let cloud = CloudClient::new(simulator, Endpoints::public(&identity).unwrap(), keys, RateLimits::default(), 7);
        let request = PlanOptions::default();
        let planned =
            planning::make_plan(&graph, &Secrets::default(), &Arc::new(recorded), &cloud, &request).await.unwrap();
        let rows = status_rows(&planned);
        assert_eq!((rows.len(), &rows[0].address), (1, &Address::pool("main")));
        assert_eq!((rows[0].phase.as_str(), rows[0].unhealthy), ("open", true), "{rows:#?}");
    }
}
