//! Applies entries to a record. This is one pure, total function.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use super::{
    Entry, Fact, FurthestPhase, GenerationRecord, OpenIntent, Outcome, PoolRecord, Recorded, StatementRecord, Tombstone,
};
use crate::resource::{
    Address, Generation, Intent, IntentId, KeyedHash, Offsets, Operation, ResourceKind, Role, Statement, Submission,
};

/// The error for an entry that contradicts the record: which entry, and why. The record is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{entry} contradicts the record: {why}")]
pub struct InconsistentEntry {
    /// A short description of the entry.
    pub entry: String,
    /// What the entry contradicts.
    pub why: String,
}

/// The reason why an entry contradicts the record.
type Contradiction = String;

impl Recorded {
    /// Applies one entry. Either all of it takes effect, or it is rejected and nothing has changed.
    ///
    /// A request that must not be sent is rejected when its intent is opened. Once a request was sent, its outcome is
    /// rejected only if there is no open intent for it, or if it lacks the id that the record needs.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), InconsistentEntry> {
        let applied = match entry {
            Entry::IntentOpened { intent, secrets } => self.open_intent(intent, secrets),
            Entry::IntentSettled { intent_id, outcome } => self.settle_intent(intent_id, outcome),
            Entry::FactRecorded { fact } => self.record_fact(fact),
        };
        applied.map_err(|why| InconsistentEntry { entry: describe_entry(entry), why })
    }

    /// Opens an intent, if sending its request would be consistent with the record.
    fn open_intent(&mut self, intent: &Intent, secrets: &BTreeMap<String, KeyedHash>) -> Result<(), Contradiction> {
        if self.open_intents.contains_key(&intent.id) {
            return Err("an intent with this id is already open".to_owned());
        }
        if let Some(other) = self.open_intents.values().find(|open| creates_same_object(&open.intent, intent)) {
            return Err(format!(
                "intent {} to create the same object is still open and must be settled first",
                other.intent.id
            ));
        }
        let key = &intent.address.key;
        let mut voided_offsets = None;
        match (&intent.operation, intent.address.kind) {
            (Operation::Submit(submission), ResourceKind::Statement) => {
                let is_sent_again = self.open_intents.values().any(|open| submits(&open.intent, &submission.name));
                self.statement_mut(key)?.reserve(submission, is_sent_again)?;
                self.raise_highest_number(key, submission);
            }
            (Operation::Update { name, uid, to }, ResourceKind::Statement) => {
                let generation = self.statement_mut(key)?.generation_with_uid(name, uid)?;
                // From here on the statement may run, so its recorded offsets are no longer valid.
                if !to.stopped {
                    voided_offsets = generation.offsets.take();
                    // Of several copies of one resume, the last one holds the offsets.
                    for open in self.open_intents.values_mut().filter(|open| updates(&open.intent, uid)) {
                        voided_offsets = voided_offsets.or(open.voided_offsets.take());
                    }
                }
            }
            (Operation::Delete { name, uid }, ResourceKind::Statement) => {
                self.statement_mut(key)?.generation_with_uid(name, uid)?;
            }
            (Operation::CreatePool { .. }, ResourceKind::Pool) => {}
            (Operation::UpdatePool { id, .. } | Operation::DeletePool { id }, ResourceKind::Pool) => {
                let recorded = &self.pool_mut(key)?.id;
                if recorded != id {
                    return Err(format!("pools.{key} is {recorded}, not {id}"));
                }
            }
            (_, kind) => return Err(format!("this operation does not apply to {}", kind.manifest_table())),
        }
        let open = OpenIntent { intent: intent.clone(), secrets: secrets.clone(), voided_offsets };
        self.open_intents.insert(intent.id.clone(), open);
        Ok(())
    }

    /// Records the outcome of an open intent and closes it.
    fn settle_intent(&mut self, id: &IntentId, outcome: &Outcome) -> Result<(), Contradiction> {
        let open = self.open_intents.get(id).cloned().ok_or("no intent with this id is open")?;
        match outcome {
            Outcome::Applied { id: service_id, created_at } => {
                self.apply_operation(&open, service_id.as_deref(), created_at.as_deref())?;
            }
            Outcome::NotApplied { .. } => self.revert_intent(&open),
        }
        self.open_intents.remove(id);
        Ok(())
    }

    /// Changes the record as an applied request requires.
    fn apply_operation(
        &mut self,
        open: &OpenIntent,
        service_id: Option<&str>,
        created_at: Option<&str>,
    ) -> Result<(), Contradiction> {
        let key = &open.intent.address.key;
        match &open.intent.operation {
            // It was sent more than once, and another copy has taken effect.
            Operation::Submit(submission) if self.has_generation(key, &submission.name) => {}
            Operation::Submit(submission) => {
                let uid = service_id.ok_or("a submitted statement needs a uid, but none was given")?;
                let generation = GenerationRecord {
                    adopted: false,
                    secrets: open.secrets.clone(),
                    created_at: created_at.map(str::to_owned),
                    ..GenerationRecord::submitted(submission.clone(), uid.to_owned())
                };
                self.statement_mut(key)?.insert_generation(generation);
            }
            Operation::Update { uid, to, .. } => {
                let mut generations =
                    self.statements.get_mut(key).into_iter().flat_map(|record| record.generations_mut());
                // The generation may already be known to be gone. Then there is nothing left to update.
                if let Some(generation) = generations.find(|generation| generation.uid == *uid) {
                    generation.stopped = to.stopped;
                    generation.sent.pool = to.pool.clone().or(generation.sent.pool.take());
                    generation.sent.principal = to.principal.clone().or(generation.sent.principal.take());
                }
            }
            Operation::CreatePool { pool, .. } => {
                let id = service_id.ok_or("a created pool needs an id, but none was given")?.to_owned();
                self.pools.insert(key.clone(), PoolRecord { id, declared: pool.clone(), is_deleted: false });
            }
            Operation::UpdatePool { id, to } => {
                if let Some(pool) = self.pools.get_mut(key).filter(|pool| pool.id == *id) {
                    pool.declared.max_cfu = to.max_cfu.unwrap_or(pool.declared.max_cfu);
                    if let Some(name) = &to.display_name {
                        pool.declared.display_name.clone_from(name);
                    }
                }
            }
            // A later read shows that it is gone, and that is a separate fact.
            Operation::Delete { .. } => {}
            Operation::DeletePool { id } => {
                if let Some(pool) = self.pools.get_mut(key).filter(|pool| pool.id == *id) {
                    pool.is_deleted = true;
                }
            }
        }
        Ok(())
    }

    /// Restores what opening the intent of a rejected request took from the record.
    fn revert_intent(&mut self, open: &OpenIntent) {
        let others = self.open_intents.values().filter(|other| other.intent.id != open.intent.id);
        let other_copies: Vec<&Intent> = others.map(|other| &other.intent).collect();
        let is_open_elsewhere = |submission: &Submission| other_copies.iter().any(|it| submits(it, &submission.name));
        let keeps_number =
            matches!(&open.intent.operation, Operation::Submit(submission) if is_open_elsewhere(submission));
        let Some(record) = self.statements.get_mut(&open.intent.address.key) else { return };
        match (&open.intent.operation, &open.voided_offsets) {
            (Operation::Submit(_), _) if keeps_number => {}
            (Operation::Submit(submission), _) => record.release(submission),
            // The generation is still where it stopped, unless newer offsets are known.
            (Operation::Update { uid, .. }, Some(offsets)) => {
                if let Some(generation) = record.generations_mut().find(|generation| generation.uid == *uid) {
                    generation.offsets.get_or_insert_with(|| offsets.clone());
                }
            }
            _ => {}
        }
    }

    /// Records a fact, which needs no request.
    fn record_fact(&mut self, fact: &Fact) -> Result<(), Contradiction> {
        match fact {
            Fact::Declared { key, declared, dependencies } => {
                self.declare_statement(key, declared);
                if let Some(record) = self.statements.get_mut(key) {
                    record.dependencies = dependencies.iter().cloned().collect();
                }
            }
            Fact::PoolDeclared { key, declared } => self.pool_mut(key)?.declared = declared.clone(),
            Fact::Adopted { key, generation, retired, replaces_recorded } => {
                let submits = |open: &&OpenIntent| submits(&open.intent, &generation.sent.name);
                if let Some(open) = self.open_intents.values().find(submits) {
                    return Err(format!(
                        "intent {} to submit it is still open and must be settled first",
                        open.intent.id
                    ));
                }
                let record = self.statement_mut(key)?;
                if *replaces_recorded {
                    record.retire_all_but(&generation.sent.name);
                }
                record.adopt(generation, retired)?;
            }
            Fact::PoolAdopted { key, id, declared } => {
                if let Some(pool) = self.pools.get(key).filter(|pool| pool.id != *id) {
                    return Err(format!("pools.{key} is already {}", pool.id));
                }
                self.pools
                    .insert(key.clone(), PoolRecord { id: id.clone(), declared: declared.clone(), is_deleted: false });
            }
            Fact::PhaseReached { key, name, reached, sql_kind, bounded } => {
                let record = self.statement_mut(key)?;
                let generation = record.generation_mut(name)?;
                generation.reached = generation.reached.max(*reached);
                generation.bounded |= bounded;
                if sql_kind.is_some() {
                    generation.sql_kind.clone_from(sql_kind);
                }
                if generation.has_run() && generation.sent.role != Role::Undo {
                    record.last_offsets = None;
                }
            }
            Fact::SecretsRehashed { key, name, secrets } => {
                self.statement_mut(key)?.generation_mut(name)?.secrets.clone_from(secrets);
            }
            Fact::OffsetsSet { key, name, offsets } => {
                let generation = self.statement_mut(key)?.generation_mut(name)?;
                generation.offsets = Some(offsets.clone()).filter(|offsets| !offsets.is_empty());
            }
            Fact::Promoted { key } => self.statement_mut(key)?.promote()?,
            Fact::GenerationGone { key, name } => self.statement_mut(key)?.remove_generation(name)?,
            Fact::Deleted { address } => self.delete(address)?,
            Fact::Forgotten { address } => self.forget(address)?,
            Fact::Moved { from, to } => self.rename(from, to)?,
        }
        Ok(())
    }

    /// Returns whether the statement under `key` has a generation with the cloud name `name`.
    fn has_generation(&self, key: &str, name: &str) -> bool {
        self.statements.get(key).is_some_and(|record| record.generation_named(name).is_some())
    }

    /// Keeps the number of a submission under a name that is not the recorded one of its statement: its record and its
    /// tombstone keep only the numbers of the recorded name.
    fn raise_highest_number(&mut self, key: &str, submission: &Submission) {
        let Some(record) = self.statements.get(key).filter(|_| submission.role != Role::Undo) else { return };
        let Some(base) = submission.generation.base_of(&submission.name) else { return };
        if base != record.declared.name {
            let highest = self.highest_numbers.entry(base.to_owned()).or_insert(submission.generation);
            *highest = submission.generation.max(*highest);
        }
    }

    /// Returns the record of the statement under `key`.
    fn statement_mut(&mut self, key: &str) -> Result<&mut StatementRecord, Contradiction> {
        let record = self.statements.get_mut(key).map(Box::as_mut);
        record.ok_or_else(|| format!("statements.{key} is not recorded"))
    }

    /// Returns the record of the pool under `key`.
    fn pool_mut(&mut self, key: &str) -> Result<&mut PoolRecord, Contradiction> {
        self.pools.get_mut(key).ok_or_else(|| format!("pools.{key} is not recorded"))
    }

    /// Records what is declared for a statement, and creates its record if there is none.
    fn declare_statement(&mut self, key: &str, declared: &Statement) {
        let new = || Box::new(StatementRecord::new(declared.clone()));
        let record = self.statements.entry(key.to_owned()).or_insert_with(new);
        let previous = mem::replace(&mut record.declared, declared.clone());
        let abandoned = (previous.name != declared.name).then(|| record.tombstone(previous.name, None));
        if let Some(tombstone) = self.take_tombstone(&declared.name)
            && let Some(record) = self.statements.get_mut(key)
        {
            record.continue_from_tombstone(tombstone);
        }
        // The numbers used under the previous name stay used, whichever statement takes that name next.
        if let Some(tombstone) = abandoned {
            self.add_tombstone(key, tombstone);
        }
    }

    /// Removes the record of an address. A statement leaves a tombstone with its offsets.
    fn delete(&mut self, address: &Address) -> Result<(), Contradiction> {
        if let Some(id) = self.find_open_intent(address) {
            return Err(format!("its intent {id} is still open and must be settled first"));
        }
        let not_recorded = || format!("{address} is not recorded");
        match address.kind {
            ResourceKind::Pool => self.pools.remove(&address.key).map(drop).ok_or_else(not_recorded),
            ResourceKind::Statement => {
                let record = self.statements.remove(&address.key).ok_or_else(not_recorded)?;
                self.add_tombstone(
                    &address.key,
                    record.tombstone(record.declared.name.clone(), record.last_known_offsets()),
                );
                Ok(())
            }
        }
    }

    /// Removes the record of an address that floe no longer manages, along with its open intents.
    fn forget(&mut self, address: &Address) -> Result<(), Contradiction> {
        let was_open = self.find_open_intent(address).is_some();
        self.open_intents.retain(|_, open| open.intent.address != *address);
        let was_recorded = match address.kind {
            ResourceKind::Pool => self.pools.remove(&address.key).is_some(),
            ResourceKind::Statement => {
                let record = self.statements.remove(&address.key);
                if let Some(record) = &record {
                    // A statement that still exists may keep running. If it is gone, its last offsets stay known.
                    let last_offsets = record.last_offsets.clone().filter(|_| record.current.is_none());
                    self.add_tombstone(&address.key, record.tombstone(record.declared.name.clone(), last_offsets));
                }
                record.is_some()
            }
        };
        if was_open || was_recorded { Ok(()) } else { Err(format!("{address} is not recorded")) }
    }

    /// Moves the record of an address to another address.
    fn rename(&mut self, from: &Address, to: &Address) -> Result<(), Contradiction> {
        if from.kind != to.kind {
            return Err(format!("{from} and {to} are of different kinds"));
        }
        if self.contains(to) || self.find_open_intent(to).is_some() {
            return Err(format!("{to} is already recorded"));
        }
        let has_tombstone = from.kind == ResourceKind::Statement && self.tombstones.contains_key(&from.key);
        if !self.contains(from) && !has_tombstone && self.find_open_intent(from).is_none() {
            return Err(format!("{from} is not recorded"));
        }
        match from.kind {
            ResourceKind::Pool => rename_key(&mut self.pools, &from.key, &to.key),
            ResourceKind::Statement => {
                rename_key(&mut self.statements, &from.key, &to.key);
                if let Some(tombstone) = self.tombstones.remove(&from.key) {
                    self.add_tombstone(&to.key, tombstone);
                }
            }
        }
        self.update_references(from, to);
        Ok(())
    }

    /// Replaces every reference to `from` with `to`.
    fn update_references(&mut self, from: &Address, to: &Address) {
        for open in self.open_intents.values_mut().filter(|open| open.intent.address == *from) {
            open.intent.address = to.clone();
        }
        for record in self.statements.values_mut() {
            let moved = |address: Address| if address == *from { to.clone() } else { address };
            let needs: BTreeSet<Address> = std::mem::take(&mut record.dependencies).into_iter().map(moved).collect();
            record.dependencies = needs.into_iter().collect();
            if record.declared.depends_on.remove(from) {
                record.declared.depends_on.insert(to.clone());
            }
            if from.kind == ResourceKind::Pool && record.declared.pool.as_ref() == Some(&from.key) {
                record.declared.pool = Some(to.key.clone());
            }
        }
    }

    /// Returns the id of an open intent for `address`, if there is one.
    fn find_open_intent(&self, address: &Address) -> Option<&IntentId> {
        self.open_intents.iter().find(|(_, open)| open.intent.address == *address).map(|(id, _)| id)
    }

    /// Removes and returns the tombstone of a cloud name, under any key.
    fn take_tombstone(&mut self, name: &str) -> Option<Tombstone> {
        let key = self.tombstones.iter().find(|(_, tombstone)| tombstone.name == name).map(|(key, _)| key.clone())?;
        self.tombstones.remove(&key)
    }

    /// Puts a tombstone under `key`. There is one tombstone for each cloud name. A tombstone of another name is moved
    /// to another key and kept.
    fn add_tombstone(&mut self, key: &str, mut tombstone: Tombstone) {
        if let Some(older) = self.take_tombstone(&tombstone.name) {
            tombstone.last_generation = tombstone.last_generation.max(older.last_generation);
            tombstone.undo_count = tombstone.undo_count.max(older.undo_count);
        }
        if let Some(other) = self.tombstones.insert(key.to_owned(), tombstone) {
            self.tombstones.insert(format!("{key}/{}", other.name), other);
        }
    }
}

impl StatementRecord {
    /// Returns the generation with the cloud name `name`.
    fn generation_mut(&mut self, name: &str) -> Result<&mut GenerationRecord, Contradiction> {
        let generation = self.generations_mut().find(|generation| generation.sent.name == name);
        generation.ok_or_else(|| format!("no generation named {name} is recorded"))
    }

    /// Returns the generation with the cloud name `name`, if it also has this uid.
    fn generation_with_uid(&mut self, name: &str, uid: &str) -> Result<&mut GenerationRecord, Contradiction> {
        let generation = self.generation_mut(name)?;
        if generation.uid != uid {
            return Err(format!("the recorded {name} has uid {}, not {uid}", generation.uid));
        }
        Ok(generation)
    }

    /// Reserves the number that a submission is about to use. A number is never used twice.
    ///
    /// If the submission `is_sent_again`, its number is already reserved for it.
    fn reserve(&mut self, submission: &Submission, is_sent_again: bool) -> Result<(), Contradiction> {
        let Submission { name, generation, role, .. } = submission;
        if let Some(existing) = self.generation_named(name) {
            return Err(format!("{name} is already recorded with uid {}", existing.uid));
        }
        if is_sent_again {
            return Ok(());
        }
        if *role == Role::Undo {
            let number = name.rsplit_once("-undo-").and_then(|(_, number)| number.parse().ok());
            let number = number.unwrap_or_else(|| self.undo_count.saturating_add(1));
            if number <= self.undo_count {
                return Err(format!("undo numbers up to {} are already used", self.undo_count));
            }
            self.undo_count = number;
        } else {
            if *generation <= self.last_generation {
                return Err(format!(
                    "numbers up to {} are already used, so {generation} is not free",
                    self.last_generation
                ));
            }
            self.last_generation = *generation;
        }
        Ok(())
    }

    /// Frees the number of a rejected submission, so that the next attempt uses the same name. If a request that was
    /// thought to be lost takes effect late, the two then collide on that name and cannot exist side by side.
    fn release(&mut self, submission: &Submission) {
        if self.generation_named(&submission.name).is_some() {
            return;
        }
        if submission.role == Role::Undo {
            self.undo_count = self.undo_count.saturating_sub(1);
        } else if self.last_generation == submission.generation {
            self.last_generation = Generation(submission.generation.0.saturating_sub(1));
        }
    }

    /// Stores a new generation in the slot of its role. A generation that was there becomes retired, so none is lost.
    fn insert_generation(&mut self, generation: GenerationRecord) {
        let slot = match generation.sent.role {
            Role::Current => &mut self.current,
            Role::Successor => &mut self.successor,
            Role::Undo => &mut self.undo,
        };
        if let Some(displaced) = slot.replace(Box::new(generation)) {
            self.retired.insert(0, *displaced);
        }
    }

    /// Retires every generation except the one with this cloud name, which leaves the record.
    fn retire_all_but(&mut self, name: &str) {
        let slots = [self.current.take(), self.successor.take()];
        self.retired.splice(0..0, slots.into_iter().flatten().map(|generation| *generation));
        self.retired.retain(|generation| generation.sent.name != name);
    }

    /// Makes an existing statement the current generation, and others retired ones.
    fn adopt(&mut self, generation: &GenerationRecord, retired: &[GenerationRecord]) -> Result<(), Contradiction> {
        if let Some(current) = &self.current {
            return Err(format!("{} is already the current generation", current.sent.name));
        }
        for generation in retired.iter().chain([generation]) {
            if self.generation_named(&generation.sent.name).is_some() {
                return Err(format!("{} is already recorded", generation.sent.name));
            }
            self.last_generation = self.last_generation.max(generation.sent.generation);
        }
        self.retired.extend(retired.iter().cloned());
        if generation.has_run() {
            self.last_offsets = None;
        }
        self.current = Some(Box::new(generation.clone()));
        Ok(())
    }

    /// Makes the successor the current generation and retires the predecessor.
    fn promote(&mut self) -> Result<(), Contradiction> {
        let successor = self.successor.take().ok_or("the statement has no successor")?;
        if let Some(predecessor) = self.current.replace(successor) {
            self.retired.insert(0, *predecessor);
        }
        Ok(())
    }

    /// Removes a generation that is confirmed to be gone.
    fn remove_generation(&mut self, name: &str) -> Result<(), Contradiction> {
        self.generation_mut(name)?;
        let bears = |generation: &mut Box<GenerationRecord>| generation.sent.name == name;
        if self.current.as_ref().is_some_and(|current| current.sent.name == name) {
            self.last_offsets = self.last_known_offsets();
        }
        self.current.take_if(bears);
        self.successor.take_if(bears);
        self.undo.take_if(bears);
        self.retired.retain(|generation| generation.sent.name != name);
        Ok(())
    }

    /// Returns the offsets where the last run ended, if they are known. A generation that never ran does not change
    /// them.
    fn last_known_offsets(&self) -> Option<Offsets> {
        match &self.current {
            Some(current) if current.offsets.is_some() || current.has_run() => current.offsets.clone(),
            _ => self.last_offsets.clone(),
        }
    }

    /// Continues the numbers of a tombstone. Without other knowledge, its offsets continue to apply, too.
    fn continue_from_tombstone(&mut self, tombstone: Tombstone) {
        self.last_generation = self.last_generation.max(tombstone.last_generation);
        self.undo_count = self.undo_count.max(tombstone.undo_count);
        if self.generations().next().is_none() && self.last_offsets.is_none() {
            self.last_offsets = tombstone.offsets;
        }
    }

    /// Returns a tombstone for the cloud name `name` with the numbers used so far.
    fn tombstone(&self, name: String, offsets: Option<Offsets>) -> Tombstone {
        Tombstone { name, last_generation: self.last_generation, undo_count: self.undo_count, offsets }
    }
}

impl GenerationRecord {
    /// Returns whether it is known to have run at least once.
    fn has_run(&self) -> bool {
        self.reached > FurthestPhase::Submitted
    }
}

/// Moves the value under `from` to `to`.
fn rename_key<T>(map: &mut BTreeMap<String, T>, from: &str, to: &str) {
    if let Some(value) = map.remove(from) {
        map.insert(to.to_owned(), value);
    }
}

/// Returns whether the two requests, if both are applied, would create two objects where the record has room for one.
fn creates_same_object(one: &Intent, other: &Intent) -> bool {
    match (&one.operation, &other.operation) {
        // One name can be taken once, so the submission of one address may be in flight more than once.
        (Operation::Submit(submission), _) => one.address != other.address && submits(other, &submission.name),
        (Operation::CreatePool { .. }, Operation::CreatePool { .. }) => one.address == other.address,
        _ => false,
    }
}

/// Returns whether the intent submits a statement called `name`.
fn submits(intent: &Intent, name: &str) -> bool {
    matches!(&intent.operation, Operation::Submit(submission) if submission.name == name)
}

/// Returns whether the intent changes the statement with this uid.
fn updates(intent: &Intent, uid: &str) -> bool {
    matches!(&intent.operation, Operation::Update { uid: updated, .. } if updated == uid)
}

/// Returns a short description of an entry, for error messages.
fn describe_entry(entry: &Entry) -> String {
    match entry {
        Entry::IntentOpened { intent, .. } => {
            let verb = match &intent.operation {
                Operation::Submit(submission) => format!("submit {}", submission.name),
                Operation::Update { name, to, .. } if to.stopped => format!("stop {name}"),
                Operation::Update { name, .. } => format!("resume {name}"),
                Operation::Delete { name, .. } => format!("delete {name}"),
                Operation::CreatePool { pool, .. } => format!("create pool {}", pool.display_name),
                Operation::UpdatePool { id, .. } => format!("change pool {id}"),
                Operation::DeletePool { id } => format!("delete pool {id}"),
            };
            format!("intent {} for {} to {verb}", intent.id, intent.address)
        }
        Entry::IntentSettled { intent_id, outcome: Outcome::Applied { .. } } => {
            format!("`applied` for intent {intent_id}")
        }
        Entry::IntentSettled { intent_id: intent, outcome: Outcome::NotApplied { .. } } => {
            format!("`rejected` for intent {intent}")
        }
        Entry::FactRecorded { fact } => match fact {
            Fact::Declared { key, .. } => format!("`declared` for statements.{key}"),
            Fact::PoolDeclared { key, .. } => format!("`declared` for pools.{key}"),
            Fact::Adopted { key, generation, .. } => format!("`adopted` {} for statements.{key}", generation.sent.name),
            Fact::PoolAdopted { key, id, .. } => format!("`adopted` {id} for pools.{key}"),
            Fact::PhaseReached { key, name, .. } => format!("`reached` of {name} in statements.{key}"),
            Fact::OffsetsSet { key, name, .. } => format!("`stood` of {name} in statements.{key}"),
            Fact::SecretsRehashed { key, name, .. } => format!("`secrets-rehashed` of {name} in statements.{key}"),
            Fact::Promoted { key } => format!("`promoted` for statements.{key}"),
            Fact::GenerationGone { key, name } => format!("`gone` of {name} in statements.{key}"),
            Fact::Deleted { address } => format!("`buried` for {address}"),
            Fact::Forgotten { address } => format!("`forgotten` for {address}"),
            Fact::Moved { from, to } => format!("`moved` from {from} to {to}"),
        },
    }
}
