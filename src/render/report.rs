//! What an apply leaves behind: what is done, what is not and why, and the next step.

use super::{
    Paint, Style,
    style::{clean, count, wrap},
};
use crate::{
    execute::{NotReached, RunReport, StepFailure},
    plan::{Plan, StepRequest},
    resource::Address,
    state::{LedgerError, PoolRecord},
};

/// How an apply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
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
impl Outcome {
    /// The outcome of a run.
    pub fn of(report: &RunReport) -> Self {
        // What was left when the user asked to stop, and what did not get where it was to get, is no error.
        let errs = |failure: &StepFailure| !matches!(failure, StepFailure::Interrupted | StepFailure::NotReached(_));
        let failed = report.failed.iter().any(|(_, failure)| errs(failure));
        // On a way back nothing but leaving is harmless: what was in force before is not in force again.
        let not_back = report.rollback_failed.iter().any(|(_, failure)| *failure != StepFailure::Interrupted);
        if report.ledger_error.is_some() || failed || not_back {
            Outcome::Failed
        } else if report.was_interrupted {
            Outcome::Interrupted
        } else if report.is_complete() && report.duplicate_pools.is_empty() {
            Outcome::Done
        } else if report.is_complete() || (report.has_only_unreached_phases() && !report.failed.is_empty()) {
            Outcome::Unhealthy
        } else {
            Outcome::Failed
        }
    }
}

/// The report as text, with a line end at its end.
pub fn report(report: &RunReport, plan: &Plan, style: Style) -> String {
    let mut text = String::new();
    let mut say = |paint: Paint, indent: usize, line: &str| {
        for line in wrap(line, style.width.saturating_sub(indent).max(24)) {
            text.push_str(&" ".repeat(indent));
            text.push_str(&style.paint(paint, &line));
            text.push('\n');
        }
    };
    for (address, _) in report.failed.iter().filter(|(_, failure)| *failure == StepFailure::Interrupted) {
        let what = if goes_on(address, plan) {
            "under way; it goes on by itself"
        } else {
            "left open; the next apply goes on from there"
        };
        say(Paint::Yellow, 2, &format!("- {address}: {what}"));
    }
    for (address, failure) in report.failed.iter().filter(|(_, failure)| *failure != StepFailure::Interrupted) {
        say(Paint::Red, 2, &format!("✗ {address}: {}", clean(&failure.to_string())));
        for line in particulars(failure) {
            say(Paint::Plain, 6, &line);
        }
    }
    for (address, failure) in &report.rollback_failed {
        say(Paint::Red, 2, &format!("✗ {address}: not taken back: {}", clean(&failure.to_string())));
        for line in particulars(failure) {
            say(Paint::Plain, 6, &line);
        }
    }
    if let Some(error) = &report.ledger_error {
        say(Paint::Red, 2, &format!("✗ the state could not be kept: {}", clean(&error.to_string())));
    }
    for (address, because) in &report.skipped {
        say(Paint::Yellow, 2, &format!("- {address}: skipped, since {because} did not succeed"));
    }
    if !report.not_started.is_empty() {
        say(Paint::Yellow, 2, &format!("- not begun: {}", names(&report.not_started)));
    }
    if !report.left_stopped.is_empty() {
        say(Paint::Red, 2, &format!("! stand still now, and are not meant to: {}", names(&report.left_stopped)));
    }
    for (address, id) in &report.duplicate_pools {
        let why = "bears the name of the pool that was created here, and is in no record: a creation whose answer was lost \
                   landed after it was given up, or somebody made it meanwhile. Delete it if nobody uses it";
        say(Paint::Red, 2, &format!("! {address}: {id} {why}"));
    }
    let (paint, last) = last_line(report, plan);
    say(paint, 0, &last);
    for line in next_steps(report, plan) {
        say(Paint::Plain, 0, &line);
    }
    text
}

/// Whether the cloud finishes alone what was begun: one thing was asked, and there is no way back to take.
fn goes_on(address: &Address, plan: &Plan) -> bool {
    let asks = |act: &StepRequest| {
        !matches!(act, StepRequest::RecordOnly | StepRequest::VerifyUnchanged { .. } | StepRequest::Wait { .. })
    };
    plan.groups.iter().filter(|passage| passage.address == *address).all(|passage| {
        passage.rollback.is_empty() && passage.forward.iter().filter(|step| asks(&step.request)).count() < 2
    })
}

fn last_line(report: &RunReport, plan: &Plan) -> (Paint, String) {
    let place = &plan.basis.environment;
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
    let (paint, word) = match Outcome::of(report) {
        Outcome::Done => (Paint::Green, "Applied"),
        Outcome::Unhealthy => (Paint::Red, "Applied in part"),
        Outcome::Failed if report.was_interrupted => (Paint::Red, "Interrupted, and applied in part"),
        Outcome::Failed => (Paint::Red, "Applied in part"),
        Outcome::Interrupted => (Paint::Yellow, "Interrupted, state saved"),
    };
    (paint, format!("{word} ({place}{simulated}): {}.", parts.join(", ")))
}

fn next_steps(report: &RunReport, plan: &Plan) -> Vec<String> {
    let place = &plan.basis.environment;
    match Outcome::of(report) {
        Outcome::Done => Vec::new(),
        _ if report.ledger_error.is_some() => {
            let mend = "Nothing more was sent. Mend the state's disk, then run floe again: it finds out what happened.";
            std::iter::once(mend.to_owned()).chain(imports(report, place)).collect()
        }
        Outcome::Interrupted => vec![format!("`floe apply -e {place}` goes on from here.")],
        Outcome::Unhealthy | Outcome::Failed => {
            let pools_full = report.failed.iter().any(|(_, failure)| is_pool_exhausted(failure));
            let pool = pools_full.then(|| "Raise the pool's `max_cfu`, or move statements to another pool.".to_owned());
            pool.into_iter()
                .chain([format!("What is done is recorded. `floe plan -e {place}` says what is left.")])
                .collect()
        }
    }
}

/// Statements are found again by their labels, and pools bear none: where the state is gone only this run knows their ids.
fn imports(report: &RunReport, place: &str) -> Vec<String> {
    if !matches!(&report.ledger_error, Some(LedgerError::Disk { doing: "find", .. }))
        || report.recorded.pools.is_empty()
    {
        return Vec::new();
    }
    let import = |(key, record): (&String, &PoolRecord)| {
        format!("  floe import -e {place} {} {}", Address::pool(key), record.id)
    };
    let first = "If the state is gone, its pools are taken over by".to_owned();
    std::iter::once(first).chain(report.recorded.pools.iter().map(import)).collect()
}

fn is_pool_exhausted(failure: &StepFailure) -> bool {
    matches!(failure, StepFailure::NotReached(not) if not.cause == crate::execute::NotReachedCause::PoolExhausted)
}

/// What else is known of a failure: the service's help, the job's exceptions.
fn particulars(failure: &StepFailure) -> Vec<String> {
    match failure {
        StepFailure::RequestFailed(error) => error.help.iter().map(|help| format!("→ {help}")).collect(),
        StepFailure::NotReached(not) => exceptions(not),
        _ => Vec::new(),
    }
}

fn exceptions(not: &NotReached) -> Vec<String> {
    const SHOWN: usize = 3;
    let said = |exception: &crate::cloud::StatementException| {
        clean(&format!("{}: {}", exception.name, exception.message)).trim_start_matches(": ").to_owned()
    };
    not.exceptions.iter().take(SHOWN).map(said).collect()
}

fn names(addresses: &[Address]) -> String {
    let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
    match names.len() {
        0..=12 => names.join(", "),
        many => {
            format!("{}, … ({})", names.iter().take(12).cloned().collect::<Vec<_>>().join(", "), count(many, "address"))
        }
    }
}
