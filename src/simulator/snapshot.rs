//! A snapshot of a world, independent of any clock, from which any number of simulators can start.

use std::sync::Arc;

use super::{
    events::run_due_events,
    options::SimulatorOptions,
    simulated_cloud::Simulator,
    world::{LogRecord, SimulatedWorld},
};

/// A world at one moment, including its pending events. Like a log that is opened again, it holds no faults, no
/// overrides that were added later, and no state of the rate limits.
#[derive(Clone)]
pub struct WorldSnapshot {
    /// The options of the original world.
    options: Arc<SimulatorOptions>,
    /// The whole world as one record.
    record: Arc<LogRecord>,
}

impl Simulator {
    /// Takes a snapshot of the world as it is now.
    pub fn snapshot(&self) -> WorldSnapshot {
        let mut state = self.lock();
        run_due_events(&mut state.world);
        WorldSnapshot { options: Arc::clone(&state.world.options), record: Arc::new(state.world.to_record()) }
    }

    /// Creates a cloud in memory that continues from `snapshot`. Its time continues there, regardless of tokio's
    /// clock.
    pub fn from_snapshot(snapshot: &WorldSnapshot) -> Simulator {
        Simulator::from_world(SimulatedWorld::from_record(
            Arc::clone(&snapshot.options),
            LogRecord::clone(&snapshot.record),
        ))
    }
}

impl WorldSnapshot {
    /// Returns the snapshot as bytes. Clouds from snapshots with equal options and bytes give equal responses to
    /// equal requests.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Records are written as JSON all the time and have only string keys, so this cannot fail.
        serde_json::to_vec(&*self.record).unwrap_or_default()
    }
}
