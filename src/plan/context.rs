//! What step groups are built from, and the steps and guards that they share.

use std::collections::BTreeMap;

use super::step::{PoolRef, RollbackGuard, Step, StepRequest, Until};
use crate::{
    diff::{DesiredPool, Inputs},
    live::Presence,
    manifest::DeclaredStatement,
    resource::{Address, Generation, LiveStatement, Properties, Role, SeenStatement, Submission},
    sql::StatementClass,
    state::{Fact, GenerationRecord, StatementRecord},
};

/// What step groups are built from.
pub(super) struct GroupContext<'a> {
    /// Everything that the plan is made from.
    pub inputs: Inputs<'a>,
    /// The pool that statements run on, by the pool's key.
    pub pools: &'a BTreeMap<String, DesiredPool>,
}

/// A declared statement, with what its steps are built from.
pub(super) struct StatementPlanner<'a> {
    /// The key of the statement.
    pub key: &'a str,
    /// What the manifests declare for it.
    pub declared: &'a DeclaredStatement,
    /// What the record holds of it, if anything.
    pub record: Option<&'a StatementRecord>,
    /// What all step groups are built from.
    pub context: &'a GroupContext<'a>,
}

/// The forward steps, and the rollback.
pub(super) type ForwardAndRollback = (Vec<Step>, Vec<Step>);

impl<'a> StatementPlanner<'a> {
    /// Returns the fact that records the declaration and its dependencies.
    pub fn declared_fact(&self) -> Fact {
        let dependencies =
            self.context.inputs.desired.graph.dependencies(&Address::statement(self.key)).cloned().collect();
        Fact::Declared { key: self.key.to_owned(), declared: Box::new(self.declared.spec.clone()), dependencies }
    }

    /// Returns the class of the declared SQL, or that of a job if there is no analysis.
    pub fn class(&self) -> StatementClass {
        self.context
            .inputs
            .desired
            .graph
            .analysis(self.key)
            .map_or(StatementClass::Job, |analysis| analysis.kind.class())
    }

    /// Returns the phase in which the statement is in force.
    pub fn until_in_force(&self) -> Until {
        if self.class() == StatementClass::Definition { Until::Completed } else { Until::Running }
    }

    /// Returns the pool to run on, if the manifest names one.
    pub fn pool_ref(&self) -> Option<PoolRef> {
        let key = self.declared.spec.pool.as_ref()?;
        match self.context.pools.get(key)? {
            DesiredPool::Id(id) => Some(PoolRef::Id(id.clone())),
            DesiredPool::ToCreate => Some(PoolRef::Created(key.clone())),
        }
    }

    /// Returns the current generation in the record.
    pub fn current(&self) -> Option<&'a GenerationRecord> {
        self.record?.current.as_deref()
    }

    /// Returns the live statement of a recorded generation, if it is the same physical statement.
    pub fn live_statement(&self, generation: &GenerationRecord) -> Option<&'a LiveStatement> {
        match self.context.inputs.live.statement(&generation.sent.name) {
            Presence::Present(live) if live.has_uid(&generation.uid) => Some(live),
            _ => None,
        }
    }

    /// Returns what the plan sees of a recorded generation.
    pub fn seen(&self, generation: &GenerationRecord) -> Option<SeenStatement> {
        self.live_statement(generation).map(SeenStatement::of)
    }

    /// Returns the step that submits a generation of the statement.
    pub fn submit_step(&self, generation: Generation, role: Role, added_properties: Properties<String>) -> Step {
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
        Step::new(StepRequest::Submit { submission, pool: self.pool_ref() }, self.until_in_force(), spec.timeout)
    }
}

/// Returns a guard that holds only while a successor has never run.
pub(super) fn if_never_ran(name: &str) -> RollbackGuard {
    RollbackGuard::NeverRan { name: name.to_owned() }
}

/// Returns a guard that holds only once a successor is confirmed to be gone, or if it was never accepted.
pub(super) fn if_gone(name: &str) -> RollbackGuard {
    RollbackGuard::Gone { name: name.to_owned() }
}
