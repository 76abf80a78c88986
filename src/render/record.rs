//! What the state holds, listed and shown.

use super::style::{columns, pad};
use crate::{
    resource::{Address, Kind},
    state::{Reached, Recorded, StatementRecord},
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
        Reached::Submitted => "submitted",
        Reached::Running => "ran",
        Reached::Completed => "completed",
    };
    let stopped = if current.stopped { ", stopped" } else { "" };
    let successor =
        record.successor.as_ref().map_or(String::new(), |next| format!(", {} to take over", next.sent.name));
    format!("{reached}{stopped}{successor}")
}

/// One address of the record, whole, as JSON. Secrets are in it by reference and keyed hash only. `None` if it is not
/// recorded.
pub fn show(recorded: &Recorded, address: &Address) -> Option<String> {
    let text = match address.kind {
        Kind::Pool => serde_json::to_string_pretty(recorded.pools.get(&address.key)?),
        Kind::Statement => serde_json::to_string_pretty(recorded.statements.get(&address.key)?),
    };
    text.ok().map(|text| text + "\n")
}
