//! The symbol and the headline of a change, and the counts of a plan's summary.

use super::{
    super::{
        Paint, PlanContext, StatementRole,
        style::{sanitize, truncate},
    },
    block::{mentions_what_changed, what_changed_covers},
    reason::reason_text,
};
use crate::{
    diff::{Action, Change, Reason, Strategy},
    resource::{Address, Generation, PoolUpdate, ResourceKind, Template},
    sql::{self, Usage},
};

/// Returns the symbol of a change and its color.
pub(in super::super) fn symbol(change: &Change) -> (&'static str, Paint) {
    match &change.action {
        Action::Create { .. } | Action::CreatePool { .. } | Action::KeepUnsubmitted => ("+", Paint::Green),
        Action::Adopt { .. } => ("=", Paint::Cyan),
        Action::Stop | Action::Resume { .. } | Action::UpdatePool { .. } => ("~", Paint::Yellow),
        Action::Restart { .. } => (">", Paint::Cyan),
        Action::Replace { .. } | Action::FinishReplacement { .. } | Action::RollBackReplacement { .. } => {
            ("±", Paint::Yellow)
        }
        Action::Delete { .. } => ("-", Paint::Red),
        Action::Forget => ("x", Paint::Yellow),
        Action::Blocked { .. } => ("!", Paint::Red),
        Action::Await { .. } | Action::RecordSettings | Action::Inform if change.unhealthy => ("!", Paint::Red),
        Action::Await { .. } | Action::RecordSettings | Action::Inform => ("·", Paint::Dim),
    }
}

/// Returns the headline of a change, which says what happens. `None` for `Inform`, whose headline is its first note,
/// and for a block, whose headline is its cause.
pub(in super::super) fn headline(address: &Address, change: &Change, context: &PlanContext) -> Option<String> {
    let runs = context.role_of(address).reads_rows();
    Some(match &change.action {
        Action::Create { sql, name, generation } => match *generation {
            Generation::FIRST => format!("{}{}", sql_summary(sql), context.placement_suffix(address)),
            later => format!("{} as {name} ({later}){}", sql_summary(sql), context.placement_suffix(address)),
        },
        Action::CreatePool { max_cfu } => format!("compute pool, max_cfu {max_cfu}"),
        Action::KeepUnsubmitted => "not submitted while `stopped = true`".to_owned(),
        Action::Adopt { name, generation, retired } => {
            let retired = match retired.as_slice() {
                [] => String::new(),
                older => format!(" `{}` is recorded as retired.", older.join("`, `")),
            };
            format!("adopt `{name}` ({generation}), which has this project's labels. Nothing is sent.{retired}")
        }
        Action::Stop if runs => "stop, keeping its offsets and state".to_owned(),
        Action::Stop => "stop before it takes effect".to_owned(),
        Action::Resume { .. } if runs => "resume where it stopped".to_owned(),
        Action::Resume { .. } => "resume, so that it takes effect".to_owned(),
        Action::UpdatePool { to } => pool_update_headline(to, change, context),
        Action::Restart { .. } if runs => {
            format!("{}: stop, move, resume (state is kept, short pause)", restart_causes(change, context))
        }
        Action::Restart { .. } => {
            format!("{}: stop, move, resume (it has not taken effect yet)", restart_causes(change, context))
        }
        Action::Replace { strategy, from, to, .. } => {
            replacement_headline(*strategy, *from, *to, context.role_of(address))
        }
        Action::FinishReplacement { to } => format!("finish the interrupted replacement: {to} takes over"),
        Action::RollBackReplacement { from } => {
            format!("roll back the interrupted replacement: delete {from}, resume its predecessor")
        }
        Action::Delete { undo: Some(undo) } => {
            let stop = if context.role_of(address) == StatementRole::TableJob { "stop, " } else { "" };
            format!("{stop}undo and delete: {}", truncate(&sanitize(undo.as_str()), 120))
        }
        Action::Delete { undo: None } if address.kind == ResourceKind::Pool => "delete the pool".to_owned(),
        Action::Delete { undo: None } => deletion_headline(change, context.role_of(address)).to_owned(),
        Action::Forget => "forget: floe no longer manages it, and nothing is deleted".to_owned(),
        Action::Await { phase, .. } => format!("wait while it is {phase}"),
        Action::RecordSettings => "record settings that only floe reads. Nothing is sent.".to_owned(),
        Action::Inform | Action::Blocked { .. } => return None,
    })
}

/// Returns whether the headline of a change already says this reason.
pub(in super::super) fn headline_covers(change: &Change, reason: &Reason) -> bool {
    if let Action::Blocked { by } = &change.action {
        return by.first().is_some_and(mentions_what_changed) && what_changed_covers(reason, &change.reasons);
    }
    matches!(
        (&change.action, reason),
        (Action::Restart { .. }, _)
            | (Action::UpdatePool { .. }, Reason::PoolFieldChanged { .. })
            | (Action::Replace { .. }, Reason::SqlChanged { .. })
    )
}

/// Returns the headline of a deletion without an `undo`, by what the statement is.
fn deletion_headline(change: &Change, role: StatementRole) -> &'static str {
    match role {
        StatementRole::Job => {
            "stop and delete, keeping its offsets in the state. Readers of its output get no new rows."
        }
        StatementRole::TableJob => {
            "stop and delete, keeping its offsets in the state. Readers of its table get no new rows."
        }
        _ if change.reasons.contains(&Reason::LeftoverUndo) => "delete what is left of its interrupted `undo`",
        StatementRole::WritesConstants => "delete its statement. The rows that it wrote remain.",
        StatementRole::Creates | StatementRole::Alters(_) | StatementRole::Drops => {
            "delete its statement, which never took effect"
        }
    }
}

/// Returns the headline of a replacement: the generations and how one replaces the other.
fn replacement_headline(strategy: Strategy, from: Option<Generation>, to: Generation, role: StatementRole) -> String {
    let which = match from {
        Some(from) => format!("replace {from} → {to}"),
        None => format!("submit {to}"),
    };
    let how = match strategy {
        Strategy::Restart | Strategy::FromSources if role == StatementRole::WritesConstants => "writing its rows again",
        Strategy::Restart | Strategy::FromSources if !role.reads_rows() => "submitting it again",
        Strategy::Restart => "starting over from its sources",
        Strategy::NeverRan => "deleting the predecessor, which never took effect",
        Strategy::Redefine => "running the recorded undo first",
        Strategy::FromOffsets => "starting from its recorded offsets",
        Strategy::FromSources => "starting over from its sources",
    };
    match (strategy, from) {
        (Strategy::NeverRan, None) => format!("{which}: the previous submission never took effect"),
        _ => format!("{which}, {how}"),
    }
}

/// Returns the headline of a pool update: the fields that change.
fn pool_update_headline(to: &PoolUpdate, change: &Change, context: &PlanContext) -> String {
    let changed_fields: Vec<String> = change
        .reasons
        .iter()
        .filter(|reason| matches!(reason, Reason::PoolFieldChanged { .. }))
        .map(|found| reason_text(found, context))
        .collect();
    if !changed_fields.is_empty() {
        return changed_fields.join(", ");
    }
    let name = to.display_name.as_ref().map(|name| format!("display_name {name}"));
    let cfu = to.max_cfu.map(|cfu| format!("max_cfu {cfu}"));
    name.into_iter().chain(cfu).collect::<Vec<_>>().join(", ")
}

/// Returns the reasons of a restart as one clause.
fn restart_causes(change: &Change, context: &PlanContext) -> String {
    let causes: Vec<String> = change.reasons.iter().map(|found| reason_text(found, context)).collect();
    if causes.is_empty() { "restart".to_owned() } else { causes.join(", ") }
}

/// Returns a short summary of the SQL: `CREATE TABLE orders`, `INSERT INTO a`, `STATEMENT SET into a, b`.
fn sql_summary(sql: &Template) -> String {
    let analysis = sql::analyze(&sql.masked());
    let kind = analysis.kind.api_name().replace('_', " ");
    let mut names: Vec<String> = Vec::new();
    for mention in &analysis.mentions {
        let name = mention.name.join(".");
        if matches!(mention.usage, Usage::Creates | Usage::Alters | Usage::Drops | Usage::Writes)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    let names = truncate(&names.join(", "), 60);
    match analysis.kind {
        _ if names.is_empty() => kind,
        sql::StatementKind::StatementSet => format!("STATEMENT SET into {names}"),
        _ => format!("{kind} {names}"),
    }
}

/// The number of changes of each kind in a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct Tally {
    /// Resources to create, or to keep unsubmitted.
    pub add: usize,
    /// Statements to stop or resume, and pools to update.
    pub change: usize,
    /// Jobs to restart with their state.
    pub restart: usize,
    /// Replacements to make, finish or roll back.
    pub replace: usize,
    /// Resources to delete from Confluent Cloud.
    pub destroy: usize,
    /// Live statements to add to the record.
    pub adopt: usize,
    /// Resources to remove from the record only.
    pub forget: usize,
    /// Statements of which only settings are recorded.
    pub record: usize,
    /// Changes that need a decision first.
    pub blocked: usize,
    /// Resources in a phase that has to pass.
    pub waiting: usize,
    /// Resources that are unhealthy, regardless of their action.
    pub unhealthy: usize,
}

impl Tally {
    /// Counts the changes of a plan.
    pub fn of<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let mut tally = Tally::default();
        for change in changes {
            tally.unhealthy = tally.unhealthy.saturating_add(usize::from(change.unhealthy));
            let counter = match &change.action {
                Action::Create { .. } | Action::CreatePool { .. } | Action::KeepUnsubmitted => &mut tally.add,
                Action::Adopt { .. } => &mut tally.adopt,
                Action::Stop | Action::Resume { .. } | Action::UpdatePool { .. } => &mut tally.change,
                Action::Restart { .. } => &mut tally.restart,
                Action::Replace { .. } | Action::FinishReplacement { .. } | Action::RollBackReplacement { .. } => {
                    &mut tally.replace
                }
                Action::Delete { .. } => &mut tally.destroy,
                Action::Forget => &mut tally.forget,
                Action::RecordSettings => &mut tally.record,
                Action::Blocked { .. } => &mut tally.blocked,
                Action::Await { .. } => &mut tally.waiting,
                Action::Inform => continue,
            };
            *counter = counter.saturating_add(1);
        }
        tally
    }
}
