//! The built-in functions of Flink and Confluent Cloud, as far as an analysis has to tell them apart.

use super::word_set::WordSet;

/// Returns whether `name`, in any case, is an aggregate function, or a window function that is only valid in an
/// aggregation. Such a function keeps state wherever it appears.
pub(super) fn is_aggregate_function(name: &str) -> bool {
    AGGREGATE_FUNCTIONS.contains(name)
}

/// Returns whether `name`, in any case, is a built-in function of single rows.
pub(super) fn is_built_in_scalar_function(name: &str) -> bool {
    SCALAR_FUNCTIONS.contains(name)
}

/// Returns whether `name`, in any case, is a built-in function.
pub(super) fn is_built_in_function(name: &str) -> bool {
    is_built_in_scalar_function(name)
        || is_aggregate_function(name)
        || is_window_function(name)
        || calls_external_service(name)
}

/// Returns whether `name`, in any case, is a function that is called without brackets. Flink resolves such a name to the
/// function even if a table has a column of that name.
pub(super) fn is_niladic_function(name: &str) -> bool {
    NILADIC_FUNCTIONS.contains(name)
}

/// Returns whether `name`, in any case, is a window function: `TUMBLE(…)` in `FROM` or `GROUP BY`, or one of its
/// auxiliary functions.
pub(super) fn is_window_function(name: &str) -> bool {
    WINDOW_FUNCTIONS.contains(name)
}

/// Returns whether `name`, in any case, calls a model, an agent, a tool or an external table. Flink sends these
/// requests asynchronously and keeps pending requests in its state, so a job that calls such a function is not
/// stateless.
pub(super) fn calls_external_service(name: &str) -> bool {
    let has_prefix = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    has_prefix("ML_") || has_prefix("AI_") || is_search_function(name)
}

/// Returns whether `name`, in any case, searches an external table, which is its first argument.
pub(super) fn is_search_function(name: &str) -> bool {
    SEARCH_FUNCTIONS.contains(name)
}

/// Returns whether a reserved word followed by `(` is a function call that Flink's parser resolves in the catalog.
pub(super) fn is_reserved_function(name: &str) -> bool {
    RESERVED_FUNCTIONS.contains(name)
}

/// Returns whether an unreserved word followed by `(` is special syntax instead of a function of the catalog. A
/// quoted word, and one in place of a table, is always a function.
pub(super) fn is_function_like_syntax(name: &str) -> bool {
    FUNCTION_LIKE_SYNTAX.contains(name)
}

/// Built-in functions that aggregate rows.
#[rustfmt::skip]
static AGGREGATE_FUNCTIONS: WordSet<83> = WordSet::new([
    "ANY_VALUE", "APPROX_COUNT_DISTINCT", "APPROX_PERCENTILE", "ARG_MAX", "ARG_MIN", "ARRAY_AGG", "ARRAY_CONCAT_AGG",
    "AVG", "BITMAP_AND_AGG", "BITMAP_AND_CARDINALITY_AGG", "BITMAP_BUILD_AGG", "BITMAP_BUILD_CARDINALITY_AGG",
    "BITMAP_OR_AGG", "BITMAP_OR_CARDINALITY_AGG", "BITMAP_XOR_AGG", "BITMAP_XOR_CARDINALITY_AGG", "BIT_AND", "BIT_OR",
    "BIT_XOR", "BOOL_AND", "BOOL_OR", "COLLECT", "COLLECT_LIST", "COLLECT_SET", "CORR", "COUNT", "COUNTIF", "COVAR_POP",
    "COVAR_SAMP", "CUME_DIST", "DENSE_RANK", "EVERY", "FIRST_VALUE", "FUSION", "GROUPING", "GROUPING_ID",
    "GROUP_CONCAT", "GROUP_ID", "HISTOGRAM", "INTERSECTION", "JSON_ARRAYAGG", "JSON_OBJECTAGG", "LAG", "LAST_VALUE",
    "LEAD", "LISTAGG", "LOGICAL_AND", "LOGICAL_OR", "MAX", "MAX_BY", "MEDIAN", "MIN", "MIN_BY", "MODE", "MULTISET_AGG",
    "NTH_VALUE", "NTILE", "PERCENTILE", "PERCENTILE_APPROX", "PERCENTILE_CONT", "PERCENTILE_DISC", "PERCENT_RANK",
    "RANK", "REGR_AVGX", "REGR_AVGY", "REGR_COUNT", "REGR_INTERCEPT", "REGR_R2", "REGR_SLOPE", "REGR_SXX", "REGR_SXY",
    "REGR_SYY", "ROW_NUMBER", "SINGLE_VALUE", "STDDEV", "STDDEV_POP", "STDDEV_SAMP", "STRING_AGG", "SUM", "SUM0",
    "VARIANCE", "VAR_POP", "VAR_SAMP",
]);

/// Built-in functions of single rows.
#[rustfmt::skip]
static SCALAR_FUNCTIONS: WordSet<180> = WordSet::new([
    "ABS", "ACOS", "ARRAY", "ARRAY_APPEND", "ARRAY_CONCAT", "ARRAY_CONTAINS", "ARRAY_DISTINCT", "ARRAY_EXCEPT",
    "ARRAY_INTERSECT", "ARRAY_JOIN", "ARRAY_MAX", "ARRAY_MIN", "ARRAY_POSITION", "ARRAY_PREPEND", "ARRAY_REMOVE",
    "ARRAY_REVERSE", "ARRAY_SLICE", "ARRAY_SORT", "ARRAY_UNION", "ASCII", "ASIN", "ATAN", "ATAN2", "BIN",
    "BITMAP_BUILD", "BITMAP_CARDINALITY", "BTRIM", "CARDINALITY", "CAST", "CEIL", "CEILING", "CHARACTER_LENGTH",
    "CHAR_LENGTH", "CHR", "COALESCE", "CONCAT", "CONCAT_WS", "CONVERT_TZ", "COS", "COSH", "COT", "CURRENT_DATABASE",
    "CURRENT_DATE", "CURRENT_ROW_TIMESTAMP", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_WATERMARK", "DATE_FORMAT",
    "DAYOFMONTH", "DAYOFWEEK", "DAYOFYEAR", "DECODE", "DEGREES", "DESCRIPTOR", "E", "ELEMENT", "ELT", "ENCODE",
    "ENDSWITH", "EXP", "EXTRACT", "FLOOR", "FROM_BASE64", "FROM_UNIXTIME", "GREATEST", "HEX", "HOUR", "IF", "IFNULL",
    "INITCAP", "INSTR", "IS_ALPHA", "IS_DECIMAL", "IS_DIGIT", "IS_JSON", "JSON", "JSON_ARRAY", "JSON_EXISTS",
    "JSON_OBJECT", "JSON_QUERY", "JSON_QUOTE", "JSON_STRING", "JSON_UNQUOTE", "JSON_VALUE", "LEAST", "LEFT", "LENGTH",
    "LN", "LOCALTIME", "LOCALTIMESTAMP", "LOCATE", "LOG", "LOG10", "LOG2", "LOWER", "LPAD", "LTRIM", "MAP",
    "MAP_ENTRIES", "MAP_FROM_ARRAYS", "MAP_KEYS", "MAP_UNION", "MAP_VALUES", "MD5", "MINUTE", "MOD", "MONTH",
    "MULTISET", "NOW", "NULLIF", "OCTET_LENGTH", "OVERLAY", "PARSE_JSON", "PARSE_URL", "PI", "POSITION", "POWER",
    "PRINTF", "PROCTIME", "QUARTER", "RADIANS", "RAND", "RAND_INTEGER", "REGEXP", "REGEXP_COUNT", "REGEXP_EXTRACT",
    "REGEXP_EXTRACT_ALL", "REGEXP_INSTR", "REGEXP_REPLACE", "REGEXP_SUBSTR", "REPEAT", "REPLACE", "REVERSE", "RIGHT",
    "ROUND", "ROW", "RPAD", "RTRIM", "SECOND", "SHA1", "SHA2", "SHA224", "SHA256", "SHA384", "SHA512", "SIGN", "SIN",
    "SINH", "SOURCE_WATERMARK", "SPLIT", "SPLIT_INDEX", "SQRT", "STARTSWITH", "STR_TO_MAP", "SUBSTR", "SUBSTRING",
    "TAN", "TANH", "TIMESTAMPADD", "TIMESTAMPDIFF", "TO_BASE64", "TO_DATE", "TO_TIMESTAMP", "TO_TIMESTAMP_LTZ",
    "TRANSLATE", "TRIM", "TRUNCATE", "TRY_CAST", "TRY_PARSE_JSON", "TYPEOF", "UNHEX", "UNIX_TIMESTAMP", "UNNEST",
    "UPPER", "URL_DECODE", "URL_ENCODE", "USER", "UUID", "WEEK", "YEAR",
]);

/// Functions that are called without brackets. All but `PI` are reserved words.
#[rustfmt::skip]
static NILADIC_FUNCTIONS: WordSet<15> = WordSet::new([
    "CURRENT_CATALOG", "CURRENT_DATE", "CURRENT_DEFAULT_TRANSFORM_GROUP", "CURRENT_PATH", "CURRENT_ROLE",
    "CURRENT_SCHEMA", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER", "LOCALTIME", "LOCALTIMESTAMP", "PI",
    "SESSION_USER", "SYSTEM_USER", "USER",
]);

/// Window functions and their auxiliary functions.
#[rustfmt::skip]
static WINDOW_FUNCTIONS: WordSet<18> = WordSet::new([
    "CUMULATE", "CUMULATE_END", "CUMULATE_START", "HOP", "HOP_END", "HOP_PROCTIME", "HOP_ROWTIME", "HOP_START",
    "SESSION", "SESSION_END", "SESSION_PROCTIME", "SESSION_ROWTIME", "SESSION_START", "TUMBLE", "TUMBLE_END",
    "TUMBLE_PROCTIME", "TUMBLE_ROWTIME", "TUMBLE_START",
]);

/// Functions that search an external table.
#[rustfmt::skip]
static SEARCH_FUNCTIONS: WordSet<6> = WordSet::new([
    "KEY_SEARCH", "KEY_SEARCH_AGG", "TEXT_SEARCH", "TEXT_SEARCH_AGG", "VECTOR_SEARCH", "VECTOR_SEARCH_AGG",
]);

/// Reserved words that can be function calls.
#[rustfmt::skip]
static RESERVED_FUNCTIONS: WordSet<65> = WordSet::new([
    "ABS", "AVG", "CARDINALITY", "CHAR", "CHARACTER_LENGTH", "CHAR_LENGTH", "COALESCE", "COLLECT", "COUNT", "COVAR_POP",
    "COVAR_SAMP", "CUME_DIST", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "DATE", "DATETIME", "DENSE_RANK",
    "ELEMENT", "EVERY", "EXP", "FIRST_VALUE", "FUSION", "GROUPING", "HOUR", "INTERSECTION", "LAG", "LAST_VALUE", "LEAD",
    "LEFT", "LN", "LOCALTIME", "LOCALTIMESTAMP", "LOWER", "MAX", "MIN", "MINUTE", "MOD", "MONTH", "NTH_VALUE", "NTILE",
    "NULLIF", "OCTET_LENGTH", "PERCENT_RANK", "POWER", "RANK", "REGR_COUNT", "REGR_SXX", "REGR_SYY", "RIGHT",
    "ROW_NUMBER", "SECOND", "SOME", "SQRT", "STDDEV_POP", "STDDEV_SAMP", "SUM", "TIME", "TIMESTAMP", "TRUNCATE",
    "UPPER", "USER", "VAR_POP", "VAR_SAMP", "YEAR",
]);

/// Unreserved words with call syntax of their own.
#[rustfmt::skip]
static FUNCTION_LIKE_SYNTAX: WordSet<7> = WordSet::new([
    "ARRAY_AGG", "FINAL", "FIRST", "LAST", "MAP", "TIMESTAMPADD", "TIMESTAMPDIFF",
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalar_functions_are_disjoint_from_the_other_lists() {
        assert!(
            !SCALAR_FUNCTIONS
                .iter()
                .any(|name| is_aggregate_function(name) || is_window_function(name) || calls_external_service(name))
        );
    }

    #[test]
    fn functions_are_recognized_in_any_case() {
        assert!(
            is_aggregate_function("Count")
                && is_built_in_scalar_function("upper")
                && is_window_function("Tumble")
                && calls_external_service("ml_predict")
        );
        assert!(!is_built_in_function("my_function") && !calls_external_service("ml") && !calls_external_service("é"));
    }
}
