//! A world at one moment, apart from any clock: what simulated clouds can go on from, as often as one likes.

use std::sync::Arc;

use super::{Simulator, log::Record, options::Options, world::World};

/// A world as it stood at one moment, with what was still to happen in it. Like a log that is opened again it holds no
/// faults, no verdicts that were added later, and no account of the rate limits.
#[derive(Clone)]
pub struct Moment {
    options: Arc<Options>,
    told: Arc<Record>,
}

impl Simulator {
    /// This world as it stands now.
    pub fn moment(&self) -> Moment {
        let mut inside = self.inside();
        inside.world.advance();
        Moment { options: Arc::clone(&inside.world.options), told: Arc::new(inside.world.told_whole()) }
    }

    /// A cloud in memory that goes on from `moment`: its time continues there, whenever that is by the clock of tokio.
    pub fn from_moment(moment: &Moment) -> Simulator {
        Simulator::of(World::retold(Arc::clone(&moment.options), Record::clone(&moment.told)))
    }
}

impl Moment {
    /// What it is, in bytes: clouds that go on from moments of equal options and bytes answer equal requests equally.
    pub fn bytes(&self) -> Vec<u8> {
        // A record is written as JSON all the time, and has no keys that are not strings.
        serde_json::to_vec(&*self.told).unwrap_or_default()
    }
}
