//! `${variable}`, `$${` and `${secret.name}`.

use super::*;

fn world(sql: &str, variables: &str) -> World {
    World::whole(&format!(
        "[project]\nname = \"t\"\n[secrets]\nkey = {{ env = \"KEY\" }}\n[environments.local]\nsimulator = true\nvariables = {{ {variables} }}\n[statements.a]\nsql = {sql}\n"
    ))
}

#[test]
fn variables_are_replaced_in_sql_and_strings() {
    let project = World::whole(
        "[project]\nname = \"p-${tier}\"\n[defaults]\nproperties = { \"sql.current-catalog\" = \"${catalog}\" }\nprincipal = \"${who}\"\n[environments.local]\nsimulator = true\nvariables = { catalog = \"c1\", who = \"sa-1\", tier = \"x\" }\n",
    )
    .file("statements/a.sql", "CREATE TABLE ${catalog}_t (x INT)")
    .project();
    let spec = &project.statements["a"].spec;
    assert_eq!(project.name, "p-x");
    assert_eq!(spec.sql.as_str(), "CREATE TABLE c1_t (x INT)");
    assert_eq!(spec.properties.get("sql.current-catalog").unwrap().as_str(), "c1");
    assert_eq!(spec.principal.as_deref(), Some("sa-1"));
}

#[test]
fn a_flag_is_over_the_process_over_the_table() {
    let sql = |world: World| world.project().statements["a"].spec.sql.as_str().to_owned();
    let base = || world("\"CREATE TABLE ${my-t} (x INT)\"", "my-t = \"t1\"");
    assert_eq!(sql(base()), "CREATE TABLE t1 (x INT)");
    assert_eq!(sql(base().process("MY_T", "t2")), "CREATE TABLE t2 (x INT)");
    assert_eq!(sql(base().process("my-t", "t3")), "CREATE TABLE t3 (x INT)");
    assert_eq!(sql(base().process("MY_T", "t2").flag("my-t", "t4")), "CREATE TABLE t4 (x INT)");
}

#[test]
fn fields_of_environments_take_flags_and_the_process_only() {
    let floe = "[project]\nname = \"t\"\n[environments.local]\nsimulator = true\nregion = \"${region}\"\nvariables = { region = \"eu-west-1\", topic = \"${team}-orders\" }\n";
    World::whole(floe).flag("team", "core").says(&[("variable `region` is not defined", &["${region}"])]);
    let project = World::whole(floe)
        .flag("team", "core")
        .flag("region", "eu-west-1")
        .file("statements/a.sql", "CREATE TABLE `${topic}` (x INT)")
        .project();
    assert_eq!(project.environment.identity.region, "eu-west-1");
    assert_eq!(project.statements["a"].spec.sql.as_str(), "CREATE TABLE `core-orders` (x INT)");
}

#[test]
fn another_environment_may_need_variables_that_are_not_here() {
    World::new("[environments.prod]\norganization = \"${org}\"\nid = \"${id}\"\ncloud = \"${cloud}\"\nregion = \"${region}\"\n").project();
}

#[test]
fn an_undefined_variable_is_said_at_its_place() {
    world("\"CREATE TABLE \\u0074 (${catlog} INT)\"", "catalog = \"c\"").says_one(
        "variable `catlog` is not defined",
        &["${catlog}"],
        "did you mean `${catalog}`?",
    );
    world("'''\nCREATE TABLE t (\n  ${column} INT)'''", "").says_one(
        "variable `column` is not defined",
        &["${column}"],
        "--var column=",
    );
    World::new("").file("statements/a.sql", "-- x\nCREATE TABLE ${t} (x INT)").says_one(
        "variable `t` is not defined",
        &["${t}"],
        "FLOE_VAR_T",
    );
}

#[test]
fn an_undefined_variable_of_the_defaults_is_said_once() {
    World::new("[defaults]\nproperties = { a = \"${nope}\" }\n")
        .file("statements/a.sql", "CREATE TABLE a (x INT)")
        .file("statements/b.sql", "CREATE TABLE b (x INT)")
        .says(&[("variable `nope` is not defined", &["${nope}"])]);
}

#[test]
fn an_escaped_opening_is_literal() {
    let project =
        world("\"INSERT INTO t VALUES ('$${x}', '${v}', '$')\"", "v = \"${y}\"".replace("${y}", "$${y}").as_str())
            .project();
    let sql = &project.statements["a"].spec.sql;
    assert_eq!(sql.masked(), "INSERT INTO t VALUES ('${x}', '${y}', '$')");
    assert_eq!(sql.reveal(&crate::resource::Secrets::default()).unwrap(), "INSERT INTO t VALUES ('${x}', '${y}', '$')");
}

#[test]
fn what_a_variable_holds_is_never_read_again() {
    // The two meet as `${secret.key}`, and are no reference.
    let project = world("\"INSERT INTO t VALUES ('${a}{secret.key}')\"", "a = \"$\"").project();
    let sql = &project.statements["a"].spec.sql;
    assert!(!sql.has_secrets());
    assert_eq!(sql.masked(), "INSERT INTO t VALUES ('${secret.key}')");
    world("\"INSERT INTO t VALUES ('${a}${secret.key}')\"", "a = \"$\"")
        .says(&[("a `$` cannot stand right before a secret", &["${secret.key}"])]);
}

#[test]
fn an_opening_without_an_end_is_an_error() {
    world("\"INSERT INTO t VALUES ('${a')\"", "").says_one("`${` is never closed", &["${"], "`$${`");
    world("\"INSERT INTO t VALUES ('${a b}')\"", "").says_one("`${a b}` names no variable", &["${a b}"], "`$${`");
}

#[test]
fn secrets_stay_references() {
    let project =
        world("\"CREATE TABLE t (x INT) WITH ('k' = '${secret.key}')\"\nproperties = { p = \"${secret.key}\" }", "")
            .project();
    let spec = &project.statements["a"].spec;
    assert_eq!(spec.sql.secret_names().collect::<Vec<_>>(), ["key"]);
    assert_eq!(spec.properties.get("p").unwrap().as_str(), "${secret.key}");
    assert_eq!(project.secrets["key"], "KEY");
}

#[test]
fn an_undeclared_secret_is_an_error() {
    world("\"CREATE TABLE t (x INT) WITH ('k' = '${secret.kye}')\"", "").says_one(
        "secret `kye` is not declared",
        &["${secret.kye}"],
        "did you mean `${secret.key}`?",
    );
}

#[test]
fn a_secret_stands_in_properties_and_sql_only() {
    world("\"CREATE TABLE t (x INT)\"\nprincipal = \"${secret.key}\"", "").says_one(
        "`${secret.key}` cannot stand here",
        &["${secret.key}"],
        "properties and in SQL",
    );
}

#[test]
fn secrets_name_a_variable_and_hold_nothing() {
    let floe = |secret: &str| World::whole(&format!("[secrets]\n{secret}\n{LEAST}"));
    floe("k = { value = \"hunter2\" }")
        .says(&[("`[secrets.k]` has no `env`", &["k"]), ("`value` does not belong in `[secrets.k]`", &["value"])]);
    floe("k = \"KEY\"").says_one("`secrets.k` must be a table", &["\"KEY\""], "");
    floe("k = { env = \"sk-123\" }").says_one(
        "this cannot be the name of an environment variable",
        &["\"sk-123\""],
        "never the secret",
    );
}

#[test]
fn a_misspelt_flag_is_an_error_and_an_unused_one_is_not() {
    let base = || world("\"CREATE TABLE ${table} (x INT)\"", "table = \"t\"");
    base().flag("tabel", "other").says_one(
        "`--var tabel=…` sets a variable that nothing uses",
        &[],
        "did you mean `table`?",
    );
    base().flag("commit", "3f2a9c").project();
}

#[test]
fn variables_have_names_that_can_be_referred_to() {
    world("\"CREATE TABLE t (x INT)\"", "\"my.table\" = \"t\"")
        .says(&[("`my.table` cannot be the name of a variable", &["\"my.table\""])]);
}
