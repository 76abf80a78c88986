//! Finds the statements that use what a definition creates. They block its undo, and they keep its old version until
//! they are replaced.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    action::{Action, Change, Note, Strategy},
    context::DiffContext,
    inputs::Inputs,
    lookups::ConfirmedPresence,
};
use crate::{
    graph::{SqlObject, resolve, resolve_in},
    live::{Live, Lookups, Presence},
    resource::{Address, PhaseClass, ResourceKind, Role, Statement, Template, properties},
    sql::{self, Mention, Usage},
    state::{GenerationRecord, Recorded, StatementRecord},
};

/// Returns the objects that a recorded statement creates, by their resolved names.
fn created_objects(statement: &Statement, aliases: &BTreeMap<String, String>) -> BTreeSet<SqlObject> {
    mentioned_objects(statement, aliases, |mention| mention.usage == Usage::Creates)
}

/// Returns the mentioned objects that match `which`, by their resolved names.
fn mentioned_objects(
    statement: &Statement,
    aliases: &BTreeMap<String, String>,
    which: impl Fn(&Mention) -> bool,
) -> BTreeSet<SqlObject> {
    let analysis = sql::analyze(&statement.sql.masked());
    analysis
        .mentions
        .iter()
        .filter(|mention| which(mention))
        .map(|mention| resolve(mention, statement, aliases))
        .collect()
}

/// Returns whether a mention reads, writes or calls an object.
fn is_use(mention: &Mention) -> bool {
    matches!(mention.usage, Usage::Reads | Usage::Writes | Usage::Calls)
}

/// Returns the live statements that use what `key` creates and that this run does not remove.
///
/// # Errors
/// The lookups of the possible users of which nothing is known yet.
pub(super) fn users(context: &DiffContext, key: &str, record: &StatementRecord) -> Result<Vec<String>, Lookups> {
    let (desired, recorded) = (context.inputs.desired, context.inputs.recorded);
    let project = &desired.graph.project;
    let aliases = &project.environment.aliases;
    let objects = created_objects(&record.declared, aliases);
    // A statement outside the selection keeps running, declared or not.
    let is_removed = |other: &str| {
        let is_desired = !context.inputs.options.destroy && project.statements.contains_key(other);
        !is_desired && context.selected.contains(&Address::statement(other))
    };
    let candidates =
        recorded.statements.iter().filter(|(other, _)| other.as_str() != key && !is_removed(other.as_str()));
    let (mut users, mut missing) = (Vec::new(), Lookups::default());
    for (other, record) in candidates {
        for generation in record.generations().filter(|generation| uses_any(generation, &objects, aliases)) {
            match may_be_using(context, record, generation) {
                Ok(false) => {}
                Ok(true) => {
                    users.push(Address::statement(other.as_str()).to_string());
                    break;
                }
                Err(lookups) => missing.merge(lookups),
            }
        }
    }
    users.extend(foreign_users(context, &objects));
    if missing.is_empty() {
        return Ok(users);
    }
    if users.is_empty() {
        // If none of them is a user, the next question is about the statement itself. Asking now saves a round.
        missing.merge(context.missing_generations(record));
    }
    Err(missing)
}

/// Returns whether the SQL that was sent uses one of these objects, regardless of what is declared now.
fn uses_any(generation: &GenerationRecord, objects: &BTreeSet<SqlObject>, aliases: &BTreeMap<String, String>) -> bool {
    let namespace = |key: &str| generation.sent.properties.get(key).map(Template::masked);
    let (catalog, database) = (namespace(properties::CURRENT_CATALOG), namespace(properties::CURRENT_DATABASE));
    let analysis = sql::analyze(&generation.sent.sql.masked());
    let names_object =
        |mention: &Mention| objects.contains(&resolve_in(mention, catalog.as_deref(), database.as_deref(), aliases));
    generation.sent.role != Role::Undo && analysis.mentions.iter().filter(|mention| is_use(mention)).any(names_object)
}

/// Returns whether a generation runs or is to run again.
///
/// A stopped retired generation does not count. It is kept only for its offsets.
fn may_be_using(
    context: &DiffContext,
    record: &StatementRecord,
    generation: &GenerationRecord,
) -> Result<bool, Lookups> {
    let has_retired = record.retired.iter().any(|retired| retired.sent.name == generation.sent.name);
    Ok(match context.confirmed_presence(&generation.sent.name)? {
        ConfirmedPresence::Present(live) if !live.has_uid(&generation.uid) => false,
        ConfirmedPresence::Present(live) => {
            live.may_run() || (live.phase.class() == PhaseClass::Stopped && !has_retired)
        }
        ConfirmedPresence::Absent => false,
        ConfirmedPresence::Unknown(_) => true,
    })
}

/// Returns the cloud names of running unrecorded statements that use one of these objects.
fn foreign_users(context: &DiffContext, objects: &BTreeSet<SqlObject>) -> Vec<String> {
    let ours = context.inputs.recorded.statement_names();
    let aliases = &context.inputs.desired.graph.project.environment.aliases;
    context
        .inputs
        .live
        .statements()
        .filter(|live| !ours.contains(live.name.as_str()) && live.phase.class() == PhaseClass::Running)
        .filter(|live| {
            let analysis = sql::analyze(&live.sql);
            let (catalog, database) = live.properties.namespace();
            let names_object = |mention: &Mention| objects.contains(&resolve_in(mention, catalog, database, aliases));
            analysis.mentions.iter().filter(|mention| is_use(mention)).any(names_object)
        })
        .map(|live| live.name.clone())
        .collect()
}

/// Adds a note to each change that alters or redefines an object, with the running readers that keep its old version.
pub(super) fn note_stale_readers(inputs: Inputs, changes: &mut BTreeMap<Address, Change>) {
    let Inputs { desired, recorded, live, options, .. } = inputs;
    if options.destroy {
        return;
    }
    let mut notes = Vec::new();
    for (address, change) in changes.iter() {
        if address.kind != ResourceKind::Statement
            || !matches!(change.action, Action::Create { .. } | Action::Replace { strategy: Strategy::Redefine, .. })
        {
            continue;
        }
        let Some(analysis) = desired.graph.analysis(&address.key) else { continue };
        let Some(declared) = desired.graph.project.statements.get(&address.key) else { continue };
        let aliases = &desired.graph.project.environment.aliases;
        let touched = analysis
            .mentions
            .iter()
            .filter(|mention| {
                matches!(mention.usage, Usage::Alters)
                    || (mention.usage == Usage::Creates && matches!(change.action, Action::Replace { .. }))
            })
            .map(|mention| resolve(mention, &declared.spec, aliases));
        let readers: BTreeSet<Address> = touched
            .filter_map(|object| desired.graph.objects.get(&object))
            .flat_map(|parties| parties.readers.iter().map(Address::statement))
            .filter(|reader| keeps_running(recorded, live, reader, changes))
            .collect();
        if !readers.is_empty() {
            notes.push((address.clone(), Note::StaleReaders { readers: readers.into_iter().collect() }));
        }
    }
    for (address, note) in notes {
        if let Some(change) = changes.get_mut(&address) {
            change.notes.push(note);
        }
    }
}

/// Returns whether a reader runs now and this run neither replaces nor deletes it.
fn keeps_running(recorded: &Recorded, live: &Live, reader: &Address, changes: &BTreeMap<Address, Change>) -> bool {
    let is_replaced = changes
        .get(reader)
        .is_some_and(|change| matches!(change.action, Action::Replace { .. } | Action::Delete { .. }));
    let is_running = recorded.statements.get(&reader.key).and_then(|record| record.current.as_ref()).is_some_and(|current| {
        matches!(live.statement(&current.sent.name), Presence::Present(found) if found.phase.class() == PhaseClass::Running)
    });
    is_running && !is_replaced
}
