//! A plan as Markdown for a comment on a pull request.

use std::fmt::Write;

use super::{
    PlanView,
    change::{RenderedChange, rendered_changes},
    change_detail::ChangeDetail,
    decided::shared_properties_line,
    markdown_text::{Inline, longest_run_of_back_quotes},
    plan::{
        EnvironmentHeader, cfu_line, change_counts, environment_label, interrupted_run_lines, plan_summary,
        unblocking_lines, unlisted_line,
    },
};
use crate::resource::visible;

/// The most characters of a comment. GitHub accepts 65,536, and a pipeline may add text around the plan.
const MAX_LENGTH: usize = 60_000;

/// The characters reserved for the end: the list of omitted changes, and the summary.
const RESERVED_LENGTH: usize = 4_000;

/// Returns a summary line and one collapsible section per change. The text stays below 60,000 characters and names
/// the changes that it omits.
pub fn plan_markdown(view: &PlanView<'_>) -> String {
    let plan = view.plan;
    let label = environment_label(EnvironmentHeader::of_plan(plan));
    let heading = format!("floe {} · {}/{label} · {}", view.command, plan.basis.project, change_counts(plan));
    let mut text = format!("### {}\n\n", Inline::Markdown.escape(&heading));
    let _ = writeln!(text, "**{}**", Inline::Markdown.escape(&plan_summary(plan)));
    for line in interrupted_run_lines(plan, view.context) {
        let _ = writeln!(text, "\n> {}", Inline::Markdown.escape(&line));
    }
    text.push('\n');
    let mut length = text.chars().count();
    let mut left_out = Vec::new();
    for change in rendered_changes(plan, view.context, view.run_flags, true) {
        let section = change_section(&change);
        let size = section.chars().count();
        if length.saturating_add(size) > MAX_LENGTH - RESERVED_LENGTH {
            left_out.extend(change.addresses.iter().map(ToString::to_string));
        } else {
            length = length.saturating_add(size);
            text.push_str(&section);
        }
    }
    text.push_str(&left_out_notice(&left_out));
    for line in [
        shared_properties_line(view.context).unwrap_or_default(),
        cfu_line(view.context).unwrap_or_default(),
        unlisted_line(plan),
    ]
    .iter()
    .filter(|line| !line.is_empty())
    {
        let _ = writeln!(text, "\n{}", Inline::Markdown.escape(line));
    }
    let unblocking: String = unblocking_lines(view).join("\n").chars().take(RESERVED_LENGTH / 3).collect();
    if !unblocking.is_empty() {
        let _ = write!(text, "\n{}", fenced_code("text", &unblocking).trim_end_matches('\n'));
        text.push('\n');
    }
    text
}

/// Returns the collapsible section of one change.
fn change_section(change: &RenderedChange) -> String {
    let open = if change.symbol == "!" { " open" } else { "" };
    let mut text = format!(
        "<details{open}><summary><code>{}</code> <b>{}</b> {}</summary>\n\n",
        change.symbol,
        Inline::Html.escape(&change.subject()),
        Inline::Html.escape(&change.head)
    );
    if change.addresses.len() > 1 {
        let names: Vec<String> = change.addresses.iter().map(|address| format!("`{address}`")).collect();
        let _ = writeln!(text, "{}\n", names.join(", "));
    }
    for detail in &change.details {
        match detail {
            ChangeDetail::Prose(prose) => {
                let (first, paste) = prose.split_once('\n').unwrap_or((prose, ""));
                let _ = writeln!(text, "{}\n", Inline::Markdown.escape(first));
                if !paste.is_empty() {
                    text.push_str(&fenced_code("toml", paste));
                }
            }
            ChangeDetail::Sql(lines) => {
                let diff: Vec<String> = lines.iter().map(|line| format!("{} {}", line.mark, line.text)).collect();
                text.push_str(&fenced_code("diff", &diff.join("\n")));
            }
        }
    }
    text.push_str("</details>\n\n");
    text
}

/// Returns a code block whose fence is longer than any run of backticks in the text.
fn fenced_code(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_run_of_back_quotes(text).saturating_add(1).max(3));
    format!("{fence}{language}\n{}\n{fence}\n\n", visible(text))
}

/// Returns the notice that names the omitted changes, as many as fit.
fn left_out_notice(left_out: &[String]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let mut named = String::new();
    let mut shown: usize = 0;
    for name in left_out {
        if named.len().saturating_add(name.len()) > RESERVED_LENGTH / 2 {
            break;
        }
        if !named.is_empty() {
            named.push_str(", ");
        }
        let _ = write!(named, "`{name}`");
        shown = shown.saturating_add(1);
    }
    let more = left_out.len().saturating_sub(shown);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("**Omitted to keep this comment short:** {named}{more}. `floe plan` shows everything.\n")
}
