//! Runs plans: as dependencies allow, recording before and after each request. Decides nothing but when to try again.
//!
//! `run` is the owner loop: it alone writes the journal. `operate` carries out one step, `watch` is the one lister for
//! all waits.

mod event;

mod run;

pub use event::{Asked, Ended, Event, Failure, NotReached, Report};
pub use run::{Interrupt, Setting, run};
