//! Hostile and huge texts cause nothing worse than an error, in time linear in their length.

use crate::sql::{analyze, normal_form, work::steps_of};

/// Returns texts that are hard for recognizers, with `count` repeated pieces each.
fn hostile_texts(count: usize) -> Vec<String> {
    let pieces = [
        "(",
        ")",
        "[",
        "((",
        "SELECT (",
        "CASE WHEN ",
        "FROM ",
        "JOIN a ",
        ", a",
        "WITH a AS (",
        "WITH a AS (SELECT 1), ",
        "/*+ ",
        "'",
        "`",
        "\"",
        "${",
        "${a} ",
        "\"a ",
        "/* ",
        "-- ",
        ";",
        "GROUP BY ",
        "GROUP BY window_start ",
        "a.",
        ".1",
        "TABLE ",
        "TABLE a,",
        "UNION ",
        "INSERT INTO a ",
        "EXECUTE STATEMENT SET BEGIN ",
        "EXECUTE ",
        "EXPLAIN EXECUTE ",
        "COMPILE PLAN FOR ",
        "INSERT INTO a SELECT 1;",
        "f(",
        "a(), ",
        "CAST(a AS ",
        "MATCH_RECOGNIZE (",
        "LATERAL ",
        "AS ",
        "USING MODEL a,",
        "'a.connection' = 'b', ",
        "é",
        "\u{3000}",
        "\u{0}",
        "E'\\",
        "U&'",
        "FOR SYSTEM_TIME AS OF ",
        "1e+",
        "x'",
    ];
    let prefixes =
        ["", "SELECT ", "INSERT INTO a SELECT * FROM ", "CREATE TABLE a (", "CREATE AGENT a ", "CREATE MODEL m WITH ("];
    prefixes.iter().flat_map(|head| pieces.iter().map(move |piece| (*head).to_owned() + &piece.repeat(count))).collect()
}

#[test]
fn hostile_texts_are_analyzed_without_a_panic() {
    for text in hostile_texts(200) {
        let analysis = analyze(&text);
        let form = normal_form(&text);
        assert_eq!(normal_form(&form), form, "{}", text.chars().take(40).collect::<String>());
        for mention in &analysis.mentions {
            assert!(text.get(mention.span.clone()).is_some());
        }
        assert!(super::lints::lints_with_defaults(&text).len() <= text.len());
    }
}

#[test]
fn unclosed_brackets_around_a_semicolon_terminate() {
    // Unclosed brackets on both sides of the semicolon that ends the statement once caused an endless loop.
    let text = format!("INSERT INTO a {};{}SELECT x FROM", "(".repeat(90), "(".repeat(11));
    assert!(!analyze(&text).errors.is_empty());
}

#[test]
fn repeated_statement_prefixes_do_not_recurse() {
    for prefix in ["EXECUTE ", "EXPLAIN EXECUTE ", "COMPILE PLAN 'p' FOR "] {
        assert_eq!(analyze(&prefix.repeat(100_000)).mentions, [], "{prefix}");
    }
}

#[test]
fn excessive_bracket_nesting_is_an_error() {
    let text = format!("SELECT {}1{} FROM t", "(".repeat(200_000), ")".repeat(200_000));
    let errors = analyze(&text).errors;
    assert_eq!(errors.len(), 1);
    assert!(errors[0].message.contains("200 levels"));
    assert_eq!(errors[0].span, 207..208, "the first bracket that nests too deep");
}

#[test]
fn two_hundred_bracket_levels_are_accepted() {
    let text = format!("INSERT INTO a SELECT {}x{} FROM t", "f(".repeat(200), ")".repeat(200));
    assert!(analyze(&text).errors.is_empty());
    let text = format!("INSERT INTO a {} SELECT x FROM t {}", "SELECT x FROM (".repeat(200), ")".repeat(200));
    let analysis = analyze(&text);
    assert!(
        analysis.errors.is_empty() && analysis.stateful_construct.is_none(),
        "{:?} {:?}",
        analysis.errors,
        analysis.stateful_construct
    );
    assert_eq!(analysis.mentions.len(), 2);
    let text = format!("SELECT x FROM {} t {}", "(".repeat(200), ")".repeat(200));
    assert_eq!(analyze(&text).mentions.len(), 1);
    let text = format!("{} SELECT x FROM t {}", "WITH w AS (".repeat(200), ") SELECT x FROM w".repeat(200));
    assert_eq!(analyze(&text).mentions.len(), 1);
}

/// Returns the steps that an analysis, its lints and the normal form of `text` take. Also checks that there are at
/// most as many results as bytes, which bounds the memory.
fn steps_to_read(text: &str) -> u64 {
    steps_of(|| {
        let analysis = analyze(text);
        let lints = super::lints::lints_with_defaults(text);
        assert!(analysis.mentions.len() + analysis.column_functions.len() + lints.len() <= text.len());
        std::hint::black_box(normal_form(text));
    })
}

/// Asserts that a text that is twice as long takes at most little more than twice the steps.
fn assert_linear(name: &str, short: &str, long: &str) {
    let (few, many) = (steps_to_read(short), steps_to_read(long));
    let per_byte = |steps: u64, text: &str| steps as f64 / text.len() as f64;
    let (before, after) = (per_byte(few, short), per_byte(many, long));
    assert!(after <= before * 1.2 + 1.0, "{name}: {before:.1} steps per byte grow to {after:.1}");
    // A nest of 200 brackets is read in one pass too.
    assert!(after < 200.0, "{name}: {after:.1} steps per byte");
}

#[test]
fn the_steps_of_reading_grow_with_the_length_of_the_text() {
    for (short, long) in hostile_texts(300).iter().zip(&hostile_texts(600)) {
        assert_linear(&short.chars().take(50).collect::<String>(), short, long);
    }
}

/// A table with windows.
const WINDOW: &str = "(SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(a), INTERVAL '1' DAY)))";

/// Returns valid and invalid texts of many shapes, with `count` repeated parts each.
fn shapes(count: usize) -> Vec<(&'static str, String)> {
    let numbered =
        |part: &dyn Fn(usize) -> String, separator: &str| (0..count).map(part).collect::<Vec<_>>().join(separator);
    let ctes = |query: &dyn Fn(usize) -> String| {
        let list = (1..=count).map(|n| format!(", c{n} AS ({})", query(n - 1))).collect::<String>();
        format!("INSERT INTO s WITH c0 AS (SELECT * FROM t){list} SELECT * FROM c{count}")
    };
    // Brackets nest up to the limit, with the rest of the text inside all of them.
    let nested = |open: &str, inside: &str, close: &str| {
        format!("INSERT INTO s SELECT {}{}{} FROM t", open.repeat(190), inside.repeat(count), close.repeat(190))
    };
    vec![
        (
            "each CTE reads the one before it twice",
            ctes(&|n| format!("SELECT * FROM c{n} UNION ALL SELECT * FROM c{n}")),
        ),
        (
            "each CTE reads the one before it and a table",
            ctes(&|n| format!("SELECT * FROM c{n} UNION ALL SELECT * FROM t")),
        ),
        ("each CTE joins the first and the one before it", ctes(&|n| format!("SELECT * FROM c0, c{n}"))),
        ("each CTE has the same name", ctes(&|_| "WITH c0 AS (SELECT * FROM t) SELECT * FROM c0".to_owned())),
        ("UNION ALL", format!("INSERT INTO s {}", numbered(&|n| format!("SELECT * FROM t{n}"), " UNION ALL "))),
        ("stars", format!("INSERT INTO s SELECT {} FROM t", numbered(&|n| format!("t{n}.*"), ", "))),
        ("tables", format!("INSERT INTO s SELECT * FROM {}", numbered(&|n| format!("t{n}"), ", "))),
        ("joins", format!("INSERT INTO s SELECT * FROM t {}", "JOIN u ON a = b ".repeat(count))),
        (
            "joins on window bounds",
            format!(
                "INSERT INTO s SELECT * FROM {WINDOW} w {}",
                numbered(
                    &|n| format!(
                        "JOIN {WINDOW} w{n} ON w.window_start = w{n}.window_start AND w.window_end = w{n}.window_end"
                    ),
                    " "
                )
            ),
        ),
        ("groups by window bounds", nested("(SELECT x, ", "a, ", " FROM t GROUP BY window_start, window_end)")),
        ("hints", format!("SELECT * FROM t {}", "/*+ OPTIONS('a'='b') */ ".repeat(count))),
        ("hints after names", format!("SELECT {} FROM t", "`a` /*+ OPTIONS('a'='b') */, ".repeat(count))),
        ("comments", format!("SELECT {}* FROM t", "/* a */ -- b\n ".repeat(count))),
        (
            "CASE",
            format!("INSERT INTO s SELECT {} x {} FROM t", "CASE WHEN a THEN ".repeat(count), "END ".repeat(count)),
        ),
        ("IN list", format!("INSERT INTO s SELECT x FROM t WHERE x IN ({})", numbered(&|n| n.to_string(), ", "))),
        ("values", format!("INSERT INTO s VALUES {}", numbered(&|n| format!("({n}, 'a')"), ", "))),
        ("operators", format!("INSERT INTO s SELECT x FROM t WHERE {}", numbered(&|n| format!("a > {n}"), " AND "))),
        ("statements", numbered(&|n| format!("INSERT INTO s SELECT x FROM t{n}"), ";\n")),
        (
            "statement set",
            format!("EXECUTE STATEMENT SET BEGIN {}END;", "INSERT INTO s SELECT * FROM t; ".repeat(count)),
        ),
        ("columns", format!("CREATE TABLE t ({})", numbered(&|n| format!("c{n} INT, d{n} AS f(c{n})"), ", "))),
        ("options", format!("CREATE TABLE t (a INT) WITH ({})", numbered(&|n| format!("'k{n}' = 'v'"), ", "))),
        ("dropped tables", format!("DROP TABLE {}", numbered(&|n| format!("t{n}"), ", "))),
        ("groups", format!("INSERT INTO s {}", "SELECT x FROM t GROUP BY a, b UNION ALL ".repeat(count) + "SELECT 1")),
        ("parts of a name", format!("INSERT INTO s SELECT x FROM t{}", ".a".repeat(count))),
        ("calls in calls", nested("f(", "a, ", ")")),
        ("calls that never close", nested("f(", "a, ", "")),
        ("windows that never close", nested("TUMBLE(", "a, ", "")),
        ("casts that never close", nested("CAST(", "a, ", "")),
        ("groups in groups", nested("(SELECT x FROM t GROUP BY y, ", "a, ", ")")),
        ("brackets", nested("(", "a + ", ")")),
        ("subqueries", nested("(SELECT x, ", "a, ", " FROM t)")),
        (
            "table functions",
            format!("SELECT 1 FROM {}x{}", "LATERAL TABLE(f(x, ".repeat(90), ")) ".repeat(90) + &", a".repeat(count)),
        ),
    ]
}

#[test]
fn the_steps_of_reading_each_shape_grow_with_the_length_of_the_text() {
    for ((name, short), (_, long)) in shapes(1_000).iter().zip(&shapes(2_000)) {
        assert_linear(name, short, long);
    }
}

#[test]
fn a_star_that_many_expressions_read_is_one_star() {
    let doubled: String =
        (1..40).map(|n| format!(", c{n} AS (SELECT * FROM c{0} UNION ALL SELECT * FROM c{0})", n - 1)).collect();
    let text = format!("INSERT INTO s WITH c0 AS (SELECT * FROM t){doubled} SELECT * FROM c39");
    let lints = super::lints::lints_with_defaults(&text);
    let stars: Vec<_> = lints.iter().filter(|lint| lint.code == "FL102").collect();
    assert_eq!(stars.len(), 1);
    let star = text.find("* FROM t").unwrap();
    assert_eq!(stars[0].span, Some(star..star + 1));
}
