//! What hostile and huge texts do: nothing worse than a fault, in time linear in their length.

use crate::sql::{lint, normal_form, read};

/// Texts that are hard on recognisers, `count` pieces each.
fn hostile(count: usize) -> Vec<String> {
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
    let heads =
        ["", "SELECT ", "INSERT INTO a SELECT * FROM ", "CREATE TABLE a (", "CREATE AGENT a ", "CREATE MODEL m WITH ("];
    heads.iter().flat_map(|head| pieces.iter().map(move |piece| (*head).to_owned() + &piece.repeat(count))).collect()
}

#[test]
fn hostile_texts_are_read_without_a_crash() {
    for text in hostile(200) {
        let reading = read(&text);
        let form = normal_form(&text);
        assert_eq!(normal_form(&form), form, "{}", text.chars().take(40).collect::<String>());
        for mention in &reading.mentions {
            assert!(text.get(mention.span.clone()).is_some());
        }
        assert!(super::lints::with_defaults(&text).len() <= text.len());
    }
}

#[test]
fn what_fuzzing_found() {
    // Brackets that nothing closes, on both sides of the semicolon that ends the statement, once went on for ever.
    let text = format!("INSERT INTO a {};{}SELECT x FROM", "(".repeat(90), "(".repeat(11));
    assert!(!read(&text).faults.is_empty());
}

#[test]
fn heads_without_a_statement_do_not_recurse() {
    for head in ["EXECUTE ", "EXPLAIN EXECUTE ", "COMPILE PLAN 'p' FOR "] {
        assert_eq!(read(&head.repeat(100_000)).mentions, [], "{head}");
    }
}

#[test]
fn two_hundred_thousand_brackets_are_a_fault() {
    let text = format!("SELECT {}1{} FROM t", "(".repeat(200_000), ")".repeat(200_000));
    let faults = read(&text).faults;
    assert_eq!(faults.len(), 1);
    assert!(faults[0].message.contains("200 levels"));
    assert_eq!(faults[0].span, 207..208, "the first bracket that is too deep");
}

#[test]
fn two_hundred_levels_are_none() {
    let text = format!("INSERT INTO a SELECT {}x{} FROM t", "f(".repeat(200), ")".repeat(200));
    assert!(read(&text).faults.is_empty());
    let text = format!("INSERT INTO a {} SELECT x FROM t {}", "SELECT x FROM (".repeat(200), ")".repeat(200));
    let reading = read(&text);
    assert!(reading.faults.is_empty() && reading.state.is_none(), "{:?} {:?}", reading.faults, reading.state);
    assert_eq!(reading.mentions.len(), 2);
    let text = format!("SELECT x FROM {} t {}", "(".repeat(200), ")".repeat(200));
    assert_eq!(read(&text).mentions.len(), 1);
    let text = format!("{} SELECT x FROM t {}", "WITH w AS (".repeat(200), ") SELECT x FROM w".repeat(200));
    assert_eq!(read(&text).mentions.len(), 1);
}

/// Doubling a text must not take much more than twice the time. Ten times tells linear from quadratic (a hundred times)
/// whatever the machine is doing.
#[test]
fn time_is_linear_in_the_text() {
    let time = |count: usize| {
        hostile(count)
            .iter()
            .map(|text| {
                let start = std::time::Instant::now();
                let reading = read(text);
                let empty = crate::resource::SmallMap::new();
                let none = std::collections::BTreeSet::new();
                let context = crate::sql::LintContext {
                    properties: &empty,
                    principal: None,
                    protected: true,
                    evolves: true,
                    allowed: &none,
                };
                std::hint::black_box((lint(&reading, text, &context), normal_form(text)));
                (start.elapsed(), text.chars().take(30).collect::<String>())
            })
            .max()
            .unwrap()
    };
    let (small, _) = time(100);
    let (large, text) = time(1_000);
    assert!(large < small * 60 + std::time::Duration::from_millis(50), "{small:?} grows to {large:?} on {text}");
}
