//! What the normal form removes and what it keeps.

use crate::{
    resource::Template,
    sql::{analyze, are_equivalent, matches_template, normal_form, statement_body},
};

#[test]
fn the_normal_form_is_one_line_without_comments() {
    let text = "-- totals\ninsert into `sink`\n  select /* all */ Upper( t . `name` ),'x  y'\nfrom t /*+ OPTIONS('k'='v') */ ;;\n";
    assert_eq!(
        normal_form(text),
        "INSERT INTO sink SELECT UPPER ( t . name ) , 'x  y' FROM t /*+ OPTIONS ( 'k' = 'v' ) */"
    );
}

#[test]
fn cosmetic_changes_keep_the_normal_form() {
    let text = "SELECT a.x, 'It''s' FROM a WHERE x >= 1.5";
    for other in [
        "select a.x,'It''s' from a where x>=1.5;",
        "SELECT `a`.`x`, 'It''s'\n\tFROM a // end\n WHERE x >= 1.5 ; ; ",
        "/* head */ SELECT a . x , 'It''s' FROM a -- where\nWHERE x >= 1.5",
    ] {
        assert!(are_equivalent(text, other), "{}", normal_form(other));
    }
}

#[test]
fn layout_inside_a_hint_keeps_the_normal_form() {
    let text = "SELECT x FROM a /*+OPTIONS('k' = 'v')*/";
    for other in
        ["SELECT x FROM a /*+ OPTIONS('k'='v') */", "SELECT x FROM a /*+\n  OPTIONS (\n    'k' = 'v' -- note\n  )\n*/"]
    {
        assert!(are_equivalent(text, other), "{}", normal_form(other));
        assert_eq!(normal_form(&normal_form(other)), normal_form(other));
    }
}

#[test]
fn the_case_of_a_function_without_brackets_matters_only_as_a_column_name() {
    for (one, other) in [
        ("SELECT current_date AS d FROM a", "SELECT CURRENT_DATE AS d FROM a"),
        ("SELECT current_timestamp ts FROM a", "SELECT CURRENT_TIMESTAMP ts FROM a"),
        ("SELECT x FROM a WHERE y < current_timestamp", "SELECT x FROM a WHERE y < CURRENT_TIMESTAMP"),
        ("SELECT current_timestamp(3) FROM a", "SELECT CURRENT_TIMESTAMP(3) FROM a"),
    ] {
        assert!(are_equivalent(one, other), "{one}");
    }
}

#[test]
fn meaningful_changes_change_the_normal_form() {
    for (one, other) in [
        ("SELECT x FROM a", "SELECT X FROM a"),
        ("SELECT 'x' FROM a", "SELECT 'X' FROM a"),
        ("SELECT 'x' FROM a", "SELECT 'x ' FROM a"),
        ("SELECT 1 FROM a", "SELECT 1.0 FROM a"),
        ("SELECT x < y FROM a", "SELECT x <= y FROM a"),
        ("SELECT x < -y FROM a", "SELECT x <- y FROM a -- as Flink reads it\n, b"),
        ("SELECT x FROM a /*+ OPTIONS('k'='v') */", "SELECT x FROM a"),
        ("SELECT x FROM a /*+ OPTIONS('k'='v') */", "SELECT x FROM a /*+ OPTIONS('k'='v ') */"),
        ("SELECT x FROM a /*+ OPTIONS('k'='v') */", "SELECT x FROM a /*+ OPTIONS('k'='w') */"),
        ("SELECT x FROM a /*+ OPTIONS('k'='v') */", "SELECT x FROM a /*+ OPTIONS('k'='v', 'l'='w') */"),
        ("SELECT x FROM a /*+ STATE_TTL('a'='1d') */", "SELECT x FROM a /*+ STATE_TTL('A'='1d') */"),
        ("SELECT PI FROM a", "SELECT `PI` FROM a"),
        ("SELECT pi FROM a", "SELECT `pi` FROM a"),
        ("CREATE VIEW v AS SELECT current_date FROM a", "CREATE VIEW v AS SELECT CURRENT_DATE FROM a"),
        ("CREATE VIEW v AS SELECT x, localtime FROM a", "CREATE VIEW v AS SELECT x, LOCALTIME FROM a"),
        ("CREATE TABLE t AS SELECT DISTINCT user, x FROM a", "CREATE TABLE t AS SELECT DISTINCT USER, x FROM a"),
        ("SELECT * FROM (SELECT current_timestamp)", "SELECT * FROM (SELECT CURRENT_TIMESTAMP)"),
        ("SELECT a.b FROM a", "SELECT `a.b` FROM a"),
        ("SELECT `from` FROM a", "SELECT from FROM a"),
        ("SELECT ab FROM a", "SELECT a b FROM a"),
        ("SELECT `a b` FROM a", "SELECT a b FROM a"),
        ("SELECT x FROM a", "SELECT x FROM a; SELECT 1"),
        ("SELECT x /* open", "SELECT x"),
        ("SELECT x 'open", "SELECT x 'open "),
        ("SELECT E'a\\'' FROM a", "SELECT E 'a\\'' FROM a"),
        ("SELECT pre_${secret.x} FROM a", "SELECT pre_ ${secret.x} FROM a"),
        ("SELECT x FROM a${s}", "SELECT x FROM a ${s}"),
    ] {
        assert!(!are_equivalent(one, other), "{one} / {other}");
    }
}

#[test]
fn unreserved_keywords_keep_their_case_and_needed_quotes() {
    // Such a word may be a column name, which is case-sensitive, or a word of the parser, which quotes hide.
    assert_ne!(normal_form("SELECT model FROM a"), normal_form("SELECT MODEL FROM a"));
    assert_ne!(normal_form("f(`model` m)"), normal_form("f(model m)"));
    assert_ne!(normal_form("SELECT `first`(x) FROM a"), normal_form("SELECT first(x) FROM a"));
    assert_eq!(normal_form("SELECT `model`, t.`name` FROM a"), normal_form("SELECT model, t.name FROM a"));
}

#[test]
fn needless_quotes_do_not_change_statefulness() {
    for (one, other) in [
        ("SELECT `columns`, f(x) FROM a", "SELECT columns, f(x) FROM a"),
        ("SELECT 1 FROM f(`columns`)", "SELECT 1 FROM f(columns)"),
        ("SELECT 1 FROM a, LATERAL TABLE(f(`days`))", "SELECT 1 FROM a, LATERAL TABLE(f(days))"),
        ("SELECT `name`, f(x) FROM a", "SELECT name, f(x) FROM a"),
        ("SELECT 1 FROM a, b WHERE a.`window_start` = b.x", "SELECT 1 FROM a, b WHERE a.window_start = b.x"),
        ("SELECT 1 FROM t GROUP BY `cumulate`(x)", "SELECT 1 FROM t GROUP BY cumulate(x)"),
    ] {
        assert!(are_equivalent(one, other), "{one}");
        let description = |text| analyze(text).stateful_construct.map(|state| state.description);
        assert_eq!(description(one), description(other), "{one}");
    }
}

#[test]
fn a_text_without_a_statement_has_an_empty_normal_form() {
    for text in ["", " ; ", "-- x", "/* x */;"] {
        assert_eq!(normal_form(text), "");
    }
}

#[test]
fn sql_with_secrets_matches_in_any_layout_and_with_any_values() {
    let sent = Template::new("create CONNECTION c WITH ('api-key' = '${secret.key}', 'x' = '$${y}'); -- rotated\n");
    for shown in [
        "create CONNECTION c WITH ('api-key' = '******', 'x' = '${y}')",
        "CREATE CONNECTION c\n  WITH ('api-key' = 'abc''def', 'x' = '${y}');",
    ] {
        assert!(matches_template(&sent, shown), "{shown}");
    }
    for other in [
        "CREATE CONNECTION d WITH ('api-key' = '******', 'x' = '${y}')",
        "CREATE CONNECTION c WITH ('api-key' = '******', 'x' = '${Y}')",
    ] {
        assert!(!matches_template(&sent, other), "{other}");
    }
}

#[test]
fn the_body_of_a_statement_ends_with_its_last_token() {
    for text in ["SELECT '; -- x'", "  SELECT '; -- x' ;\n", "SELECT '; -- x'; -- done;\n/* end */ ;"] {
        assert_eq!(statement_body(text), "SELECT '; -- x'");
    }
    assert_eq!(statement_body(" ; -- nothing"), "");
}
