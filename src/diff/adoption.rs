//! Compares what is declared with a live statement that no record explains, before it is taken over.

use super::{
    action::{ImportMode, Reason},
    fields::{self, DesiredPool},
    inputs::Inputs,
};
use crate::{
    assess::{CopyEvidence, CopyFinder, Evidence, JobIdentity, PossibleCopy},
    live::Presence,
    resource::{
        Generation, InternedStr, LiveStatement, Phase, PoolDeclaration, Properties, Statement, Template, properties,
    },
    sql::{self, StatementClass},
};

/// Returns what differs between a declared statement and a live one: the SQL by its normal form, the properties, the
/// pool and the principal; of a completed definition only the SQL, the catalog and the database. What the service or floe adds is left out, and so are a pool and a principal that the
/// manifest omits. Any value matches a secret, because its value may not be available here.
pub fn differences_from_live(declared: &Statement, pool: Option<&DesiredPool>, live: &LiveStatement) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if !sql::matches_template(&declared.sql, &live.sql) {
        let (before, after) = (Template::literal(&live.sql), declared.sql.clone());
        reasons.push(Reason::SqlChanged { before, after });
    }
    let missing = declared.properties.iter().filter(|(key, template)| {
        let shown = live.properties.get(&**key);
        !properties::is_secret_key(key) && !shown.is_some_and(|value| template.matches(value))
    });
    reasons.extend(missing.map(|(key, template)| {
        let before = live.properties.get(&**key).map(|value| Template::literal(value));
        Reason::PropertyChanged { key: key.to_string(), before, after: Some(template.clone()) }
    }));
    let extra = live.properties.iter().filter(|(key, _)| {
        !declared.properties.contains_key(&**key) && !is_added_property(key, declared, &live.properties)
    });
    reasons.extend(extra.map(|(key, value)| {
        let before = Some(recorded_property(key, value));
        Reason::PropertyChanged { key: key.to_string(), before, after: None }
    }));
    reasons.extend(placement_differences(declared, pool, live));
    // What has completed defines the same, wherever it ran and whatever else it was given.
    let is_definition = || sql::analyze(&declared.sql.masked()).kind.class() == StatementClass::Definition;
    if live.phase == Phase::Completed && !reasons.is_empty() && is_definition() {
        reasons.retain(|reason| match reason {
            Reason::SqlChanged { .. } => true,
            Reason::PropertyChanged { key, .. } => properties::is_namespace_key(key),
            _ => false,
        });
    }
    reasons
}

/// Returns the template that is recorded for a live property that is not declared. The value of a secret is not
/// recorded.
pub fn recorded_property(key: &InternedStr, value: &str) -> Template {
    match properties::is_secret_key(key) {
        true => Template::new(format!("${{secret.{key}}}")),
        false => Template::literal(value),
    }
}

/// Returns whether a live property counts as added by floe or the service, so that the manifests need not declare it:
/// where the statement started, and what the service shows although it was not sent.
pub fn is_added_property(key: &str, declared: &Statement, live: &Properties<String>) -> bool {
    if declared.properties.contains_key(key) {
        return false;
    }
    match key {
        properties::INITIAL_OFFSET_FROM | properties::LOCAL_TIME_ZONE => true,
        properties::STARTUP_MODE | properties::STARTUP_SPECIFIC_OFFSETS => {
            let starts_at_offsets =
                live.get(properties::STARTUP_MODE).is_some_and(|mode| mode == properties::SPECIFIC_OFFSETS);
            starts_at_offsets
                && !declared.properties.contains_key(properties::STARTUP_MODE)
                && !declared.properties.contains_key(properties::STARTUP_SPECIFIC_OFFSETS)
        }
        key if properties::is_namespace_key(key) => has_only_complete_names(declared),
        _ => false,
    }
}

/// Returns whether the current catalog and database mean nothing to a statement, because it writes out all names.
fn has_only_complete_names(declared: &Statement) -> bool {
    let mentions = sql::analyze(&declared.sql.masked()).mentions;
    mentions.iter().filter(|mention| mention.kind != sql::ObjectKind::Function).all(|mention| mention.name.len() >= 3)
}

/// Returns the differences in pool and principal, where the manifest sets them.
fn placement_differences(declared: &Statement, pool: Option<&DesiredPool>, live: &LiveStatement) -> Vec<Reason> {
    let after = match (pool, &declared.pool) {
        (Some(DesiredPool::Id(id)), _) => Some(id.clone()),
        (Some(DesiredPool::ToCreate), Some(key)) => Some(key.clone()),
        (Some(DesiredPool::ToCreate) | None, _) => None,
    };
    let pool = after.filter(|after| live.pool.as_ref() != Some(after));
    let principal = declared.principal.clone().filter(|after| live.principal.as_ref() != Some(after));
    let pool = pool.map(|after| Reason::PoolChanged { before: live.pool.clone(), after });
    let principal = principal.map(|after| Reason::PrincipalChanged { before: live.principal.clone(), after });
    pool.into_iter().chain(principal).collect()
}

/// What comparing a declared statement with a live one leads to.
pub struct LiveComparison {
    /// What differs. It is empty if showing it could show a secret.
    pub reasons: Vec<Reason>,
    /// How `floe import` can take the statement over.
    pub import: ImportMode,
    /// Whether the texts differ in a place that holds a secret, or something that looks like one.
    pub exposes_secret: bool,
}

impl LiveComparison {
    /// Compares a declared statement with a live one.
    pub fn of(inputs: Inputs, declared: &Statement, pool: Option<&DesiredPool>, live: &LiveStatement) -> Self {
        let pool = pool.filter(|pool| **pool != DesiredPool::ToCreate || !is_on_namesake(inputs, declared, live));
        let reasons = differences_from_live(declared, pool, live);
        let locations = inputs.live.secret_locations(&live.name);
        let exposes_secret = fields::adoption_exposes_secret(declared, live, locations);
        let is_kept = !live.properties.contains_key(properties::DRY_RUN) && !live.is_being_deleted();
        let import = match (is_kept && !exposes_secret, reasons.is_empty()) {
            (false, _) => ImportMode::Refused,
            (true, true) => ImportMode::AsDeclared,
            (true, false) => ImportMode::AsIs,
        };
        LiveComparison { reasons: if exposes_secret { Vec::new() } else { reasons }, import, exposes_secret }
    }

    /// Compares a declared statement with a live one, before a plan is made: with the id of its pool as it is declared
    /// or recorded.
    pub fn before_import(inputs: Inputs, declared: &Statement, live: &LiveStatement) -> Self {
        let pool = declared.pool.as_ref().map(|key| {
            let declared_pool = inputs.desired.graph.project.pools.get(key).map(|pool| &pool.spec);
            match (declared_pool, inputs.recorded.pools.get(key)) {
                (Some(PoolDeclaration::Borrowed { id }), _) => DesiredPool::Id(id.clone()),
                (_, Some(record)) => DesiredPool::Id(record.id.clone()),
                (_, None) => DesiredPool::ToCreate,
            }
        });
        LiveComparison::of(inputs, declared, pool.as_ref(), live)
    }
}

/// Returns whether a statement runs on a pool that is not recorded and has the display name of its declared pool. It
/// counts as that pool: if the state is lost, the pool is imported first.
fn is_on_namesake(inputs: Inputs, declared: &Statement, live: &LiveStatement) -> bool {
    let declared_pool = declared.pool.as_ref().and_then(|key| inputs.desired.graph.project.pools.get(key));
    let id = live.pool.as_deref().unwrap_or_default();
    match (declared_pool.map(|pool| &pool.spec), inputs.live.pool(id)) {
        (Some(PoolDeclaration::Owned(pool)), Presence::Present(found)) => found.display_name == pool.display_name,
        _ => false,
    }
}

/// Returns the number of a statement that is taken over.
pub(super) fn number_of(copy: &PossibleCopy) -> Generation {
    match copy.evidence_kind {
        CopyEvidence::Generation(number) => number,
        CopyEvidence::Labels | CopyEvidence::EqualInsert { .. } => Generation::at_end_of(&copy.live.name),
    }
}

/// Returns the cloud names of the generations of a declared statement that nothing explains, do not run, and are older than the one that
/// is imported. They become retired.
pub fn older_generations(
    inputs: Inputs,
    key: &str,
    declared: &Statement,
    imported: &LiveStatement,
) -> Vec<(Generation, String)> {
    let Inputs { recorded, settlement, live, .. } = inputs;
    let names = inputs.declared_names();
    let finder = CopyFinder::new(Evidence { recorded, settlement, live, declared: &names });
    let record = recorded.statements.get(key).map(Box::as_ref);
    let job = JobIdentity { key, declared: Some(declared), record, compares_inserts: false };
    let imported_number = Generation::of(&declared.name, &imported.name);
    let found = finder.possible_copies(&job).into_iter().filter_map(|copy| match copy.evidence_kind {
        CopyEvidence::Generation(number) => Some((number, copy.live)),
        CopyEvidence::Labels | CopyEvidence::EqualInsert { .. } => None,
    });
    let older =
        found.filter(|(number, found)| *number < imported_number && found.name != imported.name && !found.may_run());
    older.map(|(number, found)| (number, found.name.clone())).collect()
}
