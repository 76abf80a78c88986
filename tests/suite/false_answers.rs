//! Answers that are not true, or that say less than they seem to: a key that was revoked, a pool that a key may not
//! see, and states of the world for which there is no simple plan. Each ends in a plan, or in choices for a person.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use floe::{
    cloud::{BoxFuture, Headers, HttpRequest, HttpResponse, Method, Transport, TransportError},
    diff::{Action, Block, PlanOptions},
    execute::{Event, StepFailure},
    render,
    resource::Address,
    simulator::{FaultRule, ForcedOutcome, InjectedFault, OutOfBandChange, Simulator, StatementOverride},
};
use tokio::time::Instant;

use crate::{
    sample_statements::TABLE_WITH_UNDO,
    test_project::{TestProject, statement},
};

/// The manifest of a job.
const COPY: &str = "[statements.copy]\nsql = \"INSERT INTO target SELECT id FROM orders\"\nevolve = \"restart\"\n";

/// Returns the options of a `destroy` that may drop data.
fn destroying() -> PlanOptions {
    PlanOptions { destroy: true, allow_data_loss: true, ..PlanOptions::default() }
}

/// Returns what blocks an address in the plan for these options.
async fn blocks(project: &TestProject, options: &PlanOptions, address: &Address) -> Vec<Block> {
    let plan = project.plan_with(&project.cloud(), options).await.unwrap().0;
    match &plan.changes.get(address).map(|change| &change.action) {
        Some(Action::Blocked { by }) => by.clone(),
        other => panic!("{address} is not blocked: {other:?}"),
    }
}

/// Deletes the pool `main` outside floe. Another pool shows that the key may see pools.
async fn delete_pool_outside(project: &TestProject) {
    project.create_unmanaged_pool().await;
    let id = project.recorded().await.pools["main"].id.clone();
    project.simulator.apply_out_of_band(OutOfBandChange::DeletePool(id)).unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
}

#[tokio::test(start_paused = true)]
async fn destroy_names_the_choices_if_an_undo_has_lost_its_pool() {
    let mut project = TestProject::with_statements(TABLE_WITH_UNDO);
    project.converge().await;
    delete_pool_outside(&project).await;
    let by = blocks(&project, &destroying(), &statement("orders")).await;
    assert!(
        matches!(&by[..], [Block::UndoNeedsPool { pool, is_declared: true, .. }] if *pool == Address::pool("main"))
    );
    // The first choice: create the pool again, then destroy.
    let target = PlanOptions { targets: [Address::pool("main")].into(), ..PlanOptions::default() };
    assert!(project.apply_with_options(target).await.report.unwrap().is_complete());
    let report = project.apply_with_options(destroying()).await.report.unwrap();
    assert!(report.is_complete(), "{:?}", report.failed);
    assert!(report.recorded.statements.is_empty() && report.recorded.pools.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_has_lost_an_undeclared_pool_names_its_choices() {
    let mut project = TestProject::with_statements(&format!("{TABLE_WITH_UNDO}pool = \"spare\"\n"));
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\n[pools.spare]\nmax_cfu = 10\n");
    project.converge().await;
    let id = project.recorded().await.pools["spare"].id.clone();
    project.simulator.apply_out_of_band(OutOfBandChange::DeletePool(id)).unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    project.declare("[statements.other]\nsql = \"CREATE TABLE other (id STRING)\"\n");
    let options = PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    let by = blocks(&project, &options, &statement("orders")).await;
    assert!(matches!(&by[..], [Block::UndoNeedsPool { is_declared: false, .. }]), "{by:?}");
}

/// The pool keeps its key, and from now on its id is declared. Its job runs on.
#[tokio::test(start_paused = true)]
async fn an_owned_pool_with_a_running_job_can_be_declared_by_its_id() {
    let mut project = TestProject::with_statements(&format!("{TABLE_WITH_UNDO}{COPY}"));
    project.converge().await;
    let id = project.recorded().await.pools["main"].id.clone();
    project.write("pools.toml", &format!("[pools.main]\nid = \"{id}\"\n"));
    // A change of the job in the same plan.
    project.declare(&format!("{TABLE_WITH_UNDO}{}", COPY.replace("SELECT id", "SELECT id, 1")));
    project.converge().await;
    assert!(project.recorded().await.pools.is_empty());
    assert_eq!(project.simulator.world_view().pools.len(), 1);
    assert_eq!(project.phases()["copy-g2"], "RUNNING");
}

/// A transport whose Cloud API key may lose its role: the list of pools is empty then, and each pool is "not found".
struct RolelessTransport {
    /// The simulator that answers everything else.
    simulator: Simulator,
    /// Whether the key has lost its role.
    has_no_role: Arc<AtomicBool>,
}

impl Transport for RolelessTransport {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let path = request.url.split('?').next().unwrap_or_default().to_owned();
        if request.method != Method::GET || !path.contains("compute-pools") || !self.has_no_role.load(Ordering::Relaxed)
        {
            return self.simulator.send(request);
        }
        let id = path.rsplit('/').next().unwrap_or_default();
        let (status, body) = if id == "compute-pools" {
            (200, "{\"data\":[],\"metadata\":{}}".to_owned())
        } else {
            (403, format!("{{\"errors\":[{{\"detail\":\"The compute pool {id} was not found.\"}}]}}"))
        };
        Box::pin(async move { Ok(HttpResponse { status, headers: Headers::default(), body: body.into_bytes() }) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_lost_its_role_does_not_make_a_pool_absent() {
    let mut project = TestProject::with_statements(TABLE_WITH_UNDO);
    project.converge().await;
    let has_no_role = Arc::new(AtomicBool::new(true));
    let roleless = || {
        let simulator = project.simulator.clone();
        project.cloud_through(Arc::new(RolelessTransport { simulator, has_no_role: Arc::clone(&has_no_role) }))
    };
    for options in [PlanOptions::default(), destroying()] {
        let plan = project.plan_with(&roleless(), &options).await.unwrap().0;
        let change = plan.changes.get(&Address::pool("main")).unwrap_or_else(|| panic!("{:#?}", plan.changes));
        assert!(
            matches!(&change.action, Action::Blocked { by } if matches!(by[..], [Block::PresenceUnknown { .. }])),
            "{change:#?}"
        );
    }
    has_no_role.store(false, Ordering::Relaxed);
    assert!(!project.plan_with(&roleless(), &PlanOptions::default()).await.unwrap().0.is_blocked());
}

/// The key is revoked right after a job was stopped for its replacement.
#[tokio::test(start_paused = true)]
async fn a_key_revoked_in_a_wait_is_reported_at_once_and_ends_the_wait_soon() {
    for status in [401, 403] {
        let mut project = TestProject::with_statements(&format!("{TABLE_WITH_UNDO}{COPY}"));
        project.converge().await;
        project.declare(&format!("{TABLE_WITH_UNDO}{}", COPY.replace("SELECT id", "SELECT id, 1")));
        let cloud = project.cloud();
        let (plan, recorded) = project.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
        let simulator = project.simulator.clone();
        let (mut stopped_at, mut told_after) = (None, None);
        let mut watch = |event: Event| match event {
            Event::RequestAccepted { request, .. } if request.to_string() == "stopping copy" => {
                simulator.push_fault(FaultRule::always(InjectedFault::Status(status)));
                stopped_at = Some(Instant::now());
            }
            Event::AccessRefused { name, error, .. } => {
                assert!(name == "copy" && error.refuses_key());
                told_after.get_or_insert_with(|| stopped_at.unwrap().elapsed());
            }
            _ => {}
        };
        let report = project.execute(&cloud, &plan, recorded, &mut watch).await;
        assert!(told_after.unwrap() < Duration::from_secs(5), "{told_after:?}");
        assert!(stopped_at.unwrap().elapsed() < Duration::from_secs(120), "{:?}", stopped_at.unwrap().elapsed());
        assert!(matches!(&report.failed[..], [(_, StepFailure::RequestFailed(error))] if error.refuses_key()));
        let said = render::report_text(
            &report,
            &plan,
            &render::RunFlags::default(),
            render::Style { width: 200, color: false },
        );
        assert!(said.contains("left stopped, but should be running: statements.copy"), "{said}");
        project.simulator.clear_faults();
        project.converge().await;
        assert_eq!(project.phases()["copy-g2"], "RUNNING");
    }
}

#[tokio::test(start_paused = true)]
async fn a_generation_number_is_not_used_again_under_another_key() {
    let failing = |name: &str| StatementOverride { name: name.into(), outcome: ForcedOutcome::Invalid("no".into()) };
    let job = |key: &str, table: &str| {
        format!("[statements.{key}]\nsql = \"INSERT INTO {table} SELECT id FROM orders\"\nevolve = \"restart\"\n")
    };
    let mut project = TestProject::with_statements(&format!("{TABLE_WITH_UNDO}{}", job("b", "doubled")));
    for name in ["b", "c-g2"] {
        project.simulator.push_override(failing(name));
    }
    project.apply().await;
    let moved = "[[moved]]\nfrom = \"statements.b\"\nto = \"statements.c\"\n";
    project.declare(&format!("{TABLE_WITH_UNDO}{}{moved}", job("c", "doubled")));
    project.apply().await;
    assert_eq!(project.phases().get("c-g2").map(String::as_str), Some("FAILED"), "{:?}", project.phases());
    project.declare(&format!("{TABLE_WITH_UNDO}{}{}", job("c", "doubled"), job("b", "tripled")));
    project.apply().await;
    let creations = project.simulator.audit_report().creations;
    assert!(creations.values().all(|count| *count == 1), "{creations:?}");
    assert_eq!(project.phases().get("b-g3").map(String::as_str), Some("RUNNING"), "{:?}", project.phases());
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_destroy_names_destroy_as_the_next_step() {
    let mut project = TestProject::with_statements(&format!("{TABLE_WITH_UNDO}{COPY}"));
    project.converge().await;
    let cloud = project.cloud();
    let (plan, recorded) = project.plan_with(&cloud, &destroying()).await.unwrap();
    let (sender, interrupt) = tokio::sync::watch::channel(floe::execute::Interrupt::None);
    let mut interrupt_at_stop = |event: Event| {
        if matches!(&event, Event::RequestAccepted { request, .. } if request.to_string() == "stopping copy") {
            sender.send(floe::execute::Interrupt::Abort).unwrap();
        }
    };
    let report = project.execute_with_interrupt(interrupt, &cloud, &plan, recorded, &mut interrupt_at_stop).await;
    let said =
        render::report_text(&report, &plan, &render::RunFlags::default(), render::Style { width: 200, color: false });
    assert!(said.contains("`floe destroy -e local --allow-data-loss` continues from here"), "{said}");
    assert!(!said.contains("floe apply"), "{said}");
}

/// A pool and a job that were requested twice are deleted without a contradiction in the record.
#[tokio::test(start_paused = true)]
async fn destroy_ends_after_requests_that_were_lost_or_rejected() {
    for fault in [InjectedFault::LostBeforeEffect, InjectedFault::LostThenApplied(100.0), InjectedFault::Forbidden] {
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            for kill_after in [3.0, 600.0] {
                let mut project = TestProject::with_statements(&format!("{TABLE_WITH_UNDO}{COPY}"));
                project.converge().await;
                project.simulator.push_fault(FaultRule::once(fault.clone()).on(method.clone()));
                let run = project.apply_with_options(destroying());
                let _ = tokio::time::timeout(Duration::from_secs_f64(kill_after), run).await;
                project.simulator.clear_faults();
                for _ in 0..3 {
                    project.apply_with_options(destroying()).await;
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                let recorded = project.recorded().await;
                let what = format!("{fault:?} {method} {kill_after}");
                assert!(recorded.statements.is_empty() && recorded.pools.is_empty(), "{what}: {recorded:#?}");
                assert!(project.phases().is_empty(), "{what}: {:?}", project.phases());
            }
        }
    }
}

/// Whatever happened to a statement outside floe, a plan that sees it does not contradict its own checks.
#[tokio::test(start_paused = true)]
async fn no_state_of_the_world_makes_a_plan_that_fails_its_checks() {
    let changes: Vec<fn(&TestProject)> = vec![
        |_| {},
        |project| project.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap(),
        |project| project.simulator.apply_out_of_band(OutOfBandChange::Delete("copy".into())).unwrap(),
        |project| project.simulator.apply_out_of_band(OutOfBandChange::Recreate("copy".into(), None)).unwrap(),
        |project| project.simulator.apply_out_of_band(OutOfBandChange::Delete("orders".into())).unwrap(),
    ];
    for change in changes {
        for loses_pool in [false, true] {
            let mut project = TestProject::with_statements(&format!("{TABLE_WITH_UNDO}{COPY}"));
            project.converge().await;
            change(&project);
            tokio::time::sleep(Duration::from_secs(60)).await;
            let id = project.recorded().await.pools["main"].id.clone();
            if loses_pool {
                delete_pool_outside(&project).await;
            }
            let pool_manifests = ["[pools.main]\nmax_cfu = 10\n".to_owned(), format!("[pools.main]\nid = \"{id}\"\n")];
            for pools in pool_manifests {
                project.write("pools.toml", &pools);
                for statements in [format!("{TABLE_WITH_UNDO}{COPY}"), TABLE_WITH_UNDO.to_owned(), COPY.to_owned()] {
                    project.declare(&statements);
                    for options in [
                        PlanOptions { allow_data_loss: true, ..PlanOptions::default() },
                        PlanOptions { targets: [statement("orders")].into(), ..destroying() },
                        PlanOptions {
                            targets: [statement("orders")].into(),
                            allow_data_loss: true,
                            ..PlanOptions::default()
                        },
                        destroying(),
                    ] {
                        // `plan_with` panics if the plan violates a check.
                        project.plan_with(&project.cloud(), &options).await.unwrap();
                    }
                }
            }
        }
    }
}
