//! Tests of statements without a record, and of statements that may be copies of a job.

use super::*;
use crate::{
    diff::{Block, ImportMode},
    resource::{labels, properties},
};

/// Returns a converged project that has lost the record of `copy`, whose statement has the labels of `address`.
fn unrecorded(address: &str) -> DiffFixture {
    let mut fixture = converged();
    fixture.recorded.statements.remove("copy");
    let project = fixture.graph.project.name.clone();
    let labels = [(labels::PROJECT, project), (labels::ADDRESS, address.to_owned())];
    fixture.live("copy", |live| live.labels = labels.into_iter().collect()).gone("copy-g2")
}

/// Returns the blocks of `copy`.
fn blocks(fixture: &DiffFixture) -> Vec<Block> {
    match fixture.diff().changes.remove(&Address::statement("copy")).map(|change| change.action) {
        Some(Action::Blocked { by }) => by,
        other => panic!("it is not blocked: {other:?}"),
    }
}

#[test]
fn a_statement_with_the_labels_of_its_address_is_adopted() {
    insta::assert_snapshot!(
        unrecorded("statements.copy").summary(),
        @r#"copy: Adopt { name: "copy", generation: Generation(1), retired: [] }"#
    );
    let foreign = Block::ForeignStatement { name: "copy".to_owned(), import: ImportMode::AsDeclared };
    assert_eq!(blocks(&unrecorded("statements.other")), [foreign]);
}

#[test]
fn the_label_of_another_environment_makes_a_statement_foreign() {
    let in_environment = |name: &str| {
        let label = |live: &mut LiveStatement| drop(live.labels.insert(labels::ENVIRONMENT.into(), name.into()));
        unrecorded("statements.copy").live("copy", label)
    };
    let environment = converged().graph.project.environment.name;
    assert!(in_environment(&environment).summary().starts_with("copy: Adopt"));
    assert!(matches!(blocks(&in_environment("another"))[..], [Block::ForeignStatement { .. }]));
}

#[test]
fn a_dry_run_is_neither_adopted_nor_imported() {
    let dry = unrecorded("statements.copy")
        .live("copy", |live| drop(live.properties.insert(properties::DRY_RUN.into(), "true".to_owned())));
    assert_eq!(blocks(&dry), [Block::ForeignStatement { name: "copy".to_owned(), import: ImportMode::Refused }]);
}

#[test]
fn the_state_is_older_only_if_an_unknown_generation_may_run_or_is_its_own() {
    let with = |phase: Phase, lineage: &str| {
        let mut fixture = converged();
        let mut newer = fixture.statements["copy"].clone();
        (newer.name, newer.uid, newer.phase) = ("copy-g2".to_owned(), "uid-g2".to_owned(), phase);
        newer.labels = [(labels::LINEAGE, lineage.to_owned())].into_iter().collect();
        fixture.statements.insert("copy-g2".to_owned(), newer);
        fixture
    };
    for (phase, lineage) in [(Phase::Running, "theirs"), (Phase::Pending, "theirs"), (Phase::Failed, "lineage")] {
        let found = with(phase, lineage);
        assert!(matches!(blocks(&found)[..], [Block::StateOlderThanCloud { .. }]), "{}", found.summary());
    }
    for phase in [Phase::Failed, Phase::Completed] {
        assert_eq!(with(phase, "theirs").summary(), "no changes");
    }
    // A number that this state has used is not newer than the state.
    let mut used = with(Phase::Failed, "lineage");
    used.recorded.statements.get_mut("copy").unwrap().last_generation = Generation(2);
    assert_eq!(used.summary(), "no changes");
}
