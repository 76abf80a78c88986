//! What `floe help FL101` says: each code's title, reason, source and fix.

/// Everything there is to say of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LintExplanation {
    /// `FL101`.
    pub code: &'static str,
    /// What is found, in a few words.
    pub title: &'static str,
    /// Why it matters.
    pub reason: &'static str,
    /// Where that is written: pages of Confluent's documentation, by address.
    pub source: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// The explanation of a code, in any case; `None` if there is no such code.
pub fn explain_lint(code: &str) -> Option<&'static LintExplanation> {
    EXPLANATIONS.iter().find(|entry| entry.code.eq_ignore_ascii_case(code))
}

/// Every code, in order.
pub fn lint_codes() -> impl Iterator<Item = &'static str> {
    EXPLANATIONS.iter().map(|entry| entry.code)
}

const BEST_PRACTICES_URL: &str = "https://docs.confluent.io/cloud/current/flink/operate-and-deploy/best-practices.html";
const COMPARISON_URL: &str = "https://docs.confluent.io/cloud/current/flink/concepts/comparison-with-apache-flink.html";
const COMMON_PROBLEMS_URL: &str =
    "https://docs.confluent.io/cloud/current/flink/how-to-guides/resolve-common-query-problems.html";
const CREATE_TABLE_URL: &str = "https://docs.confluent.io/cloud/current/flink/reference/statements/create-table.html";
const STATEMENTS_URL: &str = "https://docs.confluent.io/cloud/current/flink/concepts/statements.html";
const TIME_URL: &str = "https://docs.confluent.io/cloud/current/flink/concepts/timely-stream-processing.html";
const HINTS_URL: &str = "https://docs.confluent.io/cloud/current/flink/reference/statements/hints.html";

static EXPLANATIONS: [LintExplanation; 13] = [
    LintExplanation {
        code: "FL101",
        title: "regular join without `sql.state-ttl`",
        reason: "A regular join keeps every row of both sides, for a partner may come at any time. Without a time to live its \
                 state grows until the service warns, then degrades or stops the statement.",
        source: BEST_PRACTICES_URL,
        fix: "Set `sql.state-ttl` in the statement's `properties` or a STATE_TTL hint. Better where the data allows it: a temporal \
              join (FOR SYSTEM_TIME AS OF), an interval join or a window join, whose state ends by itself.",
    },
    LintExplanation {
        code: "FL102",
        title: "`SELECT *` from a table into a sink",
        reason: "The star is expanded once, when the statement is created. A column that the table gains later never arrives, and the \
                 same text submitted again means something else, or no longer fits its sink.",
        source: STATEMENTS_URL,
        fix: "Name the columns.",
    },
    LintExplanation {
        code: "FL103",
        title: "`CREATE TABLE … AS` in a project that evolves",
        reason: "It is a definition and a job in one. A new generation of it would fail on the table that the first one made, so that \
                 floe can only block when its SQL changes.",
        source: CREATE_TABLE_URL,
        fix: "Split it into a CREATE TABLE and an INSERT INTO … SELECT; or set `evolve = \"manual\"` where it is never to change.",
    },
    LintExplanation {
        code: "FL104",
        title: "user principal in a protected environment",
        reason: "A statement that runs as a person loses its rights when that person changes teams or leaves.",
        source: STATEMENTS_URL,
        fix: "Set `principal` to a service account (`sa-…`).",
    },
    LintExplanation {
        code: "FL105",
        title: "window without an idleness setting",
        reason: "A window closes when the watermark passes its end, and the watermark is the lowest of all partitions. A silent \
                 partition holds it back until the service's own, adaptive detection takes it for idle: results come late, and a \
                 partition that wakes up again may find its windows closed.",
        source: BEST_PRACTICES_URL,
        fix: "Decide it: set `sql.tables.scan.idle-timeout` in `properties` (`0` switches detection off).",
    },
    LintExplanation {
        code: "FL106",
        title: "`DROP TABLE` in a statement",
        reason: "In Apache Flink this forgets a definition. On Confluent Cloud it deletes the Kafka topic with all of its data, and its \
                 schemas.",
        source: COMPARISON_URL,
        fix: "Write it as the `undo` of the statement that creates the table: floe then runs it only when that is removed, with \
              `--allow-data-loss`. Or allow this code on the statement.",
    },
    LintExplanation {
        code: "FL107",
        title: "a table option that the cloud does not take",
        reason: "Options of Apache Flink's Kafka connector and `kafka.partitions` are rejected: clusters, credentials and topics are \
                 the cloud's, and partitions are declared in the table's own clause.",
        source: COMPARISON_URL,
        fix: "`'kafka.partitions'`: DISTRIBUTED INTO n BUCKETS. `'connector'`: `'confluent'` or nothing. `'topic'`, `'properties.*'`: \
              nothing. `'format'`: `'key.format'` and `'value.format'`.",
    },
    LintExplanation {
        code: "FL108",
        title: "a literal in an option or property that holds a secret",
        reason: "The text of a statement and its properties can be read by everybody who may list statements, stand in audit \
                 logs and in git. `plan` and `apply` refuse it too.",
        source: BEST_PRACTICES_URL,
        fix: "Declare it under `[secrets]` and write `${secret.name}`; or put it into a connection.",
    },
    LintExplanation {
        code: "FL109",
        title: "state that grows without an end",
        reason: "GROUP BY without a window, SELECT DISTINCT and UNION without ALL keep a row for each value they ever saw.",
        source: COMMON_PROBLEMS_URL,
        fix: "Set `sql.state-ttl` in `properties`, group by a window (TUMBLE, HOP, CUMULATE), or write UNION ALL.",
    },
    LintExplanation {
        code: "FL110",
        title: "a startup option in a job that evolves",
        reason: "An explicit startup option outranks the offsets that a replacement takes over from the job before it, so that floe can't \
                 carry them over.",
        source: HINTS_URL,
        fix: "Leave it out. Use it once, for a new job, and remove it with its first change.",
    },
    LintExplanation {
        code: "FL111",
        title: "a temporary object",
        reason: "Temporary objects live in a session. On Confluent Cloud every statement is a session of its own, so nothing else could \
                 ever use it.",
        source: COMPARISON_URL,
        fix: "Leave out TEMPORARY.",
    },
    LintExplanation {
        code: "FL112",
        title: "grouping by half a window",
        reason: "Flink takes an aggregation for a window aggregation only if it groups by both `window_start` and `window_end`. With one \
                 of them it is an ordinary one: it emits updates all the time and keeps every window for ever.",
        source: COMMON_PROBLEMS_URL,
        fix: "Group by both `window_start` and `window_end`.",
    },
    LintExplanation {
        code: "FL113",
        title: "processing time",
        reason: "Results that depend on the moment of processing come out differently each time: after a replacement, a restart or a \
                 pause nobody can tell what they should have been.",
        source: TIME_URL,
        fix: "Use `$rowtime`, which every table has, or a column of your own with a WATERMARK.",
    },
];
