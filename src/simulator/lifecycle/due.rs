//! Runs the scheduled transitions of statements.

use super::{
    super::world::{ScheduledTransition, SimulatedWorld},
    end::{end_statement, fail_running_statement, finish_removal, finish_stopping, stop_immediately},
    start::start_statement,
};
use crate::resource::Phase;

/// Runs the earliest due transition of a statement.
pub(in crate::simulator) fn run_statement_event(world: &mut SimulatedWorld, serial: u64) {
    let time = world.time;
    let Some(statement) = world.statement(serial) else { return };
    let mut due: Vec<_> = statement.current.scheduled.iter().filter(|(due, _)| *due <= time).cloned().collect();
    due.sort_by_key(|(due, _)| *due);
    let Some((_, next)) = due.into_iter().next() else { return };
    match next {
        ScheduledTransition::Remove => finish_removal(world, serial),
        ScheduledTransition::Start => start_statement(world, serial),
        ScheduledTransition::EnterPending => {
            let due = world.jittered_due(world.options.phase_durations.start);
            world.change_statement(serial, |fields| fields.restart_from_pending(due));
        }
        ScheduledTransition::Complete => end_statement(world, serial, Phase::Completed, String::new()),
        ScheduledTransition::FinishFailing => {
            let detail = statement.current.detail.clone();
            end_statement(world, serial, Phase::Failed, detail);
        }
        ScheduledTransition::FinishStopping => finish_stopping(world, serial),
        ScheduledTransition::Fail(detail) => fail_running_statement(world, serial, &detail),
        ScheduledTransition::Degrade => world.change_statement(serial, |fields| {
            fields.phase = Phase::Degraded;
            fields.scheduled.retain(|(_, next)| *next != ScheduledTransition::Degrade);
        }),
        ScheduledTransition::ResultsIdle => {
            world.change_statement(serial, |fields| fields.stopped = true);
            stop_immediately(
                world,
                serial,
                "Statement was stopped because its results were not consumed for 5 minutes.",
            );
        }
        ScheduledTransition::CarryOverTimedOut => {
            let name = statement.current.waiting_for.clone().unwrap_or_default();
            let detail = format!("Referenced statement {name} was not stopped in time.");
            end_statement(world, serial, Phase::Failed, detail);
        }
    }
}
