//! The objects that a text names.

use super::{object_descriptions, tables_read};
use crate::sql::analyze;

#[test]
fn a_qualified_name_is_one_mention() {
    assert_eq!(
        object_descriptions("INSERT INTO `my env` . db . sink SELECT f.x FROM `odd``name` AS f"),
        ["writes table my env/db/sink", "reads table odd`name"]
    );
}

#[test]
fn from_lists_continue_after_joins() {
    let text = "SELECT 1 FROM a x, b AS y(p, q) JOIN c ON y.p = c.p AND c.q IN (1, 2), d, (SELECT 1 FROM e, f) g, h WHERE a, b";
    assert_eq!(tables_read(text), ["a", "b", "c", "d", "e", "f", "h"]);
}

#[test]
fn tables_in_parenthesized_joins_and_unions_are_found() {
    assert_eq!(
        tables_read("SELECT 1 FROM ((a JOIN b ON TRUE) LEFT JOIN (c CROSS JOIN d) ON TRUE)"),
        ["a", "b", "c", "d"]
    );
    assert_eq!(tables_read("SELECT 1 FROM ((SELECT 1 FROM a) UNION ALL (SELECT 1 FROM b)) AS u, c"), ["a", "b", "c"]);
    assert_eq!(tables_read("(SELECT 1 FROM a) UNION ALL SELECT 1 FROM b UNION (TABLE c)"), ["a", "b", "c"]);
}

#[test]
fn from_inside_an_expression_reads_no_table() {
    let text = "SELECT EXTRACT(YEAR FROM ts), TRIM(BOTH 'x' FROM n), SUBSTRING(n FROM 2), OVERLAY(n PLACING 'a' FROM 1), \
                a IS DISTINCT FROM b, a IS NOT DISTINCT FROM c FROM t WHERE x IS DISTINCT FROM y";
    assert_eq!(tables_read(text), ["t"]);
}

#[test]
fn tables_in_subqueries_are_found() {
    let text = "SELECT (SELECT MAX(x) FROM a), ARRAY[(SELECT 1 FROM b)] FROM c WHERE k IN (SELECT k FROM d) AND EXISTS (SELECT 1 FROM e)";
    assert_eq!(tables_read(text), ["a", "b", "c", "d", "e"]);
}

#[test]
fn a_common_table_expression_shadows_tables_after_its_definition() {
    assert_eq!(
        tables_read("WITH a AS (SELECT 1 FROM a), b AS (SELECT 1 FROM a) SELECT 1 FROM b, a, `a`, x.a"),
        ["a", "x/a"]
    );
    assert_eq!(tables_read("WITH RECURSIVE a AS (SELECT 1 FROM s UNION ALL SELECT 1 FROM a) SELECT 1 FROM a"), ["s"]);
    assert_eq!(tables_read("SELECT 1 FROM (WITH a AS (SELECT 1 FROM b) SELECT 1 FROM a) x, a"), ["b", "a"]);
    assert_eq!(
        tables_read("WITH a (x, y) AS (SELECT 1 FROM t) SELECT 1 FROM A"),
        ["t", "A"],
        "names are case-sensitive"
    );
    let set = "EXECUTE STATEMENT SET BEGIN INSERT INTO k WITH a AS (SELECT 1 FROM t) SELECT 1 FROM a; INSERT INTO l SELECT 1 FROM a; END";
    assert_eq!(tables_read(set), ["t", "a"], "the names of one insert shadow nothing in the next");
}

#[test]
fn table_functions_are_found_with_and_without_the_table_keyword() {
    let text = "SELECT 1 FROM TABLE(TUMBLE(TABLE a.b, DESCRIPTOR(ts), INTERVAL '1' MINUTE)), \
                HOP(DATA => TABLE c, TIMECOL => DESCRIPTOR(ts)) h, LATERAL TABLE(f(h.x)) AS t(y), UNNEST(h.items) AS u(z), \
                LATERAL g(1), d";
    assert_eq!(tables_read(text), ["a/b", "c", "d"]);
    let called: Vec<_> = object_descriptions(text).into_iter().filter(|object| object.starts_with("calls")).collect();
    for function in ["f", "g", "TUMBLE", "HOP", "DESCRIPTOR"] {
        assert!(called.contains(&format!("calls function {function}")), "{function} in {called:?}");
    }
    assert_eq!(called.len(), 6, "{called:?}");
}

#[test]
fn aliases_with_column_lists_are_not_functions() {
    let text = "SELECT CAST(a AS DECIMAL(10, 2)), x AS y, INTERVAL '1' SECOND(3), CAST(b AS ROW<f INT>) FROM t AS u (p, q), v w (r)";
    assert_eq!(object_descriptions(text), ["reads table t", "reads table v"]);
    let text = "SELECT JSON_VALUE(j, '$' RETURNING CHAR(3)), x = SOME (1, 2) FROM t TABLESAMPLE BERNOULLI (3)";
    assert_eq!(object_descriptions(text), ["reads table t"]);
}

#[test]
fn tables_in_temporal_joins_and_match_recognize_are_found() {
    let text = "SELECT * FROM o JOIN r FOR SYSTEM_TIME AS OF o.ts AS x (a, b) ON x.k = o.k";
    assert_eq!(object_descriptions(text), ["reads table o", "reads table r"]);
    let text = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES LAST(UP.p) AS p, myfn(FIRST(UP.p)) AS q \
                PATTERN (A UP+ (B | C){2,3}) DEFINE UP AS UP.p > PREV(UP.p)) AS m, s";
    assert_eq!(object_descriptions(text), ["reads table t", "calls function myfn", "reads table s"]);
}

#[test]
fn models_agents_tools_and_connections_are_found() {
    assert_eq!(
        object_descriptions("SELECT r FROM t, LATERAL TABLE(ML_PREDICT('cat.db.`my-model`', x)), LATERAL TABLE(AI_RUN_AGENT('helper', x))")
            .into_iter()
            .filter(|object| !object.contains("function"))
            .collect::<Vec<_>>(),
        ["reads table t", "calls model cat/db/my-model", "calls agent helper"]
    );
    assert_eq!(
        object_descriptions("SELECT * FROM ML_PREDICT(TABLE t, MODEL c.m, DESCRIPTOR(x))"),
        ["calls function ML_PREDICT", "reads table t", "calls model c/m", "calls function DESCRIPTOR"]
    );
    assert_eq!(
        object_descriptions(
            "CREATE MODEL m INPUT (a STRING) OUTPUT (b STRING) WITH ('openai.connection' = 'conn-1', 'task' = 'x.connection')"
        ),
        ["creates model m", "calls connection conn-1"]
    );
    assert_eq!(
        object_descriptions(
            "CREATE AGENT a USING MODEL m USING PROMPT 'USING MODEL z' USING TOOLS t, `u` COMMENT 'c' WITH ('k' = 'v')"
        ),
        ["creates agent a", "calls model m", "calls tool t", "calls tool u"]
    );
    assert_eq!(
        object_descriptions("CREATE TOOL t USING CONNECTION `c-1` WITH ('type' = 'mcp')"),
        ["creates tool t", "calls connection c-1"]
    );
    assert_eq!(object_descriptions("SHOW CREATE TOOL t"), ["calls tool t"]);
    assert_eq!(object_descriptions("DESCRIBE AGENT EXTENDED a"), ["calls agent a"]);
    assert_eq!(object_descriptions("DESCRIBE a"), [""; 0]);
    assert_eq!(object_descriptions("ALTER AGENT a SET MODEL m"), ["alters agent a", "calls model m"]);
    assert_eq!(
        object_descriptions("CREATE FUNCTION f AS 'x.Y' USING JAR 'confluent-artifact://a' USING CONNECTIONS (c, d)"),
        ["creates function f", "calls connection c", "calls connection d"]
    );
}

#[test]
fn a_version_is_no_part_of_the_name_of_a_model() {
    for (text, expected) in [
        ("SELECT 1 FROM d, LATERAL TABLE(ML_PREDICT('sentiment$2', d.body)) AS p(label)", "calls model sentiment"),
        ("SELECT ML_EVALUATE('c.d.`m-1$12`', a, b) FROM l", "calls model c/d/m-1"),
        ("SELECT ML_EVALUATE_ALL('sentiment', label, body) FROM l", "calls model sentiment"),
        ("SELECT ML_EVALUATE_ALL('sentiment$all', label, body) FROM l", "calls model sentiment"),
        ("SELECT * FROM ML_PREDICT(TABLE t, MODEL c.`m$3`, DESCRIPTOR(x))", "calls model c/m"),
        ("SELECT AI_COMPLETE(model => 'm$1', prompt => x) FROM t", "calls model m"),
        ("CREATE AGENT a USING MODEL `m$2` USING PROMPT 'p'", "calls model m"),
        ("ALTER MODEL `m$2` SET ('a' = 'b')", "alters model m"),
        ("DROP MODEL `m$2`", "alters model m"),
        ("DROP MODEL m$all", "drops model m"),
        ("SELECT ML_PREDICT('a$b', x) FROM t", "calls model a$b"),
        ("SELECT ML_PREDICT('$2', x) FROM t", "calls model $2"),
    ] {
        let found = object_descriptions(text);
        assert!(found.iter().any(|object| object == expected), "{text}: {found:?}");
    }
}

#[test]
fn maps_name_the_functions_and_tools_that_a_model_may_call() {
    let named = |call: &str| {
        let text = format!("INSERT INTO o SELECT id, response FROM q, LATERAL TABLE({call})");
        let found = object_descriptions(&text).into_iter();
        found.filter(|object| object.starts_with("calls") && !object.contains("AI_TOOL_INVOKE")).collect::<Vec<_>>()
    };
    assert_eq!(
        named(
            "AI_TOOL_INVOKE('llm', prompt, MAP['my_udf', 'adds, numbers', 'c.d.f', 'x'], MAP['search', 'y'], MAP['debug', 'true'])"
        ),
        ["calls model llm", "calls function my_udf", "calls function c/d/f", "calls tool search"]
    );
    assert_eq!(
        named(
            "AI_TOOL_INVOKE('llm$2', prompt, mcp_tool_descriptor => MAP['t', 'x'], remote_udf_descriptor => MAP['u', 'x'])"
        ),
        ["calls model llm", "calls tool t", "calls function u"]
    );
    assert_eq!(named("AI_TOOL_INVOKE('llm', MAP['a', 'b'], MAP[], MAP[], MAP['c', 'd'])"), ["calls model llm"]);
}

#[test]
fn an_agent_can_be_named_without_a_literal() {
    for call in ["AI_RUN_AGENT(`a1`, p.x, CAST(id AS STRING))", "AI_RUN_AGENT(a1, p.x)", "AI_RUN_AGENT('a1', p.x)"] {
        let found = object_descriptions(&format!("SELECT * FROM p, LATERAL TABLE({call})"));
        assert!(found.contains(&"calls agent a1".to_owned()), "{call}: {found:?}");
    }
    let found = object_descriptions("SELECT * FROM p, LATERAL TABLE(AI_RUN_AGENT(a || 'x', p.x))");
    assert!(!found.iter().any(|object| object.starts_with("calls agent")), "{found:?}");
}

#[test]
fn the_first_argument_of_a_search_function_is_a_table() {
    let text = "INSERT INTO o SELECT * FROM q, LATERAL TABLE(VECTOR_SEARCH_AGG(`ext`.docs, DESCRIPTOR(v), q.vec, 3))";
    assert_eq!(tables_read(text), ["q", "ext/docs"]);
}

#[test]
fn definitions_name_what_they_create_and_read() {
    assert_eq!(object_descriptions("CREATE TABLE a LIKE b (INCLUDING ALL)"), ["creates table a", "reads table b"]);
    assert_eq!(
        object_descriptions(
            "CREATE TABLE a (x INT, y AS myfn(x), z AS UPPER(w), WATERMARK FOR t AS t - INTERVAL '5' SECOND) DISTRIBUTED BY HASH(x) INTO 3 BUCKETS"
        ),
        ["creates table a"]
    );
    assert_eq!(
        object_descriptions("CREATE VIEW v (a, b) COMMENT 'AS SELECT' AS SELECT 1, 2 FROM t"),
        ["creates table v", "reads table t"]
    );
    assert_eq!(object_descriptions("CREATE TABLE a AS SELECT * FROM b"), ["creates table a", "reads table b"]);
    assert_eq!(object_descriptions("DROP TABLE IF EXISTS a.b.c"), ["drops table a/b/c"]);
    assert_eq!(object_descriptions("EXPLAIN TABLE a"), ["reads table a"]);
    assert_eq!(object_descriptions("EXPLAIN PLAN FOR CREATE TABLE a AS TABLE b"), ["creates table a", "reads table b"]);
    assert_eq!(object_descriptions("ALTER TABLE t RENAME TO u"), ["alters table t"]);
    assert_eq!(
        object_descriptions("CREATE MODEL m WITH ('k' = 'v') AS SELECT a FROM t"),
        ["creates model m", "reads table t"]
    );
}

#[test]
fn statement_sets_write_each_sink() {
    assert_eq!(
        object_descriptions(
            "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1 FROM s; INSERT INTO b (x) SELECT 1 FROM s, r; END;"
        ),
        ["writes table a", "reads table s", "writes table b", "reads table s", "reads table r"]
    );
}

#[test]
fn inserts_can_have_columns_partitions_and_hints() {
    let text =
        "INSERT INTO a /*+ OPTIONS('k'='v') */ PARTITION (p = 1) (x, y) SELECT 1 FROM b /*+ OPTIONS('k'='v') */ c";
    assert_eq!(object_descriptions(text), ["writes table a", "reads table b"]);
}

#[test]
fn literals_and_comments_name_no_objects() {
    assert_eq!(
        object_descriptions("SELECT 'FROM a' -- FROM b\n FROM c /* JOIN d */ WHERE x = 'JOIN e' // , f"),
        ["reads table c"]
    );
}

#[test]
fn placeholders_can_be_part_of_names() {
    assert_eq!(tables_read("SELECT x FROM pre_${secret.t}, `${secret.u}`"), ["pre_${secret.t}", "${secret.u}"]);
}

#[test]
fn functions_in_computed_columns_are_listed_separately() {
    let text =
        "CREATE TABLE a (x INT, y AS myfn(x), z AS UPPER(c.`d`.g(w)), WATERMARK FOR t AS h(t) - INTERVAL '5' SECOND)";
    let functions = analyze(text).column_functions;
    let names: Vec<_> = functions.iter().map(|function| function.name.join("/")).collect();
    assert_eq!(names, ["myfn", "c/d/g", "h"]);
    assert_eq!(&text[functions[1].span.clone()], "c.`d`.g");
}

#[test]
fn a_match_recognize_condition_can_start_with_a_call() {
    let text =
        "SELECT * FROM t MATCH_RECOGNIZE (MEASURES g(A.x) AS h PATTERN (A B) DEFINE A AS f(A.x), B AS q.`r`(B.x) > 1)";
    assert_eq!(
        object_descriptions(text),
        ["reads table t", "calls function g", "calls function f", "calls function q/r"]
    );
}

#[test]
fn multiset_operators_do_not_end_a_select() {
    assert_eq!(
        tables_read("SELECT x MULTISET UNION ALL y, z MULTISET EXCEPT w FROM t UNION ALL SELECT q FROM u"),
        ["t", "u"]
    );
}

#[test]
fn function_like_syntax_is_a_function_if_quoted_or_used_as_a_table() {
    let calls = |text: &str| {
        let calls = object_descriptions(text).into_iter().filter(|object| object.starts_with("calls"));
        calls.map(|call| call.replace("calls function ", "")).collect::<Vec<_>>()
    };
    assert!(calls("SELECT FIRST(x), LAST(y), ARRAY_AGG(z), CEILING(w) FROM t").is_empty());
    assert!(calls("SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x) FROM t GROUP BY HOP(y, z, w)").is_empty());
    assert_eq!(calls("SELECT `first`(x), `Array_Agg`(y) FROM t"), ["first", "Array_Agg"]);
    assert_eq!(calls("SELECT * FROM TABLE(TUMBLE((SELECT * FROM t), DESCRIPTOR(x), y))"), ["TUMBLE", "DESCRIPTOR"]);
    assert_eq!(calls("SELECT * FROM HOP(data => (SELECT * FROM t))"), ["HOP"]);
    assert_eq!(calls("SELECT TIMESTAMP(x), CAST(y AS TIMESTAMP(3)), TIME(z) FROM t"), ["TIMESTAMP", "TIME"]);
    assert!(calls("SELECT JSON_QUERY(x, '$' RETURNING ARRAY<TIMESTAMP(3)>) FROM t EXTEND (y TIMESTAMP(3))").is_empty());
}
