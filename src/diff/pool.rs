//! Compares compute pools. A pool is identified by the id in the record, and it is absent only if a list and a GET
//! agree.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    action::{Action, AfterWait, Block, Change, Note, Reason},
    fields::DesiredPool,
    inputs::Inputs,
    lookups::{ConfirmedPresence, Decision},
};
use crate::{
    assess::{self, Assessment, Condition},
    live::{Live, Lookups},
    resource::{Address, LivePool, Phase, Pool, PoolDeclaration, PoolPhase, PoolUpdate, ResourceKind},
    state::{FurthestPhase, GenerationRecord, PoolRecord, Recorded},
};

/// What the comparison of pools found.
#[derive(Default)]
pub(super) struct PoolDiff {
    /// The changes of pools, by address.
    pub changes: BTreeMap<Address, Change>,
    /// The pool that the statements of each declared pool run on, by key.
    pub by_key: BTreeMap<String, DesiredPool>,
    /// Keys of owned pools that are gone and will be created again.
    pub recreated: BTreeSet<String>,
    /// The lookups of the pools that cannot be decided yet.
    pub missing: Lookups,
}

/// Compares all pools. Returns their changes, and what their statements need to know.
pub(super) fn diff_pools(inputs: Inputs, selected: &BTreeSet<Address>, assessment: &Assessment) -> PoolDiff {
    let Inputs { desired, recorded, settlement, options, .. } = inputs;
    let mut pool_diff = PoolDiff::default();
    for (key, declared) in &desired.graph.project.pools {
        let change = match &declared.spec {
            PoolDeclaration::Borrowed { id } => {
                pool_diff.by_key.insert(key.clone(), DesiredPool::Id(id.clone()));
                borrowed_pool(inputs, id)
            }
            PoolDeclaration::Owned(pool) => {
                let record = recorded.pools.get(key);
                let conditions = assessment.conditions(&Address::pool(key));
                let change = owned_pool(inputs, pool, record, conditions);
                let is_created = matches!(&change, Ok(Some(change)) if is_creation(change));
                let desired_pool = match record {
                    Some(record) if !is_created => DesiredPool::Id(record.id.clone()),
                    Some(_) | None => DesiredPool::ToCreate,
                };
                if is_created && record.is_some() {
                    pool_diff.recreated.insert(key.clone());
                }
                pool_diff.by_key.insert(key.clone(), desired_pool);
                change.map(|change| with_duplicates(change, conditions))
            }
        };
        let address = Address::pool(key);
        match change {
            Ok(Some(change)) if selected.contains(&address) && !options.destroy => {
                pool_diff.changes.insert(address, change);
            }
            Ok(_) => {}
            Err(missing) => pool_diff.missing.merge(missing),
        }
    }
    for (key, record) in &recorded.pools {
        let declared = desired.graph.project.pools.get(key);
        let is_owned = declared.is_some_and(|declared| matches!(declared.spec, PoolDeclaration::Owned(_)));
        let address = Address::pool(key);
        if (options.destroy || !is_owned) && selected.contains(&address) {
            let why = if options.destroy { Reason::DestroyRequested } else { Reason::NotDeclared };
            let is_borrowed = desired
                .graph
                .project
                .pools
                .values()
                .any(|declared| matches!(&declared.spec, PoolDeclaration::Borrowed { id } if *id == record.id));
            let is_borrowed = is_borrowed || declared.is_some() && !is_owned;
            let is_undeclared = declared.is_none();
            let change = match record.declared.prevent_destroy && !is_borrowed {
                true => Ok(Change::blocked_by_prevent_destroy(why, is_undeclared)),
                false => remove_pool(inputs, record, why, is_borrowed),
            };
            match change {
                Ok(change) => drop(pool_diff.changes.insert(address, change)),
                Err(missing) => pool_diff.missing.merge(missing),
            }
        }
    }
    for (address, why) in &settlement.unclear {
        let (project, key) = (&desired.graph.project, &address.key);
        let is_looked_at = if recorded.pools.contains_key(key) || project.pools.contains_key(key) {
            selected.contains(address)
        } else {
            // The pool was requested and is not recorded yet, so the selection does not contain it.
            let is_targeted = options.targets.is_empty() || options.targets.contains(address);
            is_targeted && !options.excludes.contains(address)
        };
        if address.kind == ResourceKind::Pool && is_looked_at {
            pool_diff.changes.insert(address.clone(), Change::blocked(Block::UnclearIntent { why: why.clone() }));
        }
    }
    pool_diff
}

/// Returns whether a change creates a pool.
fn is_creation(change: &Change) -> bool {
    matches!(change.action, Action::CreatePool { .. })
}

/// Returns what is known of a pool before its absence is acted on.
fn confirmed_pool<'a>(live: &'a Live, id: &str) -> Result<ConfirmedPresence<'a, LivePool>, Lookups> {
    ConfirmedPresence::of(live.pool(id), || Lookups::of_pool(id))
}

/// Returns whether a selected pool needs no change, for counting.
pub(super) fn is_unchanged(inputs: Inputs, address: &Address, changes: &BTreeMap<Address, Change>) -> bool {
    let is_known = inputs.desired.graph.project.declares(address) || inputs.recorded.contains(address);
    address.kind == ResourceKind::Pool && is_known && !changes.contains_key(address)
}

/// Decides what happens to a borrowed pool, which is declared by its id.
fn borrowed_pool(inputs: Inputs, id: &str) -> Decision {
    let Inputs { desired, recorded, live, .. } = inputs;
    let environment = &desired.graph.project.environment.identity;
    if !live.pools_listed {
        return Ok(Some(Change::new(Action::Inform, Vec::new()).with_note(Note::UnverifiedPool)));
    }
    Ok(match confirmed_pool(live, id)? {
        ConfirmedPresence::Present(found) => {
            let is_here = found.cloud.eq_ignore_ascii_case(&environment.cloud) && found.region == environment.region;
            let (id, cloud, region) = (id.to_owned(), found.cloud.clone(), found.region.clone());
            (!is_here).then(|| Change::blocked(Block::PoolElsewhere { id, cloud, region }))
        }
        ConfirmedPresence::Absent if invisible_pool(id, recorded, live).is_none() => {
            Some(Change::blocked(Block::PoolMissing { id: id.to_owned() }))
        }
        // It may be usable although this key cannot see it.
        ConfirmedPresence::Absent | ConfirmedPresence::Unknown(_) => {
            Some(Change::new(Action::Inform, Vec::new()).with_note(Note::UnverifiedPool))
        }
    })
}

/// Decides what happens to a pool that this project owns.
fn owned_pool(inputs: Inputs, pool: &Pool, record: Option<&PoolRecord>, conditions: &[Condition]) -> Decision {
    let Inputs { recorded, live, .. } = inputs;
    let create = Action::CreatePool { max_cfu: pool.max_cfu };
    let Some(record) = record else {
        let is_known = |found: &&LivePool| recorded.pools.values().any(|record| record.id == found.id);
        let same = live.pools().filter(|found| found.display_name == pool.display_name).find(|found| !is_known(found));
        return Ok(Some(match same {
            Some(found) => Change::blocked(Block::PoolExists { id: found.id.clone() }),
            None => Change::new(create, Vec::new()),
        }));
    };
    Ok(match confirmed_pool(live, &record.id)? {
        ConfirmedPresence::Present(found) if conditions.contains(&Condition::PoolFailed) => {
            Some(Change::blocked(Block::PoolFailed { id: found.id.clone() }))
        }
        ConfirmedPresence::Present(found) => compare_pool(pool, record, found),
        ConfirmedPresence::Unknown(why) => Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() })),
        ConfirmedPresence::Absent => Some(invisible_pool(&record.id, recorded, live).unwrap_or_else(|| {
            let statements = running_statements_on(recorded, &record.id);
            let gone = Change::new(create, vec![Reason::Gone]);
            if statements.is_empty() { gone } else { gone.with_note(Note::StoppedWithPool { statements }) }
        })),
    })
}

/// Returns a block if the service reports a pool as not found while one of our statements runs on it.
fn invisible_pool(id: &str, recorded: &Recorded, live: &Live) -> Option<Change> {
    let why = assess::hidden_pool(id, recorded, live)?;
    Some(Change::blocked(Block::PresenceUnknown { why }))
}

/// Adds a note about duplicate pools, if there are any.
fn with_duplicates(change: Option<Change>, conditions: &[Condition]) -> Option<Change> {
    let duplicates = conditions.iter().find(|condition| matches!(condition, Condition::DuplicatePools { .. }));
    let Some(note) = duplicates.and_then(Note::about) else { return change };
    let change = change.unwrap_or_else(|| Change::new(Action::Inform, Vec::new()));
    Some(change.with_note(note))
}

/// Returns the statements that ran on a pool and stopped with it.
fn running_statements_on(recorded: &Recorded, id: &str) -> Vec<Address> {
    // A statement that had completed, was stopped or never ran did not stop with the pool.
    let ran_on_pool = |record: &&GenerationRecord| {
        record.sent.pool.as_deref() == Some(id) && record.reached == FurthestPhase::Running && !record.stopped
    };
    let mut addresses: Vec<_> = recorded
        .statements
        .iter()
        .filter(|(_, record)| record.current.as_deref().filter(ran_on_pool).is_some())
        .map(|(key, _)| Address::statement(key))
        .collect();
    addresses.sort();
    addresses
}

/// Compares an owned pool with the live one, depending on its phase.
fn compare_pool(pool: &Pool, record: &PoolRecord, found: &LivePool) -> Option<Change> {
    let phase = Phase::from(found.phase.as_str().to_owned());
    if found.phase == PoolPhase::Deprovisioning {
        return Some(Change::blocked(Block::InMotion { phase }));
    }
    let change = compare_pool_fields(pool, record, found);
    match (&found.phase, change) {
        (PoolPhase::Provisioning, None) => {
            Some(Change::new(Action::wait(phase, AfterWait::RecordDeclared), Vec::new()))
        }
        (PoolPhase::Provisioning, Some(change)) if change.action == Action::Inform => {
            Some(Change { action: Action::wait(phase, AfterWait::RecordDeclared), ..change })
        }
        (PoolPhase::Provisioning, Some(change)) if !change.is_blocked() => {
            let wait = Action::wait(phase.clone(), AfterWait::PlanAgain);
            Some(Change::new(wait, Vec::new()).with_note(Note::InMotion { phase }))
        }
        (_, change) => change,
    }
}

/// Returns the change for the fields that differ on a live pool.
fn compare_pool_fields(pool: &Pool, record: &PoolRecord, found: &LivePool) -> Option<Change> {
    let immutable_fields = [("cloud", &found.cloud, &pool.cloud), ("region", &found.region, &pool.region)];
    if let Some((field, live, desired)) = immutable_fields.into_iter().find(|(_, live, desired)| live != desired) {
        let (field, live, desired) = (field.to_owned(), live.clone(), desired.clone());
        return Some(Change::blocked(Block::PoolFieldImmutable { field, live, desired }));
    }
    if let (Some(live), Some(desired)) = (&found.network, &pool.network)
        && live != desired
    {
        let (live, desired) = (live.clone(), desired.clone());
        return Some(Change::blocked(Block::PoolFieldImmutable { field: "network".to_owned(), live, desired }));
    }
    let mut to = PoolUpdate::default();
    let (mut reasons, mut notes) = (Vec::new(), Vec::new());
    let changed = |field: &str, before: String, after: String| Reason::PoolFieldChanged {
        field: field.to_owned(),
        before,
        after,
    };
    if found.display_name != pool.display_name {
        to.display_name = Some(pool.display_name.clone());
        reasons.push(changed("display_name", found.display_name.clone(), pool.display_name.clone()));
    }
    if found.max_cfu < pool.max_cfu {
        to.max_cfu = Some(pool.max_cfu);
        reasons.push(changed("max_cfu", found.max_cfu.to_string(), pool.max_cfu.to_string()));
    } else if found.max_cfu > pool.max_cfu {
        notes.push(Note::CannotLowerMaxCfu { live: found.max_cfu, desired: pool.max_cfu });
    }
    let action = match (reasons.is_empty(), record.declared != pool.applied_over(&record.declared)) {
        (false, _) => Action::UpdatePool { to },
        (true, true) => Action::RecordSettings,
        (true, false) if !notes.is_empty() => Action::Inform,
        (true, false) => return None,
    };
    Some(Change::new(action, reasons).with_notes(notes))
}

/// Removes a pool that is recorded and no longer owned.
fn remove_pool(inputs: Inputs, record: &PoolRecord, why: Reason, is_borrowed: bool) -> Result<Change, Lookups> {
    let Inputs { recorded, live, .. } = inputs;
    if is_borrowed {
        // The pool is declared by its id now, so this project no longer owns it.
        return Ok(Change::new(Action::Forget, vec![why]));
    }
    Ok(match confirmed_pool(live, &record.id)? {
        ConfirmedPresence::Present(found) => match in_use_block(found, recorded, live) {
            Some(block) => Change::new(Action::Blocked { by: vec![block] }, vec![why]),
            None => Change::new(Action::Delete { undo: None }, vec![why]),
        },
        ConfirmedPresence::Absent => invisible_pool(&record.id, recorded, live)
            .unwrap_or_else(|| Change::new(Action::Forget, vec![why, Reason::Gone])),
        ConfirmedPresence::Unknown(text) => Change::blocked(Block::PresenceUnknown { why: text.to_owned() }),
    })
}

/// Returns a block if a pool is in use by statements that are not ours: visible ones, or CFU that none of ours
/// explains.
///
/// Our own statements that stay on the pool are found once their changes are known.
fn in_use_block(pool: &LivePool, recorded: &Recorded, live: &Live) -> Option<Block> {
    use crate::resource::PhaseClass::{Running, Transitional};
    let uids: BTreeMap<&str, &str> = recorded
        .statements
        .values()
        .flat_map(|record| record.generations())
        .map(|generation| (generation.sent.name.as_str(), generation.uid.as_str()))
        .collect();
    let (mut foreign, mut ours_run) = (Vec::new(), false);
    for statement in live.statements().filter(|statement| statement.pool.as_deref() == Some(pool.id.as_str())) {
        let runs = matches!(statement.phase.class(), Running | Transitional);
        if uids.get(statement.name.as_str()).is_some_and(|uid| statement.has_uid(uid)) {
            ours_run |= runs;
        } else if runs {
            foreign.push(statement.name.clone());
        }
    }
    let is_unexplained = pool.current_cfu > 0 && !ours_run;
    (!foreign.is_empty() || is_unexplained)
        .then_some(Block::PoolInUse { statements: foreign, current_cfu: pool.current_cfu })
}

/// Blocks the pending changes of statements whose pool is blocked.
pub(super) fn block_statements_of_blocked_pools(inputs: Inputs, changes: &mut BTreeMap<Address, Change>) {
    let Inputs { desired, .. } = inputs;
    let blocked: BTreeSet<String> = changes
        .iter()
        .filter(|(address, change)| address.kind == ResourceKind::Pool && change.is_blocked())
        .map(|(address, _)| address.key.clone())
        .collect();
    if blocked.is_empty() {
        return;
    }
    for (address, change) in changes.iter_mut() {
        let pool = desired.graph.project.statements.get(&address.key).and_then(|declared| declared.spec.pool.as_ref());
        if let (ResourceKind::Statement, Some(pool), true) = (address.kind, pool, change.is_pending())
            && blocked.contains(pool)
        {
            change.action = Action::Blocked { by: vec![Block::PoolBlocked { pool: Address::pool(pool) }] };
        }
    }
}
