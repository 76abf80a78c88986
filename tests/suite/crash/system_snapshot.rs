//! What a run finds when it starts: a disk and a cloud, apart from any clock, so that runs can start there again and again.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::Arc,
};

use floe::{
    simulator::{Simulator, WorldSnapshot},
    state::fake_disk::FakeDisk,
};

/// Tells scenes apart: 128 bits of all that a run can find there. Runs from scenes of one mark are the same runs.
pub type SnapshotHash = u128;

/// A disk on which nothing is unsynced, and a cloud at a moment.
#[derive(Clone)]
pub struct SystemSnapshot {
    pub disk: Arc<(FakeDisk, SnapshotHash)>,
    pub cloud: Arc<(WorldSnapshot, SnapshotHash)>,
}

impl SystemSnapshot {
    pub fn new(disk: FakeDisk, simulator: &Simulator) -> SystemSnapshot {
        SystemSnapshot { disk: Arc::new(hash_disk(disk)), cloud: Arc::new(hash_cloud(simulator)) }
    }

    pub fn snapshot_hash(&self) -> SnapshotHash {
        self.disk.1 ^ self.cloud.1.rotate_left(1)
    }
}

/// A disk after a restart, with its mark.
pub fn hash_disk(disk: FakeDisk) -> (FakeDisk, SnapshotHash) {
    let hash = hash_of(&disk.files());
    (disk, hash)
}

/// A cloud as it stands now, with its mark.
pub fn hash_cloud(simulator: &Simulator) -> (WorldSnapshot, SnapshotHash) {
    let moment = simulator.snapshot();
    let hash = hash_of(&moment.to_bytes());
    (moment, hash)
}

fn hash_of(what: &impl Hash) -> SnapshotHash {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        what.hash(&mut hasher);
        SnapshotHash::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}
