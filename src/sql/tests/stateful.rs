//! Which queries keep state. In case of doubt, they do.

use super::stateful_construct;

#[test]
fn projections_filters_and_unnest_are_stateless() {
    for text in [
        "INSERT INTO a SELECT x, UPPER(y) AS z FROM b WHERE x IS DISTINCT FROM 1 AND y IN ('a', 'b')",
        "INSERT INTO a SELECT * FROM b",
        "INSERT INTO a SELECT x FROM b UNION ALL SELECT CAST(y AS ROW<k INT, v STRING>) FROM c",
        "INSERT INTO a SELECT t.x, u.item FROM b AS t CROSS JOIN UNNEST(t.items) AS u (item)",
        "INSERT INTO a SELECT x, w FROM b, LATERAL TABLE(split(x, ',')) AS s (w)",
        "INSERT INTO a SELECT name, w FROM b, LATERAL TABLE(split(name)) AS s (w)",
        "INSERT INTO a SELECT x, w FROM UNNEST(ARRAY[1, 2]) AS u (x)",
        "INSERT INTO a SELECT x, w FROM b, UNNEST(b.times) AS u (x), LATERAL TABLE(f(x, b.order_time))",
        "INSERT INTO a SELECT x, w FROM b LEFT JOIN LATERAL TABLE(split(x)) AS s (w) ON TRUE",
        "INSERT INTO a SELECT x, myfn(x), CASE WHEN y > 1 THEN 'p' ELSE 'q' END FROM b",
        "INSERT INTO a SELECT COALESCE(x, 'n'), JSON_VALUE(y, '$.a' RETURNING INT NULL ON EMPTY), arr[1] FROM b",
        "INSERT INTO a WITH w AS (SELECT x FROM b WHERE isgood(x)) SELECT x FROM w",
        "INSERT INTO a SELECT x FROM (SELECT * FROM b) AS i",
        "INSERT INTO a SELECT `group`, `order` FROM b",
        "INSERT INTO a SELECT TIMESTAMPADD(DAY, 1, ts), EXTRACT(YEAR FROM ts), CAST(z AS TIMESTAMP(3) WITH LOCAL TIME ZONE) FROM b",
        "CREATE TABLE a AS SELECT x FROM b",
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT x FROM b; INSERT INTO c SELECT y FROM b WHERE y > 0; END",
        "CREATE TABLE a (x INT, n AS COUNT(x))",
        "INSERT INTO a VALUES (1, 'x')",
    ] {
        assert_eq!(stateful_construct(text), None, "{text}");
    }
}

#[test]
fn an_alias_after_a_reserved_word_is_no_column() {
    // A function without a column among its arguments produces a table of its own, which is joined like any other.
    let first_construct = |item: &str| {
        let text = format!("INSERT INTO s SELECT k FROM t JOIN LATERAL TABLE(f((SELECT {item}))) ON TRUE");
        stateful_construct(&text).map(|(description, _)| description)
    };
    for operand in [
        "CURRENT_TIMESTAMP",
        "LOCALTIME",
        "USER",
        "NULL",
        "CURRENT_TIMESTAMP - INTERVAL '1' DAY",
        "INTERVAL '1' DAY TO SECOND",
        "INTERVAL '1' WEEK",
        "INTERVAL '1' SECOND(3)",
        "DATE '2024-01-01'",
        "CASE WHEN TRUE THEN 1 END",
        "1 IS NOT UNKNOWN",
        "CAST(1 AS INT)",
        "PI",
        "pi",
        "PI * 2",
    ] {
        for item in [format!("{operand} since"), operand.to_owned(), format!("1, {operand} since")] {
            assert_eq!(first_construct(&item).as_deref(), Some("a join with a function of constants"), "{item}");
        }
    }
    for column in ["`PI`", "t.PI", "x", "x since", "CURRENT_TIMESTAMP - x since", "x - INTERVAL '1' DAY since"] {
        assert_eq!(first_construct(column).as_deref(), Some("a subquery"), "{column}");
    }
}

#[test]
fn stateful_constructs_are_named_and_located() {
    for (text, construct, place) in [
        ("INSERT INTO a SELECT x, COUNT(*) FROM b GROUP BY x", "the aggregate COUNT", "COUNT"),
        ("INSERT INTO a SELECT x FROM b GROUP BY x", "GROUP BY", "GROUP"),
        ("INSERT INTO a SELECT DISTINCT x FROM b", "DISTINCT", "DISTINCT"),
        ("INSERT INTO a SELECT x FROM b HAVING x > 1", "HAVING", "HAVING"),
        ("INSERT INTO a SELECT b.x FROM b JOIN c ON b.k = c.k", "a regular join", "JOIN"),
        ("INSERT INTO a SELECT b.x FROM b, c", "a regular join", ","),
        ("INSERT INTO a SELECT b.x FROM b, (SELECT 1 FROM c) d", "a regular join", ","),
        ("INSERT INTO a SELECT x FROM b JOIN c FOR SYSTEM_TIME AS OF b.ts ON b.k = c.k", "a temporal join", "JOIN"),
        (
            "INSERT INTO a SELECT x FROM b JOIN c ON b.k = c.k AND b.t BETWEEN c.t AND c.t + INTERVAL '1' HOUR",
            "a join",
            "JOIN",
        ),
        ("INSERT INTO a SELECT x FROM b UNION SELECT x FROM c", "UNION without ALL", "UNION"),
        ("INSERT INTO a SELECT x FROM b INTERSECT SELECT x FROM c", "INTERSECT", "INTERSECT"),
        ("INSERT INTO a SELECT x FROM b ORDER BY x", "ORDER BY", "ORDER"),
        ("INSERT INTO a SELECT x FROM b LIMIT 3", "LIMIT", "LIMIT"),
        ("INSERT INTO a SELECT x FROM b WHERE x IN (SELECT y FROM c)", "a subquery", "SELECT"),
        ("INSERT INTO a SELECT x FROM b WHERE EXISTS (SELECT 1 FROM c)", "EXISTS", "EXISTS"),
        ("INSERT INTO a SELECT x, (SELECT y FROM c) FROM b", "a subquery", "SELECT"),
        (
            "INSERT INTO a SELECT x FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(t), INTERVAL '1' HOUR))",
            "the window TUMBLE",
            "TUMBLE",
        ),
        ("INSERT INTO a SELECT x FROM myptf(TABLE b PARTITION BY k)", "a table as an argument", "TABLE b"),
        ("INSERT INTO a SELECT x FROM b ON CONFLICT DO DEDUPLICATE", "ON CONFLICT", "ON"),
        ("CREATE TABLE a (PRIMARY KEY (x) NOT ENFORCED) AS SELECT x FROM b", "a created table with a primary key", "a"),
        (
            "INSERT INTO a SELECT x FROM b, LATERAL TABLE(ML_PREDICT('m', x))",
            "pending requests of ML_PREDICT",
            "ML_PREDICT",
        ),
    ] {
        assert_eq!(stateful_construct(text), Some((construct.to_owned(), place.to_owned())), "{text}");
    }
}

#[test]
fn nested_stateful_constructs_are_found() {
    for text in [
        "INSERT INTO a WITH w AS (SELECT x FROM b LIMIT 1) SELECT x FROM w",
        "INSERT INTO a SELECT x FROM (SELECT DISTINCT x FROM b) i",
        "INSERT INTO a SELECT x FROM b WHERE y = ANY (SELECT 1 FROM c)",
        "INSERT INTO a SELECT x, ROW_NUMBER() OVER (PARTITION BY y ORDER BY z) FROM b",
        "INSERT INTO a SELECT x FROM b MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS TRUE)",
        "INSERT INTO a SELECT x FROM b CROSS JOIN LATERAL (SELECT y FROM c WHERE c.x = b.x)",
        "INSERT INTO a SELECT x FROM (b JOIN c ON TRUE)",
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT x FROM b; INSERT INTO c SELECT MAX(y) FROM b; END",
        "CREATE VIEW v AS SELECT COUNT(*) FROM b",
        "INSERT INTO a SELECT x FROM b TABLESAMPLE BERNOULLI (3)",
        "INSERT INTO a SELECT x FROM b QUALIFY x = 1",
        "INSERT INTO a SELECT COUNT(DISTINCT x) FROM b",
        "INSERT INTO a SELECT LISTAGG(x) FROM b",
        "INSERT INTO a SELECT x FROM b FETCH FIRST 3 ROWS ONLY",
        "INSERT INTO a SELECT x FROM b NATURAL JOIN c",
        "INSERT INTO a SELECT x FROM b WHERE x IN (TABLE c)",
        "INSERT INTO a SELECT x FROM b, LATERAL TABLE(series(1, n => 5)) AS s (y)",
        "INSERT INTO a SELECT x FROM b CROSS JOIN UNNEST(ARRAY[1, 2]) AS u (y)",
        "INSERT INTO a SELECT x FROM b CROSS APPLY f(x)",
        "INSERT INTO a SELECT x, FROM b",
        "INSERT INTO a SELECT b.x * r.y FROM b, LATERAL TABLE(rates(b.order_time)) AS r WHERE r.k = b.k",
        "INSERT INTO a SELECT x FROM f(b)",
        "INSERT INTO a SELECT x FROM b, LATERAL TABLE(f(x, DESCRIPTOR(t)))",
        "INSERT INTO a SELECT `count`(x) FROM b",
        "INSERT INTO a SELECT x FROM b b1, b b2",
        "INSERT INTO a SELECT x FROM UNNEST(ARRAY[1, 2]) AS u (x), b",
        "INSERT INTO a SELECT x FROM b WHERE x > 1LIMIT 3",
        "INSERT INTO a SELECT x FROM b WHERE x > 1.GROUP BY x",
        "INSERT INTO a SELECT x FROM b WHERE x IN (VALUES 1, 2)",
        "INSERT INTO a SELECT x FROM b WHERE (x) IN (VALUES ROW(1), ROW(2))",
        "INSERT INTO a SELECT x, (VALUES 'one') FROM b",
        "INSERT INTO a SELECT x FROM b CROSS JOIN UNNEST(ARRAY[{d '2024-02-29'}]) AS u (y)",
    ] {
        assert!(stateful_construct(text).is_some(), "{text}");
    }
}

#[test]
fn a_function_that_is_not_built_in_counts_as_a_function_of_single_rows() {
    for text in [
        "INSERT INTO a SELECT mystery(x) FROM b",
        "INSERT INTO a SELECT mystery(x), CURRENT_TIMESTAMP ts FROM b",
        "INSERT INTO a SELECT 1, mystery(x + y), CURRENT_DATE FROM b",
        "INSERT INTO a SELECT CAST(mystery(x) AS ROW<y INT>) FROM b",
        "INSERT INTO a SELECT INTERVAL '1' DAYS, cat.db.mystery(x) FROM b",
        "INSERT INTO a SELECT (mystery(x)).y AS y, (mystery(x)).z.w FROM b",
        "INSERT INTO a SELECT y, mystery(x) FROM b",
        "INSERT INTO a SELECT *, mystery(x) FROM b",
        "INSERT INTO a SELECT x FROM b WHERE mystery(x)",
        "INSERT INTO a SELECT x, w FROM b, LATERAL TABLE(mystery(x)) AS s (w)",
    ] {
        assert_eq!(stateful_construct(text), None, "{text}");
    }
}

#[test]
fn unrecognized_sql_counts_as_keeping_state() {
    for text in [
        "INSERT INTO a SELECT x FROM",
        "INSERT INTO a",
        "INSERT INTO a SELECT 'x FROM b",
        "FROM b INSERT a",
        "",
        "UPSERT INTO a SELECT x FROM b",
    ] {
        assert!(stateful_construct(text).is_some(), "{text}");
    }
}
