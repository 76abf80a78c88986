//! What files say: TOML, keys and types.

use super::*;

#[test]
fn what_is_not_toml_is_said_at_its_place_and_nothing_is_made_up_from_it() {
    // `pools.main` may well be in the broken file.
    let world = World::new("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\npool = \"main\"\n")
        .file("pools.toml", "[pools.main]\nmax_cfu = = 5\n");
    let problems = world.problems();
    assert!(problems.iter().all(|problem| problem.message.starts_with("this is not TOML")), "{}", listed(&problems));
}

#[test]
fn a_broken_floe_toml_is_all_that_is_said_of_it() {
    World::whole("[project\nname = \"t\"\n\n[environments.prod]\nid = 3\n")
        .says(&[("this is not TOML: unclosed table, expected `]`", &[""])]);
    // What other files say is still checked.
    World::whole("[project]\nname = x\n").file("statements/a.toml", "[statements.a]\nsql = 3\n").says(&[
        ("this is not TOML: string values must be quoted, expected literal string", &["x"]),
        ("`sql` must be a string", &["3"]),
    ]);
}

#[test]
fn a_file_that_a_broken_manifest_may_name_is_let_be() {
    World::new("")
        .file("statements/a.toml", "[statements.a\nsql_file = \"drop.sql\"\n")
        .file("statements/drop.sql", "DROP TABLE t")
        .file("statements/my file.sql", "DROP TABLE t")
        .says(&[("this is not TOML: unclosed table, expected `]`", &[""])]);
}

#[test]
fn every_problem_of_every_file_is_reported() {
    World::new("[pools.p]\nmax_cfu = \"5\"\nregoin = \"x\"\n[defaults]\nprinciple = \"sa-1\"\n")
        .file("statements/a.toml", "[statements.a]\nsql = 3\nstoped = true\n")
        .says(&[
            ("`max_cfu` must be a whole number", &["\"5\""]),
            ("unknown key `regoin` in `[pools.p]`", &["regoin"]),
            ("unknown key `principle` in `[defaults]`", &["principle"]),
            ("`sql` must be a string", &["3"]),
            ("unknown key `stoped` in `[statements.a]`", &["stoped"]),
        ]);
}

#[test]
fn an_unknown_key_has_a_suggestion() {
    World::new("[defaults]\nprincipel = \"sa-1\"\n").says_one(
        "unknown key `principel` in `[defaults]`",
        &["principel"],
        "did you mean `principal`?",
    );
    World::new("[statement.a]\nsql = \"CREATE TABLE a (x INT)\"\n").says_one(
        "unknown key `statement` in a manifest",
        &["statement"],
        "did you mean `statements`?",
    );
}

#[test]
fn what_belongs_elsewhere_is_sent_there() {
    World::new("").file("pools.toml", "[defaults]\npool = \"x\"\n").says_one(
        "`defaults` does not belong in a manifest",
        &["[defaults]"],
        "move it to `floe.toml`",
    );
    World::new("[defaults]\nsql = \"x\"\n").says_one(
        "`sql` does not belong in `[defaults]`",
        &["sql"],
        "SQL of its own",
    );
    World::new("[pools.p]\nmax_cfu = 5\nregion = \"x\"\n").says_one(
        "`region` does not belong in `[pools.p]`",
        &["region"],
        "its environment's",
    );
    World::new("[environments.prod]\nsimulator = true\napi_key = \"x\"\n").says_one(
        "`api_key` does not belong in `[environments.prod]`",
        &["api_key"],
        "FLINK_API_KEY",
    );
}

#[test]
fn wrong_types_show_the_right_form() {
    World::new("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\nstopped = \"true\"\n").says_one(
        "`stopped` must be true or false",
        &["\"true\""],
        "`stopped = true`",
    );
    World::new("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\ntimeout = 15\n").says_one(
        "`timeout` must be a string",
        &["15"],
        "`timeout = \"15\"`",
    );
    World::new("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\ndepends_on = \"statements.b\"\n").says_one(
        "`depends_on` must be a list of strings",
        &["\"statements.b\""],
        "`depends_on = [\"statements.b\"]`",
    );
    World::new("[moved]\nfrom = \"statements.a\"\n").says_one(
        "`moved` must be a list of tables",
        &["[moved]"],
        "[[moved]]",
    );
    World::new("pools.main = 3\n").says_one(
        "`environments.local.pools.main` must be a table",
        &["3"],
        "`[environments.local.pools.main]`",
    );
}

#[test]
fn properties_are_strings_and_the_help_quotes_them() {
    let statement =
        |properties: &str| World::new(&format!("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n{properties}\n"));
    statement("properties = { \"client.a\" = 5, b = true }")
        .says(&[("`\"client.a\"` must be a string", &["5"]), ("`b` must be a string", &["true"])]);
    statement("properties = { \"client.a\" = 5 }").says_one(
        "`\"client.a\"` must be a string",
        &["5"],
        "`\"client.a\" = \"5\"`",
    );
    statement("properties = { sql.state-ttl = \"7 d\", sql.local-time-zone = \"UTC\" }").says_one(
        "`properties.sql` is a table, and `properties` holds strings",
        &["sql"],
        "`\"sql.local-time-zone\" = \"UTC\"`, `\"sql.state-ttl\" = \"7 d\"`",
    );
    World::new("[statements.a]\nsql.state-ttl = \"7 d\"\n").says_one(
        "`sql` must be a string",
        &["sql"],
        "`properties = { \"sql.state-ttl\" = \"7 d\" }`",
    );
}

#[test]
fn a_variable_of_the_wrong_type_is_not_missing() {
    let floe = "[project]\nname = \"t\"\n[environments.local]\nsimulator = true\nvariables = { n = 5 }\n[statements.a]\nsql = \"INSERT INTO t VALUES (${n})\"\n";
    World::whole(floe).says_one("`n` must be a string", &["5"], "`n = \"5\"`");
}

#[test]
fn a_key_given_twice_shows_both_places() {
    World::new("")
        .file("pools.toml", "[pools.p]\nmax_cfu = 5\nmax_cfu = 10\n")
        .says(&[("`max_cfu` is given twice", &["max_cfu", "max_cfu"])]);
    let world = World::new("").file("pools.toml", "[pools.p] # one\nmax_cfu = 5\n\n[pools.p]\nmax_cfu = 10\n");
    let problems = world.says(&[("`p` is given twice", &["p", "[pools.p]"])]);
    let spans: Vec<usize> = problems[0].locations.iter().map(|(place, _)| place.span.start).collect();
    assert_eq!(spans, [36, 0]);
}

#[test]
fn the_first_of_two_keys_is_the_one_of_the_same_table() {
    // Where the first begins, or none.
    let firsts = |text: &str| -> Vec<Option<usize>> {
        let problems = World::new("").file("pools.toml", text).problems();
        assert!(problems.iter().all(|problem| problem.message.ends_with("is given twice")), "{}", listed(&problems));
        problems.iter().map(|problem| problem.locations.get(1).map(|(place, _)| place.span.start)).collect()
    };
    // Not inside a string of many lines, and not the one of another table.
    assert_eq!(firsts("[statements.a]\nsql = \"x\"\nundo = \"\"\"\nsql = 1\n\"\"\"\nsql = \"y\"\n"), [Some(15)]);
    assert_eq!(firsts("[pools.a]\nid = \"x\"\n[pools.b]\nid = \"y\"\nid = \"z\"\n"), [Some(29)]);
    // Inline, dotted, quoted.
    assert_eq!(firsts("[pools]\np = { id = \"x\", id = \"y\" }\n"), [Some(14)]);
    assert_eq!(firsts("[pools]\np.id = \"x\"\nq.id = \"y\"\np.id = \"z\"\n"), [Some(10)]);
    assert_eq!(firsts("[pools.p]\n\"id\" = \"x\"\nid = \"y\"\n"), [Some(10)]);
    // A table that comes twice is one problem, whatever stands in it twice.
    assert_eq!(firsts("[pools.p]\nid = \"x\"\n[pools.\"p\"]\nid = \"y\"\n"), [Some(0)]);
    // The third is told, and what stands first is not guessed at.
    assert_eq!(firsts("[pools.p]\nid = \"x\"\nid = \"y\"\nid = \"z\"\n"), [Some(10), None]);
}

#[test]
fn what_follows_from_a_fault_of_syntax_is_not_told() {
    let torn = "[statements.a]\nsql = \"CREATE TABLE a (x INT)\nstopped = true\n\n[statements.b]\nsql = \"\"\"\nCREATE TABLE b (x INT)\n\"\"\"\nstopped = true\n[statements.a\nstopped = true\n[statements.a]\nstopped = false\n";
    let problems = World::new("").file("statements/a.toml", torn).problems();
    assert!(!problems.is_empty());
    for problem in &problems {
        assert!(problem.message.starts_with("this is not TOML"), "{problems:#?}");
    }
}

#[test]
fn names_are_letters_digits_and_dashes() {
    World::new("[pools.\"a b\"]\nmax_cfu = 5\n").says(&[("`a b` cannot be a name here", &["\"a b\""])]);
}

#[test]
fn inline_tables_are_tables() {
    let project = World::new("pools = { main = { max_cfu = 5 } }\n".replace("pools", "x").as_str());
    project.says(&[("unknown key `x` in `[environments.local]`", &["x"])]);
    let whole = format!("pools = {{ main = {{ max_cfu = 5 }} }}\n{LEAST}");
    let project = World::whole(&whole).project();
    assert_eq!(text(&project.pools["main"].place), "main");
}
