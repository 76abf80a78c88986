//! A plan that was broken in one way each, and the invariant that has to name it: a check that never objects is none.

use floe::{
    diff::{Action, Block, PlanOptions},
    plan::{Plan, Step, StepGroup, StepRequest, check},
    resource::{Address, Generation, Role},
    state::{Entry, Fact, Recorded},
};

use crate::world::{World, statement};

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
enum Of {
    Creation,
    Replacement,
    Removal,
}

async fn sound(of: Of) -> (Plan, Recorded) {
    let mut world = World::of(JOBS);
    let request = match of {
        Of::Creation => PlanOptions::default(),
        Of::Replacement => {
            world.converge().await;
            world.declare(&JOBS.replace("SELECT id, price", "SELECT id, price + 1"));
            PlanOptions::default()
        }
        Of::Removal => {
            world.converge().await;
            PlanOptions { destroy: true, allow_data_loss: true, ..PlanOptions::default() }
        }
    };
    world.plan_with(&world.cloud(), &request).await.unwrap()
}

fn passage<'p>(plan: &'p mut Plan, address: &Address) -> &'p mut StepGroup {
    plan.groups.iter_mut().find(|passage| passage.address == *address).unwrap()
}

/// The steps of `copy`.
fn steps(plan: &mut Plan) -> &mut Vec<Step> {
    &mut passage(plan, &statement("copy")).forward
}

type Breaks = fn(&mut Plan);

const BROKEN: [(&str, Of, Breaks); 12] = [
    ("the record takes the plan's entries", Of::Creation, |plan| {
        plan.entries.push(Entry::Record { fact: Fact::Promoted { key: "nobody".to_owned() } });
    }),
    ("a passage waits for earlier ones only", Of::Creation, |plan| plan.groups.reverse()),
    ("a passage waits for earlier ones only", Of::Creation, |plan| {
        let twice = plan.groups[0].clone();
        plan.groups.push(twice);
    }),
    ("a blocked plan runs nothing", Of::Creation, |plan| {
        plan.changes.get_mut(&statement("copy")).unwrap().action = Action::Blocked { by: vec![Block::NoUndo] };
    }),
    ("every passage carries out a change", Of::Creation, |plan| drop(plan.changes.remove(&statement("copy")))),
    ("only what is recorded or made here is touched", Of::Removal, |plan| {
        for step in steps(plan) {
            if let StepRequest::Delete { name, .. } = &mut step.request {
                *name = "theirs".to_owned();
            }
        }
    }),
    ("only what is recorded or made here is touched", Of::Removal, |plan| {
        for step in &mut passage(plan, &Address::pool("main")).forward {
            if let StepRequest::DeletePool { id } = &mut step.request {
                *id = "lfcp-theirs".to_owned();
            }
        }
    }),
    ("a generation's number is never used again", Of::Replacement, |plan| {
        for step in steps(plan) {
            if let StepRequest::Submit { submission, .. } = &mut step.request {
                (submission.generation, submission.name) = (Generation(1), "copy".to_owned());
            }
        }
    }),
    ("a job never runs twice", Of::Replacement, |plan| {
        steps(plan).retain(|step| !matches!(&step.request, StepRequest::Update { to, .. } if to.stopped));
    }),
    ("a resume on the way back follows a confirmed deletion", Of::Replacement, |plan| {
        passage(plan, &statement("copy")).rollback.iter_mut().for_each(|step| step.guard = None);
    }),
    ("data is dropped by consent only", Of::Removal, |plan| plan.options.allow_data_loss = false),
    ("what is in force is declared", Of::Creation, |plan| {
        steps(plan)
            .iter_mut()
            .for_each(|step| step.facts_on_success.retain(|fact| !matches!(fact, Fact::Declared { .. })));
    }),
];

#[tokio::test(start_paused = true)]
async fn every_invariant_objects_to_a_plan_that_breaks_it() {
    for (invariant, of, breaks) in BROKEN {
        let (mut plan, recorded) = sound(of).await;
        assert_eq!(check(&plan, &recorded), []);
        breaks(&mut plan);
        let found: Vec<_> = check(&plan, &recorded).iter().map(|violation| violation.invariant).collect();
        assert!(found.contains(&invariant), "{invariant}: {found:?}\n{plan:#?}");
    }
}

/// An undo is no second job, and a removal may run one: no objection to what is meant to be so.
#[tokio::test(start_paused = true)]
async fn an_undo_is_no_second_job() {
    let (plan, recorded) = sound(Of::Removal).await;
    let undoes =
        |step: &Step| matches!(&step.request, StepRequest::Submit { submission, .. } if submission.role == Role::Undo);
    assert!(plan.groups.iter().flat_map(|passage| &passage.forward).any(undoes));
    assert_eq!(check(&plan, &recorded), []);
}
