//! Samples that use every variant and every field of the types in the files.
//!
//! Each list begins with one variant, and a `match` without a wildcard leads from each variant to the next. If a
//! variant is added later, the list does not compile until it has that variant. Structs are written without `..` for
//! the same reason.

use std::collections::{BTreeMap, BTreeSet};

use floe::{
    diff::{
        Action, AfterDeletion, AfterWait, Block, Change, ImportMode, Note, PlacementChange, PlanOptions, Reason,
        RecordedSettings, Strategy,
    },
    plan::{Basis, CopyCheck, FORMAT_VERSION, Plan, PoolRef, RollbackGuard, Step, StepGroup, StepRequest, Until},
    render::{DeclaredPlacement, InterruptedRun, PlanContext, PoolUsage},
    resource::{
        Address, Consent, EnvironmentIdentity, Evolve, Fingerprint, FormerConsent, Generation, HashKey, Intent,
        IntentId, KeyedHash, Offsets, Operation, Phase, PhaseClass, Pool, PoolDeclaration, PoolUpdate, Properties,
        Role, SeenPool, SeenStatement, Statement, StatementUpdate, Submission, Template, UnexpectedPhasePolicy,
    },
    settle::InterruptedRequest,
    state::{
        Entry, Fact, FurthestPhase, GenerationRecord, OpenIntent, Outcome, PoolRecord, Recorded, STATE_FORMAT,
        StatementRecord, Tombstone,
    },
};

/// Returns `first` and the values that follow it.
pub fn successive_variants<T>(first: T, next: impl Fn(&T) -> Option<T>) -> Vec<T> {
    std::iter::successors(Some(first), next).collect()
}

/// Returns an owned copy of this text.
fn text(text: &str) -> String {
    text.to_owned()
}

/// Returns the time at which everything was created.
fn created() -> String {
    text("2026-01-02T03:04:05Z")
}

/// Returns the SQL of the statements.
fn sql() -> Template {
    Template::new("INSERT INTO target SELECT id FROM orders")
}

/// Returns the address of the statement `orders`.
fn orders() -> Address {
    Address::statement("orders")
}

/// Returns the address of the pool `main`.
fn main_pool() -> Address {
    Address::pool("main")
}

/// Returns the offsets of one topic.
fn topics() -> BTreeMap<String, String> {
    BTreeMap::from([(text("orders"), text("partition:0,offset:100;partition:1,offset:200"))])
}

/// Returns a property whose value is a secret.
fn templates() -> Properties<Template> {
    Properties::from_iter([("sql.secrets.openai", Template::new("${secret.openai}"))])
}

// ---- shared types

/// Returns the identity of the environment.
pub fn identity() -> EnvironmentIdentity {
    EnvironmentIdentity {
        organization: text("b0b21724-4586-4a07-b787-d0bb5aacbf87"),
        environment: text("env-1"),
        cloud: text("aws"),
        region: text("us-east-1"),
    }
}

/// Returns the keyed hash of one secret value.
pub fn hashes() -> BTreeMap<String, KeyedHash> {
    BTreeMap::from([(text("openai"), serde_json::from_str("\"cd91ff0322095dc25c0f7eda2be6d55e\"").unwrap())])
}

/// Returns offsets with the time at which they were read.
pub fn offsets() -> Offsets {
    Offsets { topics: topics(), taken_at: Some(created()) }
}

/// Returns a declared pool with this display name.
pub fn pool(name: &str) -> Pool {
    Pool {
        display_name: text(name),
        max_cfu: 10,
        network: Some(text("n-1")),
        cloud: text("aws"),
        region: text("us-east-1"),
        prevent_destroy: true,
    }
}

/// Returns a pool declaration of each variant.
pub fn pool_declarations() -> Vec<PoolDeclaration> {
    successive_variants(PoolDeclaration::Owned(pool("main")), |it| match it {
        PoolDeclaration::Owned(_) => Some(PoolDeclaration::Borrowed { id: text("lfcp-1") }),
        PoolDeclaration::Borrowed { .. } => None,
    })
}

/// Returns every role of a generation.
pub fn roles() -> Vec<Role> {
    successive_variants(Role::Current, |it| match it {
        Role::Current => Some(Role::Successor),
        Role::Successor => Some(Role::Undo),
        Role::Undo => None,
    })
}

/// Returns every furthest phase of a generation.
pub fn furthest_phases() -> Vec<FurthestPhase> {
    successive_variants(FurthestPhase::Submitted, |it| match it {
        FurthestPhase::Submitted => Some(FurthestPhase::Running),
        FurthestPhase::Running => Some(FurthestPhase::Completed),
        FurthestPhase::Completed => None,
    })
}

/// Returns every value of `evolve`.
fn evolve_values() -> Vec<Evolve> {
    successive_variants(Evolve::Auto, |it| match it {
        Evolve::Auto => Some(Evolve::Restart),
        Evolve::Restart => Some(Evolve::Manual),
        Evolve::Manual => None,
    })
}

/// Returns every value of `on_failed` and `on_stopped`.
fn unexpected_phase_policies() -> Vec<UnexpectedPhasePolicy> {
    successive_variants(UnexpectedPhasePolicy::Report, |it| match it {
        UnexpectedPhasePolicy::Report => Some(UnexpectedPhasePolicy::Resume),
        UnexpectedPhasePolicy::Resume => None,
    })
}

/// Returns every phase, including one that floe does not know.
fn phases() -> Vec<Phase> {
    successive_variants(Phase::Pending, |it| match it {
        Phase::Pending => Some(Phase::Running),
        Phase::Running => Some(Phase::Completed),
        Phase::Completed => Some(Phase::Deleting),
        Phase::Deleting => Some(Phase::Failing),
        Phase::Failing => Some(Phase::Failed),
        Phase::Failed => Some(Phase::Stopping),
        Phase::Stopping => Some(Phase::Stopped),
        Phase::Stopped => Some(Phase::Degraded),
        Phase::Degraded => Some(Phase::Other("SIMMERING".into())),
        Phase::Other(_) => None,
    })
}

/// Returns every class of phases.
fn phase_classes() -> Vec<PhaseClass> {
    successive_variants(PhaseClass::Transitional, |it| match it {
        PhaseClass::Transitional => Some(PhaseClass::Running),
        PhaseClass::Running => Some(PhaseClass::Stopped),
        PhaseClass::Stopped => Some(PhaseClass::Completed),
        PhaseClass::Completed => Some(PhaseClass::Failed),
        PhaseClass::Failed => None,
    })
}

/// Returns a declared statement in which every field has a value.
pub fn statement(name: &str, evolve: Evolve, unexpected_phase_policy: UnexpectedPhasePolicy) -> Statement {
    Statement {
        name: text(name),
        sql: sql(),
        properties: templates(),
        pool: Some(text("main")),
        principal: Some(text("sa-1")),
        stopped: true,
        undo: Some(Template::new("DROP TABLE target")),
        evolve,
        former_consent: FormerConsent::from(text("restart:3f2a9c")),
        on_failed: unexpected_phase_policy,
        on_stopped: unexpected_phase_policy,
        depends_on: BTreeSet::from([main_pool(), orders()]),
        prevent_destroy: true,
        timeout: 900,
    }
}

/// Returns a submission in which every field has a value.
pub fn submission(name: &str, generation: u32, role: Role) -> Submission {
    Submission {
        name: text(name),
        generation: Generation(generation),
        role,
        sql: sql(),
        properties: templates(),
        added_properties: Properties::from_iter([("sql.tables.initial-offset-from", text("orders"))]),
        pool: Some(text("lfcp-1")),
        principal: Some(text("sa-1")),
    }
}

/// Returns the record of a generation in which every field has a value.
pub fn generation(name: &str, number: u32, role: Role, reached: FurthestPhase) -> GenerationRecord {
    GenerationRecord {
        sent: submission(name, number, role),
        uid: format!("uid-{name}"),
        stopped: true,
        reached,
        sql_kind: Some(text("INSERT_INTO")),
        bounded: true,
        offsets: Some(offsets()),
        // 0.1.0 did not have this field.
        adopted: false,
        secrets: hashes(),
        created_at: Some(created()),
    }
}

/// Returns an update that resumes a statement in another pool, with another principal.
pub fn resume_update() -> StatementUpdate {
    StatementUpdate { stopped: false, pool: Some(text("lfcp-2")), principal: Some(text("sa-2")) }
}

/// Returns an update of a pool's display name and limit.
pub fn pool_update() -> PoolUpdate {
    PoolUpdate { display_name: Some(text("big")), max_cfu: Some(20) }
}

/// Returns an operation of each variant, and a submission of each role.
pub fn operations() -> Vec<Operation> {
    let submit = |role| Operation::Submit(submission("orders", 1, role));
    let (name, uid, id) = (text("orders"), text("uid-orders"), text("lfcp-1"));
    let mut all = successive_variants(submit(Role::Current), |it| match it {
        Operation::Submit(_) => Some(Operation::Update { name: name.clone(), uid: uid.clone(), to: resume_update() }),
        Operation::Update { .. } => Some(Operation::Delete { name: name.clone(), uid: uid.clone() }),
        Operation::Delete { .. } => {
            let existing_ids = BTreeSet::from([text("lfcp-0")]);
            Some(Operation::CreatePool { pool: pool("main"), existing_ids })
        }
        Operation::CreatePool { .. } => Some(Operation::UpdatePool { id: id.clone(), to: pool_update() }),
        Operation::UpdatePool { .. } => Some(Operation::DeletePool { id: id.clone() }),
        Operation::DeletePool { .. } => None,
    });
    all.extend(roles().into_iter().map(submit));
    all
}

/// Returns an intent for each operation.
pub fn intents() -> Vec<Intent> {
    let intent = |(number, operation): (usize, Operation)| {
        let is_pools = matches!(
            operation,
            Operation::CreatePool { .. } | Operation::UpdatePool { .. } | Operation::DeletePool { .. }
        );
        let address = if is_pools { main_pool() } else { orders() };
        Intent { id: IntentId(format!("run-{number}")), address, operation, sent_at: None }
    };
    operations().into_iter().enumerate().map(intent).collect()
}

// ---- the state and its journal

/// Returns a record in which every field has a value and every serialized name occurs.
pub fn full_record() -> Recorded {
    let generation = |name: &str, number, role, reached| Box::new(generation(name, number, role, reached));
    let retired = furthest_phases().into_iter().zip(4..);
    let retired =
        retired.map(|(reached, number)| *generation(&format!("orders-g{number}"), number, Role::Current, reached));
    let record = StatementRecord {
        declared: statement("orders", Evolve::Auto, UnexpectedPhasePolicy::Report),
        dependencies: vec![main_pool(), Address::statement("users")],
        current: Some(generation("orders", 1, Role::Current, FurthestPhase::Running)),
        successor: Some(generation("orders-g2", 2, Role::Successor, FurthestPhase::Submitted)),
        undo: Some(generation("orders-undo-1", 1, Role::Undo, FurthestPhase::Completed)),
        retired: retired.collect(),
        last_generation: Generation(7),
        undo_count: 1,
        last_offsets: Some(offsets()),
    };
    let mut statements = BTreeMap::from([(text("orders"), Box::new(record.clone()))]);
    for (number, evolve) in evolve_values().into_iter().enumerate() {
        for unexpected_phase_policy in unexpected_phase_policies() {
            let name = format!("evolves-{number}-{}", unexpected_phase_policy == UnexpectedPhasePolicy::Resume);
            let declared = statement(&name, evolve, unexpected_phase_policy);
            statements.insert(name, Box::new(StatementRecord { declared, ..record.clone() }));
        }
    }
    let tombstone =
        Tombstone { name: text("old"), last_generation: Generation(4), undo_count: 2, offsets: Some(offsets()) };
    let open =
        |intent: Intent| (intent.id.clone(), OpenIntent { intent, secrets: hashes(), voided_offsets: Some(offsets()) });
    Recorded {
        format: STATE_FORMAT,
        lineage: text("lineage-1"),
        serial: 7,
        environment: identity(),
        hash_key: HashKey(text("key")),
        pools: BTreeMap::from([(
            text("main"),
            PoolRecord { id: text("lfcp-1"), declared: pool("main"), is_deleted: false },
        )]),
        statements,
        tombstones: BTreeMap::from([(text("old"), tombstone)]),
        highest_numbers: BTreeMap::new(),
        open_intents: intents().into_iter().map(open).collect(),
    }
}

/// Returns an outcome of each variant.
pub fn outcomes() -> Vec<Outcome> {
    successive_variants(Outcome::Applied { id: Some(text("uid-orders")), created_at: Some(created()) }, |it| match it {
        Outcome::Applied { .. } => Some(Outcome::NotApplied { why: text("no") }),
        Outcome::NotApplied { .. } => None,
    })
}

/// Returns the fact that a statement was declared.
pub fn declared(key: &str, name: &str) -> Fact {
    let declared = Box::new(statement(name, Evolve::Restart, UnexpectedPhasePolicy::Resume));
    Fact::Declared {
        key: text(key),
        declared,
        dependencies: BTreeSet::from([main_pool(), Address::statement("users")]),
    }
}

/// Returns the fact that a generation reached a phase.
pub fn reached(key: &str, name: &str, reached: FurthestPhase) -> Fact {
    Fact::PhaseReached { key: text(key), name: text(name), reached, sql_kind: Some(text("INSERT_INTO")), bounded: true }
}

/// Returns the fact that a statement is adopted. 0.1.0 did not have its other fields.
fn adopted(key: &str, generation: Box<GenerationRecord>) -> Fact {
    Fact::Adopted { key: text(key), generation, retired: Vec::new(), replaces_recorded: false }
}

/// Returns a fact of each variant.
pub fn facts() -> Vec<Fact> {
    let key = || text("orders");
    successive_variants(declared("orders", "orders"), |it| match it {
        Fact::Declared { .. } => Some(Fact::PoolDeclared { key: text("main"), declared: pool("main") }),
        Fact::PoolDeclared { .. } => {
            let generation = Box::new(generation("orders", 1, Role::Current, FurthestPhase::Running));
            Some(adopted("orders", generation))
        }
        Fact::Adopted { .. } => {
            Some(Fact::PoolAdopted { key: text("main"), id: text("lfcp-1"), declared: pool("main") })
        }
        Fact::PoolAdopted { .. } => Some(reached("orders", "orders", FurthestPhase::Running)),
        Fact::PhaseReached { .. } => Some(Fact::OffsetsSet { key: key(), name: text("orders"), offsets: offsets() }),
        Fact::OffsetsSet { .. } => Some(Fact::Promoted { key: key() }),
        // Files of 0.1.0 do not have it.
        Fact::SecretsRehashed { .. } => None,
        Fact::Promoted { .. } => Some(Fact::GenerationGone { key: key(), name: text("orders") }),
        Fact::GenerationGone { .. } => Some(Fact::Deleted { address: orders() }),
        Fact::Deleted { .. } => Some(Fact::Forgotten { address: orders() }),
        Fact::Forgotten { .. } => Some(Fact::Moved { from: orders(), to: Address::statement("purchases") }),
        Fact::Moved { .. } => None,
    })
}

/// Returns an entry of each variant with each value. A record does not have to accept them one after another.
pub fn entries() -> Vec<Entry> {
    let intent = || intents().into_iter().next().unwrap();
    let kinds = successive_variants(Entry::IntentOpened { intent: intent(), secrets: hashes() }, |it| match it {
        Entry::IntentOpened { .. } => {
            Some(Entry::IntentSettled { intent_id: intent().id, outcome: Outcome::NotApplied { why: text("no") } })
        }
        Entry::IntentSettled { .. } => Some(Entry::FactRecorded { fact: Fact::Promoted { key: text("orders") } }),
        Entry::FactRecorded { .. } => None,
    });
    let intends = intents().into_iter().map(|intent| Entry::IntentOpened { intent, secrets: hashes() });
    let settles = outcomes().into_iter().map(|outcome| Entry::IntentSettled { intent_id: intent().id, outcome });
    let records = facts().into_iter().map(|fact| Entry::FactRecorded { fact });
    kinds.into_iter().chain(intends).chain(settles).chain(records).collect()
}

/// Returns the record that the journal of [`story`] continues.
pub fn initial_record() -> Recorded {
    Recorded { serial: 1, ..Recorded::new(text("lineage-1"), identity(), HashKey(text("key"))) }
}

/// Returns the groups of a journal that a record accepts. They use every variant of an entry.
pub fn journal_groups() -> Vec<Vec<Entry>> {
    let record = |fact| Entry::FactRecorded { fact };
    let intend = |id: &str, address: Address, operation| {
        let intent = Intent { id: IntentId(text(id)), address, operation, sent_at: None };
        Entry::IntentOpened { intent, secrets: hashes() }
    };
    let settle = |id: &str, outcome| Entry::IntentSettled { intent_id: IntentId(text(id)), outcome };
    let applied =
        |id: &str, given: &str| settle(id, Outcome::Applied { id: Some(text(given)), created_at: Some(created()) });
    let done = |id: &str| settle(id, Outcome::Applied { id: None, created_at: None });
    let submit = |id: &str, name: &str, generation, role| {
        intend(id, orders(), Operation::Submit(submission(name, generation, role)))
    };
    let update = |id: &str, name: &str, to| {
        intend(id, orders(), Operation::Update { name: text(name), uid: format!("uid-{name}"), to })
    };
    let remove =
        |id: &str, name: &str| intend(id, orders(), Operation::Delete { name: text(name), uid: format!("uid-{name}") });
    let gone = |name: &str| record(Fact::GenerationGone { key: text("orders"), name: text(name) });
    let other = || Address::pool("other");
    let stop = StatementUpdate { stopped: true, pool: None, principal: None };
    let create = Operation::CreatePool { pool: pool("main"), existing_ids: BTreeSet::from([text("lfcp-0")]) };
    let sales = Box::new(generation("sales-g3", 3, Role::Current, FurthestPhase::Running));
    vec![
        vec![intend("run-1", main_pool(), create)],
        vec![
            applied("run-1", "lfcp-1"),
            record(Fact::PoolDeclared { key: text("main"), declared: pool("main") }),
            record(Fact::PoolAdopted { key: text("other"), id: text("lfcp-2"), declared: pool("other") }),
        ],
        vec![record(declared("orders", "orders"))],
        vec![submit("run-2", "orders", 1, Role::Current)],
        vec![applied("run-2", "uid-orders"), record(reached("orders", "orders", FurthestPhase::Running))],
        vec![update("run-3", "orders", stop)],
        vec![done("run-3"), record(Fact::OffsetsSet { key: text("orders"), name: text("orders"), offsets: offsets() })],
        vec![update("run-4", "orders", resume_update())],
        vec![settle("run-4", Outcome::NotApplied { why: text("no") })],
        vec![submit("run-5", "orders-g2", 2, Role::Successor)],
        vec![
            applied("run-5", "uid-orders-g2"),
            record(reached("orders", "orders-g2", FurthestPhase::Submitted)),
            record(Fact::Promoted { key: text("orders") }),
        ],
        vec![remove("run-6", "orders")],
        vec![done("run-6"), gone("orders")],
        vec![submit("run-7", "orders-undo-1", 1, Role::Undo)],
        vec![
            applied("run-7", "uid-orders-undo-1"),
            record(reached("orders", "orders-undo-1", FurthestPhase::Completed)),
        ],
        vec![
            record(declared("sales", "sales")),
            record(adopted("sales", sales)),
            record(Fact::Moved { from: orders(), to: Address::statement("purchases") }),
            record(Fact::Forgotten { address: Address::statement("sales") }),
        ],
        vec![intend("run-8", main_pool(), Operation::UpdatePool { id: text("lfcp-1"), to: pool_update() })],
        vec![done("run-8")],
        vec![intend("run-9", other(), Operation::DeletePool { id: text("lfcp-2") })],
        vec![done("run-9"), record(Fact::Deleted { address: other() })],
        // The run was interrupted here.
        vec![intend(
            "run-10",
            Address::statement("purchases"),
            Operation::Update { name: text("orders-g2"), uid: text("uid-orders-g2"), to: resume_update() },
        )],
    ]
}

// ---- plans

/// Returns every strategy of a replacement.
fn strategies() -> Vec<Strategy> {
    successive_variants(Strategy::Restart, |it| match it {
        Strategy::Restart => Some(Strategy::NeverRan),
        Strategy::NeverRan => Some(Strategy::Redefine),
        Strategy::Redefine => Some(Strategy::FromOffsets),
        Strategy::FromOffsets => Some(Strategy::FromSources),
        Strategy::FromSources => None,
    })
}

/// Returns an action of each variant, with each strategy and each phase.
fn actions() -> Vec<Action> {
    let name = || text("orders");
    let replace = |strategy| Action::Replace { strategy, from: Some(Generation(1)), to: Generation(2) };
    let mut all =
        successive_variants(Action::Create { sql: sql(), name: name(), generation: Generation(1) }, |it| match it {
            Action::Create { .. } => Some(Action::CreatePool { max_cfu: 10 }),
            Action::CreatePool { .. } => Some(Action::KeepUnsubmitted),
            Action::KeepUnsubmitted => {
                Some(Action::Adopt { name: name(), generation: Generation(1), retired: Vec::new() })
            }
            Action::Adopt { .. } => Some(Action::Stop),
            Action::Stop => Some(Action::resume(PlacementChange::default(), RecordedSettings::Declared)),
            Action::Resume { .. } => Some(Action::UpdatePool { to: pool_update() }),
            Action::UpdatePool { .. } => Some(Action::restart(PlacementChange::default())),
            Action::Restart { .. } => Some(replace(Strategy::Restart)),
            Action::Replace { .. } => Some(Action::FinishReplacement { to: Generation(2) }),
            Action::FinishReplacement { .. } => Some(Action::RollBackReplacement { from: Generation(2) }),
            Action::RollBackReplacement { .. } => {
                Some(Action::Delete { undo: Some(Template::new("DROP TABLE target")) })
            }
            Action::Delete { .. } => Some(Action::Forget),
            Action::Forget => Some(Action::wait(Phase::Pending, AfterWait::RecordDeclared)),
            Action::Await { .. } => Some(Action::RecordSettings),
            Action::RecordSettings => Some(Action::Inform),
            Action::Inform => Some(Action::Blocked { by: blocks() }),
            Action::Blocked { .. } => None,
        });
    all.extend(strategies().into_iter().map(replace));
    all.extend(phases().into_iter().map(|phase| Action::wait(phase, AfterWait::RecordDeclared)));
    all
}

/// Returns a reason of each variant.
fn reasons() -> Vec<Reason> {
    let (before, after) = (|| Some(text("lfcp-1")), || text("lfcp-2"));
    successive_variants(Reason::SqlChanged { before: sql(), after: Template::new("SELECT 1") }, |it| match it {
        Reason::SqlChanged { .. } => {
            Some(Reason::PropertyChanged { key: text("k"), before: Some(sql()), after: Some(sql()) })
        }
        Reason::PropertyChanged { .. } => Some(Reason::SecretChanged { name: text("openai") }),
        Reason::SecretChanged { .. } => Some(Reason::PoolChanged { before: before(), after: after() }),
        Reason::PoolChanged { .. } => Some(Reason::PrincipalChanged { before: before(), after: after() }),
        Reason::PrincipalChanged { .. } => {
            Some(Reason::PoolFieldChanged { field: text("max_cfu"), before: text("10"), after: text("20") })
        }
        Reason::PoolFieldChanged { .. } => Some(Reason::StoppedChanged { to: true }),
        Reason::StoppedChanged { .. } => Some(Reason::NeverRan { detail: "no such table".into() }),
        Reason::NeverRan { .. } => Some(Reason::Gone),
        Reason::Gone => Some(Reason::Failed { detail: "division by zero".into() }),
        Reason::Failed { .. } => Some(Reason::CompletedUnexpectedly),
        Reason::CompletedUnexpectedly => Some(Reason::StoppedOutside),
        Reason::StoppedOutside => Some(Reason::ResumedOutside),
        Reason::ResumedOutside => {
            Some(Reason::MovedOutside { field: text("pool"), live: text("lfcp-2"), sent: text("lfcp-1") })
        }
        Reason::MovedOutside { .. } => Some(Reason::StoppedByInterruptedRun),
        Reason::StoppedByInterruptedRun => {
            Some(Reason::LeftoverSuccessor { generation: Generation(2), phase: Some(Phase::Running) })
        }
        Reason::LeftoverSuccessor { .. } => Some(Reason::LeftoverUndo),
        Reason::LeftoverUndo => Some(Reason::NotDeclared),
        Reason::NotDeclared => Some(Reason::DestroyRequested),
        Reason::DestroyRequested => Some(Reason::ReplaceRequested),
        Reason::ReplaceRequested => None,
    })
}

/// Returns a note of each variant.
fn notes() -> Vec<Note> {
    let texts = || vec![text("a"), text("b")];
    let addresses = || vec![main_pool(), orders()];
    let detail = || text("division by zero");
    successive_variants(Note::CosmeticSqlChange, |it| match it {
        Note::CosmeticSqlChange => Some(Note::RenamedAtNextGeneration { current_name: text("orders") }),
        Note::RenamedAtNextGeneration { .. } => Some(Note::StoppedOutside),
        Note::StoppedOutside => Some(Note::ResumedOutside),
        Note::ResumedOutside => Some(Note::LateSubmissions { names: texts() }),
        Note::LateSubmissions { .. } => {
            Some(Note::MovedOutside { field: text("principal"), live: text("sa-2"), sent: text("sa-1") })
        }
        Note::MovedOutside { .. } => Some(Note::Failed { detail: detail().into(), since: Some(created()) }),
        Note::Failed { .. } => Some(Note::CompletedUnexpectedly),
        Note::CompletedUnexpectedly => Some(Note::Degraded { detail: detail().into() }),
        Note::Degraded { .. } => {
            Some(Note::ServiceWarning { severity: "CRITICAL".into(), message: "state grows".into() })
        }
        Note::ServiceWarning { .. } => Some(Note::DueAtNextStart { fields: texts() }),
        Note::DueAtNextStart { .. } => Some(Note::OffsetsOnlyInState),
        // 0.1.0 did not have these notes.
        Note::PoolExhausted | Note::InactiveCopies { .. } | Note::GeneratingCopies { .. } | Note::RunsTwice { .. } => {
            None
        }
        Note::OffsetsOnlyInState => Some(Note::GoneWithUnknownOffsets),
        Note::GoneWithUnknownOffsets => Some(Note::GoneWithUncertainOffsets { topics: topics() }),
        Note::GoneWithUncertainOffsets { .. } => Some(Note::PreviouslyRemoved { topics: topics() }),
        Note::PreviouslyRemoved { .. } => Some(Note::ChangesLeftForNextPlan { fields: texts() }),
        Note::ChangesLeftForNextPlan { .. } => Some(Note::ReplaceIgnoredWhileStopped),
        Note::ReplaceIgnoredWhileStopped => Some(Note::InMotion { phase: Phase::Stopping }),
        Note::InMotion { .. } => Some(Note::StaleReaders { readers: addresses() }),
        Note::StaleReaders { .. } => Some(Note::CannotLowerMaxCfu { live: 20, desired: 10 }),
        Note::CannotLowerMaxCfu { .. } => Some(Note::ObjectsRemain { objects: texts() }),
        Note::ObjectsRemain { .. } => Some(Note::OutputRepeated { keyed: Some(true) }),
        Note::OutputRepeated { .. } => Some(Note::StartsWhereSqlSays),
        Note::StartsWhereSqlSays => Some(Note::SuccessorOutputRemains { name: text("orders-g2") }),
        Note::SuccessorOutputRemains { .. } => Some(Note::StartsAtOffsets { offsets: text("partition:0,offset:100") }),
        Note::StartsAtOffsets { .. } => Some(Note::StoppedWithPool { statements: addresses() }),
        Note::StoppedWithPool { .. } => Some(Note::DuplicatePools { ids: texts() }),
        Note::DuplicatePools { .. } => Some(Note::UnverifiedPool),
        Note::UnverifiedPool => Some(Note::SecretMissing { name: text("openai") }),
        Note::SecretMissing { .. } => Some(Note::SecretNotCompared { name: text("openai") }),
        Note::SecretNotCompared { .. } => None,
    })
}

/// Returns everything that floe can do after a statement is deleted outside floe.
fn after_deletions() -> Vec<AfterDeletion> {
    successive_variants(AfterDeletion::Resubmit, |it| match it {
        AfterDeletion::Resubmit => Some(AfterDeletion::ResubmitWithConsent("restart:3f2a9c".parse().unwrap())),
        AfterDeletion::ResubmitWithConsent(_) => Some(AfterDeletion::Nothing),
        AfterDeletion::Nothing => Some(AfterDeletion::Blocked),
        AfterDeletion::Blocked => None,
    })
}

/// Returns a block of each variant.
fn blocks() -> Vec<Block> {
    let (name, why, detail, id) = (|| text("orders"), || text("a 403"), || text("no"), || text("lfcp-1"));
    let accept = || "restart:3f2a9c".parse::<Consent>().unwrap();
    let (from, to) = (orders, || Address::statement("purchases"));
    let recreated_outside =
        |if_deleted| Block::RecreatedOutside { name: name(), if_deleted, import: ImportMode::Refused };
    let mut all =
        successive_variants(Block::ForeignStatement { name: name(), import: ImportMode::Refused }, |it| match it {
            // 0.1.0 did not have these blocks.
            Block::AdoptionDiffers { .. }
            | Block::Copy { .. }
            | Block::StateOlderThanCloud { .. }
            | Block::AdoptedDefinition
            | Block::RequestInFlight { .. }
            | Block::TwoCopies { .. }
            | Block::UndoNeedsPool { .. }
            | Block::GoneWithUnknownSink { .. }
            | Block::GoneWithStartupOption { .. }
            | Block::PoolElsewhere { .. } => None,
            Block::ForeignStatement { .. } => {
                Some(Block::UnexpectedGenerations { names: vec![name(), text("orders-g2")] })
            }
            Block::UnexpectedGenerations { .. } => Some(Block::AdoptionExposesSecret { name: name() }),
            Block::AdoptionExposesSecret { .. } => {
                Some(Block::RecordedUnderOtherAddress { name: name(), from: from(), to: to() })
            }
            Block::RecordedUnderOtherAddress { .. } => Some(Block::NameInUse { name: name(), by: to() }),
            Block::NameInUse { .. } => Some(recreated_outside(AfterDeletion::Resubmit)),
            Block::RecreatedOutside { .. } => Some(Block::PresenceUnknown { why: why() }),
            Block::PresenceUnknown { .. } => Some(Block::UnclearIntent { why: why() }),
            Block::UnclearIntent { .. } => {
                Some(Block::LosesOffsets { stateful_construct: Some(text("GROUP BY")), accept: accept() })
            }
            Block::LosesOffsets { .. } => Some(Block::EvolveIsManual { accept: accept() }),
            Block::EvolveIsManual { .. } => {
                Some(Block::FailedPredecessor { detail: detail().into(), accept: accept() })
            }
            Block::FailedPredecessor { .. } => Some(Block::FailedSuccessor {
                name: text("orders-g2"),
                detail: detail().into(),
                accept: accept(),
                can_roll_back: true,
            }),
            Block::FailedSuccessor { .. } => Some(Block::CannotReplaceCreateTableAs),
            Block::CannotReplaceCreateTableAs => Some(Block::JobCannotBecomeDefinition),
            Block::JobCannotBecomeDefinition => Some(Block::CannotStop),
            Block::CannotStop => Some(Block::NoUndo),
            Block::NoUndo => Some(Block::IfNotExists),
            Block::IfNotExists => Some(Block::DataLoss { undo: Template::new("DROP TABLE target") }),
            Block::DataLoss { .. } => Some(Block::ObjectsInUse { by: vec![name()] }),
            Block::ObjectsInUse { .. } => Some(Block::PreventDestroy),
            Block::PreventDestroy => Some(Block::GoneWithoutOffsets { accept: accept() }),
            Block::GoneWithoutOffsets { .. } => {
                Some(Block::GoneWithSeveralSources { hints: topics(), accept: accept() })
            }
            Block::GoneWithSeveralSources { .. } => {
                Some(Block::GoneWithUnknownSource { source: text("clicks"), hints: topics(), accept: accept() })
            }
            Block::GoneWithUnknownSource { .. } => Some(Block::InMotion { phase: Phase::Failing }),
            Block::InMotion { .. } => Some(Block::LooksLikeRename { from: from(), to: to() }),
            Block::LooksLikeRename { .. } => Some(Block::MoveTargetRecorded { from: from() }),
            Block::MoveTargetRecorded { .. } => Some(Block::RemovesEverything),
            Block::RemovesEverything => Some(Block::PoolExists { id: id() }),
            Block::PoolExists { .. } => Some(Block::PoolFieldImmutable {
                field: text("region"),
                live: text("us-east-1"),
                desired: text("eu-west-1"),
            }),
            Block::PoolFieldImmutable { .. } => Some(Block::PoolInUse { statements: vec![name()], current_cfu: 3 }),
            Block::PoolInUse { .. } => Some(Block::PoolHasStatements { statements: vec![orders()] }),
            Block::PoolHasStatements { .. } => Some(Block::PoolMissing { id: id() }),
            Block::PoolMissing { .. } => Some(Block::PoolFailed { id: id() }),
            Block::PoolFailed { .. } => Some(Block::PoolBlocked { pool: main_pool() }),
            Block::PoolBlocked { .. } => None,
        });
    all.extend(after_deletions().into_iter().map(recreated_outside));
    all
}

/// Returns what a plan saw of a statement in this class of phases.
fn seen(phase_class: PhaseClass) -> SeenStatement {
    SeenStatement { uid: text("uid-orders"), spec: Fingerprint::of(["SELECT 1"]), stopped: true, phase_class }
}

/// Returns each way in which a step refers to a pool.
fn pool_refs() -> Vec<PoolRef> {
    successive_variants(PoolRef::Id(text("lfcp-1")), |it| match it {
        PoolRef::Id(_) => Some(PoolRef::Created(text("main"))),
        PoolRef::Created(_) => None,
    })
}

/// Returns a request of each variant.
fn step_requests() -> Vec<StepRequest> {
    let (name, id) = (|| text("orders"), || text("lfcp-1"));
    let seen = || seen(PhaseClass::Running);
    let submit = |pool| StepRequest::Submit { submission: submission("orders", 1, Role::Current), pool: Some(pool) };
    let mut all = successive_variants(StepRequest::RecordOnly, |it| match it {
        StepRequest::RecordOnly => Some(StepRequest::Wait { name: name() }),
        StepRequest::Wait { .. } => Some(StepRequest::VerifyUnchanged { name: name(), seen: seen() }),
        StepRequest::VerifyUnchanged { .. } => Some(submit(PoolRef::Id(id()))),
        StepRequest::Submit { .. } => {
            let pool = Some(PoolRef::Created(text("main")));
            Some(StepRequest::Update { name: name(), seen: Some(seen()), to: resume_update(), pool })
        }
        StepRequest::Update { .. } => {
            Some(StepRequest::Delete { name: name(), seen: Some(seen()), unless_in_force: true })
        }
        StepRequest::Delete { .. } => {
            Some(StepRequest::CreatePool { pool: pool("main"), existing_ids: BTreeSet::from([text("lfcp-0")]) })
        }
        StepRequest::CreatePool { .. } => Some(StepRequest::UpdatePool { id: id(), to: pool_update() }),
        StepRequest::UpdatePool { .. } => Some(StepRequest::DeletePool { id: id() }),
        StepRequest::DeletePool { .. } => None,
    });
    all.extend(pool_refs().into_iter().map(submit));
    all
}

/// Returns everything that a step can wait for.
fn wait_conditions() -> Vec<Until> {
    successive_variants(Until::Nothing, |it| match it {
        Until::Nothing => Some(Until::Running),
        Until::Running => Some(Until::Completed),
        Until::Completed => Some(Until::Stopped),
        Until::Stopped => Some(Until::Inactive),
        Until::Inactive => Some(Until::Stable),
        Until::Stable => Some(Until::Gone),
        Until::Gone => Some(Until::Provisioned),
        Until::Provisioned => Some(Until::PoolGone),
        Until::PoolGone => None,
    })
}

/// Returns a guard of each variant.
fn guards() -> Vec<RollbackGuard> {
    successive_variants(RollbackGuard::NeverRan { name: text("orders-g2") }, |it| match it {
        RollbackGuard::NeverRan { .. } => Some(RollbackGuard::Gone { name: text("orders-g2") }),
        RollbackGuard::Gone { .. } => None,
    })
}

/// Returns a step with these fields and a timeout.
fn step(guard: Option<RollbackGuard>, request: StepRequest, until: Until, facts_on_success: Vec<Fact>) -> Step {
    Step { guard, request, until, facts_on_success, timeout: 900 }
}

/// Returns a plan with every variant and every field that a plan can hold. floe itself never makes such a plan.
pub fn plan() -> Plan {
    let change = |action| Change { action, reasons: reasons(), notes: notes(), unhealthy: false };
    let changes = actions().into_iter().enumerate();
    let changes = changes.map(|(number, action)| (Address::statement(format!("s-{number:02}")), change(action)));
    let seen = phase_classes().into_iter().enumerate().map(|(number, class)| (format!("s-{number}"), seen(class)));
    let seen_pool = SeenPool { display_name: text("main"), max_cfu: 10, phase_class: PhaseClass::Running };
    let digests = BTreeMap::from([(orders(), Some(Fingerprint::of(["SELECT 1"]))), (main_pool(), None)]);
    let found = intents().into_iter().zip([true, false].into_iter().cycle());
    let mut forward: Vec<Step> =
        step_requests().into_iter().map(|act| step(None, act, Until::Running, facts())).collect();
    forward.extend(
        wait_conditions()
            .into_iter()
            .map(|until| step(None, StepRequest::Wait { name: text("orders") }, until, vec![])),
    );
    let rollback = guards().into_iter().map(|when| step(Some(when), StepRequest::RecordOnly, Until::Inactive, facts()));
    let group =
        StepGroup { address: orders(), after: BTreeSet::from([main_pool()]), forward, rollback: rollback.collect() };
    Plan {
        format_version: FORMAT_VERSION,
        basis: Basis {
            project: text("shop"),
            environment: text("local"),
            identity: identity(),
            simulated: true,
            hosts: Vec::new(),
            secret_variables: None,
            lineage: text("lineage-1"),
            declared: digests.clone(),
            recorded: digests,
            seen: seen.collect(),
            absent: BTreeSet::from([text("orders-g2")]),
            seen_pools: BTreeMap::from([(text("lfcp-1"), seen_pool)]),
        },
        options: PlanOptions {
            destroy: true,
            targets: BTreeSet::from([main_pool()]),
            excludes: BTreeSet::from([orders()]),
            replace: BTreeSet::from([Address::statement("users")]),
            allow_data_loss: true,
            fix_drift: true,
        },
        interrupted_requests: found.map(|(intent, applied)| InterruptedRequest { intent, applied }).collect(),
        entries: entries(),
        changes: changes.collect(),
        unchanged: 3,
        foreign: 2,
        copy_check: CopyCheck::default(),
        groups: vec![group],
    }
}

/// Returns the context of the plan, in which every field has a value.
pub fn plan_context() -> PlanContext {
    let pool = PoolUsage { id: text("lfcp-1"), current_cfu: 3, max_cfu: 10 };
    let placement =
        DeclaredPlacement { pool: Some(text("main")), principal: Some(text("sa-1")), properties: Default::default() };
    PlanContext {
        pools: BTreeMap::from([(text("main"), pool)]),
        placements: BTreeMap::from([(orders(), placement)]),
        service_time: Some(created()),
        roles: BTreeMap::new(),
        interrupted: Some(InterruptedRun { command: text("apply"), seconds_ago: Some(840) }),
    }
}
