//! Which files are read, and what is said of those that cannot be.

use super::*;

const CREATE: &str = "CREATE TABLE t (x INT)";

#[test]
fn without_floe_toml_there_is_no_project() {
    let folder = tempfile::tempdir().unwrap();
    let problems = load(&Inputs { root: folder.path().to_owned(), ..Inputs::default() }).unwrap_err().problems;
    assert!(problems[0].message.starts_with("there is no `floe.toml` in "));
    assert!(problems[0].help.as_deref().unwrap().contains("floe init"));
}

#[test]
fn a_project_further_up_is_pointed_out() {
    let world = World::new("").file("statements/deep/a.sql", CREATE);
    let problems =
        load(&Inputs { root: world.root().join("statements/deep"), ..Inputs::default() }).unwrap_err().problems;
    let folder = world.root().canonicalize().unwrap();
    assert_eq!(problems[0].help, Some(format!("there is one further up: `-C {}`", folder.display())));
}

#[test]
fn a_bare_file_is_a_statement_named_after_its_stem() {
    let project = World::new("").file("statements/deep/raw_orders.v2.sql", CREATE).project();
    let statement = &project.statements["raw-orders-v2"];
    assert_eq!(statement.spec.sql.as_str(), CREATE);
    assert_eq!(statement.spec.name, "raw-orders-v2");
    assert_eq!(statement.place.source.path, Path::new("statements/deep/raw_orders.v2.sql"));
}

#[test]
fn a_file_that_a_manifest_names_is_no_statement_by_itself() {
    let project = World::new("")
        .file("statements/a.toml", "[statements.first]\nsql_file = \"one.sql\"\n")
        .file("statements/one.sql", CREATE)
        .project();
    assert_eq!(project.statements.keys().collect::<Vec<_>>(), ["first"]);
}

#[test]
fn a_file_that_only_another_environment_names_is_no_statement_either() {
    let more = "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n[environments.prod.statements.a]\nsql_file = \"statements/${tier}.sql\"\n[environments.prod]\nsimulator = true\nvariables = { tier = \"gold\" }\n";
    let project = World::new(more).file("statements/gold.sql", CREATE).project();
    assert_eq!(project.statements.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn an_entry_of_the_same_name_adds_settings_to_a_bare_file() {
    for key in ["raw-orders", "raw_orders"] {
        let project = World::new("")
            .file("statements/raw_orders.sql", CREATE)
            .file("statements/settings.toml", format!("[statements.{key}]\nstopped = true\n"))
            .project();
        assert!(project.statements[key].spec.stopped);
        assert_eq!(project.statements[key].spec.sql.as_str(), CREATE);
        assert_eq!(project.statements.len(), 1);
    }
}

#[test]
fn a_bare_file_beside_an_entry_with_sql_is_declared_twice() {
    World::new("[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n").file("statements/a.sql", CREATE).says_one(
        "`statements.a` is declared twice",
        &[CREATE, "[statements.a]"],
        "name it by `sql_file`",
    );
}

#[test]
fn two_files_of_one_name_are_told_apart_by_the_toml_that_is_printed() {
    let world = World::new("").file("statements/eu/orders.sql", CREATE).file("statements/us/orders.sql", CREATE);
    world.says_one(
        "2 files would all be `statements.orders`",
        &[CREATE, CREATE],
        "[statements.eu-orders]\nsql_file = \"statements/eu/orders.sql\"\n\n[statements.us-orders]\nsql_file = \"statements/us/orders.sql\"",
    );
    // What is printed helps.
    let more = world.problems()[0].help.clone().unwrap().replace("tell them apart in `floe.toml`:", "");
    let fixed = World::new(&more)
        .file("statements/eu/orders.sql", CREATE)
        .file("statements/us/orders.sql", "CREATE TABLE u (x INT)")
        .project();
    assert_eq!(fixed.statements.keys().collect::<Vec<_>>(), ["eu-orders", "us-orders"]);
}

#[test]
fn what_is_printed_tells_any_two_files_apart() {
    let paths = [
        &["statements/eu/a/orders.sql", "statements/us/a/orders.sql"][..],
        &["statements/a_b/orders.sql", "statements/a.b/orders.sql"],
        &["statements/orders.sql", "statements/${x}/orders.sql", "statements/q\"\\'/orders.sql"],
        &["statements/a/orders.sql", "statements/b/orders.sql", "statements/c/a-orders.sql"],
    ];
    for paths in paths {
        let world = |more: &str| {
            let world = World::new(more);
            paths
                .iter()
                .zip(0..)
                .fold(world, |world, (path, at)| world.file(path, format!("CREATE TABLE t{at} (x INT)")))
        };
        let help = world("").problems()[0].help.clone().unwrap();
        let (_, more) = help.split_once(":\n\n").unwrap();
        assert_eq!(world(more).project().statements.len(), paths.len(), "{more}");
    }
}

#[test]
fn a_file_that_cannot_name_a_statement_says_so() {
    World::new("").file("statements/my orders.sql", CREATE).says_one(
        "the name of `statements/my orders.sql` cannot be the name of a statement",
        &[],
        "sql_file = \"statements/my orders.sql\"",
    );
}

#[test]
fn a_statement_is_declared_in_one_file_only() {
    let one = "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n";
    World::new("").file("statements/1.toml", one).file("statements/2.toml", one).says_one(
        "`statements.a` is declared twice",
        &["[statements.a]", "[statements.a]"],
        "another key",
    );
    World::new("")
        .file("pools.toml", "[pools.p]\nmax_cfu = 5")
        .file("statements/2.toml", "[pools.p]\nmax_cfu = 5")
        .says_one("`pools.p` is declared twice", &["[pools.p]", "[pools.p]"], "another key");
}

#[test]
fn a_pattern_that_matches_nothing_is_an_error() {
    let floe = |include: &str| {
        format!("[project]\nname = \"t\"\ninclude = [{include}]\n[environments.local]\nsimulator = true\n")
    };
    World::whole(&floe("\"statments/**\"")).file("statements/a.sql", CREATE).says_one(
        "`statments/**` matches no `.toml` or `.sql` file",
        &["\"statments/**\""],
        "did you mean `statements`?",
    );
    World::whole(&floe("\"statements\"")).file("statements/a.sql", CREATE).says_one(
        "`statements` matches no `.toml` or `.sql` file",
        &["\"statements\""],
        "`statements/**` is what lies in it",
    );
    World::whole(&floe("\"a[\"")).says_one("`a[` is not a pattern: invalid range pattern", &["\"a[\""], "");
    World::whole(&floe("\"/etc/*\"")).says_one(
        "`/etc/*` begins at the root of the file system",
        &["\"/etc/*\""],
        "relative",
    );
    // Only readme: nothing to read.
    World::whole(&floe("\"docs/*\"")).file("docs/README.md", "hi").says_one(
        "`docs/*` matches no `.toml` or `.sql` file",
        &["\"docs/*\""],
        "",
    );
}

#[test]
fn patterns_stay_in_their_folder_and_leave_hidden_files_alone() {
    let floe = "[project]\nname = \"t\"\ninclude = [\"./sql/*.sql\", \"*.toml\", \"sql/../sql/**/x-*.sql\"]\n[environments.local]\nsimulator = true\n";
    let project = World::whole(floe)
        .file("sql/a.sql", "CREATE TABLE a (x INT)")
        .file("sql/.#b.sql", "CREATE TABLE b (x INT)")
        .file("sql/deep/c.sql", "CREATE TABLE c (x INT)")
        .file("sql/deep/x-d.sql", "CREATE TABLE d (x INT)")
        .file("sql/.git/x-e.sql", "CREATE TABLE e (x INT)")
        .project();
    assert_eq!(project.statements.keys().collect::<Vec<_>>(), ["a", "x-d"]);
}

#[test]
fn the_default_patterns_need_not_match() {
    assert!(World::new("").project().statements.is_empty());
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_sql() {
    let project = World::new("").file("statements/a.sql", "\u{feff}CREATE TABLE a (x INT)").project();
    assert_eq!(project.statements["a"].spec.sql.as_str(), "CREATE TABLE a (x INT)");
    let floe = format!("\u{feff}{LEAST}");
    assert_eq!(World::whole(&floe).project().name, "test");
}

#[test]
fn a_file_that_is_not_utf_8_shows_the_byte() {
    let world = World::new("").file("statements/a.sql", b"CREATE TABLE caf\xe9 (x INT)");
    world.says_one("`statements/a.sql` is not UTF-8", &["\u{fffd}"], "save the file as UTF-8");
    World::new("").file("pools.toml", b"[pools.p]\nmax_cfu = 5 # \xff\n").says_one(
        "`pools.toml` is not UTF-8",
        &["\u{fffd}"],
        "",
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_loops_end() {
    use std::os::unix::fs::symlink;
    let world = World::new("").file("elsewhere/a.sql", CREATE).file("statements/b.sql", "CREATE TABLE b (x INT)");
    symlink(world.root().join("elsewhere"), world.root().join("statements/linked")).unwrap();
    symlink(world.root().join("statements"), world.root().join("statements/loop")).unwrap();
    symlink(world.root().join("statements"), world.root().join("elsewhere/around")).unwrap();
    let project = world.project();
    assert!(project.statements.contains_key("a"), "{:?}", project.statements.keys());
}

#[cfg(unix)]
#[test]
fn a_link_to_nowhere_and_a_pipe_are_errors() {
    use std::os::unix::fs::symlink;
    let world = World::new("").file("statements/b.sql", CREATE);
    symlink(world.root().join("nowhere"), world.root().join("statements/a.sql")).unwrap();
    let problems = world.problems();
    assert!(
        problems[0].message.starts_with("`statements/a.sql` is a link to what cannot be read"),
        "{}",
        listed(&problems)
    );
    let world = World::new("[statements.a]\nsql_file = \"folder.sql\"\n").file("folder.sql/x", "");
    world.says_one("`folder.sql` is no regular file", &["\"folder.sql\""], "");
}

#[test]
fn a_missing_sql_file_is_an_error_at_its_name() {
    let world = World::new("").file(
        "statements/a.toml",
        "[statements.a]\nsql_file = \"ordres.sql\"\n[statements.b]\nsql_file = \"orders.sql\"",
    );
    world.file("statements/orders.sql", CREATE).says_one(
        "there is no file `statements/ordres.sql`",
        &["\"ordres.sql\""],
        "did you mean `orders.sql`?",
    );
}

#[test]
fn an_absolute_sql_file_is_an_error() {
    World::new("[statements.a]\nsql_file = \"/etc/a.sql\"\n")
        .says(&[("`/etc/a.sql` begins at the root of the file system", &["\"/etc/a.sql\""])]);
}

#[test]
fn sql_files_are_relative_to_their_manifest() {
    let project = World::new("")
        .file("statements/team/a.toml", "[statements.a]\nsql_file = \"../../sql/./a.sql\"\n")
        .file("sql/a.sql", CREATE)
        .project();
    assert_eq!(project.statements["a"].sql.source.path, Path::new("sql/a.sql"));
}

#[test]
fn environments_are_listed_without_a_choice() {
    let world = World::new("[environments.prod]\n");
    assert_eq!(super::super::environments(world.root()).unwrap(), ["local", "prod"]);
}
