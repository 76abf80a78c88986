//! The errors of a text and their places.

use crate::sql::analyze;

/// Returns the errors of a text, as the message and the text at its place.
fn errors(text: &str) -> Vec<(String, String)> {
    analyze(text).errors.into_iter().map(|error| (error.message, text[error.span].to_owned())).collect()
}

/// Asserts that a text has one error: part of its message, and the text at its place.
fn assert_one_error(text: &str, message: &str, place: &str) {
    let found = errors(text);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    assert!(found[0].0.contains(message), "{text}: {found:?}");
    assert_eq!(found[0].1, place, "{text}");
}

#[test]
fn a_valid_text_has_no_errors() {
    for text in [
        "SELECT 1;;",
        "INSERT INTO a SELECT x FROM b -- ; SELECT\n;",
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT CASE WHEN TRUE THEN 1 END; END;",
        "CREATE TABLE a AS WITH w AS (SELECT 1) SELECT * FROM w",
        "INSERT INTO a SELECT x FROM b WHERE x IN (SELECT y FROM c)",
        "EXPLAIN EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END",
        "SELECT x FROM t MATCH_RECOGNIZE (PATTERN (A{2,3} {- B -}) DEFINE A AS TRUE)",
    ] {
        assert_eq!(errors(text), [], "{text}");
    }
}

#[test]
fn a_second_statement_is_an_error() {
    assert_one_error("CREATE TABLE a (x INT); INSERT INTO a SELECT 1", "second statement", "INSERT");
    assert_one_error(
        "INSERT INTO a SELECT x FROM b\nINSERT INTO c SELECT y FROM b",
        "another statement starts",
        "INSERT",
    );
    assert_one_error("SELECT x FROM b SELECT y FROM b", "another statement starts", "SELECT");
    assert_one_error(
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END; DROP TABLE a",
        "second statement",
        "DROP",
    );
}

#[test]
fn set_or_use_next_to_a_statement_is_an_error() {
    let text = "SET 'sql.state-ttl' = '1 d'; INSERT INTO a SELECT x FROM b";
    assert_one_error(text, "`properties`", "SET");
    assert_eq!(analyze(text).kind, crate::sql::StatementKind::InsertInto, "the statement itself is still analyzed");
    assert_one_error("ALTER SESSION SET a = 1; INSERT INTO a SELECT x FROM b", "`properties`", "ALTER");
    assert_one_error("USE CATALOG c; SELECT 1", "`properties`", "USE");
}

#[test]
fn unbalanced_quotes_comments_and_brackets_are_errors() {
    assert_one_error("SELECT 'abc FROM t", "quote is never closed", "'");
    assert_one_error("SELECT `abc FROM t", "back-quote is never closed", "`");
    assert_one_error("SELECT 1 /* FROM t", "comment is never closed", "/*");
    assert_one_error("SELECT x FROM t /*+ OPTIONS('a'='b')", "hint is never closed", "/*+");
    assert_one_error("SELECT (1 FROM t", "never closed", "(");
    assert_one_error("SELECT 1) FROM t", "closes nothing", ")");
    assert_one_error("SELECT (1] FROM t", "closes nothing", "]");
    assert_one_error("SELECT \"x\" FROM t", "double quotes", "\"x\"");
}

#[test]
fn a_text_without_a_statement_is_an_error() {
    for text in ["", "  \n", "-- only a comment", ";;"] {
        let found = errors(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].0.contains("no statement"), "{found:?}");
    }
}

#[test]
fn a_malformed_statement_set_is_an_error() {
    assert_one_error("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;", "never closed", "SET");
    assert_one_error("EXECUTE STATEMENT SET BEGIN END", "empty", "END");
    assert_one_error("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1 END", "`;` before this `END`", "END");
    assert_one_error("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1 END;;", "`;` before this `END`", "END");
    assert_one_error(
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; DROP TABLE b; END",
        "only `INSERT INTO` statements",
        "DROP",
    );
}

#[test]
fn at_most_twenty_errors_are_reported() {
    assert_eq!(errors(&"SELECT 1;".repeat(500)).len(), 20);
}
