//! A plan as Markdown for a comment on a pull request.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    PlanView,
    change::{ChangeDetail, RenderedChange, rendered_changes},
    plan::{
        cfu_line, change_counts, environment_label, interrupted_run_lines, plan_summary, unblocking_lines,
        unlisted_line,
    },
    sql_diff::DiffLine,
    style::truncate,
};

/// The most characters of a comment. GitHub accepts 65,536, and a pipeline may add text around the plan.
const MAX_LENGTH: usize = 60_000;

/// The characters reserved for the end: the list of omitted changes, and the summary.
const RESERVED_LENGTH: usize = 4_000;

/// Returns a summary line and one collapsible section per change. The text stays below 60,000 characters: SQL is cut
/// first, and the text names the changes that it omits.
pub fn plan_markdown(view: &PlanView<'_>) -> String {
    let plan = view.plan;
    let label = environment_label(&plan.basis.environment, &plan.basis.identity, plan.basis.simulated);
    let mut text = format!("### floe {} · {}/{label} · {}\n\n", view.command, plan.basis.project, change_counts(plan));
    let _ = writeln!(text, "**{}**", plan_summary(plan));
    for line in interrupted_run_lines(plan, view.context) {
        let _ = writeln!(text, "\n> {line}");
    }
    text.push('\n');
    let room = (MAX_LENGTH - RESERVED_LENGTH).saturating_sub(text.chars().count());
    let (sections, left_out) = sections_that_fit(&rendered_changes(plan, view.context, view.run_flags, true), room);
    sections.iter().for_each(|section| text.push_str(section));
    text.push_str(&left_out_notice(&left_out));
    for line in [cfu_line(view.context).unwrap_or_default(), unlisted_line(plan)].iter().filter(|line| !line.is_empty())
    {
        let _ = writeln!(text, "\n{line}");
    }
    let unblocking: String = unblocking_lines(view).join("\n").chars().take(RESERVED_LENGTH / 3).collect();
    if !unblocking.is_empty() {
        let _ = writeln!(text, "\n```text\n{unblocking}\n```");
    }
    text
}

/// The notice in place of SQL lines that are left out.
const CUT_NOTICE: &str = "The SQL is cut to keep this comment short. `floe plan` shows all of it.";

/// Returns the sections of the changes in their order, as many as fit, and the addresses of the others. First each
/// change gets its heading, reasons and options, blocked changes before others. What room is left goes to their SQL.
fn sections_that_fit(changes: &[RenderedChange], room: usize) -> (Vec<String>, Vec<String>) {
    let mut left = room;
    let mut take = |text: &str| {
        let length = text.chars().count();
        let fits = length <= left;
        left = left.saturating_sub(if fits { length } else { 0 });
        fits
    };
    let is_blocked = |change: &&RenderedChange| change.symbol == "!";
    let by_priority = changes.iter().enumerate().filter(|(_, change)| is_blocked(change));
    let by_priority = by_priority.chain(changes.iter().enumerate().filter(|(_, change)| !is_blocked(change)));
    let mut shown: BTreeMap<usize, &RenderedChange> = BTreeMap::new();
    let mut left_out = BTreeMap::new();
    for (at, change) in by_priority {
        if take(&change_section(change, 0)) {
            shown.insert(at, change);
        } else {
            left_out.insert(at, change);
        }
    }
    let mut sections = Vec::new();
    for change in shown.into_values() {
        let without_sql = change_section(change, 0).chars().count();
        let section = change_section(change, left);
        left = left.saturating_sub(section.chars().count().saturating_sub(without_sql));
        sections.push(section);
    }
    let left_out = left_out.into_values().flat_map(|change| change.addresses.iter().map(ToString::to_string));
    (sections, left_out.collect())
}

/// Returns the SQL lines of a change in a code block, as many as fit into `room` characters, and a notice if lines are
/// left out.
fn sql_section(lines: &[DiffLine], room: usize) -> String {
    // The fence, and the notice below it.
    let mut left = room.saturating_sub(CUT_NOTICE.len().saturating_add(40));
    let mut shown: Vec<String> = Vec::new();
    for line in lines {
        let line = format!("{} {}", line.mark, line.text);
        let length = line.chars().count().saturating_add(1);
        if length > left {
            if left > MIN_CUT_LINE {
                shown.push(truncate(&line, left.min(MAX_CUT_LINE)));
            }
            break;
        }
        left = left.saturating_sub(length);
        shown.push(line);
    }
    let is_whole = shown.len() == lines.len() && shown.last().is_none_or(|last| !last.ends_with('…'));
    let code = if shown.is_empty() { String::new() } else { fenced_code("diff", &shown.join("\n")) };
    if is_whole { code } else { format!("{code}{CUT_NOTICE}\n\n") }
}

/// The room below which no part of a line is shown.
const MIN_CUT_LINE: usize = 80;

/// The most characters of a line that does not fit.
const MAX_CUT_LINE: usize = 400;

/// Returns the collapsible section of one change, with at most about `sql_room` characters of SQL.
fn change_section(change: &RenderedChange, sql_room: usize) -> String {
    let open = if change.symbol == "!" { " open" } else { "" };
    let mut text = format!(
        "<details{open}><summary><code>{}</code> <b>{}</b> {}</summary>\n\n",
        change.symbol,
        change.subject(),
        escape_html(&change.head)
    );
    if change.addresses.len() > 1 {
        let names: Vec<String> = change.addresses.iter().map(|address| format!("`{address}`")).collect();
        let _ = writeln!(text, "{}\n", names.join(", "));
    }
    for detail in &change.details {
        match detail {
            ChangeDetail::Prose(prose) => {
                let (first, paste) = prose.split_once('\n').unwrap_or((prose, ""));
                let _ = writeln!(text, "{}\n", escape_html(first));
                if !paste.is_empty() {
                    text.push_str(&fenced_code("toml", paste));
                }
            }
            ChangeDetail::Sql(lines) => text.push_str(&sql_section(lines, sql_room)),
        }
    }
    text.push_str("</details>\n\n");
    text
}

/// Returns a code block whose fence is longer than any run of backticks in the text.
fn fenced_code(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.saturating_add(1).max(3));
    format!("{fence}{language}\n{text}\n{fence}\n\n")
}

/// Escapes HTML, so that a message of the service cannot open or close a tag.
fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
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
