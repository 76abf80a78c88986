//! Describes this process as the holder of a lock, for other runs that find the lock taken.

use std::fs;

use super::ProcessEnvironment;
use crate::state::LockHolder;

/// Returns this process as the holder of a lock, running `command`.
pub(super) fn lock_holder(command: &str, process: &ProcessEnvironment) -> LockHolder {
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| process.variable(name)).unwrap_or("unknown");
    let machine = ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| process.variable(name)).map(str::to_owned);
    let machine =
        machine.or_else(|| fs::read_to_string("/etc/hostname").ok()).unwrap_or_else(|| "this machine".to_owned());
    let now = jiff::Timestamp::now();
    LockHolder {
        command: command.to_owned(),
        who: format!("{user}@{}", machine.trim()),
        pid: std::process::id(),
        since: jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string(),
        saved_plan_id: None,
    }
}
