//! Every action, reason, note and block in plain words. One sentence each, the same in text and markdown.

mod action;
mod block;
mod note;
mod reason;

pub(super) use action::{Tally, headline, headline_says, symbol};
pub(super) use block::block;
pub(super) use note::note;
pub(super) use reason::reason;
