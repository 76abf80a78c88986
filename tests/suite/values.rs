//! Values of secrets: one that is set later, or changes after its statement was adopted, is a change.

use std::collections::BTreeMap;

use floe::{
    diff::{Action, Reason},
    resource::Secrets,
    state::Memory,
};

use crate::world::{World, project, statement};

const JOB: &str = r#"
[statements.job]
sql = "INSERT INTO t SELECT ML_PREDICT('m', '${secret.s}') FROM o"
evolve = "restart"
"#;

fn world() -> World {
    let main = project("[secrets]\ns = { env = \"S\" }\n");
    World::new(&[("floe.toml", &main), ("pools.toml", "[pools.main]\nmax_cfu = 10\n"), ("statements/s.toml", JOB)])
}

fn value(text: &str) -> Secrets {
    Secrets::new(BTreeMap::from([("s".to_owned(), text.to_owned())]))
}

fn is_seen(plan: &floe::plan::Plan) {
    let change = &plan.changes[&statement("job")];
    assert!(change.reasons.contains(&Reason::SecretChanged { name: "s".to_owned() }), "{change:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_set_after_a_placeholder_went_out_is_a_change() {
    let mut world = world();
    world.converge().await;
    world.secrets = value("hunter2hunter2");
    is_seen(&world.plan().await);
    world.converge().await;
    assert_eq!(world.phases()["job-g2"], "RUNNING");
    // Where it is not set nobody can tell, and nothing is done.
    world.secrets = Secrets::default();
    assert!(!world.plan().await.has_changes());
}

#[tokio::test(start_paused = true)]
async fn a_value_that_changes_after_an_adoption_is_a_change() {
    let mut world = world();
    world.secrets = value("hunter2hunter2");
    world.converge().await;
    let pool = world.recorded().await.pools["main"].id.clone();
    world.write("pools.toml", &format!("[pools.main]\nid = \"{pool}\"\n"));
    world.ledger = Memory::new();
    let run = world.converge().await;
    assert!(matches!(run.plan.changes[&statement("job")].action, Action::Adopt { .. }), "{:#?}", run.plan.changes);
    world.secrets = value("correct-horse");
    is_seen(&world.plan().await);
}
