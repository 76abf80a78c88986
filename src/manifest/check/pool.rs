//! Validates pools: those that the project owns, and those that it only uses by id.

use super::{ValidationContext, problem_at, values};
use crate::{
    manifest::{
        DeclaredPool,
        layer::{At, PoolLayer},
        merge,
    },
    resource::{Pool, PoolDeclaration, Problem},
};

/// Merges and checks the pool `key`. Returns `None` if a required value is missing or invalid.
pub(in crate::manifest) fn check_pool(
    context: &mut ValidationContext<'_>,
    key: &str,
    declared: &At<PoolLayer>,
    overlay: Option<&At<PoolLayer>>,
) -> Option<DeclaredPool> {
    for unset in &declared.value.unset {
        context.problems.push(problem_at(
            unset,
            "`unset` is not allowed in the declaration of a pool",
            "only allowed in an overlay",
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

/// Checks a pool that has an `id`, which the project uses but does not own.
fn check_borrowed_pool(
    context: &mut ValidationContext<'_>,
    id: &At<String>,
    layer: &PoolLayer,
) -> Option<PoolDeclaration> {
    let disallowed_fields = [
        ("max_cfu", layer.max_cfu.as_ref().map(|at| &at.place)),
        ("display_name", layer.display_name.as_ref().map(|at| &at.place)),
        ("network", layer.network.as_ref().map(|at| &at.place)),
        ("prevent_destroy", layer.prevent_destroy.as_ref().map(|at| &at.place)),
    ];
    for (name, place) in disallowed_fields {
        let Some(place) = place else { continue };
        let same_file = place.source.path == id.place.source.path;
        let help = match same_file {
            true => {
                format!(
                    "Remove `{name}`, or remove `id` if floe should own the pool. An overlay can set \
                     `unset = [\"{name}\"]`."
                )
            }
            false => format!("Set `unset = [\"{name}\"]` in the overlay."),
        };
        context.problems.push(
            Problem::new(format!("a pool with an `id` is not managed by this project, so it cannot set `{name}`"))
                .at(place.clone(), "this would change the pool")
                .at(id.place.clone(), "`id` is set here")
                .help(help),
        );
    }
    let id = context.substitution.interpolate(id)?;
    let id = values::check_id("id", &["lfcp-"], "lfcp-8m03rm", &id, &mut context.problems)?;
    Some(PoolDeclaration::Borrowed { id })
}

/// Checks a pool without an `id`, which the project owns.
fn check_owned_pool(
    context: &mut ValidationContext<'_>,
    key: &str,
    declared: &At<PoolLayer>,
    layer: &PoolLayer,
) -> Option<PoolDeclaration> {
    if layer.max_cfu.is_none() && !layer.has_invalid_fields {
        context.problems.push(
            problem_at(
                declared,
                format!("`pools.{key}` has no `max_cfu`"),
                "required for a pool that the project owns",
            )
            .help(
                "Set it, for example `max_cfu = 10`. For a pool that this project does not manage, set \
                 `id = \"lfcp-…\"` instead.",
            ),
        );
    }
    let max_cfu = layer.max_cfu.as_ref().and_then(|at| check_max_cfu(at, &mut context.problems));
    let display_name = match &layer.display_name {
        Some(at) => context.substitution.interpolate(at).map(|at| {
            if !is_display_name(&at.value) {
                context.problems.push(problem_at(
                    &at,
                    format!("the API rejects the display name `{}`", at.value),
                    "1 to 64 letters, digits, `-`, `_` and `.`, not starting with `_` or `.`",
                ));
            }
            at.value
        }),
        None => {
            if !is_display_name(key) {
                let message = format!("the key `{key}` is not a valid display name");
                context.problems.push(
                    problem_at(declared, message, "used as the display name").help("Set `display_name = \"…\"`."),
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

/// Returns `max_cfu`, if it is valid: 5, 10, 20, 30, 40 or 50, or a multiple of 10 up to 1000 if Confluent has raised
/// the limit.
fn check_max_cfu(at: &At<i64>, problems: &mut Vec<Problem>) -> Option<u32> {
    let is_valid = at.value == 5 || ((10..=1000).contains(&at.value) && at.value % 10 == 0);
    if !is_valid {
        problems.push(
            problem_at(at, format!("`max_cfu` cannot be {}", at.value), "5, 10, 20, 30, 40 or 50")
                .help("Use one of these values, or a multiple of 10 up to 1000 if Confluent has raised your limit."),
        );
    }
    u32::try_from(at.value).ok().filter(|_| is_valid)
}

/// Returns whether the API accepts `name` as a display name. The pattern in the API's specification of compute pools
/// is `^(?:[0-9A-Za-z\-])[\w\.-]{0,63}$`.
fn is_display_name(name: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    name.chars().next().is_some_and(is_allowed)
        && name.chars().all(|letter| is_allowed(letter) || letter == '_' || letter == '.')
        && name.len() <= 64
}
