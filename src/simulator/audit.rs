//! What was done, in order, and what must never have happened: two running copies of a job, a name created twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::resource::Generation;

/// Something that changed the world: by a request, by interference or, for deletions, by the service itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// What was done.
    #[serde(rename = "verb")]
    pub kind: EffectKind,
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
pub enum EffectKind {
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
pub struct AuditReport {
    /// Per logical statement (its generations together), the most jobs that ran at once: more than one is a job that
    /// ran twice. A job runs from RUNNING until it is STOPPED, FAILED, COMPLETED or gone.
    pub peak_running: BTreeMap<String, usize>,
    /// Per cloud name, how many creations took effect.
    pub creations: BTreeMap<String, usize>,
    /// Per display name, how many pools were created under it.
    pub pool_creations: BTreeMap<String, usize>,
}

/// The running account.
#[derive(Debug, Default)]
pub(super) struct AuditTrail {
    effects: Vec<Effect>,
    job_counts: BTreeMap<String, JobCount>,
    /// Whether nothing is kept.
    disabled: bool,
}

/// The running generations of one logical statement.
#[derive(Debug, Default)]
struct JobCount {
    running: Vec<u64>,
    peak: usize,
}

impl AuditTrail {
    /// One that keeps nothing, for a world that nobody asks what was done in it.
    pub(super) fn disabled() -> AuditTrail {
        AuditTrail { disabled: true, ..AuditTrail::default() }
    }

    pub(super) fn record(&mut self, effect: Effect) {
        if !self.disabled {
            self.effects.push(effect);
        }
    }

    pub(super) fn effects(&self) -> &[Effect] {
        &self.effects
    }

    pub(super) fn peak_counts(&self) -> impl Iterator<Item = (&str, usize)> {
        self.job_counts.iter().map(|(base, job)| (base.as_str(), job.peak))
    }

    pub(super) fn restore_peak(&mut self, base: &str, peak: usize) {
        if self.disabled {
            return;
        }
        let job = self.job_counts.entry(base.to_owned()).or_default();
        job.peak = job.peak.max(peak);
    }

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

    pub(super) fn job_ended(&mut self, name: &str, serial: u64) {
        if let Some(job) = self.job_counts.get_mut(base_name(name)) {
            job.running.retain(|running| *running != serial);
        }
    }

    pub(super) fn report(&self) -> AuditReport {
        let count_by_name = |verb: EffectKind| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for effect in self.effects.iter().filter(|effect| effect.kind == verb) {
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

/// The logical name behind a generation's.
fn base_name(name: &str) -> &str {
    name.rsplit_once("-g")
        .map(|(base, _)| base)
        .filter(|base| Generation::from_name(base, name).is_some())
        .unwrap_or(name)
}
