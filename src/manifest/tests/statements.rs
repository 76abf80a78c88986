//! Tests of the fields, defaults, overlays and names of statements.

use std::collections::BTreeSet;

use super::*;
use crate::resource::{Address, Evolve, UnexpectedPhasePolicy};

/// Returns a project with the statement `a` that has these fields.
fn statement(fields: &str) -> ProjectFixture {
    ProjectFixture::new(&format!("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n{fields}\n"))
}

#[test]
fn every_field_is_read() {
    let project = ProjectFixture::new(
        "[project.x]\n".replace("[project.x]\n", "").as_str(),
    )
    .with_file("pools.toml", "[pools.main]\nmax_cfu = 5\n")
    .with_file(
        "statements/a.toml",
        "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\nundo = \"DROP TABLE a\"\nname = \"other\"\npool = \"main\"\nprincipal = \"u-1\"\nstopped = true\nevolve = \"restart\"\naccept = [\"restart:3f2a9c\", \"drop:00ff00\"]\non_failed = \"resume\"\non_stopped = \"resume\"\ndepends_on = [\"statements.b\", \"pools.main\"]\nprevent_destroy = true\ntimeout = \"1h30m\"\nallow = [\"FL104\"]\n[statements.b]\nsql = \"CREATE TABLE b (x INT)\"\n",
    )
    .load();
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
    assert_eq!(spec.undo.as_ref().unwrap().as_str(), "DROP TABLE a");
    assert_eq!(spec.depends_on, BTreeSet::from([Address::pool("main"), Address::statement("b")]));
    assert_eq!(text_at(declared.reference_places.get(&Address::statement("b")).unwrap()), "\"statements.b\"");
    assert_eq!(text_at(declared.reference_places.get(&Address::pool("main")).unwrap()), "\"pools.main\"");
    assert_eq!(declared.allow, BTreeSet::from(["FL104".to_owned()]));
    let consents: Vec<_> =
        declared.accept.iter().map(|given| (given.consent.to_string(), text_at(&given.place))).collect();
    let expected = ["restart:3f2a9c", "drop:00ff00"].map(|code| (code.to_owned(), format!("\"{code}\"")));
    assert_eq!(consents.iter().map(|(code, at)| (code.clone(), (*at).to_string())).collect::<Vec<_>>(), expected);
    assert_eq!(project.statements["b"].spec.timeout, 900);
}

#[test]
fn overlays_override_declarations_which_override_defaults() {
    let floe = "[project]\nname = \"t\"\nallow = [\"FL101\"]\n[defaults]\npool = \"main\"\nprincipal = \"sa-1\"\nproperties = { a = \"1\", b = \"1\", c = \"1\" }\n[pools.main]\nmax_cfu = 5\n[pools.big]\nmax_cfu = 50\n[environments.local]\nsimulator = true\n[environments.local.statements.s]\npool = \"big\"\nproperties = { c = \"3\" }\nunset = [\"principal\"]\n[statements.s]\nsql = \"CREATE TABLE a (x INT)\"\nproperties = { b = \"2\", d = \"2\" }\nunset = [\"properties.a\"]\nallow = [\"FL102\"]\n";
    let project = ProjectFixture::from_manifest(floe).load();
    let spec = &project.statements["s"].spec;
    assert_eq!((spec.pool.as_deref(), spec.principal.as_deref()), (Some("big"), None));
    let properties: Vec<(&str, &str)> = spec.properties.iter().map(|(key, value)| (&**key, value.as_str())).collect();
    assert_eq!(properties, [("b", "2"), ("c", "3"), ("d", "2")]);
    assert_eq!(project.statements["s"].allow.len(), 2);
}

#[test]
fn an_overlay_can_replace_the_sql() {
    let more =
        "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n[environments.local.statements.a]\nsql_file = \"b.sql\"\n";
    let project = ProjectFixture::new(more).with_file("b.sql", "CREATE TABLE b (x INT)").load();
    assert_eq!(project.statements["a"].spec.sql.as_str(), "CREATE TABLE b (x INT)");
}

#[test]
fn unset_of_a_field_that_is_not_set_is_an_error() {
    statement("unset = [\"properties.x\", \"pol\", \"sql\"]").assert_problems(&[
        ("cannot unset `properties.x`, which is not set", &["\"properties.x\""]),
        ("cannot unset `pol`, which is not set", &["\"pol\""]),
        ("cannot unset `sql`, which is not set", &["\"sql\""]),
    ]);
    ProjectFixture::new("[defaults]\nproperties = { x = \"1\" }\n[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\nproperties = { x = \"2\" }\nunset = [\"properties.x\"]\n")
        .assert_problems(&[("`properties.x` is both set and unset in the same table", &["\"properties.x\"", "x"])]);
}

#[test]
fn a_statement_needs_exactly_one_sql_source() {
    statement("sql_file = \"a.sql\"").assert_problems(&[(
        "`statements.a` has both `sql` and `sql_file`",
        &["\"CREATE TABLE a (x INT)\"", "\"a.sql\""],
    )]);
    ProjectFixture::new("[statements.a]\nstopped = true\n").assert_one_problem(
        "`statements.a` has no SQL",
        &["[statements.a]"],
        "sql_file = \"a.sql\"",
    );
    // The bare file was removed and its settings were left.
    ProjectFixture::new("")
        .with_file("statements/jobs/settings.toml", "[statements.late-orders]\nstopped = true\n")
        .assert_one_problem(
            "`statements.late-orders` has no SQL",
            &["[statements.late-orders]"],
            "create `statements/jobs/late-orders.sql`. If you removed that file, remove this table too.",
        );
}

#[test]
fn keys_become_cloud_names() {
    let floe = "[project]\nname = \"t\"\n[environments.local]\nsimulator = true\nname_prefix = \"dev-\"\n[statements.raw_orders]\nsql = \"CREATE TABLE a (x INT)\"\n[statements.b]\nname = \"mine\"\nsql = \"CREATE TABLE b (x INT)\"\n";
    let project = ProjectFixture::from_manifest(floe).load();
    assert_eq!(project.statements["raw_orders"].spec.name, "dev-raw-orders");
    assert_eq!(project.statements["b"].spec.name, "mine");
}

#[test]
fn invalid_cloud_names_are_errors() {
    statement("name = \"Orders\"")
        .assert_problems(&[("the cloud name `Orders` contains `O`, which the API rejects", &["\"Orders\""])]);
    statement("name = \"a.b\"")
        .assert_problems(&[("the cloud name `a.b` contains `.`, which the API rejects", &["\"a.b\""])]);
    statement("name = \"-a\"")
        .assert_problems(&[("the cloud name `-a` starts or ends with `-`, which the API rejects", &["\"-a\""])]);
    statement("name = \"\"").assert_problems(&[("the cloud name is empty", &["\"\""])]);
    let long = "a".repeat(67);
    statement(&format!("name = \"{long}\""))
        .assert_problems(&[(&format!("the cloud name `{long}` is 67 characters long"), &[&format!("\"{long}\"")])]);
    statement(&format!("name = \"{}\"", "a".repeat(66))).load();
    ProjectFixture::new("[statements.a-g3]\nsql = \"CREATE TABLE a (x INT)\"\n").assert_one_problem(
        "the cloud name `a-g3` has a reserved suffix",
        &["[statements.a-g3]"],
        "name = ",
    );
    statement("name = \"a-undo-1\"")
        .assert_problems(&[("the cloud name `a-undo-1` has a reserved suffix", &["\"a-undo-1\""])]);
}

#[test]
fn duplicate_cloud_names_are_an_error() {
    ProjectFixture::new(
        "[statements.a_b]\nsql = \"CREATE TABLE a (x INT)\"\n[statements.a-b]\nsql = \"CREATE TABLE b (x INT)\"\n",
    )
    .assert_problems(&[(
        "`statements.a-b` and `statements.a_b` have the same cloud name, `a-b`",
        &["[statements.a_b]", "[statements.a-b]"],
    )]);
}

#[test]
fn references_to_undeclared_objects_are_errors() {
    let more = "[pools.main]\nmax_cfu = 5\n[statements.orders]\nsql = \"CREATE TABLE a (x INT)\"\npool = \"mian\"\ndepends_on = [\"statements.oders\", \"orders\", \"pools.x\", \"statements.orders\"]\n";
    let problems = ProjectFixture::new(more).assert_problems(&[
        ("there is no pool `mian`", &["\"mian\""]),
        ("there is no statement `oders`", &["\"statements.oders\""]),
        ("`orders` is not an address: addresses look like `statements.orders` or `pools.main`", &["\"orders\""]),
        ("there is no pool `x`", &["\"pools.x\""]),
        ("`statements.orders` depends on itself", &["\"statements.orders\""]),
    ]);
    let help: Vec<Option<&str>> = problems.iter().map(|problem| problem.help.as_deref()).collect();
    assert_eq!(help[0], Some("Did you mean `main`?"));
    assert_eq!(help[1], Some("Did you mean `statements.orders`?"));
    assert_eq!(help[2], Some("Did you mean `statements.orders`?"));
}

#[test]
fn an_unknown_default_pool_is_reported_once() {
    ProjectFixture::new("[defaults]\npool = \"nope\"\n")
        .with_file("statements/a.sql", "CREATE TABLE a (x INT)")
        .with_file("statements/b.sql", "CREATE TABLE b (x INT)")
        .assert_problems(&[("there is no pool `nope`", &["\"nope\""])]);
}

#[test]
fn a_pool_is_referenced_by_its_key() {
    let pool = |pool: &str| {
        ProjectFixture::new(&format!(
            "[pools.main]\nmax_cfu = 5\n[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\npool = \"{pool}\"\n"
        ))
    };
    pool("pools.main").assert_one_problem("there is no pool `pools.main`", &["\"pools.main\""], "`pool = \"main\"`");
    pool("lfcp-123").assert_one_problem("there is no pool `lfcp-123`", &["\"lfcp-123\""], "id = \"lfcp-123\"");
}

#[test]
fn invalid_keywords_durations_and_ids_are_errors() {
    statement("evolve = \"restrat\"").assert_one_problem(
        "`evolve` cannot be \"restrat\"",
        &["\"restrat\""],
        "Did you mean \"restart\"?",
    );
    statement("on_failed = \"retry\"").assert_problems(&[("`on_failed` cannot be \"retry\"", &["\"retry\""])]);
    statement("timeout = \"15\"").assert_one_problem("`15` is not a duration", &["\"15\""], "`15m`");
    statement("timeout = \"2w\"").assert_problems(&[("`2w` is not a duration", &["\"2w\""])]);
    statement("timeout = \"1500ms\"")
        .assert_problems(&[("a `timeout` of 1500ms is not a whole number of seconds", &["\"1500ms\""])]);
    statement("timeout = \"0s\"").assert_problems(&[("a `timeout` of zero would fail immediately", &["\"0s\""])]);
    statement("principal = \"alice\"").assert_problems(&[("`alice` is not a valid `principal`", &["\"alice\""])]);
    statement("accept = \"yes\"").assert_problems(&[("`yes` is not a valid consent", &["\"yes\""])]);
    statement("allow = [\"fl101\"]").assert_one_problem(
        "there is no lint `fl101`",
        &["\"fl101\""],
        "Did you mean `FL101`?",
    );
    statement("timeout = \"31d\"").assert_problems(&[("a `timeout` of 31d is too long", &["\"31d\""])]);
}

#[test]
fn keywords_in_another_environments_overlay_are_checked_too() {
    ProjectFixture::new("[environments.dev]\nsimulator = true\n[environments.dev.statements.a]\nevolve = \"sometimes\"\n[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n")
        .assert_problems(&[("`evolve` cannot be \"sometimes\"", &["\"sometimes\""])]);
}

#[test]
fn the_initial_offset_property_is_not_allowed() {
    statement("properties = { \"sql.tables.initial-offset-from\" = \"a-g2\" }").assert_one_problem(
        "the property `sql.tables.initial-offset-from` is not supported",
        &["\"sql.tables.initial-offset-from\""],
        "evolve",
    );
}

#[test]
fn removed_blocks_hold_the_consents_of_addresses_that_are_not_declared() {
    let removed = "[[removed]]\naddress = \"statements.old\"\naccept = \"drop:91c0aa\"\n";
    let project = ProjectFixture::new(removed).load();
    let block = &project.removed[0];
    assert_eq!(block.address, Address::statement("old"));
    assert!(project.has_consent(&Address::statement("old"), &"drop:91c0aa".parse().unwrap()));
    assert!(!project.has_consent(&Address::statement("old"), &"drop:91c0ab".parse().unwrap()));
    assert!(!project.has_consent(&Address::statement("older"), &"drop:91c0aa".parse().unwrap()));
}

#[test]
fn removed_blocks_of_declared_or_repeated_addresses_are_problems() {
    ProjectFixture::new(
        "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n[[removed]]\naddress = \"statements.a\"\naccept = [\"drop:91c0aa\"]\n",
    )
    .assert_problems(&[("`statements.a` is removed but still declared", &["\"statements.a\""])]);
    let old = "[[removed]]\naddress = \"statements.old\"\naccept = []\n";
    ProjectFixture::new(&format!("{old}{old}")).assert_problems(&[(
        "`statements.old` has two `[[removed]]` blocks",
        &["\"statements.old\"", "\"statements.old\""],
    )]);
    ProjectFixture::new("[[removed]]\naddress = \"statements.old\"\n")
        .assert_problems(&[("`[[removed]]` has no `accept`", &["[[removed]]"])]);
    ProjectFixture::new("[[removed]]\naddress = \"statements.old\"\naccept = \"yes\"\n")
        .assert_problems(&[("`yes` is not a valid consent", &["\"yes\""])]);
}

#[test]
fn stateful_is_read_and_allowed_only_for_a_function() {
    let function = "[statements.f]\nsql = \"CREATE FUNCTION f AS 'x.F' USING JAR 'confluent-artifact://cfa-1'\"\n";
    let is_stateful =
        |entry: &str| ProjectFixture::new(&format!("{function}{entry}")).load().statements["f"].is_stateful_function;
    assert!(is_stateful("stateful = true\n") && !is_stateful("stateful = false\n") && !is_stateful(""));
    let invalid = statement("stateful = true").load_invalid();
    assert_eq!(invalid.problems[0].message, "`stateful` is only for a `CREATE FUNCTION`");
    let invalid = ProjectFixture::new("[defaults]\nstateful = true\n").load_invalid();
    assert!(invalid.problems[0].help.as_ref().unwrap().contains("creates the function"));
}
