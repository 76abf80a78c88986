//! The places where floe reads bytes that it did not just write. Any bytes give a value or an error: never a panic, and
//! never a write. The fuzz targets include this file.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use floe::{
    cloud::{
        ApiKey, BoxFuture, CloudClient, Credentials, Endpoints, Headers, HttpRequest, HttpResponse, NewStatement,
        RateLimits, Transport, TransportError,
    },
    plan::{self, Plan},
    resource::{
        Address, EnvironmentIdentity, Generation, HashKey, Intent, IntentId, Operation, Pool, PoolUpdate, Properties,
        Role, Statement, StatementUpdate, Submission, Template,
    },
    state::{
        Entry, Fact, Ledger, LedgerError, LocalLedger, Outcome, Recorded,
        fake_disk::{self, FakeDisk},
    },
};

const STATE: &str = "state/prod.json";
const JOURNAL: &str = "state/prod.journal";

fn identity() -> EnvironmentIdentity {
    let [organization, environment, cloud, region] = ["o", "env-1", "aws", "us-east-1"].map(str::to_owned);
    EnvironmentIdentity { organization, environment, cloud, region }
}

fn on_paused_clock<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap_or_else(|error| panic!("no runtime: {error}")).block_on(future)
}

/// A ledger reads what is on the disk, and leaves it as it is. What it says is a record, or that one of the files is
/// damaged or newer.
fn load_from_files(files: &[(&str, &[u8])]) -> Option<Recorded> {
    let disk = FakeDisk::new();
    for (path, bytes) in files {
        disk.put(*path, *bytes);
    }
    let before = disk.files();
    let ledger = LocalLedger::on_disk(disk.clone(), Path::new(STATE));
    let loaded = on_paused_clock(ledger.load());
    let again = on_paused_clock(ledger.load());
    assert_eq!(loaded, again);
    assert_eq!(disk.files(), before, "reading wrote something");
    match loaded {
        Ok(recorded) => recorded,
        Err(LedgerError::Damaged { .. } | LedgerError::NewerFormat { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// A state file. The record that it says, if it says one.
pub fn snapshot(bytes: &[u8]) -> Option<Recorded> {
    load_from_files(&[(STATE, bytes)])
}

/// The record that journals are on where none is given.
fn recorded() -> Recorded {
    Recorded::new("lineage".to_owned(), identity(), HashKey("key".to_owned()))
}

/// A journal, beside the state that it is on. The record that they say together, if they say one.
pub fn journal_on(state: &[u8], bytes: &[u8]) -> Option<Recorded> {
    load_from_files(&[(JOURNAL, bytes)]);
    load_from_files(&[(STATE, state), (JOURNAL, bytes)])
}

/// A journal of any bytes.
pub fn journal(bytes: &[u8]) {
    let state = serde_json::to_vec(&recorded()).unwrap_or_default();
    journal_on(&state, bytes);
}

/// A journal whose lines are whole and whose entries are any: bytes choose them among those that may fit together.
pub fn entries(bytes: &[u8]) -> Option<Recorded> {
    let groups: Vec<Vec<Entry>> =
        bytes.chunks(6).map(|group| group.chunks(2).filter_map(entry_from_bytes).collect()).collect();
    let state = serde_json::to_vec(&recorded()).unwrap_or_default();
    let written = fake_disk::journal_bytes(&recorded(), &groups).unwrap_or_default();
    journal_on(&state, &written)
}

/// The entry that two bytes choose: its kind, and whose it is.
fn entry_from_bytes(bytes: &[u8]) -> Option<Entry> {
    let (kind, of) = (*bytes.first()?, *bytes.get(1)?);
    let key = ["a", "b"][usize::from(of & 1)].to_owned();
    let number = Generation(u32::from(of >> 1 & 1) + 1);
    let (id, name) = (IntentId((of >> 2 & 3).to_string()), number.name(&key));
    let address = Address::statement(&key);
    let intend = |operation| Entry::IntentOpened {
        intent: Intent { id: id.clone(), address: address.clone(), operation },
        secrets: BTreeMap::new(),
    };
    let settle = |outcome| Entry::IntentSettled { intent_id: id.clone(), outcome };
    let fact = |fact| Entry::FactRecorded { fact };
    let uid = format!("uid-{name}");
    Some(match kind % 12 {
        0 | 1 => {
            fact(Fact::Declared { declared: Box::new(declared_statement(&key)), key, dependencies: BTreeSet::new() })
        }
        2 | 3 => intend(Operation::Submit(submission(&key, number))),
        4 | 5 => settle(Outcome::Applied { id: Some(uid), created_at: None }),
        6 => settle(Outcome::Rejected { why: "no".to_owned() }),
        7 => intend(Operation::Delete { name, uid }),
        8 => fact(Fact::GenerationGone { key, name }),
        9 => fact(Fact::Promoted { key }),
        10 => fact(Fact::Deleted { address }),
        _ => fact(Fact::Forgotten { address }),
    })
}

fn declared_statement(name: &str) -> Statement {
    let text = serde_json::json!({ "name": name, "sql": "SELECT 1", "timeout": 60 });
    serde_json::from_value(text).unwrap_or_else(|error| panic!("no statement: {error}"))
}

fn submission(base: &str, generation: Generation) -> Submission {
    let role = if generation == Generation(1) { Role::Current } else { Role::Successor };
    let (name, sql) = (generation.name(base), Template::new("SELECT 1"));
    Submission {
        name,
        generation,
        role,
        sql,
        properties: Properties::new(),
        added_properties: Properties::new(),
        pool: None,
        principal: None,
    }
}

/// A plan file: what reads is checked before anything of it is run, and what is read is what is written.
pub fn plan(bytes: &[u8]) {
    let Ok(plan) = serde_json::from_slice::<Plan>(bytes) else { return };
    let _ = plan::check(&plan, &recorded());
    assert_eq!(plan::stale_reasons(&plan, &plan, &BTreeMap::new()), []);
    let written = serde_json::to_vec(&plan).unwrap_or_default();
    assert_eq!(serde_json::from_slice::<Plan>(&written).ok().as_ref(), Some(&plan));
}

/// A service that answers everything with the same bytes.
struct FixedResponseTransport(u16, Vec<u8>);

impl Transport for FixedResponseTransport {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let response = HttpResponse { status: self.0, headers: Headers::default(), body: self.1.clone() };
        Box::pin(async { Ok(response) })
    }
}

/// An API's answer. The first byte chooses its status.
pub fn response(bytes: &[u8]) {
    let (status, body) = match bytes {
        [first, rest @ ..] => {
            ([200, 201, 202, 204, 400, 403, 404, 409, 422, 429, 500, 503, 301][usize::from(*first) % 13], rest)
        }
        [] => (200, bytes),
    };
    let credentials =
        Credentials { flink: Some(ApiKey::new("k", "secret-value")), cloud: Some(ApiKey::new("k", "secret-value")) };
    let Ok(site) = Endpoints::public(&identity()) else { return };
    let cloud = CloudClient::new(
        Arc::new(FixedResponseTransport(status, body.to_vec())),
        site,
        credentials,
        RateLimits::default(),
        1,
    );
    let pool = Pool {
        display_name: "p".to_owned(),
        max_cfu: 5,
        network: None,
        cloud: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        prevent_destroy: false,
    };
    on_paused_clock(async {
        let errors = [
            cloud.list_statements(None).await.err(),
            cloud.submit_statement(&NewStatement { name: "n".to_owned(), ..NewStatement::default() }).await.err(),
            match cloud.fetch_statement("n").await {
                Ok(Some(found)) => cloud.update_statement(found, &StatementUpdate::default()).await.err(),
                Ok(None) => None,
                Err(error) => Some(error),
            },
            cloud.delete_statement("n").await.err(),
            cloud.list_exceptions("n").await.err(),
            cloud.list_pools().await.err(),
            cloud.fetch_pool("lfcp-1").await.err(),
            cloud.create_pool(&pool).await.err(),
            cloud.update_pool("lfcp-1", &PoolUpdate::default()).await.err(),
            cloud.delete_pool("lfcp-1").await.err(),
            cloud.list_regions(None, None).await.err(),
        ];
        for error in errors.into_iter().flatten() {
            let text = error.to_string();
            assert!(!text.contains("secret-value") && text.len() < 20_000, "{text}");
        }
        tokio::time::sleep(Duration::ZERO).await;
    });
}
