//! A scenario with every switch, misfortune and verdict.

use std::collections::BTreeSet;

use floe::simulator::{Fate, Fault, Misfortune, Policy, Scenario, Switches, Verdict};

use super::samples::each;

fn misfortunes() -> Vec<Misfortune> {
    each(Misfortune::TooMany { retry_after: Some(3) }, |it| match it {
        Misfortune::TooMany { .. } => Some(Misfortune::Status(503)),
        Misfortune::Status(_) => Some(Misfortune::StatusAfterEffect(500)),
        Misfortune::StatusAfterEffect(_) => Some(Misfortune::Refused),
        Misfortune::Refused => Some(Misfortune::LostBeforeEffect),
        Misfortune::LostBeforeEffect => Some(Misfortune::LostAfterEffect),
        Misfortune::LostAfterEffect => Some(Misfortune::LostThenDone(30.0)),
        Misfortune::LostThenDone(_) => Some(Misfortune::SlowEffect(1.5)),
        Misfortune::SlowEffect(_) => Some(Misfortune::SlowAnswer(2.5)),
        Misfortune::SlowAnswer(_) => Some(Misfortune::CutBody(10)),
        Misfortune::CutBody(_) => Some(Misfortune::StaleRead),
        Misfortune::StaleRead => Some(Misfortune::Redirect("https://elsewhere.example".to_owned())),
        Misfortune::Redirect(_) => Some(Misfortune::ForbiddenForAbsent),
        Misfortune::ForbiddenForAbsent => Some(Misfortune::Forbidden),
        Misfortune::Forbidden => Some(Misfortune::Html),
        Misfortune::Html => Some(Misfortune::Garbage),
        Misfortune::Garbage => Some(Misfortune::UnknownFields),
        Misfortune::UnknownFields => Some(Misfortune::UnknownPhase("SIMMERING".to_owned())),
        Misfortune::UnknownPhase(_) => Some(Misfortune::ListLag(5.0)),
        Misfortune::ListLag(_) => Some(Misfortune::ShiftingPages),
        Misfortune::ShiftingPages => Some(Misfortune::EndlessPages),
        Misfortune::EndlessPages => Some(Misfortune::Conflict),
        Misfortune::Conflict => None,
    })
}

fn fates() -> Vec<Fate> {
    each(Fate::Invalid("no such table".to_owned()), |it| match it {
        Fate::Invalid(_) => Some(Fate::Fails { after: 30.0, detail: "division by zero".to_owned() }),
        Fate::Fails { .. } => Some(Fate::NeverStarts),
        Fate::NeverStarts => Some(Fate::Completes),
        Fate::Completes => Some(Fate::PoolExhausted),
        Fate::PoolExhausted => Some(Fate::CriticalWarning("state grows".to_owned())),
        Fate::CriticalWarning(_) => Some(Fate::Degraded { after: 20.0 }),
        Fate::Degraded { .. } => Some(Fate::Phase("SIMMERING".to_owned())),
        Fate::Phase(_) => Some(Fate::Slow(60.0)),
        Fate::Slow(_) => None,
    })
}

/// What `tests/fixtures/0.1.0/simulator/scenario.json` says.
pub fn every() -> Scenario {
    let fault = |(number, does): (u64, Misfortune)| Fault {
        method: Some("POST".to_owned()),
        path: Some("*/statements*".to_owned()),
        name: Some("orders*".to_owned()),
        after: number,
        times: Some(1),
        does,
    };
    let verdict = |(number, does)| Verdict { name: format!("job-{number}"), does };
    // All of them, so that one that is added later has to find its place.
    let policies = each(Policy::Apply, |it| match it {
        Policy::Apply => Some(Policy::Ignore),
        Policy::Ignore => Some(Policy::Reject),
        Policy::Reject => None,
    });
    let [apply, ignore, reject] = policies[..] else { panic!("{policies:?}") };
    let switches = Switches {
        put_answers_statement: true,
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
        delete_again: reject,
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
        carry_from_ended: reject,
        bounded_table_job: false,
        dry_run_stored: true,
        ended_fields: true,
        early_bumps: false,
        network_kind_shown: false,
        scaling_status_shown: false,
        same_pool_name_status: Some(409),
    };
    Scenario {
        faults: (0..).zip(misfortunes()).map(fault).collect(),
        verdicts: fates().into_iter().enumerate().map(verdict).collect(),
        switches: Some(switches),
        principals: Some(BTreeSet::from(["sa-1".to_owned(), "u-1".to_owned()])),
    }
}

/// The switches that a scenario's text names.
pub fn switches_of(text: &str) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    value["switches"].as_object().unwrap().keys().cloned().collect()
}
