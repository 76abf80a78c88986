//! How a record becomes the next one: one pure, total function over entries.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use super::{
    Entry, Fact, GenerationRecord, OpenIntent, Outcome, PoolRecord, Reached, Recorded, StatementRecord, Tombstone,
};
use crate::resource::{
    Address, Generation, Intent, IntentId, KeyedHash, Kind, Offsets, Operation, Role, Statement, Submission,
};

/// An entry that contradicts the record: which, and why. The record is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{entry} contradicts the record: {why}")]
pub struct Incoherent {
    /// The entry, in a few words.
    pub entry: String,
    /// What it contradicts.
    pub why: String,
}

type Why = String;

impl Recorded {
    /// Applies one entry. Either all of it holds afterwards, or it is refused and nothing has changed.
    ///
    /// What must not be sent is refused when it is *intended*; once a request was sent, its outcome is refused only if
    /// nobody intended it or it lacks the id that the record needs.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Incoherent> {
        let applied = match entry {
            Entry::Intend { intent, secrets } => self.intend(intent, secrets),
            Entry::Settle { intent, outcome } => self.settle(intent, outcome),
            Entry::Record { fact } => self.learn(fact),
        };
        applied.map_err(|why| Incoherent { entry: in_words(entry), why })
    }

    fn intend(&mut self, intent: &Intent, secrets: &BTreeMap<String, KeyedHash>) -> Result<(), Why> {
        if self.open.contains_key(&intent.id) {
            return Err("an intent of that id is open".to_owned());
        }
        if let Some(other) = self.open.values().find(|open| creates_the_same(&open.intent, intent)) {
            return Err(format!("intent {} to create the same is open; that is to be settled first", other.intent.id));
        }
        let key = &intent.address.key;
        let mut voided = None;
        match (&intent.operation, intent.address.kind) {
            (Operation::Submit(submission), Kind::Statement) => self.statement(key)?.reserve(submission)?,
            (Operation::Amend { name, uid, to }, Kind::Statement) => {
                let generation = self.statement(key)?.physical(name, uid)?;
                // From here on it may run, so where it stood says nothing any more.
                if !to.stopped {
                    voided = generation.offsets.take();
                }
            }
            (Operation::Remove { name, uid }, Kind::Statement) => {
                self.statement(key)?.physical(name, uid)?;
            }
            (Operation::CreatePool { .. }, Kind::Pool) => {}
            (Operation::AmendPool { id, .. } | Operation::RemovePool { id }, Kind::Pool) => {
                let recorded = &self.pool(key)?.id;
                if recorded != id {
                    return Err(format!("pools.{key} is {recorded}, not {id}"));
                }
            }
            (_, kind) => return Err(format!("that is no operation on {}", kind.table())),
        }
        let open = OpenIntent { intent: intent.clone(), secrets: secrets.clone(), voided };
        self.open.insert(intent.id.clone(), open);
        Ok(())
    }

    fn settle(&mut self, id: &IntentId, outcome: &Outcome) -> Result<(), Why> {
        let open = self.open.get(id).cloned().ok_or("no intent of that id is open")?;
        match outcome {
            Outcome::Applied { id: given, created_at } => {
                self.take_effect(&open, given.as_deref(), created_at.as_deref())?;
            }
            Outcome::Rejected { .. } => self.give_back(&open),
        }
        self.open.remove(id);
        Ok(())
    }

    fn take_effect(&mut self, open: &OpenIntent, given: Option<&str>, created_at: Option<&str>) -> Result<(), Why> {
        let key = &open.intent.address.key;
        match &open.intent.operation {
            Operation::Submit(submission) => {
                let generation = GenerationRecord {
                    sent: submission.clone(),
                    uid: given.ok_or("a submitted statement has a uid, and none is given")?.to_owned(),
                    stopped: false,
                    reached: Reached::Submitted,
                    kind: None,
                    bounded: false,
                    offsets: None,
                    secrets: open.secrets.clone(),
                    created_at: created_at.map(str::to_owned),
                };
                self.statement(key)?.take_in(generation);
            }
            Operation::Amend { uid, to, .. } => {
                let mut generations =
                    self.statements.get_mut(key).into_iter().flat_map(|record| record.generations_mut());
                // It may be known to be gone by now; then there is nothing left to update.
                if let Some(generation) = generations.find(|generation| generation.uid == *uid) {
                    generation.stopped = to.stopped;
                    generation.sent.pool = to.pool.clone().or(generation.sent.pool.take());
                    generation.sent.principal = to.principal.clone().or(generation.sent.principal.take());
                }
            }
            Operation::CreatePool { pool, .. } => {
                let id = given.ok_or("a created pool has an id, and none is given")?.to_owned();
                self.pools.insert(key.clone(), PoolRecord { id, declared: pool.clone() });
            }
            Operation::AmendPool { id, to } => {
                if let Some(pool) = self.pools.get_mut(key).filter(|pool| pool.id == *id) {
                    pool.declared.max_cfu = to.max_cfu.unwrap_or(pool.declared.max_cfu);
                    if let Some(name) = &to.display_name {
                        pool.declared.display_name.clone_from(name);
                    }
                }
            }
            // That it is gone is seen later, and is a fact of its own.
            Operation::Remove { .. } | Operation::RemovePool { .. } => {}
        }
        Ok(())
    }

    /// Nothing came of a request: what its intent took is there again.
    fn give_back(&mut self, open: &OpenIntent) {
        let Some(record) = self.statements.get_mut(&open.intent.address.key) else { return };
        match (&open.intent.operation, &open.voided) {
            (Operation::Submit(submission), _) => record.release(submission),
            // The generation stands where it stood; unless something newer is known of it.
            (Operation::Amend { uid, .. }, Some(offsets)) => {
                if let Some(generation) = record.generations_mut().find(|generation| generation.uid == *uid) {
                    generation.offsets.get_or_insert_with(|| offsets.clone());
                }
            }
            _ => {}
        }
    }

    fn learn(&mut self, fact: &Fact) -> Result<(), Why> {
        match fact {
            Fact::Declared { key, declared, needs } => {
                self.declare(key, declared);
                if let Some(record) = self.statements.get_mut(key) {
                    record.needs = needs.iter().cloned().collect();
                }
            }
            Fact::PoolDeclared { key, declared } => self.pool(key)?.declared = declared.clone(),
            Fact::Adopted { key, generation } => {
                let submits = |open: &&OpenIntent| submits(&open.intent, &generation.sent.name);
                if let Some(open) = self.open.values().find(submits) {
                    return Err(format!("intent {} to submit it is open; that is to be settled first", open.intent.id));
                }
                self.statement(key)?.adopt(generation)?;
            }
            Fact::PoolAdopted { key, id, declared } => {
                if let Some(pool) = self.pools.get(key).filter(|pool| pool.id != *id) {
                    return Err(format!("pools.{key} is {} already", pool.id));
                }
                self.pools.insert(key.clone(), PoolRecord { id: id.clone(), declared: declared.clone() });
            }
            Fact::Reached { key, name, reached, kind, bounded } => {
                let record = self.statement(key)?;
                let generation = record.bearing(name)?;
                generation.reached = generation.reached.max(*reached);
                generation.bounded |= bounded;
                if kind.is_some() {
                    generation.kind.clone_from(kind);
                }
                if generation.has_run() && generation.sent.role != Role::Undo {
                    record.left_at = None;
                }
            }
            Fact::Stood { key, name, offsets } => {
                let generation = self.statement(key)?.bearing(name)?;
                generation.offsets = Some(offsets.clone()).filter(|offsets| !offsets.is_empty());
            }
            Fact::Promoted { key } => self.statement(key)?.promote()?,
            Fact::Gone { key, name } => self.statement(key)?.lose(name)?,
            Fact::Buried { address } => self.bury(address)?,
            Fact::Forgotten { address } => self.forget(address)?,
            Fact::Moved { from, to } => self.rename(from, to)?,
        }
        Ok(())
    }

    fn statement(&mut self, key: &str) -> Result<&mut StatementRecord, Why> {
        let record = self.statements.get_mut(key).map(Box::as_mut);
        record.ok_or_else(|| format!("statements.{key} is not recorded"))
    }

    fn pool(&mut self, key: &str) -> Result<&mut PoolRecord, Why> {
        self.pools.get_mut(key).ok_or_else(|| format!("pools.{key} is not recorded"))
    }

    fn declare(&mut self, key: &str, declared: &Statement) {
        let new = || Box::new(StatementRecord::new(declared.clone()));
        let record = self.statements.entry(key.to_owned()).or_insert_with(new);
        let until_now = mem::replace(&mut record.declared, declared.clone());
        let left_behind = (until_now.name != declared.name).then(|| record.tombstone(until_now.name, None));
        if let Some(dead) = self.exhume(&declared.name)
            && let Some(record) = self.statements.get_mut(key)
        {
            record.count_on_from(dead);
        }
        // The numbers under the name that it bore until now stay used, whoever takes that name next.
        if let Some(tombstone) = left_behind {
            self.inter(key, tombstone);
        }
    }

    fn bury(&mut self, address: &Address) -> Result<(), Why> {
        if let Some(id) = self.open_intent_of(address) {
            return Err(format!("its intent {id} is open; that is to be settled first"));
        }
        let absent = || format!("{address} is not recorded");
        match address.kind {
            Kind::Pool => self.pools.remove(&address.key).map(drop).ok_or_else(absent),
            Kind::Statement => {
                let record = self.statements.remove(&address.key).ok_or_else(absent)?;
                self.inter(&address.key, record.tombstone(record.declared.name.clone(), record.last_stood()));
                Ok(())
            }
        }
    }

    fn forget(&mut self, address: &Address) -> Result<(), Why> {
        let was_open = self.open_intent_of(address).is_some();
        self.open.retain(|_, open| open.intent.address != *address);
        let was_recorded = match address.kind {
            Kind::Pool => self.pools.remove(&address.key).is_some(),
            Kind::Statement => {
                let record = self.statements.remove(&address.key);
                if let Some(record) = &record {
                    // What is still there may run on. Where one that is gone had stood stays known.
                    let left_at = record.left_at.clone().filter(|_| record.current.is_none());
                    self.inter(&address.key, record.tombstone(record.declared.name.clone(), left_at));
                }
                record.is_some()
            }
        };
        if was_open || was_recorded { Ok(()) } else { Err(format!("{address} is not recorded")) }
    }

    fn rename(&mut self, from: &Address, to: &Address) -> Result<(), Why> {
        if from.kind != to.kind {
            return Err(format!("{from} and {to} are of different kinds"));
        }
        let is_recorded = |address: &Address| match address.kind {
            Kind::Pool => self.pools.contains_key(&address.key),
            Kind::Statement => self.statements.contains_key(&address.key),
        };
        if is_recorded(to) || self.open_intent_of(to).is_some() {
            return Err(format!("{to} is recorded already"));
        }
        let is_buried = from.kind == Kind::Statement && self.tombstones.contains_key(&from.key);
        if !is_recorded(from) && !is_buried && self.open_intent_of(from).is_none() {
            return Err(format!("{from} is not recorded"));
        }
        match from.kind {
            Kind::Pool => move_key(&mut self.pools, &from.key, &to.key),
            Kind::Statement => {
                move_key(&mut self.statements, &from.key, &to.key);
                if let Some(tombstone) = self.tombstones.remove(&from.key) {
                    self.inter(&to.key, tombstone);
                }
            }
        }
        self.refer_to(from, to);
        Ok(())
    }

    /// Lets everything that named `from` name `to`.
    fn refer_to(&mut self, from: &Address, to: &Address) {
        for open in self.open.values_mut().filter(|open| open.intent.address == *from) {
            open.intent.address = to.clone();
        }
        for record in self.statements.values_mut() {
            let moved = |address: Address| if address == *from { to.clone() } else { address };
            let needs: BTreeSet<Address> = std::mem::take(&mut record.needs).into_iter().map(moved).collect();
            record.needs = needs.into_iter().collect();
            if record.declared.depends_on.remove(from) {
                record.declared.depends_on.insert(to.clone());
            }
            if from.kind == Kind::Pool && record.declared.pool.as_ref() == Some(&from.key) {
                record.declared.pool = Some(to.key.clone());
            }
        }
    }

    fn open_intent_of(&self, address: &Address) -> Option<&IntentId> {
        self.open.iter().find(|(_, open)| open.intent.address == *address).map(|(id, _)| id)
    }

    /// Takes out what is known of a cloud name, whichever key it was under.
    fn exhume(&mut self, name: &str) -> Option<Tombstone> {
        let key = self.tombstones.iter().find(|(_, tombstone)| tombstone.name == name).map(|(key, _)| key.clone())?;
        self.tombstones.remove(&key)
    }

    /// Puts a tombstone under `key`. There is one a cloud name; one of another name gives way and is kept.
    fn inter(&mut self, key: &str, mut tombstone: Tombstone) {
        if let Some(older) = self.exhume(&tombstone.name) {
            tombstone.last_generation = tombstone.last_generation.max(older.last_generation);
            tombstone.undos = tombstone.undos.max(older.undos);
        }
        if let Some(other) = self.tombstones.insert(key.to_owned(), tombstone) {
            self.tombstones.insert(format!("{key}/{}", other.name), other);
        }
    }
}

impl StatementRecord {
    fn new(declared: Statement) -> Self {
        StatementRecord {
            declared,
            needs: Default::default(),
            current: None,
            successor: None,
            undo: None,
            retired: Vec::new(),
            last_generation: Generation(0),
            undos: 0,
            left_at: None,
        }
    }

    fn bearing(&mut self, name: &str) -> Result<&mut GenerationRecord, Why> {
        let generation = self.generations_mut().find(|generation| generation.sent.name == name);
        generation.ok_or_else(|| format!("no generation named {name} is recorded"))
    }

    fn physical(&mut self, name: &str, uid: &str) -> Result<&mut GenerationRecord, Why> {
        let generation = self.bearing(name)?;
        if generation.uid != uid {
            return Err(format!("the recorded {name} has uid {}, not {uid}", generation.uid));
        }
        Ok(generation)
    }

    /// Uses up the number that a submission is about to take. A number is never used twice.
    fn reserve(&mut self, submission: &Submission) -> Result<(), Why> {
        let Submission { name, generation, role, .. } = submission;
        if let Some(standing) = self.named(name) {
            return Err(format!("{name} is recorded with uid {}", standing.uid));
        }
        if *role == Role::Undo {
            let number = name.rsplit_once("-undo-").and_then(|(_, number)| number.parse().ok());
            let number = number.unwrap_or_else(|| self.undos.saturating_add(1));
            if number <= self.undos {
                return Err(format!("{} undo statements were intended before", self.undos));
            }
            self.undos = number;
        } else {
            if *generation <= self.last_generation {
                return Err(format!("number {} is used, so {generation} may be too", self.last_generation));
            }
            self.last_generation = *generation;
        }
        Ok(())
    }

    /// The number of a submission that came to nothing is free: the next try takes the same name, so that a request
    /// that was thought lost and lands late meets it there, and not beside it.
    fn release(&mut self, submission: &Submission) {
        if self.named(&submission.name).is_some() {
            return;
        }
        if submission.role == Role::Undo {
            self.undos = self.undos.saturating_sub(1);
        } else if self.last_generation == submission.generation {
            self.last_generation = Generation(submission.generation.0.saturating_sub(1));
        }
    }

    /// Puts a new generation in the slot of its role. Nothing is lost sight of: what was there retires.
    fn take_in(&mut self, generation: GenerationRecord) {
        let slot = match generation.sent.role {
            Role::Current => &mut self.current,
            Role::Successor => &mut self.successor,
            Role::Undo => &mut self.undo,
        };
        if let Some(displaced) = slot.replace(Box::new(generation)) {
            self.retired.insert(0, *displaced);
        }
    }

    fn adopt(&mut self, generation: &GenerationRecord) -> Result<(), Why> {
        if let Some(current) = &self.current {
            return Err(format!("{} is in force", current.sent.name));
        }
        if self.named(&generation.sent.name).is_some() {
            return Err(format!("{} is recorded already", generation.sent.name));
        }
        self.last_generation = self.last_generation.max(generation.sent.generation);
        if generation.has_run() {
            self.left_at = None;
        }
        self.current = Some(Box::new(generation.clone()));
        Ok(())
    }

    fn promote(&mut self) -> Result<(), Why> {
        let successor = self.successor.take().ok_or("it has no successor")?;
        if let Some(predecessor) = self.current.replace(successor) {
            self.retired.insert(0, *predecessor);
        }
        Ok(())
    }

    fn lose(&mut self, name: &str) -> Result<(), Why> {
        self.bearing(name)?;
        let bears = |generation: &mut Box<GenerationRecord>| generation.sent.name == name;
        if self.current.as_ref().is_some_and(|current| current.sent.name == name) {
            self.left_at = self.last_stood();
        }
        self.current.take_if(bears);
        self.successor.take_if(bears);
        self.undo.take_if(bears);
        self.retired.retain(|generation| generation.sent.name != name);
        Ok(())
    }

    /// Where the last run of it ended, if that is known. A generation that never ran leaves that as it was.
    fn last_stood(&self) -> Option<Offsets> {
        match &self.current {
            Some(current) if current.offsets.is_some() || current.has_run() => current.offsets.clone(),
            _ => self.left_at.clone(),
        }
    }

    fn count_on_from(&mut self, dead: Tombstone) {
        self.last_generation = self.last_generation.max(dead.last_generation);
        self.undos = self.undos.max(dead.undos);
        if self.generations().next().is_none() && self.left_at.is_none() {
            self.left_at = dead.offsets;
        }
    }

    fn tombstone(&self, name: String, offsets: Option<Offsets>) -> Tombstone {
        Tombstone { name, last_generation: self.last_generation, undos: self.undos, offsets }
    }
}

impl GenerationRecord {
    /// Whether it is known to have run, if only once.
    fn has_run(&self) -> bool {
        self.reached > Reached::Submitted
    }
}

fn move_key<T>(map: &mut BTreeMap<String, T>, from: &str, to: &str) {
    if let Some(value) = map.remove(from) {
        map.insert(to.to_owned(), value);
    }
}

/// Whether both, applied, would leave two things where the record has a place for one.
fn creates_the_same(one: &Intent, other: &Intent) -> bool {
    match (&one.operation, &other.operation) {
        (Operation::Submit(submission), _) => submits(other, &submission.name),
        (Operation::CreatePool { .. }, Operation::CreatePool { .. }) => one.address == other.address,
        _ => false,
    }
}

fn submits(intent: &Intent, name: &str) -> bool {
    matches!(&intent.operation, Operation::Submit(submission) if submission.name == name)
}

fn in_words(entry: &Entry) -> String {
    match entry {
        Entry::Intend { intent, .. } => {
            let verb = match &intent.operation {
                Operation::Submit(submission) => format!("submit {}", submission.name),
                Operation::Amend { name, to, .. } if to.stopped => format!("stop {name}"),
                Operation::Amend { name, .. } => format!("resume {name}"),
                Operation::Remove { name, .. } => format!("delete {name}"),
                Operation::CreatePool { pool, .. } => format!("create pool {}", pool.display_name),
                Operation::AmendPool { id, .. } => format!("change pool {id}"),
                Operation::RemovePool { id } => format!("delete pool {id}"),
            };
            format!("intent {} of {} to {verb}", intent.id, intent.address)
        }
        Entry::Settle { intent, outcome: Outcome::Applied { .. } } => format!("`applied` for intent {intent}"),
        Entry::Settle { intent, outcome: Outcome::Rejected { .. } } => format!("`rejected` for intent {intent}"),
        Entry::Record { fact } => match fact {
            Fact::Declared { key, .. } => format!("`declared` for statements.{key}"),
            Fact::PoolDeclared { key, .. } => format!("`declared` for pools.{key}"),
            Fact::Adopted { key, generation } => format!("`adopted` {} for statements.{key}", generation.sent.name),
            Fact::PoolAdopted { key, id, .. } => format!("`adopted` {id} for pools.{key}"),
            Fact::Reached { key, name, .. } => format!("`reached` of {name} for statements.{key}"),
            Fact::Stood { key, name, .. } => format!("`stood` of {name} for statements.{key}"),
            Fact::Promoted { key } => format!("`promoted` for statements.{key}"),
            Fact::Gone { key, name } => format!("`gone` of {name} for statements.{key}"),
            Fact::Buried { address } => format!("`buried` for {address}"),
            Fact::Forgotten { address } => format!("`forgotten` for {address}"),
            Fact::Moved { from, to } => format!("`moved` from {from} to {to}"),
        },
    }
}
