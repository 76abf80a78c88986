//! The recorded resources as a list and as JSON.

use serde_json::Value;

use super::{
    escape::json_text,
    style::{display_width, pad, sanitize},
};
use crate::{
    resource::{Address, ResourceKind},
    state::{FurthestPhase, Recorded, StatementRecord},
};

/// Returns the recorded addresses, one per line: the address, the cloud name or id, and the progress of a statement.
pub fn recorded_list_text(recorded: &Recorded) -> String {
    let pools = recorded.pools.iter().map(|(key, pool)| (Address::pool(key), pool.id.clone(), String::new()));
    let statements = recorded.statements.iter().map(|(key, record)| {
        let name = record.current.as_ref().map_or("-", |current| current.sent.name.as_str()).to_owned();
        (Address::statement(key), name, progress_label(record))
    });
    let rows: Vec<(String, String, String)> = pools
        .chain(statements)
        .map(|(address, name, standing)| (sanitize(&address.to_string()), sanitize(&name), sanitize(&standing)))
        .collect();
    let first = rows.iter().map(|(address, ..)| display_width(address)).max().unwrap_or(0);
    let second = rows.iter().map(|(_, name, _)| display_width(name)).max().unwrap_or(0);
    rows.iter()
        .map(|(address, name, standing)| {
            let line = format!("{}  {}  {standing}", pad(address, first), pad(name, second));
            format!("{}\n", line.trim_end())
        })
        .collect()
}

/// Returns the furthest phase of a statement's current generation, and what else is recorded about it.
fn progress_label(record: &StatementRecord) -> String {
    let Some(current) = &record.current else { return "held".to_owned() };
    let reached = match current.reached {
        FurthestPhase::Submitted => "submitted",
        FurthestPhase::Running => "ran",
        FurthestPhase::Completed => "completed",
    };
    let stopped = if current.stopped { ", stopped" } else { "" };
    let successor = record.successor.as_ref().map_or(String::new(), |next| format!(", successor {}", next.sent.name));
    format!("{reached}{stopped}{successor}")
}

/// Returns the record as JSON, without the hashes of secrets and their key, which together would allow
/// guessing a value.
///
/// # Errors
/// If the record cannot be written as JSON, which is a bug.
pub fn recorded_json(recorded: &Recorded) -> Result<String, serde_json::Error> {
    let mut shown = recorded.clone();
    shown.statements.values_mut().for_each(|record| clear_secret_hashes(record));
    shown.open_intents.values_mut().for_each(|open| open.secrets.clear());
    let mut value = serde_json::to_value(shown)?;
    if let Value::Object(fields) = &mut value {
        fields.remove("key");
    }
    json_text(&value)
}

/// Returns one address of the record as JSON, without the hashes of secrets. `None` if it is not recorded.
pub fn recorded_entry_json(recorded: &Recorded, address: &Address) -> Option<String> {
    let text = match address.kind {
        ResourceKind::Pool => json_text(recorded.pools.get(&address.key)?),
        ResourceKind::Statement => {
            let mut shown = recorded.statements.get(&address.key)?.clone();
            clear_secret_hashes(&mut shown);
            json_text(&shown)
        }
    };
    text.ok()
}

/// Removes the hashes of secrets from every generation of a record.
fn clear_secret_hashes(record: &mut StatementRecord) {
    let slots = [&mut record.current, &mut record.successor, &mut record.undo];
    let generations = slots.into_iter().filter_map(Option::as_deref_mut).chain(&mut record.retired);
    generations.for_each(|generation| generation.secrets.clear());
}
