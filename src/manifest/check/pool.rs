//! A pool: owned, or somebody else's.

use super::{ValidationContext, problem_at, values};
use crate::{
    manifest::{
        DeclaredPool,
        layer::{At, PoolLayer},
        merge,
    },
    resource::{Pool, PoolDeclaration, Problem},
};

/// Merges and checks the pool `key`.
pub(in crate::manifest) fn check_pool(
    context: &mut ValidationContext<'_>,
    key: &str,
    declared: &At<PoolLayer>,
    overlay: Option<&At<PoolLayer>>,
) -> Option<DeclaredPool> {
    for unset in &declared.value.unset {
        context.problems.push(problem_at(
            unset,
            "`unset` in a pool has nothing to unset",
            "only overlays of environments can",
        ));
    }
    let merged = match overlay {
        Some(overlay) => merge::merge_pool(&declared.value, &overlay.value, &mut context.problems),
        None => declared.value.clone(),
    };
    let spec = match &merged.id {
        Some(id) => check_borrowed_pool(context, id, &merged),
        None => check_owned_pool(context, key, declared, &merged),
    };
    Some(DeclaredPool { spec: spec?, place: declared.place.clone() })
}

fn check_borrowed_pool(
    context: &mut ValidationContext<'_>,
    id: &At<String>,
    layer: &PoolLayer,
) -> Option<PoolDeclaration> {
    let others = [
        ("max_cfu", layer.max_cfu.as_ref().map(|at| &at.place)),
        ("display_name", layer.display_name.as_ref().map(|at| &at.place)),
        ("network", layer.network.as_ref().map(|at| &at.place)),
        ("prevent_destroy", layer.prevent_destroy.as_ref().map(|at| &at.place)),
    ];
    for (name, place) in others {
        let Some(place) = place else { continue };
        let same_file = place.source.path == id.place.source.path;
        let help = match same_file {
            true => {
                format!("remove `{name}`, or `id` if floe is to own the pool; an overlay can `unset = [\"{name}\"]`")
            }
            false => format!("in the overlay: `unset = [\"{name}\"]`"),
        };
        context.problems.push(
            Problem::new(format!("a pool given by `id` is somebody else's, so it cannot have `{name}`"))
                .at(place.clone(), "this would change it")
                .at(id.place.clone(), "given by id here")
                .help(help),
        );
    }
    let id = context.substitution.interpolate(id)?;
    let id = values::check_id("id", &["lfcp-"], "lfcp-8m03rm", &id, &mut context.problems)?;
    Some(PoolDeclaration::Borrowed { id })
}

fn check_owned_pool(
    context: &mut ValidationContext<'_>,
    key: &str,
    declared: &At<PoolLayer>,
    layer: &PoolLayer,
) -> Option<PoolDeclaration> {
    if layer.max_cfu.is_none() && !layer.has_invalid_fields {
        context.problems.push(
            problem_at(declared, format!("`pools.{key}` has no `max_cfu`"), "required for a pool of your own")
                .help("for example `max_cfu = 10`; or `id = \"lfcp-…\"` for a pool that somebody else owns"),
        );
    }
    let max_cfu = layer.max_cfu.as_ref().and_then(|at| check_max_cfu(at, &mut context.problems));
    let display_name = match &layer.display_name {
        Some(at) => context.substitution.interpolate(at).map(|at| {
            if !is_display_name(&at.value) {
                context.problems.push(problem_at(
                    &at,
                    format!("the display name `{}` is not one that the API takes", at.value),
                    "1 to 64 letters, digits, `-`, `_` and `.`; the first no `_` or `.`",
                ));
            }
            at.value
        }),
        None => {
            if !is_display_name(key) {
                let message = format!("`{key}` cannot be a display name");
                context.problems.push(
                    problem_at(declared, message, "the key is the display name").help("say `display_name = \"…\"`"),
                );
            }
            Some(key.to_owned())
        }
    };
    let network = match &layer.network {
        Some(at) => {
            let at = context.substitution.interpolate(at)?;
            Some(values::check_id("network", &["n-"], "n-abc12", &at, &mut context.problems)?)
        }
        None => None,
    };
    let identity = &context.environment.identity;
    Some(PoolDeclaration::Owned(Pool {
        display_name: display_name?,
        max_cfu: max_cfu?,
        network,
        cloud: identity.cloud.clone(),
        region: identity.region.clone(),
        prevent_destroy: layer.prevent_destroy.as_ref().is_some_and(|at| at.value),
    }))
}

/// 5, 10, 20, 30, 40, 50; by tens up to 1000 where Confluent has raised the limit.
fn check_max_cfu(at: &At<i64>, problems: &mut Vec<Problem>) -> Option<u32> {
    let is_valid = at.value == 5 || ((10..=1000).contains(&at.value) && at.value % 10 == 0);
    if !is_valid {
        problems.push(
            problem_at(at, format!("`max_cfu` cannot be {}", at.value), "5, 10, 20, 30, 40 or 50")
                .help("by tens up to 1000 where Confluent has raised the limit for you"),
        );
    }
    u32::try_from(at.value).ok().filter(|_| is_valid)
}

/// `^(?:[0-9A-Za-z\-])[\w\.-]{0,63}$`, by the API's specification of compute pools.
fn is_display_name(name: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    name.chars().next().is_some_and(is_allowed)
        && name.chars().all(|letter| is_allowed(letter) || letter == '_' || letter == '.')
        && name.len() <= 64
}
