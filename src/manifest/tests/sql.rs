//! Where SQL stands and what may stand in it.

use super::*;

#[test]
fn sql_is_gits_text_byte_for_byte() {
    let sql = "-- über\r\nCREATE TABLE a (x INT)  ;\n\n";
    let project = World::new("").file("statements/a.sql", sql).project();
    assert_eq!(project.statements["a"].spec.sql.as_str(), sql);
}

#[test]
fn a_second_statement_is_an_error_where_it_begins() {
    let second = "a second statement begins here; one text holds one statement, so give it an entry of its own";
    World::new("").file("statements/a.sql", "CREATE TABLE a (x INT);\nDROP TABLE a").says(&[(second, &["DROP"])]);
    // Inside TOML strings of both forms, with escapes and variables before it.
    for string in [
        r#""CREATE TABLE \u0061 (x INT); DROP TABLE a""#,
        "'CREATE TABLE a (x INT); DROP TABLE a'",
        "\"\"\"\nCREATE TABLE a \\\n  (x\\tINT);\nDROP TABLE a\"\"\"",
        "'''CREATE TABLE ${long-name} (x INT);\n  DROP TABLE a'''",
        "\"CREATE TABLE ${short} (x INT);\\n DROP TABLE a\"",
    ] {
        let floe = format!(
            "[project]\nname = \"t\"\n[environments.local]\nsimulator = true\nvariables = {{ long-name = \"t\", short = \"a_very_long_name\" }}\n[statements.a]\nsql = {string}\n"
        );
        World::whole(&floe).says(&[(second, &["DROP"])]);
    }
}

#[test]
fn set_belongs_in_properties() {
    World::new("").file("statements/a.sql", "SET 'sql.state-ttl' = '1 d';\nCREATE TABLE a (x INT)").says(&[(
        "a statement can't be sent along with SET or USE; set the option in the statement's `properties`",
        &["SET"],
    )]);
}

#[test]
fn what_no_tool_can_keep_is_refused_at_its_first_word() {
    let world = World::new("").file("statements/a.sql", "/* hm */ -- so\n  SELECT 1");
    let problems = world.problems();
    assert!(problems[0].message.starts_with("floe cannot keep this statement: "), "{}", listed(&problems));
    assert_eq!(text(&problems[0].locations[0].0), "SELECT");
    let problems = World::new("[statements.a]\nsql = \"SHOW TABLES\"\n").problems();
    assert_eq!(text(&problems[0].locations[0].0), "SHOW");
}

#[test]
fn an_empty_text_is_an_error() {
    for sql in ["", "  \n", "-- nothing\n/* at all */ ;"] {
        let problems = World::new("").file("statements/a.sql", sql).problems();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].message, "`statements.a` has no SQL but white space and comments");
    }
}

#[test]
fn a_bare_file_holds_what_makes_or_runs_something() {
    for sql in ["DROP TABLE a", "ALTER TABLE a ADD (y INT)"] {
        World::new("").file("statements/a.sql", sql).says_one(
            "a `.sql` file by itself may hold one `CREATE`, `INSERT` or statement set",
            &[sql.split(' ').next().unwrap()],
            "[statements.a]\nsql_file = \"statements/a.sql\"",
        );
        World::new("[statements.a]\nsql_file = \"statements/a.sql\"\n").file("statements/a.sql", sql).project();
        // Settings say so too.
        World::new("[statements.a]\nprevent_destroy = true\n").file("statements/a.sql", sql).project();
    }
    for sql in [
        "INSERT INTO b SELECT * FROM a",
        "EXECUTE STATEMENT SET BEGIN INSERT INTO b SELECT * FROM a; END",
        "CREATE VIEW v AS SELECT 1",
    ] {
        World::new("").file("statements/a.sql", sql).project();
    }
}

#[test]
fn a_job_has_nothing_to_undo() {
    let undo = |sql: &str| World::new(&format!("[statements.a]\nsql = \"{sql}\"\nundo = \"DROP TABLE b\"\n"));
    undo("INSERT INTO b SELECT x FROM c")
        .says(&[("`undo` of `a` would never run: a job defines nothing", &["\"DROP TABLE b\""])]);
    undo("CREATE TABLE b AS SELECT x FROM c").project();
    undo("INSERT INTO b VALUES (1)").project();
}

#[test]
fn undo_is_checked_like_sql() {
    let undo =
        |undo: &str| World::new(&format!("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\nundo = \"{undo}\"\n"));
    undo("DROP TABLE ${x}").says(&[("variable `x` is not defined", &["${x}"])]);
    undo("DROP TABLE a; DROP TABLE b").says(&[(
        "a second statement begins here; one text holds one statement, so give it an entry of its own",
        &["DROP"],
    )]);
    undo("INSERT INTO b SELECT * FROM a").says_one(
        "an `undo` has to complete, and this keeps running",
        &["INSERT"],
        "DROP TABLE",
    );
    undo(" ").says(&[("`statements.a` has no `undo` but white space and comments", &[""])]);
}

#[test]
fn more_than_the_service_takes_is_an_error() {
    let sql = format!("CREATE TABLE a (x INT) -- {}", "x".repeat(4 << 20));
    let problems = World::new("").file("statements/a.sql", &sql).problems();
    assert!(problems[0].message.starts_with("the SQL of `statements.a` is 4"), "{}", problems[0].message);
}
