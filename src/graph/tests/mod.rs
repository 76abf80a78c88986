//! Tests of the graph. A project is written as one statement per line: `name: SQL` or `name (dependencies): SQL`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod equal_jobs;
mod statefulness;

use super::{
    lineage::{LineageEdge, LineageEdgeKind, LineageNode, LineageNodeKind, lineage},
    *,
};
use crate::{
    manifest::tests::{ProjectFixture, format_problems, text_at},
    sql::ObjectKind,
};

/// Returns a project with these statements.
fn project_fixture(lines: &str) -> ProjectFixture {
    ProjectFixture::new("").with_file("statements/all.toml", statements_toml(lines))
}

/// Returns a manifest with these statements.
fn statements_toml(lines: &str) -> String {
    let mut toml = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (head, sql) = line.split_once(": ").unwrap();
        let (key, needs) = head.split_once(" (").map_or((head, ""), |(key, needs)| (key, needs.trim_end_matches(')')));
        let needs: Vec<String> = needs.split_whitespace().map(|need| format!("\"statements.{need}\"")).collect();
        toml.push_str(&format!("[statements.{key}]\nsql = '''{sql}'''\ndepends_on = [{}]\n", needs.join(", ")));
    }
    toml
}

/// Returns the graph of these statements, which must be valid.
fn graph(lines: &str) -> Graph {
    build(project_fixture(lines).load()).unwrap_or_else(|flawed| panic!("{}", format_problems(&flawed.problems)))
}

/// Returns the keys of the statements in order.
fn statement_order(lines: &str) -> Vec<String> {
    graph(lines).order.into_iter().map(|address| address.key).collect()
}

/// Returns all problems, each as the message and the text at each place.
fn problems(lines: &str) -> Vec<(String, Vec<String>)> {
    let problems = build(project_fixture(lines).load()).expect_err("the project should have a problem").problems;
    problems
        .into_iter()
        .map(|problem| (problem.message, problem.locations.iter().map(|(place, _)| text_at(place)).collect()))
        .collect()
}

/// Returns one problem in the form that `problems` returns.
fn one_problem(message: &str, places: &[&str]) -> Vec<(String, Vec<String>)> {
    vec![(message.to_owned(), places.iter().map(|place| (*place).to_owned()).collect())]
}

/// Returns the address of a statement.
fn statement(key: &str) -> Address {
    Address::statement(key)
}

#[test]
fn creators_come_before_readers_writers_and_callers() {
    let lines = "
        a: INSERT INTO sink SELECT my_f(x) FROM source
        b: CREATE TABLE sink (x INT)
        c: CREATE TABLE source (x INT)
        d: CREATE FUNCTION MY_F AS 'com.F' USING JAR 'confluent-artifact://cfa-1'
    ";
    assert_eq!(statement_order(lines), ["b", "c", "d", "a"]);
}

#[test]
fn two_inserts_may_read_each_others_tables() {
    let lines = "
        a: INSERT INTO t SELECT * FROM u
        b: INSERT INTO u SELECT * FROM t
        c: CREATE TABLE t (x INT)
        d: CREATE TABLE u (x INT)
    ";
    assert_eq!(statement_order(lines), ["c", "d", "a", "b"]);
}

#[test]
fn a_statement_does_not_depend_on_itself() {
    let graph = graph("a: CREATE TABLE t AS SELECT * FROM s");
    assert!(graph.edges.is_empty());
}

#[test]
fn each_dependency_states_its_reason() {
    let world = ProjectFixture::new("[defaults]\npool = \"main\"\n[pools.main]\nmax_cfu = 5\n")
        .with_file("statements/t.sql", "CREATE TABLE t (x INT)")
        .with_file(
            "statements/a.toml",
            "[statements.a]\nsql = \"INSERT INTO t SELECT * FROM t\"\ndepends_on = [\"statements.t\"]\n",
        );
    let graph = build(world.load()).unwrap();
    let reasons: Vec<(&str, &EdgeReason)> =
        graph.edges_of(&statement("a")).iter().map(|edge| (edge.to.key.as_str(), &edge.reason)).collect();
    let object = SqlObject { kind: ObjectKind::Table, name: ["t".into()].into() };
    assert_eq!(
        reasons,
        [
            ("main", &EdgeReason::Pool),
            ("t", &EdgeReason::Declared),
            ("t", &EdgeReason::Inferred { object: object.clone(), span: (12, 13) }),
            ("t", &EdgeReason::Inferred { object: object.clone(), span: (28, 29) }),
        ]
    );
    assert_eq!(graph.order, [Address::pool("main"), statement("t"), statement("a")]);
    assert_eq!(graph.dependencies(&statement("a")).collect::<Vec<_>>(), [&Address::pool("main"), &statement("t")]);
    assert_eq!(graph.dependents(&Address::pool("main")).count(), 2);
    assert_eq!(graph.creator_of(&object), Some("t"));
    assert_eq!(graph.analysis("a").unwrap().kind, crate::sql::StatementKind::InsertInto);
    assert!(graph.analysis("b").is_none());
}

#[test]
fn dependencies_and_dependents_are_direct() {
    let graph = graph(
        "
        t: CREATE TABLE t (x INT)
        u: CREATE TABLE u AS SELECT * FROM t
        v: CREATE TABLE v AS SELECT * FROM u
        w: CREATE TABLE w (x INT)
    ",
    );
    assert_eq!(graph.dependencies(&statement("u")).collect::<Vec<_>>(), [&statement("t")]);
    assert_eq!(graph.dependents(&statement("u")).collect::<Vec<_>>(), [&statement("v")]);
    assert_eq!(graph.dependencies(&statement("v")).collect::<Vec<_>>(), [&statement("u")]);
    assert_eq!(graph.dependencies(&statement("w")).count() + graph.dependents(&statement("w")).count(), 0);
}

#[test]
fn names_are_completed_and_aliases_replaced() {
    let world = ProjectFixture::new("aliases = { \"env-1\" = \"prod\", \"lkc-1\" = \"core\", t = \"x\" }\n[defaults]\nproperties = { \"sql.current-catalog\" = \"prod\", \"sql.current-database\" = \"core\" }\n[statements.by-id]\nsql = \"INSERT INTO `env-1`.`lkc-1`.t SELECT * FROM `lkc-1`.s\"\n[statements.other]\nsql = \"INSERT INTO o SELECT * FROM t\"\nproperties = { \"sql.current-database\" = \"lkc-2\" }\n")
        .with_file("statements/t.sql", "CREATE TABLE t (x INT)")
        .with_file("statements/s.sql", "CREATE TABLE prod.core.s (x INT)");
    let graph = build(world.load()).unwrap();
    assert_eq!(graph.dependencies(&statement("by-id")).collect::<Vec<_>>(), [&statement("s"), &statement("t")]);
    assert_eq!(graph.dependencies(&statement("other")).count(), 0);
    let names: Vec<String> = graph.objects.keys().map(SqlObject::to_string).collect();
    assert_eq!(names, ["prod.core.s", "prod.core.t", "prod.lkc-2.o", "prod.lkc-2.t"]);
    let mention = &graph.analysis("by-id").unwrap().mentions[0];
    assert_eq!(graph.object_of("by-id", mention).unwrap().to_string(), "prod.core.t");
    assert_eq!(graph.object_of("missing", mention), None);
}

#[test]
fn table_names_are_case_sensitive_and_function_names_are_not() {
    let lines = "
        a: CREATE TABLE Orders (x INT)
        b: CREATE TABLE orders (x INT)
    ";
    assert_eq!(statement_order(lines), ["a", "b"]);
    let lines = "
        a: CREATE FUNCTION f AS 'A' USING JAR 'confluent-artifact://cfa-1'
        b: CREATE FUNCTION F AS 'B' USING JAR 'confluent-artifact://cfa-1'
    ";
    assert_eq!(problems(lines), one_problem("`f` is created by both `statements.a` and `statements.b`", &["F", "f"]));
}

#[test]
fn two_creators_of_one_object_are_an_error() {
    let lines = "
        a: CREATE TABLE t (x INT)
        b: CREATE VIEW `t` AS SELECT 1
        c: INSERT INTO t SELECT * FROM s
    ";
    assert_eq!(problems(lines), one_problem("`t` is created by both `statements.a` and `statements.b`", &["`t`", "t"]));
}

#[test]
fn users_of_an_object_come_after_its_alters() {
    let lines = "
        a: INSERT INTO t SELECT * FROM s
        t: CREATE TABLE t (x INT)
        z: ALTER TABLE t ADD (y INT)
    ";
    assert_eq!(statement_order(lines), ["t", "z", "a"]);
}

#[test]
fn an_alter_can_be_declared_to_follow_a_use() {
    let lines = "
        a: INSERT INTO t SELECT * FROM s
        t: CREATE TABLE t (x INT)
        z (a): ALTER TABLE t ADD (y INT)
    ";
    assert_eq!(statement_order(lines), ["t", "a", "z"]);
}

/// Returns a project with one manifest for each group of statements.
fn project_in_several_files(groups: &[&str]) -> ProjectFixture {
    groups.iter().enumerate().fold(ProjectFixture::new(""), |world, (at, lines)| {
        world.with_file(&format!("statements/{at}.toml"), statements_toml(lines))
    })
}

#[test]
fn alters_of_one_object_in_several_files_need_an_order() {
    let found = |groups: &[&str]| {
        let problems = build(project_in_several_files(groups).load()).unwrap_err().problems;
        problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    let (first, second) = ("a: ALTER TABLE t ADD (y INT)", "b: ALTER TABLE t ADD (z INT)");
    let message = "`statements.a` and `statements.b` both alter `t`, but their order is not declared";
    assert_eq!(found(&[first, second, "t: CREATE TABLE t (x INT)"]), [message]);
    let forked =
        ["a: ALTER TABLE t ADD (y INT)", "b (a): ALTER TABLE t ADD (z INT)", "c (a): ALTER TABLE t ADD (z INT)"];
    assert_eq!(found(&forked), [message.replace(".b`", ".c`").replace(".a`", ".b`")]);
    let ordered = project_in_several_files(&[first, "b (a): ALTER TABLE t ADD (z INT)"]);
    assert_eq!(build(ordered.load()).unwrap().order, [statement("a"), statement("b")]);
}

#[test]
fn alters_of_one_object_in_one_manifest_run_in_its_order() {
    let in_file_order = "
        t: CREATE TABLE t (x INT)
        b: ALTER TABLE t ADD (y INT)
        a: ALTER TABLE t ADD (z INT)
        read: INSERT INTO o SELECT x FROM t
    ";
    assert_eq!(statement_order(in_file_order), ["t", "b", "a", "read"]);
    let graph = graph(in_file_order);
    let object = SqlObject { kind: ObjectKind::Table, name: ["t".into()].into() };
    assert!(graph.edges_of(&statement("a")).iter().any(|edge| edge.to == statement("b")));
    assert_eq!(graph.objects[&object].altered_by, ["b", "a"]);
    // What is declared takes precedence, also through other statements.
    let declared = "
        a (b): ALTER TABLE t ADD (y INT)
        b (x): ALTER TABLE t ADD (z INT)
        c (a): ALTER TABLE t ADD (z INT)
        t: CREATE TABLE t (x INT)
        x: CREATE TABLE x (x INT)
    ";
    assert_eq!(statement_order(declared), ["t", "x", "b", "a", "c"]);
    let partly_declared = "
        a (c): ALTER TABLE t ADD (y INT)
        b: ALTER TABLE t ADD (z INT)
        c: ALTER TABLE t ADD (z INT)
    ";
    assert_eq!(statement_order(partly_declared), ["b", "c", "a"]);
    // The order of one object follows that of another.
    let crossed = "
        a (y): ALTER TABLE t ADD (y INT)
        b: ALTER TABLE t ADD (z INT)
        x (b): ALTER TABLE u ADD (y INT)
        y: ALTER TABLE u ADD (z INT)
    ";
    assert_eq!(statement_order(crossed), ["y", "a", "b", "x"]);
    // A statement that an earlier one follows is not moved after a later one.
    let followed = "
        a (read): ALTER TABLE t ADD (y INT)
        b: ALTER TABLE t ADD (z INT)
        read: INSERT INTO o SELECT x FROM t
        t: CREATE TABLE t (x INT)
    ";
    assert_eq!(statement_order(followed), ["t", "read", "a", "b"]);
}

#[test]
fn users_of_a_new_name_come_after_the_rename() {
    let lines = "
        a: INSERT INTO u SELECT * FROM s
        t: CREATE TABLE t (x INT)
        z: ALTER TABLE t RENAME TO u
    ";
    assert_eq!(statement_order(lines), ["t", "z", "a"]);
}

#[test]
fn a_drop_comes_after_every_other_use() {
    let lines = "
        a: DROP TABLE t
        b: CREATE TABLE t (x INT)
        c: INSERT INTO u SELECT * FROM t
    ";
    assert_eq!(statement_order(lines), ["b", "c", "a"]);
}

#[test]
fn a_drop_before_a_use_is_an_error() {
    let lines = "
        a: DROP TABLE t
        b (a): CREATE TABLE t (x INT)
        c: INSERT INTO u SELECT * FROM t
    ";
    assert_eq!(
        problems(lines)[..],
        [
            one_problem("`statements.a` drops `t`, but `statements.b` uses it later", &["t", "t"]),
            one_problem("`statements.a` drops `t`, but `statements.c` uses it later", &["t", "t"]),
        ]
        .concat()
    );
    let lines = "
        a: DROP TABLE t
        b: DROP TABLE t
    ";
    assert_eq!(problems(lines), one_problem("`t` is dropped by both `statements.a` and `statements.b`", &["t", "t"]));
}

#[test]
fn a_cycle_is_reported_with_the_place_of_each_step() {
    let lines = "
        a: CREATE TABLE t AS SELECT * FROM u
        b: CREATE TABLE u AS SELECT * FROM v
        c (a): CREATE TABLE v (x INT)
        d: INSERT INTO w SELECT * FROM t
    ";
    assert_eq!(
        problems(lines),
        one_problem(
            "dependency cycle: `statements.a` → `statements.b` → `statements.c` → `statements.a`",
            &["u", "v", "\"statements.a\""]
        )
    );
}

#[test]
fn each_cycle_is_one_problem_with_its_shortest_path() {
    let lines = "
        a (b c): CREATE TABLE a (x INT)
        b (a): CREATE TABLE b (x INT)
        c (b): CREATE TABLE c (x INT)
        x (y): CREATE TABLE x (x INT)
        y (x): CREATE TABLE y (x INT)
    ";
    let messages: Vec<String> = problems(lines).into_iter().map(|(message, _)| message).collect();
    assert_eq!(
        messages,
        [
            "dependency cycle: `statements.a` → `statements.b` → `statements.a`",
            "dependency cycle: `statements.x` → `statements.y` → `statements.x`",
        ]
    );
}

#[test]
fn a_problem_in_an_sql_file_points_into_that_file() {
    let world = ProjectFixture::new("")
        .with_file("statements/a.sql", "-- one\nCREATE TABLE t (x INT)")
        .with_file("statements/b.sql", "-- two\nCREATE TABLE `t` (x INT)");
    let problems = build(world.load()).unwrap_err().problems;
    let (place, _) = &problems[0].locations[0];
    assert_eq!((place.source.path.to_str(), text_at(place).as_str()), (Some("statements/b.sql"), "`t`"));
}

#[test]
fn a_long_chain_is_ordered() {
    let lines: Vec<String> =
        (0..5_000).map(|at| format!("s{at:04}: CREATE TABLE t{at} AS SELECT * FROM t{}", at + 1)).collect();
    let order = statement_order(&lines.join("\n"));
    assert_eq!((order.len(), order[0].as_str(), order[4_999].as_str()), (5_000, "s4999", "s0000"));
}

#[test]
fn a_long_cycle_is_found() {
    let mut lines: Vec<String> =
        (0..2_000).map(|at| format!("s{at:04}: CREATE TABLE t{at} AS SELECT * FROM t{}", at + 1)).collect();
    lines.push("z: CREATE TABLE t2000 AS SELECT * FROM t0".to_owned());
    assert_eq!(problems(&lines.join("\n"))[0].1.len(), 2_001);
}

#[test]
fn lineage_follows_the_data() {
    let graph = graph(
        "
        t: CREATE TABLE t (x INT)
        job (other): INSERT INTO t SELECT * FROM topic
        reader: INSERT INTO sink SELECT * FROM t
        other: CREATE TABLE other (x INT)
    ",
    );
    let table = |name: &str| LineageNode::Object(SqlObject { kind: ObjectKind::Table, name: [name.into()].into() });
    let statement_node = |key: &str| LineageNode::Statement(statement(key));
    let whole_lineage = lineage(&graph, &[]);
    assert_eq!(whole_lineage.nodes[&table("topic")], LineageNodeKind::External(ObjectKind::Table));
    assert_eq!(whole_lineage.nodes[&table("t")], LineageNodeKind::Managed(ObjectKind::Table));
    assert_eq!(
        whole_lineage.nodes[&statement_node("job")],
        LineageNodeKind::Statement(crate::sql::StatementKind::InsertInto)
    );
    for (from, to, flow, shown) in [
        (table("topic"), statement_node("job"), LineageEdgeKind::Reads, "topic"),
        (statement_node("job"), table("t"), LineageEdgeKind::Writes, "t"),
        (statement_node("t"), table("t"), LineageEdgeKind::Creates, "t"),
        (statement_node("other"), statement_node("job"), LineageEdgeKind::Declared, "\"statements.other\""),
    ] {
        let is_expected = |link: &&LineageEdge| (&link.from, &link.to, link.kind) == (&from, &to, flow);
        let link = whole_lineage.edges.iter().find(is_expected).unwrap();
        assert_eq!(text_at(link.place.as_ref().unwrap()), shown);
        assert_eq!(flow.is_inferred(), flow != LineageEdgeKind::Declared);
    }
    assert_eq!(whole_lineage.pools[&None].len(), 4);

    let upstream = lineage(&graph, &[statement("job")]);
    let nodes: Vec<&LineageNode> = upstream.nodes.keys().collect();
    // `statements.t` creates the table that the job writes to. `other` creates a table too, but not for the job.
    let expected = [
        statement_node("job"),
        statement_node("other"),
        statement_node("reader"),
        statement_node("t"),
        table("sink"),
        table("t"),
        table("topic"),
    ];
    assert_eq!(nodes, expected.iter().collect::<Vec<_>>());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]

    /// Either dependencies come before their dependents, or each cycle is reported. Never both and never neither.
    #[test]
    fn dependencies_come_first_or_each_cycle_is_reported(needs in proptest::collection::vec((0..9_usize, 0..9_usize), 0..14)) {
        let lines: Vec<String> = (0..9)
            .map(|at| {
                let from: Vec<String> =
                    needs.iter().filter(|(from, to)| *from == at && to != from).map(|(_, to)| format!("t{to}")).collect();
                let reads = if from.is_empty() { "SELECT 1".to_owned() } else { format!("SELECT * FROM {}", from.join(", ")) };
                format!("s{at}: CREATE TABLE t{at} AS {reads}")
            })
            .collect();
        match build(project_fixture(&lines.join("\n")).load()) {
            Ok(graph) => {
                proptest::prop_assert_eq!(graph.order.len(), 9);
                let position = |address: &Address| graph.order.iter().position(|other| other == address);
                for edge in &graph.edges {
                    proptest::prop_assert!(position(&edge.to) < position(&edge.from));
                }
                for (from, to) in needs.iter().filter(|(from, to)| from != to) {
                    let (from, to) = (statement(&format!("s{from}")), statement(&format!("s{to}")));
                    proptest::prop_assert!(graph.dependencies(&from).any(|needed| *needed == to));
                    proptest::prop_assert!(graph.dependents(&to).any(|user| *user == from));
                }
            }
            Err(InvalidProject { problems, .. }) => {
                for problem in &problems {
                    proptest::prop_assert!(problem.message.contains("dependency cycle"));
                    proptest::prop_assert!(problem.locations.len() >= 2);
                }
            }
        }
    }
}

#[test]
fn lineage_omits_functions_that_the_project_does_not_create() {
    let job = "[statements.job]\nsql = \"INSERT INTO t SELECT COUNT(*), mine(a) FROM s GROUP BY a\"\n";
    let create_function =
        "[statements.mine]\nsql = \"CREATE FUNCTION mine AS 'x.Y' USING JAR 'confluent-artifact://cfa-1'\"\n";
    let graph = build(crate::manifest::tests::ProjectFixture::new(&format!("{job}{create_function}")).load()).unwrap();
    let functions: Vec<_> = super::lineage::lineage(&graph, &[])
        .nodes
        .into_iter()
        .filter(|(_, kind)| {
            matches!(
                kind,
                LineageNodeKind::Managed(ObjectKind::Function) | LineageNodeKind::External(ObjectKind::Function)
            )
        })
        .collect();
    assert_eq!(functions.len(), 1, "{functions:?}");
}

/// Returns the problems that only the graph finds in the valid part of an invalid project.
fn graph_problems(fixture: &ProjectFixture) -> Vec<String> {
    let invalid = fixture.load_invalid();
    let known: Vec<String> = invalid.problems.iter().map(|problem| problem.message.clone()).collect();
    let problems = add_graph_problems(invalid).problems.into_iter().map(|problem| problem.message);
    problems.filter(|message| !known.contains(message)).collect()
}

#[test]
fn graph_problems_cover_the_valid_part_of_an_invalid_project() {
    let lines = "
        Bad: CREATE TABLE a (x INT)
        a: CREATE TABLE a (y INT)
        c (d): CREATE TABLE c (x INT)
        d (c): CREATE TABLE d (x INT)
        e (broken): DROP TABLE a
        broken: CREATE TABLE 'a
    ";
    assert_eq!(
        graph_problems(&project_fixture(lines)),
        [
            "`a` is created by both `statements.Bad` and `statements.a`",
            "dependency cycle: `statements.c` → `statements.d` → `statements.c`",
        ]
    );
}

#[test]
fn graph_problems_caused_by_invalid_parts_are_not_reported() {
    // `broken` puts the two alters in order. The database of `two` is unknown, and so is the table that it creates.
    let lines = "
        t: CREATE TABLE t (x INT)
        one: ALTER TABLE t ADD (y INT)
        broken (one): CREATE TABLE 'a
        two (broken): ALTER TABLE t ADD (z INT)
    ";
    assert_eq!(graph_problems(&project_fixture(lines)), [""; 0]);
    for properties in
        ["properties.sql.current-database = \"b\"", "properties = { \"sql.current-database\" = \"${b}\" }"]
    {
        let two = format!("[statements.two]\nsql = \"CREATE TABLE t (x INT)\"\n{properties}\n");
        let one = "[statements.one]\nsql = \"CREATE TABLE t (x INT)\"\n";
        assert_eq!(graph_problems(&ProjectFixture::new(&format!("{one}{two}"))), [""; 0]);
    }
    // The content of an unreadable manifest is unknown. It may refer to the file that looks like a statement of its
    // own.
    let world = ProjectFixture::new("[statements.t]\nsql = \"CREATE TABLE t (x INT)\"\n")
        .with_file("statements/u.sql", "CREATE TABLE t (x INT)")
        .with_file("statements/broken.toml", "[statements.v]\nsql = \"CREATE TABLE t (x INT)\"\n[[\n");
    assert_eq!(graph_problems(&world), [""; 0]);
}

#[test]
fn targeted_lineage_includes_creating_and_altering_statements() {
    let graph = graph(
        "
        sink: CREATE TABLE sink (x INT)
        wider: ALTER TABLE sink ADD (y INT)
        job: INSERT INTO sink SELECT x FROM source
        other: INSERT INTO sink SELECT x FROM elsewhere
        apart: CREATE TABLE apart (x INT)
    ",
    );
    let shown = lineage(&graph, &[statement("job")]);
    let statements: Vec<String> = shown
        .nodes
        .keys()
        .filter_map(|node| match node {
            LineageNode::Statement(address) => Some(address.key.clone()),
            LineageNode::Object(_) => None,
        })
        .collect();
    assert_eq!(statements, ["job", "sink", "wider"]);
}

#[test]
fn dependencies_come_first_and_ties_keep_the_given_order() {
    assert_eq!(dependencies_first(5, [(0, 4), (1, 3), (0, 3)]), [2, 3, 1, 4, 0]);
    // 1 and 2 are a cycle, and 0 depends on it.
    assert_eq!(dependencies_first(4, [(0, 1), (1, 2), (2, 1)]), [3]);
}

#[test]
fn the_quoted_names_of_two_objects_differ() {
    let graph = graph(
        "a: CREATE TABLE `shop.orders` (x INT)\nb: CREATE TABLE shop.orders (x INT)\nc: CREATE TABLE `a``b` (x INT)",
    );
    let names: Vec<String> = graph.objects.keys().map(SqlObject::quoted_name).collect();
    assert_eq!(names, ["`a``b`", "shop.orders", "`shop.orders`"]);
}

#[test]
fn views_are_followed_to_their_windows() {
    let graph = graph(
        "
        w: CREATE VIEW w AS SELECT * FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '1' HOUR))
        v: CREATE VIEW v AS SELECT x FROM w
        p: CREATE VIEW p AS SELECT x FROM s
        job: INSERT INTO o SELECT v.x FROM v, p, hourly
    ",
    );
    assert_eq!(graph.windowed_views("job"), [vec!["v".to_owned()]].into());
    assert_eq!(graph.views_read_by("job"), ["p", "v", "w"].into());
    assert!(graph.views_read_by("p").is_empty());
}
