//! What an apply leaves behind: what is done, what is not and why, and the next step.

use super::{
    Paint, Style,
    style::{pluralize, sanitize, wrap},
};
use crate::{
    execute::{NotReached, RunReport, StepFailure},
    plan::{Plan, StepRequest},
    resource::Address,
    state::{LedgerError, PoolRecord},
};

/// How an apply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunResult {
    /// All of it is done.
    Done,
    /// Something did not reach its phase.
    Unhealthy,
    /// Something failed.
    Failed,
    /// The user asked to stop.
    Interrupted,
}

/// How a report is to be judged.
impl RunResult {
    /// The outcome of a run.
    pub fn of(report: &RunReport) -> Self {
        // What was left when the user asked to stop, and what did not get where it was to get, is no error.
        let is_error =
            |failure: &StepFailure| !matches!(failure, StepFailure::Interrupted | StepFailure::NotReached(_));
        let failed = report.failed.iter().any(|(_, failure)| is_error(failure));
        // On a way back nothing but leaving is harmless: what was in force before is not in force again.
        let rollback_failed = report.rollback_failed.iter().any(|(_, failure)| *failure != StepFailure::Interrupted);
        if report.ledger_error.is_some() || failed || rollback_failed {
            RunResult::Failed
        } else if report.was_interrupted {
            RunResult::Interrupted
        } else if report.is_complete() && report.duplicate_pools.is_empty() {
            RunResult::Done
        } else if report.is_complete() || (report.has_only_unreached_phases() && !report.failed.is_empty()) {
            RunResult::Unhealthy
        } else {
            RunResult::Failed
        }
    }
}

/// The report as text, with a line end at its end.
pub fn report_text(report: &RunReport, plan: &Plan, style: Style) -> String {
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
            "under way; it goes on by itself"
        } else {
            "left open; the next apply goes on from there"
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
        write_lines(Paint::Red, 2, &format!("✗ {address}: not taken back: {}", sanitize(&failure.to_string())));
        for line in failure_details(failure) {
            write_lines(Paint::Plain, 6, &line);
        }
    }
    if let Some(error) = &report.ledger_error {
        write_lines(Paint::Red, 2, &format!("✗ the state could not be kept: {}", sanitize(&error.to_string())));
    }
    for (address, because) in &report.skipped {
        write_lines(Paint::Yellow, 2, &format!("- {address}: skipped, since {because} did not succeed"));
    }
    if !report.not_started.is_empty() {
        write_lines(Paint::Yellow, 2, &format!("- not begun: {}", address_list(&report.not_started)));
    }
    if !report.left_stopped.is_empty() {
        write_lines(
            Paint::Red,
            2,
            &format!("! stand still now, and are not meant to: {}", address_list(&report.left_stopped)),
        );
    }
    for (address, id) in &report.duplicate_pools {
        let why = "bears the name of the pool that was created here, and is in no record: a creation whose answer was lost \
                   landed after it was given up, or somebody made it meanwhile. Delete it if nobody uses it";
        write_lines(Paint::Red, 2, &format!("! {address}: {id} {why}"));
    }
    let (paint, summary) = summary_line(report, plan);
    write_lines(paint, 0, &summary);
    for line in next_steps(report, plan) {
        write_lines(Paint::Plain, 0, &line);
    }
    text
}

/// Whether the cloud finishes alone what was begun: one thing was asked, and there is no way back to take.
fn continues_in_cloud(address: &Address, plan: &Plan) -> bool {
    let sends_request = |act: &StepRequest| {
        !matches!(act, StepRequest::RecordOnly | StepRequest::VerifyUnchanged { .. } | StepRequest::Wait { .. })
    };
    plan.groups.iter().filter(|passage| passage.address == *address).all(|passage| {
        passage.rollback.is_empty() && passage.forward.iter().filter(|step| sends_request(&step.request)).count() < 2
    })
}

fn summary_line(report: &RunReport, plan: &Plan) -> (Paint, String) {
    let environment = &plan.basis.environment;
    let simulated = if plan.basis.simulated { ", SIMULATED" } else { "" };
    let mut parts = vec![format!("{} done", report.succeeded.len())];
    let under_way = report.failed.iter().filter(|(_, failure)| *failure == StepFailure::Interrupted).count();
    let failed = report.failed.len().saturating_sub(under_way);
    let counts = [
        (under_way, "under way"),
        (failed, "failed"),
        (report.skipped.len(), "skipped"),
        (report.not_started.len(), "not begun"),
    ];
    parts.extend(counts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")));
    let (paint, verb) = match RunResult::of(report) {
        RunResult::Done => (Paint::Green, "Applied"),
        RunResult::Unhealthy => (Paint::Red, "Applied in part"),
        RunResult::Failed if report.was_interrupted => (Paint::Red, "Interrupted, and applied in part"),
        RunResult::Failed => (Paint::Red, "Applied in part"),
        RunResult::Interrupted => (Paint::Yellow, "Interrupted, state saved"),
    };
    (paint, format!("{verb} ({environment}{simulated}): {}.", parts.join(", ")))
}

fn next_steps(report: &RunReport, plan: &Plan) -> Vec<String> {
    let environment = &plan.basis.environment;
    match RunResult::of(report) {
        RunResult::Done => Vec::new(),
        _ if report.ledger_error.is_some() => {
            let advice =
                "Nothing more was sent. Mend the state's disk, then run floe again: it finds out what happened.";
            std::iter::once(advice.to_owned()).chain(import_commands(report, environment)).collect()
        }
        RunResult::Interrupted => vec![format!("`floe apply -e {environment}` goes on from here.")],
        RunResult::Unhealthy | RunResult::Failed => {
            let pools_full = report.failed.iter().any(|(_, failure)| is_pool_exhausted(failure));
            let pool_advice =
                pools_full.then(|| "Raise the pool's `max_cfu`, or move statements to another pool.".to_owned());
            pool_advice
                .into_iter()
                .chain([format!("What is done is recorded. `floe plan -e {environment}` says what is left.")])
                .collect()
        }
    }
}

/// Statements are found again by their labels, and pools bear none: where the state is gone only this run knows their ids.
fn import_commands(report: &RunReport, environment: &str) -> Vec<String> {
    if !matches!(&report.ledger_error, Some(LedgerError::JournalLost { .. })) || report.recorded.pools.is_empty() {
        return Vec::new();
    }
    let import = |(key, record): (&String, &PoolRecord)| {
        format!("  floe import -e {environment} {} {}", Address::pool(key), record.id)
    };
    let first = "If the state is gone, its pools are taken over by".to_owned();
    std::iter::once(first).chain(report.recorded.pools.iter().map(import)).collect()
}

fn is_pool_exhausted(failure: &StepFailure) -> bool {
    matches!(failure, StepFailure::NotReached(not) if not.cause == crate::execute::NotReachedCause::PoolExhausted)
}

/// What else is known of a failure: the service's help, the job's exceptions.
fn failure_details(failure: &StepFailure) -> Vec<String> {
    match failure {
        StepFailure::RequestFailed(error) => error.help.iter().map(|help| format!("→ {help}")).collect(),
        StepFailure::NotReached(not) => exception_lines(not),
        _ => Vec::new(),
    }
}

fn exception_lines(not: &NotReached) -> Vec<String> {
    const MAX_EXCEPTIONS_SHOWN: usize = 3;
    let describe = |exception: &crate::cloud::StatementException| {
        sanitize(&format!("{}: {}", exception.name, exception.message)).trim_start_matches(": ").to_owned()
    };
    not.exceptions.iter().take(MAX_EXCEPTIONS_SHOWN).map(describe).collect()
}

fn address_list(addresses: &[Address]) -> String {
    let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
    match names.len() {
        0..=12 => names.join(", "),
        many => {
            format!(
                "{}, … ({})",
                names.iter().take(12).cloned().collect::<Vec<_>>().join(", "),
                pluralize(many, "address")
            )
        }
    }
}
