//! LIVE: one snapshot of the cloud: one list, then a GET for each asked name that the list lacks.

mod read;

use std::collections::{BTreeMap, BTreeSet};

use crate::resource::{Generation, LivePool, LiveStatement, Secrets};

pub use read::{confirm, read};

/// What the cloud held when it was read. Whatever the list did not show is not absent until a GET says so.
#[derive(Debug, Clone, Default)]
pub struct Live {
    statements: BTreeMap<String, LiveStatement>,
    absent_statements: BTreeSet<String>,
    unknown_statements: BTreeMap<String, String>,
    pools: BTreeMap<String, LivePool>,
    absent_pools: BTreeSet<String>,
    unknown_pools: BTreeMap<String, String>,
    /// Whether pools were listed; without a Cloud API key they cannot be.
    pub pools_listed: bool,
    /// The service's own time of the snapshot, from its `Date` header: what ages are counted from.
    pub service_time: Option<String>,
}

/// What is known of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence<'a, T> {
    /// It is there.
    Present(&'a T),
    /// A GET said that it is not there.
    Absent,
    /// The list does not show it, and nobody asked: a list leaves out what the key may not read, and lags 5–15 s.
    Unlisted,
    /// It was asked for and the answer was neither yes nor no; these are the service's words.
    Unknown(&'a str),
}

/// Names and pool ids that a single GET has to confirm before something is decided from their absence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asks {
    /// Cloud names of statements.
    pub statements: BTreeSet<String>,
    /// Ids of pools.
    pub pools: BTreeSet<String>,
}

impl Asks {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty() && self.pools.is_empty()
    }
}

impl Live {
    /// A snapshot that holds these things and nothing else.
    pub fn of(
        statements: impl IntoIterator<Item = LiveStatement>,
        pools: Option<impl IntoIterator<Item = LivePool>>,
    ) -> Self {
        Live {
            statements: statements.into_iter().map(|statement| (statement.name.clone(), statement)).collect(),
            pools_listed: pools.is_some(),
            pools: pools.into_iter().flatten().map(|pool| (pool.id.clone(), pool)).collect(),
            ..Live::default()
        }
    }

    /// What is known of the statement with this cloud name.
    pub fn statement(&self, name: &str) -> Presence<'_, LiveStatement> {
        if let Some(statement) = self.statements.get(name) {
            Presence::Present(statement)
        } else if self.absent_statements.contains(name) {
            Presence::Absent
        } else if let Some(why) = self.unknown_statements.get(name) {
            Presence::Unknown(why)
        } else {
            Presence::Unlisted
        }
    }

    /// What is known of the pool with this id.
    pub fn pool(&self, id: &str) -> Presence<'_, LivePool> {
        if let Some(pool) = self.pools.get(id) {
            Presence::Present(pool)
        } else if self.absent_pools.contains(id) {
            Presence::Absent
        } else if let Some(why) = self.unknown_pools.get(id) {
            Presence::Unknown(why)
        } else {
            Presence::Unlisted
        }
    }

    /// Every statement, by cloud name.
    pub fn statements(&self) -> impl Iterator<Item = &LiveStatement> {
        self.statements.values()
    }

    /// Every pool, by id.
    pub fn pools(&self) -> impl Iterator<Item = &LivePool> {
        self.pools.values()
    }

    /// The statements that bear the name of a generation of `base`, oldest generation first.
    pub fn generations(&self, base: &str) -> Vec<(Generation, &LiveStatement)> {
        let mut found: Vec<_> = self
            .statements
            .range(base.to_owned()..)
            .take_while(|(name, _)| name.starts_with(base))
            .filter_map(|(name, statement)| Some((Generation::of(base, name)?, statement)))
            .collect();
        found.sort_by_key(|(generation, _)| *generation);
        found
    }

    /// Takes in the answer to a single GET of a statement.
    pub fn learn_statement(&mut self, name: &str, answer: Result<Option<LiveStatement>, String>) {
        match answer {
            Ok(Some(statement)) => {
                self.statements.insert(name.to_owned(), statement);
            }
            Ok(None) => {
                self.statements.remove(name);
                self.absent_statements.insert(name.to_owned());
            }
            Err(why) => {
                self.unknown_statements.insert(name.to_owned(), why);
            }
        }
    }

    /// Takes in the answer to a single GET of a pool.
    pub fn learn_pool(&mut self, id: &str, answer: Result<Option<LivePool>, String>) {
        match answer {
            Ok(Some(pool)) => {
                self.pools.insert(id.to_owned(), pool);
            }
            Ok(None) => {
                self.pools.remove(id);
                self.absent_pools.insert(id.to_owned());
            }
            Err(why) => {
                self.unknown_pools.insert(id.to_owned(), why);
            }
        }
    }

    /// Takes the values of secrets out of whatever the service says in words: it may quote SQL.
    pub fn redact(&mut self, secrets: &Secrets) {
        for statement in self.statements.values_mut() {
            statement.detail = secrets.redact(&statement.detail);
            for warning in &mut statement.warnings {
                warning.message = secrets.redact(&warning.message);
            }
        }
        for why in self.unknown_statements.values_mut().chain(self.unknown_pools.values_mut()) {
            *why = secrets.redact(why);
        }
    }

    /// Those of `asks` that this snapshot does not answer yet.
    pub fn unanswered(&self, asks: &Asks) -> Asks {
        let statement = |name: &&String| self.statement(name) == Presence::Unlisted;
        let pool = |id: &&String| self.pool(id) == Presence::Unlisted;
        Asks {
            statements: asks.statements.iter().filter(statement).cloned().collect(),
            pools: asks.pools.iter().filter(pool).cloned().collect(),
        }
    }
}
