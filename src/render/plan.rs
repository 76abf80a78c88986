//! A plan as text for a terminal.

use super::{
    Paint, PlanContext, PoolUsage, RunFlags, Style,
    change::{RenderedChange, rendered_changes},
    change_detail::ChangeDetail,
    decided::shared_properties_line,
    fact::describe_entries,
    style::{display_width, pad, pluralize, wrap},
    words::Tally,
};
use crate::{
    diff::PlanOptions,
    plan::Plan,
    resource::{Address, EnvironmentIdentity, one_line},
};

/// A plan and the options of its display.
#[derive(Debug, Clone, Copy)]
pub struct PlanView<'a> {
    /// The plan to show.
    pub plan: &'a Plan,
    /// The facts that are shown with the plan.
    pub context: &'a PlanContext,
    /// The command in the header: `plan`, `apply` or `destroy`.
    pub command: &'a str,
    /// The given flags that are not part of the plan. Commands to paste repeat them.
    pub run_flags: &'a RunFlags,
    /// Whether to show entries that change nothing, and the SQL of new statements.
    pub verbose: bool,
    /// The width and whether color is used.
    pub style: Style,
}

/// The maximum width of the address column. Longer addresses get their own line.
const MAX_ADDRESS_WIDTH: usize = 34;

/// The indent of text below a headline if the address column leaves too little room.
const DETAIL_INDENT: usize = 6;

/// Returns the text of a plan, which ends with a newline.
pub fn plan_text(view: &PlanView<'_>) -> String {
    let PlanView { plan, context, style, .. } = *view;
    let mut page = PlanPage { style, text: String::new() };
    for line in wrap(&plan_header(view), style.width) {
        page.push_line(&style.paint(Paint::Bold, &line));
    }
    write_interrupted_run(&mut page, plan, context);
    let changes = rendered_changes(plan, context, view.run_flags, view.verbose);
    if !changes.is_empty() {
        page.push_line("");
        let longest = changes
            .iter()
            .map(|entry| display_width(&entry.subject()))
            .filter(|length| *length <= MAX_ADDRESS_WIDTH)
            .max();
        for change in &changes {
            page.push_change(change, longest.unwrap_or(MAX_ADDRESS_WIDTH), view.verbose);
        }
    }
    page.push_line("");
    for line in wrap(&shared_properties_line(context).unwrap_or_default(), style.width.saturating_sub(2)) {
        page.push_line(&format!("  {line}"));
    }
    for line in wrap(&cfu_line(context).unwrap_or_default(), style.width.saturating_sub(2)) {
        page.push_line(&format!("  {line}"));
    }
    for line in wrap(&plan_summary(plan), style.width) {
        page.push_line(&style.paint(Paint::Bold, &line));
    }
    for line in wrap(&unlisted_line(plan), style.width) {
        page.push_line(&style.paint(Paint::Dim, &line));
    }
    for line in unblocking_lines(view) {
        page.push_line(&line);
    }
    page.text
}

/// The environment that a header names.
#[derive(Debug, Clone, Copy)]
pub(super) struct EnvironmentHeader<'a> {
    /// The key of the environment.
    pub name: &'a str,
    /// The identity of the Confluent Cloud environment.
    pub identity: &'a EnvironmentIdentity,
    /// Whether the environment is simulated.
    pub simulated: bool,
    /// The origins outside Confluent Cloud that requests are sent to.
    pub hosts: &'a [String],
}

impl<'a> EnvironmentHeader<'a> {
    /// Returns the environment of a plan.
    pub fn of_plan(plan: &'a Plan) -> Self {
        let basis = &plan.basis;
        let (name, identity, hosts) = (&basis.environment, &basis.identity, &basis.hosts);
        EnvironmentHeader { name, identity, simulated: basis.simulated, hosts }
    }
}

/// Returns `prod (env-z3y2x1, aws us-east-1)`, or `local (SIMULATED, aws us-east-1)`. Hosts that are not Confluent's are
/// named: `prod (env-z3y2x1, aws us-east-1, at http://127.0.0.1:8080)`.
pub(super) fn environment_label(environment: EnvironmentHeader<'_>) -> String {
    let EnvironmentHeader { name, identity, simulated, hosts } = environment;
    let EnvironmentIdentity { environment: id, cloud, region, .. } = identity;
    let id = if simulated { "SIMULATED" } else { id.as_str() };
    let at = if hosts.is_empty() { String::new() } else { format!(", at {}", hosts.join(" and ")) };
    format!("{name} ({id}, {cloud} {region}{at})")
}

/// Returns the counts in the first line: `5 to change, 1 blocked`.
pub(super) fn change_counts(plan: &Plan) -> String {
    let tally = Tally::of(plan.changes.values());
    let changes = plan.changes.values().filter(|change| change.is_pending()).count();
    let counted = [(changes, "to change"), (tally.blocked, "blocked"), (tally.unhealthy, "unhealthy")];
    let parts: Vec<String> = counted
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    match parts.as_slice() {
        [] if plan.has_work() => "only the state changes".to_owned(),
        [] => "no changes".to_owned(),
        parts => parts.join(", "),
    }
}

/// Returns the summary line: `Plan: 1 to add, …`.
pub(super) fn plan_summary(plan: &Plan) -> String {
    let tally = Tally::of(plan.changes.values());
    let always = [(tally.add, "to add"), (tally.change, "to change")];
    let sometimes = [
        (tally.restart, "to restart"),
        (tally.replace, "to replace"),
        (tally.adopt, "to adopt"),
        (tally.forget, "to forget"),
    ];
    let last = [(tally.record, "to record"), (tally.waiting, "to wait for"), (tally.blocked, "blocked")];
    let some = |parts: &[(usize, &str)]| -> Vec<String> {
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect()
    };
    if some(&always).is_empty() && some(&sometimes).is_empty() && some(&last).is_empty() && tally.destroy == 0 {
        return if plan.has_work() {
            format!("Nothing to send. To record: {}.", describe_entries(&plan.entries))
        } else if plan.options.destroy {
            "No changes: there is nothing to destroy.".to_owned()
        } else {
            "No changes: everything is as declared.".to_owned()
        };
    }
    let mut parts: Vec<String> = always.iter().map(|(number, what)| format!("{number} {what}")).collect();
    parts.extend(some(&sometimes));
    parts.push(format!("{} to destroy", tally.destroy));
    parts.extend(some(&last));
    format!("Plan: {}.", parts.join(", "))
}

/// Returns the first line: the command, the project, the environment and the counts.
fn plan_header(view: &PlanView<'_>) -> String {
    let PlanView { plan, command, .. } = *view;
    let basis = &plan.basis;
    let label = environment_label(EnvironmentHeader::of_plan(plan));
    format!("floe {command} · {}/{label} · {}", basis.project, change_counts(plan))
}

/// Returns the outcomes of the requests that an interrupted run left open.
pub(super) fn interrupted_run_lines(plan: &Plan, context: &PlanContext) -> Vec<String> {
    if plan.interrupted_requests.is_empty() {
        return Vec::new();
    }
    let run = match &context.interrupted {
        Some(run) => {
            let when = run.seconds_ago.map_or(String::new(), |seconds| format!(" from {}", super::time_ago(seconds)));
            format!("the interrupted {}{when}", one_line(&run.command))
        }
        None => "the interrupted run".to_owned(),
    };
    let applied = plan.interrupted_requests.iter().filter(|found| found.applied).count();
    let not_applied = plan.interrupted_requests.len().saturating_sub(applied);
    let mut lines = Vec::new();
    if applied > 0 {
        let recorded = if applied == 1 { "is recorded" } else { "are recorded" };
        lines.push(format!("{} of {run} took effect and {recorded}.", pluralize(applied, "step")));
    }
    if not_applied > 0 {
        lines.push(format!("{} of {run} did not take effect and left nothing behind.", pluralize(not_applied, "step")));
    }
    lines
}

/// Writes the outcomes of an interrupted run below the header.
fn write_interrupted_run(page: &mut PlanPage, plan: &Plan, context: &PlanContext) {
    for line in interrupted_run_lines(plan, context) {
        for line in wrap(&line, page.style.width.saturating_sub(2)) {
            page.push_line(&format!("  {}", page.style.paint(Paint::Cyan, &line)));
        }
    }
}

/// The most pools that are listed one by one.
const MAX_POOLS_SHOWN: usize = 6;

/// Returns `CFU in use: heavy 0 of 10, main 14 of 20`. Of many pools only those with the least free CFU are named,
/// and the others are added up.
pub(super) fn cfu_line(context: &PlanContext) -> Option<String> {
    let mut pools: Vec<(&String, &PoolUsage)> = context.pools.iter().collect();
    let mut others = Vec::new();
    if pools.len() > MAX_POOLS_SHOWN {
        pools.sort_by_key(|(_, pool)| pool.max_cfu.saturating_sub(pool.current_cfu));
        others = pools.split_off(MAX_POOLS_SHOWN.saturating_sub(1));
        pools.sort();
    }
    let mut parts: Vec<String> =
        pools.iter().map(|(key, pool)| format!("{key} {} of {}", pool.current_cfu, pool.max_cfu)).collect();
    if !others.is_empty() {
        let sum = |of: fn(&PoolUsage) -> u32| others.iter().map(|(_, pool)| u64::from(of(pool))).sum::<u64>();
        let (used, most) = (sum(|pool| pool.current_cfu), sum(|pool| pool.max_cfu));
        parts.push(format!("{} other pools {used} of {most}", others.len()));
    }
    (!parts.is_empty()).then(|| format!("CFU in use: {}", parts.join(", ")))
}

/// Returns the counts of what the plan does not list.
pub(super) fn unlisted_line(plan: &Plan) -> String {
    let mut parts = Vec::new();
    if plan.unchanged > 0 {
        parts.push(format!("{} unchanged", plan.unchanged));
    }
    if plan.foreign > 0 {
        parts.push(format!("{} in the environment not managed by this project", pluralize(plan.foreign, "statement")));
    }
    if parts.is_empty() { String::new() } else { format!("{}.", parts.join(", ")) }
}

/// Returns the command that applies the rest of a blocked plan, with an `--exclude` for each blocked address.
pub(super) fn unblocking_lines(view: &PlanView<'_>) -> Vec<String> {
    let blocked: Vec<String> = view.plan.blocked_addresses().map(Address::to_string).collect();
    if blocked.is_empty() {
        return Vec::new();
    }
    if !view.plan.has_changes() {
        return vec!["Apply is disabled while changes are blocked.".to_owned()];
    }
    let PlanOptions { destroy, targets, excludes, replace, allow_data_loss, fix_drift } = &view.plan.options;
    // Excluding the target of a targeted destroy would remove its users and keep the target, which was not requested.
    if *destroy && !targets.is_empty() && targets.iter().all(|target| blocked.contains(&target.to_string())) {
        return vec!["Apply is disabled while changes are blocked.".to_owned()];
    }
    let mut command = view.run_flags.in_environment(&view.plan.basis.environment).command(view.command);
    let blocked = view.plan.blocked_addresses();
    let named = [("--target", targets), ("--exclude", excludes)]
        .into_iter()
        .flat_map(|(flag, addresses)| addresses.iter().map(move |address| (flag, address)))
        .chain(blocked.map(|address| ("--exclude", address)))
        .chain(replace.iter().map(|address| ("--replace", address)));
    for (flag, address) in named {
        command = command.option(flag, address);
    }
    let switches = [("--allow-data-loss", *allow_data_loss), ("--fix-drift", *fix_drift)];
    for (flag, _) in switches.into_iter().filter(|(_, is_set)| *is_set) {
        command = command.argument(flag);
    }
    vec![
        "Apply is disabled while changes are blocked.\n\
         To apply the rest, exclude the blocked resources and their dependents:"
            .to_owned(),
        format!("  {command}"),
    ]
}

/// The text of a plan while it is written.
struct PlanPage {
    /// The width and whether color is used.
    style: Style,
    /// The text so far.
    text: String,
}

impl PlanPage {
    /// Adds a line without trailing spaces.
    fn push_line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Adds a change: the headline next to its address, and the details below.
    fn push_change(&mut self, entry: &RenderedChange, column: usize, verbose: bool) {
        let style = self.style;
        let subject = entry.subject();
        let indent = column.saturating_add(6);
        let indent = if style.width >= indent + 36 { indent } else { DETAIL_INDENT };
        let room = style.width.saturating_sub(indent).max(24);
        let symbol = style.paint(entry.paint, entry.symbol);
        let mut head = wrap(&entry.head, room).into_iter();
        if indent == DETAIL_INDENT || display_width(&subject) > column {
            self.push_line(&format!("  {symbol} {subject}"));
        } else {
            let first = head.next().unwrap_or_default();
            self.push_line(&format!("  {symbol} {}  {}", pad(&subject, column), style.paint(entry.paint, &first)));
        }
        for line in head {
            self.push_line(&format!("{}{}", " ".repeat(indent), style.paint(entry.paint, &line)));
        }
        if entry.addresses.len() > 1 {
            self.push_members(&entry.addresses, verbose);
        }
        for detail in &entry.details {
            match detail {
                ChangeDetail::Sql(lines) => self.push_sql(lines),
                ChangeDetail::Prose(text) => self.push_prose(text, indent, room),
            }
        }
    }

    /// Adds the names of a group: all of them with `-v`, otherwise the first few.
    fn push_members(&mut self, addresses: &[Address], verbose: bool) {
        const MAX_MEMBERS_SHOWN: usize = 8;
        let shown = if verbose { addresses.len() } else { MAX_MEMBERS_SHOWN };
        let mut names: Vec<&str> = addresses.iter().take(shown).map(|address| address.key.as_str()).collect();
        let more = format!("and {} more (-v lists them)", addresses.len().saturating_sub(shown));
        if addresses.len() > shown {
            names.push(&more);
        }
        for line in wrap(&names.join(", "), self.style.width.saturating_sub(DETAIL_INDENT).max(24)) {
            self.push_line(&format!("{}{}", " ".repeat(DETAIL_INDENT), self.style.paint(Paint::Dim, &line)));
        }
    }

    /// Adds the first line wrapped, and the lines after it unchanged, since they are there to be pasted.
    fn push_prose(&mut self, text: &str, indent: usize, room: usize) {
        let (first, paste) = text.split_once('\n').unwrap_or((text, ""));
        for line in wrap(first, room) {
            self.push_line(&format!("{}{line}", " ".repeat(indent)));
        }
        for line in paste.lines() {
            self.push_line(&format!("{}{}", " ".repeat(DETAIL_INDENT), self.style.paint(Paint::Bold, line)));
        }
    }

    /// Adds SQL lines with their marks.
    fn push_sql(&mut self, lines: &[super::sql_diff::DiffLine]) {
        for line in lines {
            let paint = match line.mark {
                '+' => Paint::Green,
                '-' => Paint::Red,
                _ => Paint::Dim,
            };
            let text = self.style.paint(paint, &format!("{} {}", line.mark, line.text));
            self.push_line(&format!("{}{} {text}", " ".repeat(DETAIL_INDENT), self.style.paint(Paint::Dim, "│")));
        }
    }
}
