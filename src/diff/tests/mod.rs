//! Tests of `diff`. Each starts from a converged project, changes one thing, and checks what the diff says about it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod identity;
mod one_opinion;
mod summary;
mod unknown_or_gone;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    graph::{self, Graph},
    live::Live,
    manifest::tests::ProjectFixture,
    resource::{
        Generation, HashKey, LivePool, LiveStatement, Offsets, Phase, PoolDeclaration, SecretHashes, Submission,
        tests::{identity, live_pool, live_statement, submission_of},
    },
    settle::Settlement,
    sql::StatementClass,
    state::{FurthestPhase, GenerationRecord, PoolRecord, Recorded, StatementRecord, Tombstone},
};

/// The start of every manifest: a pool that all statements use.
const HEAD: &str = "[pools.main]\nmax_cfu = 10\n[defaults]\npool = \"main\"\n";
/// The definition of a table.
const TABLE: &str = "[statements.orders]\nsql = \"CREATE TABLE orders (id INT)\"\n";
/// A job that reads the table.
const COPY: &str = "[statements.copy]\nsql = \"INSERT INTO target SELECT id FROM orders\"\n";

/// A project whose record and cloud match its declaration, until a test changes one of them.
struct DiffFixture {
    /// The desired project, as a graph.
    graph: Graph,
    /// The record of the project.
    recorded: Recorded,
    /// The live statements by cloud name.
    statements: BTreeMap<String, LiveStatement>,
    /// The live pools by id.
    pools: BTreeMap<String, LivePool>,
    /// The names that a GET confirms as absent.
    gone: Vec<String>,
    /// The names that a GET cannot read.
    unknown: Vec<String>,
    /// The options of the plan.
    options: PlanOptions,
}

/// Returns the graph of a project with these statements.
fn graph_of(statements: &str) -> Graph {
    graph::build(ProjectFixture::new(&format!("{HEAD}{statements}")).load()).unwrap()
}

impl DiffFixture {
    /// Returns a converged project with these statements.
    fn of(statements: &str) -> DiffFixture {
        let graph = graph_of(statements);
        let mut recorded = Recorded::new("lineage".to_owned(), identity(), HashKey("key".to_owned()));
        let (mut live_statements, mut pools) = (BTreeMap::new(), BTreeMap::new());
        for (key, declared) in &graph.project.pools {
            let PoolDeclaration::Owned(pool) = &declared.spec else { continue };
            let id = format!("lfcp-{key}");
            recorded
                .pools
                .insert(key.clone(), PoolRecord { id: id.clone(), declared: pool.clone(), is_deleted: false });
            pools.insert(id.clone(), live_pool(&id, pool));
        }
        for (key, declared) in &graph.project.statements {
            let is_definition = declared.analysis.kind.class() == StatementClass::Definition;
            let sent = submission_of(&declared.spec);
            let phase = if is_definition { Phase::Completed } else { Phase::Running };
            let reached = if is_definition { FurthestPhase::Completed } else { FurthestPhase::Running };
            live_statements.insert(sent.name.clone(), live_statement(&sent, phase));
            let uid = format!("uid-{}", sent.name);
            let current = GenerationRecord {
                reached,
                sql_kind: Some("KIND".to_owned()),
                ..GenerationRecord::submitted(sent, uid)
            };
            let record = StatementRecord {
                dependencies: graph.dependencies(&Address::statement(key)).cloned().collect(),
                current: Some(Box::new(current)),
                last_generation: Generation::FIRST,
                ..StatementRecord::new(declared.spec.clone())
            };
            recorded.statements.insert(key.clone(), Box::new(record));
        }
        let options = PlanOptions::default();
        DiffFixture { graph, recorded, statements: live_statements, pools, gone: vec![], unknown: vec![], options }
    }

    /// Replaces the statements that are declared.
    fn desired(mut self, statements: &str) -> DiffFixture {
        self.graph = graph_of(statements);
        self
    }

    /// Changes one of the live statements.
    fn live(mut self, name: &str, change: impl FnOnce(&mut LiveStatement)) -> DiffFixture {
        change(self.statements.get_mut(name).unwrap());
        self
    }

    /// Sets the phase of a live statement.
    fn phase(self, name: &str, phase: Phase) -> DiffFixture {
        self.live(name, |live| live.phase = phase)
    }

    /// Marks a live statement as stopped.
    fn stopped(self, name: &str) -> DiffFixture {
        self.live(name, |live| (live.phase, live.stopped) = (Phase::Stopped, true))
    }

    /// Changes the recorded current generation of a statement.
    fn current(mut self, key: &str, change: impl FnOnce(&mut GenerationRecord)) -> DiffFixture {
        change(self.recorded.statements.get_mut(key).unwrap().current.as_mut().unwrap());
        self
    }

    /// Removes a statement from the list without confirming its absence.
    fn unlisted(mut self, name: &str) -> DiffFixture {
        self.statements.remove(name);
        self
    }

    /// Removes a statement from the list and confirms its absence.
    fn gone(mut self, name: &str) -> DiffFixture {
        self.gone.push(name.to_owned());
        self.unlisted(name)
    }

    /// Removes a statement from the list and makes its GET fail.
    fn unknown(mut self, name: &str) -> DiffFixture {
        self.unknown.push(name.to_owned());
        self.unlisted(name)
    }

    /// Changes the options of the plan.
    fn with_options(mut self, change: impl FnOnce(&mut PlanOptions)) -> DiffFixture {
        change(&mut self.options);
        self
    }

    /// Returns the inputs of a diff with this snapshot.
    fn inputs<'a>(&'a self, live: &'a Live, settlement: &'a Settlement) -> Inputs<'a> {
        let desired = Desired { graph: &self.graph, secrets: const { &SecretHashes::new() } };
        Inputs { desired, recorded: &self.recorded, settlement, live, options: &self.options }
    }

    /// Returns the snapshot of the fixture.
    fn snapshot(&self) -> Live {
        let mut snapshot = Live::from_resources(self.statements.clone(), Some(self.pools.clone()));
        self.gone.iter().for_each(|name| snapshot.add_statement_answer(name, Ok(None)));
        self.unknown.iter().for_each(|name| snapshot.add_statement_answer(name, Err("403".to_owned())));
        snapshot
    }

    /// Returns the diff of the fixture, or the lookups that are missing.
    fn outcome(&self) -> DiffOutcome {
        diff(self.inputs(&self.snapshot(), &Settlement::default()))
    }

    /// Returns the diff of a fixture that lacks no facts.
    fn diff(&self) -> Diff {
        complete(self.outcome())
    }

    /// Returns the lookups of a fixture that lacks facts.
    fn missing(&self) -> Lookups {
        let DiffOutcome::Incomplete(lookups) = self.outcome() else { panic!("nothing is missing") };
        lookups
    }

    /// Returns one line per change, or one per lookup if facts are missing.
    fn summary(&self) -> String {
        summary::of_outcome(&self.outcome())
    }
}

/// Returns the diff of an outcome that lacks no facts.
fn complete(outcome: DiffOutcome) -> Diff {
    match outcome {
        DiffOutcome::Complete(diff) => diff,
        DiffOutcome::Incomplete(lookups) => panic!("missing: {lookups:?}"),
    }
}

/// Returns a converged project with a table and a job.
fn converged() -> DiffFixture {
    DiffFixture::of(&format!("{TABLE}{COPY}"))
}

/// Returns the table and the job, with more lines for the job.
fn copy(more: &str) -> String {
    format!("{TABLE}{COPY}{more}")
}

#[test]
fn unchanged_objects_are_only_counted() {
    let diff = converged().diff();
    assert_eq!((diff.changes.len(), diff.unchanged, diff.foreign), (0, 3, 0));
}

#[test]
fn absence_is_looked_up_before_it_is_acted_on() {
    let new = converged().desired(&copy("[statements.new]\nsql = \"INSERT INTO x SELECT 1\"\n"));
    insta::assert_snapshot!(new.summary(), @"looks up new");
    insta::assert_snapshot!(new.gone("new").summary(), @"new: Create new g1");
    insta::assert_snapshot!(converged().unlisted("copy").summary(), @"looks up copy");
    insta::assert_snapshot!(converged().desired(TABLE).unlisted("copy").summary(), @"looks up copy");
}

#[test]
fn a_statement_of_unknown_presence_is_blocked() {
    insta::assert_snapshot!(
        converged().unknown("copy").summary(),
        @r#"copy: BLOCKED by PresenceUnknown { why: "403" } | unhealthy"#
    );
    insta::assert_snapshot!(
        converged().desired(TABLE).unknown("copy").summary(),
        @r#"copy: BLOCKED by PresenceUnknown { why: "403" } | unhealthy"#
    );
    let with_new = copy("[statements.new]\nsql = \"INSERT INTO x SELECT 1\"\n");
    insta::assert_snapshot!(
        converged().desired(&with_new).unknown("new").summary(),
        @r#"new: BLOCKED by PresenceUnknown { why: "403" }"#
    );
    // A completed definition is in force even if its statement cannot be read.
    insta::assert_snapshot!(converged().unknown("orders").summary(), @"no changes");
}

#[test]
fn cosmetic_sql_changes_are_only_recorded() {
    let cosmetic = copy("").replace("INSERT INTO target SELECT", "insert  into target -- so\\n select");
    insta::assert_snapshot!(converged().desired(&cosmetic).summary(), @"copy: RecordSettings | note CosmeticSqlChange");
}

#[test]
fn changed_settings_are_only_recorded() {
    let settings = copy("timeout = \"1h\"\nprevent_destroy = true\n");
    insta::assert_snapshot!(converged().desired(&settings).summary(), @"copy: RecordSettings");
}

#[test]
fn a_replacement_needs_a_policy_or_a_consent() {
    let changed = |more: &str| converged().desired(&copy(more).replace("SELECT id FROM", "SELECT id + 1 FROM"));
    // People keep this token in their repositories, so it stays the same from version to version.
    let accept = "restart:ebdc49";
    insta::assert_snapshot!(
        changed("").summary(),
        @r#"copy: BLOCKED by LosesOffsets { stateful_construct: None, accept: "restart:ebdc49" } | because SqlChanged | note OutputRepeated { keyed: None }"#
    );
    insta::assert_snapshot!(
        changed(&format!("accept = {accept:?}\n")).summary(),
        @"copy: Replace Restart g1 -> g2 | because SqlChanged | note OutputRepeated { keyed: None }"
    );
    insta::assert_snapshot!(
        changed("evolve = \"restart\"\n").summary(),
        @"copy: Replace Restart g1 -> g2 | because SqlChanged | note OutputRepeated { keyed: None }"
    );
    insta::assert_snapshot!(
        changed("evolve = \"manual\"\n").summary(),
        @r#"copy: BLOCKED by EvolveIsManual { accept: "restart:ebdc49" } | because SqlChanged | note OutputRepeated { keyed: None }"#
    );
    insta::assert_snapshot!(
        changed("evolve = \"restart\"\nprevent_destroy = true\n").summary(),
        @"copy: BLOCKED by PreventDestroy | because SqlChanged"
    );
    let requested = changed("").with_options(|request| request.replace.extend([Address::statement("copy")]));
    insta::assert_snapshot!(
        requested.summary(),
        @"copy: Replace Restart g1 -> g2 | because SqlChanged, ReplaceRequested | note OutputRepeated { keyed: None }"
    );
}

#[test]
fn a_new_generation_counts_on_from_the_highest_number_in_use() {
    let changed = copy("evolve = \"restart\"\n").replace("SELECT id FROM", "SELECT id + 1 FROM");
    let mut fixture = converged().desired(&changed);
    let mut foreign = fixture.statements["copy"].clone();
    (foreign.name, foreign.phase) = ("copy-g7".to_owned(), Phase::Completed);
    fixture.statements.insert("copy-g7".to_owned(), foreign);
    insta::assert_snapshot!(
        fixture.summary(),
        @"copy: Replace Restart g1 -> g8 | because SqlChanged | note OutputRepeated { keyed: None }"
    );
}

#[test]
fn a_stopped_job_keeps_its_changes_for_the_next_start() {
    let stopped = |more: &str| copy(&format!("stopped = true\n{more}"));
    let stopped_copy = || converged().stopped("copy").current("copy", |current| current.stopped = true);
    let due = stopped("principal = \"sa-1\"\n").replace("SELECT id FROM", "SELECT id + 1 FROM");
    insta::assert_snapshot!(
        stopped_copy().desired(&due).summary(),
        @r#"copy: RecordSettings | note DueAtNextStart { fields: ["sql", "principal"] } | unhealthy"#
    );
    let mut recorded = stopped_copy();
    recorded.recorded.statements.get_mut("copy").unwrap().declared.stopped = true;
    insta::assert_snapshot!(
        recorded.desired(&copy("principal = \"sa-1\"\n")).summary(),
        @r#"copy: Resume, sends principal, records Declared | because StoppedChanged { to: false }, PrincipalChanged { before: None, after: "sa-1" }"#
    );
}

#[test]
fn a_job_stopped_by_an_interrupted_run_resumes_even_while_a_change_is_blocked() {
    let fixture = converged().stopped("copy").current("copy", |current| current.stopped = true);
    insta::assert_snapshot!(
        fixture.summary(),
        @"copy: Resume, sends no placement, records Declared | because StoppedByInterruptedRun | unhealthy"
    );
    let changed = fixture.desired(&copy("").replace("SELECT id FROM", "SELECT id + 1 FROM"));
    insta::assert_snapshot!(
        changed.summary(),
        @r#"copy: Resume, sends no placement, records Unchanged | because StoppedByInterruptedRun | note ChangesLeftForNextPlan { fields: ["sql"] } | unhealthy"#
    );
}

#[test]
fn transient_phases_decide_nothing() {
    let in_each_phase = |change: fn(DiffFixture) -> DiffFixture| {
        let other = Phase::Other("NEW".into());
        let phases = [Phase::Stopping, Phase::Failing, Phase::Deleting, Phase::Stopped, Phase::Pending, other];
        phases.map(|phase| change(converged().phase("copy", phase)).summary()).join("\n")
    };
    // A job that is about to run, or may be, is only awaited.
    insta::assert_snapshot!(in_each_phase(|fixture| fixture), @r#"
    copy: Await Stopping, then PlanAgain | note InMotion { phase: Stopping }
    copy: Await Failing, then PlanAgain | note InMotion { phase: Failing } | unhealthy
    copy: Await Deleting, then PlanAgain | note InMotion { phase: Deleting }
    copy: Await Stopped, then RecordDeclared
    copy: Await Pending, then RecordDeclared
    copy: Await Other("NEW"), then RecordDeclared
    "#);
    let changed = in_each_phase(|fixture| {
        fixture.desired(&copy("evolve = \"restart\"\n").replace("SELECT id FROM", "SELECT id + 1 FROM"))
    });
    insta::assert_snapshot!(changed, @r#"
    copy: Await Stopping, then PlanAgain | note InMotion { phase: Stopping }
    copy: Await Failing, then PlanAgain | note InMotion { phase: Failing } | unhealthy
    copy: Await Deleting, then PlanAgain | note InMotion { phase: Deleting }
    copy: Await Stopped, then PlanAgain | note InMotion { phase: Stopped }
    copy: Await Pending, then PlanAgain | note InMotion { phase: Pending }
    copy: Await Other("NEW"), then PlanAgain | note InMotion { phase: Other("NEW") }
    "#);
    let requested =
        in_each_phase(|fixture| fixture.with_options(|request| request.replace.extend([Address::statement("copy")])));
    assert_eq!(requested, changed);
}

#[test]
fn a_statement_that_never_ran_is_submitted_anew() {
    let never_ran =
        |phase| converged().phase("copy", phase).current("copy", |current| current.reached = FurthestPhase::Submitted);
    insta::assert_snapshot!(
        never_ran(Phase::Failed).summary(),
        @r#"copy: Replace NeverRan g1 -> g2 | because NeverRan { detail: "" } | unhealthy"#
    );
    insta::assert_snapshot!(never_ran(Phase::Pending).summary(), @"copy: Await Pending, then RecordDeclared");
    let changed = never_ran(Phase::Pending).desired(&copy("").replace("SELECT id FROM", "SELECT id + 1 FROM"));
    insta::assert_snapshot!(
        changed.summary(),
        @r#"copy: Replace NeverRan g1 -> g2 | because NeverRan { detail: "" }, SqlChanged"#
    );
    let table = converged()
        .phase("orders", Phase::Failed)
        .current("orders", |current| current.reached = FurthestPhase::Submitted);
    insta::assert_snapshot!(
        table.summary(),
        @r#"orders: Replace NeverRan g1 -> g2 | because NeverRan { detail: "" } | unhealthy"#
    );
}

#[test]
fn a_failed_job_is_reported_resumed_or_blocked() {
    let failed = || converged().phase("copy", Phase::Failed);
    insta::assert_snapshot!(
        failed().summary(),
        @r#"copy: Inform | note Failed { detail: "", since: None } | unhealthy"#
    );
    insta::assert_snapshot!(
        failed().desired(&copy("on_failed = \"resume\"\n")).summary(),
        @r#"copy: Resume, sends no placement, records Declared | because Failed { detail: "" } | unhealthy"#
    );
    let changed = failed().desired(&copy("").replace("SELECT id FROM", "SELECT id + 1 FROM"));
    insta::assert_snapshot!(
        changed.summary(),
        @r#"copy: BLOCKED by FailedPredecessor { detail: "", accept: "restart:ebdc49" } | because SqlChanged | note OutputRepeated { keyed: None } | unhealthy"#
    );
    let moved = copy("principal = \"sa-1\"\n");
    insta::assert_snapshot!(
        failed().desired(&moved).summary(),
        @r#"copy: RecordSettings | note Failed { detail: "", since: None }, DueAtNextStart { fields: ["principal"] } | unhealthy"#
    );
    let ended = converged().phase("copy", Phase::Completed).desired(&moved);
    insta::assert_snapshot!(
        ended.summary(),
        @r#"copy: RecordSettings | note CompletedUnexpectedly, DueAtNextStart { fields: ["principal"] } | unhealthy"#
    );
}

#[test]
fn a_completed_unbounded_job_is_reported_and_a_bounded_one_is_not() {
    let ended = converged().phase("copy", Phase::Completed);
    insta::assert_snapshot!(ended.summary(), @"copy: Inform | note CompletedUnexpectedly | unhealthy");
    insta::assert_snapshot!(ended.live("copy", |live| live.bounded = Some(true)).summary(), @"no changes");
}

#[test]
fn a_purged_bounded_job_needs_no_change() {
    let done = |bounded: bool, statements: &str| {
        let gone = DiffFixture::of(statements).gone("copy");
        gone.current("copy", |it| (it.reached, it.bounded) = (FurthestPhase::Completed, bounded)).summary()
    };
    insta::assert_snapshot!(done(true, &copy("")), @"no changes");
    let hinted = |mode: &str| {
        copy("").replace("FROM orders", &format!("FROM orders /*+ OPTIONS('scan.bounded.mode' = '{mode}') */"))
    };
    insta::assert_snapshot!(done(false, &hinted("latest-offset")), @"no changes");
    insta::assert_snapshot!(
        done(false, &copy("properties = { \"sql.tables.scan.bounded.mode\" = \"latest-offset\" }\n")),
        @"no changes"
    );
    let unbounded = copy("properties = { \"sql.tables.scan.bounded.mode\" = \"unbounded\" }\n");
    let noted = copy("").replace("FROM orders", "FROM orders /* scan.bounded */");
    let endless = [copy(""), hinted("unbounded"), unbounded, noted];
    insta::assert_snapshot!(endless.map(|statements| done(false, &statements)).join("\n"), @r#"
    copy: BLOCKED by GoneWithoutOffsets { accept: "restart:8fc300" } | because Gone | unhealthy
    copy: BLOCKED by GoneWithoutOffsets { accept: "restart:2f2e52" } | because Gone | unhealthy
    copy: BLOCKED by GoneWithoutOffsets { accept: "restart:e8a84a" } | because Gone | unhealthy
    copy: BLOCKED by GoneWithoutOffsets { accept: "restart:8fc300" } | because Gone | unhealthy
    "#);
}

#[test]
fn a_gone_job_starts_at_its_offsets_only_if_stateless_with_known_tables() {
    let offsets = |topics: &[&str]| Offsets {
        topics: topics.iter().map(|topic| ((*topic).to_owned(), "partition:0,offset:7".to_owned())).collect(),
        taken_at: None,
    };
    let sink = "[statements.target]\nsql = \"CREATE TABLE target (id INT)\"\n";
    let statements = copy(sink);
    let gone_of = |statements: &str, topics: &[&str]| {
        let offsets = offsets(topics);
        DiffFixture::of(statements)
            .gone("copy")
            .current("copy", |current| (current.stopped, current.offsets) = (true, Some(offsets)))
    };
    let gone = |topics: &[&str]| gone_of(&statements, topics);
    let stopped_outside = gone(&["orders"]).current("copy", |current| current.stopped = false);
    insta::assert_snapshot!(
        stopped_outside.summary(),
        @r#"copy: BLOCKED by GoneWithoutOffsets { accept: "restart:8fc300" } | because Gone | note GoneWithUncertainOffsets { topics: {"orders": "partition:0,offset:7"} } | unhealthy"#
    );
    insta::assert_snapshot!(
        gone(&["orders"]).summary(),
        @r#"copy: Replace FromOffsets -> g2 | because Gone | note StartsAtOffsets { offsets: "partition:0,offset:7" }"#
    );
    insta::assert_snapshot!(
        gone(&["a", "b"]).summary(),
        @r#"copy: BLOCKED by GoneWithSeveralSources { hints: {"a": "partition:0,offset:7", "b": "partition:0,offset:7"}, accept: "restart:8fc300" } | because Gone | note OutputRepeated { keyed: Some(false) }"#
    );
    insta::assert_snapshot!(
        converged().gone("copy").summary(),
        @r#"copy: BLOCKED by GoneWithoutOffsets { accept: "restart:8fc300" } | because Gone | unhealthy"#
    );
    let stateful = statements.replace("SELECT id FROM orders", "SELECT COUNT(*) FROM orders GROUP BY id");
    insta::assert_snapshot!(
        gone_of(&stateful, &["orders"]).summary(),
        @r#"copy: BLOCKED by GoneWithoutOffsets { accept: "restart:9989ff" } | because Gone | note OutputRepeated { keyed: Some(false) }"#
    );
    // An upsert keeps the last row of each key. A table that appends keeps every row.
    let keyed = statements.replace("orders (id INT)", "orders (id INT, PRIMARY KEY (id) NOT ENFORCED)");
    insta::assert_snapshot!(
        gone_of(&keyed, &["orders"]).summary(),
        @r#"copy: BLOCKED by GoneWithoutOffsets { accept: "restart:8fc300" } | because Gone | note OutputRepeated { keyed: Some(false) }"#
    );
    let appended = keyed.replace("NOT ENFORCED)", "NOT ENFORCED) WITH ('changelog.mode' = 'append')");
    insta::assert_snapshot!(
        gone_of(&appended, &["orders"]).summary(),
        @r#"copy: Replace FromOffsets -> g2 | because Gone | note StartsAtOffsets { offsets: "partition:0,offset:7" }"#
    );
    // Only the service knows whether the rows of a table outside the project change, and whether it has a key.
    let theirs = statements.replace("FROM orders", "FROM theirs");
    insta::assert_snapshot!(
        gone_of(&theirs, &["theirs"]).summary(),
        @r#"copy: BLOCKED by GoneWithUnknownSource { source: "theirs", hints: {"theirs": "partition:0,offset:7"}, accept: "restart:a2cb9a" } | because Gone | note OutputRepeated { keyed: Some(false) }"#
    );
    insta::assert_snapshot!(
        gone_of(&copy(""), &["orders"]).summary(),
        @r#"copy: BLOCKED by GoneWithUnknownSink { sink: "target", hints: {"orders": "partition:0,offset:7"}, accept: "restart:8fc300" } | because Gone | note OutputRepeated { keyed: None }"#
    );
    // An option of the table takes precedence over properties, and a hint over the option.
    let starts = statements.replace("orders (id INT)", "orders (id INT) WITH ('scan.startup.mode' = 'latest-offset')");
    insta::assert_snapshot!(
        gone_of(&starts, &["orders"]).summary(),
        @r#"copy: BLOCKED by GoneWithStartupOption { source: "orders", hints: {"orders": "partition:0,offset:7"}, accept: "restart:8fc300" } | because Gone | note OutputRepeated { keyed: Some(false) }"#
    );
    let altered = format!(
        "{statements}[statements.later]\nsql = \"ALTER TABLE orders SET ('scan.startup.mode' = 'latest-offset')\"\n"
    );
    insta::assert_snapshot!(
        gone_of(&altered, &["orders"]).summary(),
        @r#"copy: BLOCKED by GoneWithStartupOption { source: "orders", hints: {"orders": "partition:0,offset:7"}, accept: "restart:8fc300" } | because Gone | note OutputRepeated { keyed: Some(false) }"#
    );
    let from_sources = converged().gone("copy").desired(&copy("evolve = \"restart\"\n"));
    insta::assert_snapshot!(
        from_sources.summary(),
        @"copy: Replace FromSources -> g2 | because Gone | note OutputRepeated { keyed: None } | unhealthy"
    );
}

#[test]
fn a_recreated_job_notes_that_its_output_is_repeated() {
    let with_tombstone = |statements: &str, key: &str, offsets: Option<&str>| {
        let mut fixture = DiffFixture::of(statements).gone(key).gone(&format!("{key}-g2"));
        fixture.recorded.statements.remove(key);
        let offsets = offsets
            .map(|at| Offsets { topics: BTreeMap::from([("orders".to_owned(), at.to_owned())]), taken_at: None });
        let (name, last_generation) = (key.to_owned(), Generation::FIRST);
        fixture.recorded.tombstones.insert(key.to_owned(), Tombstone { name, last_generation, undo_count: 0, offsets });
        fixture.summary()
    };
    insta::assert_snapshot!(
        with_tombstone(&copy(""), "copy", Some("partition:0,offset:7")),
        @r#"copy: Create copy-g2 g2 | note PreviouslyRemoved { topics: {"orders": "partition:0,offset:7"} }, OutputRepeated { keyed: None }"#
    );
    let hinted = copy("").replace("FROM orders", "FROM orders /*+ OPTIONS('scan.startup.mode' = 'latest-offset') */");
    insta::assert_snapshot!(
        with_tombstone(&hinted, "copy", None),
        @"copy: Create copy-g2 g2 | note PreviouslyRemoved { topics: {} }, StartsWhereSqlSays"
    );
    // A definition writes no rows.
    insta::assert_snapshot!(with_tombstone(&copy(""), "orders", None), @"orders: Create orders-g2 g2");
}

#[test]
fn a_create_table_as_is_never_replaced() {
    let ctas = "[statements.t]\nsql = \"CREATE TABLE t AS SELECT 1 AS x\"\nevolve = \"restart\"\n";
    let changed = DiffFixture::of(ctas).desired(&ctas.replace("SELECT 1", "SELECT 2"));
    insta::assert_snapshot!(changed.summary(), @"t: BLOCKED by CannotReplaceCreateTableAs | because SqlChanged");
    insta::assert_snapshot!(
        DiffFixture::of(ctas).gone("t").summary(),
        @"t: BLOCKED by CannotReplaceCreateTableAs | because Gone | unhealthy"
    );
    insta::assert_snapshot!(
        DiffFixture::of(ctas).desired(&format!("{ctas}stopped = true\n")).summary(),
        @"t: Stop | because StoppedChanged { to: true }"
    );
}

#[test]
fn a_definition_is_redefined_only_by_its_undo() {
    let table =
        |more: &str, columns: &str| format!("[statements.orders]\nsql = \"CREATE TABLE orders ({columns})\"\n{more}");
    let undo = "undo = \"DROP TABLE orders\"\n";
    let changed = DiffFixture::of(&table("", "id INT")).desired(&table("", "id BIGINT"));
    insta::assert_snapshot!(changed.summary(), @"orders: BLOCKED by NoUndo | because SqlChanged");
    let with_undo = DiffFixture::of(&table(undo, "id INT")).desired(&table(undo, "id BIGINT"));
    insta::assert_snapshot!(
        with_undo.summary(),
        @r#"orders: BLOCKED by DataLoss { undo: Template("DROP TABLE orders") } | because SqlChanged"#
    );
    let consented = with_undo.with_options(|request| request.allow_data_loss = true);
    insta::assert_snapshot!(consented.summary(), @"orders: Replace Redefine g1 -> g2 | because SqlChanged");
    let lenient = |columns: &str| table("", columns).replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS");
    let lenient = DiffFixture::of(&lenient("id INT")).desired(&lenient("id BIGINT"));
    insta::assert_snapshot!(lenient.summary(), @"orders: BLOCKED by IfNotExists | because SqlChanged");
    // The pool and the principal of a completed definition no longer matter.
    let moved = DiffFixture::of(&table("", "id INT")).desired(&table("principal = \"sa-9\"\n", "id INT"));
    insta::assert_snapshot!(moved.summary(), @"orders: RecordSettings");
}

#[test]
fn a_harmless_undo_needs_no_consent_but_is_blocked_by_readers() {
    let view = |more: &str| {
        format!("[statements.v]\nsql = \"CREATE VIEW v AS SELECT 1 AS x\"\nundo = \"DROP VIEW v\"\n{more}")
    };
    let reader = "[statements.r]\nsql = \"INSERT INTO target SELECT x FROM v\"\n";
    let other = "[statements.o]\nsql = \"CREATE TABLE o (id INT)\"\n";
    let fixture = || DiffFixture::of(&format!("{}{other}", view(reader)));
    insta::assert_snapshot!(fixture().desired(other).summary(), @r#"
    r: Delete | because NotDeclared
    v: Delete, undo "DROP VIEW v" | because NotDeclared
    "#);
    let kept = fixture().desired(&format!("{}{other}", reader));
    insta::assert_snapshot!(kept.summary(), @r#"
    r: RecordSettings
    v: BLOCKED by ObjectsInUse { by: ["statements.r"] } | because NotDeclared
    "#);
}

#[test]
fn targets_include_dependencies_and_excludes_include_dependents() {
    let fixture = || {
        let both = converged().gone("orders").gone("copy");
        DiffFixture { recorded: Recorded { statements: BTreeMap::new(), ..both.recorded.clone() }, ..both }
    };
    let of = |address: &str| BTreeSet::from([address.parse::<Address>().unwrap()]);
    let target = fixture().with_options(|request| request.targets = of("statements.orders"));
    insta::assert_snapshot!(target.summary(), @"orders: Create orders g1");
    let exclude = fixture().with_options(|request| request.excludes = of("statements.orders"));
    insta::assert_snapshot!(exclude.summary(), @"no changes");
    let both = fixture().with_options(|request| request.targets = of("statements.copy"));
    assert_eq!(both.diff().changes.len(), 2);
}

#[test]
fn an_unlisted_pool_is_looked_up() {
    let mut fixture = converged();
    fixture.pools.clear();
    assert_eq!(fixture.missing().pools, BTreeSet::from(["lfcp-main".to_owned()]));
}

#[test]
fn a_pool_reported_gone_while_our_job_runs_on_it_is_blocked() {
    let absent = |fixture: &DiffFixture| {
        let mut snapshot = Live::from_resources(fixture.statements.clone(), Some(BTreeMap::new()));
        snapshot.add_pool_answer("lfcp-main", Ok(None));
        let diff = complete(diff(fixture.inputs(&snapshot, &Settlement::default())));
        diff.changes[&Address::pool("main")].action.clone()
    };
    let mut fixture = converged();
    let Action::Blocked { by } = absent(&fixture) else { panic!("`main` must be blocked while `copy` runs on it") };
    assert!(matches!(by.as_slice(), [Block::PresenceUnknown { why }] if why.contains("`copy` runs on it")), "{by:?}");
    fixture.options.destroy = true;
    assert!(matches!(absent(&fixture), Action::Blocked { .. }));
    fixture.statements.get_mut("copy").unwrap().phase = Phase::Stopped;
    assert_eq!(absent(&fixture), Action::Forget);
    fixture.options.destroy = false;
    assert!(matches!(absent(&fixture), Action::CreatePool { .. }));
}

#[test]
fn an_unrecorded_pool_of_the_same_name_blocks_creation() {
    let mut fixture = converged();
    fixture.recorded.pools.clear();
    insta::assert_snapshot!(fixture.summary(), @r#"
    main: BLOCKED by PoolExists { id: "lfcp-main" }
    copy: BLOCKED by PoolBlocked { pool: Address { kind: Pool, key: "main" } } | because PoolChanged { before: Some("lfcp-main"), after: "main" }
    "#);
}

#[test]
fn a_borrowed_pool_in_another_cloud_or_region_is_blocked() {
    let with_head = |head: &str| {
        let mut fixture = converged();
        let manifests = ProjectFixture::new(&format!("{head}{TABLE}{COPY}"));
        fixture.graph = graph::build(manifests.load()).unwrap();
        fixture
    };
    let borrowed = || {
        let mut fixture = with_head(&HEAD.replace("max_cfu = 10", "id = \"lfcp-main\""));
        fixture.recorded.pools.clear();
        fixture
    };
    let in_place = |cloud: &str, region: &str| {
        let mut fixture = borrowed();
        let pool = fixture.pools.get_mut("lfcp-main").unwrap();
        (pool.cloud, pool.region) = (cloud.to_owned(), region.to_owned());
        fixture.summary()
    };
    let identity = borrowed().graph.project.environment.identity.clone();
    assert_eq!(in_place(&identity.cloud, &identity.region), "no changes");
    assert_eq!(in_place(&identity.cloud.to_uppercase(), &identity.region), "no changes");
    insta::assert_snapshot!(
        in_place(&identity.cloud, "eu-central-9"),
        @r#"main: BLOCKED by PoolElsewhere { id: "lfcp-main", cloud: "aws", region: "eu-central-9" }"#
    );
    insta::assert_snapshot!(
        in_place("azure", &identity.region),
        @r#"main: BLOCKED by PoolElsewhere { id: "lfcp-main", cloud: "azure", region: "us-east-1" }"#
    );
}
