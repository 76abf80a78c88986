//! What a change decides besides its SQL: the properties of a new statement, the undo that runs, and what is taken over.

use super::{
    PlanContext,
    change_detail::ChangeDetail,
    sql_diff,
    style::{sanitize, truncate},
    words::property_value,
};
use crate::{
    diff::{Action, Change, Strategy},
    plan::{Plan, Step, StepRequest},
    resource::{Address, Role, Template},
    state::{Fact, GenerationRecord},
};

/// The longest SQL in columns that is shown within a sentence.
const MAX_SQL_WIDTH: usize = 120;

/// Returns the details that say what a change decides besides its SQL. With `verbose`, SQL that is taken over is shown
/// whole.
pub(super) fn decided_details(
    address: &Address,
    change: &Change,
    (plan, context): (&Plan, &PlanContext),
    verbose: bool,
) -> Vec<ChangeDetail> {
    match &change.action {
        Action::Create { .. } => properties_detail(address, context).into_iter().collect(),
        Action::Delete { undo: Some(undo) } => long_sql(undo).into_iter().collect(),
        Action::Replace { strategy: Strategy::Redefine, .. } => {
            submitted_undos(address, plan).flat_map(undo_details).collect()
        }
        Action::Adopt { .. } => {
            adopted_generations(address, plan).flat_map(|adopted| adoption_details(adopted, verbose)).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the line that names the properties that all new statements share, if there are several statements.
pub(super) fn shared_properties_line(context: &PlanContext) -> Option<String> {
    let shared = shared_properties(context);
    (!shared.is_empty()).then(|| format!("Properties of all new statements: {}.", named_properties(shared.into_iter())))
}

/// Returns the properties of a new statement as one sentence, without those that all new statements share.
fn properties_detail(address: &Address, context: &PlanContext) -> Option<ChangeDetail> {
    let shared = shared_properties(context);
    let properties = context.placements.get(address)?.properties.iter();
    let own = named_properties(properties.map(|(key, value)| (&**key, value)).filter(|found| !shared.contains(found)));
    (!own.is_empty()).then(|| ChangeDetail::Prose(format!("Properties: {own}.")))
}

/// Returns the properties that all new statements share, or none if there is only one statement.
fn shared_properties(context: &PlanContext) -> Vec<(&str, &Template)> {
    let mut placements = context.placements.values();
    let Some(first) = placements.next().filter(|_| context.placements.len() > 1) else { return Vec::new() };
    let is_shared = |(key, value): &(&str, &Template)| {
        context.placements.values().all(|placement| placement.properties.get(*key) == Some(*value))
    };
    first.properties.iter().map(|(key, value)| (&**key, value)).filter(is_shared).collect()
}

/// Returns properties as a list of names and values.
fn named_properties<'a>(properties: impl Iterator<Item = (&'a str, &'a Template)>) -> String {
    let named = properties.map(|(key, value)| format!("`{}` {}", sanitize(key), property_value(key, Some(value))));
    named.collect::<Vec<_>>().join(", ")
}

/// Returns an undo that runs as part of a replacement.
fn undo_details(undo: &Template) -> Vec<ChangeDetail> {
    let shown = sanitize(undo.as_str());
    let sentence = ChangeDetail::Prose(format!("Undo: {}", truncate(&shown, MAX_SQL_WIDTH)));
    std::iter::once(sentence).chain(long_sql(undo)).collect()
}

/// Returns the lines of a SQL text that is too long to be shown within a sentence.
fn long_sql(sql: &Template) -> Option<ChangeDetail> {
    let is_long = sanitize(sql.as_str()).chars().count() > MAX_SQL_WIDTH;
    is_long.then(|| ChangeDetail::Sql(sql_diff::added_lines(sql.as_str())))
}

/// Returns the principal and the SQL of a statement that is taken over.
fn adoption_details(adopted: &GenerationRecord, verbose: bool) -> Vec<ChangeDetail> {
    let principal = adopted.sent.principal.as_deref().map_or("(not reported)".to_owned(), sanitize);
    let sql = sanitize(adopted.sent.sql.as_str());
    let sentence = format!("Principal: {principal}. SQL: {}", truncate(&sql, MAX_SQL_WIDTH));
    let whole = verbose.then(|| long_sql(&adopted.sent.sql)).flatten();
    std::iter::once(ChangeDetail::Prose(sentence)).chain(whole).collect()
}

/// Returns the steps of an address, those of rollbacks excluded.
fn steps<'p>(address: &Address, plan: &'p Plan) -> impl Iterator<Item = &'p Step> {
    plan.groups.iter().filter(move |group| group.address == *address).flat_map(|group| &group.forward)
}

/// Returns the SQL of each undo that the plan submits for an address.
fn submitted_undos<'p>(address: &Address, plan: &'p Plan) -> impl Iterator<Item = &'p Template> {
    steps(address, plan).filter_map(|step| match &step.request {
        StepRequest::Submit { submission, .. } if submission.role == Role::Undo => Some(&submission.sql),
        _ => None,
    })
}

/// Returns each statement that the plan takes over for an address.
fn adopted_generations<'p>(address: &Address, plan: &'p Plan) -> impl Iterator<Item = &'p GenerationRecord> {
    let facts = steps(address, plan).flat_map(|step| &step.facts_on_success);
    facts.filter_map(|fact| match fact {
        Fact::Adopted { generation, .. } => Some(&**generation),
        _ => None,
    })
}
