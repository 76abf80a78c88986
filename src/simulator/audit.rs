//! Records every effect in order, and counts what must never happen: concurrent copies of a job, names created twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::resource::Generation;

/// A change of the world: by a request, out of band or, for deletions, by the service itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The kind of change.
    #[serde(rename = "verb")]
    pub kind: EffectKind,
    /// The statement's name or the pool's id. For a created pool it is the display name.
    pub name: String,
    /// The statement's `uid`, or the pool's id.
    pub uid: String,
    /// The world's time of the change in RFC 3339.
    pub at: String,
}

/// What was done to a statement or a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// A statement was created.
    Created,
    /// A statement's pool, principal, labels or scaling changed.
    Updated,
    /// A stop of a statement was requested.
    Stopped,
    /// A resume of a statement was requested.
    Resumed,
    /// The deletion of a statement was requested.
    Deleted,
    /// A statement was removed without a request: by the service thirty days after its end, or out of band.
    Purged,
    /// A pool was created.
    PoolCreated,
    /// A pool's attributes were changed.
    PoolUpdated,
    /// A pool was deleted.
    PoolDeleted,
}

/// The counts that tests check after a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// The largest number of jobs that ran at once, by logical statement (all its generations together). More than
    /// one means that a job ran twice. A job runs from RUNNING until it is STOPPED, FAILED, COMPLETED or removed.
    pub peak_running: BTreeMap<String, usize>,
    /// The number of creations that took effect, by statement name.
    pub creations: BTreeMap<String, usize>,
    /// The number of pools that were created, by display name.
    pub pool_creations: BTreeMap<String, usize>,
}

/// The effects and job counts so far.
#[derive(Debug, Default)]
pub(super) struct AuditTrail {
    /// All effects, in order.
    effects: Vec<Effect>,
    /// The running jobs of each logical statement.
    job_counts: BTreeMap<String, JobCount>,
    /// Whether nothing is recorded at all.
    disabled: bool,
}

/// The running generations of one logical statement.
#[derive(Debug, Default)]
struct JobCount {
    /// The serial numbers of the running generations.
    running: Vec<u64>,
    /// The largest number that ran at once.
    peak: usize,
}

impl AuditTrail {
    /// Returns a trail that records nothing, for a world that is only read.
    pub(super) fn disabled() -> AuditTrail {
        AuditTrail { disabled: true, ..AuditTrail::default() }
    }

    /// Adds an effect to the trail.
    pub(super) fn record(&mut self, effect: Effect) {
        if !self.disabled {
            self.effects.push(effect);
        }
    }

    /// Returns all effects, in order.
    pub(super) fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// Returns the largest number of jobs that ran at once, by logical statement.
    pub(super) fn peak_counts(&self) -> impl Iterator<Item = (&str, usize)> {
        self.job_counts.iter().map(|(base, job)| (base.as_str(), job.peak))
    }

    /// Restores a peak from the log, unless a higher one is known.
    pub(super) fn restore_peak(&mut self, base: &str, peak: usize) {
        if self.disabled {
            return;
        }
        let job = self.job_counts.entry(base.to_owned()).or_default();
        job.peak = job.peak.max(peak);
    }

    /// Counts a job that started to execute.
    pub(super) fn job_started(&mut self, name: &str, serial: u64) {
        if self.disabled {
            return;
        }
        let job = self.job_counts.entry(base_name(name).to_owned()).or_default();
        if !job.running.contains(&serial) {
            job.running.push(serial);
        }
        job.peak = job.peak.max(job.running.len());
    }

    /// Counts a job that no longer executes.
    pub(super) fn job_ended(&mut self, name: &str, serial: u64) {
        if let Some(job) = self.job_counts.get_mut(base_name(name)) {
            job.running.retain(|running| *running != serial);
        }
    }

    /// Returns the counts that tests check.
    pub(super) fn report(&self) -> AuditReport {
        let count_by_name = |kind: EffectKind| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for effect in self.effects.iter().filter(|effect| effect.kind == kind) {
                let count = counts.entry(effect.name.clone()).or_default();
                *count = count.saturating_add(1);
            }
            counts
        };
        AuditReport {
            peak_running: self.peak_counts().map(|(base, most)| (base.to_owned(), most)).collect(),
            creations: count_by_name(EffectKind::Created),
            pool_creations: count_by_name(EffectKind::PoolCreated),
        }
    }
}

/// Returns the logical name behind a generation's name.
fn base_name(name: &str) -> &str {
    name.rsplit_once("-g")
        .map(|(base, _)| base)
        .filter(|base| Generation::from_name(base, name).is_some())
        .unwrap_or(name)
}
