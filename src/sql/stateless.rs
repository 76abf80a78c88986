//! Which reserved words a query may hold and still keep no state. All others count as keeping some.

use super::{StateKept, functions::is_aggregate, lex::Sort, script::Script, words::Words};

/// The first reserved word between two tokens that speaks of state or of something unknown.
pub(super) fn first_telling_word(script: &Script<'_>, start: usize, end: usize) -> Option<StateKept> {
    (start..end).filter(|&at| script.sort(at) == Some(Sort::Reserved)).find_map(|at| {
        let after_dot = at.checked_sub(1).is_some_and(|before| script.symbol(before, "."));
        let construct = if after_dot { None } else { construct(script, at) };
        construct.map(|construct| StateKept { construct, span: script.span(at) })
    })
}

fn construct(script: &Script<'_>, at: usize) -> Option<String> {
    let word = script.keyword(at);
    let before = |words: &[&str]| at.checked_sub(1).is_some_and(|before| script.is_any(before, words));
    match word {
        "GROUP" | "ORDER" if script.is(at + 1, "BY") => Some(format!("{word} BY")),
        "UNION" if script.is(at + 1, "ALL") => None,
        "UNION" => Some("UNION without ALL".to_owned()),
        "DISTINCT" if before(&["IS"]) || (before(&["NOT"]) && script.is(at + 1, "FROM")) => None,
        "CROSS" | "OUTER" if !script.is(at + 1, "JOIN") => Some(word.to_owned()),
        "ON" if script.is(at + 1, "CONFLICT") => Some("ON CONFLICT".to_owned()),
        _ if HARMLESS.holds(word) && !(is_aggregate(word) && script.symbol(at + 1, "(")) => None,
        _ => Some(word.to_owned()),
    }
}

/// Words of projections, conditions, scalar functions, types, and of the shapes that the walk over a query judges itself.
#[rustfmt::skip]
static HARMLESS: Words<130> = Words::new([
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
