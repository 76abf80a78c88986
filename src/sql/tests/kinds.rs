//! Kinds and classes.

use crate::sql::{Class, Kind, read};

fn kind(text: &str) -> Kind {
    read(text).kind
}

#[test]
fn the_first_words_make_the_kind() {
    for (text, expected) in [
        ("CREATE TABLE a (x INT)", Kind::CreateTable),
        ("create table a like b", Kind::CreateTable),
        ("CREATE TABLE a WITH ('k' = 'v') AS SELECT x FROM b", Kind::CreateTableAs),
        ("CREATE OR REPLACE TABLE a AS (SELECT x FROM b)", Kind::CreateTableAs),
        ("-- first\nCREATE /* odd */ TEMPORARY VIEW v AS SELECT 1", Kind::CreateView),
        ("REPLACE TABLE a AS SELECT x FROM b", Kind::CreateTableAs),
        ("CREATE TEMPORARY SYSTEM FUNCTION f AS 'c'", Kind::CreateFunction),
        ("CREATE MODEL m WITH ('provider' = 'x')", Kind::CreateModel),
        ("CREATE OR ALTER MATERIALIZED TABLE t AS SELECT 1", Kind::CreateMaterializedTable),
        ("ALTER MATERIALIZED TABLE t SUSPEND", Kind::AlterMaterializedTable),
        ("DROP MATERIALIZED TABLE t", Kind::DropMaterializedTable),
        ("ALTER TABLE a RENAME TO b", Kind::AlterTable),
        ("DROP VIEW IF EXISTS v", Kind::DropView),
        ("INSERT INTO a SELECT x FROM b", Kind::InsertInto),
        ("INSERT INTO a (x) WITH w AS (SELECT 1) SELECT * FROM w", Kind::InsertInto),
        ("INSERT INTO a VALUES (1), (2)", Kind::InsertValues),
        ("INSERT INTO a (x) (VALUES (1))", Kind::InsertValues),
        ("INSERT INTO a VALUES (1) UNION ALL SELECT x FROM b", Kind::InsertInto),
        ("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END", Kind::StatementSet),
        ("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;", Kind::StatementSet),
        ("WITH w AS (SELECT 1) SELECT * FROM w", Kind::Select),
        ("(SELECT 1) UNION ALL (SELECT 2)", Kind::Select),
        ("VALUES (1)", Kind::Select),
        ("SHOW TABLES", Kind::Show),
        ("DESC a", Kind::Describe),
        ("EXPLAIN INSERT INTO a SELECT 1", Kind::Explain),
        ("USE CATALOG c", Kind::Use),
        ("SET 'a' = 'b'", Kind::Set),
        ("UPDATE a SET x = 1", Kind::Update),
        ("DELETE FROM a WHERE x = 1", Kind::Delete),
        ("Create a table of contents first.", Kind::Other),
        ("GRANT SELECT ON a TO b", Kind::Other),
        ("", Kind::Other),
    ] {
        assert_eq!(kind(text), expected, "{text}");
    }
}

#[test]
fn only_what_keeps_running_is_a_job() {
    assert_eq!(Kind::InsertInto.class(), Class::Job);
    assert_eq!(Kind::StatementSet.class(), Class::Job);
    assert_eq!(Kind::CreateTableAs.class(), Class::TableJob);
    for definition in [Kind::InsertValues, Kind::CreateTable, Kind::AlterModel, Kind::DropTool, Kind::CreateConnection]
    {
        assert_eq!(definition.class(), Class::Definition, "{definition:?}");
        assert!(!definition.can_resume());
    }
    for job in [Kind::InsertInto, Kind::StatementSet, Kind::CreateTableAs] {
        assert!(job.can_resume());
    }
}

#[test]
fn a_refusal_says_why_and_what_to_do() {
    for kind in
        [Kind::Select, Kind::Show, Kind::Set, Kind::Use, Kind::CreateMaterializedTable, Kind::Delete, Kind::Other]
    {
        let Class::Refused(why) = kind.class() else { panic!("{kind:?} is refused") };
        assert!(why.contains([';', ',']) && why.len() > 40, "{kind:?}: {why}");
    }
}

#[test]
fn names_are_the_api_s() {
    assert_eq!(Kind::CreateTableAs.api_name(), "CREATE_TABLE_AS");
    assert_eq!(Kind::InsertValues.api_name(), "INSERT_INTO");
    assert_eq!(Kind::Select.api_name(), "SELECT");
}

#[test]
fn what_a_definition_says_of_itself() {
    let reading =
        read("CREATE TABLE IF NOT EXISTS t (id INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('scan.startup.mode' = 'x')");
    assert!(reading.if_not_exists && reading.primary_key);
    assert!(reading.startup_option.is_some());
    let reading = read("CREATE TABLE t (id INT, key_primary STRING COMMENT 'PRIMARY KEY')");
    assert!(!reading.if_not_exists && !reading.primary_key && reading.startup_option.is_none());
    assert!(read("CREATE TABLE t (id INT PRIMARY KEY NOT ENFORCED)").primary_key);
    assert!(read("ALTER TABLE t ADD (id INT, PRIMARY KEY (id) NOT ENFORCED)").primary_key);
    assert!(read("ALTER TABLE t SET ('changelog.mode' = 'upsert')").primary_key);
    assert!(!read("ALTER TABLE t SET ('changelog.mode' = 'retract')").primary_key);
}

#[test]
fn hints_that_end_every_table_make_a_job_finite() {
    let bounded = |text: &str| read(text).bounded;
    let hint = |mode: &str| format!("/*+ OPTIONS('scan.startup.mode' = 'x', 'scan.bounded.mode' = '{mode}') */");
    let ends = hint("latest-offset");
    assert!(bounded(&format!("INSERT INTO a SELECT x FROM b {ends}")));
    assert!(bounded(&format!("INSERT INTO a SELECT x FROM b {ends} JOIN c {ends} ON b.i = c.i")));
    assert!(!bounded(&format!("INSERT INTO a SELECT x FROM b {ends} JOIN c ON b.i = c.i")));
    assert!(!bounded(&format!("INSERT INTO a SELECT x FROM b {}", hint("unbounded"))));
    assert!(!bounded("INSERT INTO a SELECT x FROM b -- not yet: 'scan.bounded.mode' = 'latest-offset'"));
    assert!(!bounded("INSERT INTO a SELECT 'scan.bounded.mode' FROM b"));
    assert!(!bounded("INSERT INTO a SELECT x FROM b"));
}

#[test]
fn a_startup_hint_is_found_at_its_key() {
    let text = "INSERT INTO a SELECT x FROM b /*+ OPTIONS('scan.startup.mode' = 'latest-offset') */";
    assert_eq!(&text[read(text).startup_option.unwrap()], "scan.startup.mode");
    assert_eq!(read("INSERT INTO a SELECT 'scan.startup.mode' FROM b").startup_option, None);
}

#[test]
fn a_rename_says_what_exists_afterwards() {
    let text = "ALTER TABLE a.b RENAME TO `new one`";
    let renamed = read(text).renamed_to.unwrap();
    assert_eq!(renamed.name, ["new one"]);
    assert_eq!(&text[renamed.span], "`new one`");
    assert_eq!(read("ALTER TABLE a RENAME x TO y").renamed_to, None);
}
