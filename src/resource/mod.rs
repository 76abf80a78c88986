//! The nouns every room speaks: what is declared, what was sent, what is seen, and how each is named.
//!
//! Nothing here reads a file, a clock or the network. A type belongs here when more than one room needs it.

mod address;
mod environment;
mod few;
mod fingerprint;
mod generation;
mod intent;
mod live;
mod name;
mod offsets;
mod phase;
mod place;
mod pool;
mod secret;
mod statement;

pub use address::{Address, InvalidAddress, ResourceKind, is_valid_key};
pub use environment::EnvironmentIdentity;
pub use few::SmallMap;
pub use fingerprint::{Fingerprint, HashKey, KeyedHash};
pub use generation::{
    Generation, MAX_STATEMENT_NAME_LENGTH, default_cloud_name, has_reserved_suffix, is_undo_name, undo_name,
};
pub use intent::{Intent, IntentId, Operation, PoolUpdate, Role, StatementUpdate, Submission};
pub use live::{LivePool, LiveStatement, SeenPool, SeenStatement, StatementWarning, WarningSeverity};
pub use name::InternedStr;
pub use offsets::{Offsets, UNSET_OFFSET};
pub use phase::{Phase, PhaseClass, PoolPhase};
pub use place::{Problem, SourceFile, SourceLocation, Span};
pub use pool::{Pool, PoolDeclaration};
pub use secret::{MissingSecret, Secrets, Template, placeholder};
pub use statement::{Evolve, Statement, UnexpectedPhasePolicy, labels};
