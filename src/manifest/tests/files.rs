//! Tests of finding and reading the files of a project.

use super::*;

/// The SQL of a valid definition.
const CREATE: &str = "CREATE TABLE t (x INT)";

#[test]
fn a_missing_floe_toml_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let problems =
        load(&LoadOptions { root: folder.path().to_owned(), ..LoadOptions::default() }).unwrap_err().problems;
    assert!(problems[0].message.starts_with("could not find `floe.toml` in "));
    assert!(problems[0].help.as_deref().unwrap().contains("floe init"));
}

#[test]
fn a_project_in_a_parent_folder_is_suggested() {
    let fixture = ProjectFixture::new("").with_file("statements/deep/a.sql", CREATE);
    let problems = load(&LoadOptions { root: fixture.root().join("statements/deep"), ..LoadOptions::default() })
        .unwrap_err()
        .problems;
    let folder = fixture.root().canonicalize().unwrap();
    assert_eq!(problems[0].help, Some(format!("A parent folder has one. To use it, pass `-C {}`.", folder.display())));
}

#[test]
fn a_bare_file_is_a_statement_named_after_its_stem() {
    let project = ProjectFixture::new("").with_file("statements/deep/raw_orders.v2.sql", CREATE).load();
    let statement = &project.statements["raw-orders-v2"];
    assert_eq!(statement.spec.sql.as_str(), CREATE);
    assert_eq!(statement.spec.name, "raw-orders-v2");
    assert_eq!(statement.place.source.path, Path::new("statements/deep/raw_orders.v2.sql"));
}

#[test]
fn a_file_named_by_sql_file_is_not_a_bare_statement() {
    let project = ProjectFixture::new("")
        .with_file("statements/a.toml", "[statements.first]\nsql_file = \"one.sql\"\n")
        .with_file("statements/one.sql", CREATE)
        .load();
    assert_eq!(project.statements.keys().collect::<Vec<_>>(), ["first"]);
}

#[test]
fn a_file_named_only_by_another_environment_is_not_a_bare_statement() {
    let more = "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n[environments.prod.statements.a]\nsql_file = \"statements/${tier}.sql\"\n[environments.prod]\nsimulator = true\nvariables = { tier = \"gold\" }\n";
    let project = ProjectFixture::new(more).with_file("statements/gold.sql", CREATE).load();
    assert_eq!(project.statements.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn an_entry_of_the_same_name_adds_settings_to_a_bare_file() {
    for key in ["raw-orders", "raw_orders"] {
        let project = ProjectFixture::new("")
            .with_file("statements/raw_orders.sql", CREATE)
            .with_file("statements/settings.toml", format!("[statements.{key}]\nstopped = true\n"))
            .load();
        assert!(project.statements[key].spec.stopped);
        assert_eq!(project.statements[key].spec.sql.as_str(), CREATE);
        assert_eq!(project.statements.len(), 1);
    }
}

#[test]
fn a_bare_file_and_an_entry_with_sql_are_a_duplicate_declaration() {
    ProjectFixture::new("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n")
        .with_file("statements/a.sql", CREATE)
        .assert_one_problem("`statements.a` is declared twice", &[CREATE, "[statements.a]"], "name it in a `sql_file`");
}

#[test]
fn two_bare_files_with_one_key_get_entries_suggested() {
    let fixture = ProjectFixture::new("")
        .with_file("statements/eu/orders.sql", CREATE)
        .with_file("statements/us/orders.sql", CREATE);
    fixture.assert_one_problem(
        "2 files declare the same statement, `statements.orders`",
        &[CREATE, CREATE],
        "[statements.eu-orders]\nsql_file = \"statements/eu/orders.sql\"\n\n[statements.us-orders]\nsql_file = \"statements/us/orders.sql\"",
    );
    // The suggested entries fix the problem.
    let more = fixture.problems()[0].help.clone().unwrap().replace("Give each file its own key in `floe.toml`:", "");
    let fixed = ProjectFixture::new(&more)
        .with_file("statements/eu/orders.sql", CREATE)
        .with_file("statements/us/orders.sql", "CREATE TABLE u (x INT)")
        .load();
    assert_eq!(fixed.statements.keys().collect::<Vec<_>>(), ["eu-orders", "us-orders"]);
}

#[test]
fn the_suggested_entries_have_distinct_keys() {
    let paths = [
        &["statements/eu/a/orders.sql", "statements/us/a/orders.sql"][..],
        &["statements/a_b/orders.sql", "statements/a.b/orders.sql"],
        &["statements/orders.sql", "statements/${x}/orders.sql", "statements/q\"\\'/orders.sql"],
        &["statements/a/orders.sql", "statements/b/orders.sql", "statements/c/a-orders.sql"],
    ];
    for paths in paths {
        let fixture = |more: &str| {
            let fixture = ProjectFixture::new(more);
            paths
                .iter()
                .zip(0..)
                .fold(fixture, |fixture, (path, at)| fixture.with_file(path, format!("CREATE TABLE t{at} (x INT)")))
        };
        let help = fixture("").problems()[0].help.clone().unwrap();
        let (_, more) = help.split_once(":\n\n").unwrap();
        assert_eq!(fixture(more).load().statements.len(), paths.len(), "{more}");
    }
}

#[test]
fn a_bare_file_whose_name_is_not_a_valid_key_is_an_error() {
    ProjectFixture::new("").with_file("statements/my orders.sql", CREATE).assert_one_problem(
        "the file name of `statements/my orders.sql` cannot be used as a statement key",
        &[],
        "sql_file = \"statements/my orders.sql\"",
    );
}

#[test]
fn an_object_declared_in_two_files_is_an_error() {
    let one = "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n";
    ProjectFixture::new("").with_file("statements/1.toml", one).with_file("statements/2.toml", one).assert_one_problem(
        "`statements.a` is declared twice",
        &["[statements.a]", "[statements.a]"],
        "another key",
    );
    ProjectFixture::new("")
        .with_file("pools.toml", "[pools.p]\nmax_cfu = 5")
        .with_file("statements/2.toml", "[pools.p]\nmax_cfu = 5")
        .assert_one_problem("`pools.p` is declared twice", &["[pools.p]", "[pools.p]"], "another key");
}

#[test]
fn a_pattern_that_matches_nothing_is_an_error() {
    let floe = |include: &str| {
        format!("[project]\nname = \"t\"\ninclude = [{include}]\n[environments.local]\nsimulator = true\n")
    };
    ProjectFixture::from_manifest(&floe("\"statments/**\"")).with_file("statements/a.sql", CREATE).assert_one_problem(
        "`statments/**` matches no `.toml` or `.sql` file",
        &["\"statments/**\""],
        "Did you mean `statements`?",
    );
    ProjectFixture::from_manifest(&floe("\"statements\"")).with_file("statements/a.sql", CREATE).assert_one_problem(
        "`statements` matches no `.toml` or `.sql` file",
        &["\"statements\""],
        "write `statements/**`",
    );
    ProjectFixture::from_manifest(&floe("\"a[\"")).assert_one_problem(
        "`a[` is not a valid pattern: invalid range pattern",
        &["\"a[\""],
        "",
    );
    ProjectFixture::from_manifest(&floe("\"/etc/*\"")).assert_one_problem(
        "`/etc/*` is an absolute path",
        &["\"/etc/*\""],
        "relative",
    );
    // The folder holds only a README, which is neither a manifest nor a statement.
    ProjectFixture::from_manifest(&floe("\"docs/*\"")).with_file("docs/README.md", "hi").assert_one_problem(
        "`docs/*` matches no `.toml` or `.sql` file",
        &["\"docs/*\""],
        "",
    );
}

#[test]
fn patterns_match_neither_subfolders_nor_hidden_files() {
    let floe = "[project]\nname = \"t\"\ninclude = [\"./sql/*.sql\", \"*.toml\", \"sql/../sql/**/x-*.sql\"]\n[environments.local]\nsimulator = true\n";
    let project = ProjectFixture::from_manifest(floe)
        .with_file("sql/a.sql", "CREATE TABLE a (x INT)")
        .with_file("sql/.#b.sql", "CREATE TABLE b (x INT)")
        .with_file("sql/deep/c.sql", "CREATE TABLE c (x INT)")
        .with_file("sql/deep/x-d.sql", "CREATE TABLE d (x INT)")
        .with_file("sql/.git/x-e.sql", "CREATE TABLE e (x INT)")
        .load();
    assert_eq!(project.statements.keys().collect::<Vec<_>>(), ["a", "x-d"]);
}

#[test]
fn the_default_patterns_may_match_nothing() {
    assert!(ProjectFixture::new("").load().statements.is_empty());
}

#[test]
fn a_byte_order_mark_is_stripped() {
    let project = ProjectFixture::new("").with_file("statements/a.sql", "\u{feff}CREATE TABLE a (x INT)").load();
    assert_eq!(project.statements["a"].spec.sql.as_str(), "CREATE TABLE a (x INT)");
    let floe = format!("\u{feff}{MINIMAL_MANIFEST}");
    assert_eq!(ProjectFixture::from_manifest(&floe).load().name, "test");
}

#[test]
fn invalid_utf_8_is_reported_at_its_byte() {
    let fixture = ProjectFixture::new("").with_file("statements/a.sql", b"CREATE TABLE caf\xe9 (x INT)");
    fixture.assert_one_problem("`statements/a.sql` is not UTF-8", &["\u{fffd}"], "Save the file as UTF-8.");
    ProjectFixture::new("").with_file("pools.toml", b"[pools.p]\nmax_cfu = 5 # \xff\n").assert_one_problem(
        "`pools.toml` is not UTF-8",
        &["\u{fffd}"],
        "",
    );
}

#[test]
fn a_file_that_is_no_text_is_reported_with_its_character_and_byte() {
    let utf_16: Vec<u8> = "CREATE TABLE a (x INT)".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, place, help) in [
        (utf_16.as_slice(), "byte 1 is U+0000", "UTF-16"),
        (b"\0GITCRYPT\0\x8f\xff", "byte 0 is U+0000", "git-crypt unlock"),
        (b"CREATE TABLE caf\xc3\xa9 (x\0 INT)", "byte 21 is U+0000", "UTF-8"),
    ] {
        let fixture = ProjectFixture::new("").with_file("statements/a.sql", bytes);
        let message = "`statements/a.sql` is not a text file: it contains the character NUL (U+0000)";
        fixture.assert_one_problem(message, &["\0"], help);
        assert_eq!(fixture.problems()[0].locations[0].1, place);
    }
    // With a byte order mark, UTF-16 is not UTF-8 from its first byte on.
    let with_mark: Vec<u8> = [0xff, 0xfe].into_iter().chain(utf_16).collect();
    let fixture = ProjectFixture::new("").with_file("statements/a.sql", with_mark);
    fixture.assert_one_problem("`statements/a.sql` is not UTF-8", &["\u{fffd}"], "Save the file as UTF-8.");
}

#[cfg(unix)]
#[test]
fn symlinks_are_followed_and_loops_terminate() {
    use std::os::unix::fs::symlink;
    let fixture = ProjectFixture::new("")
        .with_file("elsewhere/a.sql", CREATE)
        .with_file("statements/b.sql", "CREATE TABLE b (x INT)");
    symlink(fixture.root().join("elsewhere"), fixture.root().join("statements/linked")).unwrap();
    symlink(fixture.root().join("statements"), fixture.root().join("statements/loop")).unwrap();
    symlink(fixture.root().join("statements"), fixture.root().join("elsewhere/around")).unwrap();
    let project = fixture.load();
    assert!(project.statements.contains_key("a"), "{:?}", project.statements.keys());
}

#[cfg(unix)]
#[test]
fn a_dangling_symlink_and_a_non_regular_file_are_errors() {
    use std::os::unix::fs::symlink;
    let fixture = ProjectFixture::new("").with_file("statements/b.sql", CREATE);
    symlink(fixture.root().join("nowhere"), fixture.root().join("statements/a.sql")).unwrap();
    let problems = fixture.problems();
    assert!(
        problems[0].message.starts_with("cannot follow the symbolic link `statements/a.sql`"),
        "{}",
        format_problems(&problems)
    );
    let fixture = ProjectFixture::new("[statements.a]\nsql_file = \"folder.sql\"\n").with_file("folder.sql/x", "");
    fixture.assert_one_problem("`folder.sql` is not a regular file", &["\"folder.sql\""], "");
}

#[test]
fn a_missing_sql_file_is_an_error_at_its_name() {
    let fixture = ProjectFixture::new("").with_file(
        "statements/a.toml",
        "[statements.a]\nsql_file = \"ordres.sql\"\n[statements.b]\nsql_file = \"orders.sql\"",
    );
    fixture.with_file("statements/orders.sql", CREATE).assert_one_problem(
        "there is no file `statements/ordres.sql`",
        &["\"ordres.sql\""],
        "Did you mean `orders.sql`?",
    );
}

#[test]
fn an_absolute_sql_file_is_an_error() {
    ProjectFixture::new("[statements.a]\nsql_file = \"/etc/a.sql\"\n")
        .assert_problems(&[("`/etc/a.sql` is an absolute path", &["\"/etc/a.sql\""])]);
}

#[test]
fn sql_files_are_relative_to_their_manifest() {
    let project = ProjectFixture::new("")
        .with_file("statements/team/a.toml", "[statements.a]\nsql_file = \"../../sql/./a.sql\"\n")
        .with_file("sql/a.sql", CREATE)
        .load();
    assert_eq!(project.statements["a"].source_map.source.path, Path::new("sql/a.sql"));
}

#[test]
fn environment_names_are_listed_without_choosing_one() {
    let fixture = ProjectFixture::new("[environments.prod]\n");
    assert_eq!(super::super::environment_names(fixture.root()).unwrap(), ["local", "prod"]);
}
