//! What speaks against a text, and where.

use crate::sql::read;

/// The faults of a text as (message, what stands at the place).
fn faults(text: &str) -> Vec<(String, String)> {
    read(text).faults.into_iter().map(|fault| (fault.message, text[fault.span].to_owned())).collect()
}

fn only(text: &str, message: &str, place: &str) {
    let found = faults(text);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    assert!(found[0].0.contains(message), "{text}: {found:?}");
    assert_eq!(found[0].1, place, "{text}");
}

#[test]
fn a_sound_text_has_none() {
    for text in [
        "SELECT 1;;",
        "INSERT INTO a SELECT x FROM b -- ; SELECT\n;",
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT CASE WHEN TRUE THEN 1 END; END;",
        "CREATE TABLE a AS WITH w AS (SELECT 1) SELECT * FROM w",
        "INSERT INTO a SELECT x FROM b WHERE x IN (SELECT y FROM c)",
        "EXPLAIN EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END",
        "SELECT x FROM t MATCH_RECOGNIZE (PATTERN (A{2,3} {- B -}) DEFINE A AS TRUE)",
    ] {
        assert_eq!(faults(text), [], "{text}");
    }
}

#[test]
fn more_than_one_statement() {
    only("CREATE TABLE a (x INT); INSERT INTO a SELECT 1", "second statement", "INSERT");
    only("INSERT INTO a SELECT x FROM b\nINSERT INTO c SELECT y FROM b", "another statement begins", "INSERT");
    only("SELECT x FROM b SELECT y FROM b", "another statement begins", "SELECT");
    only("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END; DROP TABLE a", "second statement", "DROP");
}

#[test]
fn settings_belong_elsewhere() {
    let text = "SET 'sql.state-ttl' = '1 d'; INSERT INTO a SELECT x FROM b";
    only(text, "`properties`", "SET");
    assert_eq!(read(text).kind, crate::sql::Kind::InsertInto, "the statement itself is still read");
    only("USE CATALOG c; SELECT 1", "`properties`", "USE");
}

#[test]
fn what_is_not_balanced_is_shown_where_it_opens() {
    only("SELECT 'abc FROM t", "quote is never closed", "'");
    only("SELECT `abc FROM t", "back-quote is never closed", "`");
    only("SELECT 1 /* FROM t", "comment is never closed", "/*");
    only("SELECT x FROM t /*+ OPTIONS('a'='b')", "hint is never closed", "/*+");
    only("SELECT (1 FROM t", "never closed", "(");
    only("SELECT 1) FROM t", "nothing that it closes", ")");
    only("SELECT (1] FROM t", "nothing that it closes", "]");
    only("SELECT \"x\" FROM t", "double quotes", "\"x\"");
}

#[test]
fn nothing_is_a_fault() {
    for text in ["", "  \n", "-- only a comment", ";;"] {
        let found = faults(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].0.contains("no statement"), "{found:?}");
    }
}

#[test]
fn statement_sets_are_whole() {
    only("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;", "never closed", "SET");
    only("EXECUTE STATEMENT SET BEGIN END", "empty", "END");
    only("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1 END", "`;` before this END", "END");
    only("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1 END;;", "`;` before this END", "END");
    only(
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; DROP TABLE b; END",
        "INSERT INTO statements only",
        "DROP",
    );
}

#[test]
fn faults_are_many_but_not_endless() {
    assert_eq!(faults(&"SELECT 1;".repeat(500)).len(), 20);
}
