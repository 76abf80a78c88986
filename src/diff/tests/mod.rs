//! Tests of `diff`. Each starts from a converged project, changes one thing, and checks what the diff says about it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod one_opinion;
mod unknown_or_gone;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    graph::{self, Graph},
    live::Live,
    manifest::tests::ProjectFixture,
    resource::{
        Generation, HashKey, LivePool, LiveStatement, Offsets, Phase, PoolDeclaration, Submission,
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
            recorded.pools.insert(key.clone(), PoolRecord { id: id.clone(), declared: pool.clone() });
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
        let desired = Desired { graph: &self.graph, secrets: const { &BTreeMap::new() } };
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
        match self.outcome() {
            DiffOutcome::Complete(diff) => summary(&diff),
            DiffOutcome::Incomplete(lookups) => {
                lookups.statements.iter().map(|name| format!("looks up {name}")).collect::<Vec<_>>().join("\n")
            }
        }
    }
}

/// Returns the diff of an outcome that lacks no facts.
fn complete(outcome: DiffOutcome) -> Diff {
    match outcome {
        DiffOutcome::Complete(diff) => diff,
        DiffOutcome::Incomplete(lookups) => panic!("missing: {lookups:?}"),
    }
}

/// Returns one line per change.
fn summary(diff: &Diff) -> String {
    let line = |(address, change): (&Address, &Change)| {
        let action = match &change.action {
            Action::Blocked { by } => format!("BLOCKED {by:?}"),
            Action::Replace { strategy, from, to, .. } => {
                format!("Replace {strategy:?} {} -> {to}", from.map_or("-".to_owned(), |from| from.to_string()))
            }
            Action::Create { generation, name, .. } => format!("Create {name} {generation}"),
            other => format!("{other:?}"),
        };
        let reason = |reason: &Reason| match reason {
            Reason::SqlChanged { .. } => "SqlChanged".to_owned(),
            other => format!("{other:?}"),
        };
        let reasons: Vec<_> = change.reasons.iter().map(reason).collect();
        format!("{} {action} [{}] {:?}", address.key, reasons.join(", "), change.notes)
    };
    diff.changes.iter().map(line).collect::<Vec<_>>().join("\n")
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
    assert_eq!(new.summary(), "looks up new");
    assert_eq!(new.gone("new").summary(), "new Create new g1 [] []");
    assert_eq!(converged().unlisted("copy").summary(), "looks up copy");
    assert_eq!(converged().desired(TABLE).unlisted("copy").summary(), "looks up copy");
}

#[test]
fn a_statement_of_unknown_presence_is_blocked() {
    let blocked = "copy BLOCKED [PresenceUnknown { why: \"403\" }] [] []";
    assert_eq!(converged().unknown("copy").summary(), blocked);
    assert_eq!(converged().desired(TABLE).unknown("copy").summary(), blocked);
    let with_new = copy("[statements.new]\nsql = \"INSERT INTO x SELECT 1\"\n");
    assert_eq!(
        converged().desired(&with_new).unknown("new").summary(),
        "new BLOCKED [PresenceUnknown { why: \"403\" }] [] []"
    );
    // A completed definition is in force even if its statement cannot be read.
    assert_eq!(converged().unknown("orders").summary(), "");
}

#[test]
fn cosmetic_sql_changes_are_only_recorded() {
    let cosmetic = copy("").replace("INSERT INTO target SELECT", "insert  into target -- so\\n select");
    assert_eq!(converged().desired(&cosmetic).summary(), "copy RecordSettings [] [CosmeticSqlChange]");
}

#[test]
fn changed_settings_are_only_recorded() {
    let settings = copy("timeout = \"1h\"\nprevent_destroy = true\n");
    assert_eq!(converged().desired(&settings).summary(), "copy RecordSettings [] []");
}

#[test]
fn a_replacement_needs_a_policy_or_a_consent() {
    let changed = |more: &str| converged().desired(&copy(more).replace("SELECT id FROM", "SELECT id + 1 FROM"));
    let replaced = "copy Replace Restart g1 -> g2 [SqlChanged] [OutputRepeated { keyed: None }]";
    // People keep this token in their repositories, so it stays the same from version to version.
    let accept = "restart:ebdc49";
    assert_eq!(
        changed("").summary(),
        format!(
            "copy BLOCKED [LosesOffsets {{ stateful_construct: None, accept: {accept:?} }}] [SqlChanged] [OutputRepeated {{ keyed: None }}]"
        )
    );
    assert_eq!(changed(&format!("accept = {accept:?}\n")).summary(), replaced);
    assert_eq!(changed("evolve = \"restart\"\n").summary(), replaced);
    assert_eq!(
        changed("evolve = \"manual\"\n").summary(),
        format!(
            "copy BLOCKED [EvolveIsManual {{ accept: {accept:?} }}] [SqlChanged] [OutputRepeated {{ keyed: None }}]"
        )
    );
    assert_eq!(
        changed("evolve = \"restart\"\nprevent_destroy = true\n").summary(),
        "copy BLOCKED [PreventDestroy] [SqlChanged] []"
    );
    let requested = changed("").with_options(|request| request.replace.extend([Address::statement("copy")]));
    assert!(requested.summary().starts_with("copy Replace Restart g1 -> g2 [SqlChanged, ReplaceRequested]"));
}

#[test]
fn a_new_generation_counts_on_from_the_highest_number_in_use() {
    let changed = copy("evolve = \"restart\"\n").replace("SELECT id FROM", "SELECT id + 1 FROM");
    let mut fixture = converged().desired(&changed);
    let mut foreign = fixture.statements["copy"].clone();
    foreign.name = "copy-g7".to_owned();
    fixture.statements.insert("copy-g7".to_owned(), foreign);
    assert!(fixture.summary().starts_with("copy Replace Restart g1 -> g8"), "{}", fixture.summary());
}

#[test]
fn a_stopped_job_keeps_its_changes_for_the_next_start() {
    let stopped = |more: &str| copy(&format!("stopped = true\n{more}"));
    let stopped_copy = || converged().stopped("copy").current("copy", |current| current.stopped = true);
    let due = stopped("principal = \"sa-1\"\n").replace("SELECT id FROM", "SELECT id + 1 FROM");
    assert_eq!(
        stopped_copy().desired(&due).summary(),
        "copy RecordSettings [] [DueAtNextStart { fields: [\"sql\", \"principal\"] }]"
    );
    let mut recorded = stopped_copy();
    recorded.recorded.statements.get_mut("copy").unwrap().declared.stopped = true;
    assert_eq!(
        recorded.desired(&copy("principal = \"sa-1\"\n")).summary(),
        "copy Resume { placement: PlacementChange { pool: false, principal: true }, records: Declared } [StoppedChanged { to: false }, PrincipalChanged { before: None, after: \"sa-1\" }] []"
    );
}

#[test]
fn a_job_stopped_by_an_interrupted_run_resumes_even_while_a_change_is_blocked() {
    let fixture = converged().stopped("copy").current("copy", |current| current.stopped = true);
    assert_eq!(
        fixture.summary(),
        "copy Resume { placement: PlacementChange { pool: false, principal: false }, records: Declared } [StoppedByInterruptedRun] []"
    );
    let changed = fixture.desired(&copy("").replace("SELECT id FROM", "SELECT id + 1 FROM"));
    assert_eq!(
        changed.summary(),
        "copy Resume { placement: PlacementChange { pool: false, principal: false }, records: Unchanged } [StoppedByInterruptedRun] [ChangesLeftForNextPlan { fields: [\"sql\"] }]"
    );
}

#[test]
fn transient_phases_decide_nothing() {
    let other = Phase::Other("NEW".to_owned());
    for phase in [Phase::Stopping, Phase::Failing, Phase::Deleting, Phase::Stopped, Phase::Pending, other] {
        let fixture = converged().phase("copy", phase.clone());
        let waits = |then: &str, note: &str| format!("copy Await {{ phase: {phase:?}, then: {then} }} [] [{note}]");
        let undecided = waits("PlanAgain", &format!("InMotion {{ phase: {phase:?} }}"));
        // It is about to run, or may be.
        let starts = matches!(phase, Phase::Stopped | Phase::Pending | Phase::Other(_));
        let awaited = if starts { waits("RecordDeclared", "") } else { undecided.clone() };
        assert_eq!(fixture.summary(), awaited);
        let changed = fixture.desired(&copy("evolve = \"restart\"\n").replace("SELECT id FROM", "SELECT id + 1 FROM"));
        assert_eq!(changed.summary(), undecided);
        let requested = converged().phase("copy", phase.clone()).with_options(|request| {
            request.replace.extend([Address::statement("copy")]);
        });
        assert_eq!(requested.summary(), undecided);
    }
}

#[test]
fn a_statement_that_never_ran_is_submitted_anew() {
    let never_ran =
        |phase| converged().phase("copy", phase).current("copy", |current| current.reached = FurthestPhase::Submitted);
    assert_eq!(never_ran(Phase::Failed).summary(), "copy Replace NeverRan g1 -> g2 [NeverRan { detail: \"\" }] []");
    assert_eq!(never_ran(Phase::Pending).summary(), "copy Await { phase: Pending, then: RecordDeclared } [] []");
    let changed = never_ran(Phase::Pending).desired(&copy("").replace("SELECT id FROM", "SELECT id + 1 FROM"));
    assert!(changed.summary().starts_with("copy Replace NeverRan g1 -> g2"));
    let table = converged()
        .phase("orders", Phase::Failed)
        .current("orders", |current| current.reached = FurthestPhase::Submitted);
    assert!(table.summary().starts_with("orders Replace NeverRan g1 -> g2"));
}

#[test]
fn a_failed_job_is_reported_resumed_or_blocked() {
    let failed = || converged().phase("copy", Phase::Failed);
    assert_eq!(failed().summary(), "copy Inform [] [Failed { detail: \"\", since: None }]");
    assert_eq!(
        failed().desired(&copy("on_failed = \"resume\"\n")).summary(),
        "copy Resume { placement: PlacementChange { pool: false, principal: false }, records: Declared } [Failed { detail: \"\" }] []"
    );
    let changed = failed().desired(&copy("").replace("SELECT id FROM", "SELECT id + 1 FROM"));
    assert!(changed.summary().starts_with("copy BLOCKED [FailedPredecessor"));
    let moved = copy("principal = \"sa-1\"\n");
    let due = "DueAtNextStart { fields: [\"principal\"] }";
    let summary = failed().desired(&moved).summary();
    assert_eq!(summary, format!("copy RecordSettings [] [Failed {{ detail: \"\", since: None }}, {due}]"));
    let ended = converged().phase("copy", Phase::Completed).desired(&moved);
    assert_eq!(ended.summary(), format!("copy RecordSettings [] [CompletedUnexpectedly, {due}]"));
}

#[test]
fn a_completed_unbounded_job_is_reported_and_a_bounded_one_is_not() {
    let ended = converged().phase("copy", Phase::Completed);
    assert_eq!(ended.summary(), "copy Inform [] [CompletedUnexpectedly]");
    assert_eq!(ended.live("copy", |live| live.bounded = Some(true)).summary(), "");
}

#[test]
fn a_purged_bounded_job_needs_no_change() {
    let done = |bounded: bool, statements: &str| {
        let gone = DiffFixture::of(statements).gone("copy");
        gone.current("copy", |it| (it.reached, it.bounded) = (FurthestPhase::Completed, bounded)).summary()
    };
    assert_eq!(done(true, &copy("")), "");
    let hinted = |mode: &str| {
        copy("").replace("FROM orders", &format!("FROM orders /*+ OPTIONS('scan.bounded.mode' = '{mode}') */"))
    };
    assert_eq!(done(false, &hinted("latest-offset")), "");
    assert_eq!(done(false, &copy("properties = { \"sql.tables.scan.bounded.mode\" = \"latest-offset\" }\n")), "");
    let unbounded = copy("properties = { \"sql.tables.scan.bounded.mode\" = \"unbounded\" }\n");
    let noted = copy("").replace("FROM orders", "FROM orders /* scan.bounded */");
    for endless in [copy(""), hinted("unbounded"), unbounded, noted] {
        assert!(done(false, &endless).starts_with("copy BLOCKED [GoneWithoutOffsets"), "{endless}");
    }
}

#[test]
fn a_gone_job_starts_at_its_offsets_only_if_stateless_with_one_known_source() {
    let offsets = |topics: &[&str]| Offsets {
        topics: topics.iter().map(|topic| ((*topic).to_owned(), "partition:0,offset:7".to_owned())).collect(),
        taken_at: None,
    };
    let gone = |topics: &[&str]| {
        let offsets = offsets(topics);
        converged().gone("copy").current("copy", |current| (current.stopped, current.offsets) = (true, Some(offsets)))
    };
    let stopped_outside = gone(&["orders"]).current("copy", |current| current.stopped = false);
    assert!(stopped_outside.summary().starts_with("copy BLOCKED [GoneWithoutOffsets"), "{}", stopped_outside.summary());
    assert!(stopped_outside.summary().contains("GoneWithUncertainOffsets"), "{}", stopped_outside.summary());
    assert!(gone(&["orders"]).summary().starts_with("copy Replace FromOffsets - -> g2 [Gone]"));
    assert!(gone(&["a", "b"]).summary().starts_with("copy BLOCKED [GoneWithSeveralSources"));
    assert!(converged().gone("copy").summary().starts_with("copy BLOCKED [GoneWithoutOffsets"));
    let stateful = copy("").replace("SELECT id FROM orders", "SELECT COUNT(*) FROM orders GROUP BY id");
    let counts = DiffFixture::of(&stateful)
        .gone("copy")
        .current("copy", |it| (it.stopped, it.offsets) = (true, Some(offsets(&["orders"]))));
    assert!(counts.summary().starts_with("copy BLOCKED [GoneWithoutOffsets"), "{}", counts.summary());
    // An upsert keeps the last row of each key.
    let keyed = copy("").replace("(id INT)", "(id INT, PRIMARY KEY (id) NOT ENFORCED)");
    let upserts = DiffFixture::of(&keyed)
        .gone("copy")
        .current("copy", |it| (it.stopped, it.offsets) = (true, Some(offsets(&["orders"]))));
    assert!(upserts.summary().starts_with("copy BLOCKED [GoneWithoutOffsets"), "{}", upserts.summary());
    // Only the service knows whether the rows of a table outside the project change.
    let theirs = DiffFixture::of(&copy("").replace("FROM orders", "FROM theirs"))
        .gone("copy")
        .current("copy", |it| (it.stopped, it.offsets) = (true, Some(offsets(&["theirs"]))));
    let blocked_by_unknown_source =
        "copy BLOCKED [GoneWithUnknownSource { source: \"theirs\", hints: {\"theirs\": \"partition:0,offset:7\"}";
    assert!(theirs.summary().starts_with(blocked_by_unknown_source), "{}", theirs.summary());
    let from_sources = converged().gone("copy").desired(&copy("evolve = \"restart\"\n"));
    assert!(from_sources.summary().starts_with("copy Replace FromSources - -> g2 [Gone]"));
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
    let topics = "PreviouslyRemoved { topics: {\"orders\": \"partition:0,offset:7\"} }";
    assert_eq!(
        with_tombstone(&copy(""), "copy", Some("partition:0,offset:7")),
        format!("copy Create copy-g2 g2 [] [{topics}, OutputRepeated {{ keyed: None }}]")
    );
    let hinted = copy("").replace("FROM orders", "FROM orders /*+ OPTIONS('scan.startup.mode' = 'latest-offset') */");
    assert_eq!(
        with_tombstone(&hinted, "copy", None),
        "copy Create copy-g2 g2 [] [PreviouslyRemoved { topics: {} }, StartsWhereSqlSays]"
    );
    // A definition writes no rows.
    assert_eq!(with_tombstone(&copy(""), "orders", None), "orders Create orders-g2 g2 [] []");
}

#[test]
fn a_create_table_as_is_never_replaced() {
    let ctas = "[statements.t]\nsql = \"CREATE TABLE t AS SELECT 1 AS x\"\nevolve = \"restart\"\n";
    let changed = DiffFixture::of(ctas).desired(&ctas.replace("SELECT 1", "SELECT 2"));
    assert_eq!(changed.summary(), "t BLOCKED [CannotReplaceCreateTableAs] [SqlChanged] []");
    assert_eq!(DiffFixture::of(ctas).gone("t").summary(), "t BLOCKED [CannotReplaceCreateTableAs] [Gone] []");
    assert_eq!(
        DiffFixture::of(ctas).desired(&format!("{ctas}stopped = true\n")).summary(),
        "t Stop [StoppedChanged { to: true }] []"
    );
}

#[test]
fn a_definition_is_redefined_only_by_its_undo() {
    let table =
        |more: &str, columns: &str| format!("[statements.orders]\nsql = \"CREATE TABLE orders ({columns})\"\n{more}");
    let undo = "undo = \"DROP TABLE orders\"\n";
    let changed = DiffFixture::of(&table("", "id INT")).desired(&table("", "id BIGINT"));
    assert_eq!(changed.summary(), "orders BLOCKED [NoUndo] [SqlChanged] []");
    let with_undo = DiffFixture::of(&table(undo, "id INT")).desired(&table(undo, "id BIGINT"));
    assert!(with_undo.summary().starts_with("orders BLOCKED [DataLoss"));
    let consented = with_undo.with_options(|request| request.allow_data_loss = true);
    assert_eq!(consented.summary(), "orders Replace Redefine g1 -> g2 [SqlChanged] []");
    let lenient = |columns: &str| table("", columns).replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS");
    let lenient = DiffFixture::of(&lenient("id INT")).desired(&lenient("id BIGINT"));
    assert_eq!(lenient.summary(), "orders BLOCKED [IfNotExists] [SqlChanged] []");
    // The pool and the principal of a completed definition no longer matter.
    let moved = DiffFixture::of(&table("", "id INT")).desired(&table("principal = \"sa-9\"\n", "id INT"));
    assert_eq!(moved.summary(), "orders RecordSettings [] []");
}

#[test]
fn a_harmless_undo_needs_no_consent_but_is_blocked_by_readers() {
    let view = |more: &str| {
        format!("[statements.v]\nsql = \"CREATE VIEW v AS SELECT 1 AS x\"\nundo = \"DROP VIEW v\"\n{more}")
    };
    let reader = "[statements.r]\nsql = \"INSERT INTO target SELECT x FROM v\"\n";
    let other = "[statements.o]\nsql = \"CREATE TABLE o (id INT)\"\n";
    let fixture = || DiffFixture::of(&format!("{}{other}", view(reader)));
    assert!(
        fixture().desired(other).summary().contains("v Delete { undo: Some"),
        "{}",
        fixture().desired(other).summary()
    );
    let kept = fixture().desired(&format!("{}{other}", reader));
    assert!(kept.summary().contains("v BLOCKED [ObjectsInUse { by: [\"statements.r\"] }]"), "{}", kept.summary());
}

#[test]
fn targets_include_dependencies_and_excludes_include_dependents() {
    let fixture = || {
        let both = converged().gone("orders").gone("copy");
        DiffFixture { recorded: Recorded { statements: BTreeMap::new(), ..both.recorded.clone() }, ..both }
    };
    let of = |address: &str| BTreeSet::from([address.parse::<Address>().unwrap()]);
    let target = fixture().with_options(|request| request.targets = of("statements.orders"));
    assert_eq!(target.summary(), "orders Create orders g1 [] []");
    let exclude = fixture().with_options(|request| request.excludes = of("statements.orders"));
    assert_eq!(exclude.summary(), "");
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
    assert!(fixture.summary().starts_with("main BLOCKED [PoolExists { id: \"lfcp-main\" }]"), "{}", fixture.summary());
}
