//! Reads the files of version 0.1.0, writes them again unchanged, and runs commands on them.
//!
//! The files are in `tests/fixtures/0.1.0`. They fix the names in files, which stay the same when names in the code
//! change. `FLOE_WRITE_FIXTURES=1 cargo test formats` writes missing fixtures with the current code. It never
//! overwrites a fixture.

mod project;
mod samples;
mod scenario;

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    mem::{Discriminant, discriminant},
    path::{Path, PathBuf},
    time::Duration,
};

use floe::{
    graph::Graph,
    manifest::LoadOptions,
    plan::Plan,
    planning, render,
    resource::{Operation, PoolDeclaration},
    simulator::Scenario,
    state::{
        ConsumedPlans, Entry, Fact, Ledger, LocalLedger, LockHolder, Outcome, Recorded, RunLedger,
        fake_disk::{self, FakeDisk},
    },
};
use serde_json::{Value, value::RawValue};

/// The path of the state on the fake disk.
const STATE: &str = "state/prod.json";
/// The path of the journal of that state.
const JOURNAL: &str = "state/prod.journal";
/// The path of the ids of the saved plans that were used with that state.
const PLANS: &str = "state/prod.plans";

/// Returns whether missing fixtures should be written.
fn writes_fixtures() -> bool {
    std::env::var_os("FLOE_WRITE_FIXTURES").is_some()
}

/// Returns the path of this fixture.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1.0").join(name)
}

/// Returns the bytes of a fixture. A missing fixture is first written with the bytes `made`, if that was requested.
fn fixture_bytes(name: &str, generated: &[u8]) -> Vec<u8> {
    let path = fixture(name);
    if writes_fixtures() && !path.exists() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, generated).unwrap();
    }
    fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Panics with the first difference if the bytes written now differ from those of the fixture.
fn assert_same_bytes(name: &str, now: &[u8], kept: &[u8]) {
    if now == kept {
        return;
    }
    let at = now.iter().zip(kept).take_while(|(now, kept)| now == kept).count();
    let around = |bytes: &[u8]| {
        let part = bytes.get(at.saturating_sub(80)..bytes.len().min(at + 80));
        String::from_utf8_lossy(part.unwrap_or_default()).into_owned()
    };
    panic!("{name} differs from byte {at} on\nnow:     {}\nfixture: {}", around(now), around(kept));
}

/// Returns the lock holder in the fixtures, with the id of the saved plan that it applies.
fn holder(plan: Option<&str>) -> LockHolder {
    let [command, who, since] = ["apply", "ana@build-7", "2026-01-02T03:04:05Z"].map(str::to_owned);
    LockHolder { command, who, pid: 4711, since, saved_plan_id: plan.map(str::to_owned) }
}

/// Loads the record from these files of a state.
async fn load_record(files: &[(&str, &[u8])]) -> Recorded {
    let disk = FakeDisk::new();
    files.iter().for_each(|(path, bytes)| disk.put(*path, *bytes));
    LocalLedger::on_disk(disk, STATE).load().await.unwrap().unwrap()
}

/// Returns a ledger in which a run has begun from `recorded`.
async fn begin_run(disk: &FakeDisk, recorded: &Recorded, plan: Option<&str>) -> LocalLedger<FakeDisk> {
    disk.put(STATE, serde_json::to_vec(recorded).unwrap());
    let mut ledger = LocalLedger::on_disk(disk.clone(), STATE);
    ledger.lock(&holder(plan), Duration::ZERO).await.unwrap();
    let recorded = ledger.load().await.unwrap().unwrap();
    ledger.begin(&recorded).await.unwrap();
    ledger
}

/// Returns the snapshot that a run writes for `recorded`.
async fn snapshot_bytes(recorded: &Recorded) -> Vec<u8> {
    let disk = FakeDisk::new();
    let before = Recorded { serial: recorded.serial - 1, ..recorded.clone() };
    begin_run(&disk, &before, None).await.compact(&before).await.unwrap();
    disk.files()[Path::new(STATE)].clone()
}

#[tokio::test(start_paused = true)]
async fn a_state_of_0_1_0_with_every_field_is_read_and_written_unchanged() {
    let generated = snapshot_bytes(&samples::full_record()).await;
    let kept = fixture_bytes("records/full.json", &generated);
    let read = load_record(&[(STATE, &kept)]).await;
    assert_same_bytes("full.json", &snapshot_bytes(&read).await, &kept);
    assert_eq!(read, samples::full_record());
}

#[tokio::test(start_paused = true)]
async fn a_state_of_0_1_0_that_an_apply_wrote_is_read_and_written_unchanged() {
    for folder in project::folders().await {
        let kept = fs::read(folder.join("state/local.json")).unwrap();
        let read = load_record(&[(STATE, &kept)]).await;
        assert!(!read.statements.is_empty() && !read.pools.is_empty());
        assert_same_bytes("local.json", &snapshot_bytes(&read).await, &kept);
    }
}

/// Returns the first line of a journal, which names what it continues, and the groups of entries that follow.
fn parse_journal(journal: &[u8]) -> (Value, Vec<Vec<Entry>>) {
    let lines = journal.split_inclusive(|byte| *byte == b'\n');
    let mut held = lines.map(serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>);
    let base = serde_json::from_str(held.next().unwrap().unwrap()["holds"].get()).unwrap();
    let group = |line: &RawValue| serde_json::from_str(line.get()).unwrap();
    (base, held.map(|line| group(&line.unwrap()["holds"])).collect())
}

/// Returns the journal that a run writes if it appends these groups one after another.
async fn journal_bytes(on: &Recorded, plan: Option<&str>, groups: &[Vec<Entry>]) -> Vec<u8> {
    let disk = FakeDisk::new();
    let mut ledger = begin_run(&disk, on, plan).await;
    for group in groups {
        ledger.append(group).await.unwrap();
    }
    disk.files()[Path::new(JOURNAL)].clone()
}

/// The variants of an entry and of the value in it.
type Variants =
    (Discriminant<Entry>, Option<Discriminant<Operation>>, Option<Discriminant<Outcome>>, Option<Discriminant<Fact>>);

/// Returns the variants that these entries use.
fn variants<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> HashSet<Variants> {
    let of = |entry: &Entry| match entry {
        Entry::IntentOpened { intent, .. } => (discriminant(entry), Some(discriminant(&intent.operation)), None, None),
        Entry::IntentSettled { outcome, .. } => (discriminant(entry), None, Some(discriminant(outcome)), None),
        Entry::FactRecorded { fact } => (discriminant(entry), None, None, Some(discriminant(fact))),
    };
    entries.into_iter().map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn a_journal_of_0_1_0_with_every_entry_is_read_and_written_unchanged() {
    let (base, story) = (samples::initial_record(), samples::journal_groups());
    assert_eq!(variants(story.iter().flatten()), variants(&samples::entries()), "the journal lacks a variant");
    let state = fixture_bytes("records/begun.json", &snapshot_bytes(&base).await);
    let kept = fixture_bytes("records/every.journal", &journal_bytes(&base, Some("0123456789abcdef"), &story).await);
    let (first, read) = parse_journal(&kept);
    assert_eq!(first["run"], serde_json::to_value(holder(Some("0123456789abcdef"))).unwrap());
    assert_eq!(read, story);
    let recorded = load_record(&[(STATE, &state)]).await;
    assert_same_bytes("every.journal", &journal_bytes(&recorded, Some("0123456789abcdef"), &read).await, &kept);
    // The ledger reads the same record from these files.
    let mut after = samples::initial_record();
    story.iter().flatten().for_each(|entry| after.apply(entry).unwrap());
    assert_eq!(load_record(&[(STATE, &state), (JOURNAL, &kept)]).await, after);
    assert_eq!(after.open_intents.len(), 1, "the journal should end with one open intent");
}

/// A record accepts only entries that continue it. This test fixes the serialized names of all entries, including
/// those that no record accepts one after another. It therefore uses the writer for tests.
#[test]
fn every_entry_of_0_1_0_is_read_and_written_unchanged() {
    let written = |groups: &[Vec<Entry>]| fake_disk::journal_bytes(&samples::initial_record(), groups).unwrap();
    let each: Vec<Vec<Entry>> = samples::entries().into_iter().map(|entry| vec![entry]).collect();
    let kept = fixture_bytes("records/entries.journal", &written(&each));
    let (_, read) = parse_journal(&kept);
    assert_eq!(read, each);
    assert_same_bytes("entries.journal", &written(&read), &kept);
}

#[tokio::test(start_paused = true)]
async fn the_ids_of_used_plans_of_0_1_0_are_found_and_kept() {
    for folder in project::folders().await {
        let marks = fs::read(folder.join("state/local.plans")).unwrap();
        let disk = FakeDisk::new();
        disk.put(PLANS, marks.as_slice());
        let used = ConsumedPlans::for_state(&disk, Path::new(STATE));
        let ids = String::from_utf8(marks.clone()).unwrap();
        assert!(ids.lines().count() > 0 && ids.lines().all(|id| used.contains(id).unwrap()), "{ids}");
        drop(begin_run(&disk, &samples::initial_record(), Some("another")).await);
        let after = disk.files()[Path::new(PLANS)].clone();
        assert_eq!(after, [marks.as_slice(), b"another\n"].concat());
    }
}

// ---- plans

/// Reads a saved plan as `apply` does. Returns the plan and its id.
fn parse_saved_plan(bytes: &[u8]) -> (Plan, String) {
    let value: Value = serde_json::from_slice(bytes).unwrap();
    let id = value["id"].as_str().unwrap().to_owned();
    (serde_json::from_value(value).unwrap(), id)
}

/// Loads the manifests in this folder and returns their graph. Panics if they have problems.
fn load_graph(root: &Path) -> Graph {
    let inputs = LoadOptions { root: root.to_owned(), ..LoadOptions::default() };
    planning::load_desired(&inputs).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_of_0_1_0_with_every_variant_is_read_and_written_unchanged() {
    let graph = load_graph(&project::applied_project().await);
    let written = |plan: &Plan, id: &str| {
        render::saved_plan_json(plan, &graph, &samples::plan_context(), id).unwrap().into_bytes()
    };
    let kept = fixture_bytes("plans/every.plan", &written(&samples::plan(), "0123456789abcdef"));
    let (read, id) = parse_saved_plan(&kept);
    assert_same_bytes("every.plan", &written(&read, &id), &kept);
    assert_eq!(read, samples::plan());
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_of_0_1_0_from_a_project_is_read_and_written_unchanged() {
    let folder = project::applied_project().await;
    let kept = fs::read(folder.join("change.plan")).unwrap();
    let (read, id) = parse_saved_plan(&kept);
    let written = render::saved_plan_json(&read, &load_graph(&folder), &render::PlanContext::default(), &id).unwrap();
    // The context of a plan is only shown and never read. The plan with every variant covers all of it.
    let (mut now, then) =
        (serde_json::from_str::<Value>(&written).unwrap(), serde_json::from_slice::<Value>(&kept).unwrap());
    assert_eq!(now["beside"]["edges"], then["beside"]["edges"]);
    now["beside"] = then["beside"].clone();
    let text = serde_json::to_string_pretty(&now).unwrap() + "\n";
    assert_same_bytes("change.plan", text.as_bytes(), &kept);
}

/// A saved plan holds digests of the declarations, so floe would reject it if a declaration were written differently.
#[test]
fn the_declarations_of_pools_of_0_1_0_are_read_and_written_unchanged() {
    let written = |all: &[PoolDeclaration]| serde_json::to_vec_pretty(all).unwrap();
    let kept = fixture_bytes("plans/pool-declarations.json", &written(&samples::pool_declarations()));
    let read: Vec<PoolDeclaration> = serde_json::from_slice(&kept).unwrap();
    assert_eq!(read, samples::pool_declarations());
    assert_same_bytes("pool-declarations.json", &written(&read), &kept);
}

// ---- the simulator

/// Users write scenarios and floe only reads them, so this file is written by hand.
#[test]
fn a_scenario_of_0_1_0_with_every_switch_and_fault_is_read() {
    let text = fs::read_to_string(fixture("simulator/scenario.json")).unwrap();
    assert_eq!(Scenario::parse(&text).unwrap(), scenario::full_scenario());
    // Each switch has a value other than the default, so the test fails if floe does not read it.
    for switch in scenario::switches_of(&text) {
        let without =
            text.lines().filter(|line| !line.contains(&format!("\"{switch}\":"))).collect::<Vec<_>>().join("\n");
        let without = without.replace(",\n  }", "\n  }");
        assert_ne!(Scenario::parse(&without).unwrap(), scenario::full_scenario(), "`{switch}` makes no difference");
    }
}

// ---- whole projects

#[tokio::test(start_paused = true)]
async fn a_saved_plan_of_0_1_0_is_applied_to_its_state_and_world_and_leaves_nothing_to_do() {
    let copy = project::copy(&project::applied_project().await);
    let (code, output) = project::floe(copy.path(), &["apply", "change.plan", "--yes"]);
    assert_eq!(code, Some(0), "{output}");
    project::assert_converged(copy.path());
    let (code, output) = project::floe(copy.path(), &["apply", "change.plan", "--yes"]);
    assert!(code == Some(1) && output.contains("this plan was already applied"), "{output}");
}

#[tokio::test(start_paused = true)]
async fn a_used_plan_of_0_1_0_stays_used() {
    let copy = project::copy(&project::applied_project().await);
    let (code, output) = project::floe(copy.path(), &["apply", "first.plan", "--yes"]);
    assert!(code == Some(1) && output.contains("this plan was already applied"), "{output}");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_run_of_0_1_0_is_finished_by_the_next_apply() {
    let folder = project::interrupted_project().await;
    let journal = fs::read(folder.join("state/local.journal")).unwrap();
    let state = fs::read(folder.join("state/local.json")).unwrap();
    let open = load_record(&[(STATE, &state), (JOURNAL, &journal)]).await.open_intents;
    assert!(open.values().any(|it| matches!(&it.intent.operation, Operation::Submit(it) if it.name == "copy-g2")));
    let copy = project::copy(&folder);
    let (code, output) = project::floe(copy.path(), &["apply", "--yes", "--allow-data-loss"]);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("interrupted"), "{output}");
    assert!(!copy.path().join("state/local.journal").exists());
    project::assert_converged(copy.path());
}
