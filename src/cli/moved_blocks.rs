//! Finds `[[moved]]` blocks that have no record left to move.

use std::collections::BTreeSet;

use super::connect;
use crate::{
    live::Live,
    manifest::{self, LoadOptions, MovedBlock, Project},
    resource::labels,
    state::{Ledger, LocalLedger, Recorded},
};

/// Returns a sentence for each block whose `from` is in no environment's state, and in no label of a live statement of
/// this project. Returns none if one of the states cannot be read.
pub(super) async fn obsolete_block_notices(project: &Project, inputs: &LoadOptions, live: &Live) -> Vec<String> {
    if project.moved.is_empty() {
        return Vec::new();
    }
    let Some(records) = load_all_records(project, inputs).await else { return Vec::new() };
    // If the state is lost, the block is what leads from the label to the declaration.
    let labeled: BTreeSet<&str> = live
        .statements()
        .filter(|found| found.labels.get(labels::PROJECT).is_some_and(|label| *label == project.name))
        .filter_map(|found| found.labels.get(labels::ADDRESS).map(String::as_str))
        .collect();
    let is_obsolete = |moved: &&MovedBlock| {
        let is_recorded = records.iter().any(|recorded| recorded.contains(&moved.from));
        !is_recorded && !labeled.contains(moved.from.to_string().as_str())
    };
    project.moved.iter().filter(is_obsolete).map(obsolete_block_notice).collect()
}

/// Loads the record of every environment that has one on this machine. Returns `None` if one cannot be read.
async fn load_all_records(project: &Project, inputs: &LoadOptions) -> Option<Vec<Recorded>> {
    let mut records = Vec::new();
    for name in manifest::environment_names(inputs).ok()? {
        let mut options = LoadOptions { environment: Some(name), ..inputs.clone() };
        // The variable names the state of the selected environment only.
        if options.environment.as_deref() != Some(&project.environment.name) {
            options.permissions.state = None;
        }
        let environment = manifest::load_environment(&options)?;
        let ledger = LocalLedger::at(connect::state_file(&project.root, &environment));
        records.extend(ledger.load().await.ok()?);
    }
    Some(records)
}

/// Returns the sentence for a block that can be removed.
fn obsolete_block_notice(moved: &MovedBlock) -> String {
    let MovedBlock { from, to, place } = moved;
    let before = place.source.text.get(..place.span.start).unwrap_or_default();
    let line = before.matches('\n').count().saturating_add(1);
    format!(
        "`[[moved]]` from `{from}` to `{to}` ({}:{line}) can be removed: no local state contains `{from}`.",
        place.source.path.display()
    )
}
