//! What a statement says, its defaults and overlays, its name.

use std::collections::BTreeSet;

use super::*;
use crate::resource::{Address, Evolve, UnexpectedPhasePolicy};

fn statement(fields: &str) -> World {
    World::new(&format!("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n{fields}\n"))
}

#[test]
fn every_field_arrives() {
    let project = World::new(
        "[project.x]\n".replace("[project.x]\n", "").as_str(),
    )
    .file("pools.toml", "[pools.main]\nmax_cfu = 5\n")
    .file(
        "statements/a.toml",
        "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\nundo = \"DROP TABLE a\"\nname = \"other\"\npool = \"main\"\nprincipal = \"u-1\"\nstopped = true\nevolve = \"restart\"\naccept = \"restart:3f2a9c\"\non_failed = \"resume\"\non_stopped = \"resume\"\ndepends_on = [\"statements.b\", \"pools.main\"]\nprevent_destroy = true\ntimeout = \"1h30m\"\nallow = [\"FL104\"]\n[statements.b]\nsql = \"CREATE TABLE b (x INT)\"\n",
    )
    .project();
    let declared = &project.statements["a"];
    let spec = &declared.spec;
    assert_eq!(
        (spec.name.as_str(), spec.pool.as_deref(), spec.principal.as_deref()),
        ("other", Some("main"), Some("u-1"))
    );
    assert_eq!((spec.stopped, spec.prevent_destroy, spec.timeout), (true, true, 5_400));
    assert_eq!(
        (spec.evolve, spec.on_failed, spec.on_stopped),
        (Evolve::Restart, UnexpectedPhasePolicy::Resume, UnexpectedPhasePolicy::Resume)
    );
    assert_eq!(spec.accept.as_deref(), Some("restart:3f2a9c"));
    assert_eq!(spec.undo.as_ref().unwrap().as_str(), "DROP TABLE a");
    assert_eq!(spec.depends_on, BTreeSet::from([Address::pool("main"), Address::statement("b")]));
    assert_eq!(text(declared.reference_places.get(&Address::statement("b")).unwrap()), "\"statements.b\"");
    assert_eq!(text(declared.reference_places.get(&Address::pool("main")).unwrap()), "\"pools.main\"");
    assert_eq!(declared.allow, BTreeSet::from(["FL104".to_owned()]));
    assert_eq!(project.statements["b"].spec.timeout, 900);
}

#[test]
fn defaults_lie_under_declarations_under_overlays() {
    let floe = "[project]\nname = \"t\"\nallow = [\"FL101\"]\n[defaults]\npool = \"main\"\nprincipal = \"sa-1\"\nproperties = { a = \"1\", b = \"1\", c = \"1\" }\n[pools.main]\nmax_cfu = 5\n[pools.big]\nmax_cfu = 50\n[environments.local]\nsimulator = true\n[environments.local.statements.s]\npool = \"big\"\nproperties = { c = \"3\" }\nunset = [\"principal\"]\n[statements.s]\nsql = \"CREATE TABLE a (x INT)\"\nproperties = { b = \"2\", d = \"2\" }\nunset = [\"properties.a\"]\nallow = [\"FL102\"]\n";
    let project = World::whole(floe).project();
    let spec = &project.statements["s"].spec;
    assert_eq!((spec.pool.as_deref(), spec.principal.as_deref()), (Some("big"), None));
    let properties: Vec<(&str, &str)> = spec.properties.iter().map(|(key, value)| (&**key, value.as_str())).collect();
    assert_eq!(properties, [("b", "2"), ("c", "3"), ("d", "2")]);
    assert_eq!(project.statements["s"].allow.len(), 2);
}

#[test]
fn an_overlay_may_bring_other_sql() {
    let more =
        "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n[environments.local.statements.a]\nsql_file = \"b.sql\"\n";
    let project = World::new(more).file("b.sql", "CREATE TABLE b (x INT)").project();
    assert_eq!(project.statements["a"].spec.sql.as_str(), "CREATE TABLE b (x INT)");
}

#[test]
fn unset_takes_away_only_what_is_there() {
    statement("unset = [\"properties.x\", \"pol\", \"sql\"]").says(&[
        ("there is no `properties.x` to unset", &["\"properties.x\""]),
        ("there is no `pol` to unset", &["\"pol\""]),
        ("there is no `sql` to unset", &["\"sql\""]),
    ]);
    World::new("[defaults]\nproperties = { x = \"1\" }\n[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\nproperties = { x = \"2\" }\nunset = [\"properties.x\"]\n")
        .says(&[("`properties.x` is set and unset in one place", &["\"properties.x\"", "x"])]);
}

#[test]
fn sql_comes_from_one_place() {
    statement("sql_file = \"a.sql\"")
        .says(&[("`statements.a` has both `sql` and `sql_file`", &["\"CREATE TABLE a (x INT)\"", "\"a.sql\""])]);
    World::new("[statements.a]\nstopped = true\n").says_one(
        "`statements.a` has no SQL",
        &["[statements.a]"],
        "sql_file = \"a.sql\"",
    );
    // Its bare file was removed, and its settings stayed.
    World::new("").file("statements/jobs/settings.toml", "[statements.late-orders]\nstopped = true\n").says_one(
        "`statements.late-orders` has no SQL",
        &["[statements.late-orders]"],
        "as `statements/jobs/late-orders.sql` would be: if that was removed, remove this table too",
    );
}

#[test]
fn names_become_cloud_names() {
    let floe = "[project]\nname = \"t\"\n[environments.local]\nsimulator = true\nname_prefix = \"dev-\"\n[statements.raw_orders]\nsql = \"CREATE TABLE a (x INT)\"\n[statements.b]\nname = \"mine\"\nsql = \"CREATE TABLE b (x INT)\"\n";
    let project = World::whole(floe).project();
    assert_eq!(project.statements["raw_orders"].spec.name, "dev-raw-orders");
    assert_eq!(project.statements["b"].spec.name, "mine");
}

#[test]
fn names_obey_the_api() {
    statement("name = \"Orders\"")
        .says(&[("the cloud name `Orders` holds `O`, which the API refuses", &["\"Orders\""])]);
    statement("name = \"a.b\"").says(&[("the cloud name `a.b` holds `.`, which the API refuses", &["\"a.b\""])]);
    statement("name = \"-a\"")
        .says(&[("the cloud name `-a` begins or ends with `-`, which the API refuses", &["\"-a\""])]);
    statement("name = \"\"").says(&[("a cloud name cannot be empty", &["\"\""])]);
    let long = "a".repeat(67);
    statement(&format!("name = \"{long}\""))
        .says(&[(&format!("the cloud name `{long}` is 67 characters long"), &[&format!("\"{long}\"")])]);
    statement(&format!("name = \"{}\"", "a".repeat(66))).project();
    World::new("[statements.a-g3]\nsql = \"CREATE TABLE a (x INT)\"\n").says_one(
        "the cloud name `a-g3` ends like a generation or an undo",
        &["[statements.a-g3]"],
        "name = ",
    );
    statement("name = \"a-undo-1\"")
        .says(&[("the cloud name `a-undo-1` ends like a generation or an undo", &["\"a-undo-1\""])]);
}

#[test]
fn one_cloud_name_is_one_statements() {
    World::new(
        "[statements.a_b]\nsql = \"CREATE TABLE a (x INT)\"\n[statements.a-b]\nsql = \"CREATE TABLE b (x INT)\"\n",
    )
    .says(&[(
        "`statements.a-b` and `statements.a_b` have one cloud name, `a-b`",
        &["[statements.a_b]", "[statements.a-b]"],
    )]);
}

#[test]
fn references_exist() {
    let more = "[pools.main]\nmax_cfu = 5\n[statements.orders]\nsql = \"CREATE TABLE a (x INT)\"\npool = \"mian\"\ndepends_on = [\"statements.oders\", \"orders\", \"pools.x\", \"statements.orders\"]\n";
    let problems = World::new(more).says(&[
        ("there is no pool `mian`", &["\"mian\""]),
        ("there is no statement `oders`", &["\"statements.oders\""]),
        ("`orders` is not an address; addresses look like `statements.orders` or `pools.main`", &["\"orders\""]),
        ("there is no pool `x`", &["\"pools.x\""]),
        ("`statements.orders` depends on itself", &["\"statements.orders\""]),
    ]);
    let help: Vec<Option<&str>> = problems.iter().map(|problem| problem.help.as_deref()).collect();
    assert_eq!(help[0], Some("did you mean `main`?"));
    assert_eq!(help[1], Some("did you mean `statements.orders`?"));
    assert_eq!(help[2], Some("did you mean `statements.orders`?"));
}

#[test]
fn an_unknown_default_pool_is_said_once() {
    World::new("[defaults]\npool = \"nope\"\n")
        .file("statements/a.sql", "CREATE TABLE a (x INT)")
        .file("statements/b.sql", "CREATE TABLE b (x INT)")
        .says(&[("there is no pool `nope`", &["\"nope\""])]);
}

#[test]
fn a_pool_is_named_by_key() {
    let pool = |pool: &str| {
        World::new(&format!(
            "[pools.main]\nmax_cfu = 5\n[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\npool = \"{pool}\"\n"
        ))
    };
    pool("pools.main").says_one("there is no pool `pools.main`", &["\"pools.main\""], "`pool = \"main\"`");
    pool("lfcp-123").says_one("there is no pool `lfcp-123`", &["\"lfcp-123\""], "id = \"lfcp-123\"");
}

#[test]
fn words_durations_and_ids_are_checked() {
    statement("evolve = \"restrat\"").says_one(
        "`evolve` cannot be \"restrat\"",
        &["\"restrat\""],
        "did you mean \"restart\"?",
    );
    statement("on_failed = \"retry\"").says(&[("`on_failed` cannot be \"retry\"", &["\"retry\""])]);
    statement("timeout = \"15 minutes\"").says_one("`15 minutes` is not a duration", &["\"15 minutes\""], "15m");
    statement("timeout = \"0s\"").says(&[("a `timeout` of nothing would fail at once", &["\"0s\""])]);
    statement("principal = \"alice\"").says(&[("`alice` is not what `principal` takes", &["\"alice\""])]);
    statement("accept = \"yes\"").says(&[("`yes` is no consent that a plan printed", &["\"yes\""])]);
    statement("allow = [\"fl101\"]").says_one("there is no lint `fl101`", &["\"fl101\""], "did you mean `FL101`?");
    statement("timeout = \"31d\"").says(&[("a `timeout` of 31d is as good as none", &["\"31d\""])]);
}

#[test]
fn words_in_another_environments_overlay_are_checked_too() {
    World::new("[environments.dev]\nsimulator = true\n[environments.dev.statements.a]\nevolve = \"sometimes\"\n[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n")
        .says(&[("`evolve` cannot be \"sometimes\"", &["\"sometimes\""])]);
}

#[test]
fn the_offsets_to_start_from_are_floes() {
    statement("properties = { \"sql.tables.initial-offset-from\" = \"a-g2\" }").says_one(
        "`sql.tables.initial-offset-from` is floe's to set",
        &["\"sql.tables.initial-offset-from\""],
        "evolve",
    );
}
