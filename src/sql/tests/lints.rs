//! Each lint, with texts that it reports and texts that it does not.

use std::collections::BTreeSet;

use crate::resource::{Properties, Template};
use crate::sql::{
    Lint, LintContext, LintSeverity, ViewContext, analyze, explain_lint, lint, lint_codes, lint_with_views,
};

/// Returns the lints of a text in a project with default settings.
pub(super) fn lints_with_defaults(text: &str) -> Vec<Lint> {
    lints_with(text, &[], |_| {})
}

/// Returns the lints of a text with these properties, after `change` has adapted the context.
fn lints_with(text: &str, properties: &[(&str, &str)], adapt_context: impl Fn(&mut LintContext<'_>)) -> Vec<Lint> {
    let properties: Properties<_> = properties.iter().map(|(key, value)| (*key, Template::new(*value))).collect();
    let allowed = BTreeSet::from(["FL999".to_owned()]);
    let mut context = LintContext {
        properties: &properties,
        principal: None,
        is_protected: false,
        can_evolve: false,
        allowed_codes: &allowed,
    };
    adapt_context(&mut context);
    lint(&analyze(text), text, &context)
}

/// Returns the codes of the lints.
fn codes_of(lints: &[Lint]) -> Vec<&'static str> {
    lints.iter().map(|lint| lint.code).collect()
}

/// Asserts that a text has exactly one lint, with its code and the text at its place.
fn assert_one_lint(text: &str, code: &str, place: &str) {
    let lints = lints_with_defaults(text);
    assert_eq!(codes_of(&lints), [code], "{text}");
    assert_eq!(&text[lints[0].span.clone().unwrap()], place, "{text}");
}

/// Asserts that a text has no lints.
fn assert_no_lints(text: &str) {
    assert_eq!(codes_of(&lints_with_defaults(text)), [""; 0], "{text}");
}

/// A job with a regular join.
const JOIN: &str = "INSERT INTO a SELECT b.x FROM b JOIN c ON b.k = c.k";

#[test]
fn fl101_reports_a_regular_join_without_state_ttl() {
    assert_one_lint(JOIN, "FL101", "JOIN");
    assert_eq!(codes_of(&lints_with(JOIN, &[("sql.state-ttl", "1 d")], |_| {})), [""; 0]);
    assert_eq!(codes_of(&lints_with(JOIN, &[("sql.state-ttl", "0 ms")], |_| {})), ["FL101"]);
    assert_no_lints("INSERT INTO a SELECT /*+ STATE_TTL('b'='1d') */ b.x FROM b JOIN c ON b.k = c.k");
    assert_no_lints("INSERT INTO a SELECT b.x FROM b JOIN c FOR SYSTEM_TIME AS OF b.ts ON b.k = c.k");
    assert_no_lints(
        "INSERT INTO a SELECT b.x FROM b JOIN c ON b.k = c.k AND c.t BETWEEN b.t AND b.t + INTERVAL '1' DAY",
    );
    assert_no_lints("INSERT INTO a SELECT b.x FROM b CROSS JOIN UNNEST(b.y) AS u (z)");
    assert_no_lints("CREATE VIEW v AS SELECT b.x FROM b JOIN c ON b.k = c.k");
}

#[test]
fn fl102_reports_select_star_from_a_table_into_a_sink() {
    assert_one_lint("INSERT INTO a SELECT * FROM b", "FL102", "*");
    assert_one_lint("INSERT INTO a SELECT b.* FROM b", "FL102", "*");
    // Through derived tables, common table expressions, brackets and unions.
    assert_one_lint("INSERT INTO a SELECT * FROM (SELECT * FROM b) c", "FL102", "*");
    assert_one_lint("INSERT INTO a WITH w AS (SELECT * FROM b) SELECT * FROM w", "FL102", "*");
    assert_one_lint("INSERT INTO a (SELECT * FROM b)", "FL102", "*");
    assert_one_lint("INSERT INTO a SELECT x FROM b UNION ALL SELECT * FROM c", "FL102", "*");
    let windowed = "INSERT INTO a SELECT * FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(t), INTERVAL '1' HOUR))";
    assert_eq!(codes_of(&lints_with_defaults(windowed)), ["FL102", "FL105"]);
    assert_no_lints("INSERT INTO a SELECT * FROM (SELECT x FROM b) c");
    assert_no_lints("INSERT INTO a WITH w AS (SELECT x FROM b) SELECT * FROM w");
    assert_no_lints("INSERT INTO a SELECT x * y FROM b");
    // Not if the query above it names the columns.
    assert_no_lints("INSERT INTO a SELECT x FROM (SELECT * FROM b) c");
    assert_no_lints("INSERT INTO a WITH w AS (SELECT * FROM b), v AS (SELECT * FROM w) SELECT x FROM v");
    assert_no_lints("INSERT INTO a SELECT * FROM (SELECT x FROM (SELECT * FROM b) c) d");
    assert_no_lints("INSERT INTO a SELECT x FROM b WHERE EXISTS (SELECT * FROM c WHERE c.k = b.k)");
    assert_no_lints("INSERT INTO a SELECT x FROM b WHERE x IN (SELECT * FROM c)");
}

#[test]
fn fl102_ignores_the_window_join_of_confluents_guide() {
    let windowed = |table: &str| {
        format!("(SELECT * FROM TABLE(TUMBLE(TABLE {table}, DESCRIPTOR($rowtime), INTERVAL '5' MINUTES)))")
    };
    let text = format!(
        "INSERT INTO a SELECT L.num, R.num FROM {} L FULL JOIN {} R ON L.num = R.num AND \
         L.window_start = R.window_start AND L.window_end = R.window_end",
        windowed("LeftTable"),
        windowed("RightTable")
    );
    assert!(!codes_of(&lints_with_defaults(&text)).contains(&"FL102"));
}

#[test]
fn fl103_reports_create_table_as_in_an_evolving_project() {
    let text = "CREATE TABLE a AS SELECT x FROM b";
    let lints = lints_with(text, &[], |context| context.can_evolve = true);
    assert_eq!(codes_of(&lints), ["FL103"]);
    assert_eq!(&text[lints[0].span.clone().unwrap()], "a");
    assert_no_lints(text);
}

#[test]
fn fl104_reports_a_user_principal_in_a_protected_environment() {
    let text = "INSERT INTO a SELECT x FROM b";
    let run_as = |principal, protected| {
        codes_of(&lints_with(text, &[], |context| {
            context.principal = Some(principal);
            context.is_protected = protected;
        }))
    };
    assert_eq!(run_as("u-4k2", true), ["FL104"]);
    assert_eq!(run_as("u-4k2", false), [""; 0]);
    assert_eq!(run_as("sa-4k2", true), [""; 0]);
}

#[test]
fn fl105_reports_a_window_without_an_idle_timeout() {
    let text = "INSERT INTO a SELECT window_start, window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(t), INTERVAL '1' HOUR)) \
                GROUP BY window_start, window_end";
    assert_one_lint(text, "FL105", "TUMBLE");
    assert_eq!(codes_of(&lints_with(text, &[("sql.tables.scan.idle-timeout", "0")], |_| {})), [""; 0]);
}

#[test]
fn fl106_reports_drop_table() {
    assert_one_lint("DROP TABLE IF EXISTS `a`.b", "FL106", "`a`.b");
    assert_no_lints("DROP VIEW a");
}

#[test]
fn fl107_reports_options_that_confluent_cloud_rejects() {
    assert_one_lint("CREATE TABLE a (x INT) WITH ('kafka.partitions' = '3')", "FL107", "'kafka.partitions'");
    assert_one_lint("CREATE TABLE a (x INT) WITH ('connector' = 'upsert-kafka')", "FL107", "'connector'");
    assert_one_lint(
        "CREATE TABLE a (x INT) WITH ('properties.bootstrap.servers' = 'h:1')",
        "FL107",
        "'properties.bootstrap.servers'",
    );
    assert_no_lints(
        "CREATE TABLE a (x INT) WITH ('connector' = 'confluent', 'kafka.retention.time' = '1 d', 'value.format' = 'avro-registry')",
    );
}

#[test]
fn fl108_reports_a_plaintext_secret_without_repeating_it() {
    for key in
        ["api-key", "openai.api_key", "password", "jdbc.password", "client-secret", "mcp.token", "aws.secret-key"]
    {
        let text = format!("CREATE CONNECTION c WITH ('type' = 'x', '{key}' = 'hunter2')");
        let lints = lints_with_defaults(&text);
        assert_eq!(codes_of(&lints), ["FL108"], "{text}");
        assert_eq!(lints[0].severity, LintSeverity::Error);
        assert!(!format!("{lints:?}").contains("hunter2"));
        assert_eq!(&text[lints[0].span.clone().unwrap()], "'hunter2'");
    }
    assert_no_lints("CREATE CONNECTION c WITH ('api-key' = '${secret.key}')");
    assert_no_lints("CREATE MODEL m WITH ('openai.api_key' = '{{sessionconfig/sql.secrets.key}}')");
    assert_no_lints("CREATE MODEL m WITH ('openai.max_tokens_per_key' = '100', 'tokenizer' = 'x')");
}

#[test]
fn fl108_reports_a_plaintext_secret_in_properties() {
    const TEXT: &str = "INSERT INTO a SELECT x FROM b";
    for (key, value) in [("sql.secrets.openai", "sk-1"), ("SQL.Secrets.openai", "sk-1"), ("client.password", "x")] {
        let lints = lints_with(TEXT, &[(key, value)], |_| {});
        assert_eq!(codes_of(&lints), ["FL108"], "{key}");
        assert_eq!((lints[0].severity, lints[0].property.as_deref()), (LintSeverity::Error, Some(key)));
        assert!(!lints[0].message.contains(value));
    }
    for (key, value) in
        [("sql.secrets.openai", "${secret.openai}"), ("sql.secrets.openai", ""), ("sql.state-ttl", "1 d")]
    {
        assert_eq!(codes_of(&lints_with(TEXT, &[(key, value)], |_| {})), [""; 0], "{key} {value}");
    }
}

/// The value that no message may repeat.
const LITERAL: &str = "hunter2";

/// Returns the lints of an option of a connection.
fn option_lints(key: &str, value: &str) -> Vec<Lint> {
    lints_with_defaults(&format!("CREATE CONNECTION c WITH ('type' = 'x', '{key}' = '{}')", value.replace('\'', "''")))
}

#[test]
fn fl108_reports_every_sensitive_key_of_flink_and_confluent() {
    // GlobalConfiguration.SENSITIVE_KEYS of Apache Flink.
    let flink = [
        "password",
        "secret",
        "fs.azure.account.key",
        "apikey",
        "api-key",
        "auth-params",
        "service-key",
        "token",
        "basic-auth",
        "jaas.config",
        "http-headers",
    ];
    // The options of connections and models of Confluent Cloud that hold a secret.
    let confluent = [
        "aws-access-key",
        "aws-secret-key",
        "aws-session-token",
        "client-secret",
        "sse-token",
        "vertexai.service_key",
        "bedrock.aws_access_key",
        "bedrock.aws_secret_key",
        "bedrock.aws_session_token",
        "azureml.api_key",
        "sagemaker.aws_session_token",
    ];
    for key in flink.into_iter().chain(confluent) {
        let camel_case: String =
            key.split(['-', '_']).map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..])).collect();
        for written in [
            key.to_owned(),
            key.to_uppercase(),
            key.replace(['-', '_'], "."),
            key.replace(['-', '_', '.'], ""),
            format!("my.{key}"),
            format!("{key}.second"),
            format!("{key}-1"),
            camel_case,
        ] {
            let lints = option_lints(&written, LITERAL);
            assert_eq!(codes_of(&lints), ["FL108"], "{written}");
            assert!(!format!("{lints:?}").contains(LITERAL), "{written}");
            assert_eq!(codes_of(&option_lints(&written, "${secret.k}")), [""; 0], "{written}");
            assert_eq!(codes_of(&option_lints(&written, "")), [""; 0], "{written}");
        }
    }
}

#[test]
fn fl108_is_silent_about_options_that_only_sound_like_a_secret() {
    for (key, value) in [
        ("max-tokens", "500"),
        ("openai.params.max_tokens", "500"),
        ("maxTokens", "500"),
        ("context-tokens", "4096"),
        ("token-limit", "5"),
        ("token-endpoint", "https://login.example.com/oauth2/token"),
        ("token-type", "bearer"),
        ("tokenizer", "standard"),
        ("basic.auth.credentials.source", "USER_INFO"),
        ("aws.credentials.provider", "AUTO"),
        ("key.format", "avro-registry"),
        ("kafka.cleanup-policy", "compact"),
        ("sasl.mechanism", "PLAIN"),
        ("primary-key", "id"),
        ("pattern", "a+"),
        ("endpoint", "https://api.example.com/v1?version=2&user=me"),
        ("openai.system_prompt", "Never reveal password=x, not even to me@example.com"),
        ("url", "jdbc:postgresql://db.example.com:5432/shop"),
        ("url", "mongodb://reader@db.example.com"),
        ("url", "https://reader:${secret.password}@db.example.com?api_key={{sessionconfig/sql.secrets.k}}"),
    ] {
        assert_eq!(codes_of(&option_lints(key, value)), [""; 0], "{key}");
    }
}

#[test]
fn fl108_reports_credentials_in_any_value() {
    for value in [
        "https://reader:hunter2@db.example.com/v1",
        "https://hunter2@git.example.com/repository",
        "mongodb+srv://reader:hunter2@cluster.example.com/?retryWrites=true",
        "jdbc:postgresql://db.example.com/shop?user=reader&password=hunter2",
        "https://api.example.com/v1?api_key=hunter2",
        "https://blob.example.com/c?sv=2024&sig=hunter2",
        "Endpoint=sb://bus.example.com/;SharedAccessKeyName=root;SharedAccessKey=hunter2",
        "-----BEGIN PRIVATE KEY-----hunter2-----END PRIVATE KEY-----",
    ] {
        let lints = option_lints("endpoint", value);
        assert_eq!(codes_of(&lints), ["FL108"], "{value}");
        assert!(lints[0].message.contains("contains credentials"), "{value}");
        assert!(!format!("{lints:?}").contains(LITERAL), "{value}");
        let lints = lints_with("INSERT INTO a SELECT x FROM b", &[("endpoint", value)], |_| {});
        assert_eq!(codes_of(&lints), ["FL108"], "{value}");
    }
    let hint = "INSERT INTO a SELECT x FROM b /*+ OPTIONS('properties.password'='hunter2') */";
    assert_one_lint(hint, "FL108", "'hunter2'");
}

#[test]
fn fl108_says_that_a_placeholder_was_not_filled_in() {
    for value in
        ["<your-api-key>", "YOUR_API_KEY", "your-api-key", "****", "xxxx", "...", "changeme", "$API_KEY", "{key}"]
    {
        let lints = option_lints("api-key", value);
        assert_eq!(codes_of(&lints), ["FL108"], "{value}");
        assert_eq!(lints[0].message, "the secret `api-key` is a placeholder that was not filled in", "{value}");
    }
    for value in [LITERAL, "{\"private_key\":\"-----BEGIN\"}", "sk-your-key"] {
        assert!(!option_lints("api-key", value)[0].message.contains("placeholder"), "{value}");
    }
}

#[test]
fn fl109_reports_unbounded_state() {
    assert_one_lint("INSERT INTO a SELECT x, COUNT(*) FROM b GROUP BY x", "FL109", "GROUP");
    assert_one_lint("INSERT INTO a SELECT DISTINCT x FROM b", "FL109", "DISTINCT");
    assert_one_lint("INSERT INTO a SELECT x FROM b UNION SELECT x FROM c", "FL109", "UNION");
    assert_no_lints("INSERT INTO a SELECT x FROM b UNION ALL SELECT x FROM c");
}

#[test]
fn fl101_takes_only_a_limit_between_two_tables_for_a_bound_in_time() {
    let join = |condition: &str| format!("INSERT INTO o SELECT a.x FROM a JOIN b ON a.id = b.id {condition}");
    for condition in [
        "WHERE a.price BETWEEN 10 AND 100",
        "AND a.price BETWEEN b.low AND b.high",
        "WHERE a.ts > NOW() - INTERVAL '1' DAY",
        "WHERE a.ts BETWEEN NOW() - INTERVAL '1' DAYS AND CURRENT_TIMESTAMP",
        "AND a.ts + INTERVAL '1' DAY > a.other",
        "AND a.ts > b.ts - INTERVAL '1' HOUR",
        "AND (a.ts BETWEEN b.ts AND b.ts + INTERVAL '1' HOUR OR a.x = 1)",
        "AND a.ts NOT BETWEEN b.ts AND b.ts + INTERVAL '1' HOUR",
        "AND a.window_start = b.window_start AND a.window_end = b.window_end",
        "WHERE a.k IN (SELECT c.k FROM c WHERE c.ts BETWEEN c.u AND c.u + INTERVAL '1' HOUR)",
        "WHERE b.window_start IS NOT NULL",
    ] {
        assert_eq!(codes_of(&lints_with_defaults(&join(condition))), ["FL101"], "{condition}");
    }
    for condition in [
        "AND a.ts BETWEEN b.ts AND b.ts + INTERVAL '10' SECOND",
        "AND (a.ts BETWEEN b.ts - INTERVAL '1' HOUR AND b.ts)",
        "WHERE a.ts BETWEEN b.ts AND b.ts + INTERVAL '10' SECOND",
        "AND a.ts >= b.ts AND a.ts < b.ts + INTERVAL '1' HOUR",
        "WHERE a.price > 3 AND b.ts - INTERVAL '1' HOUR <= a.ts AND b.ts + INTERVAL '1' HOUR >= a.ts",
        "AND a_ts BETWEEN b_ts AND b_ts + INTERVAL '1' DAYS",
    ] {
        assert_eq!(codes_of(&lints_with_defaults(&join(condition))), [""; 0], "{condition}");
    }
    let window = |table: &str| format!("SELECT * FROM TABLE(TUMBLE(TABLE {table}, DESCRIPTOR(ts), INTERVAL '1' HOUR))");
    let on = "ON l.id = r.id AND l.window_start = r.window_start AND l.window_end = r.window_end";
    let codes = |text: &str| codes_of(&lints_with(text, &[("sql.tables.scan.idle-timeout", "1 min")], |_| {}));
    let (a, b) = (window("a"), window("b"));
    assert_eq!(codes(&format!("INSERT INTO o SELECT l.x FROM ({a}) l JOIN ({b}) r {on}")), [""; 0]);
    assert_eq!(codes(&format!("INSERT INTO o WITH l AS ({a}), r AS ({b}) SELECT l.x FROM l JOIN r {on}")), [""; 0]);
    assert_eq!(codes(&format!("INSERT INTO o SELECT l.x FROM ({a}) l JOIN hourly r {on}")), ["FL101"]);
    let right = on.replace("l.", "h.");
    assert_eq!(codes(&format!("INSERT INTO o WITH w AS ({a}) SELECT h.x FROM hourly h JOIN w r {right}")), ["FL101"]);
    let half = on.replace("AND l.window_end = r.window_end", "");
    assert_eq!(codes(&format!("INSERT INTO o SELECT l.x FROM ({a}) l JOIN ({b}) r {half}")), ["FL101"]);
    let views = [vec!["l".to_owned()], vec!["r".to_owned()]].into();
    let text = format!("INSERT INTO o SELECT l.x FROM l JOIN r {on}");
    let lints = lints_with_views(&text, &views);
    assert_eq!(codes_of(&lints), [""; 0]);
    assert_eq!(codes_of(&lints_with_defaults(&text)), ["FL101"]);
}

#[test]
fn a_state_ttl_of_zero_bounds_nothing() {
    for ttl in ["0", "0 ms", "0.0 h", "00s"] {
        assert_eq!(codes_of(&lints_with(JOIN, &[("sql.state-ttl", ttl)], |_| {})), ["FL101"], "{ttl}");
        let hinted = JOIN.replace("SELECT", &format!("SELECT /*+ STATE_TTL('b' = '{ttl}', 'c' = '{ttl}') */"));
        assert_eq!(codes_of(&lints_with_defaults(&hinted)), ["FL101"], "{ttl}");
    }
    for ttl in ["1", "0.5 h", "10 ms"] {
        assert_eq!(codes_of(&lints_with(JOIN, &[("sql.state-ttl", ttl)], |_| {})), [""; 0], "{ttl}");
    }
}

#[test]
fn fl109_takes_window_bounds_for_a_window_only_if_the_source_has_windows() {
    let group = "GROUP BY window_start, window_end";
    let sums = "INSERT INTO o SELECT window_start, window_end, SUM(n) FROM";
    assert_one_lint(&format!("{sums} hourly {group}"), "FL109", "GROUP");
    let window = "TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '1' HOUR))";
    let codes = |text: &str| codes_of(&lints_with(text, &[("sql.tables.scan.idle-timeout", "1 min")], |_| {}));
    for text in [
        format!("{sums} {window} {group}"),
        format!("{sums} (SELECT * FROM {window}) AS w {group}"),
        format!(
            "INSERT INTO o WITH w AS (SELECT * FROM {window}), v AS (SELECT * FROM w) SELECT SUM(n) FROM v {group}"
        ),
    ] {
        assert_eq!(codes(&text), [""; 0], "{text}");
    }
    for text in [
        format!("{sums} {window} {group} UNION ALL SELECT window_start, window_end, SUM(n) FROM hourly {group}"),
        format!("INSERT INTO o WITH w AS (SELECT * FROM {window}) SELECT SUM(n) FROM hourly {group}"),
    ] {
        assert_eq!(codes(&text), ["FL109"], "{text}");
    }
    let text = format!("{sums} hourly {group}");
    assert_eq!(codes_of(&lints_with_views(&text, &[vec!["hourly".to_owned()]].into())), [""; 0]);
}

/// Returns the lints of a text that reads these views with windows.
fn lints_with_views(text: &str, views: &BTreeSet<Vec<String>>) -> Vec<Lint> {
    let properties = Properties::new();
    let context = LintContext {
        properties: &properties,
        principal: None,
        is_protected: false,
        can_evolve: false,
        allowed_codes: &BTreeSet::new(),
    };
    let views = ViewContext { windowed_views: views.clone(), ..ViewContext::default() };
    lint_with_views(&analyze(text), text, &context, &views)
}

#[test]
fn fl110_reports_a_startup_option_in_an_evolving_job() {
    let text = "INSERT INTO a SELECT x FROM b /*+ OPTIONS('scan.startup.mode'='latest-offset') */";
    assert_eq!(codes_of(&lints_with(text, &[], |context| context.can_evolve = true)), ["FL110"]);
    assert_no_lints(text);
}

#[test]
fn fl111_reports_temporary_objects() {
    assert_one_lint("CREATE TEMPORARY VIEW v AS SELECT 1", "FL111", "TEMPORARY");
    assert_no_lints("CREATE VIEW temporary_view AS SELECT 1");
}

#[test]
fn fl112_reports_grouping_by_only_one_window_bound() {
    let text = "INSERT INTO a SELECT window_start, COUNT(*) FROM b GROUP BY window_start";
    assert_one_lint(text, "FL112", "GROUP BY");
}

#[test]
fn fl113_reports_processing_time() {
    assert_one_lint("CREATE TABLE a (x INT, p AS PROCTIME())", "FL113", "PROCTIME");
    assert_no_lints("CREATE TABLE a (x INT, proctime TIMESTAMP(3))");
}

#[test]
fn an_allowed_code_is_not_reported() {
    let allowed = BTreeSet::from(["FL101".to_owned()]);
    let properties = Properties::new();
    let context = LintContext {
        properties: &properties,
        principal: None,
        is_protected: false,
        can_evolve: false,
        allowed_codes: &allowed,
    };
    assert_eq!(codes_of(&lint(&analyze(JOIN), JOIN, &context)), [""; 0]);
}

#[test]
fn a_text_with_errors_has_no_lints() {
    assert_no_lints("DROP TABLE a; DROP TABLE b");
}

#[test]
fn each_lint_code_has_one_explanation() {
    let all: Vec<_> = lint_codes().collect();
    assert!(all.is_sorted());
    for code in &all {
        let explanation = explain_lint(code).unwrap();
        assert!(explanation.source.starts_with("https://docs.confluent.io/"));
        assert!(explanation.reason.ends_with('.') && explanation.fix.ends_with('.'), "{code}");
    }
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert!(explain_lint("fl101").is_some() && explain_lint("FL000").is_none());
}
