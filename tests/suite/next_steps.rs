//! Follows the next steps that floe prints for blocked changes: each test takes the step and plans again.

mod imports;
mod notes;
mod pools;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use floe::{
    cloud::NewStatement,
    diff::{Action, AfterDeletion, Block, Note, PlanOptions, Strategy},
    plan::{Breach, StepRequest, Violation, check},
    planning::{self, PlanningOutput},
    render::{self, PlanContext},
    resource::{Address, Secrets},
    simulator::{EffectKind, ForcedOutcome, OutOfBandChange, Scenario, SimulatorOptions, StatementOverride},
    state::{Entry, Fact, Ledger, RunLedger},
};

use crate::{
    sample_statements::{COPY, TABLE},
    test_project::{TestProject, floe_toml, holder, statement},
};

/// A job with two sources that are not declared.
const JOIN: &str = "[statements.both]\nsql = \"INSERT INTO target SELECT id FROM a UNION ALL SELECT id FROM b\"\n";

/// Creates a project with these statements and applies it.
async fn applied_project(statements: &str) -> TestProject {
    let mut project = TestProject::with_statements(statements);
    project.converge().await;
    project
}

/// Makes a plan and returns the first block of this address.
async fn planned_block(project: &TestProject, address: &str) -> Block {
    block_in(&project.plan().await, address)
}

/// Returns the first block of this address in a plan. Panics if it is not blocked.
fn block_in(plan: &floe::plan::Plan, address: &str) -> Block {
    match plan.changes.get(&address.parse::<Address>().unwrap()).map(|change| &change.action) {
        Some(Action::Blocked { by }) => by[0].clone(),
        other => panic!("{address} is not blocked: {other:#?}"),
    }
}

/// Records a fact without a run, as `floe state mv` and `floe state rm` do.
async fn record_fact(project: &TestProject, fact: Fact) {
    let mut ledger = project.ledger.clone();
    ledger.lock(&holder(), Duration::ZERO).await.unwrap();
    let mut recorded = project.recorded().await;
    ledger.begin(&recorded).await.unwrap();
    let entries = [Entry::FactRecorded { fact }];
    recorded.apply(&entries[0]).unwrap();
    ledger.append(&entries).await.unwrap();
    ledger.compact(&recorded).await.unwrap();
}

/// Returns the fact that a record moved from one address to another.
fn moved_fact(from: &str, to: &str) -> Fact {
    Fact::Moved { from: statement(from), to: statement(to) }
}

/// Returns options that exclude these statements.
fn excluding(addresses: &[&str]) -> PlanOptions {
    PlanOptions { excludes: addresses.iter().map(|address| statement(address)).collect(), ..PlanOptions::default() }
}

/// Changes something in the simulated cloud outside floe.
fn change_outside(project: &TestProject, change: OutOfBandChange) {
    project.simulator.apply_out_of_band(change).unwrap();
}

/// Returns whether no effect in the simulated cloud stopped or deleted anything.
fn nothing_was_stopped_or_deleted(project: &TestProject) -> bool {
    project.simulator.effects().iter().all(|effect| !matches!(effect.kind, EffectKind::Stopped | EffectKind::Deleted))
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_record_was_moved_away_is_neither_adopted_nor_deleted() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    record_fact(&project, moved_fact("copy", "copied")).await;
    let elsewhere =
        Block::RecordedUnderOtherAddress { name: "copy".to_owned(), from: statement("copied"), to: statement("copy") };
    assert_eq!(planned_block(&project, "statements.copy").await, elsewhere);
    assert_eq!(planned_block(&project, "statements.copied").await, elsewhere);
    // Excluding the declared address does not allow floe to delete the statement of the other one.
    let run = project.apply_with_options(excluding(&["copy"])).await;
    assert_eq!(block_in(&run.plan, "statements.copied"), elsewhere);
    let run = project.apply_with_options(excluding(&["copy", "copied"])).await;
    assert!(!run.plan.is_blocked() && nothing_was_stopped_or_deleted(&project));
    record_fact(&project, moved_fact("copied", "copy")).await;
    project.converge().await;
    record_fact(&project, moved_fact("copy", "copied")).await;
    project.declare(&format!("{TABLE}{COPY}[[moved]]\nfrom = \"statements.copied\"\nto = \"statements.copy\"\n"));
    project.converge().await;
    assert!(nothing_was_stopped_or_deleted(&project), "{:?}", project.simulator.effects());
}

#[tokio::test(start_paused = true)]
async fn plan_check_rejects_two_addresses_with_one_cloud_name() {
    let project = TestProject::with_statements(&format!("{TABLE}{COPY}"));
    let (mut plan, recorded) = project.plan_with(&project.cloud(), &PlanOptions::default()).await.unwrap();
    for group in &mut plan.groups {
        for step in &mut group.forward {
            if let StepRequest::Submit { submission, .. } = &mut step.request {
                submission.name = "orders".to_owned();
            }
        }
    }
    let breach = Breach::NameOfAnother { name: "orders".to_owned(), owner: statement("orders") };
    assert_eq!(check(&plan, &recorded), [Violation { address: statement("copy"), breach }]);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_key_with_an_unchanged_cloud_name_needs_a_moved_block() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    let renamed = format!("{TABLE}{}name = \"copy\"\n", COPY.replace("statements.copy", "statements.renamed"));
    // Different SQL makes no difference, because the cloud name is the same.
    project.declare(&renamed.replace("SELECT id, price", "SELECT id"));
    assert!(matches!(planned_block(&project, "statements.renamed").await, Block::RecordedUnderOtherAddress { .. }));
    let run = project.apply_with_options(excluding(&["renamed"])).await;
    assert!(matches!(block_in(&run.plan, "statements.copy"), Block::RecordedUnderOtherAddress { .. }));
    project.declare(&format!("{renamed}[[moved]]\nfrom = \"statements.copy\"\nto = \"statements.renamed\"\n"));
    project.converge().await;
    assert!(nothing_was_stopped_or_deleted(&project), "{:?}", project.simulator.effects());
}

#[tokio::test(start_paused = true)]
async fn a_rename_to_a_taken_name_does_not_delete_the_original() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    let theirs = NewStatement {
        name: "renamed".to_owned(),
        sql: "INSERT INTO theirs SELECT id FROM orders".to_owned(),
        pool: Some(project.simulator.world_view().pools[0].id.clone()),
        ..NewStatement::default()
    };
    project.cloud().submit_statement(&theirs).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    project.declare(&format!("{TABLE}{}", COPY.replace("statements.copy", "statements.renamed")));
    assert!(matches!(planned_block(&project, "statements.renamed").await, Block::LooksLikeRename { .. }));
    let run = project.apply_with_options(excluding(&["renamed"])).await;
    assert!(matches!(block_in(&run.plan, "statements.copy"), Block::LooksLikeRename { .. }));
    assert_eq!(run.plan.foreign, 1);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_name_is_in_use_until_its_holder_is_replaced() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    let next = |name: &str| {
        let taken = format!("[statements.new]\nname = \"{name}\"\nsql = \"INSERT INTO other SELECT id FROM orders\"\n");
        format!("{TABLE}{COPY}name = \"copy-two\"\n{taken}")
    };
    project.declare(&next("copy"));
    let by = statement("copy");
    assert_eq!(planned_block(&project, "statements.new").await, Block::NameInUse { name: "copy".to_owned(), by });
    project.declare(&next("new"));
    project.converge().await;
    assert!(nothing_was_stopped_or_deleted(&project));
}

#[tokio::test(start_paused = true)]
async fn a_statement_with_the_projects_label_is_not_foreign() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    record_fact(&project, Fact::Forgotten { address: statement("copy") }).await;
    assert_eq!(project.plan().await.foreign, 0);
    project.converge().await;
}

#[tokio::test(start_paused = true)]
async fn the_last_recorded_object_is_removed_only_by_destroy() {
    let mut project = TestProject::with_statements(TABLE);
    project.write("pools.toml", "");
    project.write("floe.toml", &floe_toml("").replace("pool = \"main\"", ""));
    project.converge().await;
    project.declare("");
    assert_eq!(planned_block(&project, "statements.orders").await, Block::RemovesEverything);
    let run = project.apply_with_options(PlanOptions { destroy: true, ..PlanOptions::default() }).await;
    assert!(run.report.unwrap().is_complete());
    assert!(project.recorded().await.statements.is_empty());
}

/// Creates a project whose job `copy` was replaced by a generation that ran for a short time and is FAILED.
async fn project_with_failed_successor(more: &str) -> TestProject {
    let outcome = ForcedOutcome::Fails { after_seconds: 0.05, detail: "boom".to_owned() };
    let scenario =
        Scenario { overrides: vec![StatementOverride { name: "copy-g2".to_owned(), outcome }], ..Scenario::default() };
    let files = [
        ("floe.toml", floe_toml("")),
        ("pools.toml", "[pools.main]\nmax_cfu = 10\n".to_owned()),
        ("statements/s.toml", format!("{TABLE}{COPY}{more}")),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let mut project = TestProject::with_options(&files, SimulatorOptions { scenario, ..SimulatorOptions::default() });
    project.converge().await;
    let changed = format!("{TABLE}{COPY}{more}").replace("SELECT id, price", "SELECT id, price + 1");
    project.declare(&changed);
    let Block::LosesOffsets { accept, .. } = planned_block(&project, "statements.copy").await else {
        panic!("unexpected block")
    };
    project.declare(&format!("{changed}accept = \"{accept}\"\n"));
    let run = project.apply().await;
    assert!(!run.report.unwrap().is_complete());
    project
}

/// Returns the plan of a project, with the assessment that it was decided on.
async fn make_plan(project: &TestProject) -> PlanningOutput {
    let recorded = Arc::new(project.recorded().await);
    let options = PlanOptions::default();
    planning::make_plan(&project.graph(), &project.secrets, &recorded, &project.cloud(), &options).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn restoring_the_previous_sql_rolls_back_a_failed_successor() {
    let mut project = project_with_failed_successor("").await;
    let planned = make_plan(&project).await;
    let rows = render::status_rows(&planned.assessment, &PlanContext::default());
    let row = rows.iter().find(|row| row.address == statement("copy")).unwrap();
    let drift =
        render::drift_rows(&planned.assessment, &planned.plan, &PlanContext::default(), &render::RunFlags::default());
    let text = "stopped, because its successor `copy-g2` FAILED after it had run";
    assert!(row.unhealthy && planned.plan.changes[&statement("copy")].unhealthy, "{row:#?}");
    assert!(row.remarks.iter().any(|remark| remark.starts_with(text)), "{row:#?}");
    assert!(drift.len() == 1 && drift[0].difference.starts_with(text) && !drift[0].is_reverted, "{drift:#?}");
    let block = planned_block(&project, "statements.copy").await;
    assert!(matches!(&block, Block::FailedSuccessor { can_roll_back: true, .. }), "{block:?}");
    project.declare(&format!("{TABLE}{COPY}"));
    let run = project.converge().await;
    let change = &run.plan.changes[&statement("copy")];
    assert!(matches!(change.action, Action::RollBackReplacement { .. }), "{change:?}");
    assert_eq!(change.notes, [Note::SuccessorOutputRemains { name: "copy-g2".to_owned() }]);
    assert_eq!(project.phases()["copy"], "RUNNING");
    assert!(!project.phases().contains_key("copy-g2"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_successor_needs_a_new_consent() {
    let mut project = project_with_failed_successor("").await;
    let Block::FailedSuccessor { accept, .. } = planned_block(&project, "statements.copy").await else {
        panic!("unexpected block")
    };
    let changed = format!("{TABLE}{COPY}").replace("SELECT id, price", "SELECT id, price + 1");
    project.declare(&format!("{changed}accept = \"{accept}\"\n"));
    project.converge().await;
    assert_eq!(project.phases()["copy-g3"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_consent_expires_when_its_generation_never_ran() {
    let outcome = ForcedOutcome::Invalid("no such column".to_owned());
    let scenario =
        Scenario { overrides: vec![StatementOverride { name: "copy-g2".to_owned(), outcome }], ..Scenario::default() };
    let files = [("floe.toml", floe_toml("")), ("pools.toml", "[pools.main]\nmax_cfu = 10\n".to_owned())];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let mut project = TestProject::with_options(&files, SimulatorOptions { scenario, ..SimulatorOptions::default() });
    project.declare(&format!("{TABLE}{COPY}"));
    project.converge().await;
    let changed = format!("{TABLE}{COPY}").replace("SELECT id, price", "SELECT id, price + 1");
    project.declare(&changed);
    let Block::LosesOffsets { accept, .. } = planned_block(&project, "statements.copy").await else {
        panic!("unexpected block")
    };
    project.declare(&format!("{changed}accept = \"{accept}\"\n"));
    assert!(!project.apply().await.report.unwrap().is_complete());
    assert_eq!(project.phases()["copy"], "RUNNING");
    // The next run of a pipeline does not stop the job again.
    let Block::LosesOffsets { accept: next, .. } = planned_block(&project, "statements.copy").await else {
        panic!("unexpected block")
    };
    assert_ne!(accept, next);
    project.declare(&format!("{changed}accept = \"{next}\"\n"));
    project.converge().await;
}

/// Returns the statements with the hints of a block after the names of their sources.
fn with_hints(statements: &str, hints: &BTreeMap<String, String>) -> String {
    hints.iter().fold(statements.to_owned(), |pasted, (topic, offsets)| {
        let hint = format!(
            "{topic} /*+ OPTIONS('scan.startup.mode'='specific-offsets', 'scan.startup.specific-offsets'='{offsets}') */"
        );
        pasted.replace(&format!("FROM {topic}"), &format!("FROM {hint}"))
    })
}

#[tokio::test(start_paused = true)]
async fn a_deleted_job_restarts_from_the_hint_for_an_undeclared_source() {
    let copy = "[statements.copy]\nsql = \"INSERT INTO target SELECT id FROM theirs\"\n";
    let mut project = applied_project(copy).await;
    project.declare(&format!("{copy}stopped = true\n"));
    project.converge().await;
    change_outside(&project, OutOfBandChange::Purge("copy".into()));
    project.declare(copy);
    let Block::GoneWithUnknownSource { hints, .. } = planned_block(&project, "statements.copy").await else {
        panic!("unexpected block")
    };
    let pasted = with_hints(copy, &hints);
    assert_ne!(pasted, copy);
    project.declare(&pasted);
    let plan = project.plan().await;
    let Block::GoneWithoutOffsets { accept } = block_in(&plan, "statements.copy") else { panic!("unexpected block") };
    assert_eq!(plan.changes[&statement("copy")].notes, [Note::StartsWhereSqlSays]);
    project.declare(&format!("{pasted}accept = \"{accept}\"\n"));
    let run = project.converge().await;
    assert_eq!(run.plan.changes[&statement("copy")].notes, [Note::StartsWhereSqlSays]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_job_restarts_from_the_hint_for_an_unknown_sink_or_a_startup_option() {
    let sink = "[statements.target]\nsql = \"CREATE TABLE target (id STRING, price INT)\"\n";
    let starts = TABLE.replace("INT)", "INT) WITH ('scan.startup.mode' = 'latest-offset')");
    for statements in [format!("{TABLE}{COPY}"), format!("{sink}{starts}{COPY}")] {
        let mut project = applied_project(&statements).await;
        project.declare(&format!("{statements}stopped = true\n"));
        project.converge().await;
        change_outside(&project, OutOfBandChange::Purge("copy".into()));
        project.declare(&statements);
        let (Block::GoneWithUnknownSink { hints, .. } | Block::GoneWithStartupOption { hints, .. }) =
            planned_block(&project, "statements.copy").await
        else {
            panic!("unexpected block")
        };
        let pasted = with_hints(&statements, &hints);
        assert_ne!(pasted, statements);
        project.declare(&pasted);
        let Block::GoneWithoutOffsets { accept } = planned_block(&project, "statements.copy").await else {
            panic!("unexpected block")
        };
        project.declare(&format!("{pasted}accept = \"{accept}\"\n"));
        let run = project.converge().await;
        assert_eq!(run.plan.changes[&statement("copy")].notes, [Note::StartsWhereSqlSays]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_job_restarts_from_the_hints_for_several_sources() {
    let mut project = applied_project(JOIN).await;
    project.declare(&format!("{JOIN}stopped = true\n"));
    project.converge().await;
    change_outside(&project, OutOfBandChange::Purge("both".into()));
    project.declare(JOIN);
    let Block::GoneWithSeveralSources { hints, .. } = planned_block(&project, "statements.both").await else {
        panic!("unexpected block")
    };
    assert_eq!(hints.len(), 2, "{hints:?}");
    assert!(hints.values().all(|offsets| !offsets.contains("9223372036854775808")), "{hints:?}");
    let pasted = with_hints(JOIN, &hints);
    project.declare(&pasted);
    let plan = project.plan().await;
    let Block::GoneWithSeveralSources { hints, accept } = block_in(&plan, "statements.both") else {
        panic!("unexpected block")
    };
    assert!(hints.is_empty());
    assert_eq!(plan.changes[&statement("both")].notes, [Note::StartsWhereSqlSays]);
    project.declare(&format!("{pasted}accept = \"{accept}\"\n"));
    let run = project.converge().await;
    assert_eq!(run.plan.changes[&statement("both")].notes, [Note::StartsWhereSqlSays]);
}

#[tokio::test(start_paused = true)]
async fn targeting_a_removed_table_includes_its_removed_readers() {
    let table = format!("{TABLE}undo = \"DROP TABLE orders\"\n");
    let other = "[statements.other]\nsql = \"CREATE TABLE other (id INT)\"\n";
    let mut project = applied_project(&format!("{table}{COPY}{other}")).await;
    project.declare(other);
    assert!(matches!(planned_block(&project, "statements.orders").await, Block::DataLoss { .. }));
    let targets = [statement("orders")].into();
    let run =
        project.apply_with_options(PlanOptions { allow_data_loss: true, targets, ..PlanOptions::default() }).await;
    assert!(run.report.expect("the plan is blocked").is_complete());
    assert_eq!(project.phases().keys().collect::<Vec<_>>(), ["other"]);
}

#[tokio::test(start_paused = true)]
async fn targeting_a_removed_job_does_not_include_its_table() {
    let other = "[statements.other]\nsql = \"CREATE TABLE other (id INT)\"\n";
    let mut project = applied_project(&format!("{TABLE}{COPY}{other}")).await;
    project.declare(other);
    let targets = [statement("copy")].into();
    let run = project.apply_with_options(PlanOptions { targets, ..PlanOptions::default() }).await;
    assert_eq!(run.plan.changes.keys().collect::<Vec<_>>(), [&statement("copy")]);
    assert!(run.report.expect("the plan is blocked").is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_table_is_redefined_once_its_reader_is_removed_or_reads_elsewhere() {
    let table = |columns: &str| {
        format!("[statements.orders]\nsql = \"CREATE TABLE orders ({columns})\"\nundo = \"DROP TABLE orders\"\n")
    };
    let (before, after) = (table("id STRING, price INT"), table("id STRING, price BIGINT"));
    let allowed = || PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    let mut project = applied_project(&format!("{before}{COPY}")).await;
    project.declare(&format!("{after}{COPY}"));
    let run = project.apply_with_options(allowed()).await;
    assert!(matches!(block_in(&run.plan, "statements.orders"), Block::ObjectsInUse { .. }));
    // If the reader is removed in the same plan, it is deleted first.
    project.declare(&after);
    let run = project.apply_with_options(allowed()).await;
    let group = |key: &str| run.plan.groups.iter().find(|group| group.address == statement(key)).unwrap();
    assert_eq!(group("orders").after, [statement("copy")].into());
    assert!(run.report.unwrap().is_complete());
    // The table can also be redefined after its reader was changed to read another table.
    let mut project = applied_project(&format!("{before}{COPY}")).await;
    let elsewhere = format!("{}evolve = \"restart\"\n", COPY.replace("FROM orders", "FROM elsewhere"));
    project.declare(&format!("{before}{elsewhere}"));
    project.converge().await;
    project.declare(&format!("{after}{elsewhere}"));
    assert!(project.apply_with_options(allowed()).await.report.expect("the plan is blocked").is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_job_recreated_outside_is_resubmitted_after_deletion_and_consent() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    change_outside(&project, OutOfBandChange::Recreate("copy".into(), None));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let block = planned_block(&project, "statements.copy").await;
    let Block::RecreatedOutside { if_deleted: AfterDeletion::ResubmitWithConsent(accept), .. } = block else {
        panic!("{block:?}")
    };
    change_outside(&project, OutOfBandChange::Delete("copy".into()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    project.declare(&format!("{TABLE}{COPY}accept = \"{accept}\"\n"));
    let run = project.converge().await;
    let action = &run.plan.changes[&statement("copy")].action;
    assert!(matches!(action, Action::Replace { strategy: Strategy::FromSources, .. }), "{action:?}");
}

#[tokio::test(start_paused = true)]
async fn a_statement_recreated_outside_can_be_forgotten() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    change_outside(
        &project,
        OutOfBandChange::Recreate("copy".into(), Some("INSERT INTO theirs SELECT id FROM orders".into())),
    );
    tokio::time::sleep(Duration::from_secs(60)).await;
    record_fact(&project, Fact::Forgotten { address: statement("copy") }).await;
    project.declare(TABLE);
    project.converge().await;
    assert_eq!(project.phases()["copy"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_resumes_once_its_sql_is_restored() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    change_outside(&project, OutOfBandChange::Fail("copy".into(), "boom".into()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    project.declare(&format!("{TABLE}{COPY}").replace("SELECT id, price", "SELECT id"));
    assert!(matches!(planned_block(&project, "statements.copy").await, Block::FailedPredecessor { .. }));
    project.declare(&format!("{TABLE}{COPY}"));
    let run = project.apply_with_options(PlanOptions { fix_drift: true, ..PlanOptions::default() }).await;
    let report = run.report.unwrap();
    assert!(report.is_complete(), "{:#?}", report.failed);
    project.converge().await;
    assert_eq!(project.phases()["copy"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn only_running_jobs_are_reported_as_stopped_with_their_pool() {
    let other = "[statements.parked]\nsql = \"INSERT INTO parked SELECT id FROM orders\"\n";
    let mut project = applied_project(&format!("{TABLE}{COPY}{other}")).await;
    project.declare(&format!("{TABLE}{COPY}{other}stopped = true\n"));
    project.converge().await;
    project.create_unmanaged_pool().await;
    let id = project.recorded().await.pools["main"].id.clone();
    change_outside(&project, OutOfBandChange::DeletePool(id));
    tokio::time::sleep(Duration::from_secs(120)).await;
    let plan = project.plan().await;
    let change = &plan.changes[&Address::pool("main")];
    assert_eq!(change.notes, [Note::StoppedWithPool { statements: vec![statement("copy")] }]);
}

#[tokio::test(start_paused = true)]
async fn a_statement_with_prevent_destroy_is_deleted_once_the_guard_is_removed() {
    let guarded = format!("{TABLE}{COPY}prevent_destroy = true\n");
    let mut project = applied_project(&guarded).await;
    project.declare(TABLE);
    assert_eq!(planned_block(&project, "statements.copy").await, Block::PreventDestroy);
    project.declare(&format!("{TABLE}{COPY}"));
    project.converge().await;
    project.declare(TABLE);
    project.converge().await;
    assert!(!project.phases().contains_key("copy"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_without_a_value_is_noted_in_the_plan() {
    let with_secret = COPY.replace("SELECT id, price FROM orders", "SELECT id, '${secret.key}' FROM orders");
    let project = TestProject::with_statements(&format!("{TABLE}{with_secret}"));
    let real = "[project]\nname = \"test\"\n[environments.test]\norganization = \"00000000-0000-0000-0000-000000000000\"\n\
                id = \"env-sim\"\ncloud = \"aws\"\nregion = \"us-east-1\"\n[defaults]\npool = \"main\"\n[secrets]\nkey = { env = \"THE_KEY\" }\n";
    project.write("floe.toml", real);
    let expected = Note::SecretMissing { name: "key".to_owned() };
    assert_eq!(project.plan().await.changes[&statement("copy")].notes, [expected]);
    let known = TestProject { secrets: Secrets::new([("key".to_owned(), "v".to_owned())].into()), ..project };
    assert_eq!(known.plan().await.changes[&statement("copy")].notes, []);
}

#[tokio::test(start_paused = true)]
async fn a_job_becomes_a_definition_only_under_a_new_key() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    let table = "sql = \"CREATE TABLE IF NOT EXISTS target (id STRING, price INT)\"\n";
    project.declare(&format!("{TABLE}[statements.copy]\n{table}"));
    assert_eq!(planned_block(&project, "statements.copy").await, Block::JobCannotBecomeDefinition);
    project.declare(&format!("{TABLE}[statements.target]\n{table}"));
    project.converge().await;
    assert!(!project.phases().contains_key("copy"));
}

#[tokio::test(start_paused = true)]
async fn a_create_table_as_job_is_split_under_new_keys() {
    let whole =
        |price: &str| format!("[statements.t]\nsql = \"CREATE TABLE t AS SELECT id, {price} AS price FROM orders\"\n");
    let mut project = applied_project(&format!("{TABLE}{}", whole("price"))).await;
    project.declare(&format!("{TABLE}{}", whole("price + 1")));
    assert_eq!(planned_block(&project, "statements.t").await, Block::CannotReplaceCreateTableAs);
    project.declare(&format!(
        "{TABLE}[statements.t-table]\nsql = \"CREATE TABLE IF NOT EXISTS t (id STRING, price INT)\"\n\
         [statements.t-rows]\nsql = \"INSERT INTO t SELECT id, price + 1 FROM orders\"\n"
    ));
    project.converge().await;
    assert_eq!(project.phases()["t-rows"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_definition_changes_once_its_undo_is_applied() {
    for lenient in ["", "IF NOT EXISTS "] {
        let table = |columns: &str, more: &str| {
            format!("[statements.orders]\nsql = \"CREATE TABLE {lenient}orders ({columns})\"\n{more}")
        };
        let undo = "undo = \"DROP TABLE orders\"\n";
        let mut project = applied_project(&table("id STRING", "")).await;
        project.declare(&table("id INT", undo));
        let block = planned_block(&project, "statements.orders").await;
        assert!(matches!(block, Block::NoUndo | Block::IfNotExists), "{block:?}");
        project.declare(&table("id STRING", undo));
        project.converge().await;
        project.declare(&table("id INT", undo));
        let run = project.apply_with_options(PlanOptions { allow_data_loss: true, ..PlanOptions::default() }).await;
        assert!(run.report.expect("the plan is blocked").is_complete());
        project.converge().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_of_several_live_generations_is_adopted() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    let labels =
        project.simulator.world_view().statements.iter().find(|found| found.name == "copy").unwrap().labels.clone();
    let second = NewStatement {
        name: "copy-g2".to_owned(),
        sql: "INSERT INTO target SELECT id, price FROM orders".to_owned(),
        pool: Some(project.simulator.world_view().pools[0].id.clone()),
        labels,
        ..NewStatement::default()
    };
    project.cloud().submit_statement(&second).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(matches!(planned_block(&project, "statements.copy").await, Block::StateOlderThanCloud { .. }));
    record_fact(&project, Fact::Forgotten { address: statement("copy") }).await;
    assert!(matches!(planned_block(&project, "statements.copy").await, Block::UnexpectedGenerations { .. }));
    change_outside(&project, OutOfBandChange::Delete("copy".into()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    project.converge().await;
    assert_eq!(project.recorded().await.statements["copy"].current.clone().unwrap().sent.name, "copy-g2");
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_is_avoided_or_deleted_first() {
    let theirs = |project: &TestProject| NewStatement {
        name: "copy".to_owned(),
        sql: "INSERT INTO theirs SELECT id FROM orders".to_owned(),
        pool: Some(project.simulator.world_view().pools[0].id.clone()),
        ..NewStatement::default()
    };
    for is_left in [true, false] {
        let mut project = applied_project(TABLE).await;
        project.cloud().submit_statement(&theirs(&project)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        project.declare(&format!("{TABLE}{COPY}"));
        assert!(matches!(planned_block(&project, "statements.copy").await, Block::ForeignStatement { .. }));
        if is_left {
            project.declare(&format!("{TABLE}{COPY}name = \"ours\"\n"));
        } else {
            change_outside(&project, OutOfBandChange::Delete("copy".into()));
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        project.converge().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_manual_change_is_applied_with_consent() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    let by_hand = format!("{TABLE}{COPY}evolve = \"manual\"\n").replace("SELECT id, price", "SELECT id");
    project.declare(&by_hand);
    let Block::EvolveIsManual { accept } = planned_block(&project, "statements.copy").await else {
        panic!("unexpected block")
    };
    project.declare(&format!("{by_hand}accept = \"{accept}\"\n"));
    project.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_deleted_without_offsets_restarts_with_consent_or_is_removed() {
    for is_removed in [true, false] {
        let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
        change_outside(&project, OutOfBandChange::Delete("copy".into()));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let Block::GoneWithoutOffsets { accept } = planned_block(&project, "statements.copy").await else {
            panic!("unexpected block")
        };
        let kept = format!("{TABLE}{COPY}accept = \"{accept}\"\n");
        project.declare(if is_removed { TABLE } else { &kept });
        project.converge().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_is_replaced_with_consent() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    change_outside(&project, OutOfBandChange::Fail("copy".into(), "boom".into()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let changed = format!("{TABLE}{COPY}").replace("SELECT id, price", "SELECT id");
    project.declare(&changed);
    let Block::FailedPredecessor { accept, .. } = planned_block(&project, "statements.copy").await else {
        panic!("unexpected block")
    };
    project.declare(&format!("{changed}accept = \"{accept}\"\n"));
    project.converge().await;
    assert_eq!(project.phases()["copy-g2"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_definition_cannot_be_declared_stopped() {
    let mut project = applied_project(TABLE).await;
    project.declare(&format!("{TABLE}stopped = true\n"));
    assert_eq!(planned_block(&project, "statements.orders").await, Block::CannotStop);
    project.declare(TABLE);
    project.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_moved_block_onto_a_recorded_address_is_removed_or_one_record_is_forgotten() {
    let two = format!("{TABLE}{COPY}{}", COPY.replace("statements.copy", "statements.two").replace("target", "other"));
    let moved = "[[moved]]\nfrom = \"statements.two\"\nto = \"statements.copy\"\n";
    for is_removed in [true, false] {
        let mut project = applied_project(&two).await;
        project.declare(&format!("{TABLE}{COPY}{moved}"));
        assert!(matches!(planned_block(&project, "statements.copy").await, Block::MoveTargetRecorded { .. }));
        let run = project.apply_with_options(excluding(&["copy"])).await;
        assert!(matches!(block_in(&run.plan, "statements.two"), Block::MoveTargetRecorded { .. }));
        let run = project.apply_with_options(excluding(&["copy", "two"])).await;
        assert!(!run.plan.is_blocked(), "{:#?}", run.plan.changes);
        if is_removed {
            project.declare(&format!("{TABLE}{COPY}"));
        } else {
            record_fact(&project, Fact::Forgotten { address: statement("two") }).await;
        }
        project.converge().await;
        assert_eq!(project.phases().contains_key("two"), !is_removed);
    }
}

#[tokio::test(start_paused = true)]
async fn an_apparent_rename_is_applied_as_a_removal_and_an_addition() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    let renamed = format!("{TABLE}{}", COPY.replace("statements.copy", "statements.new"));
    project.declare(&renamed);
    assert!(matches!(planned_block(&project, "statements.new").await, Block::LooksLikeRename { .. }));
    project.declare(TABLE);
    project.converge().await;
    project.declare(&renamed);
    project.converge().await;
    assert_eq!(project.phases().keys().collect::<Vec<_>>(), ["new", "orders"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_with_prevent_destroy_is_replaced_once_the_guard_is_removed() {
    let guarded = |sql: &str, more: &str| format!("{TABLE}{}{more}", COPY.replace("SELECT id, price", sql));
    let mut project = applied_project(&guarded("SELECT id, price", "prevent_destroy = true\n")).await;
    project.declare(&guarded("SELECT id", "prevent_destroy = true\nevolve = \"restart\"\n"));
    assert_eq!(planned_block(&project, "statements.copy").await, Block::PreventDestroy);
    project.declare(&guarded("SELECT id, price", "evolve = \"restart\"\n"));
    project.converge().await;
    project.declare(&guarded("SELECT id", "evolve = \"restart\"\n"));
    project.converge().await;
}
