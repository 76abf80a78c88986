//! Each lint: a text that has it, texts that do not.

use std::collections::BTreeSet;

use crate::resource::{SmallMap, Template};
use crate::sql::{Lint, LintContext, Severity, codes, explain, lint, read};

/// The lints of a text in a project that says nothing special.
pub(super) fn with_defaults(text: &str) -> Vec<Lint> {
    with(text, &[], |_| {})
}

fn with(text: &str, properties: &[(&str, &str)], change: impl Fn(&mut LintContext<'_>)) -> Vec<Lint> {
    let properties: SmallMap<_> = properties.iter().map(|(key, value)| (*key, Template::new(*value))).collect();
    let allowed = BTreeSet::from(["FL999".to_owned()]);
    let mut context =
        LintContext { properties: &properties, principal: None, protected: false, evolves: false, allowed: &allowed };
    change(&mut context);
    lint(&read(text), text, &context)
}

fn found(lints: &[Lint]) -> Vec<&'static str> {
    lints.iter().map(|lint| lint.code).collect()
}

/// The one lint of a text stands at `place`.
fn one(text: &str, code: &str, place: &str) {
    let lints = with_defaults(text);
    assert_eq!(found(&lints), [code], "{text}");
    assert_eq!(&text[lints[0].span.clone().unwrap()], place, "{text}");
}

fn none(text: &str) {
    assert_eq!(found(&with_defaults(text)), [""; 0], "{text}");
}

const JOIN: &str = "INSERT INTO a SELECT b.x FROM b JOIN c ON b.k = c.k";

#[test]
fn fl101_regular_joins() {
    one(JOIN, "FL101", "JOIN");
    assert_eq!(found(&with(JOIN, &[("sql.state-ttl", "1 d")], |_| {})), [""; 0]);
    assert_eq!(found(&with(JOIN, &[("sql.state-ttl", "0 ms")], |_| {})), ["FL101"]);
    none("INSERT INTO a SELECT /*+ STATE_TTL('b'='1d') */ b.x FROM b JOIN c ON b.k = c.k");
    none("INSERT INTO a SELECT b.x FROM b JOIN c FOR SYSTEM_TIME AS OF b.ts ON b.k = c.k");
    none("INSERT INTO a SELECT b.x FROM b JOIN c ON b.k = c.k AND c.t BETWEEN b.t AND b.t + INTERVAL '1' DAY");
    none("INSERT INTO a SELECT b.x FROM b CROSS JOIN UNNEST(b.y) AS u (z)");
    none("CREATE VIEW v AS SELECT b.x FROM b JOIN c ON b.k = c.k");
}

#[test]
fn fl102_stars() {
    one("INSERT INTO a SELECT * FROM b", "FL102", "*");
    one("INSERT INTO a SELECT b.* FROM b", "FL102", "*");
    // Through whatever stands between.
    one("INSERT INTO a SELECT * FROM (SELECT * FROM b) c", "FL102", "*");
    one("INSERT INTO a WITH w AS (SELECT * FROM b) SELECT * FROM w", "FL102", "*");
    one("INSERT INTO a (SELECT * FROM b)", "FL102", "*");
    one("INSERT INTO a SELECT x FROM b UNION ALL SELECT * FROM c", "FL102", "*");
    let windowed = "INSERT INTO a SELECT * FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(t), INTERVAL '1' HOUR))";
    assert_eq!(found(&with_defaults(windowed)), ["FL102", "FL105"]);
    none("INSERT INTO a SELECT * FROM (SELECT x FROM b) c");
    none("INSERT INTO a WITH w AS (SELECT x FROM b) SELECT * FROM w");
    none("INSERT INTO a SELECT x * y FROM b");
    // Not where the columns are named above it.
    none("INSERT INTO a SELECT x FROM (SELECT * FROM b) c");
    none("INSERT INTO a WITH w AS (SELECT * FROM b), v AS (SELECT * FROM w) SELECT x FROM v");
    none("INSERT INTO a SELECT * FROM (SELECT x FROM (SELECT * FROM b) c) d");
    none("INSERT INTO a SELECT x FROM b WHERE EXISTS (SELECT * FROM c WHERE c.k = b.k)");
    none("INSERT INTO a SELECT x FROM b WHERE x IN (SELECT * FROM c)");
}

#[test]
fn fl102_not_in_the_window_join_of_confluents_guide() {
    let windowed = |table: &str| {
        format!("(SELECT * FROM TABLE(TUMBLE(TABLE {table}, DESCRIPTOR($rowtime), INTERVAL '5' MINUTES)))")
    };
    let text = format!(
        "INSERT INTO a SELECT L.num, R.num FROM {} L FULL JOIN {} R ON L.num = R.num AND \
         L.window_start = R.window_start AND L.window_end = R.window_end",
        windowed("LeftTable"),
        windowed("RightTable")
    );
    assert!(!found(&with_defaults(&text)).contains(&"FL102"));
}

#[test]
fn fl103_tables_with_a_job() {
    let text = "CREATE TABLE a AS SELECT x FROM b";
    let lints = with(text, &[], |context| context.evolves = true);
    assert_eq!(found(&lints), ["FL103"]);
    assert_eq!(&text[lints[0].span.clone().unwrap()], "a");
    none(text);
}

#[test]
fn fl104_people() {
    let text = "INSERT INTO a SELECT x FROM b";
    let run_as = |principal, protected| {
        found(&with(text, &[], |context| {
            context.principal = Some(principal);
            context.protected = protected;
        }))
    };
    assert_eq!(run_as("u-4k2", true), ["FL104"]);
    assert_eq!(run_as("u-4k2", false), [""; 0]);
    assert_eq!(run_as("sa-4k2", true), [""; 0]);
}

#[test]
fn fl105_windows() {
    let text = "INSERT INTO a SELECT window_start, window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(t), INTERVAL '1' HOUR)) \
                GROUP BY window_start, window_end";
    one(text, "FL105", "TUMBLE");
    assert_eq!(found(&with(text, &[("sql.tables.scan.idle-timeout", "0")], |_| {})), [""; 0]);
}

#[test]
fn fl106_dropped_tables() {
    one("DROP TABLE IF EXISTS `a`.b", "FL106", "`a`.b");
    none("DROP VIEW a");
}

#[test]
fn fl107_options_of_elsewhere() {
    one("CREATE TABLE a (x INT) WITH ('kafka.partitions' = '3')", "FL107", "'kafka.partitions'");
    one("CREATE TABLE a (x INT) WITH ('connector' = 'upsert-kafka')", "FL107", "'connector'");
    one(
        "CREATE TABLE a (x INT) WITH ('properties.bootstrap.servers' = 'h:1')",
        "FL107",
        "'properties.bootstrap.servers'",
    );
    none(
        "CREATE TABLE a (x INT) WITH ('connector' = 'confluent', 'kafka.retention.time' = '1 d', 'value.format' = 'avro-registry')",
    );
}

#[test]
fn fl108_secrets_are_an_error_and_never_repeated() {
    for key in
        ["api-key", "openai.api_key", "password", "jdbc.password", "client-secret", "mcp.token", "aws.secret-key"]
    {
        let text = format!("CREATE CONNECTION c WITH ('type' = 'x', '{key}' = 'hunter2')");
        let lints = with_defaults(&text);
        assert_eq!(found(&lints), ["FL108"], "{text}");
        assert_eq!(lints[0].severity, Severity::Error);
        assert!(!format!("{lints:?}").contains("hunter2"));
        assert_eq!(&text[lints[0].span.clone().unwrap()], "'hunter2'");
    }
    none("CREATE CONNECTION c WITH ('api-key' = '${secret.key}')");
    none("CREATE MODEL m WITH ('openai.api_key' = '{{sessionconfig/sql.secrets.key}}')");
    none("CREATE MODEL m WITH ('openai.max_tokens_per_key' = '100', 'tokenizer' = 'x')");
}

#[test]
fn fl108_in_properties() {
    const TEXT: &str = "INSERT INTO a SELECT x FROM b";
    for (key, value) in [("sql.secrets.openai", "sk-1"), ("SQL.Secrets.openai", "sk-1"), ("client.password", "x")] {
        let lints = with(TEXT, &[(key, value)], |_| {});
        assert_eq!(found(&lints), ["FL108"], "{key}");
        assert_eq!((lints[0].severity, lints[0].property.as_deref()), (Severity::Error, Some(key)));
        assert!(!lints[0].message.contains(value));
    }
    for (key, value) in
        [("sql.secrets.openai", "${secret.openai}"), ("sql.secrets.openai", ""), ("sql.state-ttl", "1 d")]
    {
        assert_eq!(found(&with(TEXT, &[(key, value)], |_| {})), [""; 0], "{key} {value}");
    }
}

#[test]
fn fl109_state_without_an_end() {
    one("INSERT INTO a SELECT x, COUNT(*) FROM b GROUP BY x", "FL109", "GROUP");
    one("INSERT INTO a SELECT DISTINCT x FROM b", "FL109", "DISTINCT");
    one("INSERT INTO a SELECT x FROM b UNION SELECT x FROM c", "FL109", "UNION");
    none("INSERT INTO a SELECT x FROM b UNION ALL SELECT x FROM c");
}

#[test]
fn fl110_startup_options() {
    let text = "INSERT INTO a SELECT x FROM b /*+ OPTIONS('scan.startup.mode'='latest-offset') */";
    assert_eq!(found(&with(text, &[], |context| context.evolves = true)), ["FL110"]);
    none(text);
}

#[test]
fn fl111_temporary_objects() {
    one("CREATE TEMPORARY VIEW v AS SELECT 1", "FL111", "TEMPORARY");
    none("CREATE VIEW temporary_view AS SELECT 1");
}

#[test]
fn fl112_half_windows() {
    let text = "INSERT INTO a SELECT window_start, COUNT(*) FROM b GROUP BY window_start";
    one(text, "FL112", "GROUP BY");
}

#[test]
fn fl113_processing_time() {
    one("CREATE TABLE a (x INT, p AS PROCTIME())", "FL113", "PROCTIME");
    none("CREATE TABLE a (x INT, proctime TIMESTAMP(3))");
}

#[test]
fn what_is_allowed_is_not_said() {
    let allowed = BTreeSet::from(["FL101".to_owned()]);
    let properties = SmallMap::new();
    let context =
        LintContext { properties: &properties, principal: None, protected: false, evolves: false, allowed: &allowed };
    assert_eq!(found(&lint(&read(JOIN), JOIN, &context)), [""; 0]);
}

#[test]
fn a_text_with_faults_has_none_yet() {
    none("DROP TABLE a; DROP TABLE b");
}

#[test]
fn each_code_is_explained_once() {
    let all: Vec<_> = codes().collect();
    assert!(all.is_sorted());
    for code in &all {
        let explanation = explain(code).unwrap();
        assert!(explanation.source.starts_with("https://docs.confluent.io/"));
        assert!(explanation.reason.ends_with('.') && explanation.fix.ends_with('.'), "{code}");
    }
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert!(explain("fl101").is_some() && explain("FL000").is_none());
}
