//! Replacing a job, fresh or interrupted: what is left to do follows from what the two generations do now.

use super::{
    passage::{Lists, Subject, gone, never_ran},
    removal::{clear, stand_still},
    step::{Act, Placement, Step, Until},
};
use crate::{
    resource::{Generation, PhaseClass, Role, SeenStatement, SmallMap},
    state::{Fact, FurthestPhase, GenerationRecord},
};

/// The startup properties of a job that begins at recorded offsets (Confluent's Flink SQL reference, table options).
const STARTUP_MODE: &str = "sql.tables.scan.startup.mode";
const STARTUP_OFFSETS: &str = "sql.tables.scan.startup.specific-offsets";

/// Restart: stop the old one where it stands, submit the new one. A successor that an interrupted run left FAILED is
/// cleared away first.
pub(super) fn restart(subject: &Subject, to: Generation) -> Option<Lists> {
    let current = subject.current()?;
    let mut forward = Vec::new();
    if let Some(left) = subject.record.and_then(|record| record.successor.as_ref()) {
        forward.push(clear(subject.scene, subject.key, left));
    }
    forward.extend(at_rest(subject, current));
    let submit = subject.submit(to, Role::Successor, SmallMap::new());
    let name = to.name(&subject.declared.spec.name);
    forward.push(submit.then(takes_over(subject)));
    forward.extend(older(subject));
    Some((forward, way_back(subject, current, &name)))
}

/// Go on with the successor that is there: the old one stands still first, whatever it does now.
pub(super) fn go_on(subject: &Subject) -> Option<Lists> {
    let successor = subject.record?.successor.as_ref()?;
    let name = successor.sent.name.clone();
    let mut forward = Vec::new();
    if let Some(current) = subject.current() {
        forward.extend(at_rest(subject, current));
    }
    let timeout = subject.declared.spec.timeout;
    let stopped = subject.found(successor).is_some_and(|live| live.phase.class() == PhaseClass::Stopped);
    let arrive = if stopped {
        Step::resume(&name, None, Placement::default(), timeout)
    } else {
        Step::wait(&name, Until::Running, timeout)
    };
    // What is in force then is what was sent; a desired spec that has moved on is the next plan's.
    let mut takes_over = takes_over(subject);
    if successor.sent.sql != subject.declared.spec.sql {
        takes_over.retain(|fact| !matches!(fact, Fact::Declared { .. }));
    }
    forward.push(arrive.then(takes_over));
    let back = subject.current().map(|current| way_back(subject, current, &name)).unwrap_or_default();
    Some((forward, back))
}

/// Take an open replacement back: the successor or the undo goes, the old one runs again.
pub(super) fn take_back(subject: &Subject) -> Option<Lists> {
    let record = subject.record?;
    let mut forward = Vec::new();
    for left in record.undo.iter().chain(&record.successor) {
        forward.push(clear(subject.scene, subject.key, left));
    }
    if record.successor.is_some()
        && let Some(current) = subject.current()
        && current.stopped
        && !subject.declared.spec.stopped
        && !record.declared.stopped
    {
        forward.push(resume(current, subject.declared.spec.timeout));
    }
    Some((forward, Vec::new()))
}

/// A replacement without a predecessor: it is gone. It stays in the record, with its offsets, until the new one runs.
pub(super) fn successor_of_gone(subject: &Subject, to: Generation, at_offsets: bool) -> Option<Lists> {
    let current = subject.current()?;
    let added = match current.offsets.as_ref().and_then(|offsets| offsets.specific_offsets()).filter(|_| at_offsets) {
        Some(offsets) => SmallMap::from_iter([
            (STARTUP_MODE.to_owned(), "specific-offsets".to_owned()),
            (STARTUP_OFFSETS.to_owned(), offsets),
        ]),
        None => SmallMap::new(),
    };
    let name = to.name(&subject.declared.spec.name);
    let gone = Fact::GenerationGone { key: subject.key.to_owned(), name: current.sent.name.clone() };
    let submit = subject.submit(to, Role::Successor, added).then(takes_over(subject)).then([gone]);
    Some((vec![submit], vec![Step::remove_unused(&name, None).when(never_ran(&name))]))
}

/// The successor is in force, and what is declared is what runs.
fn takes_over(subject: &Subject) -> Vec<Fact> {
    vec![Fact::Promoted { key: subject.key.to_owned() }, subject.declares()]
}

/// Predecessors of the predecessor have served as a way back long enough.
fn older(subject: &Subject) -> Vec<Step> {
    let retired = subject.record.map(|record| record.retired.as_slice()).unwrap_or_default();
    retired.iter().map(|generation| clear(subject.scene, subject.key, generation)).collect()
}

/// Lets the predecessor stand still, or makes sure that it still does: somebody may have resumed it since.
fn at_rest(subject: &Subject, current: &GenerationRecord) -> Vec<Step> {
    let steps = stand_still(subject.scene, current);
    match subject.found(current) {
        Some(live) if steps.is_empty() => {
            let look = Act::Look { name: current.sent.name.clone(), seen: SeenStatement::of(live) };
            vec![Step::new(look, Until::Nothing, 0)]
        }
        _ => steps,
    }
}

/// A successor that never ran is deleted; once it is confirmed to be gone, the old one is resumed. A successor that ran,
/// or of which nobody knows, is left as it is: resuming the old one beside it could run the job twice.
fn way_back(subject: &Subject, current: &GenerationRecord, successor: &str) -> Vec<Step> {
    let delete = Step::remove_unused(successor, None).when(never_ran(successor));
    let was_stopped = subject.record.is_some_and(|record| record.declared.stopped);
    let could_run = current.reached >= FurthestPhase::Running
        && subject.found(current).is_some_and(|live| {
            live.may_run()
                // One that was stopped on purpose stays so.
                || (live.phase.class() == PhaseClass::Stopped && current.stopped && !was_stopped)
        });
    let resume = could_run.then(|| resume(current, subject.declared.spec.timeout).when(gone(successor)));
    std::iter::once(delete).chain(resume).collect()
}

fn resume(current: &GenerationRecord, timeout: u64) -> Step {
    Step::resume(&current.sent.name, None, Placement::default(), timeout)
}
