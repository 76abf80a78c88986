//! What a run finds when it starts: a disk and a cloud. A snapshot does not depend on a clock, so that runs can start
//! from it any number of times.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::Arc,
};

use floe::{
    simulator::{Simulator, WorldSnapshot},
    state::fake_disk::FakeDisk,
};

/// A hash of 128 bits over everything that a run can find. Runs from snapshots with equal hashes are equal.
pub type SnapshotHash = u128;

/// A disk without unsynced data, and a cloud at one moment.
#[derive(Clone)]
pub struct SystemSnapshot {
    /// The disk with its hash.
    pub disk: Arc<(FakeDisk, SnapshotHash)>,
    /// The cloud with its hash.
    pub cloud: Arc<(WorldSnapshot, SnapshotHash)>,
}

impl SystemSnapshot {
    /// Returns a snapshot of `disk` and of the cloud as it is now.
    pub fn new(disk: FakeDisk, simulator: &Simulator) -> SystemSnapshot {
        SystemSnapshot { disk: Arc::new(hash_disk(disk)), cloud: Arc::new(hash_cloud(simulator)) }
    }

    /// Returns the hash of the disk and the cloud together.
    pub fn snapshot_hash(&self) -> SnapshotHash {
        self.disk.1 ^ self.cloud.1.rotate_left(1)
    }
}

/// Returns a restarted disk with its hash.
pub fn hash_disk(disk: FakeDisk) -> (FakeDisk, SnapshotHash) {
    let hash = hash_of(&disk.files());
    (disk, hash)
}

/// Returns the cloud as it is now, with its hash.
pub fn hash_cloud(simulator: &Simulator) -> (WorldSnapshot, SnapshotHash) {
    let moment = simulator.snapshot();
    let hash = hash_of(&moment.to_bytes());
    (moment, hash)
}

/// Returns a hash that consists of two salted halves.
fn hash_of(what: &impl Hash) -> SnapshotHash {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        what.hash(&mut hasher);
        SnapshotHash::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}
