//! The types that all rooms share: what is declared, what was sent, what is live, and how each is named.
//!
//! Nothing here reads a file, a clock or the network. A type belongs here when more than one room needs it.

mod address;
mod consent;
mod duration;
mod environment;
mod fingerprint;
mod foreign_text;
mod generation;
mod intent;
mod interned_str;
mod live;
mod offsets;
mod phase;
mod pool;
mod problem;
pub mod properties;
mod redaction;
mod secret;
mod secret_hash;
mod service_time;
mod shell;
mod small_map;
mod spelling;
mod statement;
#[cfg(test)]
pub(crate) mod tests;

pub use address::{Address, InvalidAddress, ResourceKind, is_valid_key};
pub use consent::{Consent, ConsentKind, InvalidConsent};
pub use duration::{DURATION_EXAMPLES, InvalidDuration, parse_duration};
pub use environment::{EnvironmentIdentity, is_confluent_origin};
pub use fingerprint::Fingerprint;
pub use foreign_text::{ForeignText, code_point, is_deceptive, one_line, visible};
pub use generation::{
    Generation, MAX_STATEMENT_NAME_LENGTH, default_cloud_name, has_reserved_suffix, is_undo_name, undo_name,
};
pub use intent::{IN_FLIGHT, Intent, IntentId, Operation, PoolUpdate, Role, StatementUpdate, Submission};
pub use interned_str::InternedStr;
pub use live::{LivePool, LiveStatement, SeenPool, SeenStatement, StatementWarning, WarningSeverity};
pub use offsets::{Offsets, UNSET_OFFSET};
pub use phase::{Phase, PhaseClass, PoolPhase};
pub use pool::{Pool, PoolDeclaration};
pub use problem::{Problem, SourceFile, SourceLocation, Span};
pub use properties::{Labels, Properties};
pub use redaction::{REDACTED_KEY, Redactor, placeholder};
pub use secret::{MissingSecret, Secrets, Template};
pub use secret_hash::{HashKey, KeyedHash, SecretHashes};
pub use service_time::ServiceTime;
pub use shell::shell_quoted;
pub use small_map::SmallMap;
pub use statement::{Evolve, FormerConsent, Statement, UnexpectedPhasePolicy, labels};
