//! What happens to one address, in a symbol and a line.

use super::{
    super::{
        Paint, PlanContext,
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

/// The symbol of a change, with its colour.
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
        Action::Await { .. } | Action::RecordSettings | Action::Inform if change.is_unhealthy() => ("!", Paint::Red),
        Action::Await { .. } | Action::RecordSettings | Action::Inform => ("·", Paint::Dim),
    }
}

/// What happens, in a line; `None` for a note, whose first sentence is the line, and for a block.
pub(in super::super) fn headline(address: &Address, change: &Change, context: &PlanContext) -> Option<String> {
    Some(match &change.action {
        Action::Create { sql, name, generation } => match *generation {
            Generation::FIRST => format!("{}{}", sql_summary(sql), context.placement_suffix(address)),
            later => format!("{} as {name} ({later}){}", sql_summary(sql), context.placement_suffix(address)),
        },
        Action::CreatePool { max_cfu } => format!("compute pool, max_cfu {max_cfu}"),
        Action::KeepUnsubmitted => "held: submitted once `stopped` is turned off".to_owned(),
        Action::Adopt { name, generation } => {
            format!("take over `{name}` ({generation}), which bears this project's labels; nothing is sent")
        }
        Action::Stop => "stop; its position and state are kept".to_owned(),
        Action::Resume { .. } => "resume where it stood".to_owned(),
        Action::UpdatePool { to } => pool_amendment_headline(to, change, context),
        Action::Restart { .. } => {
            format!("{}: stop, move, resume; state kept, short pause", restart_causes(change, context))
        }
        Action::Replace { strategy, from, to, .. } => replacement_headline(*strategy, *from, *to),
        Action::FinishReplacement { to } => format!("go on with the interrupted replacement: {to} takes over"),
        Action::RollBackReplacement { from } => {
            format!("take the interrupted replacement back: delete {from}, resume what was in force before")
        }
        Action::Delete { undo: Some(undo) } => format!("undo and delete: {}", truncate(&sanitize(undo.as_str()), 120)),
        Action::Delete { undo: None } if address.kind == ResourceKind::Pool => "delete the pool".to_owned(),
        Action::Delete { undo: None } => {
            "stop and delete; where it stood is kept in the state. Readers of its output see no new rows".to_owned()
        }
        Action::Forget => "forget; what is in the cloud stays".to_owned(),
        Action::Await { phase, .. } => format!("{phase}: wait for it"),
        Action::RecordSettings => "settings that only floe reads; recorded, nothing is sent".to_owned(),
        Action::Inform | Action::Blocked { .. } => return None,
    })
}

/// Whether the line of a change says this reason already.
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

fn replacement_headline(strategy: Strategy, from: Option<Generation>, to: Generation) -> String {
    let which = match from {
        Some(from) => format!("replace {from} → {to}"),
        None => format!("submit {to}"),
    };
    let how = match strategy {
        Strategy::Restart => "beginning again from its sources",
        Strategy::NeverRan => "which never took effect: delete, submit anew",
        Strategy::Redefine => "running the undo of what is in force first",
        Strategy::FromOffsets => "starting where it stood",
        Strategy::FromSources => "starting again from its sources",
    };
    match (strategy, from) {
        (Strategy::NeverRan, None) => format!("{which}: what was submitted never took effect"),
        _ => format!("{which}, {how}"),
    }
}

fn pool_amendment_headline(to: &PoolUpdate, change: &Change, context: &PlanContext) -> String {
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

fn restart_causes(change: &Change, context: &PlanContext) -> String {
    let causes: Vec<String> = change.reasons.iter().map(|found| reason_text(found, context)).collect();
    if causes.is_empty() { "restart".to_owned() } else { causes.join(", ") }
}

/// What a statement is, in a few words: `CREATE TABLE orders`, `INSERT INTO a`, `STATEMENT SET into a, b`.
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
        sql::StatementKind::StatementSet => format!("{kind} into {names}"),
        _ => format!("{kind} {names}"),
    }
}

/// How many changes of each sort a plan has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct Tally {
    pub add: usize,
    pub change: usize,
    pub restart: usize,
    pub replace: usize,
    pub destroy: usize,
    pub adopt: usize,
    pub forget: usize,
    pub record: usize,
    pub blocked: usize,
    pub waiting: usize,
    pub unhealthy: usize,
}

impl Tally {
    /// Counts changes.
    pub fn of<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let mut tally = Tally::default();
        for change in changes {
            tally.unhealthy = tally.unhealthy.saturating_add(usize::from(change.is_unhealthy()));
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
