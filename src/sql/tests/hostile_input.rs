//! Hostile and huge texts cause nothing worse than an error, in time linear in their length.

use crate::sql::{analyze, lint, normal_form};

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

/// Doubling a text must not take much more than twice the time. A factor of ten separates linear time from quadratic
/// time (a factor of one hundred), however busy the machine is.
#[test]
fn analysis_time_is_linear_in_text_length() {
    let time = |count: usize| {
        hostile_texts(count)
            .iter()
            .map(|text| {
                let start = std::time::Instant::now();
                let analysis = analyze(text);
                let empty = crate::resource::Properties::new();
                let none = std::collections::BTreeSet::new();
                let context = crate::sql::LintContext {
                    properties: &empty,
                    principal: None,
                    is_protected: true,
                    can_evolve: true,
                    allowed_codes: &none,
                };
                std::hint::black_box((lint(&analysis, text, &context), normal_form(text)));
                (start.elapsed(), text.chars().take(30).collect::<String>())
            })
            .max()
            .unwrap()
    };
    let (small, _) = time(100);
    let (large, text) = time(1_000);
    assert!(large < small * 60 + std::time::Duration::from_millis(50), "{small:?} grows to {large:?} on {text}");
}
