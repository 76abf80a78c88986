//! Tests of locating and validating SQL.

use super::*;

#[test]
fn sql_is_the_file_byte_for_byte() {
    let sql = "-- über\nCREATE\tTABLE a (x INT)  ;\r \n\n";
    let project = ProjectFixture::new("").with_file("statements/a.sql", sql).load();
    assert_eq!(project.statements["a"].spec.sql.as_str(), sql);
}

/// Returns the SQL and the undo of the statement `a` of a project.
fn sql_and_undo(fixture: &ProjectFixture) -> (String, String) {
    let statement = &fixture.load().statements["a"];
    let undo = statement.spec.undo.as_ref().map(|undo| undo.as_str().to_owned());
    (statement.spec.sql.as_str().to_owned(), undo.unwrap_or_default())
}

#[test]
fn line_ends_of_windows_declare_the_same_sql() {
    let sql = "CREATE TABLE a (x STRING COMMENT 'two\nlines', -- note\n  y INT);\n";
    let windows = sql.replace('\n', "\r\n");
    let file = |sql: &str| ProjectFixture::new("").with_file("statements/a.sql", sql);
    assert_eq!(file(&windows).load().statements["a"].spec.sql.as_str(), sql);
    for quotes in ["\"\"\"", "'''"] {
        let with_line_end = |end: &str| {
            let (sql, undo) = (sql.replace('\n', end), format!("DROP TABLE -- note{end}  a;{end}"));
            let manifest = format!("[statements.a]\nsql = {quotes}{sql}{quotes}\nundo = {quotes}{undo}{quotes}\n");
            sql_and_undo(&ProjectFixture::new(&manifest))
        };
        assert_eq!(with_line_end("\r\n"), (sql.to_owned(), "DROP TABLE -- note\n  a;\n".to_owned()));
        assert_eq!(with_line_end("\r\n"), with_line_end("\n"));
    }
    // An escape in TOML says CR LF on purpose.
    let escaped = ProjectFixture::new("[statements.a]\nsql = \"CREATE TABLE a (x STRING COMMENT 'b\\r\\nc')\"\n");
    assert_eq!(sql_and_undo(&escaped).0, "CREATE TABLE a (x STRING COMMENT 'b\r\nc')");
    // Problems are located in the file as it is.
    file("CREATE TABLE a (x INT);\r\n\r\nDROP TABLE a")
        .assert_problems(&[("a second statement starts here: give each statement its own entry", &["DROP"])]);
}

#[test]
fn a_reserved_word_as_a_name_is_a_problem_at_its_place() {
    ProjectFixture::new("").with_file("statements/a.sql", "CREATE TABLE order (id INT)").assert_one_problem(
        "`order` is a reserved word, which is a name only in back-quotes",
        &["order"],
        "Write it in back-quotes: `order`.",
    );
    ProjectFixture::new("").with_file("statements/a.sql", "INSERT INTO my-table SELECT id FROM a").assert_one_problem(
        "`-` cannot follow the name `my`",
        &["-"],
        "Write the name in back-quotes: `my-table`.",
    );
}

#[test]
fn a_second_statement_is_an_error_where_it_begins() {
    let second = "a second statement starts here: give each statement its own entry";
    ProjectFixture::new("")
        .with_file("statements/a.sql", "CREATE TABLE a (x INT);\nDROP TABLE a")
        .assert_problems(&[(second, &["DROP"])]);
    // The location is also right in every form of TOML string, after escapes and variables.
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
        ProjectFixture::from_manifest(&floe).assert_problems(&[(second, &["DROP"])]);
    }
}

#[test]
fn set_is_refused_in_favor_of_properties() {
    ProjectFixture::new("")
        .with_file("statements/a.sql", "SET 'sql.state-ttl' = '1 d';\nCREATE TABLE a (x INT)")
        .assert_problems(&[(
            "a statement cannot be sent together with `SET` or `USE`: set the option in the statement's `properties`",
            &["SET"],
        )]);
}

#[test]
fn queries_and_show_are_refused_at_their_first_word() {
    let fixture = ProjectFixture::new("").with_file("statements/a.sql", "/* hm */ -- so\n  SELECT 1");
    let problems = fixture.problems();
    assert!(problems[0].message.starts_with("floe cannot manage this statement: "), "{}", format_problems(&problems));
    assert_eq!(text_at(&problems[0].locations[0].0), "SELECT");
    let problems = ProjectFixture::new("[statements.a]\nsql = \"SHOW TABLES\"\n").problems();
    assert_eq!(text_at(&problems[0].locations[0].0), "SHOW");
}

#[test]
fn empty_sql_is_an_error() {
    for sql in ["", "  \n", "-- nothing\n/* at all */ ;"] {
        let problems = ProjectFixture::new("").with_file("statements/a.sql", sql).problems();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].message, "the SQL of `statements.a` contains only whitespace and comments");
    }
}

#[test]
fn a_bare_file_may_only_create_or_insert() {
    for sql in ["DROP TABLE a", "ALTER TABLE a ADD (y INT)"] {
        ProjectFixture::new("").with_file("statements/a.sql", sql).assert_one_problem(
            "a `.sql` file without a manifest entry can hold only one `CREATE`, one `INSERT` or one statement set",
            &[sql.split(' ').next().unwrap()],
            "[statements.a]\nsql_file = \"statements/a.sql\"",
        );
        ProjectFixture::new("[statements.a]\nsql_file = \"statements/a.sql\"\n")
            .with_file("statements/a.sql", sql)
            .load();
        // An entry with only settings is a manifest entry too.
        ProjectFixture::new("[statements.a]\nprevent_destroy = true\n").with_file("statements/a.sql", sql).load();
    }
    for sql in [
        "INSERT INTO b SELECT * FROM a",
        "EXECUTE STATEMENT SET BEGIN INSERT INTO b SELECT * FROM a; END",
        "CREATE VIEW v AS SELECT 1",
    ] {
        ProjectFixture::new("").with_file("statements/a.sql", sql).load();
    }
}

#[test]
fn undo_of_a_job_is_an_error() {
    let undo = |sql: &str| ProjectFixture::new(&format!("[statements.a]\nsql = \"{sql}\"\nundo = \"DROP TABLE b\"\n"));
    undo("INSERT INTO b SELECT x FROM c")
        .assert_problems(&[("the `undo` of `a` would never run, because `a` is a job", &["\"DROP TABLE b\""])]);
    undo("CREATE TABLE b AS SELECT x FROM c").load();
    undo("INSERT INTO b VALUES (1)").load();
}

#[test]
fn undo_is_checked_like_sql() {
    let undo = |undo: &str| {
        ProjectFixture::new(&format!("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\nundo = \"{undo}\"\n"))
    };
    undo("DROP TABLE ${x}").assert_problems(&[("variable `x` is not defined", &["${x}"])]);
    undo("DROP TABLE a; DROP TABLE b")
        .assert_problems(&[("a second statement starts here: give each statement its own entry", &["DROP"])]);
    undo("INSERT INTO b SELECT * FROM a").assert_one_problem(
        "an `undo` must complete, but this statement keeps running",
        &["INSERT"],
        "DROP TABLE",
    );
    undo(" ").assert_problems(&[("the `undo` of `statements.a` contains only whitespace and comments", &[""])]);
}

#[test]
fn sql_above_the_size_limit_is_an_error() {
    let sql = format!("CREATE TABLE a (x INT) -- {}", "x".repeat(4 << 20));
    let problems = ProjectFixture::new("").with_file("statements/a.sql", &sql).problems();
    assert!(problems[0].message.starts_with("the SQL of `statements.a` is 4"), "{}", problems[0].message);
}
