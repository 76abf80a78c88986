//! The texts of `floe help FL101`: the title, reason, source and fix of each code.

/// The explanation of one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LintExplanation {
    /// The code, such as `FL101`.
    pub code: &'static str,
    /// What the lint finds, in a few words.
    pub title: &'static str,
    /// Why it matters, in full sentences.
    pub reason: &'static str,
    /// The address of the page of Confluent's documentation that says so.
    pub source: &'static str,
    /// How to fix it, in full sentences.
    pub fix: &'static str,
}

/// Returns the explanation of a code, in any case. `None` if there is no such code.
pub fn explain_lint(code: &str) -> Option<&'static LintExplanation> {
    EXPLANATIONS.iter().find(|entry| entry.code.eq_ignore_ascii_case(code))
}

/// Returns every code, in order.
pub fn lint_codes() -> impl Iterator<Item = &'static str> {
    EXPLANATIONS.iter().map(|entry| entry.code)
}

/// Best practices for Flink on Confluent Cloud.
const BEST_PRACTICES_URL: &str = "https://docs.confluent.io/cloud/current/flink/operate-and-deploy/best-practices.html";
/// The comparison with Apache Flink.
const COMPARISON_URL: &str = "https://docs.confluent.io/cloud/current/flink/concepts/comparison-with-apache-flink.html";
/// Common problems of queries and their solutions.
const COMMON_PROBLEMS_URL: &str =
    "https://docs.confluent.io/cloud/current/flink/how-to-guides/resolve-common-query-problems.html";
/// The reference of `CREATE TABLE`.
const CREATE_TABLE_URL: &str = "https://docs.confluent.io/cloud/current/flink/reference/statements/create-table.html";
/// The life cycle of statements.
const STATEMENTS_URL: &str = "https://docs.confluent.io/cloud/current/flink/concepts/statements.html";
/// Event time, processing time and watermarks.
const TIME_URL: &str = "https://docs.confluent.io/cloud/current/flink/concepts/timely-stream-processing.html";
/// The reference of hints.
const HINTS_URL: &str = "https://docs.confluent.io/cloud/current/flink/reference/statements/hints.html";

/// Every explanation, in order of its code.
static EXPLANATIONS: [LintExplanation; 13] = [
    LintExplanation {
        code: "FL101",
        title: "regular join without `sql.state-ttl`",
        reason: "A regular join keeps every row of both sides, because a matching row may arrive at any time. \
                 Without a time to live, its state grows until the service warns, then degrades or stops the \
                 statement.",
        source: BEST_PRACTICES_URL,
        fix: "Set `sql.state-ttl` in `properties`, or write a `STATE_TTL` hint. Where the data allows it, use a \
              temporal join (`FOR SYSTEM_TIME AS OF`), an interval join or a window join, whose state is limited.",
    },
    LintExplanation {
        code: "FL102",
        title: "`SELECT *` from a table into a sink",
        reason: "The star is expanded once, when the statement is created. A column that is added to the table later \
                 never arrives, and the same text submitted again may mean something else or no longer fit the sink.",
        source: STATEMENTS_URL,
        fix: "Name the columns.",
    },
    LintExplanation {
        code: "FL103",
        title: "`CREATE TABLE … AS` that floe may have to replace",
        reason: "The statement is a definition and a job in one. A new generation would fail on the table that the \
                 first one created, so when its SQL changes, floe can only block the change.",
        source: CREATE_TABLE_URL,
        fix: "Split it into a `CREATE TABLE` and an `INSERT INTO … SELECT`. If it should never change, set `evolve = \
              \"manual\"`.",
    },
    LintExplanation {
        code: "FL104",
        title: "user principal in a protected environment",
        reason: "A statement that runs as a person loses its permissions when that person changes teams or leaves.",
        source: STATEMENTS_URL,
        fix: "Set `principal` to a service account (`sa-…`).",
    },
    LintExplanation {
        code: "FL105",
        title: "window without an idleness setting",
        reason: "A window closes when the watermark passes its end, and the watermark is the lowest of all \
                 partitions. A silent partition holds it back until the service's adaptive detection treats it as \
                 idle. Results arrive late, and a partition that becomes active again may find its windows closed.",
        source: BEST_PRACTICES_URL,
        fix: "Decide how long a partition may be silent, and set `sql.tables.scan.idle-timeout` in `properties`. `0` \
              switches the detection off.",
    },
    LintExplanation {
        code: "FL106",
        title: "`DROP TABLE` in a statement",
        reason: "In Apache Flink this removes a definition. On Confluent Cloud it deletes the Kafka topic with all \
                 of its data and its schemas.",
        source: COMPARISON_URL,
        fix: "Write it as the `undo` of the statement that creates the table. floe then runs it only when that \
              statement is removed or redefined, and only with `--allow-data-loss`. Or allow this lint on the \
              statement.",
    },
    LintExplanation {
        code: "FL107",
        title: "table option that Confluent Cloud does not accept",
        reason: "Options of Apache Flink's Kafka connector and `kafka.partitions` are rejected. Clusters, \
                 credentials and topics are managed by Confluent Cloud, and partitions are declared in a clause of the \
                 table.",
        source: COMPARISON_URL,
        fix: "Replace `'kafka.partitions'` with `DISTRIBUTED INTO n BUCKETS`, and `'format'` with `'key.format'` and \
              `'value.format'`. Remove `'connector'`, or set it to `'confluent'`. Remove `'topic'` and \
              `'properties.…'`.",
    },
    LintExplanation {
        code: "FL108",
        title: "a literal in an option or property that holds a secret",
        reason: "Anyone who can list statements can read the SQL of a statement and its properties. They also appear \
                 in audit logs and in git. `plan` and `apply` report this error too.",
        source: BEST_PRACTICES_URL,
        fix: "Declare the secret under `[secrets]` and write `${secret.name}`, or put it into a connection.",
    },
    LintExplanation {
        code: "FL109",
        title: "state that grows without bound",
        reason: "`GROUP BY` without a window, `SELECT DISTINCT` and `UNION` without `ALL` keep a row for each value \
                 they have ever seen.",
        source: COMMON_PROBLEMS_URL,
        fix: "Set `sql.state-ttl` in `properties`, group by a window (`TUMBLE`, `HOP`, `CUMULATE`), or write `UNION \
              ALL`.",
    },
    LintExplanation {
        code: "FL110",
        title: "startup option in a job that floe may replace",
        reason: "An explicit startup option decides where every new generation of the job starts. Without it, a \
                 replaced job restarts from the beginning of its sources.",
        source: HINTS_URL,
        fix: "Use it once, for a new job, and remove it with the first change.",
    },
    LintExplanation {
        code: "FL111",
        title: "temporary object",
        reason: "Temporary objects exist only in their session. On Confluent Cloud every statement is a session of \
                 its own, so no other statement could use the object.",
        source: COMPARISON_URL,
        fix: "Remove `TEMPORARY`.",
    },
    LintExplanation {
        code: "FL112",
        title: "grouping by only one bound of a window",
        reason: "Flink recognizes a window aggregation only if it groups by both `window_start` and `window_end`. \
                 With one of them it is an ordinary aggregation, which emits updates all the time and keeps every \
                 window forever.",
        source: COMMON_PROBLEMS_URL,
        fix: "Group by both `window_start` and `window_end`.",
    },
    LintExplanation {
        code: "FL113",
        title: "processing time",
        reason: "Results that depend on the time of processing differ on every run. They cannot be reproduced after \
                 a replacement, a restart or a pause.",
        source: TIME_URL,
        fix: "Use `$rowtime`, which every table has, or a column of your own with a `WATERMARK`.",
    },
];
