//! Statements that exist without a record: they are adopted only if they are what is declared, and imported otherwise.

use std::{sync::Arc, time::Duration};

use floe::{
    cloud::NewStatement,
    diff::{Action, Block, ImportMode, Note, PlanOptions, Reason},
    planning::ImportError,
    resource::{Labels, Properties, labels},
    simulator::OutOfBandChange,
};

use super::{TABLE, block_of, change_of, import, lose_state, running, submit, submit_outside};
use crate::test_project::{TestProject, statement};

/// A job that reads the table.
const COPY: &str = "[statements.copy]\nsql = \"INSERT INTO target SELECT id, price FROM orders\"\n";

/// Returns the labels of a statement of the test project.
fn our_labels(key: &str) -> Labels {
    [(labels::PROJECT, "test".to_owned()), (labels::ADDRESS, statement(key).to_string())].into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn a_labeled_statement_that_is_not_what_is_declared_is_blocked_and_shown() {
    let sql = "INSERT INTO target SELECT id, price FROM orders";
    let principal =
        "[statements.copy]\nprincipal = \"sa-1\"\nsql = \"INSERT INTO target SELECT id, price FROM orders\"\n";
    for (sql, properties, declared, expected) in [
        ("INSERT INTO target SELECT id FROM orders", &[][..], COPY, "sql"),
        (sql, &[("sql.state-ttl", "1 d")][..], COPY, "property"),
        (sql, &[][..], principal, "principal"),
    ] {
        let mut project = TestProject::with_statements(TABLE);
        project.converge().await;
        let new = NewStatement {
            name: "copy".to_owned(),
            sql: sql.to_owned(),
            pool: Some(project.simulator.world_view().pools[0].id.clone()),
            properties: properties.iter().map(|(key, value)| (*key, (*value).to_owned())).collect::<Properties<_>>(),
            labels: our_labels("copy"),
            ..NewStatement::default()
        };
        submit(&project, new).await;
        project.declare(&format!("{TABLE}{declared}"));
        let run = project.apply().await;
        let differs = Block::AdoptionDiffers { name: "copy".to_owned(), import: ImportMode::AsIs };
        assert_eq!(block_of(&run.plan, "copy"), differs);
        let reasons = &change_of(&run.plan, "copy").reasons;
        let field = match &reasons[..] {
            [Reason::SqlChanged { .. }] => "sql",
            [Reason::PropertyChanged { .. }] => "property",
            [Reason::PrincipalChanged { .. }] => "principal",
            other => panic!("{other:#?}"),
        };
        assert_eq!(field, expected);
        assert!(!project.recorded().await.statements.contains_key("copy"));
    }
}

#[tokio::test(start_paused = true)]
async fn layout_and_what_floe_adds_make_no_difference_to_adoption() {
    let mut project = TestProject::with_statements(TABLE);
    project.converge().await;
    for properties in [
        vec![("sql.tables.initial-offset-from", "before")],
        vec![
            ("sql.tables.scan.startup.mode", "specific-offsets"),
            ("sql.tables.scan.startup.specific-offsets", "partition:0,offset:1"),
        ],
    ] {
        let new = NewStatement {
            name: "copy".to_owned(),
            sql: "insert into target\n  select id, price from orders;".to_owned(),
            pool: Some(project.simulator.world_view().pools[0].id.clone()),
            properties: properties.iter().map(|(key, value)| (*key, (*value).to_owned())).collect::<Properties<_>>(),
            labels: our_labels("copy"),
            ..NewStatement::default()
        };
        submit(&project, new).await;
        project.declare(&format!("{TABLE}{COPY}"));
        let run = project.converge().await;
        assert!(matches!(change_of(&run.plan, "copy").action, Action::Adopt { .. }), "{:#?}", run.plan.changes);
        project.declare(TABLE);
        project.converge().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_an_operator_stopped_stays_stopped_after_a_lost_state() {
    let mut project = TestProject::with_statements(&format!("{TABLE}{COPY}"));
    project.converge().await;
    project.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".to_owned())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    lose_state(&mut project).await;
    let run = project.apply().await;
    assert!(matches!(change_of(&run.plan, "copy").action, Action::Adopt { .. }));
    for _ in 0..2 {
        let run = project.apply().await;
        assert_eq!(change_of(&run.plan, "copy").notes, [Note::StoppedOutside]);
        assert_eq!(project.phases()["copy"], "STOPPED");
    }
}

#[tokio::test(start_paused = true)]
async fn the_undo_of_an_adopted_definition_is_not_run() {
    let table =
        |columns: &str| format!("[statements.t]\nsql = \"CREATE TABLE bar ({columns})\"\nundo = \"DROP TABLE bar\"\n");
    let mut project = TestProject::with_statements("");
    project.converge().await;
    let new = NewStatement {
        name: "t".to_owned(),
        sql: "CREATE TABLE bar (id INT)".to_owned(),
        pool: Some(project.simulator.world_view().pools[0].id.clone()),
        labels: our_labels("t"),
        ..NewStatement::default()
    };
    submit(&project, new).await;
    project.declare(&table("id INT"));
    project.converge().await;
    let options = PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    project.declare(&table("id STRING"));
    let run = project.apply_with_options(options.clone()).await;
    assert_eq!(block_of(&run.plan, "t"), Block::AdoptedDefinition);
    project.declare(TABLE);
    let run = project.apply_with_options(PlanOptions { targets: [statement("t")].into(), ..options }).await;
    assert_eq!(change_of(&run.plan, "t").action, Action::Forget);
    assert!(!project.phases().keys().any(|name| name.contains("undo")), "{:?}", project.phases());
}

#[tokio::test(start_paused = true)]
async fn rows_are_inserted_again_into_a_table_that_is_created_again() {
    let mut project = TestProject::with_statements(
        "[statements.ref]\nsql = \"CREATE TABLE refd (id INT)\"\nundo = \"DROP TABLE refd\"\n\
         [statements.rows]\nsql = \"INSERT INTO refd VALUES (1)\"\n",
    );
    project.converge().await;
    let options = PlanOptions { destroy: true, allow_data_loss: true, ..PlanOptions::default() };
    assert!(project.apply_with_options(options).await.report.unwrap().is_complete());
    let run = project.converge().await;
    assert!(matches!(change_of(&run.plan, "rows").action, Action::Create { .. }), "{:#?}", run.plan.changes);
    assert_eq!(project.phases()["rows-g2"], "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn older_generations_of_an_adopted_job_are_recorded_as_retired() {
    let job = |price: u32| {
        format!(
            "{TABLE}[statements.copy]\nevolve = \"restart\"\nsql = \"INSERT INTO target SELECT id, price FROM orders \
             WHERE price > {price}\"\n"
        )
    };
    let mut project = TestProject::with_statements(&job(1));
    project.converge().await;
    project.declare(&job(2));
    project.converge().await;
    assert_eq!(project.phases()["copy"], "STOPPED");
    lose_state(&mut project).await;
    let run = project.converge().await;
    let Action::Adopt { retired, .. } = &change_of(&run.plan, "copy").action else { panic!() };
    assert_eq!(retired, &["copy"]);
    project.declare(TABLE);
    project.converge().await;
    assert!(running(&project).is_empty() && !project.phases().contains_key("copy"), "{:?}", project.phases());
}

#[tokio::test(start_paused = true)]
async fn a_statement_made_elsewhere_is_imported_under_a_free_name() {
    let long = format!("workspace-{}-g7", "x".repeat(80));
    for name in ["workspace-2026-01-02", "etl-g7", long.as_str()] {
        let mut project = TestProject::with_statements(TABLE);
        project.converge().await;
        submit_outside(&project, name, "INSERT INTO target SELECT id, price FROM orders").await;
        project.declare(&format!("{TABLE}{COPY}evolve = \"restart\"\n"));
        let imported = import(&project, &[("copy", name)], false).await.unwrap();
        assert_eq!(imported[0].differences, []);
        let plan = project.plan().await;
        assert!(!plan.has_changes() && !plan.is_blocked(), "{:#?}", plan.changes);
        // The next generation has the declared name.
        project.declare(&format!("{TABLE}{COPY}evolve = \"restart\"\n").replace("id, price", "id"));
        project.converge().await;
        assert_eq!(running(&project).len(), 1, "{:?}", project.phases());
        assert!(running(&project)[0].starts_with("copy"), "{:?}", project.phases());
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_statement_with_the_name_is_imported_as_the_plan_says() {
    for (sql, mode) in [
        ("INSERT INTO target SELECT id, price FROM orders", ImportMode::AsDeclared),
        ("INSERT INTO theirs SELECT id FROM orders", ImportMode::AsIs),
    ] {
        let mut project = TestProject::with_statements(TABLE);
        project.converge().await;
        submit_outside(&project, "copy", sql).await;
        project.declare(&format!("{TABLE}{COPY}"));
        let foreign = Block::ForeignStatement { name: "copy".to_owned(), import: mode };
        assert_eq!(block_of(&project.plan().await, "copy"), foreign);
        import(&project, &[("copy", "copy")], mode == ImportMode::AsIs).await.unwrap();
        let plan = project.plan().await;
        match mode {
            ImportMode::AsIs => assert!(matches!(block_of(&plan, "copy"), Block::LosesOffsets { .. })),
            _ => assert!(!plan.has_changes() && !plan.is_blocked(), "{:#?}", plan.changes),
        }
        assert_eq!(running(&project), ["copy"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_records_nothing_if_one_of_its_statements_cannot_be_imported() {
    let mut project = TestProject::with_statements(TABLE);
    project.converge().await;
    submit_outside(&project, "theirs", "INSERT INTO target SELECT id, price FROM orders").await;
    project.declare(&format!("{TABLE}{COPY}[statements.other]\nsql = \"INSERT INTO o SELECT id FROM orders\"\n"));
    let before = project.recorded().await;
    for pairs in [[("copy", "theirs"), ("other", "nothere")], [("copy", "theirs"), ("other", "orders")]] {
        assert!(import(&project, &pairs, true).await.is_err());
        assert_eq!(project.recorded().await, before);
    }
    let again = import(&project, &[("orders", "orders")], false).await.unwrap_err();
    assert!(matches!(again, ImportError::AlreadyRecorded { .. }), "{again}");
}

#[tokio::test(start_paused = true)]
async fn an_import_writes_no_secret_into_the_state() {
    let table = |with: &str| format!("[statements.m]\nsql = \"CREATE TABLE m (id STRING){with}\"\n");
    let toml = crate::test_project::floe_toml("[secrets]\ns = { env = \"S\" }\n");
    let mut project = TestProject::new(&[
        ("floe.toml", &toml),
        ("pools.toml", "[pools.main]\nmax_cfu = 10\n"),
        ("statements/s.toml", ""),
    ]);
    project.converge().await;
    submit_outside(&project, "theirs", "CREATE TABLE m (id STRING) WITH ('x.api-key' = 'hunter2hunter2')").await;
    project.declare(&table(""));
    let refused = import(&project, &[("m", "theirs")], true).await.unwrap_err();
    assert!(matches!(refused, ImportError::ExposesSecret { .. }), "{refused}");
    project.declare(&table(" WITH ('x.api-key' = '${secret.s}')"));
    import(&project, &[("m", "theirs")], false).await.unwrap();
    let written = serde_json::to_string(&project.recorded().await).unwrap();
    assert!(!written.contains("hunter2") && written.contains("${secret.s}"), "{written}");
    let recorded = Arc::new(project.recorded().await);
    assert!(recorded.statements["m"].current.is_some());
}
