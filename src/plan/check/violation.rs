//! The invariants of a plan, and how a plan can violate them.

use std::fmt;

use crate::{resource::Address, state::InconsistentEntry};

/// A plan that must not run. Either floe has a bug, or the file of the plan was edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address}: {}: {breach}", breach.invariant())]
pub struct Violation {
    /// The address whose step group violates the invariant.
    pub address: Address,
    /// What violates the invariant.
    pub breach: Breach,
}

/// What must hold for every plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// The plan's own entries can be applied to the record.
    EntriesApply,
    /// A step group waits only for earlier ones, and each address has one at most.
    GroupsWaitForEarlier,
    /// A plan with a blocked change has no step groups.
    BlockedPlanRunsNothing,
    /// Every step group carries out a change.
    GroupsHaveChanges,
    /// A step group changes only what is recorded for its address.
    GroupsChangeOnlyTheirOwn,
    /// A cloud name belongs to one address.
    NamesBelongToOneAddress,
    /// The number of a generation is never used again.
    GenerationNumbersAreNew,
    /// A job never runs twice at once.
    OneGenerationRuns,
    /// A rollback resumes the predecessor only after a confirmed deletion of the successor.
    RollbackResumeIsGuarded,
    /// A generation leaves the record only if it is confirmed to be gone.
    GoneGenerationsAreConfirmed,
    /// A generation that was never in force is deleted only if that is still so.
    UnusedGenerationsAreDeletedConditionally,
    /// Data is dropped only with consent.
    DataLossHasConsent,
    /// A generation in force has a recorded declaration.
    GenerationsInForceAreDeclared,
    /// A pool is deleted only once it is empty.
    PoolsAreDeletedEmpty,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invariant::EntriesApply => "plan entries apply to the record",
            Invariant::GroupsWaitForEarlier => "a step group waits only for earlier ones",
            Invariant::BlockedPlanRunsNothing => "a blocked plan runs nothing",
            Invariant::GroupsHaveChanges => "every step group carries out a change",
            Invariant::GroupsChangeOnlyTheirOwn => "a step group changes only its own resources",
            Invariant::NamesBelongToOneAddress => "a cloud name belongs to one address",
            Invariant::GenerationNumbersAreNew => "a generation number is never reused",
            Invariant::OneGenerationRuns => "a job never runs twice at once",
            Invariant::RollbackResumeIsGuarded => "a rollback resumes only after a confirmed deletion",
            Invariant::GoneGenerationsAreConfirmed => "a dropped generation is confirmed to be gone",
            Invariant::UnusedGenerationsAreDeletedConditionally => {
                "an unused generation is deleted only if still unused"
            }
            Invariant::DataLossHasConsent => "dropping data requires consent",
            Invariant::GenerationsInForceAreDeclared => "a generation in force has a recorded declaration",
            Invariant::PoolsAreDeletedEmpty => "a pool is deleted only once it is empty",
        })
    }
}

/// How a plan violates an invariant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// An entry of the plan contradicts the record.
    #[error(transparent)]
    EntryContradictsRecord(InconsistentEntry),
    /// The step group waits for one that is not earlier.
    #[error("it waits for {group}, which is not an earlier step group")]
    WaitsForLaterGroup {
        /// The address of the group that it waits for.
        group: Address,
    },
    /// The address has two step groups.
    #[error("it has two step groups")]
    TwoGroups,
    /// The change of the address is blocked, and the plan runs something.
    #[error("it is blocked")]
    Blocked,
    /// The step group carries out no change.
    #[error("no change requires it")]
    NoChange,
    /// A step changes a statement that is not recorded for the address.
    #[error("`{name}` is not recorded under this address")]
    StatementNotRecorded {
        /// The cloud name of the statement.
        name: String,
    },
    /// A step changes a pool that is not recorded for the address.
    #[error("pool `{id}` is not recorded under this address")]
    PoolNotRecorded {
        /// The id of the pool.
        id: String,
    },
    /// A step touches a statement of another address.
    #[error("`{name}` belongs to {owner}")]
    NameOfAnother {
        /// The cloud name of the statement.
        name: String,
        /// The address that the name belongs to.
        owner: Address,
    },
    /// A submission has a name or a number that was used before.
    #[error("`{name}` was used before")]
    NameUsedBefore {
        /// The cloud name of the submission.
        name: String,
    },
    /// A generation would start while another one may run.
    #[error("`{name}` would start while `{other}` may run")]
    StartsBesideAnother {
        /// The cloud name of the generation that would start.
        name: String,
        /// The cloud name of the generation that may run.
        other: String,
    },
    /// A rollback resumes the predecessor without confirming that the successor is gone.
    #[error("the predecessor may run together with its successor")]
    UnguardedResume,
    /// A generation leaves the record without evidence that it is gone.
    #[error("`{name}` may still exist")]
    MayStillExist {
        /// The cloud name of the generation.
        name: String,
    },
    /// A generation is deleted without a check that it never took effect.
    #[error("`{name}` may have taken effect by then")]
    MayHaveTakenEffect {
        /// The cloud name of the generation.
        name: String,
    },
    /// An undo drops data, and the options do not allow it.
    #[error("an undo would drop data without `--allow-data-loss`")]
    DropsData,
    /// A generation is submitted or adopted without its declaration.
    #[error("no step records its declaration")]
    NoDeclaration,
    /// A statement would be started on the pool that is deleted.
    #[error("{statement} would be started on the pool")]
    StartsOnDeletedPool {
        /// The address of the statement.
        statement: Address,
    },
    /// The deletion of the pool does not wait for a statement that is on it.
    #[error("it does not wait for {statement}")]
    DoesNotWaitFor {
        /// The address of the statement.
        statement: Address,
    },
}

impl Breach {
    /// Returns the invariant that does not hold.
    pub fn invariant(&self) -> Invariant {
        match self {
            Breach::EntryContradictsRecord(_) => Invariant::EntriesApply,
            Breach::WaitsForLaterGroup { .. } | Breach::TwoGroups => Invariant::GroupsWaitForEarlier,
            Breach::Blocked => Invariant::BlockedPlanRunsNothing,
            Breach::NoChange => Invariant::GroupsHaveChanges,
            Breach::StatementNotRecorded { .. } | Breach::PoolNotRecorded { .. } => Invariant::GroupsChangeOnlyTheirOwn,
            Breach::NameOfAnother { .. } => Invariant::NamesBelongToOneAddress,
            Breach::NameUsedBefore { .. } => Invariant::GenerationNumbersAreNew,
            Breach::StartsBesideAnother { .. } => Invariant::OneGenerationRuns,
            Breach::UnguardedResume => Invariant::RollbackResumeIsGuarded,
            Breach::MayStillExist { .. } => Invariant::GoneGenerationsAreConfirmed,
            Breach::MayHaveTakenEffect { .. } => Invariant::UnusedGenerationsAreDeletedConditionally,
            Breach::DropsData => Invariant::DataLossHasConsent,
            Breach::NoDeclaration => Invariant::GenerationsInForceAreDeclared,
            Breach::StartsOnDeletedPool { .. } | Breach::DoesNotWaitFor { .. } => Invariant::PoolsAreDeletedEmpty,
        }
    }

    /// Returns the violation of the step group of `address`.
    pub fn of(self, address: &Address) -> Violation {
        Violation { address: address.clone(), breach: self }
    }
}
