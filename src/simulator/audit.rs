//! What was done, in order, and what must never have happened: two running copies of a job, a name created twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::resource::Generation;

/// Something that changed the world: by a request, by interference or, for deletions, by the service itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// What was done.
    pub verb: Verb,
    /// The statement's name or the pool's id; of a pool that was created, its display name.
    pub name: String,
    /// The statement's `uid`; for a pool its id again.
    pub uid: String,
    /// The world's time (RFC 3339).
    pub at: String,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// A statement was created.
    Created,
    /// A statement's pool, principal, labels or scaling changed.
    Updated,
    /// A statement was asked to stop.
    Stopped,
    /// A statement was asked to run again.
    Resumed,
    /// A statement was asked to go.
    Deleted,
    /// The service removed a statement thirty days after it ended, or interference did.
    Purged,
    /// A pool was created.
    PoolCreated,
    /// A pool changed.
    PoolUpdated,
    /// A pool was deleted.
    PoolDeleted,
}

/// What tests hold against a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Per logical statement (its generations together), the most jobs that ran at once: more than one is a job that
    /// ran twice. A job runs from RUNNING until it is STOPPED, FAILED, COMPLETED or gone.
    pub most_running: BTreeMap<String, usize>,
    /// Per cloud name, how many creations took effect.
    pub creates: BTreeMap<String, usize>,
    /// Per display name, how many pools were created under it.
    pub pool_creates: BTreeMap<String, usize>,
}

/// The running account.
#[derive(Debug, Default)]
pub(super) struct Audit {
    effects: Vec<Effect>,
    jobs: BTreeMap<String, Job>,
    /// Whether nothing is kept.
    silent: bool,
}

/// The running generations of one logical statement.
#[derive(Debug, Default)]
struct Job {
    running: Vec<u64>,
    most: usize,
}

impl Audit {
    /// One that keeps nothing, for a world that nobody asks what was done in it.
    pub(super) fn silent() -> Audit {
        Audit { silent: true, ..Audit::default() }
    }

    pub(super) fn tell(&mut self, effect: Effect) {
        if !self.silent {
            self.effects.push(effect);
        }
    }

    pub(super) fn effects(&self) -> &[Effect] {
        &self.effects
    }

    pub(super) fn peaks(&self) -> impl Iterator<Item = (&str, usize)> {
        self.jobs.iter().map(|(base, job)| (base.as_str(), job.most))
    }

    pub(super) fn peak(&mut self, base: &str, most: usize) {
        if self.silent {
            return;
        }
        let job = self.jobs.entry(base.to_owned()).or_default();
        job.most = job.most.max(most);
    }

    pub(super) fn begins(&mut self, name: &str, serial: u64) {
        if self.silent {
            return;
        }
        let job = self.jobs.entry(base(name).to_owned()).or_default();
        if !job.running.contains(&serial) {
            job.running.push(serial);
        }
        job.most = job.most.max(job.running.len());
    }

    pub(super) fn ends(&mut self, name: &str, serial: u64) {
        if let Some(job) = self.jobs.get_mut(base(name)) {
            job.running.retain(|running| *running != serial);
        }
    }

    pub(super) fn findings(&self) -> Findings {
        let counted = |verb: Verb| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for effect in self.effects.iter().filter(|effect| effect.verb == verb) {
                let count = counts.entry(effect.name.clone()).or_default();
                *count = count.saturating_add(1);
            }
            counts
        };
        Findings {
            most_running: self.peaks().map(|(base, most)| (base.to_owned(), most)).collect(),
            creates: counted(Verb::Created),
            pool_creates: counted(Verb::PoolCreated),
        }
    }
}

/// The logical name behind a generation's.
fn base(name: &str) -> &str {
    name.rsplit_once("-g")
        .map(|(base, _)| base)
        .filter(|base| Generation::from_name(base, name).is_some())
        .unwrap_or(name)
}
