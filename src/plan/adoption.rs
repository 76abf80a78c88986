//! Records statements that already exist: what `adopt` and `floe import` write about them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diff::{Inputs, is_added_property, older_generations, recorded_property},
    live::Presence,
    resource::{Address, Generation, InternedStr, LiveStatement, Properties, Role, Statement, Submission, Template},
    settle, sql,
    state::{Fact, GenerationRecord, StatementRecord},
};

/// Returns the generation to record for a statement that already exists.
///
/// Where the live text fits the declared template, the template is recorded, so that no secret's value gets into
/// the state. A job that is stopped counts as stopped outside floe, unless it is declared so.
pub(super) fn existing_generation(
    declared: &Statement,
    live: &LiveStatement,
    generation: Generation,
) -> GenerationRecord {
    let is_added = |key: &InternedStr| is_added_property(key, declared, &live.properties);
    let property = |(key, value): (&InternedStr, &String)| {
        let template = declared.properties.get(key).filter(|template| template.matches(value));
        (key.clone(), template.cloned().unwrap_or_else(|| recorded_property(key, value)))
    };
    let (added, sent): (Vec<_>, Vec<_>) = live.properties.iter().partition(|(key, _)| is_added(key));
    let mut properties: Properties<Template> = sent.into_iter().map(property).collect();
    // The service may hide the properties that hold secrets.
    let hidden = declared.properties.iter().filter(|(key, _)| crate::resource::properties::is_secret_key(key));
    properties.extend(hidden.map(|(key, template)| (key.clone(), template.clone())));
    let is_start = |key: &str| crate::resource::properties::is_start_key(key);
    let added_properties = added.into_iter().filter(|(key, _)| is_start(key));
    let sql = if sql::matches_template(&declared.sql, &live.sql) {
        declared.sql.clone()
    } else {
        Template::literal(&live.sql)
    };
    GenerationRecord {
        sent: Submission {
            name: live.name.clone(),
            generation,
            role: Role::Current,
            sql,
            properties,
            added_properties: added_properties.map(|(key, value)| (key.clone(), value.clone())).collect(),
            pool: live.pool.clone(),
            principal: live.principal.clone(),
        },
        uid: live.uid.clone(),
        stopped: live.stopped && declared.stopped,
        reached: settle::furthest_phase(live),
        sql_kind: live.sql_kind.clone(),
        bounded: live.bounded == Some(true),
        offsets: live.stopped_offsets().cloned(),
        adopted: true,
        // `execute` adds the hashes, with the key of the state that it writes to. A saved plan may be the first
        // to write it.
        secrets: BTreeMap::new(),
        created_at: live.created_at.clone(),
    }
}

/// Returns the facts that make an existing statement the current generation of a declared one. The recorded
/// generations that still exist become retired, and so do others that nothing explains. What no longer exists leaves
/// the record.
pub fn import_facts(inputs: Inputs, key: &str, declared: &Statement, live: &LiveStatement) -> Vec<Fact> {
    let Inputs { desired, recorded, .. } = inputs;
    let record = recorded.statements.get(key).map(Box::as_ref);
    let older = older_generations(inputs, key, declared, live);
    let retired = older.into_iter().filter_map(|(number, name)| match inputs.live.statement(&name) {
        Presence::Present(found) => Some(existing_generation(declared, found, number)),
        Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => None,
    });
    let retired = retired.collect();
    let dependencies = desired.graph.dependencies(&Address::statement(key)).cloned().collect();
    let declared_fact = Fact::Declared { key: key.to_owned(), declared: Box::new(declared.clone()), dependencies };
    let gone = record.into_iter().flat_map(|record| gone_facts(inputs, key, record, &live.name));
    let adopted = Fact::Adopted {
        key: key.to_owned(),
        generation: Box::new(existing_generation(declared, live, Generation::of(&declared.name, &live.name))),
        retired,
        replaces_recorded: record.is_some(),
    };
    std::iter::once(declared_fact).chain(gone).chain([adopted]).collect()
}

/// Returns the facts that recorded generations, other than the one named `kept`, no longer exist.
fn gone_facts<'a>(
    inputs: Inputs<'a>,
    key: &'a str,
    record: &'a StatementRecord,
    kept: &'a str,
) -> impl Iterator<Item = Fact> + 'a {
    let is_gone = move |generation: &&GenerationRecord| match inputs.live.statement(&generation.sent.name) {
        Presence::Present(found) => !found.has_uid(&generation.uid),
        Presence::Absent => true,
        Presence::Unlisted | Presence::Unknown(_) => false,
    };
    let gone = record.generations().filter(move |generation| generation.sent.name != kept).filter(is_gone);
    gone.map(move |generation| Fact::GenerationGone { key: key.to_owned(), name: generation.sent.name.clone() })
}

/// Returns the names of the secrets in what a generation was submitted with.
pub fn secret_names_of(generation: &GenerationRecord) -> BTreeSet<&str> {
    let templates = std::iter::once(&generation.sent.sql).chain(generation.sent.properties.values());
    templates.flat_map(Template::secret_names).collect()
}
