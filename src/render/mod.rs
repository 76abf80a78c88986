//! Values to text, markdown, JSON and diagrams. Says what was decided; decides nothing, compares no two specs, prints
//! nothing.
//!
//! `words` has the sentences of every reason, note, block and action; `plan` puts them on a page, `markdown` into a pull
//! request; `event` and `report` tell an apply; `status` and `record` show what there is.

mod beside;
mod drift;
mod entry;
mod event;
mod fact;
mod graph;
mod json;
mod markdown;
mod place;
mod plan;
mod record;
mod report;
mod sql;
mod status;
mod style;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
mod words;

pub use beside::{Beside, Interrupted, PoolNow, Runs, ago};
pub use drift::drift;
pub use event::{done, event, retrying};
pub use graph::{dot, graph_json, mermaid, svg};
pub use json::{kept, plan_json};
pub use markdown::markdown;
pub use plan::{PlanView, plan};
pub use record::{list, list_json, show};
pub use report::{Outcome, report};
pub use status::{StatusRow, StatusView, status, status_json};
pub use style::{Paint, Style, wrap};
