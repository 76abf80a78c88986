//! Breaks a valid plan in one way at a time, and asserts that the check reports the violated invariant. A check that
//! never objects is worthless.

use floe::{
    diff::{Action, Block, PlanOptions},
    plan::{Breach, Invariant, Plan, Step, StepGroup, StepRequest, Violation, check},
    resource::{Address, Generation, Role},
    state::{Entry, Fact, FurthestPhase, Recorded},
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
const BROKEN_PLANS: [(Invariant, BasePlan, BreakPlan); 15] = [
    (Invariant::EntriesApply, BasePlan::Creation, |plan| {
        plan.entries.push(Entry::FactRecorded { fact: Fact::Promoted { key: "missing".to_owned() } });
    }),
    (Invariant::GroupsWaitForEarlier, BasePlan::Creation, |plan| plan.groups.reverse()),
    (Invariant::GroupsWaitForEarlier, BasePlan::Creation, |plan| {
        let twice = plan.groups[0].clone();
        plan.groups.push(twice);
    }),
    (Invariant::BlockedPlanRunsNothing, BasePlan::Creation, |plan| {
        plan.changes.get_mut(&statement("copy")).unwrap().action = Action::Blocked { by: vec![Block::NoUndo] };
    }),
    (Invariant::GroupsHaveChanges, BasePlan::Creation, |plan| drop(plan.changes.remove(&statement("copy")))),
    (Invariant::GroupsChangeOnlyTheirOwn, BasePlan::Removal, |plan| {
        for step in copy_steps(plan) {
            if let StepRequest::Delete { name, .. } = &mut step.request {
                *name = "theirs".to_owned();
            }
        }
    }),
    (Invariant::GroupsChangeOnlyTheirOwn, BasePlan::Removal, |plan| {
        for step in &mut step_group(plan, &Address::pool("main")).forward {
            if let StepRequest::DeletePool { id } = &mut step.request {
                *id = "lfcp-theirs".to_owned();
            }
        }
    }),
    (Invariant::GenerationNumbersAreNew, BasePlan::Replacement, |plan| {
        for step in copy_steps(plan) {
            if let StepRequest::Submit { submission, .. } = &mut step.request {
                (submission.generation, submission.name) = (Generation(1), "copy".to_owned());
            }
        }
    }),
    (Invariant::NamesBelongToOneAddress, BasePlan::Creation, |plan| {
        for step in copy_steps(plan) {
            if let StepRequest::Submit { submission, .. } = &mut step.request {
                submission.name = "orders".to_owned();
            }
        }
    }),
    (Invariant::GoneGenerationsAreConfirmed, BasePlan::Replacement, |plan| {
        let gone = Fact::GenerationGone { key: "copy".to_owned(), name: "copy".to_owned() };
        copy_steps(plan)[0].facts_on_success.push(gone);
    }),
    (Invariant::PoolsAreDeletedEmpty, BasePlan::Removal, |plan| {
        step_group(plan, &Address::pool("main")).after.remove(&statement("copy"));
    }),
    (Invariant::OneGenerationRuns, BasePlan::Replacement, |plan| {
        copy_steps(plan).retain(|step| !matches!(&step.request, StepRequest::Update { to, .. } if to.stopped));
    }),
    (Invariant::RollbackResumeIsGuarded, BasePlan::Replacement, |plan| {
        step_group(plan, &statement("copy")).rollback.iter_mut().for_each(|step| step.guard = None);
    }),
    (Invariant::DataLossHasConsent, BasePlan::Removal, |plan| plan.options.allow_data_loss = false),
    (Invariant::GenerationsInForceAreDeclared, BasePlan::Creation, |plan| {
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
        let found: Vec<_> = check(&plan, &recorded).iter().map(|violation| violation.breach.invariant()).collect();
        assert!(found.contains(&invariant), "{invariant}: {found:?}\n{plan:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_generation_that_never_took_effect_is_not_deleted_unconditionally() {
    let (plan, mut recorded) = valid_plan(BasePlan::Removal).await;
    recorded.statements.get_mut("copy").unwrap().current.as_mut().unwrap().reached = FurthestPhase::Submitted;
    let breach = Breach::MayHaveTakenEffect { name: "copy".to_owned() };
    assert_eq!(check(&plan, &recorded), [Violation { address: statement("copy"), breach }]);
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
