//! Places where a name must be: what is not a name there is an error at its place, with the quoted form as help.

use crate::sql::{SqlError, analyze, keywords::RESERVED_WORDS, operands::is_complete_operand};

/// Returns the errors of a text, as the text at the place, the message and the help.
fn errors(text: &str) -> Vec<(String, String, String)> {
    let found = |error: SqlError| (text[error.span].to_owned(), error.message, error.help.unwrap_or_default());
    analyze(text).errors.into_iter().map(found).collect()
}

/// Asserts that a text has one error at `place` whose help, or message, contains `help`.
fn assert_error(text: &str, place: &str, help: &str) {
    let found = errors(text);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    assert_eq!(found[0].0, place, "{text}: {found:?}");
    assert!(found[0].1.contains(help) || found[0].2.contains(help), "{text}: {found:?}");
}

/// Statements in which `@` is a place for a name.
const PLACES: [&str; 36] = [
    "INSERT INTO @ SELECT x FROM t",
    "INSERT INTO c.@ (x) SELECT x FROM t",
    "INSERT INTO s (a, @) SELECT x, y FROM t",
    "INSERT INTO s SELECT x FROM @",
    "INSERT INTO s SELECT x FROM @ WHERE x > 1",
    "INSERT INTO s SELECT x FROM t, @",
    "INSERT INTO s SELECT x FROM t JOIN @ ON TRUE",
    "INSERT INTO s SELECT x FROM t LEFT JOIN @ FOR SYSTEM_TIME AS OF t.p ON TRUE",
    "INSERT INTO s SELECT x FROM (SELECT x FROM @)",
    "INSERT INTO s SELECT x FROM t AS @",
    "INSERT INTO s SELECT x FROM t AS u (a, @)",
    "INSERT INTO s SELECT x AS @ FROM t",
    "INSERT INTO s SELECT x AS @, y FROM t",
    "INSERT INTO s SELECT CAST(x AS INT) AS @ FROM t",
    "INSERT INTO s SELECT t.@ FROM t",
    "INSERT INTO s SELECT f(y, t.@) FROM t",
    "INSERT INTO s WITH @ AS (SELECT 1) SELECT x FROM t",
    "INSERT INTO s WITH a AS (SELECT 1), @ AS (SELECT 1) SELECT x FROM t",
    "INSERT INTO s WITH a (x, @) AS (SELECT 1, 2) SELECT x FROM t",
    "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO @ SELECT x FROM t; END",
    "CREATE TABLE @ (x INT)",
    "CREATE TABLE IF NOT EXISTS @ (x INT)",
    "CREATE TABLE t (x INT, @ INT)",
    "CREATE TABLE t (@ INT, x INT)",
    "CREATE TABLE t (x INT, PRIMARY KEY (x, @) NOT ENFORCED)",
    "CREATE TABLE t LIKE @",
    "CREATE TABLE @ AS SELECT x FROM t",
    "CREATE VIEW @ AS SELECT x FROM t",
    "CREATE VIEW v (x, @) AS SELECT x, y FROM t",
    "CREATE FUNCTION @ AS 'a.B'",
    "CREATE MODEL @ INPUT (x STRING)",
    "CREATE AGENT a USING MODEL @ USING PROMPT 'p'",
    "ALTER TABLE @ SET ('a' = 'b')",
    "ALTER TABLE t RENAME TO @",
    "DROP TABLE @",
    "DROP VIEW IF EXISTS @",
];

#[test]
fn a_reserved_word_is_an_error_in_every_place_for_a_name() {
    let mut accepted = Vec::new();
    // After a dot, a reserved word is a name. `END-EXEC` cannot be lexed as a word.
    for place in PLACES.iter().filter(|place| !place.contains(".@")) {
        for word in RESERVED_WORDS.iter().filter(|word| *word != "END-EXEC") {
            for written in [word.to_owned(), word.to_ascii_lowercase()] {
                let text = place.replace('@', &written);
                let found = errors(&text);
                let quoted = format!("`{written}`");
                let is_reported = |(at, message, help): &(String, String, String)| {
                    *at == written && message.contains(&quoted) && help.contains(&quoted)
                };
                if !found.iter().any(is_reported) {
                    accepted.push(format!("{text}: {found:?}"));
                }
            }
        }
    }
    assert!(
        accepted.is_empty(),
        "{} of them, such as\n{}",
        accepted.len(),
        accepted[..accepted.len().min(40)].join("\n")
    );
}

#[test]
fn a_reserved_word_in_quotes_or_after_a_dot_is_a_name_in_every_place() {
    for place in PLACES {
        for word in RESERVED_WORDS.iter() {
            let text = place.replace('@', &format!("`{word}`"));
            assert_eq!(errors(&text), [], "{text}");
            if place.contains(".@") && word != "END-EXEC" {
                let text = place.replace('@', word);
                assert_eq!(errors(&text), [], "{text}");
            }
        }
    }
}

#[test]
fn an_unreserved_keyword_is_a_name_in_every_place() {
    for place in PLACES {
        for word in
            ["name", "type", "model", "data", "state", "key", "version", "source", "agent", "year_", "PI", "week"]
        {
            let text = place.replace('@', word);
            assert_eq!(errors(&text), [], "{text}");
        }
    }
}

#[test]
fn a_reserved_word_as_a_bare_column_is_an_error() {
    for place in [
        "SELECT @ FROM t",
        "SELECT x, @ FROM t",
        "SELECT @, x FROM t",
        "SELECT x FROM t WHERE @ = 1",
        "SELECT x FROM t WHERE y = @",
    ] {
        for word in RESERVED_WORDS.iter().filter(|word| !is_complete_operand(word) && *word != "END-EXEC") {
            let text = format!("INSERT INTO s {}", place.replace('@', word));
            assert!(!errors(&text).is_empty(), "{text}");
        }
    }
    for word in ["value", "time", "date", "timestamp", "result", "order", "method", "language", "count", "position"] {
        for text in [
            format!("INSERT INTO s SELECT id, {word}, x FROM t"),
            format!("INSERT INTO s SELECT f({word}) FROM t"),
            format!("INSERT INTO s SELECT x + {word} FROM t"),
            format!("INSERT INTO s SELECT x {word} FROM t"),
            format!("INSERT INTO s SELECT x FROM t WHERE {word} > 1"),
            format!("INSERT INTO s SELECT x FROM t GROUP BY {word}"),
            format!("INSERT INTO s SELECT x FROM t WHERE x IN ({word})"),
        ] {
            if word == "order" && text.contains("(order)") {
                continue;
            }
            assert_error(&text, word, &format!("`{word}`"));
        }
        assert_eq!(
            errors(&format!("INSERT INTO s SELECT t.{word}, t.{word} + 1 FROM t WHERE t.{word} IS NOT NULL")),
            []
        );
        assert_eq!(errors(&format!("INSERT INTO s SELECT `{word}` FROM t WHERE `{word}` > 1")), []);
    }
}

#[test]
fn every_reserved_word_that_cannot_be_a_name_is_reported_at_once() {
    let found = errors("INSERT INTO order SELECT id, value FROM user");
    let places: Vec<_> = found.iter().map(|(place, ..)| place.as_str()).collect();
    assert_eq!(places, ["order", "user"]);
}

#[test]
fn an_unquoted_name_with_special_characters_is_an_error_with_its_quoted_form() {
    for (name, place, quoted) in [
        ("my-table", "-", "`my-table`"),
        ("db.my-table", "-", "db.`my-table`"),
        ("my-db.t", "-", "`my-db`.t"),
        ("a-b-c.d", "-", "`a-b-c`.d"),
        ("orders/v2", "/", "`orders/v2`"),
        ("orders:v2", ":", "`orders:v2`"),
        ("2024_orders", "2024_orders", "`2024_orders`"),
    ] {
        for text in [
            format!("INSERT INTO {name} SELECT id FROM a"),
            format!("INSERT INTO {name} (x, y) SELECT id FROM a"),
            format!("INSERT INTO {name} VALUES (1)"),
            format!("INSERT INTO good SELECT id FROM {name}"),
            format!("INSERT INTO good SELECT id FROM {name} AS x WHERE y > 1"),
            format!("INSERT INTO good SELECT id FROM a, {name}"),
            format!("INSERT INTO good SELECT id FROM a JOIN {name} ON TRUE"),
            format!("CREATE TABLE {name} (id INT)"),
            format!("CREATE VIEW {name} AS SELECT 1"),
            format!("CREATE TABLE x LIKE {name}"),
            format!("DROP TABLE {name}"),
            format!("ALTER TABLE {name} SET ('a' = 'b')"),
            format!("ALTER TABLE x RENAME TO {name}"),
        ] {
            assert_error(&text, place, quoted);
            let repaired = text.replace(name, quoted);
            assert_eq!(errors(&repaired), [], "{repaired}");
        }
    }
}

#[test]
fn a_template_or_a_placeholder_of_another_tool_is_an_error() {
    for (text, place) in [
        ("INSERT INTO {{ ref('b') }} SELECT x FROM a", "{{"),
        ("INSERT INTO s SELECT x FROM {{ source('a', 'b') }}", "{{"),
        ("INSERT INTO s SELECT x FROM a {% if y %} WHERE z > 1 {% endif %}", "{%"),
        ("{{ config(materialized='table') }} CREATE TABLE a (x INT)", "{{"),
        ("INSERT INTO {table_name} (id) VALUES (1)", "{"),
        ("DROP TABLE IF EXISTS {name}", "{"),
        ("CREATE TABLE <name> (x INT)", "<"),
        ("INSERT INTO s SELECT x FROM :name", ":"),
        ("INSERT INTO s SELECT x FROM ?", "?"),
        ("INSERT INTO s SELECT x FROM 't'", "'t'"),
        ("CREATE TABLE 'a' (x INT)", "'a'"),
    ] {
        let found = errors(text);
        assert!(!found.is_empty() && found[0].0 == place, "{text}: {found:?}");
    }
}

#[test]
fn a_character_that_no_sql_has_is_named_with_its_code() {
    for (text, place, what) in [
        ("SELECT x FROM a\u{a0}WHERE y > 1", "\u{a0}", "U+00A0"),
        ("SELECT x\u{200b} FROM a", "\u{200b}", "U+200B"),
        ("SELECT \u{201c}x\u{201d} FROM a", "\u{201c}", "`\u{201c}` (U+201C)"),
        ("SELECT x FROM a WHERE y = \u{2018}z\u{2019}", "\u{2018}", "U+2018"),
        ("S\0E\0L\0E\0C\0T\0", "\0", "U+0000"),
        ("INSERT INTO s SELECT x ~ y FROM t", "~", "`~`"),
        ("INSERT INTO s SELECT x FROM t # note", "#", "`--`"),
        ("INSERT INTO s SELECT x \\ y FROM t", "\\", "`\\`"),
        ("INSERT INTO s SELECT x, \u{2026} FROM t", "\u{2026}", "U+2026"),
    ] {
        let found = errors(text);
        assert!(
            found.iter().any(|(at, message, help)| at == place && (message.contains(what) || help.contains(what))),
            "{text}: {found:?}"
        );
    }
    for text in [
        "INSERT INTO s SELECT 'a\u{a0}~#@\\' FROM `b#@~\u{201c}` -- ~#\u{a0}",
        "CREATE TABLE na\u{ef}ve (x INT)",
        "CREATE TABLE e\u{301}te\u{301} (x INT)",
        "CREATE TABLE \u{6ce8}\u{6587} (x INT)",
        "INSERT INTO s SELECT x FROM t WHERE y != 1",
    ] {
        assert_eq!(errors(text), [], "{text}");
    }
}

#[test]
fn a_missing_operand_or_name_is_an_error_after_which_one_it_is_missing() {
    for (text, place) in [
        ("INSERT INTO o SELECT x, FROM s", ","),
        ("INSERT INTO o SELECT FROM s", "SELECT"),
        ("INSERT INTO o SELECT x FROM s WHERE", "WHERE"),
        ("INSERT INTO o SELECT x FROM s WHERE a = ", "="),
        ("INSERT INTO o SELECT x FROM s WHERE a = AND b = 1", "="),
        ("INSERT INTO o SELECT x FROM s WHERE a AND", "AND"),
        ("INSERT INTO o SELECT x + FROM s", "+"),
        ("INSERT INTO o SELECT f(x, ) FROM s", ","),
        ("INSERT INTO o SELECT (x + ) FROM s", "+"),
        ("INSERT INTO o SELECT x FROM s WHERE y IN (1, 2, )", ","),
        ("INSERT INTO o SELECT x FROM (SELECT y, FROM s)", ","),
        ("INSERT INTO o SELECT x FROM s GROUP BY x,", ","),
        ("INSERT INTO o SELECT x FROM s LIMIT", "LIMIT"),
        ("INSERT INTO o SELECT x FROM s UNION ALL", "ALL"),
        ("INSERT INTO o SELECT x AS FROM s", "FROM"),
        ("INSERT INTO o SELECT x FROM", "FROM"),
        ("INSERT INTO o SELECT x FROM s,", ","),
        ("INSERT INTO o SELECT x FROM s JOIN", "JOIN"),
        ("INSERT INTO o SELECT x FROM s JOIN u ON", "ON"),
        ("INSERT INTO o SELECT x FROM , s", ","),
        ("INSERT INTO o", "o"),
        ("INSERT INTO", "INTO"),
        ("INSERT INTO o SELECT ... FROM s", "SELECT"),
        ("CREATE TABLE t", ""),
        ("CREATE TABLE", "TABLE"),
        ("CREATE TABLE (x INT)", "("),
        ("CREATE TABLE t (x INT,)", ","),
        ("CREATE TABLE t AS", "AS"),
        ("CREATE VIEW v AS", "AS"),
        ("CREATE VIEW v", "v"),
        ("CREATE TABLE t (x INT) WITH ('a' = 'b',)", ","),
        ("CREATE TABLE t (x INT) WITH ('a' = 'b' 'c' = 'd')", "'b'"),
        ("DROP TABLE", "TABLE"),
        ("DROP TABLE a,", ","),
        ("ALTER TABLE a RENAME TO", "TO"),
        ("INSERT INTO o WITH a AS (SELECT 1), SELECT x FROM a", "SELECT"),
        ("INSERT INTO o WITH a SELECT x FROM a", "SELECT"),
    ] {
        let found = errors(text);
        if place.is_empty() {
            assert_eq!(found, [], "{text}");
        } else {
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!(found[0].0, place, "{text}: {found:?}");
        }
    }
}

#[test]
fn text_that_is_left_over_is_an_error_at_its_place() {
    for (text, place) in [
        ("CREATE TABLE IF NOT EXIST a (x INT)", "NOT"),
        ("CREATE TABLE IF EXISTS a (x INT)", "EXISTS"),
        ("CREATE TABLE my table (x INT)", "table"),
        ("CREATE TABLE my orders (x INT)", "orders"),
        ("DROP TABLE a b", "b"),
        ("ALTER TABLE a RENAME TO b c", "c"),
        ("ALTER TABLE a ADD COLUMN b INT", "COLUMN"),
        ("ALTER TABLE a DROP COLUMN b", "COLUMN"),
        ("INSERT INTO a b SELECT x FROM c", "b"),
        ("INSERT INTO a SELECT x FROM b c d", "d"),
        ("INSERT INTO a SELECT x y z FROM b", "z"),
        ("INSERT INTO a SELECT x AS y z FROM b", "z"),
        ("INSERT INTO a SELECT x FROM b 5", "5"),
        ("CREATE TABLE a (x INT) INSERT INTO a VALUES (1)", "INSERT"),
        ("ALTER TABLE a SET ('b' = 'c') ALTER TABLE a SET ('d' = 'e')", "ALTER"),
        ("CREATE TABLE a (id INT DEFAULT 0)", "DEFAULT"),
        ("CREATE TABLE a (id INT REFERENCES b (id))", "REFERENCES"),
        ("CREATE TABLE a (id INT, FOREIGN KEY (id) REFERENCES b (id))", "FOREIGN"),
    ] {
        let found = errors(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(found[0].0, place, "{text}: {found:?}");
    }
}

#[test]
fn texts_that_flink_accepts_have_no_errors() {
    for text in [
        "INSERT INTO a SELECT x FROM b;;",
        "INSERT INTO a SELECT a-b, a - b, -1, a--b\n FROM s",
        "INSERT INTO a SELECT x FROM `other-table`",
        "INSERT INTO a SELECT JSON_VALUE(x, '$.date'), JSON_OBJECT(KEY 'a' VALUE x NULL ON NULL), t.value FROM t",
        "INSERT INTO a SELECT JSON_VALUE(x, '$.a' RETURNING INT DEFAULT 0 ON EMPTY NULL ON ERROR) FROM t",
        "INSERT INTO a SELECT TIMESTAMPADD(DAY, 1, ts), TIMESTAMPDIFF(SECOND, a, b), EXTRACT(YEAR FROM ts), FLOOR(ts TO DAY) FROM t",
        "INSERT INTO a SELECT DATE '2024-01-01', TIME '10:00:00', TIMESTAMP '2024-01-01 00:00:00', INTERVAL '1' DAY d FROM t",
        "INSERT INTO a SELECT CAST(x AS MAP<STRING, ROW<a INT, b DATE>>), ARRAY[1, 2], MAP['a', 1], ROW(1, 2) FROM t",
        "INSERT INTO a SELECT COUNT(*), COUNT(DISTINCT x), SUM(x) FILTER (WHERE y > 1) FROM t GROUP BY GROUPING SETS ((x), (y), ())",
        "INSERT INTO a SELECT SUM(x) OVER (PARTITION BY y ORDER BY z ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM t",
        "INSERT INTO a SELECT x FROM t WHERE a IS NOT DISTINCT FROM b AND c NOT IN (1, 2) AND d BETWEEN SYMMETRIC 1 AND 2",
        "INSERT INTO a SELECT x FROM t UNION DISTINCT SELECT y FROM u EXCEPT ALL SELECT z FROM v",
        "INSERT INTO a SELECT x FROM t LIMIT ALL",
        "INSERT INTO a SELECT x FROM t ORDER BY x OFFSET 1 ROWS FETCH NEXT 5 ROWS ONLY",
        "INSERT INTO a SELECT CURRENT_TIMESTAMP ts, CURRENT_DATE, USER FROM t",
        "INSERT INTO a SELECT x IS TRUE y, x IS NOT UNKNOWN FROM t",
        "INSERT INTO a SELECT x FROM t WHERE a IS JSON OBJECT AND b IS NOT OF (INT, DATE)",
        "INSERT INTO a SELECT LISTAGG(DISTINCT x, ',') WITHIN GROUP (ORDER BY y DESC NULLS LAST) FROM t",
        "INSERT INTO a SELECT * FROM t PIVOT (SUM(x) AS s FOR y IN ('a' AS a, 'b' AS b))",
        "INSERT INTO a SELECT * FROM t NATURAL JOIN u LEFT OUTER JOIN v USING (id, k) CROSS JOIN y",
        "INSERT INTO a SELECT POSITION('a' IN x), OVERLAY(x PLACING 'b' FROM 1 FOR 2), TRIM(LEADING FROM x) FROM t",
        "INSERT INTO a SELECT {fn NOW()}, {d '2024-01-01'} FROM t",
        "INSERT INTO a SELECT x FROM TABLE(TUMBLE(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' HOUR))",
        "INSERT INTO a SELECT x FROM t MATCH_RECOGNIZE (MEASURES FINAL LAST(A.x) AS y ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (A B+? C{2,3} {- D -}) DEFINE A AS NOT A.x > 1)",
        "INSERT INTO a (x, y) VALUES (1, DEFAULT), (CURRENT_TIMESTAMP, NULL)",
        "CREATE TABLE t (a MAP<STRING, INT>, b ROW<c INT, d DATE>, e AS a < b, WATERMARK FOR f AS f, CONSTRAINT k PRIMARY KEY (a) NOT ENFORCED) COMMENT 'c' WITH ('a' = 'b')",
        "ALTER TABLE t ADD (x INT, y STRING FIRST, PRIMARY KEY (x) NOT ENFORCED)",
        "DROP DATABASE d CASCADE",
    ] {
        assert_eq!(errors(text), [], "{text}");
    }
}
