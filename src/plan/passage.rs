//! One passage for one change: the steps, in order, and the way back.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    removal, replacement,
    step::{Act, Passage, Placement, PoolRef, STOP_TIMEOUT, Step, Until, When},
};
use crate::{
    diff::{Action, Change, Desired, DesiredPool, Note, Reason, Strategy},
    live::{Live, Presence},
    manifest::DeclaredStatement,
    resource::{
        Address, Generation, InternedStr, LiveStatement, PhaseClass, PoolDeclaration, ResourceKind, Role,
        SeenStatement, SmallMap, Submission, Template,
    },
    sql::StatementClass,
    state::{Fact, GenerationRecord, Recorded, StatementRecord},
};

/// Seconds that a pool may take to be provisioned.
const POOL_TIMEOUT: u64 = 60 * 60;

/// What passages are made from.
pub(super) struct Scene<'a> {
    pub desired: &'a Desired<'a>,
    pub recorded: &'a Recorded,
    pub live: &'a Live,
    pub pools: &'a BTreeMap<String, DesiredPool>,
}

/// The passage of one change; none if there is nothing to do.
pub(super) fn of(scene: &Scene, address: &Address, change: &Change) -> Option<Passage> {
    let mut passage =
        Passage { address: address.clone(), after: BTreeSet::new(), forward: Vec::new(), way_back: Vec::new() };
    match address.kind {
        ResourceKind::Pool => passage.forward = pool(scene, address, &change.action)?,
        ResourceKind::Statement => (passage.forward, passage.way_back) = statement(scene, &address.key, change)?,
    }
    (!passage.forward.is_empty()).then_some(passage)
}

fn pool(scene: &Scene, address: &Address, action: &Action) -> Option<Vec<Step>> {
    let key = address.key.clone();
    let declared = scene.desired.graph.project.pools.get(&key).and_then(|declared| match &declared.spec {
        PoolDeclaration::Owned(pool) => Some(pool),
        PoolDeclaration::Borrowed { .. } => None,
    });
    let id = scene.recorded.pools.get(&key).map(|record| record.id.clone());
    let step = match (action, declared, id) {
        (Action::Await { .. }, Some(_), Some(_)) => Step::new(Act::Record, Until::Provisioned, POOL_TIMEOUT),
        (Action::CreatePool { .. }, Some(pool), _) => {
            let named = scene.live.pools().filter(|live| live.display_name == pool.display_name);
            let before = named.map(|live| live.id.clone()).collect();
            Step::new(Act::CreatePool { pool: pool.clone(), before }, Until::Provisioned, POOL_TIMEOUT)
        }
        (Action::AmendPool { to }, Some(pool), Some(id)) => {
            let declared = Fact::PoolDeclared { key, declared: pool.clone() };
            Step::new(Act::AmendPool { id, to: to.clone() }, Until::Nothing, 0).then([declared])
        }
        (Action::Record, Some(pool), Some(_)) => Step::record(vec![Fact::PoolDeclared { key, declared: pool.clone() }]),
        (Action::Delete { .. }, _, Some(id)) => {
            let buried = Fact::Deleted { address: address.clone() };
            Step::new(Act::RemovePool { id }, Until::PoolGone, STOP_TIMEOUT).then([buried])
        }
        (Action::Forget, _, _) => Step::record(vec![Fact::Forgotten { address: address.clone() }]),
        _ => return None,
    };
    Some(vec![step])
}

/// A statement that is declared, as its passages need it.
pub(super) struct Subject<'a> {
    pub key: &'a str,
    pub declared: &'a DeclaredStatement,
    pub record: Option<&'a StatementRecord>,
    pub scene: &'a Scene<'a>,
}

/// What is done, and the way back.
pub(super) type Lists = (Vec<Step>, Vec<Step>);

fn statement(scene: &Scene, key: &str, change: &Change) -> Option<Lists> {
    let record = scene.recorded.statements.get(key).map(Box::as_ref);
    match &change.action {
        Action::Delete { undo } => return Some((removal::delete(scene, key, record?, undo.as_ref()), Vec::new())),
        Action::Forget => {
            return Some((vec![Step::record(removal::forget(scene, key, record))], Vec::new()));
        }
        _ => {}
    }
    let declared = scene.desired.graph.project.statements.get(key)?;
    let subject = Subject { key, declared, record, scene };
    let one = |step: Step| Some((vec![step], Vec::new()));
    match &change.action {
        Action::Create { generation, .. } => {
            let submit = subject.submit(*generation, Role::Current, SmallMap::new());
            Some((vec![Step::record(vec![subject.declares()]), submit], Vec::new()))
        }
        Action::Hold | Action::Record => one(Step::record(vec![subject.declares()])),
        Action::Adopt { name, generation } => one(subject.adopt(name, *generation)?),
        Action::Stop => {
            let current = subject.current()?;
            let stop = Step::stop(&current.sent.name, subject.seen(current), Until::Stopped);
            one(stop.then([subject.declares()]))
        }
        Action::Start => {
            let start = subject.start(&change.reasons)?;
            // What runs then is what was sent; what is declared beyond that is for the next plan.
            let is_all = !change.notes.iter().any(|note| matches!(note, Note::StillToDecide { .. }));
            one(if is_all { start.then([subject.declares()]) } else { start })
        }
        Action::Restart => subject.restart(&change.reasons),
        Action::Await { .. } => {
            let wait = |until| Some(Step::wait(&subject.current()?.sent.name, until, declared.spec.timeout));
            // Where nothing is left to decide, what is declared is then in force; else that is for the next plan.
            if change.is_undecided() {
                one(wait(Until::Settled)?)
            } else {
                one(wait(subject.settled())?.then([subject.declares()]))
            }
        }
        Action::Replace { strategy, from, to, .. } => subject.replace(*strategy, *from, *to),
        Action::GoOn { .. } => replacement::go_on(&subject),
        Action::TakeBack { .. } => replacement::take_back(&subject),
        Action::Delete { .. }
        | Action::Forget
        | Action::CreatePool { .. }
        | Action::AmendPool { .. }
        | Action::Note
        | Action::Blocked { .. } => None,
    }
}

impl<'a> Subject<'a> {
    pub fn declares(&self) -> Fact {
        let dependencies = self.scene.desired.graph.dependencies(&Address::statement(self.key)).cloned().collect();
        Fact::Declared { key: self.key.to_owned(), declared: Box::new(self.declared.spec.clone()), dependencies }
    }

    pub fn class(&self) -> StatementClass {
        self.scene.desired.graph.analysis(self.key).map_or(StatementClass::Job, |reading| reading.kind.class())
    }

    fn in_force(&self) -> Until {
        if self.class() == StatementClass::Definition { Until::Completed } else { Until::Running }
    }

    /// What an interrupted run was waiting for: being in force, or any phase that lasts where it is to stand still.
    fn settled(&self) -> Until {
        let stopped = self.record.and_then(|record| record.current.as_ref()).is_some_and(|current| current.stopped);
        if stopped { Until::Settled } else { self.in_force() }
    }

    fn pool(&self) -> Option<PoolRef> {
        let key = self.declared.spec.pool.as_ref()?;
        match self.scene.pools.get(key)? {
            DesiredPool::Id(id) => Some(PoolRef::Id(id.clone())),
            DesiredPool::ToCreate => Some(PoolRef::Created(key.clone())),
        }
    }

    pub fn current(&self) -> Option<&'a GenerationRecord> {
        self.record?.current.as_deref()
    }

    /// What there is under a recorded generation's name, if it is that very one.
    pub fn found(&self, generation: &GenerationRecord) -> Option<&'a LiveStatement> {
        match self.scene.live.statement(&generation.sent.name) {
            Presence::Present(live) if live.has_uid(&generation.uid) => Some(live),
            _ => None,
        }
    }

    fn seen(&self, generation: &GenerationRecord) -> Option<SeenStatement> {
        self.found(generation).map(SeenStatement::of)
    }

    pub fn submit(&self, generation: Generation, role: Role, added_properties: SmallMap<String>) -> Step {
        let spec = &self.declared.spec;
        let submission = Submission {
            name: generation.name(&spec.name),
            generation,
            role,
            sql: spec.sql.clone(),
            properties: spec.properties.clone(),
            added_properties,
            pool: None,
            principal: spec.principal.clone(),
        };
        Step::new(Act::Submit { submission, pool: self.pool() }, self.in_force(), spec.timeout)
    }

    /// Resumes the current generation, with the pool and principal that are due.
    fn start(&self, reasons: &[Reason]) -> Option<Step> {
        let current = self.current()?;
        let (seen, at) = (self.seen(current), self.placement(reasons));
        Some(Step::resume(&current.sent.name, seen, at, self.declared.spec.timeout))
    }

    fn placement(&self, reasons: &[Reason]) -> Placement {
        let moved = |field: &str| {
            reasons.iter().any(|reason| match reason {
                Reason::PoolChanged { .. } => field == "pool",
                Reason::PrincipalChanged { .. } => field == "principal",
                Reason::MovedOutside { field: moved, .. } => moved == field,
                _ => false,
            })
        };
        let principal = self.declared.spec.principal.clone().filter(|_| moved("principal"));
        Placement { pool: self.pool().filter(|_| moved("pool")), principal }
    }

    /// Stop, move, resume. The way back stops it again and resumes it where it was.
    fn restart(&self, reasons: &[Reason]) -> Option<Lists> {
        let current = self.current()?;
        let found = self.found(current)?;
        let (name, timeout) = (&current.sent.name, self.declared.spec.timeout);
        let before = Placement { pool: found.pool.clone().map(PoolRef::Id), principal: found.principal.clone() };
        let stop = Step::stop(name, self.seen(current), Until::Stopped);
        let start = Step::resume(name, None, self.placement(reasons), timeout).then([self.declares()]);
        // It takes another pool or principal only while it stands still, and by then it may be PENDING.
        let back = vec![Step::stop(name, None, Until::Still), Step::resume(name, None, before, timeout)];
        Some((vec![stop, start], back))
    }

    fn replace(&self, strategy: Strategy, from: Option<Generation>, to: Generation) -> Option<Lists> {
        match strategy {
            Strategy::Restart => replacement::restart(self, to),
            Strategy::NeverRan => {
                let mut steps = self.clear_away(from)?;
                steps.push(self.submit(to, Role::Current, SmallMap::new()).then([self.declares()]));
                Some((steps, Vec::new()))
            }
            Strategy::Redefine => self.redefine(to),
            Strategy::FromOffsets => replacement::successor_of_gone(self, to, true),
            Strategy::Again => replacement::successor_of_gone(self, to, false),
        }
    }

    /// Removes a generation that never took effect, or drops one from the record that is gone.
    fn clear_away(&self, from: Option<Generation>) -> Option<Vec<Step>> {
        let Some(current) = self.current() else { return Some(Vec::new()) };
        let name = &current.sent.name;
        let step = match from {
            Some(_) => Step::remove_unused(name, self.seen(current)),
            None => removal::clear(self.scene, self.key, current),
        };
        Some(vec![step])
    }

    /// Runs the old undo, clears both statements away, and submits the new definition.
    fn redefine(&self, to: Generation) -> Option<Lists> {
        let record = self.record?;
        let pool = self.pool().or_else(|| removal::pool_of(self.scene, record));
        let mut steps = removal::undo(self.scene, self.key, record, record.declared.undo.as_ref(), pool);
        steps.push(self.submit(to, Role::Current, SmallMap::new()).then([self.declares()]));
        Some((steps, Vec::new()))
    }

    fn adopt(&self, name: &str, generation: Generation) -> Option<Step> {
        let Presence::Present(live) = self.scene.live.statement(name) else { return None };
        let adopted = Fact::Adopted { key: self.key.to_owned(), generation: Box::new(self.adopted(live, generation)) };
        let look = Act::Look { name: name.to_owned(), seen: SeenStatement::of(live) };
        let is_moving = live.phase.class() == PhaseClass::Transitional || live.is_resuming();
        let until = if is_moving { Until::Settled } else { Until::Nothing };
        Some(Step::new(look, until, self.declared.spec.timeout).then([self.declares(), adopted]))
    }

    /// What was sent for a statement that runs already. Where the declared template fits, it is kept, so that no
    /// secret's value gets into the state.
    fn adopted(&self, live: &LiveStatement, generation: Generation) -> GenerationRecord {
        let spec = &self.declared.spec;
        let property = |(key, value): (&InternedStr, &String)| {
            let declared = spec.properties.get(key).filter(|template| template.matches(value));
            let hidden = key.starts_with("sql.secrets.").then(|| Template::new(format!("${{secret.{key}}}")));
            (key.clone(), declared.cloned().or(hidden).unwrap_or_else(|| Template::literal(value)))
        };
        let sql = if spec.sql.matches(&live.sql) { spec.sql.clone() } else { Template::literal(&live.sql) };
        GenerationRecord {
            sent: Submission {
                name: live.name.clone(),
                generation,
                role: Role::Current,
                sql,
                properties: live.properties.iter().map(property).collect(),
                added_properties: SmallMap::new(),
                pool: live.pool.clone(),
                principal: live.principal.clone(),
            },
            uid: live.uid.clone(),
            stopped: live.stopped,
            reached: crate::settle::furthest_phase(live),
            sql_kind: live.sql_kind.clone(),
            bounded: live.bounded == Some(true),
            offsets: live.stopped_offsets().cloned(),
            // Execution hashes them, under the key of the state that it writes to: a saved plan may be its first.
            secrets: BTreeMap::new(),
            created_at: live.created_at.clone(),
        }
    }
}

/// A guard that is only met while a successor never ran.
pub(super) fn never_ran(name: &str) -> When {
    When::NeverRan { name: name.to_owned() }
}

/// A guard that is only met once a successor is confirmed to be gone, or was never accepted.
pub(super) fn gone(name: &str) -> When {
    When::Gone { name: name.to_owned() }
}
