//! Facts that a decision must not assume. A name missing from a list, or a 403, is not evidence that a resource is gone.

use super::action::Change;
use crate::live::{Lookups, Presence};

/// The change of one address, or `None` if it needs none. If facts are missing, the lookups that give them.
pub(super) type Decision = Result<Option<Change>, Lookups>;

/// What is known about a resource that is present, or whose absence a GET has confirmed.
pub(super) enum ConfirmedPresence<'a, T> {
    /// The resource exists and was read.
    Present(&'a T),
    /// A GET confirmed that it does not exist.
    Absent,
    /// A GET failed to say whether it exists. The text is the service's message.
    Unknown(&'a str),
}

impl<'a, T> ConfirmedPresence<'a, T> {
    /// Returns what is known about a resource, or `lookups` if nothing is.
    pub fn of(presence: Presence<'a, T>, lookups: impl FnOnce() -> Lookups) -> Result<Self, Lookups> {
        match presence {
            Presence::Present(found) => Ok(ConfirmedPresence::Present(found)),
            Presence::Absent => Ok(ConfirmedPresence::Absent),
            Presence::Unknown(why) => Ok(ConfirmedPresence::Unknown(why)),
            Presence::Unlisted => Err(lookups()),
        }
    }
}
