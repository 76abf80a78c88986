//! The snapshot: what is known about each statement and pool, and what a GET must still confirm.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::Listing,
    resource::{Generation, LivePool, LiveStatement, Secrets, ServiceTime},
};

/// What the cloud held when it was read. A name that the list lacks counts as absent only after a GET says so.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// The statements by cloud name.
    statements: Inventory<LiveStatement>,
    /// The pools by id.
    pools: Inventory<LivePool>,
    /// Where known secret values occur, by the cloud name of the statement that contains them.
    secret_locations: BTreeMap<String, SecretLocations>,
    /// The ids of listed pools whose description could not be parsed.
    unreadable_pools: BTreeSet<String>,
    /// Whether pools were listed. Listing them needs a Cloud API key.
    pub pools_listed: bool,
    /// The service's time of the snapshot, from its `Date` header. Ages are counted from it.
    pub service_time: Option<String>,
    /// When the lists were requested, by the service's clock. What is in the snapshot is not older.
    pub read_at: Option<ServiceTime>,
}

/// Where secret values occur in one statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretLocations {
    /// Whether its SQL contains a value.
    pub sql: bool,
    /// The names of the properties that contain a value.
    pub properties: BTreeSet<String>,
}

/// What is known about all resources of one kind, by name or id.
#[derive(Debug, Clone)]
struct Inventory<T> {
    /// The resources that exist.
    present: BTreeMap<String, Box<T>>,
    /// The names for which a GET confirmed that nothing exists.
    absent: BTreeSet<String>,
    /// The names that could not be read, each with the reason.
    unknown: BTreeMap<String, String>,
}

impl<T> Default for Inventory<T> {
    fn default() -> Self {
        Inventory { present: BTreeMap::new(), absent: BTreeSet::new(), unknown: BTreeMap::new() }
    }
}

impl<T> Inventory<T> {
    /// Returns an inventory with these resources and no other knowledge.
    fn from_present(present: BTreeMap<String, Box<T>>) -> Self {
        Inventory { present, ..Inventory::default() }
    }

    /// Returns what is known about the resource called `name`.
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

    /// Adds the answer to a GET of `name`: the resource, its absence, or why it could not be read.
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

    /// Returns those of `names` that are unlisted, so nothing is known about them.
    fn unlisted(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        names.iter().filter(|name| matches!(self.presence(name), Presence::Unlisted)).cloned().collect()
    }
}

/// What is known about one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence<'a, T> {
    /// The resource exists and was read.
    Present(&'a T),
    /// A GET confirmed that it does not exist.
    Absent,
    /// The list lacks it and no GET was sent. A list leaves out what the key may not read, and lags 5–15 s.
    Unlisted,
    /// A GET failed to say whether it exists. The text is the service's message.
    Unknown(&'a str),
}

/// Statement names and pool ids that a GET must confirm before a decision may rely on their absence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookups {
    /// The cloud names of statements.
    pub statements: BTreeSet<String>,
    /// The ids of pools.
    pub pools: BTreeSet<String>,
    /// The ids of pools that this state has requested to delete.
    pub deleted_pools: BTreeSet<String>,
}

impl Lookups {
    /// Returns the lookup of one statement by its cloud name.
    pub fn of_statement(name: &str) -> Self {
        Lookups { statements: BTreeSet::from([name.to_owned()]), ..Lookups::default() }
    }

    /// Returns the lookup of one pool by its id.
    pub fn of_pool(id: &str) -> Self {
        Lookups { pools: BTreeSet::from([id.to_owned()]), ..Lookups::default() }
    }

    /// Adds the lookups of `other` to these.
    pub fn merge(&mut self, other: Lookups) {
        self.statements.extend(other.statements);
        self.pools.extend(other.pools);
        self.deleted_pools.extend(other.deleted_pools);
    }

    /// Returns whether there is nothing to look up.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty() && self.pools.is_empty() && self.deleted_pools.is_empty()
    }
}

impl Live {
    /// Returns a snapshot of exactly these resources: statements by cloud name, pools by id. Without `pools`, pools
    /// count as not listed.
    pub fn from_resources(
        statements: BTreeMap<String, LiveStatement>,
        pools: Option<BTreeMap<String, LivePool>>,
    ) -> Self {
        let pools = pools.map(|pools| pools.into_iter().map(|(id, pool)| (id, Box::new(pool))).collect());
        Live::from_boxed(statements.into_iter().map(|(name, live)| (name, Box::new(live))).collect(), pools)
    }

    /// Does the same for resources that are already boxed.
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

    /// Returns the snapshot of these lists. Items that could not be parsed are unknown.
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

    /// Returns what is known about the statement with this cloud name.
    pub fn statement(&self, name: &str) -> Presence<'_, LiveStatement> {
        self.statements.presence(name)
    }

    /// Returns what is known about the pool with this id.
    pub fn pool(&self, id: &str) -> Presence<'_, LivePool> {
        self.pools.presence(id)
    }

    /// Returns all statements that exist, in order of their cloud names.
    pub fn statements(&self) -> impl Iterator<Item = &LiveStatement> {
        self.statements.present.values().map(Box::as_ref)
    }

    /// Returns all pools that exist, in order of their ids.
    pub fn pools(&self) -> impl Iterator<Item = &LivePool> {
        self.pools.present.values().map(Box::as_ref)
    }

    /// Returns the ids of pools that exist but could not be parsed. Any of them might be the pool in question.
    pub fn unreadable_pools(&self) -> impl Iterator<Item = &str> {
        self.unreadable_pools.iter().map(String::as_str)
    }

    /// Returns the statements whose names are generations of `base`, oldest generation first.
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

    /// Adds the answer to a GET of one statement.
    pub fn add_statement_answer(&mut self, name: &str, answer: Result<Option<LiveStatement>, String>) {
        self.statements.add_answer(name, answer);
    }

    /// Adds the answer to a GET of one pool.
    pub fn add_pool_answer(&mut self, id: &str, answer: Result<Option<LivePool>, String>) {
        self.pools.add_answer(id, answer);
    }

    /// Returns where known secret values occur in the statement with this cloud name. It is `None` if they do not, or
    /// before [`Live::redact`] has run.
    pub fn secret_locations(&self, name: &str) -> Option<&SecretLocations> {
        self.secret_locations.get(name)
    }

    /// Redacts secret values in all messages of the service, which may quote SQL. SQL and properties stay as they are
    /// because they are compared later. For these, it records where a value occurs.
    pub fn redact(&mut self, secrets: &Secrets) {
        for (name, statement) in &mut self.statements.present {
            let properties = statement.properties.iter().filter(|(_, value)| secrets.any_occurs_in(value));
            let properties = properties.map(|(key, _)| key.to_string()).collect();
            let locations = SecretLocations { sql: secrets.any_occurs_in(&statement.sql), properties };
            if locations != SecretLocations::default() {
                self.secret_locations.insert(name.clone(), locations);
            }
            statement.redact_messages(secrets);
        }
        for why in self.statements.unknown.values_mut().chain(self.pools.unknown.values_mut()) {
            *why = secrets.redact(why);
        }
    }

    /// Returns those of `lookups` that this snapshot does not answer yet.
    pub fn pending_lookups(&self, lookups: &Lookups) -> Lookups {
        Lookups {
            statements: self.statements.unlisted(&lookups.statements),
            pools: self.pools.unlisted(&lookups.pools),
            deleted_pools: self.pools.unlisted(&lookups.deleted_pools),
        }
    }
}
