//! What goes: let stand still, cleared away, undone, deleted. Nothing leaves the record that is not confirmed to be gone.

use super::{
    passage::Scene,
    step::{Act, PoolRef, STOP_TIMEOUT, Step, Until},
};
use crate::{
    diff::DesiredPool,
    live::Presence,
    resource::{Address, Phase, Role, SeenStatement, SmallMap, Submission, Template, undo_name},
    state::{Fact, FurthestPhase, GenerationRecord, StatementRecord},
};

/// Stops what runs, deletes every generation, and buries the address with its last offsets.
pub(super) fn delete(scene: &Scene, key: &str, record: &StatementRecord, with_undo: Option<&Template>) -> Vec<Step> {
    let buried = Fact::Deleted { address: Address::statement(key) };
    let mut steps = Vec::new();
    if with_undo.is_some() || record.undo.is_some() {
        steps.extend(undo(scene, key, record, with_undo, pool_of(scene, record)));
    } else {
        let passing = record.successor.as_deref().into_iter().chain(&record.retired);
        for generation in passing.chain(record.current.as_deref()) {
            steps.extend(put_away(scene, key, generation));
        }
    }
    // One group with the last deletion, so that a crash in between loses no offsets.
    match steps.last_mut() {
        Some(last) => last.then.push(buried),
        None => steps.push(Step::record(vec![buried])),
    }
    steps
}

/// Drops an address from the record. What is confirmed to be gone is noted first, so that where it stood is kept.
pub(super) fn forget(scene: &Scene, key: &str, record: Option<&StatementRecord>) -> Vec<Fact> {
    let is_gone = |name: &String| scene.live.statement(name) == Presence::Absent;
    let names = record.into_iter().flat_map(|record| record.generations()).map(|found| found.sent.name.clone());
    let gone = names.filter(is_gone).map(|name| Fact::GenerationGone { key: key.to_owned(), name });
    gone.chain([Fact::Forgotten { address: Address::statement(key) }]).collect()
}

/// Runs the undo (or waits for the one that an interrupted run left), then clears the definition's statement and the
/// undo's away, in that order: as long as the undo is in the record, a later run knows that it was run. One that came to
/// nothing is cleared away first, and the undo is run anew.
pub(super) fn undo(
    scene: &Scene,
    key: &str,
    record: &StatementRecord,
    sql: Option<&Template>,
    pool: Option<PoolRef>,
) -> Vec<Step> {
    let timeout = record.declared.timeout;
    // Of a table job, what writes the table stands still before that goes.
    let current = record.current.as_deref();
    let mut steps: Vec<Step> = current.map(|current| stand_still(scene, current)).unwrap_or_default();
    let stands_since = !steps.is_empty();
    let mut left = record.undo.as_deref();
    if let Some(failed) = left.take_if(|undo| came_to_nothing(scene, undo)) {
        steps.push(clear(scene, key, failed));
    }
    let name = match (left, sql) {
        (Some(left), _) => {
            steps.push(Step::wait(&left.sent.name, Until::Completed, timeout));
            Some(left.sent.name.clone())
        }
        (None, Some(sql)) => {
            let name = undo_name(&record.declared.name, record.undo_count.saturating_add(1));
            let submission = Submission {
                name: name.clone(),
                generation: record.last_generation,
                role: Role::Undo,
                sql: sql.clone(),
                properties: record.declared.properties.clone(),
                added_properties: SmallMap::new(),
                pool: None,
                principal: record.declared.principal.clone(),
            };
            steps.push(Step::new(Act::Submit { submission, pool }, Until::Completed, timeout));
            Some(name)
        }
        (None, None) => None,
    };
    steps.extend(
        current
            .map(|current| if stands_since { clear_changed(scene, key, current) } else { clear(scene, key, current) }),
    );
    steps.extend(name.map(|name| Step::remove(&name, None)));
    steps
}

/// Whether an undo that an interrupted run left will not complete any more.
fn came_to_nothing(scene: &Scene, undo: &GenerationRecord) -> bool {
    match scene.live.statement(&undo.sent.name) {
        Presence::Present(live) => live.will_not_complete(&undo.uid),
        Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => false,
    }
}

/// Where what names no pool any more is undone: on the pool of the key that it had, else on the one it ran on, as far as
/// there still is one.
pub(super) fn pool_of(scene: &Scene, record: &StatementRecord) -> Option<PoolRef> {
    let key = record.declared.pool.as_ref();
    let declared = key.and_then(|key| match scene.pools.get(key)? {
        DesiredPool::Id(id) => Some(PoolRef::Id(id.clone())),
        DesiredPool::ToCreate => Some(PoolRef::Created(key.clone())),
    });
    let is_there = |id: &&String| match scene.live.pool(id) {
        Presence::Present(_) => true,
        Presence::Absent => false,
        // Without a Cloud API key nobody can tell, and it is taken at its word.
        Presence::Unlisted | Presence::Unknown(_) => !scene.live.pools_listed,
    };
    let recorded = key.and_then(|key| scene.recorded.pools.get(key)).map(|pool| &pool.id);
    let sent = record.current.as_ref().and_then(|current| current.sent.pool.as_ref());
    declared.or_else(|| recorded.into_iter().chain(sent).find(is_there).cloned().map(PoolRef::Id))
}

/// Deletes what is left of a generation, or drops it from the record if it is confirmed that nothing is.
pub(super) fn clear(scene: &Scene, key: &str, generation: &GenerationRecord) -> Step {
    let name = &generation.sent.name;
    let remove = |seen| match generation.reached {
        FurthestPhase::Submitted => Step::remove_unused(name, seen),
        FurthestPhase::Running | FurthestPhase::Completed => Step::remove(name, seen),
    };
    match scene.live.statement(name) {
        Presence::Present(live) if live.has_uid(&generation.uid) => remove(Some(SeenStatement::of(live))),
        Presence::Present(_) | Presence::Absent => {
            Step::record(vec![Fact::GenerationGone { key: key.to_owned(), name: name.clone() }])
        }
        // Whoever carries this out asks again, and goes no further without an answer.
        Presence::Unlisted | Presence::Unknown(_) => remove(None),
    }
}

/// Lets a generation stand still and deletes it. One that waits and never ran has no position to lose: it is deleted as
/// it is, unless it runs by then.
fn put_away(scene: &Scene, key: &str, generation: &GenerationRecord) -> Vec<Step> {
    if let Presence::Present(live) = scene.live.statement(&generation.sent.name)
        && live.phase == Phase::Pending
        && generation.reached == FurthestPhase::Submitted
    {
        return vec![clear(scene, key, generation)];
    }
    let mut steps = stand_still(scene, generation);
    steps.push(if steps.is_empty() { clear(scene, key, generation) } else { clear_changed(scene, key, generation) });
    steps
}

/// Like [`clear`], for a generation that an earlier step of the passage has changed.
fn clear_changed(scene: &Scene, key: &str, generation: &GenerationRecord) -> Step {
    let mut step = clear(scene, key, generation);
    if let Act::Remove { seen, .. } = &mut step.act {
        *seen = None;
    }
    step
}

/// Stops a generation that runs or may come to, wherever it stands; offsets are recorded when it stands still.
pub(super) fn stand_still(scene: &Scene, generation: &GenerationRecord) -> Vec<Step> {
    let name = &generation.sent.name;
    let stop = |seen| Step::stop(name, seen, Until::Still);
    let wait = |until| Step::wait(name, until, STOP_TIMEOUT);
    let live = match scene.live.statement(name) {
        Presence::Present(live) if live.has_uid(&generation.uid) => live,
        Presence::Present(_) | Presence::Absent => return Vec::new(),
        // Whoever carries this out stops what is there, and goes no further without an answer.
        Presence::Unlisted | Presence::Unknown(_) => return vec![stop(None)],
    };
    match &live.phase {
        Phase::Stopped if live.stopped => Vec::new(),
        Phase::Stopping if live.stopped => vec![wait(Until::Still)],
        // What is PENDING may wait for room on its pool for good.
        Phase::Stopped | Phase::Stopping | Phase::Running | Phase::Degraded | Phase::Pending => {
            vec![stop(Some(SeenStatement::of(live)))]
        }
        Phase::Failing => vec![wait(Until::Still)],
        Phase::Deleting => vec![wait(Until::Gone)],
        // Whatever it is, it may run: it is stopped once it is known what it does.
        Phase::Other(_) => vec![wait(Until::Settled), stop(None)],
        Phase::Completed | Phase::Failed => Vec::new(),
    }
}
