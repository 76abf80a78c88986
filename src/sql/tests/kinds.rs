//! Kinds and classes of statements.

use crate::sql::{ChangelogMode, StatementClass, StatementKind, analyze};

fn kind(text: &str) -> StatementKind {
    analyze(text).kind
}

#[test]
fn leading_keywords_determine_the_kind() {
    for (text, expected) in [
        ("CREATE TABLE a (x INT)", StatementKind::CreateTable),
        ("create table a like b", StatementKind::CreateTable),
        ("CREATE TABLE a WITH ('k' = 'v') AS SELECT x FROM b", StatementKind::CreateTableAs),
        ("CREATE OR REPLACE TABLE a AS (SELECT x FROM b)", StatementKind::CreateTableAs),
        ("-- first\nCREATE /* odd */ TEMPORARY VIEW v AS SELECT 1", StatementKind::CreateView),
        ("REPLACE TABLE a AS SELECT x FROM b", StatementKind::CreateTableAs),
        ("CREATE TEMPORARY SYSTEM FUNCTION f AS 'c'", StatementKind::CreateFunction),
        ("CREATE MODEL m WITH ('provider' = 'x')", StatementKind::CreateModel),
        ("CREATE OR ALTER MATERIALIZED TABLE t AS SELECT 1", StatementKind::CreateMaterializedTable),
        ("ALTER MATERIALIZED TABLE t SUSPEND", StatementKind::AlterMaterializedTable),
        ("DROP MATERIALIZED TABLE t", StatementKind::DropMaterializedTable),
        ("ALTER TABLE a RENAME TO b", StatementKind::AlterTable),
        ("DROP VIEW IF EXISTS v", StatementKind::DropView),
        ("INSERT INTO a SELECT x FROM b", StatementKind::InsertInto),
        ("INSERT INTO a (x) WITH w AS (SELECT 1) SELECT * FROM w", StatementKind::InsertInto),
        ("INSERT INTO a VALUES (1), (2)", StatementKind::InsertValues),
        ("INSERT INTO a (x) (VALUES (1))", StatementKind::InsertValues),
        ("INSERT INTO a VALUES (1) UNION ALL SELECT x FROM b", StatementKind::InsertInto),
        ("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END", StatementKind::StatementSet),
        ("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;", StatementKind::StatementSet),
        ("WITH w AS (SELECT 1) SELECT * FROM w", StatementKind::Select),
        ("(SELECT 1) UNION ALL (SELECT 2)", StatementKind::Select),
        ("VALUES (1)", StatementKind::Select),
        ("SHOW TABLES", StatementKind::Show),
        ("DESC a", StatementKind::Describe),
        ("EXPLAIN INSERT INTO a SELECT 1", StatementKind::Explain),
        ("USE CATALOG c", StatementKind::Use),
        ("SET 'a' = 'b'", StatementKind::Set),
        ("ALTER SESSION SET CONTAINER = XEPDB1", StatementKind::Set),
        ("alter system reset x", StatementKind::Set),
        ("ALTER TEMPORARY SYSTEM FUNCTION f AS 'c'", StatementKind::AlterFunction),
        ("UPDATE a SET x = 1", StatementKind::Update),
        ("DELETE FROM a WHERE x = 1", StatementKind::Delete),
        ("Create a table of contents first.", StatementKind::Other),
        ("GRANT SELECT ON a TO b", StatementKind::Other),
        ("", StatementKind::Other),
    ] {
        assert_eq!(kind(text), expected, "{text}");
    }
}

#[test]
fn only_statements_that_keep_running_are_jobs() {
    assert_eq!(StatementKind::InsertInto.class(), StatementClass::Job);
    assert_eq!(StatementKind::StatementSet.class(), StatementClass::Job);
    assert_eq!(StatementKind::CreateTableAs.class(), StatementClass::TableJob);
    for definition in [
        StatementKind::InsertValues,
        StatementKind::CreateTable,
        StatementKind::AlterModel,
        StatementKind::DropTool,
        StatementKind::CreateConnection,
    ] {
        assert_eq!(definition.class(), StatementClass::Definition, "{definition:?}");
        assert!(!definition.can_resume());
    }
    for job in [StatementKind::InsertInto, StatementKind::StatementSet, StatementKind::CreateTableAs] {
        assert!(job.can_resume());
    }
}

#[test]
fn an_unsupported_kind_explains_why_and_what_to_do() {
    for kind in [
        StatementKind::Select,
        StatementKind::Show,
        StatementKind::Set,
        StatementKind::Use,
        StatementKind::CreateMaterializedTable,
        StatementKind::Delete,
        StatementKind::Other,
    ] {
        let StatementClass::Unsupported(reason) = kind.class() else { panic!("{kind:?} should be unsupported") };
        assert!(reason.contains([';', ',']) && reason.len() > 40, "{kind:?}: {reason}");
    }
}

#[test]
fn kinds_have_the_spelling_of_the_api() {
    assert_eq!(StatementKind::CreateTableAs.api_name(), "CREATE_TABLE_AS");
    assert_eq!(StatementKind::InsertValues.api_name(), "INSERT_INTO");
    assert_eq!(StatementKind::Select.api_name(), "SELECT");
    assert_eq!(StatementKind::StatementSet.api_name(), "EXECUTE_STATEMENT_SET");
}

#[test]
fn if_not_exists_primary_key_and_startup_option_are_detected() {
    let analysis = analyze(
        "CREATE TABLE IF NOT EXISTS t (id INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('scan.startup.mode' = 'x')",
    );
    assert!(analysis.if_not_exists && analysis.table.primary_key == Some(true));
    assert!(analysis.startup_option.is_some());
    let analysis = analyze("CREATE TABLE t (id INT, key_primary STRING COMMENT 'PRIMARY KEY')");
    assert!(!analysis.if_not_exists && analysis.table.primary_key.is_none() && analysis.startup_option.is_none());
}

#[test]
fn a_definition_says_what_its_table_does_with_rows() {
    let table = |text: &str| analyze(text).table;
    for (text, key) in [
        ("CREATE TABLE t (id INT PRIMARY KEY NOT ENFORCED)", Some(true)),
        ("CREATE TABLE t (id INT, CONSTRAINT k PRIMARY KEY (id) NOT ENFORCED)", Some(true)),
        ("ALTER TABLE t ADD (id INT, PRIMARY KEY (id) NOT ENFORCED)", Some(true)),
        ("ALTER TABLE t MODIFY PRIMARY KEY (id) NOT ENFORCED", Some(true)),
        ("ALTER TABLE t DROP PRIMARY KEY", Some(false)),
        ("ALTER TABLE t DROP CONSTRAINT k", Some(false)),
        ("ALTER TABLE t DROP (x)", None),
        ("CREATE TABLE t (id INT)", None),
    ] {
        assert_eq!(table(text).primary_key, key, "{text}");
    }
    for (text, mode) in [
        ("CREATE TABLE t (id INT) WITH ('changelog.mode' = 'append')", Some(ChangelogMode::Append)),
        ("CREATE TABLE t WITH ('changelog.mode' = 'append') AS SELECT x FROM b", Some(ChangelogMode::Append)),
        ("CREATE TABLE t WITH ('changelog.mode' = 'UPSERT') LIKE b", Some(ChangelogMode::Upsert)),
        ("ALTER TABLE t SET ('changelog.mode' = 'retract')", Some(ChangelogMode::Retract)),
        ("ALTER TABLE t SET ('changelog.mode' = '${secret.mode}')", Some(ChangelogMode::Unknown)),
        ("ALTER TABLE t RESET ('a', 'changelog.mode')", Some(ChangelogMode::Default)),
        ("ALTER TABLE t SET ('a' = 'changelog.mode')", None),
        ("CREATE TABLE t (id INT COMMENT 'changelog.mode')", None),
    ] {
        assert_eq!(table(text).changelog_mode, mode, "{text}");
    }
    for (text, starts) in [
        ("CREATE TABLE t (id INT) WITH ('scan.startup.mode' = 'latest-offset')", Some(true)),
        ("ALTER TABLE t SET ('scan.startup.timestamp-millis' = '1')", Some(true)),
        ("ALTER TABLE t RESET ('scan.startup.mode')", Some(false)),
        ("CREATE TABLE t AS SELECT x FROM b /*+ OPTIONS('scan.startup.mode' = 'latest-offset') */", None),
    ] {
        assert_eq!(table(text).startup_option, starts, "{text}");
    }
    for (text, constraints, options) in [
        ("CREATE TABLE t LIKE b", true, true),
        ("CREATE TABLE t LIKE b (INCLUDING ALL)", true, true),
        ("CREATE TABLE t LIKE b (EXCLUDING ALL)", false, false),
        ("CREATE TABLE t LIKE b (EXCLUDING ALL INCLUDING OPTIONS)", false, true),
        ("CREATE TABLE t LIKE b (EXCLUDING CONSTRAINTS OVERWRITING OPTIONS)", false, true),
        ("CREATE TABLE t LIKE b (EXCLUDING OPTIONS) WITH ('a' = 'b')", true, false),
    ] {
        let like = table(text).like;
        assert_eq!((like.includes_constraints, like.includes_options), (constraints, options), "{text}");
    }
}

#[test]
fn a_job_is_bounded_if_hints_bound_every_table() {
    let is_bounded = |text: &str| analyze(text).is_bounded;
    let hint = |mode: &str| format!("/*+ OPTIONS('scan.startup.mode' = 'x', 'scan.bounded.mode' = '{mode}') */");
    let bounded_hint = hint("latest-offset");
    assert!(is_bounded(&format!("INSERT INTO a SELECT x FROM b {bounded_hint}")));
    assert!(is_bounded(&format!("INSERT INTO a SELECT x FROM b {bounded_hint} JOIN c {bounded_hint} ON b.i = c.i")));
    assert!(!is_bounded(&format!("INSERT INTO a SELECT x FROM b {bounded_hint} JOIN c ON b.i = c.i")));
    assert!(!is_bounded(&format!("INSERT INTO a SELECT x FROM b {}", hint("unbounded"))));
    assert!(!is_bounded("INSERT INTO a SELECT x FROM b -- not yet: 'scan.bounded.mode' = 'latest-offset'"));
    assert!(!is_bounded("INSERT INTO a SELECT 'scan.bounded.mode' FROM b"));
    assert!(!is_bounded("INSERT INTO a SELECT x FROM b"));
}

#[test]
fn a_job_that_reads_only_constants_is_bounded() {
    for text in [
        "INSERT INTO a SELECT 1, 'x'",
        "INSERT INTO a SELECT * FROM (VALUES (1, 'x'), (2, 'y')) AS t (n, s)",
        "INSERT INTO a WITH w AS (VALUES (1), (2)) SELECT * FROM w",
        "INSERT INTO a SELECT 1 UNION ALL SELECT 2",
        "INSERT INTO a SELECT n FROM UNNEST(ARRAY[1, 2]) AS t (n)",
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a VALUES (1); INSERT INTO b VALUES (2); END;",
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b VALUES (2); END;",
        "CREATE TABLE a AS SELECT 1 AS n",
    ] {
        assert!(analyze(text).is_bounded, "{text}");
    }
    for text in [
        "INSERT INTO a SELECT x FROM b UNION ALL SELECT 1",
        "INSERT INTO a SELECT 1 FROM b",
        "INSERT INTO a WITH w AS (SELECT x FROM b) SELECT 1 FROM w",
        "INSERT INTO a SELECT (SELECT MAX(x) FROM b)",
        "INSERT INTO a SELECT x FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '1' HOUR))",
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a VALUES (1); INSERT INTO b SELECT x FROM c; END;",
        "INSERT INTO a",
    ] {
        assert!(!analyze(text).is_bounded, "{text}");
    }
}

#[test]
fn a_startup_hint_is_located_at_its_key() {
    let text = "INSERT INTO a SELECT x FROM b /*+ OPTIONS('scan.startup.mode' = 'latest-offset') */";
    assert_eq!(&text[analyze(text).startup_option.unwrap()], "scan.startup.mode");
    assert_eq!(analyze("INSERT INTO a SELECT 'scan.startup.mode' FROM b").startup_option, None);
}

#[test]
fn rename_to_yields_the_new_name() {
    let text = "ALTER TABLE a.b RENAME TO `new one`";
    let renamed = analyze(text).renamed_to.unwrap();
    assert_eq!(renamed.name, ["new one"]);
    assert_eq!(&text[renamed.span], "`new one`");
    assert_eq!(analyze("ALTER TABLE a RENAME x TO y").renamed_to, None);
}
