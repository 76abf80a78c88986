//! Worlds of version 0.1.0 are read, written again without a difference, and continued.
//!
//! They are in `tests/fixtures/0.1.0/simulator`; `FLOE_WRITE_FIXTURES=1` writes missing ones. Each list of variants
//! is a `match` that leads from one variant to the next, so a new variant does not compile until it is added.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;

use super::client::{CLOUD_ORIGIN, TestClient, options_without_limits, wait_seconds};
use crate::{
    cloud::Method,
    resource::{InternedStr, Labels, Phase, PoolPhase, Properties},
    simulator::{
        Effect, EffectKind, Simulator,
        audit::AuditTrail,
        sql_summary::{StatementBehavior, StatementTraits},
        world::{
            DelayedEffect, FixedFields, LogRecord, MutableFields, ScheduledTransition, SimulatedPool, SimulatedWarning,
            SimulatedWorld, WorldChange, WorldLog, read_without_lock,
        },
    },
};

/// The start time, 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;
/// A time after the end of every test, so that what is due then stays pending.
const LATER: i64 = START + 3_600_000_000;

/// The fixture of a log with every change, one per line.
const EVERY_CHANGE: &str = "simulator/every.world";
/// The fixture of the same world in one line.
const WHOLE_WORLD: &str = "simulator/whole.world";

/// Returns the path of a fixture.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1.0").join(name)
}

/// Returns `first` and all that follow it through `next`.
fn each_variant<T>(first: T, next: impl Fn(&T) -> Option<T>) -> Vec<T> {
    std::iter::successors(Some(first), next).collect()
}

/// Returns every phase of a statement.
fn phases() -> Vec<Phase> {
    each_variant(Phase::Pending, |it| match it {
        Phase::Pending => Some(Phase::Running),
        Phase::Running => Some(Phase::Completed),
        Phase::Completed => Some(Phase::Deleting),
        Phase::Deleting => Some(Phase::Failing),
        Phase::Failing => Some(Phase::Failed),
        Phase::Failed => Some(Phase::Stopping),
        Phase::Stopping => Some(Phase::Stopped),
        Phase::Stopped => Some(Phase::Degraded),
        Phase::Degraded => Some(Phase::Other("SIMMERING".to_owned())),
        Phase::Other(_) => None,
    })
}

/// Returns every phase of a pool.
fn pool_phases() -> Vec<PoolPhase> {
    each_variant(PoolPhase::Provisioning, |it| match it {
        PoolPhase::Provisioning => Some(PoolPhase::Provisioned),
        PoolPhase::Provisioned => Some(PoolPhase::Failed),
        PoolPhase::Failed => Some(PoolPhase::Deprovisioning),
        PoolPhase::Deprovisioning => Some(PoolPhase::Other("SIMMERING".to_owned())),
        PoolPhase::Other(_) => None,
    })
}

/// Returns every behavior of a statement.
fn behaviors() -> Vec<StatementBehavior> {
    each_variant(StatementBehavior::Definition, |it| match it {
        StatementBehavior::Definition => Some(StatementBehavior::Job),
        StatementBehavior::Job => Some(StatementBehavior::TableJob),
        StatementBehavior::TableJob => Some(StatementBehavior::Foreground),
        StatementBehavior::Foreground => Some(StatementBehavior::Introspection),
        StatementBehavior::Introspection => Some(StatementBehavior::Unsupported),
        StatementBehavior::Unsupported => None,
    })
}

/// Returns every kind of effect.
fn effect_kinds() -> Vec<EffectKind> {
    each_variant(EffectKind::Created, |it| match it {
        EffectKind::Created => Some(EffectKind::Updated),
        EffectKind::Updated => Some(EffectKind::Stopped),
        EffectKind::Stopped => Some(EffectKind::Resumed),
        EffectKind::Resumed => Some(EffectKind::Deleted),
        EffectKind::Deleted => Some(EffectKind::Purged),
        EffectKind::Purged => Some(EffectKind::PoolCreated),
        EffectKind::PoolCreated => Some(EffectKind::PoolUpdated),
        EffectKind::PoolUpdated => Some(EffectKind::PoolDeleted),
        EffectKind::PoolDeleted => None,
    })
}

/// Returns every scheduled transition.
fn all_transitions() -> Vec<ScheduledTransition> {
    each_variant(ScheduledTransition::Start, |it| match it {
        ScheduledTransition::Start => Some(ScheduledTransition::EnterPending),
        ScheduledTransition::EnterPending => Some(ScheduledTransition::Complete),
        ScheduledTransition::Complete => Some(ScheduledTransition::Fail("division by zero".to_owned())),
        ScheduledTransition::Fail(_) => Some(ScheduledTransition::FinishFailing),
        ScheduledTransition::FinishFailing => Some(ScheduledTransition::FinishStopping),
        ScheduledTransition::FinishStopping => Some(ScheduledTransition::Degrade),
        ScheduledTransition::Degrade => Some(ScheduledTransition::ResultsIdle),
        ScheduledTransition::ResultsIdle => Some(ScheduledTransition::CarryOverTimedOut),
        ScheduledTransition::CarryOverTimedOut => Some(ScheduledTransition::Remove),
        ScheduledTransition::Remove => None,
    })
}

/// Returns fixed fields in which every field of 0.1.0 has a value.
fn fixed_fields(number: usize, behavior: StatementBehavior) -> FixedFields {
    FixedFields {
        organization: InternedStr::from("b0b21724-4586-4a07-b787-d0bb5aacbf87"),
        environment: InternedStr::from("env-1"),
        name: format!("job-{number}"),
        uid: format!("uid-{number}"),
        created_at: START,
        sql: "INSERT INTO sink SELECT * FROM orders".to_owned(),
        properties: Some(Properties::from_iter([("sql.current-catalog", "dev".to_owned())])),
        traits: StatementTraits {
            kind: "INSERT_INTO".to_owned(),
            behavior,
            bounded: false,
            connections: vec!["openai".to_owned()],
        },
    }
}

/// Returns mutable fields in which every field has a value.
fn mutable_fields(phase: Phase) -> MutableFields {
    let warning = SimulatedWarning {
        severity: "CRITICAL".to_owned(),
        reason: "SIMULATED".to_owned(),
        message: "state grows".to_owned(),
        created_at: START + 1,
    };
    MutableFields {
        pool: InternedStr::from("lfcp-1"),
        principal: InternedStr::from("sa-1"),
        pending_move: Some(Box::new((InternedStr::from("lfcp-2"), InternedStr::from("sa-2")))),
        labels: Labels::from_iter([("user.confluent.io/floe-project", "shop".to_owned())]),
        stopped: true,
        phase,
        detail: "division by zero".to_owned(),
        version: 7,
        version_bumps: VecDeque::from([START + 2, START + 3]),
        updated_at: START + 1,
        scaling: Some(("POOL_EXHAUSTED".to_owned(), START + 4)),
        baseline_cfu: Some(2),
        warnings: vec![warning],
        records_read: BTreeMap::from([("orders".to_owned(), 42)]),
        offsets_at: Some(START + 5),
        started_at: Some(START + 6),
        ended_at: Some(START + 7),
        executing: true,
        failed_to_compile: true,
        offsets_carried_over: true,
        waiting_for: Some("job-0".to_owned()),
        exceptions: VecDeque::from([("ArithmeticException".to_owned(), "division by zero".to_owned(), START + 8)]),
        scheduled: all_transitions().into_iter().zip(0..).map(|(next, after)| (LATER + after, next)).collect(),
    }
}

/// Returns a pool in which every field has a value.
fn pool(id: &str, phase: PoolPhase) -> SimulatedPool {
    SimulatedPool {
        id: id.to_owned(),
        environment: "env-1".to_owned(),
        display_name: "main".to_owned(),
        cloud: "AWS".to_owned(),
        region: "us-east-1".to_owned(),
        max_cfu: 10,
        enable_ai: true,
        default_pool: true,
        network: Some("n-1".to_owned()),
        phase,
        created_at: START,
        updated_at: START + 1,
        phase_ends_at: Some(LATER),
    }
}

/// Returns a delayed effect of a POST.
fn delayed_effect() -> DelayedEffect {
    DelayedEffect {
        due: LATER,
        method: "POST".to_owned(),
        url: TestClient::statements_url(""),
        principal: "u-1".to_owned(),
        body: "{\"name\":\"a\"}".to_owned(),
    }
}

/// Returns an effect of this kind.
fn effect(kind: EffectKind) -> Effect {
    Effect { kind, name: "job-1".to_owned(), uid: "uid-1".to_owned(), at: "2026-01-01T00:00:00Z".to_owned() }
}

/// Returns every change that a log can hold, each at least once. The objects and the organization's configuration
/// come from a real world.
async fn every_change() -> Vec<WorldChange> {
    let client = TestClient::new(options_without_limits());
    let config = json!({ "spec": { "default_pool_enabled": false, "default_pool_max_cfu": 20 } });
    let patched =
        client.call(Method::PATCH, &format!("{CLOUD_ORIGIN}/fcpm/v2/compute-pool-config"), Some(config)).await;
    assert_eq!(patched.status, 200, "{}", patched.body);
    client.create_ready_pool("main", 5).await;
    let pool_id = client.simulator.lock().world.pools().next().unwrap().id.clone();
    for (name, sql) in
        [("kept", "CREATE TABLE kept (id INT)"), ("gone", "CREATE TABLE gone (id INT)"), ("drop", "DROP TABLE gone")]
    {
        let mut body = super::client::statement_body(name, sql);
        body["spec"]["compute_pool_id"] = json!(pool_id);
        assert_eq!(client.post(body).await.status, 201);
        wait_seconds(60).await;
    }
    client.simulator.world_view();
    let state = client.simulator.lock();
    let created = state.world.catalog.created().first().unwrap().clone();
    let dropped = state.world.catalog.dropped().first().unwrap().clone();
    let config = state.world.org_config.clone();
    drop(state);
    let kinds = each_variant(WorldChange::ConfigChanged(config), |it| match it {
        WorldChange::ConfigChanged(_) => Some(WorldChange::StatementCreated(
            1,
            Box::new(fixed_fields(1, StatementBehavior::Job)),
            Box::new(mutable_fields(Phase::Pending)),
        )),
        WorldChange::StatementCreated(..) => {
            Some(WorldChange::StatementChanged(1, Box::new(mutable_fields(Phase::Running))))
        }
        WorldChange::StatementChanged(..) => Some(WorldChange::StatementRemoved(2)),
        WorldChange::StatementRemoved(_) => {
            Some(WorldChange::PoolStored(Box::new(pool("lfcp-1", PoolPhase::Provisioned))))
        }
        WorldChange::PoolStored(_) => Some(WorldChange::PoolRemoved("lfcp-0".to_owned())),
        WorldChange::PoolRemoved(_) => Some(WorldChange::ObjectCreated(created.clone())),
        WorldChange::ObjectCreated(_) => Some(WorldChange::ObjectDropped(dropped.clone())),
        WorldChange::ObjectDropped(_) => Some(WorldChange::EffectDelayed(1, delayed_effect())),
        WorldChange::EffectDelayed(..) => Some(WorldChange::DelayedEffectApplied(2)),
        WorldChange::DelayedEffectApplied(_) => Some(WorldChange::Effect(effect(EffectKind::Created))),
        WorldChange::Effect(_) => Some(WorldChange::PeakRunning("job".to_owned(), 2)),
        WorldChange::PeakRunning(..) => None,
    });
    let statement_created = |(number, (phase, behavior)): (usize, (Phase, StatementBehavior))| {
        let serial = u64::try_from(number).unwrap();
        WorldChange::StatementCreated(serial, Box::new(fixed_fields(number, behavior)), Box::new(mutable_fields(phase)))
    };
    let statements = phases()
        .into_iter()
        .zip(behaviors().into_iter().cycle())
        .enumerate()
        .map(|(at, it)| statement_created((at + 10, it)));
    let pools = pool_phases().into_iter().enumerate();
    let pools =
        pools.map(|(number, phase)| WorldChange::PoolStored(Box::new(pool(&format!("lfcp-{}", number + 2), phase))));
    let effects = effect_kinds().into_iter().map(|kind| WorldChange::Effect(effect(kind)));
    kinds.into_iter().chain(statements).chain(pools).chain(effects).collect()
}

/// Returns the bytes of a log with these records.
fn log_bytes(records: &[LogRecord]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let mut log = WorldLog::open(&path, &mut |_| panic!("a new log must be empty")).unwrap();
    records.iter().for_each(|record| log.append(record).unwrap());
    fs::read(&path).unwrap()
}

/// Returns the records of the log at `path`.
fn read_records(path: &Path) -> Vec<LogRecord> {
    let mut records = Vec::new();
    read_without_lock(path, &mut |record| records.push(record)).unwrap();
    records
}

/// Returns the bytes of a fixture. A missing one is written from `generated` if that is requested.
fn fixture_bytes(name: &str, generated: &[u8]) -> Vec<u8> {
    let path = fixture(name);
    if std::env::var_os("FLOE_WRITE_FIXTURES").is_some() && !path.exists() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, generated).unwrap();
    }
    fs::read(&path).unwrap()
}

/// Fails with the place where two byte strings begin to differ.
fn assert_same_bytes(actual: &[u8], expected: &[u8]) {
    if actual == expected {
        return;
    }
    let at = actual.iter().zip(expected).take_while(|(now, kept)| now == kept).count();
    let around = |bytes: &[u8]| {
        let part = bytes.get(at.saturating_sub(80)..bytes.len().min(at + 80));
        String::from_utf8_lossy(part.unwrap_or_default()).into_owned()
    };
    panic!("bytes differ from offset {at}\nnow:     {}\nfixture: {}", around(actual), around(expected));
}

/// Returns the world of the log at `path` as a log of one line.
fn world_in_one_record(path: &Path) -> Vec<u8> {
    let read_log = |on_record: &mut dyn FnMut(LogRecord)| read_without_lock(path, on_record).map(|()| None);
    let world = SimulatedWorld::restore(Arc::new(options_without_limits()), AuditTrail::default(), read_log).unwrap();
    log_bytes(&[world.to_record()])
}

/// Returns the log with every change, one per line: as in the fixture, and as it would be written now.
async fn log_with_every_change() -> (Vec<u8>, Vec<u8>) {
    let record = |(change, issued_ids)| LogRecord { at: START, issued_ids, changes: vec![change] };
    let records: Vec<LogRecord> = every_change().await.into_iter().zip(1..).map(record).collect();
    let generated = log_bytes(&records);
    (fixture_bytes(EVERY_CHANGE, &generated), generated)
}

#[test]
fn bounded_is_written_only_if_true_and_false_if_missing() {
    let bounded = StatementTraits { bounded: true, ..fixed_fields(1, StatementBehavior::Job).traits };
    for (traits, is_written) in [(bounded.clone(), true), (StatementTraits { bounded: false, ..bounded }, false)] {
        let text = serde_json::to_string(&traits).unwrap();
        assert_eq!(text.contains("bounded"), is_written, "{text}");
        assert_eq!(serde_json::from_str::<StatementTraits>(&text).unwrap(), traits);
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_of_0_1_0_with_every_change_is_read_and_written_unchanged() {
    let (expected, generated) = log_with_every_change().await;
    assert_same_bytes(&log_bytes(&read_records(&fixture(EVERY_CHANGE))), &expected);
    assert_same_bytes(&generated, &expected);
}

#[tokio::test(start_paused = true)]
async fn a_world_of_0_1_0_with_every_field_is_restored_and_written_unchanged() {
    log_with_every_change().await;
    let expected = fixture_bytes(WHOLE_WORLD, &world_in_one_record(&fixture(EVERY_CHANGE)));
    assert_same_bytes(&world_in_one_record(&fixture(EVERY_CHANGE)), &expected);
    assert_same_bytes(&world_in_one_record(&fixture(WHOLE_WORLD)), &expected);
    let text = String::from_utf8(expected).unwrap();
    for key in ["born", "pool", "made", "dropped", "config", "late", "effect", "peak"] {
        assert!(text.contains(&format!("{{\"{key}\":")), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_world_left_by_a_0_1_0_run_is_read_written_unchanged_and_continues() {
    for name in ["applied/state/local.world", "interrupted/state/local.world"] {
        let path = fixture(name);
        let expected = fs::read(&path).unwrap();
        assert_same_bytes(&log_bytes(&read_records(&path)), &expected);
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("whole.world");
        fs::write(&copy, world_in_one_record(&path)).unwrap();
        let snapshot_bytes = |path: &Path| {
            let simulator = Simulator::load_copy(path, options_without_limits()).unwrap();
            simulator.snapshot().to_bytes()
        };
        assert_eq!(snapshot_bytes(&copy), snapshot_bytes(&path), "{name}: the log of one line gives the same world");
    }
}
