//! Tests that `diff`, `status` and `drift` have no opinion of their own: they follow the conditions that they are given.

use super::*;
use crate::{
    assess::Condition,
    plan,
    render::{self, PlanContext},
};

/// Returns whether the plan, `status` and `drift` report that `copy` is stopped outside floe, given the conditions
/// that match.
fn reports_of(fixture: &DiffFixture, matches: impl Fn(&Condition) -> bool) -> [bool; 3] {
    let (live, settlement, context) = (fixture.snapshot(), Settlement::default(), PlanContext::default());
    let inputs = fixture.inputs(&live, &settlement);
    let assessment = assess_inputs(inputs).keeping(matches);
    let diff = complete(diff_assessed(inputs, assessment.clone()));
    let in_plan = diff.changes.values().any(|change| change.notes.contains(&Note::StoppedOutside) && change.unhealthy);
    let plan = plan::plan(inputs, Vec::new(), diff);
    let text = "stopped outside floe".to_owned();
    let in_status = render::status_rows(&assessment, &context);
    let in_status = in_status.iter().any(|row| row.unhealthy && row.remarks.contains(&text));
    let in_drift = render::drift_rows(&assessment, &plan, &context, &render::RunFlags::default())
        .iter()
        .any(|row| row.difference == text);
    [in_plan, in_status, in_drift]
}

#[test]
fn plan_status_and_drift_report_a_stop_outside_floe_only_from_its_condition() {
    let fixture = converged().stopped("copy");
    assert_eq!(reports_of(&fixture, |_| true), [true; 3]);
    assert_eq!(reports_of(&fixture, |condition| *condition != Condition::StoppedOutside), [false; 3]);
    assert_eq!(reports_of(&converged(), |_| true), [false; 3]);
}
