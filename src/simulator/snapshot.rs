//! A world at one moment, apart from any clock: what simulated clouds can go on from, as often as one likes.

use std::sync::Arc;

use super::{Simulator, log::LogRecord, options::SimulatorOptions, world::SimulatedWorld};

/// A world as it stood at one moment, with what was still to happen in it. Like a log that is opened again it holds no
/// faults, no verdicts that were added later, and no account of the rate limits.
#[derive(Clone)]
pub struct WorldSnapshot {
    options: Arc<SimulatorOptions>,
    record: Arc<LogRecord>,
}

impl Simulator {
    /// This world as it stands now.
    pub fn snapshot(&self) -> WorldSnapshot {
        let mut state = self.lock();
        state.world.run_due_events();
        WorldSnapshot { options: Arc::clone(&state.world.options), record: Arc::new(state.world.to_record()) }
    }

    /// A cloud in memory that goes on from `moment`: its time continues there, whenever that is by the clock of tokio.
    pub fn from_snapshot(snapshot: &WorldSnapshot) -> Simulator {
        Simulator::from_world(SimulatedWorld::from_record(
            Arc::clone(&snapshot.options),
            LogRecord::clone(&snapshot.record),
        ))
    }
}

impl WorldSnapshot {
    /// What it is, in bytes: clouds that go on from moments of equal options and bytes answer equal requests equally.
    pub fn to_bytes(&self) -> Vec<u8> {
        // A record is written as JSON all the time, and has no keys that are not strings.
        serde_json::to_vec(&*self.record).unwrap_or_default()
    }
}
