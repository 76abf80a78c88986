//! What a block says can be done about it, done: one test for each, which takes the advice and plans again.

mod notes;
mod pools;

use std::{collections::BTreeMap, time::Duration};

use floe::{
    cloud::NewStatement,
    diff::{Action, AfterDeletion, Block, Note, PlanOptions, Strategy},
    plan::{StepRequest, check},
    resource::{Address, Secrets},
    simulator::{EffectKind, ForcedOutcome, OutOfBandChange, Scenario, SimulatorOptions, StatementOverride},
    state::{Entry, Fact, Ledger},
};

use crate::world::{World, holder, project, statement};

const TABLE: &str = "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING, price INT)\"\n";
const COPY: &str = "[statements.copy]\nsql = \"INSERT INTO target SELECT id, price FROM orders\"\n";
const JOIN: &str = "[statements.both]\nsql = \"INSERT INTO target SELECT id FROM a UNION ALL SELECT id FROM b\"\n";

async fn in_force(statements: &str) -> World {
    let mut world = World::of(statements);
    world.converge().await;
    world
}

async fn block(world: &World, address: &str) -> Block {
    block_of(&world.plan().await, address)
}

fn block_of(plan: &floe::plan::Plan, address: &str) -> Block {
    match plan.changes.get(&address.parse::<Address>().unwrap()).map(|change| &change.action) {
        Some(Action::Blocked { by }) => by[0].clone(),
        other => panic!("{address} is not blocked: {other:#?}"),
    }
}

/// `floe state mv` and its like.
async fn record(world: &World, fact: Fact) {
    let mut ledger = world.ledger.clone();
    ledger.lock(&holder(), Duration::ZERO).await.unwrap();
    let mut recorded = world.recorded().await;
    ledger.begin(&recorded).await.unwrap();
    let entries = [Entry::Record { fact }];
    recorded.apply(&entries[0]).unwrap();
    ledger.append(&entries).await.unwrap();
    ledger.fold(&recorded).await.unwrap();
}

fn moved(from: &str, to: &str) -> Fact {
    Fact::Moved { from: statement(from), to: statement(to) }
}

fn excluding(addresses: &[&str]) -> PlanOptions {
    PlanOptions { excludes: addresses.iter().map(|address| statement(address)).collect(), ..PlanOptions::default() }
}

fn meddle(world: &World, meddle: OutOfBandChange) {
    world.simulator.apply_out_of_band(meddle).unwrap();
}

/// Nobody stopped or deleted anything.
fn is_untouched(world: &World) -> bool {
    world.simulator.effects().iter().all(|effect| !matches!(effect.kind, EffectKind::Stopped | EffectKind::Deleted))
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_record_was_moved_away_is_neither_adopted_nor_deleted() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    record(&world, moved("copy", "copied")).await;
    let elsewhere =
        Block::RecordedUnderOtherAddress { name: "copy".to_owned(), from: statement("copied"), to: statement("copy") };
    assert_eq!(block(&world, "statements.copy").await, elsewhere);
    assert_eq!(block(&world, "statements.copied").await, elsewhere);
    // Leaving out the one that is declared does not let the other's deletion through.
    let run = world.request(excluding(&["copy"])).await;
    assert_eq!(block_of(&run.plan, "statements.copied"), elsewhere);
    let run = world.request(excluding(&["copy", "copied"])).await;
    assert!(!run.plan.is_blocked() && is_untouched(&world));
    record(&world, moved("copied", "copy")).await;
    world.converge().await;
    record(&world, moved("copy", "copied")).await;
    world.declare(&format!("{TABLE}{COPY}[[moved]]\nfrom = \"statements.copied\"\nto = \"statements.copy\"\n"));
    world.converge().await;
    assert!(is_untouched(&world), "{:?}", world.simulator.effects());
}

#[tokio::test(start_paused = true)]
async fn a_plan_in_which_two_addresses_have_one_cloud_name_is_found_out() {
    let world = World::of(&format!("{TABLE}{COPY}"));
    let (mut plan, recorded) = world.plan_with(&world.cloud(), &PlanOptions::default()).await.unwrap();
    for passage in &mut plan.groups {
        for step in &mut passage.forward {
            if let StepRequest::Submit { submission, .. } = &mut step.request {
                submission.name = "orders".to_owned();
            }
        }
    }
    let found: Vec<_> = check(&plan, &recorded).into_iter().map(|found| (found.address, found.invariant)).collect();
    assert_eq!(found, [(statement("copy"), "a cloud name is one address's")]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_renamed_under_its_cloud_name_asks_for_moved() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    let renamed = format!("{TABLE}{}name = \"copy\"\n", COPY.replace("statements.copy", "statements.renamed"));
    // Another SQL makes no difference: the name says it.
    world.declare(&renamed.replace("SELECT id, price", "SELECT id"));
    assert!(matches!(block(&world, "statements.renamed").await, Block::RecordedUnderOtherAddress { .. }));
    let run = world.request(excluding(&["renamed"])).await;
    assert!(matches!(block_of(&run.plan, "statements.copy"), Block::RecordedUnderOtherAddress { .. }));
    world.declare(&format!("{renamed}[[moved]]\nfrom = \"statements.copy\"\nto = \"statements.renamed\"\n"));
    world.converge().await;
    assert!(is_untouched(&world), "{:?}", world.simulator.effects());
}

#[tokio::test(start_paused = true)]
async fn a_rename_onto_a_name_that_somebody_has_does_not_let_the_old_one_go() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    let theirs = NewStatement {
        name: "renamed".to_owned(),
        sql: "INSERT INTO theirs SELECT id FROM orders".to_owned(),
        pool: Some(world.simulator.world_view().pools[0].id.clone()),
        ..NewStatement::default()
    };
    world.cloud().submit(&theirs).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.declare(&format!("{TABLE}{}", COPY.replace("statements.copy", "statements.renamed")));
    assert!(matches!(block(&world, "statements.renamed").await, Block::LooksLikeRename { .. }));
    let run = world.request(excluding(&["renamed"])).await;
    assert!(matches!(block_of(&run.plan, "statements.copy"), Block::LooksLikeRename { .. }));
    assert_eq!(run.plan.foreign, 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_another_one_leaves_at_its_next_generation_is_in_use_until_then() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    let next = |name: &str| {
        let taken = format!("[statements.new]\nname = \"{name}\"\nsql = \"INSERT INTO other SELECT id FROM orders\"\n");
        format!("{TABLE}{COPY}name = \"copy-two\"\n{taken}")
    };
    world.declare(&next("copy"));
    let by = statement("copy");
    assert_eq!(block(&world, "statements.new").await, Block::NameInUse { name: "copy".to_owned(), by });
    world.declare(&next("new"));
    world.converge().await;
    assert!(is_untouched(&world));
}

#[tokio::test(start_paused = true)]
async fn what_bears_the_projects_label_is_not_counted_as_foreign() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    record(&world, Fact::Forgotten { address: statement("copy") }).await;
    assert_eq!(world.plan().await.foreign, 0);
    world.converge().await;
}

#[tokio::test(start_paused = true)]
async fn the_only_thing_that_is_recorded_is_not_removed_but_by_destroy() {
    let mut world = World::of(TABLE);
    world.write("pools.toml", "");
    world.write("floe.toml", &project("").replace("pool = \"main\"", ""));
    world.converge().await;
    world.declare("");
    assert_eq!(block(&world, "statements.orders").await, Block::RemovesEverything);
    let run = world.request(PlanOptions { destroy: true, ..PlanOptions::default() }).await;
    assert!(run.report.unwrap().is_complete());
    assert!(world.recorded().await.statements.is_empty());
}

/// A job whose second generation runs for a while and FAILS.
async fn failed_next(more: &str) -> World {
    let outcome = ForcedOutcome::Fails { after_seconds: 0.05, detail: "boom".to_owned() };
    let scenario =
        Scenario { overrides: vec![StatementOverride { name: "copy-g2".to_owned(), outcome }], ..Scenario::default() };
    let files = [
        ("floe.toml", project("")),
        ("pools.toml", "[pools.main]\nmax_cfu = 10\n".to_owned()),
        ("statements/s.toml", format!("{TABLE}{COPY}{more}")),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let mut world = World::with(&files, SimulatorOptions { scenario, ..SimulatorOptions::default() });
    world.converge().await;
    let changed = format!("{TABLE}{COPY}{more}").replace("SELECT id, price", "SELECT id, price + 1");
    world.declare(&changed);
    let Block::LosesPosition { accept, .. } = block(&world, "statements.copy").await else { panic!("it is not so") };
    world.declare(&format!("{changed}accept = \"{accept}\"\n"));
    let run = world.apply().await;
    assert!(!run.report.unwrap().is_complete());
    world
}

#[tokio::test(start_paused = true)]
async fn a_failed_successor_is_taken_back_by_the_sql_from_before() {
    let mut world = failed_next("").await;
    let said = block(&world, "statements.copy").await;
    assert!(matches!(&said, Block::FailedSuccessor { can_roll_back: true, .. }), "{said:?}");
    world.declare(&format!("{TABLE}{COPY}"));
    let run = world.converge().await;
    let change = &run.plan.changes[&statement("copy")];
    assert!(matches!(change.action, Action::RollBackReplacement { .. }), "{change:?}");
    assert_eq!(change.notes, [Note::SuccessorOutputRemains { name: "copy-g2".to_owned() }]);
    assert_eq!(world.phases()["copy"], "RUNNING");
    assert!(!world.phases().contains_key("copy-g2"));
}

#[tokio::test(start_paused = true)]
async fn a_consent_lapses_when_what_it_let_come_has_failed() {
    let mut world = failed_next("").await;
    let Block::FailedSuccessor { accept, .. } = block(&world, "statements.copy").await else { panic!("it is not so") };
    let changed = format!("{TABLE}{COPY}").replace("SELECT id, price", "SELECT id, price + 1");
    world.declare(&format!("{changed}accept = \"{accept}\"\n"));
    world.converge().await;
    assert_eq!(world.phases()["copy-g3"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_consent_whose_generation_never_ran_is_asked_for_again() {
    let outcome = ForcedOutcome::Invalid("no such column".to_owned());
    let scenario =
        Scenario { overrides: vec![StatementOverride { name: "copy-g2".to_owned(), outcome }], ..Scenario::default() };
    let files = [("floe.toml", project("")), ("pools.toml", "[pools.main]\nmax_cfu = 10\n".to_owned())];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let mut world = World::with(&files, SimulatorOptions { scenario, ..SimulatorOptions::default() });
    world.declare(&format!("{TABLE}{COPY}"));
    world.converge().await;
    let changed = format!("{TABLE}{COPY}").replace("SELECT id, price", "SELECT id, price + 1");
    world.declare(&changed);
    let Block::LosesPosition { accept, .. } = block(&world, "statements.copy").await else { panic!("it is not so") };
    world.declare(&format!("{changed}accept = \"{accept}\"\n"));
    assert!(!world.apply().await.report.unwrap().is_complete());
    assert_eq!(world.phases()["copy"], "RUNNING");
    // The next run of a pipeline does not stop it again.
    let Block::LosesPosition { accept: next, .. } = block(&world, "statements.copy").await else {
        panic!("it is not so")
    };
    assert_ne!(accept, next);
    world.declare(&format!("{changed}accept = \"{next}\"\n"));
    world.converge().await;
}

/// With the hints of a block written behind the tables.
fn pasted(statements: &str, hints: &BTreeMap<String, String>) -> String {
    hints.iter().fold(statements.to_owned(), |pasted, (topic, offsets)| {
        let hint = format!(
            "{topic} /*+ OPTIONS('scan.startup.mode'='specific-offsets', 'scan.startup.specific-offsets'='{offsets}') */"
        );
        pasted.replace(&format!("FROM {topic}"), &format!("FROM {hint}"))
    })
}

#[tokio::test(start_paused = true)]
async fn the_hint_of_a_source_from_elsewhere_and_its_consent_start_a_gone_job() {
    let copy = "[statements.copy]\nsql = \"INSERT INTO target SELECT id FROM theirs\"\n";
    let mut world = in_force(copy).await;
    world.declare(&format!("{copy}stopped = true\n"));
    world.converge().await;
    meddle(&world, OutOfBandChange::Purge("copy".into()));
    world.declare(copy);
    let Block::GoneWithUnknownSource { hints, .. } = block(&world, "statements.copy").await else {
        panic!("it is not so")
    };
    let pasted = pasted(copy, &hints);
    assert_ne!(pasted, copy);
    world.declare(&pasted);
    let plan = world.plan().await;
    let Block::GoneWithoutOffsets { accept } = block_of(&plan, "statements.copy") else { panic!("it is not so") };
    assert_eq!(plan.changes[&statement("copy")].notes, [Note::StartsWhereSqlSays]);
    world.declare(&format!("{pasted}accept = \"{accept}\"\n"));
    let run = world.converge().await;
    assert_eq!(run.plan.changes[&statement("copy")].notes, [Note::StartsWhereSqlSays]);
}

#[tokio::test(start_paused = true)]
async fn hints_of_several_sources_and_their_consent_start_a_gone_job() {
    let mut world = in_force(JOIN).await;
    world.declare(&format!("{JOIN}stopped = true\n"));
    world.converge().await;
    meddle(&world, OutOfBandChange::Purge("both".into()));
    world.declare(JOIN);
    let Block::GoneWithSeveralSources { hints, .. } = block(&world, "statements.both").await else {
        panic!("it is not so")
    };
    assert_eq!(hints.len(), 2, "{hints:?}");
    assert!(hints.values().all(|offsets| !offsets.contains("9223372036854775808")), "{hints:?}");
    let pasted = pasted(JOIN, &hints);
    world.declare(&pasted);
    let plan = world.plan().await;
    let Block::GoneWithSeveralSources { hints, accept } = block_of(&plan, "statements.both") else {
        panic!("it is not so")
    };
    assert!(hints.is_empty());
    assert_eq!(plan.changes[&statement("both")].notes, [Note::StartsWhereSqlSays]);
    world.declare(&format!("{pasted}accept = \"{accept}\"\n"));
    let run = world.converge().await;
    assert_eq!(run.plan.changes[&statement("both")].notes, [Note::StartsWhereSqlSays]);
}

#[tokio::test(start_paused = true)]
async fn data_loss_that_is_targeted_takes_the_users_that_go_along() {
    let table = format!("{TABLE}undo = \"DROP TABLE orders\"\n");
    let other = "[statements.other]\nsql = \"CREATE TABLE other (id INT)\"\n";
    let mut world = in_force(&format!("{table}{COPY}{other}")).await;
    world.declare(other);
    assert!(matches!(block(&world, "statements.orders").await, Block::DataLoss { .. }));
    let targets = [statement("orders")].into();
    let run = world.request(PlanOptions { allow_data_loss: true, targets, ..PlanOptions::default() }).await;
    assert!(run.report.expect("it is blocked").is_complete());
    assert_eq!(world.phases().keys().collect::<Vec<_>>(), ["other"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_goes_and_is_targeted_does_not_take_its_table_along() {
    let other = "[statements.other]\nsql = \"CREATE TABLE other (id INT)\"\n";
    let mut world = in_force(&format!("{TABLE}{COPY}{other}")).await;
    world.declare(other);
    let targets = [statement("copy")].into();
    let run = world.request(PlanOptions { targets, ..PlanOptions::default() }).await;
    assert_eq!(run.plan.changes.keys().collect::<Vec<_>>(), [&statement("copy")]);
    assert!(run.report.expect("it is blocked").is_complete());
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_goes_with_its_user_or_after_its_user_has_let_it_go() {
    let table = |columns: &str| {
        format!("[statements.orders]\nsql = \"CREATE TABLE orders ({columns})\"\nundo = \"DROP TABLE orders\"\n")
    };
    let (before, after) = (table("id STRING, price INT"), table("id STRING, price BIGINT"));
    let allowed = || PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    let mut world = in_force(&format!("{before}{COPY}")).await;
    world.declare(&format!("{after}{COPY}"));
    let run = world.request(allowed()).await;
    assert!(matches!(block_of(&run.plan, "statements.orders"), Block::ObjectsInUse { .. }));
    // With its user: the user goes first.
    world.declare(&after);
    let run = world.request(allowed()).await;
    let passage = |key: &str| run.plan.groups.iter().find(|passage| passage.address == statement(key)).unwrap();
    assert_eq!(passage("orders").after, [statement("copy")].into());
    assert!(run.report.unwrap().is_complete());
    // After its user has let it go.
    let mut world = in_force(&format!("{before}{COPY}")).await;
    let elsewhere = format!("{}evolve = \"restart\"\n", COPY.replace("FROM orders", "FROM elsewhere"));
    world.declare(&format!("{before}{elsewhere}"));
    world.converge().await;
    world.declare(&format!("{after}{elsewhere}"));
    assert!(world.request(allowed()).await.report.expect("it is blocked").is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_recreated_job_is_submitted_anew_once_theirs_is_deleted_and_somebody_consents() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    meddle(&world, OutOfBandChange::Recreate("copy".into(), None));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let said = block(&world, "statements.copy").await;
    let Block::RecreatedOutside { if_deleted: AfterDeletion::ResubmitWithConsent(accept), .. } = said else {
        panic!("{said:?}")
    };
    meddle(&world, OutOfBandChange::Delete("copy".into()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.declare(&format!("{TABLE}{COPY}accept = \"{accept}\"\n"));
    let run = world.converge().await;
    let action = &run.plan.changes[&statement("copy")].action;
    assert!(matches!(action, Action::Replace { strategy: Strategy::FromSources, .. }), "{action:?}");
}

#[tokio::test(start_paused = true)]
async fn a_recreated_statement_is_left_to_them() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    meddle(&world, OutOfBandChange::Recreate("copy".into(), Some("INSERT INTO theirs SELECT id FROM orders".into())));
    tokio::time::sleep(Duration::from_secs(60)).await;
    record(&world, Fact::Forgotten { address: statement("copy") }).await;
    world.declare(TABLE);
    world.converge().await;
    assert_eq!(world.phases()["copy"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_goes_on_once_its_sql_is_put_back() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    meddle(&world, OutOfBandChange::Fail("copy".into(), "boom".into()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.declare(&format!("{TABLE}{COPY}").replace("SELECT id, price", "SELECT id"));
    assert!(matches!(block(&world, "statements.copy").await, Block::FailedPredecessor { .. }));
    world.declare(&format!("{TABLE}{COPY}"));
    let run = world.request(PlanOptions { fix_drift: true, ..PlanOptions::default() }).await;
    let report = run.report.unwrap();
    assert!(report.is_complete(), "{:#?}", report.failed);
    world.converge().await;
    assert_eq!(world.phases()["copy"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn only_jobs_that_ran_stopped_with_their_pool() {
    let other = "[statements.parked]\nsql = \"INSERT INTO parked SELECT id FROM orders\"\n";
    let mut world = in_force(&format!("{TABLE}{COPY}{other}")).await;
    world.declare(&format!("{TABLE}{COPY}{other}stopped = true\n"));
    world.converge().await;
    let id = world.simulator.world_view().pools[0].id.clone();
    meddle(&world, OutOfBandChange::DeletePool(id));
    tokio::time::sleep(Duration::from_secs(120)).await;
    let plan = world.plan().await;
    let change = &plan.changes[&Address::pool("main")];
    assert_eq!(change.notes, [Note::StoppedWithPool { statements: vec![statement("copy")] }]);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_destroyed_is_declared_again_without_that_and_then_goes() {
    let guarded = format!("{TABLE}{COPY}prevent_destroy = true\n");
    let mut world = in_force(&guarded).await;
    world.declare(TABLE);
    assert_eq!(block(&world, "statements.copy").await, Block::PreventDestroy);
    world.declare(&format!("{TABLE}{COPY}"));
    world.converge().await;
    world.declare(TABLE);
    world.converge().await;
    assert!(!world.phases().contains_key("copy"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_without_a_value_is_told_before_anything_is_submitted() {
    let with_secret = COPY.replace("SELECT id, price FROM orders", "SELECT id, '${secret.key}' FROM orders");
    let world = World::of(&format!("{TABLE}{with_secret}"));
    let real = "[project]\nname = \"test\"\n[environments.test]\norganization = \"00000000-0000-0000-0000-000000000000\"\n\
                id = \"env-sim\"\ncloud = \"aws\"\nregion = \"us-east-1\"\n[defaults]\npool = \"main\"\n[secrets]\nkey = { env = \"THE_KEY\" }\n";
    world.write("floe.toml", real);
    let wanted = Note::SecretMissing { name: "key".to_owned() };
    assert_eq!(world.plan().await.changes[&statement("copy")].notes, [wanted]);
    let known = World { secrets: Secrets::new([("key".to_owned(), "v".to_owned())].into()), ..world };
    assert_eq!(known.plan().await.changes[&statement("copy")].notes, []);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_declared_as_a_definition_goes_and_that_has_a_new_key() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    let table = "sql = \"CREATE TABLE IF NOT EXISTS target (id STRING, price INT)\"\n";
    world.declare(&format!("{TABLE}[statements.copy]\n{table}"));
    assert_eq!(block(&world, "statements.copy").await, Block::JobCannotBecomeDefinition);
    world.declare(&format!("{TABLE}[statements.target]\n{table}"));
    world.converge().await;
    assert!(!world.phases().contains_key("copy"));
}

#[tokio::test(start_paused = true)]
async fn a_create_table_as_is_split_under_new_keys() {
    let whole =
        |price: &str| format!("[statements.t]\nsql = \"CREATE TABLE t AS SELECT id, {price} AS price FROM orders\"\n");
    let mut world = in_force(&format!("{TABLE}{}", whole("price"))).await;
    world.declare(&format!("{TABLE}{}", whole("price + 1")));
    assert_eq!(block(&world, "statements.t").await, Block::CannotReplaceCreateTableAs);
    world.declare(&format!(
        "{TABLE}[statements.t-table]\nsql = \"CREATE TABLE IF NOT EXISTS t (id STRING, price INT)\"\n\
         [statements.t-rows]\nsql = \"INSERT INTO t SELECT id, price + 1 FROM orders\"\n"
    ));
    world.converge().await;
    assert_eq!(world.phases()["t-rows"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_definition_gets_its_undo_first_and_then_changes() {
    for lenient in ["", "IF NOT EXISTS "] {
        let table = |columns: &str, more: &str| {
            format!("[statements.orders]\nsql = \"CREATE TABLE {lenient}orders ({columns})\"\n{more}")
        };
        let undo = "undo = \"DROP TABLE orders\"\n";
        let mut world = in_force(&table("id STRING", "")).await;
        world.declare(&table("id INT", undo));
        let said = block(&world, "statements.orders").await;
        assert!(matches!(said, Block::NoUndo | Block::IfNotExists), "{said:?}");
        world.declare(&table("id STRING", undo));
        world.converge().await;
        world.declare(&table("id INT", undo));
        let run = world.request(PlanOptions { allow_data_loss: true, ..PlanOptions::default() }).await;
        assert!(run.report.expect("it is blocked").is_complete());
        world.converge().await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_that_run_the_one_that_is_left_is_taken_over() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    let labels =
        world.simulator.world_view().statements.iter().find(|found| found.name == "copy").unwrap().labels.clone();
    let second = NewStatement {
        name: "copy-g2".to_owned(),
        sql: "INSERT INTO target SELECT id, price FROM orders".to_owned(),
        pool: Some(world.simulator.world_view().pools[0].id.clone()),
        labels,
        ..NewStatement::default()
    };
    world.cloud().submit(&second).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(matches!(block(&world, "statements.copy").await, Block::UnexpectedGenerations { .. }));
    record(&world, Fact::Forgotten { address: statement("copy") }).await;
    assert!(matches!(block(&world, "statements.copy").await, Block::UnexpectedGenerations { .. }));
    meddle(&world, OutOfBandChange::Delete("copy".into()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.converge().await;
    assert_eq!(world.recorded().await.statements["copy"].current.clone().unwrap().sent.name, "copy-g2");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_somebody_has_is_left_to_them_or_deleted_first() {
    let theirs = |world: &World| NewStatement {
        name: "copy".to_owned(),
        sql: "INSERT INTO theirs SELECT id FROM orders".to_owned(),
        pool: Some(world.simulator.world_view().pools[0].id.clone()),
        ..NewStatement::default()
    };
    for is_left in [true, false] {
        let mut world = in_force(TABLE).await;
        world.cloud().submit(&theirs(&world)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        world.declare(&format!("{TABLE}{COPY}"));
        assert!(matches!(block(&world, "statements.copy").await, Block::ForeignStatement { .. }));
        if is_left {
            world.declare(&format!("{TABLE}{COPY}name = \"ours\"\n"));
        } else {
            meddle(&world, OutOfBandChange::Delete("copy".into()));
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        world.converge().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_decided_by_hand_goes_on_with_its_consent() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    let by_hand = format!("{TABLE}{COPY}evolve = \"manual\"\n").replace("SELECT id, price", "SELECT id");
    world.declare(&by_hand);
    let Block::EvolveIsManual { accept } = block(&world, "statements.copy").await else { panic!("it is not so") };
    world.declare(&format!("{by_hand}accept = \"{accept}\"\n"));
    world.converge().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_without_offsets_begins_again_with_its_consent_or_is_removed() {
    for is_removed in [true, false] {
        let mut world = in_force(&format!("{TABLE}{COPY}")).await;
        meddle(&world, OutOfBandChange::Delete("copy".into()));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let Block::GoneWithoutOffsets { accept } = block(&world, "statements.copy").await else {
            panic!("it is not so")
        };
        let kept = format!("{TABLE}{COPY}accept = \"{accept}\"\n");
        world.declare(if is_removed { TABLE } else { &kept });
        world.converge().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_is_replaced_with_its_consent() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    meddle(&world, OutOfBandChange::Fail("copy".into(), "boom".into()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let changed = format!("{TABLE}{COPY}").replace("SELECT id, price", "SELECT id");
    world.declare(&changed);
    let Block::FailedPredecessor { accept, .. } = block(&world, "statements.copy").await else {
        panic!("it is not so")
    };
    world.declare(&format!("{changed}accept = \"{accept}\"\n"));
    world.converge().await;
    assert_eq!(world.phases()["copy-g2"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_cannot_stop_goes_on_without_stopped() {
    let mut world = in_force(TABLE).await;
    world.declare(&format!("{TABLE}stopped = true\n"));
    assert_eq!(block(&world, "statements.orders").await, Block::CannotStop);
    world.declare(TABLE);
    world.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_block_that_leads_onto_a_record_is_removed_or_one_of_the_two_is_dropped() {
    let two = format!("{TABLE}{COPY}{}", COPY.replace("statements.copy", "statements.two").replace("target", "other"));
    let moved = "[[moved]]\nfrom = \"statements.two\"\nto = \"statements.copy\"\n";
    for is_removed in [true, false] {
        let mut world = in_force(&two).await;
        world.declare(&format!("{TABLE}{COPY}{moved}"));
        assert!(matches!(block(&world, "statements.copy").await, Block::MoveTargetRecorded { .. }));
        let run = world.request(excluding(&["copy"])).await;
        assert!(matches!(block_of(&run.plan, "statements.two"), Block::MoveTargetRecorded { .. }));
        let run = world.request(excluding(&["copy", "two"])).await;
        assert!(!run.plan.is_blocked(), "{:#?}", run.plan.changes);
        if is_removed {
            world.declare(&format!("{TABLE}{COPY}"));
        } else {
            record(&world, Fact::Forgotten { address: statement("two") }).await;
        }
        world.converge().await;
        assert_eq!(world.phases().contains_key("two"), !is_removed);
    }
}

#[tokio::test(start_paused = true)]
async fn what_looks_like_a_rename_and_is_none_is_removed_first() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    let renamed = format!("{TABLE}{}", COPY.replace("statements.copy", "statements.new"));
    world.declare(&renamed);
    assert!(matches!(block(&world, "statements.new").await, Block::LooksLikeRename { .. }));
    world.declare(TABLE);
    world.converge().await;
    world.declare(&renamed);
    world.converge().await;
    assert_eq!(world.phases().keys().collect::<Vec<_>>(), ["new", "orders"]);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_restarted_is_once_that_is_taken_out() {
    let guarded = |sql: &str, more: &str| format!("{TABLE}{}{more}", COPY.replace("SELECT id, price", sql));
    let mut world = in_force(&guarded("SELECT id, price", "prevent_destroy = true\n")).await;
    world.declare(&guarded("SELECT id", "prevent_destroy = true\nevolve = \"restart\"\n"));
    assert_eq!(block(&world, "statements.copy").await, Block::PreventDestroy);
    world.declare(&guarded("SELECT id, price", "evolve = \"restart\"\n"));
    world.converge().await;
    world.declare(&guarded("SELECT id", "evolve = \"restart\"\n"));
    world.converge().await;
}
