//! Records and entries in few words.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::resource::*;

pub fn identity() -> Identity {
    Identity {
        organization: "org-1".to_owned(),
        environment: "env-1".to_owned(),
        cloud: "aws".to_owned(),
        region: "us-east-1".to_owned(),
    }
}

pub fn empty() -> Recorded {
    Recorded::new("lineage-1".to_owned(), identity(), HashKey("key".to_owned()))
}

/// `empty` with `entries` applied.
pub fn after(entries: &[Entry]) -> Recorded {
    let mut recorded = empty();
    for entry in entries {
        recorded.apply(entry).unwrap();
    }
    recorded
}

pub fn holder(command: &str) -> Holder {
    Holder {
        command: command.to_owned(),
        who: "ana@build-7".to_owned(),
        pid: 4711,
        since: "2026-01-02T03:04:05Z".to_owned(),
        plan: None,
    }
}

pub fn statement(name: &str) -> Statement {
    Statement {
        name: name.to_owned(),
        sql: Template::new("INSERT INTO a SELECT * FROM b"),
        properties: Few::new(),
        pool: Some("main".to_owned()),
        principal: None,
        stopped: false,
        undo: None,
        evolve: Evolve::Auto,
        accept: None,
        on_failed: OnOutside::Report,
        on_stopped: OnOutside::Report,
        depends_on: BTreeSet::new(),
        prevent_destroy: false,
        timeout: 900,
    }
}

pub fn pool(display_name: &str) -> Pool {
    Pool {
        display_name: display_name.to_owned(),
        max_cfu: 5,
        network: None,
        cloud: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        prevent_destroy: false,
    }
}

pub fn submission(base: &str, number: u32, role: Role) -> Submission {
    let name = if role == Role::Undo { undo_name(base, number) } else { Generation(number).name(base) };
    Submission {
        name,
        generation: Generation(number),
        role,
        sql: Template::new("INSERT INTO a SELECT * FROM b"),
        properties: Few::new(),
        added: Few::new(),
        pool: Some("lfcp-1".to_owned()),
        principal: None,
    }
}

pub fn generation(base: &str, number: u32) -> GenerationRecord {
    let sent = submission(base, number, Role::Current);
    GenerationRecord {
        uid: format!("uid-{}", sent.name),
        sent,
        stopped: false,
        reached: Reached::Running,
        kind: Some("INSERT_INTO".to_owned()),
        bounded: false,
        offsets: None,
        secrets: BTreeMap::new(),
        created_at: None,
    }
}

pub fn offsets(at: u32) -> Offsets {
    let topics = BTreeMap::from([("b".to_owned(), format!("partition:0,offset:{at}"))]);
    Offsets { topics, taken_at: Some("2026-01-02T03:04:05Z".to_owned()) }
}

pub fn declared(key: &str, name: &str) -> Entry {
    let needs = BTreeSet::from([Address::pool("main")]);
    fact(Fact::Declared { key: key.to_owned(), declared: Box::new(statement(name)), needs })
}

pub fn fact(fact: Fact) -> Entry {
    Entry::Record { fact }
}

pub fn intend(id: &str, address: Address, operation: Operation) -> Entry {
    let intent = Intent { id: IntentId(id.to_owned()), address, operation };
    Entry::Intend { intent, secrets: BTreeMap::new() }
}

pub fn submit(id: &str, key: &str, base: &str, number: u32, role: Role) -> Entry {
    intend(id, Address::statement(key), Operation::Submit(submission(base, number, role)))
}

pub fn amend(id: &str, key: &str, name: &str, to: Amendment) -> Entry {
    let operation = Operation::Amend { name: name.to_owned(), uid: format!("uid-{name}"), to };
    intend(id, Address::statement(key), operation)
}

pub fn remove(id: &str, key: &str, name: &str) -> Entry {
    let operation = Operation::Remove { name: name.to_owned(), uid: format!("uid-{name}") };
    intend(id, Address::statement(key), operation)
}

pub fn applied(id: &str, given: &str) -> Entry {
    let given = (!given.is_empty()).then(|| given.to_owned());
    Entry::Settle { intent: IntentId(id.to_owned()), outcome: Outcome::Applied { id: given, created_at: None } }
}

pub fn rejected(id: &str) -> Entry {
    let outcome = Outcome::Rejected { why: "no".to_owned() };
    Entry::Settle { intent: IntentId(id.to_owned()), outcome }
}

/// A statement declared, submitted and running as `base`.
pub fn running(key: &str, base: &str) -> Vec<Entry> {
    let id = format!("{key}-1");
    let name = base.to_owned();
    vec![
        declared(key, base),
        submit(&id, key, base, 1, Role::Current),
        applied(&id, &format!("uid-{base}")),
        fact(Fact::Reached { key: key.to_owned(), name, reached: Reached::Running, kind: None, bounded: false }),
    ]
}

/// Runs a future that waits for nothing but threads.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(done) => return done,
            std::task::Poll::Pending => std::thread::yield_now(),
        }
    }
}
