//! Tests of `${variable}`, `$${` and `${secret.name}`.

use super::*;

/// Returns a project with one secret, these variables and the statement `a` with this TOML string as its SQL.
fn project_with(sql: &str, variables: &str) -> ProjectFixture {
    ProjectFixture::from_manifest(&format!(
        "[project]\nname = \"t\"\n[secrets]\nkey = {{ env = \"KEY\" }}\n[environments.local]\nsimulator = true\nvariables = {{ {variables} }}\n[statements.a]\nsql = {sql}\n"
    ))
}

#[test]
fn variables_are_replaced_in_sql_and_strings() {
    let project = ProjectFixture::from_manifest(
        "[project]\nname = \"p-${tier}\"\n[defaults]\nproperties = { \"sql.current-catalog\" = \"${catalog}\" }\nprincipal = \"${who}\"\n[environments.local]\nsimulator = true\nvariables = { catalog = \"c1\", who = \"sa-1\", tier = \"x\" }\n",
    )
    .with_file("statements/a.sql", "CREATE TABLE ${catalog}_t (x INT)")
    .load();
    let spec = &project.statements["a"].spec;
    assert_eq!(project.name, "p-x");
    assert_eq!(spec.sql.as_str(), "CREATE TABLE c1_t (x INT)");
    assert_eq!(spec.properties.get("sql.current-catalog").unwrap().as_str(), "c1");
    assert_eq!(spec.principal.as_deref(), Some("sa-1"));
}

#[test]
fn a_flag_overrides_the_process_environment_which_overrides_the_manifest() {
    let sql = |fixture: ProjectFixture| fixture.load().statements["a"].spec.sql.as_str().to_owned();
    let base = || project_with("\"CREATE TABLE ${my-t} (x INT)\"", "my-t = \"t1\"");
    assert_eq!(sql(base()), "CREATE TABLE t1 (x INT)");
    assert_eq!(sql(base().with_env_variable("MY_T", "t2")), "CREATE TABLE t2 (x INT)");
    assert_eq!(sql(base().with_env_variable("my-t", "t3")), "CREATE TABLE t3 (x INT)");
    assert_eq!(sql(base().with_env_variable("MY_T", "t2").with_flag("my-t", "t4")), "CREATE TABLE t4 (x INT)");
}

#[test]
fn environment_fields_use_only_flags_and_the_process_environment() {
    let floe = "[project]\nname = \"t\"\n[environments.local]\nsimulator = true\nregion = \"${region}\"\nvariables = { region = \"eu-west-1\", topic = \"${team}-orders\" }\n";
    ProjectFixture::from_manifest(floe)
        .with_flag("team", "core")
        .assert_problems(&[("variable `region` is not defined", &["${region}"])]);
    let project = ProjectFixture::from_manifest(floe)
        .with_flag("team", "core")
        .with_flag("region", "eu-west-1")
        .with_file("statements/a.sql", "CREATE TABLE `${topic}` (x INT)")
        .load();
    assert_eq!(project.environment.identity.region, "eu-west-1");
    assert_eq!(project.statements["a"].spec.sql.as_str(), "CREATE TABLE `core-orders` (x INT)");
}

#[test]
fn undefined_variables_of_another_environment_are_allowed() {
    ProjectFixture::new("[environments.prod]\norganization = \"${org}\"\nid = \"${id}\"\ncloud = \"${cloud}\"\nregion = \"${region}\"\n").load();
}

#[test]
fn an_undefined_variable_is_reported_at_its_reference() {
    project_with("\"CREATE TABLE \\u0074 (${catlog} INT)\"", "catalog = \"c\"").assert_one_problem(
        "variable `catlog` is not defined",
        &["${catlog}"],
        "Did you mean `${catalog}`?",
    );
    project_with("'''\nCREATE TABLE t (\n  ${column} INT)'''", "").assert_one_problem(
        "variable `column` is not defined",
        &["${column}"],
        "--var column=",
    );
    ProjectFixture::new("").with_file("statements/a.sql", "-- x\nCREATE TABLE ${t} (x INT)").assert_one_problem(
        "variable `t` is not defined",
        &["${t}"],
        "FLOE_VAR_T",
    );
}

#[test]
fn an_undefined_variable_of_the_defaults_is_reported_once() {
    ProjectFixture::new("[defaults]\nproperties = { a = \"${nope}\" }\n")
        .with_file("statements/a.sql", "CREATE TABLE a (x INT)")
        .with_file("statements/b.sql", "CREATE TABLE b (x INT)")
        .assert_problems(&[("variable `nope` is not defined", &["${nope}"])]);
}

#[test]
fn an_escaped_reference_is_literal_text() {
    let project = project_with(
        "\"INSERT INTO t VALUES ('$${x}', '${v}', '$')\"",
        "v = \"${y}\"".replace("${y}", "$${y}").as_str(),
    )
    .load();
    let sql = &project.statements["a"].spec.sql;
    assert_eq!(sql.masked(), "INSERT INTO t VALUES ('${x}', '${y}', '$')");
    assert_eq!(sql.reveal(&crate::resource::Secrets::default()).unwrap(), "INSERT INTO t VALUES ('${x}', '${y}', '$')");
}

#[test]
fn variable_values_are_not_interpolated_again() {
    // Two pieces that together spell `${secret.key}` are not a reference.
    let project = project_with("\"INSERT INTO t VALUES ('${a}{secret.key}')\"", "a = \"$\"").load();
    let sql = &project.statements["a"].spec.sql;
    assert!(!sql.has_secrets());
    assert_eq!(sql.masked(), "INSERT INTO t VALUES ('${secret.key}')");
    project_with("\"INSERT INTO t VALUES ('${a}${secret.key}')\"", "a = \"$\"")
        .assert_problems(&[("a secret cannot directly follow a `$`", &["${secret.key}"])]);
}

#[test]
fn an_unclosed_reference_is_an_error() {
    project_with("\"INSERT INTO t VALUES ('${a')\"", "").assert_one_problem("`${` is never closed", &["${"], "`$${`");
    project_with("\"INSERT INTO t VALUES ('${a b}')\"", "").assert_one_problem(
        "`${a b}` is not a valid variable reference",
        &["${a b}"],
        "`$${`",
    );
}

#[test]
fn secrets_stay_references() {
    let project = project_with(
        "\"CREATE TABLE t (x INT) WITH ('k' = '${secret.key}')\"\nproperties = { p = \"${secret.key}\" }",
        "",
    )
    .load();
    let spec = &project.statements["a"].spec;
    assert_eq!(spec.sql.secret_names().collect::<Vec<_>>(), ["key"]);
    assert_eq!(spec.properties.get("p").unwrap().as_str(), "${secret.key}");
    assert_eq!(project.secrets["key"], "KEY");
}

#[test]
fn an_undeclared_secret_is_an_error() {
    project_with("\"CREATE TABLE t (x INT) WITH ('k' = '${secret.kye}')\"", "").assert_one_problem(
        "secret `kye` is not declared",
        &["${secret.kye}"],
        "Did you mean `${secret.key}`?",
    );
}

#[test]
fn secrets_are_allowed_only_in_properties_and_sql() {
    project_with("\"CREATE TABLE t (x INT)\"\nprincipal = \"${secret.key}\"", "").assert_one_problem(
        "the secret `${secret.key}` is not allowed here",
        &["${secret.key}"],
        "properties and in SQL",
    );
}

#[test]
fn a_secret_declaration_names_a_variable_and_holds_no_value() {
    let floe = |secret: &str| ProjectFixture::from_manifest(&format!("[secrets]\n{secret}\n{MINIMAL_MANIFEST}"));
    floe("k = { value = \"hunter2\" }").assert_problems(&[
        ("`[secrets.k]` has no `env`", &["k"]),
        ("`value` does not belong in `[secrets.k]`", &["value"]),
    ]);
    floe("k = \"KEY\"").assert_one_problem("`secrets.k` must be a table", &["\"KEY\""], "");
    floe("k = { env = \"sk-123\" }").assert_one_problem(
        "this is not a valid environment variable name",
        &["\"sk-123\""],
        "never to the secret",
    );
}

#[test]
fn a_misspelled_variable_flag_is_an_error_and_an_unused_one_is_not() {
    let base = || project_with("\"CREATE TABLE ${table} (x INT)\"", "table = \"t\"");
    base().with_flag("tabel", "other").assert_one_problem(
        "`--var tabel=…` sets a variable that is not used",
        &[],
        "Did you mean `table`?",
    );
    base().with_flag("commit", "3f2a9c").load();
}

#[test]
fn invalid_variable_names_are_errors() {
    project_with("\"CREATE TABLE t (x INT)\"", "\"my.table\" = \"t\"")
        .assert_problems(&[("`my.table` is not a valid variable name", &["\"my.table\""])]);
}

#[test]
fn references_in_comments_are_not_substituted() {
    for (sql, expected) in [
        ("-- run with ${ENVIRONMENT}\nCREATE TABLE ${t} (x INT)", "-- run with ${ENVIRONMENT}\nCREATE TABLE a (x INT)"),
        ("CREATE TABLE ${t} (x INT) /* ${secret.nope} $${ ${ */", "CREATE TABLE a (x INT) /* ${secret.nope} $${ ${ */"),
        ("CREATE TABLE ${t} (x INT) // ${not closed", "CREATE TABLE a (x INT) // ${not closed"),
        ("-- it's ${x}\nCREATE TABLE ${t} (x INT)", "-- it's ${x}\nCREATE TABLE a (x INT)"),
        // These are no comments.
        ("CREATE TABLE a (x INT COMMENT '-- ${t} /* ${t}')", "CREATE TABLE a (x INT COMMENT '-- a /* a')"),
        ("CREATE TABLE `--${t}` (x INT)", "CREATE TABLE `--a` (x INT)"),
        (
            "CREATE VIEW a AS SELECT x FROM b /*+ OPTIONS('k'='${t}') */",
            "CREATE VIEW a AS SELECT x FROM b /*+ OPTIONS('k'='a') */",
        ),
    ] {
        let floe = "[project]\nname = \"t\"\n[environments.local]\nsimulator = true\nvariables = { t = \"a\" }\n[statements.a]\nsql_file = \"a.sql\"\n";
        let project = ProjectFixture::from_manifest(floe).with_file("a.sql", sql).load();
        assert_eq!(project.statements["a"].spec.sql.masked(), expected, "{sql}");
    }
    project_with("\"CREATE TABLE t (x INT) -- ${catlog}\"", "catalog = \"c\"").load();
    // A property has no comments.
    ProjectFixture::new(
        "[statements.a]\nsql = \"CREATE TABLE t (x INT)\"\nproperties = { \"client.x\" = \"-- ${no}\" }\n",
    )
    .assert_problems(&[("variable `no` is not defined", &["${no}"])]);
}

#[test]
fn an_empty_variable_in_place_of_a_name_is_the_problem() {
    for (sql, reference) in [
        ("INSERT INTO ${sink} SELECT x FROM s", "${sink}"),
        ("INSERT INTO s SELECT x FROM ${sink}", "${sink}"),
        ("INSERT INTO s SELECT x FROM ${sink} WHERE x > 1", "${sink}"),
        ("INSERT INTO s SELECT x FROM db.${sink}", "${sink}"),
        ("INSERT INTO s SELECT ${sink} FROM s", "${sink}"),
        ("INSERT INTO s SELECT x FROM s WHERE x = ${sink}", "${sink}"),
        ("INSERT INTO s SELECT x, ${sink} FROM s", "${sink}"),
        ("CREATE TABLE ${sink} (x INT)", "${sink}"),
        ("CREATE TABLE ${blank} (x INT)", "${blank}"),
        ("DROP TABLE ${sink}", "${sink}"),
    ] {
        let problems = project_with(&format!("'{sql}'"), "sink = \"\", blank = \" \"").problems();
        assert_eq!(problems.len(), 1, "{sql}: {}", format_problems(&problems));
        let name = reference.trim_matches(['$', '{', '}']);
        assert!(
            problems[0].message.starts_with(&format!("variable `{name}` is empty, and ")),
            "{}",
            problems[0].message
        );
        assert_eq!(text_at(&problems[0].locations[0].0), reference);
    }
    // A variable may be empty where nothing is missing.
    project_with("'CREATE TABLE t${sink} (x INT) ${sink}'", "sink = \"\"").load();
}
