//! Marks the changes whose live resource needs attention.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{Action, Change, Note};
use crate::{assess::Assessment, resource::Address};

/// Marks the changes of resources that need attention. A selected resource that needs attention and no change gets an
/// entry with its notes. What is removed no longer needs attention.
pub(super) fn mark_unhealthy(
    assessment: &Assessment,
    selected: &BTreeSet<Address>,
    changes: &mut BTreeMap<Address, Change>,
) {
    for (address, assessed) in assessment.iter().filter(|(_, assessed)| assessed.is_unhealthy()) {
        if selected.contains(address) && !changes.contains_key(address) {
            let notes = assessed.conditions.iter().filter_map(Note::about);
            changes.insert(address.clone(), Change::new(Action::Inform, Vec::new()).with_notes(notes));
        }
        if let Some(change) = changes.get_mut(address) {
            change.unhealthy = !matches!(change.action, Action::Delete { .. } | Action::Forget);
        }
    }
}
