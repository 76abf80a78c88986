//! Reads arbitrary bytes wherever floe reads bytes that it did not just write. The result is a value or an error.
//! Reading never panics and never writes. The fuzz targets include this file.

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

/// Returns the identity of the environment.
fn identity() -> EnvironmentIdentity {
    let [organization, environment, cloud, region] = ["o", "env-1", "aws", "us-east-1"].map(str::to_owned);
    EnvironmentIdentity { organization, environment, cloud, region }
}

/// Runs a future to completion with a paused clock.
fn on_paused_clock<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap_or_else(|error| panic!("cannot build the runtime: {error}")).block_on(future)
}

/// Loads the record from these files, and asserts that loading changes no file. Returns `None` if there is no record,
/// or if a file is damaged or of a newer format.
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
    assert_eq!(disk.files(), before, "reading changed a file");
    match loaded {
        Ok(recorded) => recorded,
        Err(LedgerError::Damaged { .. } | LedgerError::NewerFormat { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Reads a state file. Returns the record, if the file holds one.
pub fn snapshot(bytes: &[u8]) -> Option<Recorded> {
    load_from_files(&[(STATE, bytes)])
}

/// Returns the record that a journal continues if no other is given.
fn recorded() -> Recorded {
    Recorded::new("lineage".to_owned(), identity(), HashKey("key".to_owned()))
}

/// Reads a journal without a state, and with the state that it continues. Returns the record that both describe
/// together, if any.
pub fn journal_on(state: &[u8], bytes: &[u8]) -> Option<Recorded> {
    load_from_files(&[(JOURNAL, bytes)]);
    load_from_files(&[(STATE, state), (JOURNAL, bytes)])
}

/// Reads these bytes as a journal.
pub fn journal(bytes: &[u8]) {
    let state = serde_json::to_vec(&recorded()).unwrap_or_default();
    journal_on(&state, bytes);
}

/// Reads a journal with valid lines and arbitrary entries, which the bytes choose among entries that can fit
/// together.
pub fn entries(bytes: &[u8]) -> Option<Recorded> {
    let groups: Vec<Vec<Entry>> =
        bytes.chunks(6).map(|group| group.chunks(2).filter_map(entry_from_bytes).collect()).collect();
    let state = serde_json::to_vec(&recorded()).unwrap_or_default();
    let written = fake_disk::journal_bytes(&recorded(), &groups).unwrap_or_default();
    journal_on(&state, &written)
}

/// Returns the entry that two bytes choose. The first is its kind, the second its key, generation and intent.
fn entry_from_bytes(bytes: &[u8]) -> Option<Entry> {
    let (kind, selector) = (*bytes.first()?, *bytes.get(1)?);
    let key = ["a", "b"][usize::from(selector & 1)].to_owned();
    let number = Generation(u32::from(selector >> 1 & 1) + 1);
    let (id, name) = (IntentId((selector >> 2 & 3).to_string()), number.name(&key));
    let address = Address::statement(&key);
    let intend = |operation| Entry::IntentOpened {
        intent: Intent { id: id.clone(), address: address.clone(), operation, sent_at: None },
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
        6 => settle(Outcome::NotApplied { why: "no".to_owned() }),
        7 => intend(Operation::Delete { name, uid }),
        8 => fact(Fact::GenerationGone { key, name }),
        9 => fact(Fact::Promoted { key }),
        10 => fact(Fact::Deleted { address }),
        _ => fact(Fact::Forgotten { address }),
    })
}

/// Returns a declared statement with this name.
fn declared_statement(name: &str) -> Statement {
    let text = serde_json::json!({ "name": name, "sql": "SELECT 1", "timeout": 60 });
    serde_json::from_value(text).unwrap_or_else(|error| panic!("cannot read the statement: {error}"))
}

/// Returns the submission of this generation.
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

/// Reads a plan file. A plan that can be read passes through the checks that precede a run, and it is unchanged after
/// it is written and read again.
pub fn plan(bytes: &[u8]) {
    let Ok(plan) = serde_json::from_slice::<Plan>(bytes) else { return };
    let _ = plan::check(&plan, &recorded());
    assert_eq!(plan::stale_reasons(&plan, &plan, &BTreeMap::new()), []);
    let written = serde_json::to_vec(&plan).unwrap_or_default();
    assert_eq!(serde_json::from_slice::<Plan>(&written).ok().as_ref(), Some(&plan));
}

/// A transport that returns the same status and body for every request.
struct FixedResponseTransport(u16, Vec<u8>);

impl Transport for FixedResponseTransport {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let response = HttpResponse { status: self.0, headers: Headers::default(), body: self.1.clone() };
        Box::pin(async { Ok(response) })
    }
}

/// Reads these bytes as the response to each kind of request. The first byte chooses the status.
pub fn response(bytes: &[u8]) {
    let (status, body) = match bytes {
        [first, rest @ ..] => {
            ([200, 201, 202, 204, 400, 403, 404, 409, 422, 429, 500, 503, 301][usize::from(*first) % 13], rest)
        }
        [] => (200, bytes),
    };
    let credentials =
        Credentials { flink: Some(ApiKey::new("k", "secret-value")), cloud: Some(ApiKey::new("k", "secret-value")) };
    let Ok(endpoints) = Endpoints::public(&identity()) else { return };
    let cloud = CloudClient::new(
        Arc::new(FixedResponseTransport(status, body.to_vec())),
        endpoints,
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
