//! What the state holds, listed and shown.

use serde_json::Value;

use super::style::{columns, pad};
use crate::{
    resource::{Address, ResourceKind},
    state::{FurthestPhase, Recorded, StatementRecord},
};

/// Every address that is recorded, one a line: address, cloud name or id, how far it got.
pub fn list(recorded: &Recorded) -> String {
    let pools = recorded.pools.iter().map(|(key, pool)| (Address::pool(key), pool.id.clone(), String::new()));
    let statements = recorded.statements.iter().map(|(key, record)| {
        let name = record.current.as_ref().map_or("-", |current| current.sent.name.as_str()).to_owned();
        (Address::statement(key), name, standing(record))
    });
    let rows: Vec<(String, String, String)> =
        pools.chain(statements).map(|(address, name, standing)| (address.to_string(), name, standing)).collect();
    let first = rows.iter().map(|(address, ..)| columns(address)).max().unwrap_or(0);
    let second = rows.iter().map(|(_, name, _)| columns(name)).max().unwrap_or(0);
    rows.iter()
        .map(|(address, name, standing)| {
            let line = format!("{}  {}  {standing}", pad(address, first), pad(name, second));
            format!("{}\n", line.trim_end())
        })
        .collect()
}

fn standing(record: &StatementRecord) -> String {
    let Some(current) = &record.current else { return "held".to_owned() };
    let reached = match current.reached {
        FurthestPhase::Submitted => "submitted",
        FurthestPhase::Running => "ran",
        FurthestPhase::Completed => "completed",
    };
    let stopped = if current.stopped { ", stopped" } else { "" };
    let successor =
        record.successor.as_ref().map_or(String::new(), |next| format!(", {} to take over", next.sent.name));
    format!("{reached}{stopped}{successor}")
}

/// The record as JSON, but for the hashes of secrets and their key: together they let a value be guessed at.
///
/// # Errors
/// When it cannot be written as JSON, which is a bug.
pub fn list_json(recorded: &Recorded) -> Result<String, serde_json::Error> {
    let mut told = recorded.clone();
    told.statements.values_mut().for_each(|record| without_hashes(record));
    told.open_intents.values_mut().for_each(|open| open.secrets.clear());
    let mut value = serde_json::to_value(told)?;
    if let Value::Object(fields) = &mut value {
        fields.remove("key");
    }
    serde_json::to_string_pretty(&value).map(|text| text + "\n")
}

/// One address of the record as JSON, but for the hashes of secrets. `None` if it is not recorded.
pub fn show(recorded: &Recorded, address: &Address) -> Option<String> {
    let text = match address.kind {
        ResourceKind::Pool => serde_json::to_string_pretty(recorded.pools.get(&address.key)?),
        ResourceKind::Statement => {
            let mut told = recorded.statements.get(&address.key)?.clone();
            without_hashes(&mut told);
            serde_json::to_string_pretty(&told)
        }
    };
    text.ok().map(|text| text + "\n")
}

fn without_hashes(record: &mut StatementRecord) {
    let slots = [&mut record.current, &mut record.successor, &mut record.undo];
    let generations = slots.into_iter().filter_map(Option::as_deref_mut).chain(&mut record.retired);
    generations.for_each(|generation| generation.secrets.clear());
}
