//! Other statements that run the SQL of a job.

use std::{sync::Arc, time::Duration};

use floe::{
    diff::{Action, Block, ImportMode, Note, PlanOptions},
    execute::StepFailure,
    planning,
    render::{self, PlanContext},
    resource::Address,
    simulator::OutOfBandChange,
};

use super::{TABLE, block_of, change_of, import, lose_state, running, submit_outside};
use crate::test_project::{TestProject, floe_toml, statement};

/// The SQL of a job, as it is declared.
const SQL: &str = "INSERT INTO target SELECT id, price FROM orders";
/// A job that reads the table.
const COPY: &str = "[statements.copy]\nsql = \"INSERT INTO target SELECT id, price FROM orders\"\n";

/// Returns a project in a catalog and database, with these statements.
fn project_in_catalog(statements: &str) -> TestProject {
    let properties = "properties = { \"sql.current-catalog\" = \"prod\", \"sql.current-database\" = \"core\" }\n";
    TestProject::new(&[
        ("floe.toml", &floe_toml(properties)),
        ("pools.toml", "[pools.main]\nmax_cfu = 10\n"),
        ("statements/s.toml", statements),
    ])
}

/// Returns what `status` and `drift` report about an address: whether it is unhealthy, and whether it drifted.
async fn reported(project: &TestProject, address: &Address) -> (bool, bool) {
    let recorded = Arc::new(project.recorded().await);
    let (cloud, options) = (project.cloud(), PlanOptions { fix_drift: true, ..PlanOptions::default() });
    let planned = planning::make_plan(&project.graph(), &project.secrets, &recorded, &cloud, &options).await.unwrap();
    let context = PlanContext::default();
    let status = render::status_rows(&planned.assessment, &context);
    let drift = render::drift_rows(&planned.assessment, &planned.plan, &context, &render::RunFlags::default());
    let is_unhealthy = status.iter().any(|row| row.address == *address && row.unhealthy);
    (is_unhealthy, drift.iter().any(|row| row.address == *address))
}

#[tokio::test(start_paused = true)]
async fn a_job_that_already_runs_under_another_name_is_not_started_a_second_time() {
    for (sql, mode) in [
        (SQL, ImportMode::AsIs),
        ("insert into prod.core.target select id, price from `prod`.core.orders", ImportMode::AsIs),
        (
            "EXECUTE STATEMENT SET BEGIN INSERT INTO prod.core.target SELECT id, price FROM prod.core.orders; INSERT INTO \
             prod.core.z SELECT id FROM prod.core.orders; END;",
            ImportMode::AsIs,
        ),
    ] {
        let mut project = project_in_catalog(TABLE);
        project.converge().await;
        let complete =
            sql.replace("INTO target", "INTO prod.core.target").replace("FROM orders", "FROM prod.core.orders");
        submit_outside(&project, "workspace-1", &complete).await;
        project.declare(&format!("{TABLE}{COPY}"));
        let run = project.apply().await;
        match block_of(&run.plan, "copy") {
            Block::Copy { name, has_same_sql: true, labeled_as: None, import, .. } => {
                assert_eq!((name.as_str(), import), ("workspace-1", mode), "{sql}");
            }
            other => panic!("{sql}: {other:#?}"),
        }
        assert_eq!(running(&project), ["workspace-1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_imported_or_accepted_as_the_plan_says() {
    for is_imported in [true, false] {
        let mut project = TestProject::with_statements(TABLE);
        project.converge().await;
        submit_outside(&project, "workspace-1", SQL).await;
        project.declare(&format!("{TABLE}{COPY}"));
        let Block::Copy { name, import: mode, accept, .. } = block_of(&project.plan().await, "copy") else { panic!() };
        assert_eq!((name.as_str(), mode), ("workspace-1", ImportMode::AsDeclared));
        if is_imported {
            import(&project, &[("copy", &name)], false).await.unwrap();
            project.converge().await;
            assert_eq!(running(&project), ["workspace-1"]);
            assert_eq!(reported(&project, &statement("copy")).await, (false, false));
        } else {
            project.declare(&format!("{TABLE}{COPY}accept = \"{accept}\"\n"));
            project.converge().await;
            assert_eq!(running(&project), ["copy", "workspace-1"]);
            // A person wanted it so.
            assert_eq!(reported(&project, &statement("copy")).await, (false, false));
            project.declare(&format!("{TABLE}{COPY}"));
            assert_eq!(reported(&project, &statement("copy")).await, (true, true));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_resumed_or_turned_on_is_checked_for_copies_too() {
    let stopped = format!("{TABLE}{COPY}stopped = true\n");
    for is_held in [true, false] {
        let mut project = TestProject::with_statements(&format!("{TABLE}{COPY}"));
        if is_held {
            project.declare(&stopped);
        }
        project.converge().await;
        project.declare(&stopped);
        project.converge().await;
        submit_outside(&project, "workspace-1", SQL).await;
        project.declare(&format!("{TABLE}{COPY}"));
        let run = project.apply().await;
        assert!(matches!(block_of(&run.plan, "copy"), Block::Copy { .. }), "{is_held}");
        assert_eq!(running(&project), ["workspace-1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_does_not_run_is_a_note() {
    let mut project = TestProject::with_statements(TABLE);
    project.converge().await;
    submit_outside(&project, "workspace-1", SQL).await;
    project.simulator.apply_out_of_band(OutOfBandChange::Stop("workspace-1".to_owned())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    project.declare(&format!("{TABLE}{COPY}"));
    let run = project.converge().await;
    let notes = &change_of(&run.plan, "copy").notes;
    assert_eq!(notes, &[Note::InactiveCopies { names: vec!["workspace-1".to_owned()] }]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_job_that_only_generates_rows_is_a_note() {
    let table =
        "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING, price INT) WITH ('connector' = 'faker')\"\n";
    let mut project = TestProject::with_statements(table);
    project.converge().await;
    submit_outside(&project, "workspace-1", SQL).await;
    project.declare(&format!("{table}{COPY}"));
    let run = project.converge().await;
    let notes = &change_of(&run.plan, "copy").notes;
    assert_eq!(notes, &[Note::GeneratingCopies { names: vec!["workspace-1".to_owned()] }]);
    assert_eq!(reported(&project, &statement("copy")).await, (false, false));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_appears_after_the_plan_is_noticed_before_the_job_is_submitted() {
    let mut project = TestProject::with_statements(TABLE);
    project.converge().await;
    project.declare(&format!("{TABLE}{COPY}"));
    let cloud = project.cloud();
    let (plan, recorded) = project.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    submit_outside(&project, "workspace-1", SQL).await;
    let report = project.execute(&cloud, &plan, recorded, &mut |_| {}).await;
    let expected = StepFailure::ForeignCopy { name: "workspace-1".to_owned() };
    assert_eq!(report.failed, [(statement("copy"), expected)]);
    assert!(report.failed[0].1.to_string().contains("exists and is not managed by this project"));
    assert!(!report.has_only_unreached_phases());
    assert_eq!(running(&project), ["workspace-1"]);
    assert!(matches!(block_of(&project.plan().await, "copy"), Block::Copy { .. }));
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_state_a_moved_job_is_found_by_its_label() {
    let moved = "[[moved]]\nfrom = \"statements.copy\"\nto = \"statements.copied\"\n";
    let copied = COPY.replace("statements.copy", "statements.copied");
    let mut project = TestProject::with_statements(&format!("{TABLE}{COPY}"));
    project.converge().await;
    project.declare(&format!("{TABLE}{copied}{moved}"));
    project.converge().await;
    lose_state(&mut project).await;
    // Without the block the job would be started a second time.
    project.declare(&format!("{TABLE}{copied}"));
    let run = project.apply().await;
    match block_of(&run.plan, "copied") {
        Block::Copy { name, labeled_as, import, .. } => {
            assert_eq!((name.as_str(), labeled_as), ("copy", Some(statement("copy"))));
            assert_eq!(import, ImportMode::AsDeclared);
        }
        other => panic!("{other:#?}"),
    }
    project.declare(&format!("{TABLE}{copied}{moved}"));
    let run = project.converge().await;
    assert!(matches!(change_of(&run.plan, "copied").action, Action::Adopt { .. }), "{:#?}", run.plan.changes);
    assert_eq!(running(&project), ["copy"]);
    assert!(project.simulator.audit_report().peak_running.values().all(|peak| *peak <= 1));
}

#[tokio::test(start_paused = true)]
async fn a_job_of_a_lost_address_blocks_only_new_jobs_with_its_sink() {
    let mut project = TestProject::with_statements(&format!("{TABLE}{COPY}"));
    project.converge().await;
    lose_state(&mut project).await;
    let other = |sink: &str| {
        format!(
            "{TABLE}[statements.other]\nsql = \"INSERT INTO {sink} SELECT id, price FROM orders WHERE price > 1\"\n"
        )
    };
    project.declare(&other("target"));
    match block_of(&project.plan().await, "other") {
        Block::Copy { name, has_same_sql: false, labeled_as, .. } => {
            assert_eq!((name.as_str(), labeled_as), ("copy", Some(statement("copy"))));
        }
        found => panic!("{found:#?}"),
    }
    project.declare(&other("elsewhere"));
    let plan = project.plan().await;
    assert!(!plan.is_blocked(), "{:#?}", plan.changes);
    assert_eq!(change_of(&plan, "copy").notes, [Note::LateSubmissions { names: vec!["copy".to_owned()] }]);
}
