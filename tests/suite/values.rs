//! Values of secrets: one that is set later, or changes after its statement was adopted, is a change.

use std::{collections::BTreeMap, time::Duration};

use floe::{
    diff::{Action, Block, PlanOptions, Reason},
    plan::stale_reasons,
    planning,
    resource::{HashKey, Secrets},
    simulator::OutOfBandChange,
    state::Memory,
};

use crate::world::{World, nothing_recorded, project, statement};

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

/// The service quotes what was submitted. Where the variable is not set the value is still read off what the cloud shows.
#[tokio::test(start_paused = true)]
async fn a_value_that_is_not_set_here_is_hidden_where_the_service_quotes_it() {
    let mut world = world();
    world.secrets = value("hunter2hunter2");
    world.converge().await;
    let detail = "cannot read ML_PREDICT('m', 'hunter2hunter2')".to_owned();
    world.simulator.apply_out_of_band(OutOfBandChange::Fail("job".to_owned(), detail)).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    for secrets in [value("hunter2hunter2"), Secrets::default()] {
        world.secrets = secrets;
        let recorded = std::sync::Arc::new(world.recorded().await);
        let (cloud, request) = (world.cloud(), PlanOptions::default());
        let planned = planning::planned(&world.graph(), &world.secrets, &recorded, &cloud, &request).await.unwrap();
        let written = serde_json::to_string(&planned.plan).unwrap();
        assert!(written.contains("cannot read ML_PREDICT('m', '${secret.s}')"), "{written}");
        assert!(!written.contains("hunter2") && planned.secrets.redact("hunter2hunter2") == "${secret.s}", "{written}");
    }
}

/// `world` as somebody finds it whose state is gone: its pool is given by its id.
async fn without_its_state(world: &mut World) {
    let pool = world.recorded().await.pools["main"].id.clone();
    world.write("pools.toml", &format!("[pools.main]\nid = \"{pool}\"\n"));
    world.ledger = Memory::new();
}

/// Everything that a plan says and that is kept of it.
async fn written(world: &World, run: &crate::world::Run) -> String {
    serde_json::to_string(&run.plan).unwrap() + &serde_json::to_string(&world.recorded().await).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_git_took_out_is_not_adopted_into_a_new_state() {
    for (option, more, known) in [
        // Its value is known here, whatever the option is called.
        ("x.what", "", "hunter2hunter2"),
        // Nobody knows the value here, and the option's name says what it is.
        ("x.api-key", "", ""),
        // A property, and the SQL is as declared.
        ("x.what", "[statements.m.properties]\n'x.y' = '${secret.s}'\n", "hunter2hunter2"),
    ] {
        let table =
            |with: &str, more: &str| format!("[statements.m]\nsql = \"CREATE TABLE m (id STRING){with}\"\n{more}");
        let main = project("[secrets]\ns = { env = \"S\" }\n");
        let pools = ("pools.toml", "[pools.main]\nmax_cfu = 10\n");
        let with = if more.is_empty() { format!(" WITH ('{option}' = '${{secret.s}}')") } else { String::new() };
        let mut world = World::new(&[("floe.toml", &main), pools, ("statements/s.toml", &table(&with, more))]);
        world.secrets = value("hunter2hunter2");
        world.converge().await;
        without_its_state(&mut world).await;
        world.declare(&table("", ""));
        world.secrets = value(known);
        let run = world.apply().await;
        assert!(!written(&world, &run).await.contains("hunter2"), "{option} {more}");
        let blocked = Action::Blocked { by: vec![Block::AdoptionExposesSecret { name: "m".to_owned() }] };
        assert_eq!(run.plan.changes[&statement("m")].action, blocked, "{option} {more}");
        // What the block says to do: declare what runs; it is taken over, and changed by the plan after that.
        world.declare(&table(&with, more));
        let run = world.converge().await;
        assert!(matches!(run.plan.changes[&statement("m")].action, Action::Adopt { .. }), "{:#?}", run.plan.changes);
        assert!(!written(&world, &run).await.contains("hunter2"), "{option} {more}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_option_that_is_no_secret_is_adopted_as_it_is() {
    let mut world = world();
    world.declare("[statements.m]\nsql = \"CREATE TABLE m (id STRING) WITH ('x.y' = 'plain')\"\n");
    world.secrets = value("hunter2hunter2");
    world.converge().await;
    without_its_state(&mut world).await;
    world.declare("[statements.m]\nsql = \"CREATE TABLE m (id STRING)\"\n");
    let plan = world.plan().await;
    assert!(matches!(plan.changes[&statement("m")].action, Action::Adopt { .. }), "{:#?}", plan.changes);
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_that_adopts_into_a_new_state_rests_on_no_key() {
    let mut world = world();
    world.secrets = value("hunter2hunter2");
    world.converge().await;
    without_its_state(&mut world).await;
    // A state that has yet to be begun has a key of its own in each run.
    let begun = |key: &str| floe::state::Recorded { key: HashKey(key.to_owned()), ..nothing_recorded() };
    let (saved, now) = (begun("that of plan"), begun("that of apply"));
    let cloud = world.cloud();
    let saved = world.plan_on(&cloud, &PlanOptions::default(), &saved).await.unwrap();
    let plan = world.plan_on(&cloud, &PlanOptions::default(), &now).await.unwrap();
    assert!(matches!(saved.changes[&statement("job")].action, Action::Adopt { .. }), "{:#?}", saved.changes);
    assert_eq!(stale_reasons(&saved, &plan, &BTreeMap::new()), []);
    let report = world.execute(&cloud, &saved, now, &mut |_| {}).await;
    assert!(report.is_complete(), "{:#?}", report.failed);
    assert!(!world.plan().await.has_changes());
    // And the next value is a change all the same.
    world.secrets = value("correct-horse");
    is_seen(&world.plan().await);
}
