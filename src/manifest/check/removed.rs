//! Validates `[[removed]]` blocks: each address has one block, and is no longer declared.

use std::collections::BTreeMap;

use super::{ValidationContext, moved::parse_address, problem_at, settings::check_consents, with_both_places};
use crate::{
    manifest::{
        RemovedBlock,
        layer::{At, RemovedLayer},
    },
    resource::{Problem, ResourceKind, SourceLocation},
};

/// Checks all `[[removed]]` blocks together and returns those that are valid.
pub(in crate::manifest) fn check_removed_blocks(
    context: &mut ValidationContext<'_>,
    layers: &[At<RemovedLayer>],
) -> Vec<RemovedBlock> {
    let mut first_places: BTreeMap<_, SourceLocation> = BTreeMap::new();
    let mut blocks = Vec::new();
    for layer in layers {
        let accept = check_consents(context, &layer.value.accept);
        let Some(address) = parse_address(context, &layer.value.address) else { continue };
        let keys = match address.value.kind {
            ResourceKind::Pool => &context.pool_keys,
            ResourceKind::Statement => &context.statement_keys,
        };
        if keys.contains(address.value.key.as_str()) {
            context.problems.push(
                problem_at(&address, format!("`{}` is removed but still declared", address.value), "still declared")
                    .help(format!(
                        "Move its `accept` to `[{}.{}]`, or remove the declaration.",
                        address.value.kind.manifest_table(),
                        address.value.key
                    )),
            );
        } else if let Some(first) = first_places.get(&address.value) {
            let problem = Problem::new(format!("`{}` has two `[[removed]]` blocks", address.value));
            context.problems.push(
                with_both_places(problem, &address.place, first)
                    .help("Put all consents into the `accept` of one block."),
            );
        } else {
            first_places.insert(address.value.clone(), address.place);
            blocks.push(RemovedBlock { address: address.value, accept, place: layer.place.clone() });
        }
    }
    blocks
}
