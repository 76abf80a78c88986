//! LIVE: one snapshot of the cloud: one list, then a GET for each asked name that the list lacks.

mod read;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::Listing,
    resource::{Generation, LivePool, LiveStatement, Phase, Secrets, WarningSeverity},
};

pub use read::{fetch_missing, read};

/// What the cloud held when it was read. Whatever the list did not show is not absent until a GET says so.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// By cloud name.
    statements: Inventory<LiveStatement>,
    /// By id.
    pools: Inventory<LivePool>,
    /// Where known values of secrets stand, by the cloud name of the statement that holds them.
    secret_locations: BTreeMap<String, SecretLocations>,
    /// Ids of pools that the list showed in a form that does not read.
    unreadable_pools: BTreeSet<String>,
    /// Whether pools were listed; without a Cloud API key they cannot be.
    pub pools_listed: bool,
    /// The service's own time of the snapshot, from its `Date` header: what ages are counted from.
    pub service_time: Option<String>,
}

/// Where the values of secrets stand in one statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretLocations {
    /// In its SQL.
    pub sql: bool,
    /// In these of its properties.
    pub properties: BTreeSet<String>,
}

/// What is known of all things of one kind.
#[derive(Debug, Clone)]
struct Inventory<T> {
    present: BTreeMap<String, Box<T>>,
    absent: BTreeSet<String>,
    unknown: BTreeMap<String, String>,
}

impl<T> Default for Inventory<T> {
    fn default() -> Self {
        Inventory { present: BTreeMap::new(), absent: BTreeSet::new(), unknown: BTreeMap::new() }
    }
}

impl<T> Inventory<T> {
    fn from_present(present: BTreeMap<String, Box<T>>) -> Self {
        Inventory { present, ..Inventory::default() }
    }

    fn presence(&self, name: &str) -> Presence<'_, T> {
        if let Some(thing) = self.present.get(name) {
            Presence::Present(thing)
        } else if self.absent.contains(name) {
            Presence::Absent
        } else if let Some(why) = self.unknown.get(name) {
            Presence::Unknown(why)
        } else {
            Presence::Unlisted
        }
    }

    fn add_answer(&mut self, name: &str, answer: Result<Option<T>, String>) {
        match answer {
            Ok(Some(thing)) => drop(self.present.insert(name.to_owned(), Box::new(thing))),
            Ok(None) => {
                self.present.remove(name);
                self.absent.insert(name.to_owned());
            }
            Err(why) => drop(self.unknown.insert(name.to_owned(), why)),
        }
    }

    /// Those of `names` of which nothing is known.
    fn unlisted(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        names.iter().filter(|name| matches!(self.presence(name), Presence::Unlisted)).cloned().collect()
    }
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
pub struct Lookups {
    /// Cloud names of statements.
    pub statements: BTreeSet<String>,
    /// Ids of pools.
    pub pools: BTreeSet<String>,
}

impl Lookups {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty() && self.pools.is_empty()
    }
}

impl Live {
    /// A snapshot that holds these things and nothing else: statements by cloud name, pools by id.
    pub fn from_resources(
        statements: BTreeMap<String, LiveStatement>,
        pools: Option<BTreeMap<String, LivePool>>,
    ) -> Self {
        let pools = pools.map(|pools| pools.into_iter().map(|(id, pool)| (id, Box::new(pool))).collect());
        Live::from_boxed(statements.into_iter().map(|(name, live)| (name, Box::new(live))).collect(), pools)
    }

    fn from_boxed(
        statements: BTreeMap<String, Box<LiveStatement>>,
        pools: Option<BTreeMap<String, Box<LivePool>>>,
    ) -> Self {
        Live {
            statements: Inventory::from_present(statements),
            pools_listed: pools.is_some(),
            pools: Inventory::from_present(pools.unwrap_or_default()),
            ..Live::default()
        }
    }

    /// What these lists held; what could not be read in them is unknown.
    pub fn from_lists(statements: Listing<LiveStatement>, pools: Option<Listing<LivePool>>) -> Self {
        let (pools, unreadable) = pools.map(|listed| (listed.items, listed.unreadable)).unzip();
        let mut live = Live::from_boxed(statements.items, pools);
        for (name, why) in statements.unreadable {
            live.add_statement_answer(&name, Err(why));
        }
        for (id, why) in unreadable.into_iter().flatten() {
            live.add_pool_answer(&id, Err(why));
            live.unreadable_pools.insert(id);
        }
        live
    }

    /// What is known of the statement with this cloud name.
    pub fn statement(&self, name: &str) -> Presence<'_, LiveStatement> {
        self.statements.presence(name)
    }

    /// What is known of the pool with this id.
    pub fn pool(&self, id: &str) -> Presence<'_, LivePool> {
        self.pools.presence(id)
    }

    /// Every statement, by cloud name.
    pub fn statements(&self) -> impl Iterator<Item = &LiveStatement> {
        self.statements.present.values().map(Box::as_ref)
    }

    /// Every pool, by id.
    pub fn pools(&self) -> impl Iterator<Item = &LivePool> {
        self.pools.present.values().map(Box::as_ref)
    }

    /// The ids of pools that are there and may be any.
    pub fn unreadable_pools(&self) -> impl Iterator<Item = &str> {
        self.unreadable_pools.iter().map(String::as_str)
    }

    /// The statements that bear the name of a generation of `base`, oldest generation first.
    pub fn generations(&self, base: &str) -> Vec<(Generation, &LiveStatement)> {
        let mut found: Vec<_> = self
            .statements
            .present
            .range(base.to_owned()..)
            .take_while(|(name, _)| name.starts_with(base))
            .filter_map(|(name, statement)| Some((Generation::from_name(base, name)?, &**statement)))
            .collect();
        found.sort_by_key(|(generation, _)| *generation);
        found
    }

    /// Takes in the answer to a single GET of a statement.
    pub fn add_statement_answer(&mut self, name: &str, answer: Result<Option<LiveStatement>, String>) {
        self.statements.add_answer(name, answer);
    }

    /// Takes in the answer to a single GET of a pool.
    pub fn add_pool_answer(&mut self, id: &str, answer: Result<Option<LivePool>, String>) {
        self.pools.add_answer(id, answer);
    }

    /// Where the known values of secrets stand in the statement with this cloud name, once [`Live::redact`] was told
    /// them; `None` if in none of its texts.
    pub fn secret_locations(&self, name: &str) -> Option<&SecretLocations> {
        self.secret_locations.get(name)
    }

    /// Takes the values of secrets out of whatever the service says in words: it may quote SQL. SQL and properties
    /// themselves are what the rest is compared with, so they stay, and it is noted where a value stands in them.
    pub fn redact(&mut self, secrets: &Secrets) {
        for (name, statement) in &mut self.statements.present {
            let properties = statement.properties.iter().filter(|(_, value)| secrets.any_occurs_in(value));
            let properties = properties.map(|(key, _)| key.to_string()).collect();
            let locations = SecretLocations { sql: secrets.any_occurs_in(&statement.sql), properties };
            if locations != SecretLocations::default() {
                self.secret_locations.insert(name.clone(), locations);
            }
            statement.detail = secrets.redact(&statement.detail);
            // Phases and severities that floe knows are its own words too.
            if let Phase::Other(word) = &mut statement.phase {
                *word = secrets.redact(word);
            }
            for warning in &mut statement.warnings {
                warning.message = secrets.redact(&warning.message);
                warning.reason = secrets.redact(&warning.reason);
                if let WarningSeverity::Other(word) = &mut warning.severity {
                    *word = secrets.redact(word);
                }
            }
        }
        for why in self.statements.unknown.values_mut().chain(self.pools.unknown.values_mut()) {
            *why = secrets.redact(why);
        }
    }

    /// Those of `asks` that this snapshot does not answer yet.
    pub fn pending_lookups(&self, lookups: &Lookups) -> Lookups {
        Lookups {
            statements: self.statements.unlisted(&lookups.statements),
            pools: self.pools.unlisted(&lookups.pools),
        }
    }
}
