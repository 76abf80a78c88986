//! Every action, reason, note and block in plain words. One sentence each, the same in text and markdown.

mod action;
mod block;
mod note;
mod reason;

pub(super) use action::{Tally, headline, headline_covers, symbol};
pub(super) use block::explain_block;
pub(super) use note::note_text;
pub(super) use reason::reason_text;
