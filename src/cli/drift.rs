//! `floe drift`: compares what is live with what was sent, regardless of the manifests. It is well suited to a
//! nightly job.

use serde_json::json;

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{GlobalOptions, OutputFormat},
    project::{self, OpenProject, ProjectContext},
    runtime,
};
use crate::{
    live::{self, Live, Lookups, Presence},
    planning::{self, SettledRecord},
    render,
    resource::{Address, PhaseClass},
    settle,
    state::{FurthestPhase, GenerationRecord, Recorded},
};

/// Prints the differences. Exits with 2 if there are any.
pub fn run(global: &GlobalOptions, process: &ProcessEnvironment, screen: &Screen) -> Result<Exit, CommandError> {
    let project_context = project::load_context(global, process)?;
    let environment = &project_context.environment.clone();
    let (recorded, live) = runtime::block_on(environment, read_live(project_context, process, screen))??;
    let differences = differences(&recorded, &live);
    match global.format {
        OutputFormat::Json => {
            let listed: Vec<_> =
                differences.iter().map(|(address, what)| json!({ "address": address, "difference": what })).collect();
            let value = json!({
                "format_version": 1,
                "environment": environment.name,
                "simulated": environment.simulator.is_some(),
                "drift": listed,
            });
            screen.print(&render::json_text(&value)?)?;
        }
        OutputFormat::Text => screen.print(&render::drift_text(environment, &differences, screen.stdout_style))?,
        _ => return Err(CommandError::new("`floe drift` supports only the formats `text` and `json`")),
    }
    Ok(if differences.is_empty() { Exit::Done } else { Exit::Pending })
}

/// Opens the project and returns its record, with interrupted requests settled, and the live resources.
async fn read_live(
    project_context: ProjectContext,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<(Recorded, Live), CommandError> {
    let OpenProject { graph, recorded, connection, live, .. } =
        project_context.open(project::desired, process, screen).await?;
    let secrets = process.secrets(&graph.project);
    let caught_up = planning::settle_with_lookups(&connection.cloud, live, &recorded, &secrets).await?;
    let SettledRecord { mut live, settled, secrets, .. } = caught_up;
    live::fetch_missing(&connection.cloud, &mut live, &lookups(&settled)).await;
    planning::redact_live(&mut live, &secrets, &settled);
    Ok((settled.into_owned(), live))
}

/// Returns the resources to read with a GET of their own if a list lacks them, since only that shows that they are
/// gone. The service purges completed definitions, so their absence is not drift.
fn lookups(settled: &Recorded) -> Lookups {
    let current = settled.statements.values().filter_map(|record| record.current.as_ref());
    Lookups {
        statements: current.filter(|c| c.reached != FurthestPhase::Completed).map(|c| c.sent.name.clone()).collect(),
        pools: settled.pools.values().map(|record| record.id.clone()).collect(),
    }
}

/// Returns the differences between the record and the live resources, with the address of each.
fn differences(settled: &Recorded, live: &Live) -> Vec<(Address, String)> {
    let mut found = Vec::new();
    for (key, record) in &settled.pools {
        let mut push_difference = |what: String| found.push((Address::pool(key), what));
        match live.pool(&record.id) {
            Presence::Present(pool) => {
                if pool.display_name != record.declared.display_name {
                    push_difference(format!("display_name {} → {}", record.declared.display_name, pool.display_name));
                }
                if pool.max_cfu != record.declared.max_cfu {
                    push_difference(format!("max_cfu {} → {}", record.declared.max_cfu, pool.max_cfu));
                }
            }
            Presence::Absent => push_difference("no longer exists".to_owned()),
            Presence::Unknown(why) => push_difference(format!("cannot read this resource: {why}")),
            Presence::Unlisted => {}
        }
    }
    for (key, record) in &settled.statements {
        let Some(current) = &record.current else { continue };
        let still_running = record.retired.iter().filter(|retired| still_runs(retired, live));
        let still_running = still_running
            .map(|retired| format!("`{}` is still running next to `{}`", retired.sent.name, current.sent.name));
        let what = statement_differences(current, live).into_iter().chain(still_running);
        found.extend(what.map(|what| (Address::statement(key), what)));
    }
    found
}

/// Returns whether a retired generation is still running.
fn still_runs(retired: &GenerationRecord, live: &Live) -> bool {
    matches!(live.statement(&retired.sent.name), Presence::Present(found)
        if found.has_uid(&retired.uid) && found.may_run() && !found.is_being_deleted())
}

/// Returns the differences between the current generation of a statement and the live statement.
fn statement_differences(current: &GenerationRecord, live: &Live) -> Vec<String> {
    let name = &current.sent.name;
    let found = match live.statement(name) {
        Presence::Present(found) => found,
        Presence::Unknown(why) => return vec![format!("cannot read this resource: {why}")],
        _ if current.reached == FurthestPhase::Completed || current.stopped => return Vec::new(),
        Presence::Absent => return vec!["no longer exists".to_owned()],
        Presence::Unlisted => return Vec::new(),
    };
    if !found.has_uid(&current.uid) {
        return vec!["deleted and created again outside floe".to_owned()];
    }
    let mut differences = Vec::new();
    let fields = [("pool", &current.sent.pool, &found.pool), ("principal", &current.sent.principal, &found.principal)];
    for (field, sent, now) in fields {
        if let (Some(sent), Some(now)) = (sent, now)
            && sent != now
        {
            differences.push(format!("{field} {sent} → {now}"));
        }
    }
    if differences.is_empty() && !settle::matches_sent_spec(&current.sent, found) {
        differences.push("its SQL or properties differ from what was sent".to_owned());
    }
    match found.phase.class() {
        PhaseClass::Stopped if !current.stopped => differences.push("stopped outside floe".to_owned()),
        PhaseClass::Running if current.stopped => differences.push("resumed outside floe".to_owned()),
        _ => {}
    }
    differences
}
