//! The worlds of version 0.1.0 are read, written again as they were, and gone on from.
//!
//! `tests/fixtures/0.1.0/simulator` holds them; `FLOE_WRITE_FIXTURES=1` writes those that are missing. Each list of
//! variants is a `match` that leads from one to the next, so that one that is added does not compile without its place.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;

use super::client::{API, Client, options, wait};
use crate::{
    cloud::Method,
    resource::{InternedStr, Phase, PoolPhase, SmallMap},
    simulator::{
        Effect, Simulator, Verb,
        audit::Audit,
        log::{Change, Log, Record, look},
        pools::Pool,
        reading::{Sort, Traits},
        statements::{Alarm, Born, Next, Now},
        world::{Late, World},
    },
};

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;
/// Longer than any test lasts: what is due then is still to come.
const LATER: i64 = START + 3_600_000_000;

/// A log with every change, one a line; and the world that it tells of, in one line.
const EVERY: &str = "simulator/every.world";
const WHOLE: &str = "simulator/whole.world";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1.0").join(name)
}

fn each<T>(first: T, next: impl Fn(&T) -> Option<T>) -> Vec<T> {
    std::iter::successors(Some(first), next).collect()
}

fn phases() -> Vec<Phase> {
    each(Phase::Pending, |it| match it {
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

fn pool_phases() -> Vec<PoolPhase> {
    each(PoolPhase::Provisioning, |it| match it {
        PoolPhase::Provisioning => Some(PoolPhase::Provisioned),
        PoolPhase::Provisioned => Some(PoolPhase::Failed),
        PoolPhase::Failed => Some(PoolPhase::Deprovisioning),
        PoolPhase::Deprovisioning => Some(PoolPhase::Other("SIMMERING".to_owned())),
        PoolPhase::Other(_) => None,
    })
}

fn sorts() -> Vec<Sort> {
    each(Sort::Definition, |it| match it {
        Sort::Definition => Some(Sort::Job),
        Sort::Job => Some(Sort::TableJob),
        Sort::TableJob => Some(Sort::Foreground),
        Sort::Foreground => Some(Sort::Inquiry),
        Sort::Inquiry => Some(Sort::Refused),
        Sort::Refused => None,
    })
}

fn verbs() -> Vec<Verb> {
    each(Verb::Created, |it| match it {
        Verb::Created => Some(Verb::Updated),
        Verb::Updated => Some(Verb::Stopped),
        Verb::Stopped => Some(Verb::Resumed),
        Verb::Resumed => Some(Verb::Deleted),
        Verb::Deleted => Some(Verb::Purged),
        Verb::Purged => Some(Verb::PoolCreated),
        Verb::PoolCreated => Some(Verb::PoolUpdated),
        Verb::PoolUpdated => Some(Verb::PoolDeleted),
        Verb::PoolDeleted => None,
    })
}

fn all_next() -> Vec<Next> {
    each(Next::Start, |it| match it {
        Next::Start => Some(Next::Begin),
        Next::Begin => Some(Next::Complete),
        Next::Complete => Some(Next::Fail("division by zero".to_owned())),
        Next::Fail(_) => Some(Next::Failed),
        Next::Failed => Some(Next::Stopped),
        Next::Stopped => Some(Next::Degrade),
        Next::Degrade => Some(Next::Idle),
        Next::Idle => Some(Next::Overdue),
        Next::Overdue => Some(Next::Gone),
        Next::Gone => None,
    })
}

fn born(number: usize, sort: Sort) -> Born {
    Born {
        organization: InternedStr::from("b0b21724-4586-4a07-b787-d0bb5aacbf87"),
        environment: InternedStr::from("env-1"),
        name: format!("job-{number}"),
        uid: format!("uid-{number}"),
        created: START,
        sql: "INSERT INTO sink SELECT * FROM orders".to_owned(),
        properties: Some(SmallMap::from_iter([("sql.current-catalog", "dev".to_owned())])),
        traits: Traits { kind: "INSERT_INTO".to_owned(), sort, connections: vec!["openai".to_owned()] },
    }
}

fn now(phase: Phase) -> Now {
    let alarm = Alarm {
        severity: "CRITICAL".to_owned(),
        reason: "SIMULATED".to_owned(),
        message: "state grows".to_owned(),
        at: START + 1,
    };
    Now {
        pool: InternedStr::from("lfcp-1"),
        principal: InternedStr::from("sa-1"),
        due_move: Some(Box::new((InternedStr::from("lfcp-2"), InternedStr::from("sa-2")))),
        labels: SmallMap::from_iter([("user.confluent.io/floe-project", "shop".to_owned())]),
        stopped: true,
        phase,
        detail: "division by zero".to_owned(),
        version: 7,
        bumps: VecDeque::from([START + 2, START + 3]),
        updated: START + 1,
        scaling: Some(("POOL_EXHAUSTED".to_owned(), START + 4)),
        baseline_cfu: Some(2),
        warnings: vec![alarm],
        read: BTreeMap::from([("orders".to_owned(), 42)]),
        offsets_at: Some(START + 5),
        began: Some(START + 6),
        ended: Some(START + 7),
        alive: true,
        invalid: true,
        carried: true,
        waits_for: Some("job-0".to_owned()),
        exceptions: VecDeque::from([("ArithmeticException".to_owned(), "division by zero".to_owned(), START + 8)]),
        next: all_next().into_iter().zip(0..).map(|(next, after)| (LATER + after, next)).collect(),
    }
}

fn pool(id: &str, phase: PoolPhase) -> Pool {
    Pool {
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
        created: START,
        updated: START + 1,
        due: Some(LATER),
    }
}

fn late() -> Late {
    Late {
        due: LATER,
        method: "POST".to_owned(),
        url: Client::statements(""),
        owner: "u-1".to_owned(),
        body: "{\"name\":\"a\"}".to_owned(),
    }
}

fn effect(verb: Verb) -> Effect {
    Effect { verb, name: "job-1".to_owned(), uid: "uid-1".to_owned(), at: "2026-01-01T00:00:00Z".to_owned() }
}

/// Every change that a log can hold, each at least once. Objects and the organization's configuration are a real world's.
async fn changes() -> Vec<Change> {
    let client = Client::new(options());
    let config = json!({ "spec": { "default_pool_enabled": false, "default_pool_max_cfu": 20 } });
    let patched = client.call(Method::Patch, &format!("{API}/fcpm/v2/compute-pool-config"), Some(config)).await;
    assert_eq!(patched.status, 200, "{}", patched.body);
    client.pool("main", 5).await;
    let made = client.simulator.inside().world.pools().next().unwrap().id.clone();
    for (name, sql) in
        [("kept", "CREATE TABLE kept (id INT)"), ("gone", "CREATE TABLE gone (id INT)"), ("drop", "DROP TABLE gone")]
    {
        let mut body = super::client::statement(name, sql);
        body["spec"]["compute_pool_id"] = json!(made);
        assert_eq!(client.post(body).await.status, 201);
        wait(60).await;
    }
    client.simulator.world();
    let inside = client.simulator.inside();
    let thing = inside.world.catalog.made().first().unwrap().clone();
    let dropped = inside.world.catalog.dropped().first().unwrap().clone();
    let config = inside.world.config.clone();
    drop(inside);
    let kinds = each(Change::Config(config), |it| match it {
        Change::Config(_) => Some(Change::Born(1, Box::new(born(1, Sort::Job)), Box::new(now(Phase::Pending)))),
        Change::Born(..) => Some(Change::Now(1, Box::new(now(Phase::Running)))),
        Change::Now(..) => Some(Change::Gone(2)),
        Change::Gone(_) => Some(Change::Pool(Box::new(pool("lfcp-1", PoolPhase::Provisioned)))),
        Change::Pool(_) => Some(Change::PoolGone("lfcp-0".to_owned())),
        Change::PoolGone(_) => Some(Change::Made(thing.clone())),
        Change::Made(_) => Some(Change::Dropped(dropped.clone())),
        Change::Dropped(_) => Some(Change::Late(1, late())),
        Change::Late(..) => Some(Change::Arrived(2)),
        Change::Arrived(_) => Some(Change::Effect(effect(Verb::Created))),
        Change::Effect(_) => Some(Change::Peak("job".to_owned(), 2)),
        Change::Peak(..) => None,
    });
    let born = |(number, (phase, sort)): (usize, (Phase, Sort))| {
        let serial = u64::try_from(number).unwrap();
        Change::Born(serial, Box::new(born(number, sort)), Box::new(now(phase)))
    };
    let statements =
        phases().into_iter().zip(sorts().into_iter().cycle()).enumerate().map(|(at, it)| born((at + 10, it)));
    let pools = pool_phases().into_iter().enumerate();
    let pools = pools.map(|(number, phase)| Change::Pool(Box::new(pool(&format!("lfcp-{}", number + 2), phase))));
    let effects = verbs().into_iter().map(|verb| Change::Effect(effect(verb)));
    kinds.into_iter().chain(statements).chain(pools).chain(effects).collect()
}

/// The bytes of a log that is given these records one by one.
fn written(records: &[Record]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let mut log = Log::open(&path, &mut |_| panic!("it is new")).unwrap();
    records.iter().for_each(|record| log.append(record).unwrap());
    fs::read(&path).unwrap()
}

fn read(path: &Path) -> Vec<Record> {
    let mut records = Vec::new();
    look(path, &mut |record| records.push(record)).unwrap();
    records
}

/// The bytes of a fixture, which are those that `made` gives if it has yet to be written.
fn kept(name: &str, made: &[u8]) -> Vec<u8> {
    let path = fixture(name);
    if std::env::var_os("FLOE_WRITE_FIXTURES").is_some() && !path.exists() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, made).unwrap();
    }
    fs::read(&path).unwrap()
}

/// Shows where two texts begin to differ.
fn same(now: &[u8], kept: &[u8]) {
    if now == kept {
        return;
    }
    let at = now.iter().zip(kept).take_while(|(now, kept)| now == kept).count();
    let around = |bytes: &[u8]| {
        let part = bytes.get(at.saturating_sub(80)..bytes.len().min(at + 80));
        String::from_utf8_lossy(part.unwrap_or_default()).into_owned()
    };
    panic!("it differs from byte {at} on\nnow:     {}\nfixture: {}", around(now), around(kept));
}

/// The world that the log at `path` tells of, in one line of a log.
fn whole(path: &Path) -> Vec<u8> {
    let read = |take: &mut dyn FnMut(Record)| look(path, take).map(|()| None);
    let world = World::restore(Arc::new(options()), Audit::default(), read).unwrap();
    written(&[world.told_whole()])
}

/// The log with every change, one a line: as the fixture has it, and as it would be written now.
async fn every() -> (Vec<u8>, Vec<u8>) {
    let record = |(change, ids)| Record { at: START, ids, changes: vec![change] };
    let records: Vec<Record> = changes().await.into_iter().zip(1..).map(record).collect();
    let now = written(&records);
    (kept(EVERY, &now), now)
}

#[tokio::test(start_paused = true)]
async fn a_log_of_0_1_0_with_every_change_is_read_and_written_unchanged() {
    let (kept, now) = every().await;
    same(&written(&read(&fixture(EVERY))), &kept);
    same(&now, &kept);
}

#[tokio::test(start_paused = true)]
async fn a_world_of_0_1_0_with_every_field_is_restored_and_written_unchanged() {
    every().await;
    let kept = kept(WHOLE, &whole(&fixture(EVERY)));
    same(&whole(&fixture(EVERY)), &kept);
    same(&whole(&fixture(WHOLE)), &kept);
    let text = String::from_utf8(kept).unwrap();
    for told in ["born", "pool", "made", "dropped", "config", "late", "effect", "peak"] {
        assert!(text.contains(&format!("{{\"{told}\":")), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_world_of_0_1_0_that_a_run_left_is_read_and_written_unchanged_and_goes_on() {
    for name in ["applied/state/local.world", "interrupted/state/local.world"] {
        let path = fixture(name);
        let kept = fs::read(&path).unwrap();
        same(&written(&read(&path)), &kept);
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("whole.world");
        fs::write(&copy, whole(&path)).unwrap();
        let told = |path: &Path| {
            let simulator = Simulator::copy_of(path, options()).unwrap();
            simulator.moment().bytes()
        };
        assert_eq!(told(&copy), told(&path), "{name}: what is told in one line is the same world");
    }
}
