//! State that the text of a statement alone does not show.

use super::{build, graph, statements_toml};
use crate::manifest::tests::ProjectFixture;

/// Returns the reason why the statement `key` keeps state, among these statements.
fn stateful_reason(lines: &str, key: &str) -> Option<String> {
    graph(lines).stateful_reason(key)
}

#[test]
fn reading_a_stateful_view_keeps_state() {
    let views = "
        counts: CREATE VIEW counts AS SELECT k, COUNT(*) AS n FROM events GROUP BY k
        few: CREATE VIEW few AS SELECT k FROM counts WHERE n < 3
        plain: CREATE VIEW plain AS SELECT k FROM events
    ";
    let reason_to_read =
        |view: &str| stateful_reason(&format!("{views}\nread: INSERT INTO sink SELECT k FROM {view}"), "read");
    assert_eq!(reason_to_read("few").as_deref(), Some("the aggregate COUNT"));
    assert_eq!(reason_to_read("plain"), None);
    let altered = "
        plain: CREATE VIEW plain AS SELECT k FROM events
        changed (plain): ALTER VIEW plain AS SELECT DISTINCT k FROM events
        read: INSERT INTO sink SELECT k FROM plain
    ";
    assert_eq!(stateful_reason(altered, "read").as_deref(), Some("DISTINCT"));
    let renamed = "
        counts: CREATE VIEW counts AS SELECT COUNT(*) AS n FROM events
        renamed (counts): ALTER VIEW counts RENAME TO totals
        read: INSERT INTO sink SELECT n FROM totals
    ";
    assert_eq!(stateful_reason(renamed, "read").as_deref(), Some("the aggregate COUNT"));
}

#[test]
fn a_primary_key_from_any_definition_keeps_state() {
    let key_reason = "the primary key of `t`, which it reads";
    for definition in [
        "t: CREATE TABLE t (k INT, PRIMARY KEY (k) NOT ENFORCED)",
        "t: CREATE TABLE t LIKE base\nbase: CREATE TABLE base (k INT PRIMARY KEY NOT ENFORCED)",
        "t: CREATE TABLE t LIKE base (INCLUDING ALL)\nbase: CREATE TABLE base LIKE root\n\
         root: CREATE TABLE root (k INT PRIMARY KEY NOT ENFORCED)",
        "t: CREATE TABLE t (k INT)\nmore: ALTER TABLE t ADD PRIMARY KEY (k) NOT ENFORCED",
        "more: ALTER TABLE t ADD PRIMARY KEY (k) NOT ENFORCED",
        "t: CREATE TABLE t WITH ('changelog.mode' = 'upsert') LIKE base",
        "more: ALTER TABLE t SET ('changelog.mode' = 'upsert')",
        "t: CREATE TABLE t (PRIMARY KEY (k) NOT ENFORCED) AS SELECT k FROM s",
        "was: CREATE TABLE u (k INT PRIMARY KEY NOT ENFORCED)\nt: ALTER TABLE u RENAME TO t",
    ] {
        let lines = format!("{definition}\nread: INSERT INTO sink SELECT k FROM t");
        assert_eq!(stateful_reason(&lines, "read").as_deref(), Some(key_reason), "{definition}");
        let lines = format!("{definition}\nwrite: INSERT INTO t SELECT k FROM source");
        assert_eq!(stateful_reason(&lines, "write"), Some(key_reason.replace("reads", "writes")), "{definition}");
    }
    for definition in [
        "t: CREATE TABLE t (k INT)",
        "t: CREATE TABLE t LIKE base\nbase: CREATE TABLE base (k INT)",
        "t: CREATE TABLE t WITH ('changelog.mode' = 'retract') LIKE base",
        "a: CREATE TABLE t LIKE u\nb: CREATE TABLE u (k INT)\nc (b): ALTER TABLE t SET ('a' = 'b')",
        "t: CREATE TABLE t AS SELECT k FROM s",
    ] {
        let lines = format!("{definition}\nread: INSERT INTO sink SELECT k FROM t");
        assert_eq!(stateful_reason(&lines, "read"), None, "{definition}");
    }
}

#[test]
fn the_changelog_mode_decides_whether_a_key_keeps_state() {
    let keyed = "CREATE TABLE t (k INT PRIMARY KEY NOT ENFORCED)";
    let append = "WITH ('changelog.mode' = 'append')";
    let of = |definition: &str, key: &str, statement: &str| {
        stateful_reason(&format!("{definition}\n{key}: {statement}"), key)
    };
    for definition in [
        format!("t: {keyed} {append}"),
        format!("t: CREATE TABLE t (k INT, PRIMARY KEY (k) NOT ENFORCED) {append}"),
        format!("t: CREATE TABLE t (PRIMARY KEY (k) NOT ENFORCED) {append} AS SELECT k FROM s"),
        format!("t: {keyed}\nmore: ALTER TABLE t SET ('changelog.mode' = 'append')"),
        format!("t: CREATE TABLE t LIKE base\nbase: CREATE TABLE base (k INT PRIMARY KEY NOT ENFORCED) {append}"),
        format!("t: CREATE TABLE t {append} LIKE base\nbase: CREATE TABLE base (k INT PRIMARY KEY NOT ENFORCED)"),
        "t: CREATE TABLE t LIKE b (EXCLUDING CONSTRAINTS)\nb: CREATE TABLE b (k INT PRIMARY KEY NOT ENFORCED)".into(),
        format!("t: {keyed}\nmore: ALTER TABLE t DROP PRIMARY KEY"),
        format!("t: {keyed} WITH ('changelog.mode' = 'retract')"),
        format!("was: {} {append}\nt: ALTER TABLE u RENAME TO t", keyed.replace("TABLE t", "TABLE u")),
    ] {
        assert_eq!(of(&definition, "read", "INSERT INTO o SELECT k FROM t"), None, "{definition}");
        assert_eq!(of(&definition, "write", "INSERT INTO t SELECT k FROM s"), None, "{definition}");
    }
    let reason = Some("the primary key of `t`, which it writes".to_owned());
    for definition in [
        format!("t: {keyed}"),
        format!("t: {keyed} WITH ('changelog.mode' = 'upsert')"),
        format!("t: {keyed} {append}\nmore: ALTER TABLE t SET ('changelog.mode' = 'upsert')"),
        format!("t: {keyed} {append}\nmore: ALTER TABLE t RESET ('changelog.mode')"),
        format!("t: CREATE TABLE t LIKE b (EXCLUDING OPTIONS)\nb: {} {append}", keyed.replace("TABLE t", "TABLE b")),
        format!(
            "t: {keyed}\nb: ALTER TABLE t SET ('changelog.mode' = 'append')\n\
             a (b): ALTER TABLE t SET ('changelog.mode' = 'upsert')"
        ),
    ] {
        assert_eq!(of(&definition, "write", "INSERT INTO t SELECT k FROM s"), reason, "{definition}");
    }
    let unknown = of(
        &format!("t: {keyed} WITH ('changelog.mode' = 'a mode of the future')"),
        "write",
        "INSERT INTO t SELECT k FROM s",
    );
    assert_eq!(unknown.as_deref(), Some("`t`, which it writes, may take upserts"));
}

#[test]
fn a_sink_that_the_project_does_not_create_may_take_upserts() {
    let unknown = |lines: &str| {
        let write = "write: INSERT INTO t SELECT k FROM s\ns: CREATE TABLE s (k INT)";
        graph(&format!("{lines}\n{write}")).sink_with_unknown_changelog("write").map(|object| object.to_string())
    };
    for lines in [
        "",
        "more: ALTER TABLE t ADD (x INT)",
        "t: CREATE TABLE t LIKE elsewhere",
        "t: ALTER TABLE elsewhere RENAME TO t",
        "t: CREATE TABLE t (k INT PRIMARY KEY NOT ENFORCED) WITH ('changelog.mode' = 'future')",
    ] {
        assert_eq!(unknown(lines).as_deref(), Some("t"), "{lines}");
    }
    for lines in [
        "t: CREATE TABLE t (k INT)",
        "t: CREATE TABLE t (k INT PRIMARY KEY NOT ENFORCED)",
        "t: CREATE TABLE t WITH ('changelog.mode' = 'append') LIKE u\nu: CREATE TABLE u (k INT)",
        "t: CREATE TABLE t LIKE elsewhere (EXCLUDING ALL)",
    ] {
        assert_eq!(unknown(lines), None, "{lines}");
    }
}

#[test]
fn a_startup_option_is_found_in_the_definitions_of_a_source() {
    let found = |lines: &str| {
        let read = "read: INSERT INTO sink SELECT k FROM t";
        graph(&format!("{lines}\n{read}")).source_with_startup_option("read").map(|object| object.to_string())
    };
    let option = "'scan.startup.mode' = 'latest-offset'";
    for lines in [
        format!("t: CREATE TABLE t (k INT) WITH ({option})"),
        format!("t: CREATE TABLE t (k INT)\nmore: ALTER TABLE t SET ({option})"),
        format!("t: CREATE TABLE t LIKE b\nb: CREATE TABLE b (k INT) WITH ({option})"),
        format!("t: CREATE TABLE t WITH ({option}) AS SELECT k FROM b"),
        format!("more: ALTER TABLE t SET ({option})"),
    ] {
        assert_eq!(found(&lines).as_deref(), Some("t"), "{lines}");
    }
    let behind_view = format!("t: CREATE VIEW t AS SELECT k FROM b\nb: CREATE TABLE b (k INT) WITH ({option})");
    assert_eq!(found(&behind_view).as_deref(), Some("b"));
    let in_view = format!("t: CREATE VIEW t AS SELECT k FROM b /*+ OPTIONS({option}) */\nb: CREATE TABLE b (k INT)");
    assert_eq!(found(&in_view).as_deref(), Some("t"));
    for lines in [
        "t: CREATE TABLE t (k INT)".to_owned(),
        format!("t: CREATE TABLE t (k INT) WITH ({option})\nmore: ALTER TABLE t RESET ('scan.startup.mode')"),
        format!("t: CREATE TABLE t AS SELECT k FROM b /*+ OPTIONS({option}) */"),
        format!("t: CREATE TABLE t LIKE b (EXCLUDING OPTIONS)\nb: CREATE TABLE b (k INT) WITH ({option})"),
    ] {
        assert_eq!(found(&lines), None, "{lines}");
    }
}

#[test]
fn an_external_source_is_found_behind_views_and_like_clauses() {
    let unknown = |lines: &str| graph(lines).source_with_unknown_changelog("read").map(|object| object.to_string());
    for lines in [
        "read: INSERT INTO sink SELECT k FROM t",
        "v: CREATE VIEW v AS SELECT k FROM t\nread: INSERT INTO sink SELECT k FROM v",
        "v: CREATE TABLE v LIKE t\nread: INSERT INTO sink SELECT k FROM v",
        "o: CREATE TABLE o AS SELECT k FROM t\nread: INSERT INTO sink SELECT k FROM o",
        "o: CREATE TABLE o (k INT)\nc: CREATE TABLE c AS SELECT DISTINCT k FROM o\nread: INSERT INTO sink SELECT k FROM c",
        "more: ALTER TABLE t ADD (x INT)\nread: INSERT INTO sink SELECT k FROM t",
        "o: CREATE TABLE o (k INT)\nread: INSERT INTO sink SELECT k FROM o UNION ALL SELECT k FROM t",
        "o: CREATE TABLE o (k INT PRIMARY KEY NOT ENFORCED)\nc: CREATE TABLE c AS SELECT k FROM o\n\
         read: INSERT INTO sink SELECT k FROM c",
        "o: CREATE TABLE o (k INT) WITH ('changelog.mode' = 'retract')\nc: CREATE TABLE c AS SELECT k FROM o\n\
         read: INSERT INTO sink SELECT k FROM c",
        "o: CREATE TABLE o (k INT PRIMARY KEY NOT ENFORCED)\nv: CREATE VIEW v AS SELECT k FROM o\n\
         c: CREATE TABLE c AS SELECT k FROM v\nd: CREATE TABLE d AS SELECT k FROM c\n\
         read: INSERT INTO sink SELECT k FROM d",
    ] {
        assert!(unknown(lines).is_some(), "{lines}");
    }
    for lines in [
        "o: CREATE TABLE o (k INT)\nread: INSERT INTO sink SELECT k FROM o",
        "o: CREATE TABLE o (k INT)\nc: CREATE TABLE c AS SELECT k FROM o\nread: INSERT INTO sink SELECT k FROM c",
        "o: CREATE TABLE o (k INT)\nv: CREATE VIEW v AS SELECT k FROM o\nread: INSERT INTO sink SELECT k FROM v",
        "read: INSERT INTO sink SELECT 1",
        "o: CREATE TABLE o (k INT PRIMARY KEY NOT ENFORCED) WITH ('changelog.mode' = 'append')\n\
         c: CREATE TABLE c AS SELECT k FROM o\nread: INSERT INTO sink SELECT k FROM c",
    ] {
        assert_eq!(unknown(lines), None, "{lines}");
    }
}

#[test]
fn the_definition_of_a_sink_decides_whether_writes_are_upserts() {
    let writes_are_upserts = |definitions: &str, sink: &str| {
        graph(&format!("{definitions}\nwrite: INSERT INTO {sink} SELECT k FROM source")).writes_are_upserts("write")
    };
    let (plain, keyed) = ("p: CREATE TABLE p (k INT)", "q: CREATE TABLE q (k INT PRIMARY KEY NOT ENFORCED)");
    assert_eq!(writes_are_upserts(plain, "p"), Some(false));
    assert_eq!(writes_are_upserts(keyed, "q"), Some(true));
    let append = format!("{keyed} WITH ('changelog.mode' = 'append')");
    assert_eq!(writes_are_upserts(&append, "q"), Some(false));
    let altered = format!("{append}\nr: ALTER TABLE q SET ('changelog.mode' = 'upsert')");
    assert_eq!(writes_are_upserts(&altered, "q"), Some(true));
    for mode in ["retract", "a mode of the future"] {
        assert_eq!(writes_are_upserts(&format!("{keyed} WITH ('changelog.mode' = '{mode}')"), "q"), None);
    }
    assert_eq!(writes_are_upserts("", "elsewhere"), None);
    assert_eq!(writes_are_upserts("p: CREATE TABLE p LIKE elsewhere", "p"), None);
    let both = "write: EXECUTE STATEMENT SET BEGIN INSERT INTO p SELECT 1; INSERT INTO q SELECT 1; END";
    assert_eq!(graph(&format!("{plain}\n{keyed}\n{both}")).writes_are_upserts("write"), None);
}

#[test]
fn a_function_keeps_state_only_if_it_is_declared_as_stateful() {
    let function = "[statements.f]\nsql = \"CREATE FUNCTION f AS 'x.F' USING JAR 'confluent-artifact://cfa-1'\"\n";
    let reason = |entry: &str, statements: &str| {
        let world = ProjectFixture::new(&format!("{function}{entry}"))
            .with_file("statements/jobs.toml", statements_toml(statements));
        build(world.load()).unwrap().stateful_reason("job")
    };
    for statements in [
        "job: INSERT INTO o SELECT F(x) FROM s",
        "v: CREATE VIEW v AS SELECT f(x) AS y FROM s\njob: INSERT INTO o SELECT y FROM v",
        "t: CREATE TABLE t (x INT, y AS f(x))\njob: INSERT INTO o SELECT y FROM t",
        "job: INSERT INTO o SELECT y FROM s, LATERAL TABLE(f(x)) AS t (y)",
    ] {
        assert_eq!(reason("", statements), None, "{statements}");
        assert_eq!(reason("stateful = false\n", statements), None, "{statements}");
        let expected = Some("the function `f`, which is declared as stateful".to_owned());
        assert_eq!(reason("stateful = true\n", statements), expected, "{statements}");
    }
    assert_eq!(reason("stateful = true\n", "job: INSERT INTO o SELECT g(x) FROM s"), None);
}
