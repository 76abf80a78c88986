//! Builds the step group of one change: its steps, in order, and its rollback.

use std::collections::BTreeSet;

use super::{
    adoption::existing_generation,
    context::{ForwardAndRollback, GroupContext, StatementPlanner},
    removal, replacement,
    step::{Placement, PoolRef, STOP_TIMEOUT, Step, StepGroup, StepRequest, Until},
};
use crate::{
    diff::{Action, AfterWait, Change, PlacementChange, RecordedSettings, Strategy},
    live::Presence,
    resource::{Address, Generation, PhaseClass, Pool, PoolDeclaration, Properties, ResourceKind, Role, SeenStatement},
    state::Fact,
};

/// The maximum time to provision a pool, in seconds.
const POOL_TIMEOUT: u64 = 60 * 60;

/// Returns the step group of one change, or `None` if there is nothing to do.
pub(super) fn group_for_change(context: &GroupContext, address: &Address, change: &Change) -> Option<StepGroup> {
    let mut group =
        StepGroup { address: address.clone(), after: BTreeSet::new(), forward: Vec::new(), rollback: Vec::new() };
    match address.kind {
        ResourceKind::Pool => group.forward = pool_steps(context, address, &change.action)?,
        ResourceKind::Statement => (group.forward, group.rollback) = statement_steps(context, &address.key, change)?,
    }
    (!group.forward.is_empty()).then_some(group)
}

/// Returns the steps for a change of a pool.
fn pool_steps(context: &GroupContext, address: &Address, action: &Action) -> Option<Vec<Step>> {
    let key = address.key.clone();
    let declared = context.inputs.desired.graph.project.pools.get(&key).and_then(|declared| match &declared.spec {
        PoolDeclaration::Owned(pool) => Some(pool),
        PoolDeclaration::Borrowed { .. } => None,
    });
    let record = context.inputs.recorded.pools.get(&key);
    let id = record.map(|record| record.id.clone());
    // What the service cannot do is not recorded as done.
    let applied = |pool: &Pool| record.map_or_else(|| pool.clone(), |record| pool.applied_over(&record.declared));
    let step = match (action, declared, id) {
        (Action::Await { .. }, Some(_), Some(_)) => {
            Step::new(StepRequest::RecordOnly, Until::Provisioned, POOL_TIMEOUT)
        }
        (Action::CreatePool { .. }, Some(pool), _) => {
            let same_name = context.inputs.live.pools().filter(|live| live.display_name == pool.display_name);
            let existing_ids = same_name.map(|live| live.id.clone()).collect();
            Step::new(StepRequest::CreatePool { pool: pool.clone(), existing_ids }, Until::Provisioned, POOL_TIMEOUT)
        }
        (Action::UpdatePool { to }, Some(pool), Some(id)) => {
            let declared = if to.max_cfu.is_some() { pool.clone() } else { applied(pool) };
            let declared = Fact::PoolDeclared { key, declared };
            Step::new(StepRequest::UpdatePool { id, to: to.clone() }, Until::Nothing, 0).recording([declared])
        }
        (Action::RecordSettings, Some(pool), Some(_)) => {
            Step::record_only(vec![Fact::PoolDeclared { key, declared: applied(pool) }])
        }
        (Action::Delete { .. }, _, Some(id)) => {
            let tombstone = Fact::Deleted { address: address.clone() };
            Step::new(StepRequest::DeletePool { id }, Until::PoolGone, STOP_TIMEOUT).recording([tombstone])
        }
        (Action::Forget, _, _) => Step::record_only(vec![Fact::Forgotten { address: address.clone() }]),
        _ => return None,
    };
    Some(vec![step])
}

/// Returns the steps for a change of a statement.
fn statement_steps(context: &GroupContext, key: &str, change: &Change) -> Option<ForwardAndRollback> {
    let record = context.inputs.recorded.statements.get(key).map(Box::as_ref);
    match &change.action {
        Action::Delete { undo } => {
            return Some((removal::delete_steps(context, key, record?, undo.as_ref()), Vec::new()));
        }
        Action::Forget => {
            return Some((vec![Step::record_only(removal::forget_facts(context, key, record))], Vec::new()));
        }
        _ => {}
    }
    let declared = context.inputs.desired.graph.project.statements.get(key)?;
    let planner = StatementPlanner { key, declared, record, context };
    let one = |step: Step| Some((vec![step], Vec::new()));
    match &change.action {
        Action::Create { generation, .. } => {
            let submit = planner.submit_step(*generation, Role::Current, Properties::new());
            Some((vec![Step::record_only(vec![planner.declared_fact()]), submit], Vec::new()))
        }
        Action::KeepUnsubmitted | Action::RecordSettings => one(Step::record_only(vec![planner.declared_fact()])),
        Action::Adopt { name, generation, retired } => one(planner.adopt_step(name, *generation, retired)?),
        Action::Stop => {
            let current = planner.current()?;
            let stop = Step::stop(&current.sent.name, planner.seen(current), Until::Stopped);
            one(stop.recording([planner.declared_fact()]))
        }
        Action::Resume { placement, records } => {
            let resume = planner.resume_step(placement.0)?;
            one(match records.0 {
                RecordedSettings::Declared => resume.recording([planner.declared_fact()]),
                RecordedSettings::Unchanged => resume,
            })
        }
        Action::Restart { placement } => planner.restart_steps(placement.0),
        Action::Await { then, .. } => {
            let wait = |until| Some(Step::wait(&planner.current()?.sent.name, until, declared.spec.timeout));
            one(match then.0 {
                AfterWait::PlanAgain => wait(Until::Stable)?,
                AfterWait::RecordDeclared => wait(planner.awaited_condition())?.recording([planner.declared_fact()]),
            })
        }
        Action::Replace { strategy, from, to, .. } => planner.replace_steps(*strategy, *from, *to),
        Action::FinishReplacement { .. } => replacement::finish_replacement(&planner),
        Action::RollBackReplacement { .. } => replacement::roll_back_replacement(&planner),
        Action::Delete { .. }
        | Action::Forget
        | Action::CreatePool { .. }
        | Action::UpdatePool { .. }
        | Action::Inform
        | Action::Blocked { .. } => None,
    }
}

impl StatementPlanner<'_> {
    /// Returns what an interrupted run was waiting for: that the statement is in force, or any stable phase if it
    /// should be stopped.
    fn awaited_condition(&self) -> Until {
        let stopped = self.record.and_then(|record| record.current.as_ref()).is_some_and(|current| current.stopped);
        if stopped { Until::Stable } else { self.until_in_force() }
    }

    /// Returns the step that resumes the current generation, with the pool and principal that are due.
    fn resume_step(&self, change: PlacementChange) -> Option<Step> {
        let current = self.current()?;
        let (seen, at) = (self.seen(current), self.placement(change));
        Some(Step::resume(&current.sent.name, seen, at, self.declared.spec.timeout))
    }

    /// Returns the declared values of the placement fields that differ.
    fn placement(&self, change: PlacementChange) -> Placement {
        let principal = self.declared.spec.principal.clone().filter(|_| change.principal);
        Placement { pool: self.pool_ref().filter(|_| change.pool), principal }
    }

    /// Returns the steps that stop, move and resume the job. The rollback stops it again and resumes it where it was.
    fn restart_steps(&self, change: PlacementChange) -> Option<ForwardAndRollback> {
        let current = self.current()?;
        let live = self.live_statement(current)?;
        let (name, timeout) = (&current.sent.name, self.declared.spec.timeout);
        let before = Placement { pool: live.pool.clone().map(PoolRef::Id), principal: live.principal.clone() };
        let stop = Step::stop(name, self.seen(current), Until::Stopped);
        let start = Step::resume(name, None, self.placement(change), timeout).recording([self.declared_fact()]);
        // A job takes another pool or principal only while it is stopped, and by then it may be PENDING.
        let rollback = vec![Step::stop(name, None, Until::Inactive), Step::resume(name, None, before, timeout)];
        Some((vec![stop, start], rollback))
    }

    /// Returns the steps of a replacement with this strategy.
    fn replace_steps(
        &self,
        strategy: Strategy,
        from: Option<Generation>,
        to: Generation,
    ) -> Option<ForwardAndRollback> {
        match strategy {
            Strategy::Restart => replacement::restart_replacement(self, to),
            Strategy::NeverRan => {
                let mut steps = self.clear_current(from)?;
                steps.push(self.submit_step(to, Role::Current, Properties::new()).recording([self.declared_fact()]));
                Some((steps, Vec::new()))
            }
            Strategy::Redefine => self.redefine_steps(to),
            Strategy::FromOffsets => replacement::replace_gone(self, to, true),
            Strategy::FromSources => replacement::replace_gone(self, to, false),
        }
    }

    /// Returns the step that deletes a generation that never took effect, or that removes one from the record that is
    /// gone.
    fn clear_current(&self, from: Option<Generation>) -> Option<Vec<Step>> {
        let Some(current) = self.current() else { return Some(Vec::new()) };
        let name = &current.sent.name;
        let step = match from {
            Some(_) => Step::delete_unused(name, self.seen(current)),
            None => removal::clear_step(self.context, self.key, current),
        };
        Some(vec![step])
    }

    /// Returns the steps that run the recorded undo, delete both statements, and submit the new definition.
    fn redefine_steps(&self, to: Generation) -> Option<ForwardAndRollback> {
        let record = self.record?;
        let pool = self.pool_ref().or_else(|| removal::pool_for_undo(self.context, record));
        let mut steps = removal::undo_steps(self.context, self.key, record, record.undo_sql(), pool);
        steps.push(self.submit_step(to, Role::Current, Properties::new()).recording([self.declared_fact()]));
        Some((steps, Vec::new()))
    }

    /// Returns the step that verifies a live statement and adopts it. Its other generations are recorded as retired.
    fn adopt_step(&self, name: &str, generation: Generation, retired: &[String]) -> Option<Step> {
        let Presence::Present(live) = self.context.inputs.live.statement(name) else { return None };
        let spec = &self.declared.spec;
        let retired = retired.iter().filter_map(|name| match self.context.inputs.live.statement(name) {
            Presence::Present(other) => Some(existing_generation(spec, other, Generation::of(&spec.name, name))),
            Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => None,
        });
        let adopted = Fact::Adopted {
            key: self.key.to_owned(),
            generation: Box::new(existing_generation(spec, live, generation)),
            retired: retired.collect(),
            replaces_recorded: false,
        };
        let verify = StepRequest::VerifyUnchanged { name: name.to_owned(), seen: SeenStatement::of(live) };
        let is_moving = live.phase.class() == PhaseClass::Transitional || live.is_resuming();
        let until = if is_moving { Until::Stable } else { Until::Nothing };
        Some(Step::new(verify, until, spec.timeout).recording([self.declared_fact(), adopted]))
    }
}
