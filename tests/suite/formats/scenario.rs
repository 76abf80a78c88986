//! A scenario with every switch, fault and verdict.

use std::collections::BTreeSet;

use floe::simulator::{FaultRule, ForcedOutcome, InjectedFault, RequestPolicy, Scenario, StatementOverride, Switches};

use super::samples::successive_variants;

/// Returns every fault that a scenario can inject.
fn faults() -> Vec<InjectedFault> {
    successive_variants(InjectedFault::TooManyRequests { retry_after: Some(3) }, |it| match it {
        InjectedFault::TooManyRequests { .. } => Some(InjectedFault::Status(503)),
        InjectedFault::Status(_) => Some(InjectedFault::StatusAfterEffect(500)),
        InjectedFault::StatusAfterEffect(_) => Some(InjectedFault::ConnectionRefused),
        InjectedFault::ConnectionRefused => Some(InjectedFault::LostBeforeEffect),
        InjectedFault::LostBeforeEffect => Some(InjectedFault::LostAfterEffect),
        InjectedFault::LostAfterEffect => Some(InjectedFault::LostThenApplied(30.0)),
        InjectedFault::LostThenApplied(_) => Some(InjectedFault::SlowEffect(1.5)),
        InjectedFault::SlowEffect(_) => Some(InjectedFault::SlowResponse(2.5)),
        InjectedFault::SlowResponse(_) => Some(InjectedFault::TruncatedBody(10)),
        InjectedFault::TruncatedBody(_) => Some(InjectedFault::StaleRead),
        InjectedFault::StaleRead => Some(InjectedFault::Redirect("https://elsewhere.example".to_owned())),
        InjectedFault::Redirect(_) => Some(InjectedFault::ForbiddenInsteadOfNotFound),
        InjectedFault::ForbiddenInsteadOfNotFound => Some(InjectedFault::Forbidden),
        InjectedFault::Forbidden => Some(InjectedFault::Html),
        InjectedFault::Html => Some(InjectedFault::InvalidJson),
        InjectedFault::InvalidJson => Some(InjectedFault::UnknownFields),
        InjectedFault::UnknownFields => Some(InjectedFault::UnknownPhase("SIMMERING".to_owned())),
        InjectedFault::UnknownPhase(_) => Some(InjectedFault::ListLag(5.0)),
        InjectedFault::ListLag(_) => Some(InjectedFault::ShiftingPages),
        InjectedFault::ShiftingPages => Some(InjectedFault::EndlessPages),
        InjectedFault::EndlessPages => Some(InjectedFault::Conflict),
        InjectedFault::Conflict => None,
    })
}

/// Returns every outcome that a scenario can force.
fn outcomes() -> Vec<ForcedOutcome> {
    successive_variants(ForcedOutcome::Invalid("no such table".to_owned()), |it| match it {
        ForcedOutcome::Invalid(_) => {
            Some(ForcedOutcome::Fails { after_seconds: 30.0, detail: "division by zero".to_owned() })
        }
        ForcedOutcome::Fails { .. } => Some(ForcedOutcome::NeverStarts),
        ForcedOutcome::NeverStarts => Some(ForcedOutcome::Completes),
        ForcedOutcome::Completes => Some(ForcedOutcome::PoolExhausted),
        ForcedOutcome::PoolExhausted => Some(ForcedOutcome::CriticalWarning("state grows".to_owned())),
        ForcedOutcome::CriticalWarning(_) => Some(ForcedOutcome::Degrades { after_seconds: 20.0 }),
        ForcedOutcome::Degrades { .. } => Some(ForcedOutcome::UnknownPhase("SIMMERING".to_owned())),
        ForcedOutcome::UnknownPhase(_) => Some(ForcedOutcome::StartsAfter(60.0)),
        ForcedOutcome::StartsAfter(_) => None,
    })
}

/// Returns the scenario in `tests/fixtures/0.1.0/simulator/scenario.json`.
pub fn full_scenario() -> Scenario {
    let fault = |(number, does): (u64, InjectedFault)| FaultRule {
        method: Some("POST".to_owned()),
        path: Some("*/statements*".to_owned()),
        name: Some("orders*".to_owned()),
        after: number,
        times: Some(1),
        fault: does,
    };
    let verdict = |(number, outcome)| StatementOverride { name: format!("job-{number}"), outcome };
    // The list does not compile if a policy that is added later is missing.
    let policies = successive_variants(RequestPolicy::Apply, |it| match it {
        RequestPolicy::Apply => Some(RequestPolicy::Ignore),
        RequestPolicy::Ignore => Some(RequestPolicy::Reject),
        RequestPolicy::Reject => None,
    });
    let [apply, ignore, reject] = policies[..] else { panic!("{policies:?}") };
    let switches = Switches {
        put_returns_statement: true,
        delete_status: 204,
        deleting_reads_empty: true,
        deleting_listed: false,
        conflict_location: false,
        create_stopped: apply,
        immutable_change: reject,
        move_running: apply,
        move_stopped: ignore,
        stop_pending: reject,
        stop_ended: ignore,
        resume_other_kind: apply,
        failed_resumable: false,
        strict_names: true,
        invalid_status: 422,
        sql_limit: 131_072,
        repeated_delete: reject,
        statement_quota: Some(7),
        quota_status: 429,
        pool_quota: Some(2),
        pool_absent_status: 404,
        deprovisioning_shown: false,
        busy_pool_deletable: false,
        cfu_status: 422,
        large_pools: true,
        second_default_status: 400,
        patch: false,
        label_change: apply,
        retry_after: false,
        carry_over_from_ended: reject,
        bounded_table_job: false,
        dry_run_stored: true,
        ended_fields: true,
        early_version_bumps: false,
        network_kind_shown: false,
        scaling_status_shown: false,
        // 0.1.0 did not have this switch.
        normalizes: false,
        same_pool_name_status: Some(409),
    };
    Scenario {
        faults: (0..).zip(faults()).map(fault).collect(),
        overrides: outcomes().into_iter().enumerate().map(verdict).collect(),
        switches: Some(switches),
        principals: Some(BTreeSet::from(["sa-1".to_owned(), "u-1".to_owned()])),
    }
}

/// Returns the names of the switches in the text of a scenario.
pub fn switches_of(text: &str) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    value["switches"].as_object().unwrap().keys().cloned().collect()
}
