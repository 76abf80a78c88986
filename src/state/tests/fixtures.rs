//! Short constructors for records and entries.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
pub(crate) use crate::resource::tests::{identity, pool, statement, submission_of};
use crate::resource::*;

/// Returns a record without resources.
pub fn empty_record() -> Recorded {
    Recorded::new("lineage-1".to_owned(), identity(), HashKey("key".to_owned()))
}

/// Returns [`empty_record`] with `entries` applied.
pub fn record_after(entries: &[Entry]) -> Recorded {
    let mut recorded = empty_record();
    for entry in entries {
        recorded.apply(entry).unwrap();
    }
    recorded
}

/// Returns a lock holder that runs `command`.
pub fn holder(command: &str) -> LockHolder {
    LockHolder {
        command: command.to_owned(),
        who: "ana@build-7".to_owned(),
        pid: 4711,
        since: "2026-01-02T03:04:05Z".to_owned(),
        saved_plan_id: None,
    }
}

/// Returns a submission of generation or undo statement `number` of `base`.
pub fn submission(base: &str, number: u32, role: Role) -> Submission {
    let name = if role == Role::Undo { undo_name(base, number) } else { Generation(number).name(base) };
    Submission {
        name,
        generation: Generation(number),
        role,
        pool: Some("lfcp-1".to_owned()),
        ..submission_of(&statement(base))
    }
}

/// Returns a running generation of `base`.
pub fn generation(base: &str, number: u32) -> GenerationRecord {
    let sent = submission(base, number, Role::Current);
    GenerationRecord {
        reached: FurthestPhase::Running,
        sql_kind: Some("INSERT_INTO".to_owned()),
        ..GenerationRecord::submitted(sent, format!("uid-{}", Generation(number).name(base)))
    }
}

/// Returns offsets of one topic.
pub fn offsets(at: u32) -> Offsets {
    let topics = BTreeMap::from([("b".to_owned(), format!("partition:0,offset:{at}"))]);
    Offsets { topics, taken_at: Some("2026-01-02T03:04:05Z".to_owned()) }
}

/// Returns the entry that declares a statement under `key`.
pub fn declare(key: &str, name: &str) -> Entry {
    let dependencies = BTreeSet::from([Address::pool("main")]);
    fact(Fact::Declared { key: key.to_owned(), declared: Box::new(statement(name)), dependencies })
}

/// Wraps a fact in an entry.
pub fn fact(fact: Fact) -> Entry {
    Entry::FactRecorded { fact }
}

/// Returns the entry that opens an intent.
pub fn open_intent(id: &str, address: Address, operation: Operation) -> Entry {
    let intent = Intent { id: IntentId(id.to_owned()), address, operation, sent_at: None };
    Entry::IntentOpened { intent, secrets: BTreeMap::new() }
}

/// Returns the entry for the intent to submit a statement.
pub fn submit(id: &str, key: &str, base: &str, number: u32, role: Role) -> Entry {
    open_intent(id, Address::statement(key), Operation::Submit(submission(base, number, role)))
}

/// Returns the entry for the intent to update a statement.
pub fn update(id: &str, key: &str, name: &str, to: StatementUpdate) -> Entry {
    let operation = Operation::Update { name: name.to_owned(), uid: format!("uid-{name}"), to };
    open_intent(id, Address::statement(key), operation)
}

/// Returns the entry for the intent to delete a statement.
pub fn delete(id: &str, key: &str, name: &str) -> Entry {
    let operation = Operation::Delete { name: name.to_owned(), uid: format!("uid-{name}") };
    open_intent(id, Address::statement(key), operation)
}

/// Returns the entry for an applied intent. An empty `service_id` means none.
pub fn settle_applied(id: &str, service_id: &str) -> Entry {
    let given = (!service_id.is_empty()).then(|| service_id.to_owned());
    Entry::IntentSettled {
        intent_id: IntentId(id.to_owned()),
        outcome: Outcome::Applied { id: given, created_at: None },
    }
}

/// Returns the entry for a rejected intent.
pub fn settle_rejected(id: &str) -> Entry {
    let outcome = Outcome::NotApplied { why: "no".to_owned() };
    Entry::IntentSettled { intent_id: IntentId(id.to_owned()), outcome }
}

/// Returns entries for a statement that was declared, was submitted and is running as `base`.
pub fn running_statement(key: &str, base: &str) -> Vec<Entry> {
    let id = format!("{key}-1");
    let name = base.to_owned();
    vec![
        declare(key, base),
        submit(&id, key, base, 1, Role::Current),
        settle_applied(&id, &format!("uid-{base}")),
        fact(Fact::PhaseReached {
            key: key.to_owned(),
            name,
            reached: FurthestPhase::Running,
            sql_kind: None,
            bounded: false,
        }),
    ]
}

/// Runs a future that waits only for threads.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(done) => return done,
            std::task::Poll::Pending => std::thread::yield_now(),
        }
    }
}
