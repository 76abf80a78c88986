//! Whether a live statement is the one that this state knows: a state that is older than the cloud, statements without
//! a record, and copies of a job.

mod adoption;
mod copies;
mod older_state;

use std::time::Duration;

use floe::{
    cloud::NewStatement,
    diff::{Block, Change},
    plan::Plan,
    planning::{self, ImportError, ImportRequest, ImportedStatement},
    resource::Address,
    state::{Entry, Ledger, MemoryLedger, Recorded, RunLedger},
};

use crate::test_project::{TestProject, holder, statement};

/// A table that the jobs read.
const TABLE: &str = "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING, price INT)\"\n";

/// Returns the first block of a statement in a plan. Panics if it is not blocked.
fn block_of(plan: &Plan, key: &str) -> Block {
    let change = plan.changes.get(&statement(key));
    match change.map(|change| &change.action) {
        Some(floe::diff::Action::Blocked { by }) => by[0].clone(),
        other => panic!("{key} is not blocked: {other:#?}"),
    }
}

/// Returns the change of a statement.
fn change_of<'p>(plan: &'p Plan, key: &str) -> &'p Change {
    &plan.changes[&statement(key)]
}

/// Puts a record into place as the whole state, as a backup or another checkout does.
async fn put_state(project: &mut TestProject, recorded: &Recorded) {
    project.ledger = MemoryLedger::new();
    let mut ledger = project.ledger.clone();
    ledger.lock(&holder(), Duration::ZERO).await.unwrap();
    ledger.begin(recorded).await.unwrap();
    ledger.compact(recorded).await.unwrap();
}

/// Loses the state, and declares the pool by its id.
async fn lose_state(project: &mut TestProject) {
    let pool = project.recorded().await.pools["main"].id.clone();
    project.write("pools.toml", &format!("[pools.main]\nid = \"{pool}\"\n"));
    project.ledger = MemoryLedger::new();
}

/// Imports statements as `floe import` does.
async fn import(
    project: &TestProject,
    statements: &[(&str, &str)],
    as_is: bool,
) -> Result<Vec<ImportedStatement>, ImportError> {
    let (graph, mut recorded) = (project.graph(), project.recorded().await);
    let statements: Vec<(Address, String)> =
        statements.iter().map(|(key, name)| (statement(key), (*name).to_owned())).collect();
    let request =
        ImportRequest { graph: &graph, secrets: &project.secrets, recorded: &recorded, as_is, statements: &statements };
    let (entries, imported) = planning::import_statements(&project.cloud(), request).await?;
    let mut ledger = project.ledger.clone();
    ledger.lock(&holder(), Duration::ZERO).await.unwrap();
    ledger.begin(&recorded).await.unwrap();
    for entry in &entries {
        recorded.apply(entry).unwrap();
    }
    assert!(entries.iter().all(|entry| matches!(entry, Entry::FactRecorded { .. })));
    ledger.append(&entries).await.unwrap();
    ledger.compact(&recorded).await.unwrap();
    Ok(imported)
}

/// Submits a statement as somebody else would, and waits until it runs.
async fn submit_outside(project: &TestProject, name: &str, sql: &str) {
    let pool = Some(project.simulator.world_view().pools[0].id.clone());
    let new = NewStatement { name: name.to_owned(), sql: sql.to_owned(), pool, ..NewStatement::default() };
    submit(project, new).await;
}

/// Submits a statement and waits until it runs.
async fn submit(project: &TestProject, new: NewStatement) {
    project.cloud().submit_statement(&new).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
}

/// Returns the cloud names of the statements that run.
fn running(project: &TestProject) -> Vec<String> {
    project.phases().into_iter().filter(|(_, phase)| phase == "RUNNING").map(|(name, _)| name).collect()
}
