//! A plan that was broken in one way each, and the invariant that has to name it: a check that never objects is none.

use floe::{
    diff::{Action, Block, PlanOptions},
    plan::{Plan, Step, StepGroup, StepRequest, check},
    resource::{Address, Generation, Role},
    state::{Entry, Fact, Recorded},
};

use crate::test_project::{TestProject, statement};

const JOBS: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
undo = "DROP TABLE orders"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
evolve = "restart"
"#;

/// Which plan is broken.
#[derive(Clone, Copy)]
enum BasePlan {
    Creation,
    Replacement,
    Removal,
}

async fn valid_plan(of: BasePlan) -> (Plan, Recorded) {
    let mut project = TestProject::with_statements(JOBS);
    let request = match of {
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

fn step_group<'p>(plan: &'p mut Plan, address: &Address) -> &'p mut StepGroup {
    plan.groups.iter_mut().find(|passage| passage.address == *address).unwrap()
}

/// The steps of `copy`.
fn copy_steps(plan: &mut Plan) -> &mut Vec<Step> {
    &mut step_group(plan, &statement("copy")).forward
}

type BreakPlan = fn(&mut Plan);

const BROKEN_PLANS: [(&str, BasePlan, BreakPlan); 12] = [
    ("the record takes the plan's entries", BasePlan::Creation, |plan| {
        plan.entries.push(Entry::FactRecorded { fact: Fact::Promoted { key: "nobody".to_owned() } });
    }),
    ("a passage waits for earlier ones only", BasePlan::Creation, |plan| plan.groups.reverse()),
    ("a passage waits for earlier ones only", BasePlan::Creation, |plan| {
        let twice = plan.groups[0].clone();
        plan.groups.push(twice);
    }),
    ("a blocked plan runs nothing", BasePlan::Creation, |plan| {
        plan.changes.get_mut(&statement("copy")).unwrap().action = Action::Blocked { by: vec![Block::NoUndo] };
    }),
    ("every passage carries out a change", BasePlan::Creation, |plan| drop(plan.changes.remove(&statement("copy")))),
    ("only what is recorded or made here is touched", BasePlan::Removal, |plan| {
        for step in copy_steps(plan) {
            if let StepRequest::Delete { name, .. } = &mut step.request {
                *name = "theirs".to_owned();
            }
        }
    }),
    ("only what is recorded or made here is touched", BasePlan::Removal, |plan| {
        for step in &mut step_group(plan, &Address::pool("main")).forward {
            if let StepRequest::DeletePool { id } = &mut step.request {
                *id = "lfcp-theirs".to_owned();
            }
        }
    }),
    ("a generation's number is never used again", BasePlan::Replacement, |plan| {
        for step in copy_steps(plan) {
            if let StepRequest::Submit { submission, .. } = &mut step.request {
                (submission.generation, submission.name) = (Generation(1), "copy".to_owned());
            }
        }
    }),
    ("a job never runs twice", BasePlan::Replacement, |plan| {
        copy_steps(plan).retain(|step| !matches!(&step.request, StepRequest::Update { to, .. } if to.stopped));
    }),
    ("a resume on the way back follows a confirmed deletion", BasePlan::Replacement, |plan| {
        step_group(plan, &statement("copy")).rollback.iter_mut().for_each(|step| step.guard = None);
    }),
    ("data is dropped by consent only", BasePlan::Removal, |plan| plan.options.allow_data_loss = false),
    ("what is in force is declared", BasePlan::Creation, |plan| {
        copy_steps(plan)
            .iter_mut()
            .for_each(|step| step.facts_on_success.retain(|fact| !matches!(fact, Fact::Declared { .. })));
    }),
];

#[tokio::test(start_paused = true)]
async fn every_invariant_rejects_a_plan_that_breaks_it() {
    for (invariant, of, breaks) in BROKEN_PLANS {
        let (mut plan, recorded) = valid_plan(of).await;
        assert_eq!(check(&plan, &recorded), []);
        breaks(&mut plan);
        let found: Vec<_> = check(&plan, &recorded).iter().map(|violation| violation.invariant).collect();
        assert!(found.contains(&invariant), "{invariant}: {found:?}\n{plan:#?}");
    }
}

/// An undo is no second job, and a removal may run one: no objection to what is meant to be so.
#[tokio::test(start_paused = true)]
async fn an_undo_is_not_a_second_running_job() {
    let (plan, recorded) = valid_plan(BasePlan::Removal).await;
    let is_undo =
        |step: &Step| matches!(&step.request, StepRequest::Submit { submission, .. } if submission.role == Role::Undo);
    assert!(plan.groups.iter().flat_map(|passage| &passage.forward).any(is_undo));
    assert_eq!(check(&plan, &recorded), []);
}
