//! What a run finds when it starts: a disk and a cloud, apart from any clock, so that runs can start there again and again.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::Arc,
};

use floe::{
    simulator::{Simulator, WorldSnapshot},
    state::fake::FakeDisk,
};

/// Tells scenes apart: 128 bits of all that a run can find there. Runs from scenes of one mark are the same runs.
pub type Mark = u128;

/// A disk on which nothing is unsynced, and a cloud at a moment.
#[derive(Clone)]
pub struct Scene {
    pub disk: Arc<(FakeDisk, Mark)>,
    pub cloud: Arc<(WorldSnapshot, Mark)>,
}

impl Scene {
    pub fn new(disk: FakeDisk, simulator: &Simulator) -> Scene {
        Scene { disk: Arc::new(marked(disk)), cloud: Arc::new(moment(simulator)) }
    }

    pub fn mark(&self) -> Mark {
        self.disk.1 ^ self.cloud.1.rotate_left(1)
    }
}

/// A disk after a restart, with its mark.
pub fn marked(disk: FakeDisk) -> (FakeDisk, Mark) {
    let mark = mark(&disk.files());
    (disk, mark)
}

/// A cloud as it stands now, with its mark.
pub fn moment(simulator: &Simulator) -> (WorldSnapshot, Mark) {
    let moment = simulator.snapshot();
    let mark = mark(&moment.to_bytes());
    (moment, mark)
}

fn mark(what: &impl Hash) -> Mark {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        what.hash(&mut hasher);
        Mark::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}
