//! Takes over declared statements that already exist: compares each with its declaration and returns what to record.
//! Sends only GETs.

use std::collections::BTreeSet;

use super::{PlanningError, redact_live, redact_read_error};
use crate::{
    cloud::CloudClient,
    diff::{self, Desired, ImportMode, Inputs, LiveComparison, PlanOptions, Reason},
    graph::Graph,
    live::{self, Live, Lookups, Presence},
    manifest::DeclaredStatement,
    plan,
    resource::{Address, LiveStatement, Secrets},
    settle::Settlement,
    state::{Entry, Fact, Recorded},
};

/// What to import, and what it is compared with.
#[derive(Debug, Clone, Copy)]
pub struct ImportRequest<'a> {
    /// The dependency graph of the checked project.
    pub graph: &'a Graph,
    /// The secrets whose values are available here.
    pub secrets: &'a Secrets,
    /// The record that the statements are added to.
    pub recorded: &'a Recorded,
    /// Whether to record what runs if it differs from what is declared.
    pub as_is: bool,
    /// The declared addresses, each with the cloud name of an existing statement.
    pub statements: &'a [(Address, String)],
}

/// A statement that can be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedStatement {
    /// The address in the manifests.
    pub address: Address,
    /// The cloud name of the statement.
    pub name: String,
    /// What differs from the declaration.
    pub differences: Vec<Reason>,
}

/// Why a statement cannot be imported.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ImportError {
    /// The cloud could not be read, or the record contradicts itself.
    #[error(transparent)]
    Planning(#[from] PlanningError),
    /// The address is not declared.
    #[error("`{0}` is not declared in the manifests")]
    NotDeclared(Address),
    /// There is no statement with this name.
    #[error("statement `{0}` does not exist in this environment")]
    NoSuchStatement(String),
    /// The statement could not be read.
    #[error("cannot read statement `{name}`: {why}")]
    Unreadable {
        /// The cloud name of the statement.
        name: String,
        /// The service's message about the failed read.
        why: String,
    },
    /// The statement is recorded already.
    #[error("statement `{name}` is already recorded as `{by}`")]
    AlreadyRecorded {
        /// The cloud name of the statement.
        name: String,
        /// The address that records it.
        by: Address,
    },
    /// An interrupted run left the address or the statement unfinished.
    #[error("`{0}` has an unresolved request from an interrupted run")]
    InterruptedRun(Address),
    /// The statement is being deleted, or was submitted to be checked only.
    #[error("statement `{name}` {why}")]
    Transient {
        /// The cloud name of the statement.
        name: String,
        /// Why it is not a statement to keep.
        why: &'static str,
    },
    /// The texts differ in a place that holds a secret.
    #[error("`{name}` differs from what `{address}` declares, in a place that holds a secret or looks like one")]
    ExposesSecret {
        /// The address in the manifests.
        address: Address,
        /// The cloud name of the statement.
        name: String,
    },
    /// The statement is not what is declared.
    #[error("`{}` is not what `{}` declares", .0.name, .0.address)]
    Differs(ImportedStatement),
}

/// Compares existing statements with their declarations. Returns the entries that record all of them, and what was
/// compared.
///
/// # Errors
/// When one of the statements cannot be imported. Nothing is recorded then.
pub async fn import_statements(
    cloud: &CloudClient,
    request: ImportRequest<'_>,
) -> Result<(Vec<Entry>, Vec<ImportedStatement>), ImportError> {
    let mut read = redact_read_error(live::read(cloud).await, request.secrets)?;
    let addresses: BTreeSet<&Address> = request.statements.iter().map(|(address, _)| address).collect();
    let (mut recorded, mut entries) = (request.recorded.clone(), Vec::new());
    let (facts, _) = diff::resolve_moved_blocks(&request.graph.project, &recorded);
    let moved = facts.into_iter().filter(|fact| matches!(fact, Fact::Moved { to, .. } if addresses.contains(to)));
    record(&mut recorded, &mut entries, moved)?;
    live::fetch_missing(cloud, &mut read, &required_lookups(&request, &recorded)).await;
    let secrets = redact_live(&mut read, request.secrets, &recorded);
    let hashes =
        secrets.comparable_hashes(request.graph.project.secrets.keys().map(String::as_str), &recorded.hash_key);
    let desired = Desired { graph: request.graph, secrets: &hashes };
    let (settlement, options) = (Settlement::default(), PlanOptions::default());
    let mut imported = Vec::new();
    for (address, name) in request.statements {
        let inputs = Inputs { desired, recorded: &recorded, settlement: &settlement, live: &read, options: &options };
        let declared =
            request.graph.project.statements.get(&address.key).filter(|_| request.graph.project.declares(address));
        let declared = declared.ok_or_else(|| ImportError::NotDeclared(address.clone()))?;
        let found = existing_statement(&read, name)?;
        check_not_recorded(&recorded, address, found)?;
        imported.push(compared(inputs, address, declared, (found, request.as_is))?);
        let mut facts = plan::import_facts(inputs, &address.key, &declared.spec, found);
        add_secret_hashes(&mut facts, &secrets, &recorded);
        record(&mut recorded, &mut entries, facts)?;
    }
    Ok((entries, imported))
}

/// Applies facts to the record and adds them to the entries.
fn record(
    recorded: &mut Recorded,
    entries: &mut Vec<Entry>,
    facts: impl IntoIterator<Item = Fact>,
) -> Result<(), PlanningError> {
    for fact in facts {
        let entry = Entry::FactRecorded { fact };
        recorded.apply(&entry)?;
        entries.push(entry);
    }
    Ok(())
}

/// Returns the names that an import needs to know about if the list lacks them: the statements themselves, and the
/// generations that the record has of their addresses.
fn required_lookups(request: &ImportRequest, recorded: &Recorded) -> Lookups {
    let keys = request.statements.iter().map(|(address, _)| &address.key);
    let generations = keys.filter_map(|key| recorded.statements.get(key)).flat_map(|record| record.generations());
    let recorded_names = generations.map(|generation| generation.sent.name.clone());
    let names = request.statements.iter().map(|(_, name)| name.clone());
    Lookups { statements: recorded_names.chain(names).collect(), ..Lookups::default() }
}

/// Returns the statement with this cloud name.
fn existing_statement<'l>(live: &'l Live, name: &str) -> Result<&'l LiveStatement, ImportError> {
    match live.statement(name) {
        Presence::Present(found) => Ok(found),
        Presence::Absent | Presence::Unlisted => Err(ImportError::NoSuchStatement(name.to_owned())),
        Presence::Unknown(why) => Err(ImportError::Unreadable { name: name.to_owned(), why: why.to_owned() }),
    }
}

/// Checks that no record and no open request explains the statement, except a generation of the same address that is
/// not the current one.
fn check_not_recorded(recorded: &Recorded, address: &Address, found: &LiveStatement) -> Result<(), ImportError> {
    for (key, record) in &recorded.statements {
        let Some(generation) = record.generation_named(&found.name) else { continue };
        let is_current = record.current.as_ref().is_some_and(|current| current.sent.name == found.name);
        if *key != address.key || (is_current && generation.uid == found.uid) {
            return Err(ImportError::AlreadyRecorded { name: found.name.clone(), by: Address::statement(key) });
        }
    }
    let has_undo = recorded.statements.get(&address.key).is_some_and(|record| record.undo.is_some());
    if recorded.has_open_intent(address) || has_undo {
        return Err(ImportError::InterruptedRun(address.clone()));
    }
    Ok(())
}

/// Compares one statement with its declaration.
fn compared(
    inputs: Inputs,
    address: &Address,
    declared: &DeclaredStatement,
    (found, as_is): (&LiveStatement, bool),
) -> Result<ImportedStatement, ImportError> {
    let (address, name) = (address.clone(), found.name.clone());
    let LiveComparison { reasons, import, exposes_secret } =
        LiveComparison::before_import(inputs, &declared.spec, found);
    if exposes_secret {
        return Err(ImportError::ExposesSecret { address, name });
    }
    let imported = ImportedStatement { address, name, differences: reasons };
    match import {
        ImportMode::AsIs if !as_is => Err(ImportError::Differs(imported)),
        ImportMode::AsIs | ImportMode::AsDeclared => Ok(imported),
        ImportMode::Refused => {
            let why = if found.is_being_deleted() { "is being deleted" } else { "was submitted as a dry run" };
            Err(ImportError::Transient { name: imported.name, why })
        }
    }
}

/// Adds the hashes of the secrets to an adopted generation. The service does not reveal which value a statement has,
/// so it is assumed to have the one that is set here.
fn add_secret_hashes(facts: &mut [Fact], secrets: &Secrets, recorded: &Recorded) {
    for fact in facts {
        if let Fact::Adopted { generation, .. } = fact {
            generation.secrets = secrets.hashes(plan::secret_names_of(generation).into_iter(), &recorded.hash_key);
        }
    }
}
