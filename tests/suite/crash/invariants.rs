//! Checks what must hold when a stage is complete, with or without crashes on the way.

use std::collections::BTreeSet;

use floe::{
    resource::{Intent, Operation},
    state::{FurthestPhase, Ledger, LocalLedger, Recorded, fake_disk::FakeDisk},
};

use super::{CrashFailure, Figures, stages::Stage};
use crate::test_project::{TestProject, empty_record};

/// Checks the invariants for the record on `disk`, which must hold no journal.
pub async fn check_invariants(
    project: &TestProject,
    disk: &FakeDisk,
    stage: &Stage,
    figures: &mut Figures,
) -> Result<(), CrashFailure> {
    let found =
        LocalLedger::on_disk(disk.clone(), "state/prod.json").load().await.map_err(|error| error.to_string())?;
    // Without a journal, the loaded record is the snapshot alone.
    if disk.files().keys().any(|file| file.extension().is_some_and(|extension| extension == "journal")) {
        return Err("the last run left a journal, so the snapshot alone is not the record".to_owned());
    }
    let recorded = found.unwrap_or_else(empty_record);
    check_record(project, &recorded, stage, figures)?;
    if recorded.open_intents.is_empty() { Ok(()) } else { Err(format!("still open: {:#?}", recorded.open_intents)) }
}

/// Checks the invariants for `recorded` and the cloud, and that no intent is open that could still change something.
///
/// A submission that was sent twice stays open for as long as its first copy may take effect, even once its statement
/// is recorded. The program runs in real time, so it has not been settled when its runs end.
pub fn check_record(
    project: &TestProject,
    recorded: &Recorded,
    stage: &Stage,
    figures: &mut Figures,
) -> Result<(), CrashFailure> {
    check_cloud_matches_record(project, recorded, figures)?;
    check_nothing_happened_twice(project, figures)?;
    check_everything_is_as_declared(project, recorded, stage)?;
    let is_recorded = |intent: &Intent| match &intent.operation {
        Operation::Submit(submission) => {
            let record = recorded.statements.get(&intent.address.key);
            record.is_some_and(|record| record.generation_named(&submission.name).is_some())
        }
        _ => false,
    };
    match recorded.open_intents.values().find(|open| !is_recorded(&open.intent)) {
        Some(open) => Err(format!("still open: {open:#?}")),
        None => Ok(()),
    }
}

/// Checks that the cloud holds exactly what the record says: nothing is orphaned and nothing is missing.
fn check_cloud_matches_record(
    project: &TestProject,
    recorded: &Recorded,
    figures: &mut Figures,
) -> Result<(), CrashFailure> {
    let now = project.simulator.world_view();
    let there: BTreeSet<(String, String)> = now.statements.into_iter().map(|it| (it.name, it.uid)).collect();
    let generations = recorded.statements.values().flat_map(|record| record.generations());
    let known: BTreeSet<(String, String)> = generations.map(|g| (g.sent.name.clone(), g.uid.clone())).collect();
    let pools_there: BTreeSet<String> = now.pools.into_iter().map(|pool| pool.id).collect();
    let pools_known: BTreeSet<String> = recorded.pools.values().map(|pool| pool.id.clone()).collect();
    let orphans = there.difference(&known).count() + pools_there.difference(&pools_known).count();
    figures.orphans += orphans;
    if there != known || pools_there != pools_known {
        return Err(format!(
            "{orphans} orphans: only the cloud has statements {:?} and pools {:?}, only the record has {:?} and {:?}",
            there.difference(&known),
            pools_there.difference(&pools_known),
            known.difference(&there),
            pools_known.difference(&pools_there)
        ));
    }
    Ok(())
}

/// Checks that nothing was created twice, and that no job ran twice at once.
fn check_nothing_happened_twice(project: &TestProject, figures: &mut Figures) -> Result<(), CrashFailure> {
    let findings = project.simulator.audit_report();
    let creates = || findings.creations.iter().chain(&findings.pool_creations);
    figures.most_creates = creates().map(|(_, count)| *count).max().unwrap_or_default().max(figures.most_creates);
    let twice: Vec<_> = creates().filter(|(_, count)| **count > 1).collect();
    let ran_twice: Vec<_> = findings.peak_running.iter().filter(|(_, most)| **most > 1).collect();
    if twice.is_empty() && ran_twice.is_empty() {
        Ok(())
    } else {
        Err(format!("created more than once: {twice:?}; ran more than once: {ran_twice:?}"))
    }
}

/// Checks that everything declared is live as declared, and that the offsets of removed jobs are kept.
fn check_everything_is_as_declared(
    project: &TestProject,
    recorded: &Recorded,
    stage: &Stage,
) -> Result<(), CrashFailure> {
    let graph = project.graph();
    let declared = &graph.project.statements;
    let expected: BTreeSet<&String> = if stage.destroy { BTreeSet::new() } else { declared.keys().collect() };
    if recorded.statements.keys().collect::<BTreeSet<_>>() != expected {
        return Err(format!("the record has {:?} instead of {expected:?}", recorded.statements.keys()));
    }
    let now = project.simulator.world_view();
    for (key, record) in &recorded.statements {
        let Some(current) = &record.current else { return Err(format!("{key} has no current generation")) };
        let live = now.statements.iter().find(|live| live.name == current.sent.name);
        let live = live.ok_or_else(|| format!("{key} is gone from the cloud"))?;
        let wanted = match (current.reached, record.declared.stopped) {
            (FurthestPhase::Completed, _) => "COMPLETED",
            (_, true) => "STOPPED",
            (_, false) => "RUNNING",
        };
        if live.phase.as_str() != wanted || !declared[key].spec.sql.matches(&live.sql) {
            return Err(format!(
                "{key} is {} with `{}` instead of {wanted} with its declared SQL",
                live.phase, live.sql
            ));
        }
    }
    for (key, tombstone) in &recorded.tombstones {
        let is_job = !["orders", "sizes", "doomed"].contains(&key.as_str());
        if is_job && tombstone.offsets.is_none() {
            return Err(format!("the offsets of {key} are lost: {tombstone:#?}"));
        }
    }
    Ok(())
}
