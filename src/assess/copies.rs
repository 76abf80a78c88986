//! Finds the live statements that could be a copy of a job. Everything that starts, records or takes over a statement
//! asks here, so that no job runs twice.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use super::{inputs::Evidence, labels::OwnerLabels};
use crate::{
    live::Presence,
    resource::{Address, Consent, ConsentKind, Generation, LiveStatement, Operation, Statement, Template, properties},
    sql::{self, Namespace, Usage},
    state::{GenerationRecord, StatementRecord},
};

/// The catalog of Confluent's example tables, which only generate rows.
const EXAMPLES_CATALOG: &str = "`examples`.";

/// A live statement that could be a copy of a job, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PossibleCopy<'a> {
    /// The statement as it is live.
    pub live: &'a LiveStatement,
    /// What makes it a possible copy.
    pub evidence_kind: CopyEvidence,
    /// Whether it has the labels of this project, environment and address.
    pub is_labeled: bool,
}

/// What makes a statement a possible copy of a job. The strongest evidence is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyEvidence {
    /// It has the name of this generation.
    Generation(Generation),
    /// It has the labels of the address, under another name.
    Labels,
    /// One of its `INSERT` statements is one of the job's.
    EqualInsert {
        /// The address in its labels, if they are those of this project and environment.
        labeled_as: Option<Address>,
        /// The address that records it, if one does.
        recorded_as: Option<Address>,
    },
}

/// A job, as far as its copies are looked for.
#[derive(Debug, Clone, Copy)]
pub struct JobIdentity<'a> {
    /// The manifest key of the job.
    pub key: &'a str,
    /// What is declared for it, unless it is no longer declared.
    pub declared: Option<&'a Statement>,
    /// What the record holds of it, if anything.
    pub record: Option<&'a StatementRecord>,
    /// Whether to compare `INSERT` statements. This is only needed before the job is started.
    pub compares_inserts: bool,
}

/// The `INSERT` statements of what no declared address records.
#[derive(Debug, Default)]
struct InsertIndex {
    /// The cloud names of the statements, by the form of each `INSERT`.
    names_by_form: BTreeMap<String, Vec<String>>,
    /// The last part of the name of each table that they write.
    sinks: BTreeSet<String>,
}

/// Finds copies in one snapshot. What all searches need is computed once.
pub struct CopyFinder<'a> {
    /// What is live and recorded.
    inputs: Evidence<'a>,
    /// The address that each recorded generation belongs to, by cloud name.
    recorded: BTreeMap<&'a str, &'a String>,
    /// The cloud names of submissions whose outcome is not known.
    requested: BTreeSet<&'a str>,
    /// The live statements with labels of this project and environment, by the address in them.
    labeled: BTreeMap<String, Vec<&'a LiveStatement>>,
    /// The `INSERT` statements of what no declared address records.
    inserts: OnceCell<InsertIndex>,
    /// The complete names of tables that only generate rows.
    generating_tables: OnceCell<BTreeSet<String>>,
}

impl<'a> CopyFinder<'a> {
    /// Returns the finder for this evidence.
    pub fn new(evidence: Evidence<'a>) -> Self {
        let Evidence { recorded, live, declared, .. } = evidence;
        let generations = recorded
            .statements
            .iter()
            .flat_map(|(key, record)| record.generations().map(move |generation| (generation.sent.name.as_str(), key)));
        let requested = recorded.open_intents.values().filter_map(|open| match &open.intent.operation {
            Operation::Submit(submission) => Some(submission.name.as_str()),
            _ => None,
        });
        let mut labeled: BTreeMap<String, Vec<&LiveStatement>> = BTreeMap::new();
        for found in live.statements().filter(|found| !found.labels.is_empty()) {
            if let Some(address) = OwnerLabels::of(found).address_in(declared, &recorded.lineage) {
                labeled.entry(address.to_owned()).or_default().push(found);
            }
        }
        CopyFinder {
            inputs: evidence,
            recorded: generations.collect(),
            requested: requested.collect(),
            labeled,
            inserts: OnceCell::new(),
            generating_tables: OnceCell::new(),
        }
    }

    /// Returns the live statements that could be a copy of the job: other generations of its name whatever their
    /// labels, statements with its labels, and statements with one of its `INSERT` statements. Those that a record or
    /// an open request explains are left out, except where an equal `INSERT` belongs to an address that is no longer
    /// declared.
    pub fn possible_copies(&self, job: &JobIdentity<'a>) -> Vec<PossibleCopy<'a>> {
        let mut found: BTreeMap<&str, PossibleCopy> = BTreeMap::new();
        for base in base_names(job) {
            for (generation, live) in self.inputs.live.generations(&base) {
                let evidence = CopyEvidence::Generation(generation);
                self.add(job, live, evidence, &mut found);
            }
        }
        let addresses = std::iter::once(Address::statement(job.key)).chain(self.former_addresses(job.key).cloned());
        for live in addresses.filter_map(|address| self.labeled.get(&address.to_string())).flatten().copied() {
            self.add(job, live, CopyEvidence::Labels, &mut found);
        }
        if let Some(declared) = job.declared.filter(|_| job.compares_inserts) {
            for form in insert_forms(declared, self.inputs) {
                for live in self.unmanaged_with(&form) {
                    let recorded_as = self.recorded.get(live.name.as_str()).map(|key| Address::statement(*key));
                    let labeled_as = self.labeled_address(live);
                    self.add(job, live, CopyEvidence::EqualInsert { labeled_as, recorded_as }, &mut found);
                }
            }
        }
        found.into_values().collect()
    }

    /// Returns the statements that run or have run with the labels of this project and environment under an address
    /// that is neither declared nor recorded, each with that address. What `state rm` removed is left out: this state
    /// has used its numbers.
    pub fn orphans(&self) -> impl Iterator<Item = (&str, &'a LiveStatement)> {
        let Evidence { recorded, declared, .. } = self.inputs;
        let is_known = move |address: &str| {
            let key = address.strip_prefix("statements.");
            key.is_none_or(|key| declared.statements.contains_key(key) || recorded.statements.contains_key(key))
        };
        let labeled = self.labeled.iter().filter(move |(address, _)| !is_known(address));
        let found = labeled.flat_map(|(address, found)| found.iter().map(move |live| (address.as_str(), *live)));
        found.filter(|(_, live)| !self.recorded.contains_key(live.name.as_str()) && !self.has_tombstone(live))
    }

    /// Returns whether the job reads nothing but tables that only generate rows. Two of them write rows of their own.
    pub fn only_generates_rows(&self, declared: &Statement) -> bool {
        let namespace = namespace_of(declared, self.inputs);
        let sources = sql::complete_names(&declared.sql.masked(), namespace, Usage::Reads);
        let is_generating =
            |name: &String| name.starts_with(EXAMPLES_CATALOG) || self.generating_tables().contains(name);
        sources.iter().all(is_generating)
    }

    /// Returns whether a live statement writes a table that the job writes too.
    pub fn shares_sink(&self, declared: &Statement, live: &LiveStatement) -> bool {
        let text = declared.sql.masked();
        if sql::insert_sinks(&text).is_disjoint(&sql::insert_sinks(&live.sql)) {
            return false;
        }
        let (catalog, database) = live.properties.namespace();
        let namespace = Namespace { catalog, database, aliases: self.inputs.declared.aliases };
        let sinks = sql::complete_names(&text, namespace_of(declared, self.inputs), Usage::Writes);
        !sinks.is_disjoint(&sql::complete_names(&live.sql, namespace, Usage::Writes))
    }

    /// Returns whether the number of a statement was used by something that this state has removed.
    pub(super) fn has_tombstone(&self, live: &LiveStatement) -> bool {
        self.inputs.recorded.tombstones.values().any(|tombstone| {
            Generation::from_name(&tombstone.name, &live.name).is_some_and(|number| number <= tombstone.last_generation)
        })
    }

    /// Returns the other running statements with an `INSERT` of a recorded one that runs.
    pub(super) fn running_copies(&self, key: &'a str, current: &'a GenerationRecord) -> Vec<&'a LiveStatement> {
        let Presence::Present(live) = self.inputs.live.statement(&current.sent.name) else { return Vec::new() };
        let index = self.inserts();
        if !live.has_uid(&current.uid) || !live.may_run() || index.sinks.is_empty() {
            return Vec::new();
        }
        let sent = &current.sent;
        // Most statements share no sink with an unmanaged one, and finding the sinks is cheap.
        if sql::insert_sinks(&sent.sql.masked()).is_disjoint(&index.sinks) {
            return Vec::new();
        }
        let property = |name: &str| sent.properties.get(name).map(Template::masked);
        let (catalog, database) = (property(properties::CURRENT_CATALOG), property(properties::CURRENT_DATABASE));
        let aliases = self.inputs.declared.aliases;
        let namespace = Namespace { catalog: catalog.as_deref(), database: database.as_deref(), aliases };
        let is_other = |other: &&LiveStatement| {
            other.may_run() && self.recorded.get(other.name.as_str()).is_none_or(|owner| *owner != key)
        };
        let forms = sql::insert_forms(&sent.sql.masked(), namespace);
        let found = forms.iter().flat_map(|form| self.unmanaged_with(form)).filter(is_other);
        let by_name: BTreeMap<&str, &LiveStatement> = found.map(|other| (other.name.as_str(), other)).collect();
        by_name.into_values().collect()
    }

    /// Adds a statement to what was found, unless the record or an open request explains it.
    fn add<'f>(
        &self,
        job: &JobIdentity,
        live: &'a LiveStatement,
        evidence_kind: CopyEvidence,
        found: &mut BTreeMap<&'f str, PossibleCopy<'a>>,
    ) where
        'a: 'f,
    {
        let owner = self.recorded.get(live.name.as_str());
        let is_of_other_address =
            matches!(evidence_kind, CopyEvidence::EqualInsert { .. }) && owner.is_some_and(|owner| *owner != job.key);
        let is_explained = self.requested.contains(live.name.as_str()) || (owner.is_some() && !is_of_other_address);
        if !is_explained {
            let is_labeled = self.is_labeled(job.key, live);
            found.entry(live.name.as_str()).or_insert(PossibleCopy { live, evidence_kind, is_labeled });
        }
    }

    /// Returns whether a statement has the labels of this project, environment and address.
    fn is_labeled(&self, key: &str, live: &LiveStatement) -> bool {
        let Some(address) = self.labeled_address(live) else { return false };
        address == Address::statement(key) || self.former_addresses(key).any(|former| *former == address)
    }

    /// Returns the address in the labels of a statement, if they are those of this project and environment.
    pub fn labeled_address(&self, live: &LiveStatement) -> Option<Address> {
        let Evidence { recorded, declared, .. } = self.inputs;
        OwnerLabels::of(live).address_in(declared, &recorded.lineage)?.parse().ok()
    }

    /// Returns the addresses that `[[moved]]` blocks lead from to this key.
    fn former_addresses(&self, key: &str) -> impl Iterator<Item = &'a Address> {
        self.inputs.declared.former_addresses.get(key).into_iter().flatten().copied()
    }

    /// Returns the statements that no declared address records and that have an `INSERT` of this form.
    fn unmanaged_with(&self, form: &str) -> impl Iterator<Item = &'a LiveStatement> {
        let live = self.inputs.live;
        let names = self.inserts().names_by_form.get(form).into_iter().flatten();
        names.filter_map(move |name| match live.statement(name) {
            Presence::Present(found) => Some(found),
            Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => None,
        })
    }

    /// Returns the `INSERT` statements of what no declared address records.
    fn inserts(&self) -> &InsertIndex {
        self.inserts.get_or_init(|| {
            let Evidence { live, declared, .. } = self.inputs;
            let is_declared = |live: &LiveStatement| {
                self.recorded.get(live.name.as_str()).is_some_and(|key| declared.statements.contains_key(key.as_str()))
            };
            let mut index = InsertIndex::default();
            for found in live.statements().filter(|found| is_job_that_may_come_back(found) && !is_declared(found)) {
                let (catalog, database) = found.properties.namespace();
                let namespace = Namespace { catalog, database, aliases: declared.aliases };
                for form in sql::insert_forms(&found.sql, namespace) {
                    index.names_by_form.entry(form).or_default().push(found.name.clone());
                }
                index.sinks.extend(sql::insert_sinks(&found.sql));
            }
            index
        })
    }

    /// Returns the complete names of tables that only generate rows.
    fn generating_tables(&self) -> &BTreeSet<String> {
        self.generating_tables.get_or_init(|| {
            let Evidence { recorded, declared, .. } = self.inputs;
            let known = recorded.statements.values().map(|record| &record.declared);
            let definitions = known.chain(declared.statements.values().copied());
            let generating = definitions.filter(|definition| sql::generates_rows(&definition.sql.masked()));
            generating
                .flat_map(|definition| {
                    let namespace = namespace_of(definition, self.inputs);
                    sql::complete_names(&definition.sql.masked(), namespace, Usage::Creates)
                })
                .collect()
        })
    }
}

/// Returns the consent to start a job although this statement may be a copy of it.
pub fn copy_consent(address: &Address, live: &LiveStatement) -> Consent {
    Consent::to_change(ConsentKind::Copy, [address.to_string().as_str(), live.name.as_str(), live.uid.as_str()])
}

/// Returns the cloud names that generations of a statement are named after: the declared one, and those of the
/// recorded generations, which keep theirs when the name changes.
fn base_names(job: &JobIdentity) -> BTreeSet<String> {
    let recorded = job.record.into_iter().flat_map(|record| {
        let sent = record.generations().filter(|generation| generation.sent.role != crate::resource::Role::Undo);
        let bases = sent.map(|generation| {
            let name = generation.sent.name.as_str();
            generation.sent.generation.base_of(name).unwrap_or(name).to_owned()
        });
        bases.chain([record.declared.name.clone()])
    });
    job.declared.map(|declared| declared.name.clone()).into_iter().chain(recorded).collect()
}

/// Returns the forms of the `INSERT` statements of a declared statement.
fn insert_forms(declared: &Statement, evidence: Evidence) -> BTreeSet<String> {
    sql::insert_forms(&declared.sql.masked(), namespace_of(declared, evidence))
}

/// Returns what completes the names in a declared statement.
fn namespace_of<'a>(declared: &'a Statement, evidence: Evidence<'a>) -> Namespace<'a> {
    let property = |name: &str| declared.properties.get(name).map(Template::as_str);
    Namespace {
        catalog: property(properties::CURRENT_CATALOG),
        database: property(properties::CURRENT_DATABASE),
        aliases: evidence.declared.aliases,
    }
}

/// Returns whether a statement runs, or can run again: it is neither a dry run nor done.
fn is_job_that_may_come_back(found: &LiveStatement) -> bool {
    let is_done = found.phase.class() == crate::resource::PhaseClass::Completed;
    !is_done && !found.properties.contains_key(properties::DRY_RUN)
}
