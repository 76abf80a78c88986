//! *Live*: one snapshot of the cloud. It is made of one list of each kind, and a GET for each required name that the
//! list lacks.

mod read;
mod snapshot;

pub use read::{fetch_missing, read};
pub use snapshot::{Live, Lookups, Presence, SecretLocations};
