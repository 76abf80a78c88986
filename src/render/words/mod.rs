//! The text of every action, reason, note and block, the same for terminal and Markdown.

mod action;
mod block;
mod condition;
mod note;
mod operation;
mod reason;

pub(super) use action::{Tally, headline, headline_covers, symbol};
pub(super) use block::{BlockSetting, explain_block};
pub(super) use condition::{condition_text, not_reverted_text};
pub(super) use note::note_text;
pub(super) use operation::request_text;
pub(super) use reason::reason_text;
