//! Breaks a valid plan in one way at a time, and asserts that the check reports the violated invariant. A check that
//! never objects is worthless.

use floe::{
    diff::{Action, Block, PlanOptions},
    plan::{Plan, Step, StepGroup, StepRequest, check},
    resource::{Address, Generation, Role},
    state::{Entry, Fact, Recorded},
};

use crate::test_project::{TestProject, statement};

/// The manifest of a table and of a job that reads it.
const JOBS: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
undo = "DROP TABLE orders"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
evolve = "restart"
"#;

/// The kind of plan that is broken.
#[derive(Clone, Copy)]
enum BasePlan {
    /// A plan that creates everything.
    Creation,
    /// A plan that replaces the job.
    Replacement,
    /// A plan that removes everything.
    Removal,
}

/// Returns a valid plan of that kind, with the record it applies to.
async fn valid_plan(base: BasePlan) -> (Plan, Recorded) {
    let mut project = TestProject::with_statements(JOBS);
    let request = match base {
        BasePlan::Creation => PlanOptions::default(),
        BasePlan::Replacement => {
            project.converge().await;
            project.declare(&JOBS.replace("SELECT id, price", "SELECT id, price + 1"));
            PlanOptions::default()
        }
        BasePlan::Removal => {
            project.converge().await;
            PlanOptions { destroy: true, allow_data_loss: true, ..PlanOptions::default() }
        }
    };
    project.plan_with(&project.cloud(), &request).await.unwrap()
}

/// Returns the step group of `address`.
fn step_group<'p>(plan: &'p mut Plan, address: &Address) -> &'p mut StepGroup {
    plan.groups.iter_mut().find(|group| group.address == *address).unwrap()
}

/// Returns the forward steps of `copy`.
fn copy_steps(plan: &mut Plan) -> &mut Vec<Step> {
    &mut step_group(plan, &statement("copy")).forward
}

/// A function that breaks a plan.
type BreakPlan = fn(&mut Plan);

/// The violated invariant, the kind of plan, and the function that breaks it.
const BROKEN_PLANS: [(&str, BasePlan, BreakPlan); 12] = [
    ("plan entries apply to the record", BasePlan::Creation, |plan| {
        plan.entries.push(Entry::FactRecorded { fact: Fact::Promoted { key: "missing".to_owned() } });
    }),
    ("a step group waits only for earlier ones", BasePlan::Creation, |plan| plan.groups.reverse()),
    ("a step group waits only for earlier ones", BasePlan::Creation, |plan| {
        let twice = plan.groups[0].clone();
        plan.groups.push(twice);
    }),
    ("a blocked plan runs nothing", BasePlan::Creation, |plan| {
        plan.changes.get_mut(&statement("copy")).unwrap().action = Action::Blocked { by: vec![Block::NoUndo] };
    }),
    ("every step group carries out a change", BasePlan::Creation, |plan| drop(plan.changes.remove(&statement("copy")))),
    ("a step group changes only its own resources", BasePlan::Removal, |plan| {
        for step in copy_steps(plan) {
            if let StepRequest::Delete { name, .. } = &mut step.request {
                *name = "theirs".to_owned();
            }
        }
    }),
    ("a step group changes only its own resources", BasePlan::Removal, |plan| {
        for step in &mut step_group(plan, &Address::pool("main")).forward {
            if let StepRequest::DeletePool { id } = &mut step.request {
                *id = "lfcp-theirs".to_owned();
            }
        }
    }),
    ("a generation number is never reused", BasePlan::Replacement, |plan| {
        for step in copy_steps(plan) {
            if let StepRequest::Submit { submission, .. } = &mut step.request {
                (submission.generation, submission.name) = (Generation(1), "copy".to_owned());
            }
        }
    }),
    ("a job never runs twice at once", BasePlan::Replacement, |plan| {
        copy_steps(plan).retain(|step| !matches!(&step.request, StepRequest::Update { to, .. } if to.stopped));
    }),
    ("a rollback resumes only after a confirmed deletion", BasePlan::Replacement, |plan| {
        step_group(plan, &statement("copy")).rollback.iter_mut().for_each(|step| step.guard = None);
    }),
    ("dropping data requires consent", BasePlan::Removal, |plan| plan.options.allow_data_loss = false),
    ("a generation in force has a recorded declaration", BasePlan::Creation, |plan| {
        copy_steps(plan)
            .iter_mut()
            .for_each(|step| step.facts_on_success.retain(|fact| !matches!(fact, Fact::Declared { .. })));
    }),
];

#[tokio::test(start_paused = true)]
async fn every_invariant_rejects_a_plan_that_breaks_it() {
    for (invariant, of, break_plan) in BROKEN_PLANS {
        let (mut plan, recorded) = valid_plan(of).await;
        assert_eq!(check(&plan, &recorded), []);
        break_plan(&mut plan);
        let found: Vec<_> = check(&plan, &recorded).iter().map(|violation| violation.invariant).collect();
        assert!(found.contains(&invariant), "{invariant}: {found:?}\n{plan:#?}");
    }
}

/// An undo is not a second job, and a removal may run one, so the check must not object.
#[tokio::test(start_paused = true)]
async fn an_undo_is_not_a_second_running_job() {
    let (plan, recorded) = valid_plan(BasePlan::Removal).await;
    let is_undo =
        |step: &Step| matches!(&step.request, StepRequest::Submit { submission, .. } if submission.role == Role::Undo);
    assert!(plan.groups.iter().flat_map(|group| &group.forward).any(is_undo));
    assert_eq!(check(&plan, &recorded), []);
}
