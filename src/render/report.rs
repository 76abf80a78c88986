//! The report of an apply: what succeeded, what did not and why, and the next step.

use super::{
    CommandLine, Paint, RunFlags, Style,
    style::{pluralize, sanitize, wrap},
};
use crate::{
    execute::{NotReached, RunReport, RunResult, StepFailure},
    plan::{Plan, StepRequest},
    resource::Address,
    state::{LedgerError, PoolRecord},
};

/// Returns the report as text, which ends with a newline.
pub fn report_text(report: &RunReport, plan: &Plan, flags: &RunFlags, style: Style) -> String {
    let mut text = String::new();
    let mut write_lines = |paint: Paint, indent: usize, line: &str| {
        for line in wrap(line, style.width.saturating_sub(indent).max(24)) {
            text.push_str(&" ".repeat(indent));
            text.push_str(&style.paint(paint, &line));
            text.push('\n');
        }
    };
    for (address, _) in report.failed.iter().filter(|(_, failure)| *failure == StepFailure::Interrupted) {
        let what = if continues_in_cloud(address, plan) {
            "in progress, and continues on Confluent Cloud"
        } else {
            "left open: the next apply continues from there"
        };
        write_lines(Paint::Yellow, 2, &format!("- {address}: {what}"));
    }
    for (address, failure) in report.failed.iter().filter(|(_, failure)| *failure != StepFailure::Interrupted) {
        write_lines(Paint::Red, 2, &format!("✗ {address}: {}", sanitize(&failure.to_string())));
        for line in failure_details(failure) {
            write_lines(Paint::Plain, 6, &line);
        }
    }
    for (address, failure) in &report.rollback_failed {
        write_lines(Paint::Red, 2, &format!("✗ {address}: rollback failed: {}", sanitize(&failure.to_string())));
        for line in failure_details(failure) {
            write_lines(Paint::Plain, 6, &line);
        }
    }
    if let Some(error) = &report.ledger_error {
        write_lines(Paint::Red, 2, &format!("✗ the state could not be saved: {}", sanitize(&error.to_string())));
    }
    for (address, because) in &report.skipped {
        write_lines(Paint::Yellow, 2, &format!("- {address}: skipped because {because} did not succeed"));
    }
    if !report.not_started.is_empty() {
        write_lines(Paint::Yellow, 2, &format!("- not started: {}", address_list(&report.not_started)));
    }
    if !report.left_stopped.is_empty() {
        write_lines(
            Paint::Red,
            2,
            &format!("! left stopped, but should be running: {}", address_list(&report.left_stopped)),
        );
    }
    for (address, id) in &report.duplicate_pools {
        let why = "has the same name as the pool that was created here, and is not in the state. Either a creation \
                   whose response was lost took effect late, or the pool was created outside floe. Delete it if it \
                   is not used.";
        write_lines(Paint::Red, 2, &format!("! {address}: {id} {why}"));
    }
    let (paint, summary) = summary_line(report, plan);
    write_lines(paint, 0, &summary);
    for line in next_steps(report, plan, &flags.in_environment(&plan.basis.environment)) {
        write_lines(Paint::Plain, 0, &line);
    }
    text
}

/// Returns whether Confluent Cloud finishes the change without floe: it has only one request and no rollback.
fn continues_in_cloud(address: &Address, plan: &Plan) -> bool {
    let sends_request = |request: &StepRequest| {
        !matches!(request, StepRequest::RecordOnly | StepRequest::VerifyUnchanged { .. } | StepRequest::Wait { .. })
    };
    plan.groups.iter().filter(|group| group.address == *address).all(|group| {
        group.rollback.is_empty() && group.forward.iter().filter(|step| sends_request(&step.request)).count() < 2
    })
}

/// Returns the summary line: the result and the counts.
fn summary_line(report: &RunReport, plan: &Plan) -> (Paint, String) {
    let environment = &plan.basis.environment;
    let simulated = if plan.basis.simulated { ", SIMULATED" } else { "" };
    let mut parts = vec![format!("{} done", report.succeeded.len())];
    let under_way = report.failed.iter().filter(|(_, failure)| *failure == StepFailure::Interrupted).count();
    let failed = report.failed.len().saturating_sub(under_way);
    let counts = [
        (under_way, "in progress"),
        (failed, "failed"),
        (report.skipped.len(), "skipped"),
        (report.not_started.len(), "not started"),
    ];
    parts.extend(counts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")));
    let (paint, verb) = match RunResult::of(report) {
        RunResult::Done => (Paint::Green, "Applied"),
        RunResult::Unhealthy => (Paint::Red, "Partially applied"),
        RunResult::Failed if report.was_interrupted => (Paint::Red, "Interrupted, partially applied"),
        RunResult::Failed => (Paint::Red, "Partially applied"),
        RunResult::Interrupted => (Paint::Yellow, "Interrupted, state saved"),
    };
    (paint, format!("{verb} ({environment}{simulated}): {}.", parts.join(", ")))
}

/// Returns what the user can do next.
fn next_steps(report: &RunReport, plan: &Plan, flags: &RunFlags) -> Vec<String> {
    match RunResult::of(report) {
        RunResult::Done => Vec::new(),
        _ if report.ledger_error.is_some() => {
            let advice = "Nothing more was sent. Fix the disk that holds the state and run floe again. It finds out \
                          what took effect.";
            std::iter::once(advice.to_owned()).chain(import_commands(report, flags)).collect()
        }
        RunResult::Interrupted => vec![format!("`{}` continues from here.", continuing_command("apply", plan, flags))],
        RunResult::Unhealthy | RunResult::Failed => {
            let pools_full = report.failed.iter().any(|(_, failure)| is_pool_exhausted(failure));
            let pool_advice =
                pools_full.then(|| "Raise the pool's `max_cfu`, or move statements to another pool.".to_owned());
            pool_advice
                .into_iter()
                .chain([format!(
                    "Completed changes are recorded. `{}` shows what is left.",
                    continuing_command("plan", plan, flags)
                )])
                .collect()
        }
    }
}

/// Returns the command that continues a run: `subcommand`, or the same `destroy` with the flags that decide what it
/// removes.
fn continuing_command(subcommand: &str, plan: &Plan, flags: &RunFlags) -> CommandLine {
    if !plan.options.destroy {
        return flags.command(subcommand);
    }
    let allow = plan.options.allow_data_loss.then_some("--allow-data-loss");
    let command = allow.into_iter().fold(flags.command("destroy"), CommandLine::argument);
    let command = plan.options.targets.iter().fold(command, |command, address| command.option("--target", address));
    plan.options.excludes.iter().fold(command, |command, address| command.option("--exclude", address))
}

/// Returns the commands that import the pools again if the state file is lost. Statements are found by their labels,
/// but pools have none, so that only this run knows their ids.
fn import_commands(report: &RunReport, flags: &RunFlags) -> Vec<String> {
    if !matches!(&report.ledger_error, Some(LedgerError::JournalLost { .. })) || report.recorded.pools.is_empty() {
        return Vec::new();
    }
    let import = |(key, record): (&String, &PoolRecord)| {
        format!("  {}", flags.command("import").argument(Address::pool(key)).argument(&record.id))
    };
    let first = "If the state is lost, import its pools again:".to_owned();
    std::iter::once(first).chain(report.recorded.pools.iter().map(import)).collect()
}

/// Returns whether a step failed because its pool has no CFU left.
fn is_pool_exhausted(failure: &StepFailure) -> bool {
    matches!(failure, StepFailure::NotReached(not) if not.cause == crate::execute::NotReachedCause::PoolExhausted)
}

/// Returns the details of a failure: the help of a failed request, or the exceptions of the job.
fn failure_details(failure: &StepFailure) -> Vec<String> {
    match failure {
        StepFailure::RequestFailed(error) => error.help.iter().map(|help| format!("→ {help}")).collect(),
        StepFailure::NotReached(not) => exception_lines(not),
        _ => Vec::new(),
    }
}

/// Returns the last few exceptions of a job.
fn exception_lines(not: &NotReached) -> Vec<String> {
    const MAX_EXCEPTIONS_SHOWN: usize = 3;
    let describe = |exception: &crate::cloud::StatementException| {
        sanitize(&format!("{}: {}", exception.name, exception.message)).trim_start_matches(": ").to_owned()
    };
    not.exceptions.iter().take(MAX_EXCEPTIONS_SHOWN).map(describe).collect()
}

/// Returns the addresses as a list, shortened if there are many.
fn address_list(addresses: &[Address]) -> String {
    let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
    match names.len() {
        0..=12 => names.join(", "),
        many => {
            format!(
                "{}, … ({})",
                names.iter().take(12).cloned().collect::<Vec<_>>().join(", "),
                pluralize(many, "resource")
            )
        }
    }
}
