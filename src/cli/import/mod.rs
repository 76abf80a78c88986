//! `floe import`: records that declared resources are existing ones, after a state was lost or for what was created
//! outside floe. Nothing is sent. The next plan shows what differs.

mod pool;
mod statement;
mod targets;

use serde_json::json;

use self::targets::ImportTargets;
use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{GlobalOptions, ImportArguments, OutputFormat},
    connect::{self, WorldAccess},
    lock_holder::lock_holder,
    progress::StatusLine,
    project, runtime,
};
use crate::{
    graph::Graph,
    planning::ImportedStatement,
    render,
    resource::{Address, ResourceKind},
    state::{Entry, Ledger, Recorded, RunLedger},
};

/// Records that declared resources are the existing ones that the arguments name.
pub fn run(
    arguments: &ImportArguments,
    global: &GlobalOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Exit, CommandError> {
    if !matches!(global.format, OutputFormat::Text | OutputFormat::Json) {
        return Err(CommandError::new("`floe import` supports only the formats `text` and `json`"));
    }
    let pairs = pairs(&arguments.pairs)?;
    let graph = project::desired(&project::manifest_inputs(global, process))?;
    let (pools, statements): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|(address, _)| address.kind == ResourceKind::Pool);
    for (address, _) in &pools {
        pool::declared_pool(&graph, address)?;
    }
    let request = ImportTargets { pools: &pools, statements: &statements, as_is: arguments.as_is };
    let work = import(&graph, request, global, process, screen);
    let imported = runtime::block_on(&graph.project.environment, work)??;
    print_imported(&pools, &imported, &graph, global, screen)?;
    Ok(Exit::Done)
}

/// Returns the arguments as pairs of address and name.
fn pairs(arguments: &[String]) -> Result<Vec<(Address, String)>, CommandError> {
    let mut pairs = Vec::new();
    for pair in arguments.chunks(2) {
        let [address, name] = pair else {
            return Err(CommandError::new(format!("`{}` has no name after it", pair.join(" ")))
                .with_help("Each address is followed by the name of a statement or the id of a pool."));
        };
        let address: Address = address.parse().map_err(|error| CommandError::new(format!("{error}")))?;
        if pairs.iter().any(|(other, named)| *other == address || *named == *name) {
            return Err(CommandError::new(format!("`{address} {name}` names an address or a resource a second time")));
        }
        pairs.push((address, name.clone()));
    }
    Ok(pairs)
}

/// Reads what exists, compares it with what is declared, and records all of it at once under the lock.
async fn import(
    graph: &Graph,
    request: ImportTargets<'_>,
    global: &GlobalOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Vec<ImportedStatement>, CommandError> {
    let environment = &graph.project.environment;
    let mut ledger = project::ledger(graph);
    project::check_may_create_state(&ledger, environment, process).await?;
    ledger.lock(&lock_holder("import", process), global.lock_timeout).await?;
    let mut recorded = Recorded::clone(&*project::recorded_or_new(&ledger, environment, process, None).await?);
    let before = recorded.clone();
    let flags = global.run_flags().in_environment(&environment.name);
    for (address, id) in request.pools {
        pool::check_not_recorded(&recorded, address, id, &flags)?;
    }
    let world = connect::open_world(&graph.project.root, environment, &recorded, WorldAccess::ReadOnly)?;
    let connection = connect::connect(&graph.project, &recorded, process, world, &StatusLine::new(*screen)).await?;
    let secrets = process.secrets(&graph.project);
    let mut entries: Vec<Entry> = Vec::new();
    for (address, id) in request.pools {
        let entry = pool::import_entry(graph, address, id, (&connection.cloud, &secrets)).await?;
        recorded.apply(&entry)?;
        entries.push(entry);
    }
    let (more, imported) = if request.statements.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        statement::import_entries(graph, request, &recorded, (&connection.cloud, &secrets), &flags).await?
    };
    for entry in &more {
        recorded.apply(entry)?;
    }
    entries.extend(more);
    ledger.begin(&before).await?;
    ledger.append(&entries).await?;
    ledger.compact(&recorded).await?;
    Ok(imported)
}

/// Prints what was imported: sentences for people, or JSON.
fn print_imported(
    pools: &[(Address, String)],
    statements: &[ImportedStatement],
    graph: &Graph,
    global: &GlobalOptions,
    screen: &Screen,
) -> Result<(), CommandError> {
    let environment = &graph.project.environment.name;
    if global.format == OutputFormat::Json {
        let pool =
            |(address, id): &(Address, String)| json!({ "address": address.to_string(), "name": id, "differs": [] });
        let statement = |imported: &ImportedStatement| {
            let differs: Vec<String> = imported.differences.iter().map(render::differing_field).collect();
            json!({ "address": imported.address.to_string(), "name": imported.name, "differs": differs })
        };
        let imported: Vec<_> = pools.iter().map(pool).chain(statements.iter().map(statement)).collect();
        let value = json!({ "format_version": 1, "environment": environment, "imported": imported });
        return screen.print(&format!("{}\n", serde_json::to_string_pretty(&value)?));
    }
    let flags = global.run_flags().in_environment(environment);
    for (address, id) in pools {
        screen.notify(&format!("Imported `{id}` as `{address}`. Nothing was sent."));
    }
    for ImportedStatement { address, name, differences } in statements {
        screen.notify(&format!("Imported `{name}` as `{address}`. Nothing was sent."));
        if !differences.is_empty() {
            let fields: Vec<String> = differences.iter().map(render::differing_field).collect();
            screen.notify(&format!(
                "It differs from what is declared: {}. `{}` shows the change.",
                fields.join(", "),
                flags.command("plan")
            ));
        }
    }
    Ok(())
}
