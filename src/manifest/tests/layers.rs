//! Tests of TOML syntax, keys and types.

use super::*;

#[test]
fn a_syntax_error_is_reported_without_missing_references() {
    // `pools.main` may be in the file with the syntax error.
    let fixture = ProjectFixture::new("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\npool = \"main\"\n")
        .with_file("pools.toml", "[pools.main]\nmax_cfu = = 5\n");
    let problems = fixture.problems();
    assert!(
        problems.iter().all(|problem| problem.message.starts_with("invalid TOML")),
        "{}",
        format_problems(&problems)
    );
}

#[test]
fn a_syntax_error_in_floe_toml_suppresses_its_other_problems() {
    ProjectFixture::from_manifest("[project\nname = \"t\"\n\n[environments.prod]\nid = 3\n")
        .assert_problems(&[("invalid TOML: unclosed table, expected `]`", &[""])]);
    // Other files are still checked.
    ProjectFixture::from_manifest("[project]\nname = x\n")
        .with_file("statements/a.toml", "[statements.a]\nsql = 3\n")
        .assert_problems(&[
            ("invalid TOML: string values must be quoted, expected literal string", &["x"]),
            ("`sql` must be a string", &["3"]),
        ]);
}

#[test]
fn bare_files_are_not_checked_while_a_manifest_has_a_syntax_error() {
    ProjectFixture::new("")
        .with_file("statements/a.toml", "[statements.a\nsql_file = \"drop.sql\"\n")
        .with_file("statements/drop.sql", "DROP TABLE t")
        .with_file("statements/my file.sql", "DROP TABLE t")
        .assert_problems(&[("invalid TOML: unclosed table, expected `]`", &[""])]);
}

#[test]
fn every_problem_of_every_file_is_reported() {
    ProjectFixture::new("[pools.p]\nmax_cfu = \"5\"\nregoin = \"x\"\n[defaults]\nprinciple = \"sa-1\"\n")
        .with_file("statements/a.toml", "[statements.a]\nsql = 3\nstoped = true\n")
        .assert_problems(&[
            ("`max_cfu` must be an integer", &["\"5\""]),
            ("unknown key `regoin` in `[pools.p]`", &["regoin"]),
            ("unknown key `principle` in `[defaults]`", &["principle"]),
            ("`sql` must be a string", &["3"]),
            ("unknown key `stoped` in `[statements.a]`", &["stoped"]),
        ]);
}

#[test]
fn an_unknown_key_has_a_suggestion() {
    ProjectFixture::new("[defaults]\nprincipel = \"sa-1\"\n").assert_one_problem(
        "unknown key `principel` in `[defaults]`",
        &["principel"],
        "Did you mean `principal`?",
    );
    ProjectFixture::new("[statement.a]\nsql = \"CREATE TABLE a (x INT)\"\n").assert_one_problem(
        "unknown key `statement` in this file",
        &["statement"],
        "Did you mean `statements`?",
    );
}

#[test]
fn a_misplaced_key_is_reported_with_its_proper_place() {
    ProjectFixture::new("").with_file("pools.toml", "[defaults]\npool = \"x\"\n").assert_one_problem(
        "`defaults` does not belong in this file",
        &["[defaults]"],
        "Move it to `floe.toml`.",
    );
    ProjectFixture::new("[defaults]\nsql = \"x\"\n").assert_one_problem(
        "`sql` does not belong in `[defaults]`",
        &["sql"],
        "its own SQL",
    );
    ProjectFixture::new("[pools.p]\nmax_cfu = 5\nregion = \"x\"\n").assert_one_problem(
        "`region` does not belong in `[pools.p]`",
        &["region"],
        "the region of its environment",
    );
    ProjectFixture::new("[environments.prod]\nsimulator = true\napi_key = \"x\"\n").assert_one_problem(
        "`api_key` does not belong in `[environments.prod]`",
        &["api_key"],
        "FLINK_API_KEY",
    );
}

#[test]
fn a_wrong_type_is_reported_with_the_correct_form() {
    ProjectFixture::new("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\nstopped = \"true\"\n").assert_one_problem(
        "`stopped` must be true or false",
        &["\"true\""],
        "`stopped = true`",
    );
    ProjectFixture::new("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\ntimeout = 15\n").assert_one_problem(
        "`timeout` must be a string",
        &["15"],
        "`timeout = \"15\"`",
    );
    ProjectFixture::new("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\ndepends_on = \"statements.b\"\n")
        .assert_one_problem(
            "`depends_on` must be a list of strings",
            &["\"statements.b\""],
            "`depends_on = [\"statements.b\"]`",
        );
    ProjectFixture::new("[moved]\nfrom = \"statements.a\"\n").assert_one_problem(
        "`moved` must be a list of tables",
        &["[moved]"],
        "[[moved]]",
    );
    ProjectFixture::new("pools.main = 3\n").assert_one_problem(
        "`environments.local.pools.main` must be a table",
        &["3"],
        "`[environments.local.pools.main]`",
    );
}

#[test]
fn properties_must_be_strings_and_the_help_quotes_them() {
    let statement = |properties: &str| {
        ProjectFixture::new(&format!("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n{properties}\n"))
    };
    statement("properties = { \"client.a\" = 5, b = true }")
        .assert_problems(&[("`\"client.a\"` must be a string", &["5"]), ("`b` must be a string", &["true"])]);
    statement("properties = { \"client.a\" = 5 }").assert_one_problem(
        "`\"client.a\"` must be a string",
        &["5"],
        "`\"client.a\" = \"5\"`",
    );
    statement("properties = { sql.state-ttl = \"7 d\", sql.local-time-zone = \"UTC\" }").assert_one_problem(
        "`properties.sql` is a table, but `properties` holds only strings",
        &["sql"],
        "`\"sql.local-time-zone\" = \"UTC\"`, `\"sql.state-ttl\" = \"7 d\"`",
    );
    ProjectFixture::new("[statements.a]\nsql.state-ttl = \"7 d\"\n").assert_one_problem(
        "`sql` must be a string",
        &["sql"],
        "`properties = { \"sql.state-ttl\" = \"7 d\" }`",
    );
}

#[test]
fn a_variable_of_the_wrong_type_is_not_reported_as_undefined() {
    let floe = "[project]\nname = \"t\"\n[environments.local]\nsimulator = true\nvariables = { n = 5 }\n[statements.a]\nsql = \"INSERT INTO t VALUES (${n})\"\n";
    ProjectFixture::from_manifest(floe).assert_one_problem("`n` must be a string", &["5"], "`n = \"5\"`");
}

#[test]
fn a_duplicate_key_shows_both_places() {
    ProjectFixture::new("")
        .with_file("pools.toml", "[pools.p]\nmax_cfu = 5\nmax_cfu = 10\n")
        .assert_problems(&[("`max_cfu` is defined twice", &["max_cfu", "max_cfu"])]);
    let fixture =
        ProjectFixture::new("").with_file("pools.toml", "[pools.p] # one\nmax_cfu = 5\n\n[pools.p]\nmax_cfu = 10\n");
    let problems = fixture.assert_problems(&[("`p` is defined twice", &["p", "[pools.p]"])]);
    let spans: Vec<usize> = problems[0].locations.iter().map(|(place, _)| place.span.start).collect();
    assert_eq!(spans, [36, 0]);
}

#[test]
fn a_duplicate_key_points_to_the_first_one_in_the_same_table() {
    // Returns the start of the first key for each duplicate, or `None` if it is not shown.
    let first_positions = |text: &str| -> Vec<Option<usize>> {
        let problems = ProjectFixture::new("").with_file("pools.toml", text).problems();
        assert!(
            problems.iter().all(|problem| problem.message.ends_with("is defined twice")),
            "{}",
            format_problems(&problems)
        );
        problems.iter().map(|problem| problem.locations.get(1).map(|(place, _)| place.span.start)).collect()
    };
    // Text inside a multi-line string and keys of another table do not count.
    assert_eq!(
        first_positions("[statements.a]\nsql = \"x\"\nundo = \"\"\"\nsql = 1\n\"\"\"\nsql = \"y\"\n"),
        [Some(15)]
    );
    assert_eq!(first_positions("[pools.a]\nid = \"x\"\n[pools.b]\nid = \"y\"\nid = \"z\"\n"), [Some(29)]);
    // Inline, dotted and quoted keys are found.
    assert_eq!(first_positions("[pools]\np = { id = \"x\", id = \"y\" }\n"), [Some(14)]);
    assert_eq!(first_positions("[pools]\np.id = \"x\"\nq.id = \"y\"\np.id = \"z\"\n"), [Some(10)]);
    assert_eq!(first_positions("[pools.p]\n\"id\" = \"x\"\nid = \"y\"\n"), [Some(10)]);
    // A duplicate table is one problem, even if its keys are duplicates too.
    assert_eq!(first_positions("[pools.p]\nid = \"x\"\n[pools.\"p\"]\nid = \"y\"\n"), [Some(0)]);
    // The third key is reported, but it is not certain which key was the first.
    assert_eq!(first_positions("[pools.p]\nid = \"x\"\nid = \"y\"\nid = \"z\"\n"), [Some(10), None]);
}

#[test]
fn problems_that_follow_from_a_syntax_error_are_suppressed() {
    let torn = "[statements.a]\nsql = \"CREATE TABLE a (x INT)\nstopped = true\n\n[statements.b]\nsql = \"\"\"\nCREATE TABLE b (x INT)\n\"\"\"\nstopped = true\n[statements.a\nstopped = true\n[statements.a]\nstopped = false\n";
    let problems = ProjectFixture::new("").with_file("statements/a.toml", torn).problems();
    assert!(!problems.is_empty());
    for problem in &problems {
        assert!(problem.message.starts_with("invalid TOML"), "{problems:#?}");
    }
}

#[test]
fn keys_with_other_characters_are_errors() {
    ProjectFixture::new("[pools.\"a b\"]\nmax_cfu = 5\n")
        .assert_problems(&[("`a b` is not a valid key", &["\"a b\""])]);
}

#[test]
fn inline_tables_are_read_as_tables() {
    let project = ProjectFixture::new("pools = { main = { max_cfu = 5 } }\n".replace("pools", "x").as_str());
    project.assert_problems(&[("unknown key `x` in `[environments.local]`", &["x"])]);
    let whole = format!("pools = {{ main = {{ max_cfu = 5 }} }}\n{MINIMAL_MANIFEST}");
    let project = ProjectFixture::from_manifest(&whole).load();
    assert_eq!(text_at(&project.pools["main"].place), "main");
}
