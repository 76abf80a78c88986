//! ProjectFixture, change, expectation: a converged world in three lines, one thing changed, and what the diff says of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod doubt;

use std::collections::BTreeMap;

use super::*;
use crate::{
    graph,
    live::Live,
    manifest::tests::ProjectFixture,
    resource::{
        EnvironmentIdentity, Generation, HashKey, LivePool, LiveStatement, Offsets, Phase, PoolDeclaration, PoolPhase,
        Role, SmallMap, Submission,
    },
    sql::StatementClass,
    state::{FurthestPhase, GenerationRecord, PoolRecord, StatementRecord, Tombstone},
};

const HEAD: &str = "[pools.main]\nmax_cfu = 10\n[defaults]\npool = \"main\"\n";
const TABLE: &str = "[statements.orders]\nsql = \"CREATE TABLE orders (id INT)\"\n";
const COPY: &str = "[statements.copy]\nsql = \"INSERT INTO target SELECT id FROM orders\"\n";

/// A project whose record and cloud are as it declares, until a test changes one of them.
struct Scene {
    graph: Graph,
    recorded: Recorded,
    statements: BTreeMap<String, LiveStatement>,
    pools: BTreeMap<String, LivePool>,
    gone: Vec<String>,
    unknown: Vec<String>,
    request: Request,
}

fn graph_of(statements: &str) -> Graph {
    graph::build(ProjectFixture::new(&format!("{HEAD}{statements}")).load()).unwrap()
}

fn live(sent: &Submission, phase: Phase) -> LiveStatement {
    LiveStatement {
        name: sent.name.clone(),
        uid: format!("uid-{}", sent.name),
        resource_version: "1".to_owned(),
        labels: SmallMap::new(),
        created_at: None,
        updated_at: None,
        sql: sent.sql.as_str().to_owned(),
        properties: SmallMap::new(),
        pool: sent.pool.clone(),
        principal: None,
        stopped: false,
        phase,
        detail: String::new(),
        sql_kind: Some("KIND".to_owned()),
        bounded: Some(false),
        append_only: None,
        scaling_state: None,
        warnings: Vec::new(),
        offsets: Offsets::default(),
    }
}

impl Scene {
    fn of(statements: &str) -> Scene {
        let graph = graph_of(statements);
        let identity = EnvironmentIdentity {
            organization: "o".to_owned(),
            environment: "env".to_owned(),
            cloud: "aws".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let mut recorded = Recorded::new("lineage".to_owned(), identity, HashKey("key".to_owned()));
        let (mut live_statements, mut pools) = (BTreeMap::new(), BTreeMap::new());
        for (key, declared) in &graph.project.pools {
            let PoolDeclaration::Owned(pool) = &declared.spec else { continue };
            let id = format!("lfcp-{key}");
            recorded.pools.insert(key.clone(), PoolRecord { id: id.clone(), declared: pool.clone() });
            let found = LivePool {
                id: id.clone(),
                display_name: pool.display_name.clone(),
                cloud: pool.cloud.clone(),
                region: pool.region.clone(),
                max_cfu: pool.max_cfu,
                network: None,
                phase: PoolPhase::Provisioned,
                current_cfu: 0,
                created_at: None,
            };
            pools.insert(id, found);
        }
        for (key, declared) in &graph.project.statements {
            let is_definition = declared.analysis.kind.class() == StatementClass::Definition;
            let sent = Submission {
                name: declared.spec.name.clone(),
                generation: Generation::FIRST,
                role: Role::Current,
                sql: declared.spec.sql.clone(),
                properties: declared.spec.properties.clone(),
                added_properties: SmallMap::new(),
                pool: declared.spec.pool.as_ref().map(|key| format!("lfcp-{key}")),
                principal: declared.spec.principal.clone(),
            };
            let phase = if is_definition { Phase::Completed } else { Phase::Running };
            let reached = if is_definition { FurthestPhase::Completed } else { FurthestPhase::Running };
            live_statements.insert(sent.name.clone(), live(&sent, phase));
            let current = GenerationRecord {
                uid: format!("uid-{}", sent.name),
                sent,
                stopped: false,
                reached,
                sql_kind: Some("KIND".to_owned()),
                bounded: false,
                offsets: None,
                secrets: BTreeMap::new(),
                created_at: None,
            };
            let record = StatementRecord {
                declared: declared.spec.clone(),
                dependencies: graph.dependencies(&Address::statement(key)).cloned().collect(),
                current: Some(Box::new(current)),
                successor: None,
                undo: None,
                retired: Vec::new(),
                last_generation: Generation::FIRST,
                undo_count: 0,
                last_offsets: None,
            };
            recorded.statements.insert(key.clone(), Box::new(record));
        }
        let request = Request::default();
        Scene { graph, recorded, statements: live_statements, pools, gone: vec![], unknown: vec![], request }
    }

    fn desired(mut self, statements: &str) -> Scene {
        self.graph = graph_of(statements);
        self
    }

    fn live(mut self, name: &str, change: impl FnOnce(&mut LiveStatement)) -> Scene {
        change(self.statements.get_mut(name).unwrap());
        self
    }

    fn phase(self, name: &str, phase: Phase) -> Scene {
        self.live(name, |live| live.phase = phase)
    }

    fn stopped(self, name: &str) -> Scene {
        self.live(name, |live| (live.phase, live.stopped) = (Phase::Stopped, true))
    }

    fn current(mut self, key: &str, change: impl FnOnce(&mut GenerationRecord)) -> Scene {
        change(self.recorded.statements.get_mut(key).unwrap().current.as_mut().unwrap());
        self
    }

    fn unlisted(mut self, name: &str) -> Scene {
        self.statements.remove(name);
        self
    }

    fn gone(mut self, name: &str) -> Scene {
        self.gone.push(name.to_owned());
        self.unlisted(name)
    }

    fn unknown(mut self, name: &str) -> Scene {
        self.unknown.push(name.to_owned());
        self.unlisted(name)
    }

    fn request(mut self, change: impl FnOnce(&mut Request)) -> Scene {
        change(&mut self.request);
        self
    }

    fn diff(&self) -> Diff {
        let mut snapshot = Live::from_resources(self.statements.clone(), Some(self.pools.clone()));
        self.gone.iter().for_each(|name| snapshot.add_statement_answer(name, Ok(None)));
        self.unknown.iter().for_each(|name| snapshot.add_statement_answer(name, Err("403".to_owned())));
        let desired = Desired { graph: &self.graph, secrets: &BTreeMap::new() };
        diff(&desired, &self.recorded, &Settlement::default(), &snapshot, &self.request)
    }

    /// One line a change.
    fn says(&self) -> String {
        let diff = self.diff();
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
        let asks = diff.asks.statements.iter().map(|name| format!("asks for {name}"));
        diff.changes.iter().map(line).chain(asks).collect::<Vec<_>>().join("\n")
    }
}

fn converged() -> Scene {
    Scene::of(&format!("{TABLE}{COPY}"))
}

fn copy(more: &str) -> String {
    format!("{TABLE}{COPY}{more}")
}

#[test]
fn what_is_as_it_should_be_is_only_counted() {
    let diff = converged().diff();
    assert_eq!((diff.changes.len(), diff.unchanged, diff.foreign), (0, 3, 0));
    assert!(diff.asks.is_empty());
}

#[test]
fn absence_is_asked_for_before_it_is_acted_on() {
    let new = converged().desired(&copy("[statements.new]\nsql = \"INSERT INTO x SELECT 1\"\n"));
    assert_eq!(new.says(), "new Create new g1 [] []\nasks for new");
    assert_eq!(new.gone("new").says(), "new Create new g1 [] []");
    assert!(converged().unlisted("copy").says().ends_with("asks for copy"));
    assert!(converged().desired(TABLE).unlisted("copy").says().ends_with("asks for copy"));
}

#[test]
fn nothing_is_decided_from_what_nobody_can_tell() {
    let blocked = "copy BLOCKED [Unknown { why: \"403\" }] [] []";
    assert_eq!(converged().unknown("copy").says(), blocked);
    assert_eq!(converged().desired(TABLE).unknown("copy").says(), blocked);
    let held = copy("[statements.new]\nsql = \"INSERT INTO x SELECT 1\"\n");
    assert_eq!(converged().desired(&held).unknown("new").says(), "new BLOCKED [Unknown { why: \"403\" }] [] []");
    // A completed definition is in force whatever can be seen of its statement.
    assert_eq!(converged().unknown("orders").says(), "");
}

#[test]
fn layout_and_case_are_no_change_and_are_written_down() {
    let cosmetic = copy("").replace("INSERT INTO target SELECT", "insert  into target -- so\\n select");
    assert_eq!(converged().desired(&cosmetic).says(), "copy Record [] [Cosmetic]");
}

#[test]
fn settings_are_written_down_only() {
    let settings = copy("timeout = \"1h\"\nprevent_destroy = true\n");
    assert_eq!(converged().desired(&settings).says(), "copy Record [] []");
}

#[test]
fn a_policy_or_a_consent_opens_the_way_for_a_replacement() {
    let changed = |more: &str| converged().desired(&copy(more).replace("SELECT id FROM", "SELECT id + 1 FROM"));
    let replaced = "copy Replace Restart g1 -> g2 [SqlChanged] [OutputAgain { keyed: None }]";
    // It stands in people's repositories, so it stays the same from version to version.
    let accept = "restart:d5c39c";
    assert_eq!(
        changed("").says(),
        format!(
            "copy BLOCKED [LosesPosition {{ keeps: None, accept: {accept:?} }}] [SqlChanged] [OutputAgain {{ keyed: None }}]"
        )
    );
    assert_eq!(changed(&format!("accept = {accept:?}\n")).says(), replaced);
    assert_eq!(changed("evolve = \"restart\"\n").says(), replaced);
    assert_eq!(
        changed("evolve = \"manual\"\n").says(),
        format!("copy BLOCKED [Manual {{ accept: {accept:?} }}] [SqlChanged] [OutputAgain {{ keyed: None }}]")
    );
    assert_eq!(
        changed("evolve = \"restart\"\nprevent_destroy = true\n").says(),
        "copy BLOCKED [PreventDestroy] [SqlChanged] []"
    );
    let asked = changed("").request(|request| request.replace.extend([Address::statement("copy")]));
    assert!(asked.says().starts_with("copy Replace Restart g1 -> g2 [SqlChanged, Asked]"));
}

#[test]
fn numbers_go_on_from_whatever_was_used() {
    let changed = copy("evolve = \"restart\"\n").replace("SELECT id FROM", "SELECT id + 1 FROM");
    let mut scene = converged().desired(&changed);
    let mut foreign = scene.statements["copy"].clone();
    foreign.name = "copy-g7".to_owned();
    scene.statements.insert("copy-g7".to_owned(), foreign);
    assert!(scene.says().starts_with("copy Replace Restart g1 -> g8"), "{}", scene.says());
}

#[test]
fn a_stopped_job_keeps_its_changes_for_the_next_start() {
    let stopped = |more: &str| copy(&format!("stopped = true\n{more}"));
    let still = || converged().stopped("copy").current("copy", |current| current.stopped = true);
    let due = stopped("principal = \"sa-1\"\n").replace("SELECT id FROM", "SELECT id + 1 FROM");
    assert_eq!(still().desired(&due).says(), "copy Record [] [DueAtNextStart { fields: [\"sql\", \"principal\"] }]");
    let mut recorded = still();
    recorded.recorded.statements.get_mut("copy").unwrap().declared.stopped = true;
    assert_eq!(
        recorded.desired(&copy("principal = \"sa-1\"\n")).says(),
        "copy Start [StoppedChanged { to: false }, PrincipalChanged { before: None, after: \"sa-1\" }] []"
    );
}

#[test]
fn what_an_interrupted_run_stopped_runs_again_even_while_a_change_is_blocked() {
    let scene = converged().stopped("copy").current("copy", |current| current.stopped = true);
    assert_eq!(scene.says(), "copy Start [StoppedByInterruptedRun] []");
    let changed = scene.desired(&copy("").replace("SELECT id FROM", "SELECT id + 1 FROM"));
    assert_eq!(changed.says(), "copy Start [StoppedByInterruptedRun] [StillToDecide { fields: [\"sql\"] }]");
}

#[test]
fn phases_that_pass_decide_nothing() {
    let other = Phase::Other("NEW".to_owned());
    for phase in [Phase::Stopping, Phase::Failing, Phase::Deleting, Phase::Stopped, Phase::Pending, other] {
        let scene = converged().phase("copy", phase.clone());
        let undecided = format!("copy Await {{ phase: {phase:?} }} [] [InMotion {{ phase: {phase:?} }}]");
        // It is on its way to run, or may be.
        let starts = matches!(phase, Phase::Stopped | Phase::Pending | Phase::Other(_));
        let awaited =
            if starts { undecided.replace(&format!("InMotion {{ phase: {phase:?} }}"), "") } else { undecided.clone() };
        assert_eq!(scene.says(), awaited);
        let changed = scene.desired(&copy("evolve = \"restart\"\n").replace("SELECT id FROM", "SELECT id + 1 FROM"));
        assert_eq!(changed.says(), undecided);
        let asked = converged().phase("copy", phase.clone()).request(|request| {
            request.replace.extend([Address::statement("copy")]);
        });
        assert_eq!(asked.says(), undecided);
    }
}

#[test]
fn what_never_ran_is_submitted_anew() {
    let never =
        |phase| converged().phase("copy", phase).current("copy", |current| current.reached = FurthestPhase::Submitted);
    assert_eq!(never(Phase::Failed).says(), "copy Replace NeverRan g1 -> g2 [NeverRan { detail: \"\" }] []");
    assert_eq!(never(Phase::Pending).says(), "copy Await { phase: Pending } [] []");
    let changed = never(Phase::Pending).desired(&copy("").replace("SELECT id FROM", "SELECT id + 1 FROM"));
    assert!(changed.says().starts_with("copy Replace NeverRan g1 -> g2"));
    let table = converged()
        .phase("orders", Phase::Failed)
        .current("orders", |current| current.reached = FurthestPhase::Submitted);
    assert!(table.says().starts_with("orders Replace NeverRan g1 -> g2"));
}

#[test]
fn a_failed_job_is_reported_resumed_or_blocked() {
    let failed = || converged().phase("copy", Phase::Failed);
    assert_eq!(failed().says(), "copy Note [] [Failed { detail: \"\", since: None }]");
    assert_eq!(failed().desired(&copy("on_failed = \"resume\"\n")).says(), "copy Start [Failed { detail: \"\" }] []");
    let changed = failed().desired(&copy("").replace("SELECT id FROM", "SELECT id + 1 FROM"));
    assert!(changed.says().starts_with("copy BLOCKED [FailedPredecessor"));
    let moved = copy("principal = \"sa-1\"\n");
    let due = "DueAtNextStart { fields: [\"principal\"] }";
    let says = failed().desired(&moved).says();
    assert_eq!(says, format!("copy Record [] [Failed {{ detail: \"\", since: None }}, {due}]"));
    let ended = converged().phase("copy", Phase::Completed).desired(&moved);
    assert_eq!(ended.says(), format!("copy Record [] [Ended, {due}]"));
}

#[test]
fn a_job_that_ended_is_told_and_a_bounded_one_is_done() {
    let ended = converged().phase("copy", Phase::Completed);
    assert_eq!(ended.says(), "copy Note [] [Ended]");
    assert_eq!(ended.live("copy", |live| live.bounded = Some(true)).says(), "");
}

#[test]
fn a_bounded_job_that_was_purged_is_done() {
    let done = |bounded: bool, statements: &str| {
        let gone = Scene::of(statements).gone("copy");
        gone.current("copy", |it| (it.reached, it.bounded) = (FurthestPhase::Completed, bounded)).says()
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
fn a_gone_job_starts_at_its_offsets_only_where_that_is_right() {
    let offsets = |topics: &[&str]| Offsets {
        topics: topics.iter().map(|topic| ((*topic).to_owned(), "partition:0,offset:7".to_owned())).collect(),
        taken_at: None,
    };
    let gone = |topics: &[&str]| {
        let offsets = offsets(topics);
        converged().gone("copy").current("copy", |current| (current.stopped, current.offsets) = (true, Some(offsets)))
    };
    let outside = gone(&["orders"]).current("copy", |current| current.stopped = false);
    assert!(outside.says().starts_with("copy BLOCKED [GoneWithoutOffsets"), "{}", outside.says());
    assert!(outside.says().contains("StoodWhenStoppedOutside"), "{}", outside.says());
    assert!(gone(&["orders"]).says().starts_with("copy Replace FromOffsets - -> g2 [Gone]"));
    assert!(gone(&["a", "b"]).says().starts_with("copy BLOCKED [GoneWithSeveralSources"));
    assert!(converged().gone("copy").says().starts_with("copy BLOCKED [GoneWithoutOffsets"));
    let stateful = copy("").replace("SELECT id FROM orders", "SELECT COUNT(*) FROM orders GROUP BY id");
    let counts = Scene::of(&stateful)
        .gone("copy")
        .current("copy", |it| (it.stopped, it.offsets) = (true, Some(offsets(&["orders"]))));
    assert!(counts.says().starts_with("copy BLOCKED [GoneWithoutOffsets"), "{}", counts.says());
    // An upsert keeps the last row of each key.
    let keyed = copy("").replace("(id INT)", "(id INT, PRIMARY KEY (id) NOT ENFORCED)");
    let upserts = Scene::of(&keyed)
        .gone("copy")
        .current("copy", |it| (it.stopped, it.offsets) = (true, Some(offsets(&["orders"]))));
    assert!(upserts.says().starts_with("copy BLOCKED [GoneWithoutOffsets"), "{}", upserts.says());
    // Whether the rows of a table from elsewhere change, the service alone knows.
    let theirs = Scene::of(&copy("").replace("FROM orders", "FROM theirs"))
        .gone("copy")
        .current("copy", |it| (it.stopped, it.offsets) = (true, Some(offsets(&["theirs"]))));
    let blocked =
        "copy BLOCKED [GoneFromUnknownSource { source: \"theirs\", hints: {\"theirs\": \"partition:0,offset:7\"}";
    assert!(theirs.says().starts_with(blocked), "{}", theirs.says());
    let again = converged().gone("copy").desired(&copy("evolve = \"restart\"\n"));
    assert!(again.says().starts_with("copy Replace Again - -> g2 [Gone]"));
}

#[test]
fn a_job_that_comes_again_says_what_its_readers_see() {
    let buried = |statements: &str, key: &str, stood: Option<&str>| {
        let mut scene = Scene::of(statements).gone(key).gone(&format!("{key}-g2"));
        scene.recorded.statements.remove(key);
        let offsets =
            stood.map(|at| Offsets { topics: BTreeMap::from([("orders".to_owned(), at.to_owned())]), taken_at: None });
        let (name, last_generation) = (key.to_owned(), Generation::FIRST);
        scene.recorded.tombstones.insert(key.to_owned(), Tombstone { name, last_generation, undo_count: 0, offsets });
        scene.says()
    };
    let topics = "RemovedBefore { topics: {\"orders\": \"partition:0,offset:7\"} }";
    assert_eq!(
        buried(&copy(""), "copy", Some("partition:0,offset:7")),
        format!("copy Create copy-g2 g2 [] [{topics}, OutputAgain {{ keyed: None }}]")
    );
    let hinted = copy("").replace("FROM orders", "FROM orders /*+ OPTIONS('scan.startup.mode' = 'latest-offset') */");
    assert_eq!(
        buried(&hinted, "copy", None),
        "copy Create copy-g2 g2 [] [RemovedBefore { topics: {} }, StartsAsWritten]"
    );
    // A definition writes nothing.
    assert_eq!(buried(&copy(""), "orders", None), "orders Create orders-g2 g2 [] []");
}

#[test]
fn a_create_table_as_is_never_replaced() {
    let ctas = "[statements.t]\nsql = \"CREATE TABLE t AS SELECT 1 AS x\"\nevolve = \"restart\"\n";
    let changed = Scene::of(ctas).desired(&ctas.replace("SELECT 1", "SELECT 2"));
    assert_eq!(changed.says(), "t BLOCKED [TableJob] [SqlChanged] []");
    assert_eq!(Scene::of(ctas).gone("t").says(), "t BLOCKED [TableJob] [Gone] []");
    assert_eq!(
        Scene::of(ctas).desired(&format!("{ctas}stopped = true\n")).says(),
        "t Stop [StoppedChanged { to: true }] []"
    );
}

#[test]
fn a_definition_changes_by_its_undo_or_not_at_all() {
    let table =
        |more: &str, columns: &str| format!("[statements.orders]\nsql = \"CREATE TABLE orders ({columns})\"\n{more}");
    let undo = "undo = \"DROP TABLE orders\"\n";
    let changed = Scene::of(&table("", "id INT")).desired(&table("", "id BIGINT"));
    assert_eq!(changed.says(), "orders BLOCKED [NoUndo] [SqlChanged] []");
    let with_undo = Scene::of(&table(undo, "id INT")).desired(&table(undo, "id BIGINT"));
    assert!(with_undo.says().starts_with("orders BLOCKED [DataLoss"));
    let consented = with_undo.request(|request| request.allow_data_loss = true);
    assert_eq!(consented.says(), "orders Replace Redefine g1 -> g2 [SqlChanged] []");
    let lenient = |columns: &str| table("", columns).replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS");
    let lenient = Scene::of(&lenient("id INT")).desired(&lenient("id BIGINT"));
    assert_eq!(lenient.says(), "orders BLOCKED [IfNotExists] [SqlChanged] []");
    // Its pool and principal have done their work.
    let moved = Scene::of(&table("", "id INT")).desired(&table("principal = \"sa-9\"\n", "id INT"));
    assert_eq!(moved.says(), "orders Record [] []");
}

#[test]
fn a_harmless_undo_needs_no_consent_but_no_reader_either() {
    let view = |more: &str| {
        format!("[statements.v]\nsql = \"CREATE VIEW v AS SELECT 1 AS x\"\nundo = \"DROP VIEW v\"\n{more}")
    };
    let reader = "[statements.r]\nsql = \"INSERT INTO target SELECT x FROM v\"\n";
    let other = "[statements.o]\nsql = \"CREATE TABLE o (id INT)\"\n";
    let scene = || Scene::of(&format!("{}{other}", view(reader)));
    assert!(scene().desired(other).says().contains("v Delete { undo: Some"), "{}", scene().desired(other).says());
    let kept = scene().desired(&format!("{}{other}", reader));
    assert!(kept.says().contains("v BLOCKED [InUse { by: [\"statements.r\"] }]"), "{}", kept.says());
}

#[test]
fn targets_take_what_they_need_and_excludes_what_needs_them() {
    let scene = || {
        let both = converged().gone("orders").gone("copy");
        Scene { recorded: Recorded { statements: BTreeMap::new(), ..both.recorded.clone() }, ..both }
    };
    let of = |address: &str| BTreeSet::from([address.parse::<Address>().unwrap()]);
    let target = scene().request(|request| request.targets = of("statements.orders"));
    assert_eq!(target.says(), "orders Create orders g1 [] []");
    let exclude = scene().request(|request| request.excludes = of("statements.orders"));
    assert_eq!(exclude.says(), "");
    let both = scene().request(|request| request.targets = of("statements.copy"));
    assert_eq!(both.diff().changes.len(), 2);
}

#[test]
fn a_pool_that_is_gone_is_made_again_and_names_what_stopped() {
    let mut scene = converged();
    scene.pools.clear();
    let asks = scene.diff().asks;
    assert_eq!(asks.pools, BTreeSet::from(["lfcp-main".to_owned()]));
}

#[test]
fn a_pool_that_is_said_to_be_gone_while_a_job_of_ours_runs_on_it_is_blocked() {
    let absent = |scene: &Scene| {
        let mut snapshot = Live::from_resources(scene.statements.clone(), Some(BTreeMap::new()));
        snapshot.add_pool_answer("lfcp-main", Ok(None));
        let desired = Desired { graph: &scene.graph, secrets: &BTreeMap::new() };
        let diff = diff(&desired, &scene.recorded, &Settlement::default(), &snapshot, &scene.request);
        diff.changes[&Address::pool("main")].action.clone()
    };
    let mut scene = converged();
    let Action::Blocked { by } = absent(&scene) else { panic!("the job runs") };
    assert!(matches!(by.as_slice(), [Block::Unknown { why }] if why.contains("`copy` runs on it")), "{by:?}");
    scene.request.destroy = true;
    assert!(matches!(absent(&scene), Action::Blocked { .. }));
    scene.statements.get_mut("copy").unwrap().phase = Phase::Stopped;
    assert_eq!(absent(&scene), Action::Forget);
    scene.request.destroy = false;
    assert!(matches!(absent(&scene), Action::CreatePool { .. }));
}

#[test]
fn a_pool_of_the_same_name_is_somebody_elses() {
    let mut scene = converged();
    scene.recorded.pools.clear();
    assert!(scene.says().starts_with("main BLOCKED [PoolExists { id: \"lfcp-main\" }]"), "{}", scene.says());
}
