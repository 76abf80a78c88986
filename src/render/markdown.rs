//! A plan as the comment on a pull request.

use std::fmt::Write;

use super::{
    PlanView,
    entry::{Detail, Entry, entries},
    plan::{cfu, found_lines, in_short, place, rest, summary, way_through},
};

/// The most characters of a comment: GitHub takes 65,536, and somebody may put a sentence around it.
const LIMIT: usize = 60_000;

/// Room that is kept for the end: what was left out, the summary.
const TAIL: usize = 4_000;

/// A summary line, one collapsible part per change, cut below 60,000 characters with what was left out named.
pub fn markdown(view: &PlanView<'_>) -> String {
    let plan = view.plan;
    let place = place(&plan.basis.environment, &plan.basis.identity, plan.basis.simulated);
    let mut text = format!("### floe {} · {}/{place} · {}\n\n", view.command, plan.basis.project, in_short(plan));
    let _ = writeln!(text, "**{}**", summary(plan));
    for line in found_lines(plan, view.beside) {
        let _ = writeln!(text, "\n> {line}");
    }
    text.push('\n');
    let mut length = text.chars().count();
    let mut left_out = Vec::new();
    for entry in entries(plan, view.beside, true) {
        let part = part(&entry);
        let size = part.chars().count();
        if length.saturating_add(size) > LIMIT - TAIL {
            left_out.extend(entry.addresses.iter().map(ToString::to_string));
        } else {
            length = length.saturating_add(size);
            text.push_str(&part);
        }
    }
    text.push_str(&names_of(&left_out));
    for line in [cfu(view.beside).unwrap_or_default(), rest(plan)].iter().filter(|line| !line.is_empty()) {
        let _ = writeln!(text, "\n{line}");
    }
    let through: String = way_through(view).join("\n").chars().take(TAIL / 3).collect();
    if !through.is_empty() {
        let _ = writeln!(text, "\n```text\n{through}\n```");
    }
    text
}

fn part(entry: &Entry) -> String {
    let open = if entry.symbol == "!" { " open" } else { "" };
    let mut text = format!(
        "<details{open}><summary><code>{}</code> <b>{}</b> {}</summary>\n\n",
        entry.symbol,
        entry.who(),
        html(&entry.head)
    );
    if entry.addresses.len() > 1 {
        let names: Vec<String> = entry.addresses.iter().map(|address| format!("`{address}`")).collect();
        let _ = writeln!(text, "{}\n", names.join(", "));
    }
    for detail in &entry.details {
        match detail {
            Detail::Prose(prose) => {
                let (first, paste) = prose.split_once('\n').unwrap_or((prose, ""));
                let _ = writeln!(text, "{}\n", html(first));
                if !paste.is_empty() {
                    text.push_str(&fenced("toml", paste));
                }
            }
            Detail::Sql(lines) => {
                let diff: Vec<String> = lines.iter().map(|line| format!("{} {}", line.mark, line.text)).collect();
                text.push_str(&fenced("diff", &diff.join("\n")));
            }
        }
    }
    text.push_str("</details>\n\n");
    text
}

/// A block of code whose fence is longer than any that is in it.
fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.saturating_add(1).max(3));
    format!("{fence}{language}\n{text}\n{fence}\n\n")
}

/// The service's words cannot close a tag or open one.
fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What was left out, by name as far as there is room.
fn names_of(left_out: &[String]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let mut named = String::new();
    let mut shown: usize = 0;
    for name in left_out {
        if named.len().saturating_add(name.len()) > TAIL / 2 {
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
    format!("**Left out here, since a comment has its limits:** {named}{more}. `floe plan` shows all of it.\n")
}
