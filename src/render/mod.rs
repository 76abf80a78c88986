//! Turns values into text, Markdown, JSON and diagrams. It shows what was decided, decides nothing itself, never
//! compares two specs, and prints nothing.
//!
//! `words` has the text of every reason, note, block and action. `plan` lays it out for a terminal,
//! `markdown` for a pull request. `event` and `report` describe an apply. `status` and `record` show the
//! live and the recorded resources.

mod change;
mod change_detail;
mod command_line;
mod comparison;
mod decided;
mod drift;
mod escape;
mod event;
mod fact;
mod graph;
mod json;
mod line_diff;
mod markdown;
mod markdown_text;
mod place_json;
mod plan;
mod plan_context;
mod record;
mod report;
mod sql_diff;
mod status;
mod style;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
mod words;

pub use command_line::{CommandLine, RunFlags};
pub use comparison::{difference_lines, differing_field};
pub use drift::{DriftRow, drift_rows, drift_text};
pub use escape::{json_text, printable};
pub use event::{done_line, event_line, retry_line};
pub use graph::{graph_dot, graph_json, graph_mermaid, graph_svg};
pub use json::{plan_json, saved_plan_json};
pub use markdown::plan_markdown;
pub use plan::{PlanView, plan_text};
pub use plan_context::{DeclaredPlacement, InterruptedRun, PlanContext, PoolUsage, StatementRole, time_ago};
pub use record::{recorded_entry_json, recorded_json, recorded_list_text};
pub use report::report_text;
pub use status::{StatusRow, StatusView, status_json, status_rows, status_text};
pub use style::{Paint, Style, count_fitting, display_width, wrap};
