//! The conditions of a resource, as `plan`, `status` and `drift` show them. All three speak from the same assessment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use floe::{
    assess::{self, DeclaredNames, Evidence},
    diff::{Action, Note, PlanOptions},
    live::Live,
    planning::{self, PlanningOutput},
    render::{self, DriftRow, PlanContext, RunFlags, StatusRow, Style},
    resource::{Address, Intent, IntentId, Operation},
    settle,
    simulator::{ForcedOutcome, OutOfBandChange, Scenario, SimulatorOptions, StatementOverride, Switches},
    state::Entry,
};

use crate::{
    sample_statements::{COPY, TABLE},
    test_project::{TestProject, empty_record, floe_toml, pool, statement},
};

/// Returns the manifest of a table and of a job that reads it.
fn jobs() -> String {
    format!("{TABLE}{COPY}")
}

/// What the commands that read the same project say.
struct Readers {
    /// The plan.
    plan: PlanningOutput,
    /// The plan with `--fix-drift`.
    fixing: PlanningOutput,
    /// The rows of `status`.
    status: Vec<StatusRow>,
    /// The rows of `drift`.
    drift: Vec<DriftRow>,
    /// The text of `drift`.
    drift_text: String,
}

impl Readers {
    /// Returns the row of an address in `status`.
    fn row(&self, address: &Address) -> &StatusRow {
        self.status.iter().find(|row| row.address == *address).unwrap()
    }

    /// Returns what `drift` says about an address.
    fn differences(&self, address: &Address) -> Vec<&str> {
        self.drift.iter().filter(|row| row.address == *address).map(|row| row.difference.as_str()).collect()
    }

    /// Asserts that nobody reports anything, and that the plan is empty.
    fn assert_quiet(&self) {
        assert!(!self.plan.plan.has_changes() && !self.plan.plan.is_blocked(), "{:#?}", self.plan.plan.changes);
        assert!(self.status.iter().all(|row| !row.unhealthy), "{:#?}", self.status);
        assert_eq!(self.drift, []);
    }
}

/// Reads a project as `plan`, `status` and `drift` do, and asserts that they agree.
async fn read(project: &TestProject) -> Readers {
    let (graph, recorded, cloud) = (project.graph(), Arc::new(project.recorded().await), project.cloud());
    let make = async |fix_drift| {
        let options = PlanOptions { fix_drift, ..PlanOptions::default() };
        planning::make_plan(&graph, &project.secrets, &recorded, &cloud, &options).await.unwrap()
    };
    let (plan, fixing) = (make(false).await, make(true).await);
    let context = PlanContext::default();
    let status = render::status_rows(&plan.assessment, &context);
    let drift = render::drift_rows(&fixing.assessment, &fixing.plan, &context, &RunFlags::default());
    let style = Style { width: 100, color: false };
    let drift_text = render::drift_text(&graph.project.environment, &drift, &RunFlags::default(), style);
    for row in &status {
        let in_plan = plan.plan.changes.get(&row.address).is_some_and(|change| change.unhealthy);
        assert_eq!(row.unhealthy, in_plan, "{row:#?} {:#?}", plan.plan.changes);
    }
    for row in &drift {
        let remarks = &status.iter().find(|found| found.address == row.address).unwrap().remarks;
        assert!(remarks.contains(&row.difference), "{row:#?} {remarks:#?}");
        assert_eq!(row.is_reverted, row.help.is_none());
        assert!(!row.is_reverted || fixing.plan.changes[&row.address].is_pending(), "{:#?}", fixing.plan.changes);
    }
    // The advice is given only if that plan changes something.
    let is_advised = drift_text.contains("--fix-drift` plans the changes");
    assert!(!is_advised || fixing.plan.has_changes(), "{drift_text}");
    assert_eq!(is_advised, drift.iter().any(|row| row.is_reverted), "{drift_text}");
    Readers { plan, fixing, status, drift, drift_text }
}

/// A change outside floe, and what the commands say about it.
struct Case {
    /// What happens outside floe.
    change: OutOfBandChange,
    /// The address that it is about.
    address: &'static str,
    /// A text that `status` shows, and that `drift` shows if it is drift.
    text: &'static str,
    /// Whether the resource is unhealthy.
    unhealthy: bool,
    /// Whether it is drift.
    drift: bool,
    /// Whether `--fix-drift` reverts it.
    reverted: bool,
}

/// Returns one case for each thing that can happen to a converged project.
fn cases(pool: &str) -> Vec<Case> {
    let case = |change, address, text, (unhealthy, drift, reverted)| Case {
        change,
        address,
        text,
        unhealthy,
        drift,
        reverted,
    };
    let (copy, id) = (|| "copy".to_owned(), || pool.to_owned());
    let (job, main) = ("statements.copy", "pools.main");
    vec![
        case(OutOfBandChange::Stop(copy()), job, "stopped outside floe", (true, true, true)),
        case(OutOfBandChange::Fail(copy(), "boom".to_owned()), job, "FAILED: boom", (true, true, true)),
        case(OutOfBandChange::Complete(copy()), job, "COMPLETED although", (true, true, false)),
        case(OutOfBandChange::Degrade(copy()), job, "DEGRADED", (true, false, false)),
        case(
            OutOfBandChange::Warn(copy(), "CRITICAL".to_owned(), "state grows".to_owned()),
            job,
            "state grows",
            (true, false, false),
        ),
        case(
            OutOfBandChange::Warn(copy(), "LOW".to_owned(), "state grows".to_owned()),
            job,
            "state grows",
            (false, false, false),
        ),
        case(OutOfBandChange::Recreate(copy(), None), job, "created again", (true, true, false)),
        case(OutOfBandChange::Purge(copy()), job, "no longer exists", (true, true, false)),
        case(
            OutOfBandChange::SetPoolMaxCfu(id(), 20),
            main,
            "its max_cfu was changed outside floe: 10 → 20",
            (false, true, false),
        ),
        case(OutOfBandChange::FailPool(id()), main, "could not provision", (true, false, false)),
    ]
}

#[tokio::test(start_paused = true)]
async fn plan_status_and_drift_agree_about_everything_that_happens_outside_floe() {
    for number in 0..cases("").len() {
        let mut project = TestProject::with_statements(&jobs());
        project.converge().await;
        read(&project).await.assert_quiet();
        let pool = project.simulator.world_view().pools[0].id.clone();
        let Case { change, address, text, unhealthy, drift, reverted } = cases(&pool).swap_remove(number);
        project.simulator.apply_out_of_band(change).unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let address: Address = address.parse().unwrap();
        let readers = read(&project).await;
        let row = readers.row(&address);
        assert!(row.remarks.iter().any(|remark| remark.contains(text)), "{text}: {row:#?}");
        assert_eq!(row.unhealthy, unhealthy, "{text}: {row:#?}");
        let differences = readers.differences(&address);
        assert_eq!(differences.iter().any(|found| found.contains(text)), drift, "{text}: {differences:?}");
        assert_eq!(readers.drift.iter().any(|row| row.is_reverted), reverted, "{text}: {:#?}", readers.fixing.plan);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_resumed_outside_floe_is_unhealthy_and_drift() {
    let mut project = TestProject::with_statements(&format!("{}stopped = true\n", jobs()));
    project.converge().await;
    project.declare(&jobs());
    project.converge().await;
    project.declare(&format!("{}stopped = true\n", jobs()));
    project.converge().await;
    project.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".to_owned())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let readers = read(&project).await;
    assert!(readers.row(&statement("copy")).unhealthy);
    assert_eq!(
        readers.differences(&statement("copy")),
        ["running although `stopped = true`: it was resumed outside floe"]
    );
    assert_eq!(readers.fixing.plan.changes[&statement("copy")].action, Action::Stop);
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_free_cfu_is_unhealthy_in_plan_and_status() {
    let outcome = ForcedOutcome::PoolExhausted;
    let scenario =
        Scenario { overrides: vec![StatementOverride { name: "copy".to_owned(), outcome }], ..Scenario::default() };
    let mut project = project_with(&jobs(), SimulatorOptions { scenario, ..SimulatorOptions::default() });
    assert!(!project.apply().await.report.unwrap().is_complete());
    let readers = read(&project).await;
    let row = readers.row(&statement("copy"));
    assert!(row.unhealthy && row.remarks.iter().any(|remark| remark.starts_with("POOL_EXHAUSTED")), "{row:#?}");
    assert_eq!(readers.drift, []);
}

/// Returns a project with these statements on a simulator with these options.
fn project_with(statements: &str, options: SimulatorOptions) -> TestProject {
    let (floe, pools) = (floe_toml(""), "[pools.main]\nmax_cfu = 10\n");
    TestProject::with_options(
        &[("floe.toml", &floe), ("pools.toml", pools), ("statements/s.toml", statements)],
        options,
    )
}

#[tokio::test(start_paused = true)]
async fn what_the_service_normalizes_or_adds_is_no_change_and_no_drift() {
    let switches = Switches { normalizes: true, ..Switches::default() };
    let statements = "[statements.orders]\nsql = \"\"\"\nCREATE TABLE orders (id STRING); -- the orders\n\"\"\"\n\
        [statements.copy]\nsql = \"  INSERT INTO target SELECT id FROM orders /* all */ ;\"\n";
    let mut project = project_with(statements, SimulatorOptions { switches, ..SimulatorOptions::default() });
    project.converge().await;
    let shown = project.cloud().fetch_statement("copy").await.unwrap().unwrap().live;
    assert_eq!(shown.sql, "INSERT INTO target SELECT id FROM orders");
    assert!(shown.properties.contains_key("sql.local-time-zone"), "{:?}", shown.properties);
    read(&project).await.assert_quiet();
    project.simulator.apply_out_of_band(OutOfBandChange::Recreate("copy".to_owned(), None)).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let readers = read(&project).await;
    assert!(readers.plan.plan.is_blocked() && readers.row(&statement("copy")).phase == "foreign");
    assert_eq!(readers.differences(&statement("copy")), ["deleted and created again under the same name outside floe"]);
    assert!(readers.drift_text.contains("`--fix-drift` does not revert it."), "{}", readers.drift_text);
}

#[tokio::test(start_paused = true)]
async fn a_lowered_max_cfu_is_a_note_and_no_drift() {
    let mut project = TestProject::with_statements(&jobs());
    project.write("pools.toml", "[pools.main]\nmax_cfu = 20\n");
    project.converge().await;
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    for _ in 0..2 {
        let run = project.converge().await;
        assert!(!run.plan.has_work(), "{:#?}", run.plan);
        let change = &run.plan.changes[&Address::pool("main")];
        assert_eq!(change.notes, [Note::CannotLowerMaxCfu { live: 20, desired: 10 }]);
        assert!(!change.is_pending() && !change.unhealthy);
        assert_eq!(read(&project).await.drift, []);
    }
    // A rename in the same change is applied, and the larger size stays on record.
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\ndisplay_name = \"smaller\"\n");
    project.converge().await;
    assert_eq!(read(&project).await.drift, []);
    let pool = project.simulator.world_view().pools[0].id.clone();
    project.simulator.apply_out_of_band(OutOfBandChange::SetPoolMaxCfu(pool, 50)).unwrap();
    let readers = read(&project).await;
    assert_eq!(readers.differences(&Address::pool("main")), ["its max_cfu was changed outside floe: 20 → 50"]);
    let text = readers.drift_text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("Set `max_cfu = 50` to keep it."), "{text}");
    project.write("pools.toml", "[pools.main]\nmax_cfu = 50\ndisplay_name = \"smaller\"\n");
    project.converge().await;
    read(&project).await.assert_quiet();
}

#[test]
fn a_pool_that_an_interrupted_run_requested_is_listed_as_unhealthy() {
    let mut recorded = empty_record();
    let operation = Operation::CreatePool { pool: pool("main"), existing_ids: BTreeSet::new() };
    let intent = Intent { id: IntentId("run-1".to_owned()), address: Address::pool("main"), operation, sent_at: None };
    recorded.apply(&Entry::IntentOpened { intent, secrets: BTreeMap::new() }).unwrap();
    let live = Live::from_resources(BTreeMap::new(), Some(BTreeMap::new()));
    let (recorded, settlement) = settle::settle(&recorded, &live).unwrap();
    let declared = DeclaredNames::default();
    let evidence = Evidence { recorded: &recorded, settlement: &settlement, live: &live, declared: &declared };
    let rows = render::status_rows(&assess::assess(evidence), &PlanContext::default());
    assert_eq!((rows.len(), &rows[0].address), (1, &Address::pool("main")));
    assert_eq!((rows[0].phase.as_str(), rows[0].unhealthy), ("open", true), "{rows:#?}");
}
