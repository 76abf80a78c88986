//! The reserved words that a query may contain without keeping state. All others count as stateful.

use super::{StatefulConstruct, functions::is_aggregate_function, lexer::TokenKind, script::Script, word_set::WordSet};

/// Returns the first reserved word between two tokens that indicates state or is unknown.
pub(super) fn first_stateful_keyword(script: &Script<'_>, start: usize, end: usize) -> Option<StatefulConstruct> {
    (start..end).filter(|&at| script.token_kind(at) == Some(TokenKind::ReservedWord)).find_map(|at| {
        let after_dot = at.checked_sub(1).is_some_and(|before| script.is_symbol(before, "."));
        let construct = if after_dot { None } else { stateful_keyword(script, at) };
        construct.map(|description| StatefulConstruct { description, span: script.token_span(at) })
    })
}

/// Returns the description of the stateful construct that the reserved word at `at` indicates. `None` for a stateless
/// word.
fn stateful_keyword(script: &Script<'_>, at: usize) -> Option<String> {
    let word = script.reserved_word(at);
    let before = |words: &[&str]| at.checked_sub(1).is_some_and(|before| script.is_any_word(before, words));
    match word {
        "GROUP" | "ORDER" if script.is_word(at + 1, "BY") => Some(format!("{word} BY")),
        "UNION" if script.is_word(at + 1, "ALL") => None,
        "UNION" => Some("UNION without ALL".to_owned()),
        "DISTINCT" if before(&["IS"]) || (before(&["NOT"]) && script.is_word(at + 1, "FROM")) => None,
        "CROSS" | "OUTER" if !script.is_word(at + 1, "JOIN") => Some(word.to_owned()),
        "ON" if script.is_word(at + 1, "CONFLICT") => Some("ON CONFLICT".to_owned()),
        _ if STATELESS_KEYWORDS.contains(word) && !(is_aggregate_function(word) && script.is_symbol(at + 1, "(")) => {
            None
        }
        _ => Some(word.to_owned()),
    }
}

/// Words of projections, conditions, scalar functions, types, and of the constructs that the query walker judges
/// itself.
#[rustfmt::skip]
static STATELESS_KEYWORDS: WordSet<130> = WordSet::new([
    "ABS", "ALL", "AND", "ARRAY", "AS", "ASYMMETRIC", "BETWEEN", "BIGINT", "BINARY", "BIT", "BOOLEAN", "BOTH",
    "BYTES", "CARDINALITY", "CASE", "CAST", "CEIL", "CEILING", "CHAR", "CHARACTER", "CHARACTER_LENGTH", "CHAR_LENGTH",
    "COALESCE", "CROSS", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER", "DATE", "DAY", "DEC",
    "DECIMAL", "DEFAULT", "DOUBLE", "ELEMENT", "ELSE", "EMPTY", "END", "ESCAPE", "EXP", "EXTRACT", "FALSE", "FLOAT",
    "FLOOR", "FOR", "FROM", "FULL", "HOUR", "ILIKE", "IN", "INNER", "INT", "INTEGER", "INTERVAL", "IS", "JOIN",
    "JSON_ARRAY", "JSON_EXISTS", "JSON_OBJECT", "JSON_QUERY", "JSON_VALUE", "LATERAL", "LEADING", "LEFT", "LIKE",
    "LN", "LOCAL", "LOCALTIME", "LOCALTIMESTAMP", "LOWER", "MINUTE", "MOD", "MONTH", "MULTISET", "NOT", "NULL",
    "NULLIF", "NUMERIC", "OCTET_LENGTH", "OF", "ON", "OR", "OUTER", "OVERLAY", "POSITION", "POWER", "PRECISION",
    "RAW", "REAL", "RIGHT", "RLIKE", "ROW", "SECOND", "SELECT", "SIMILAR", "SMALLINT", "SQRT", "STRING", "SUBSTRING",
    "SYMMETRIC", "TABLE", "THEN", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "TINYINT", "TO", "TRAILING", "TRIM", "TRUE",
    "TRUNCATE", "TRY_CAST", "UESCAPE", "UNION", "UNKNOWN", "UNNEST", "UPPER", "USER", "USING", "VALUE", "VALUES",
    "VARBINARY", "VARCHAR", "VARIANT", "VARYING", "WHEN", "WHERE", "WITH", "WITHOUT", "YEAR",
]);
