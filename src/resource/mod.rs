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

pub use address::{Address, Kind, NotAnAddress, is_key};
pub use environment::Identity;
pub use few::Few;
pub use fingerprint::{Fingerprint, HashKey, KeyedHash};
pub use generation::{Generation, NAME_LIMIT, cloud_name, is_reserved_ending, is_undo_name, undo_name};
pub use intent::{Amendment, Intent, IntentId, Operation, PoolAmendment, Role, Submission};
pub use live::{LivePool, LiveStatement, Seen, SeenPool, Severity, Warning};
pub use name::Name;
pub use offsets::{Offsets, UNSET_OFFSET};
pub use phase::{Phase, PhaseClass, PoolPhase};
pub use place::{Place, Problem, Source, Span};
pub use pool::{Pool, PoolDeclaration};
pub use secret::{Secrets, Template, Unset, placeholder};
pub use statement::{Evolve, OnOutside, Statement, labels};
