//! A pool: owned, or somebody else's.

use super::{Desk, words, wrong};
use crate::{
    manifest::{
        DeclaredPool,
        layer::{At, PoolLayer},
        merge,
    },
    resource::{Pool, PoolDeclaration, Problem},
};

/// Merges and checks the pool `key`.
pub(in crate::manifest) fn pool(
    desk: &mut Desk<'_>,
    key: &str,
    declared: &At<PoolLayer>,
    overlay: Option<&At<PoolLayer>>,
) -> Option<DeclaredPool> {
    for unset in &declared.value.unset {
        desk.problems.push(wrong(unset, "`unset` in a pool has nothing to unset", "only overlays of environments can"));
    }
    let merged = match overlay {
        Some(overlay) => merge::pool(&declared.value, &overlay.value, &mut desk.problems),
        None => declared.value.clone(),
    };
    let spec = match &merged.id {
        Some(id) => borrowed(desk, id, &merged),
        None => owned(desk, key, declared, &merged),
    };
    Some(DeclaredPool { spec: spec?, place: declared.place.clone() })
}

fn borrowed(desk: &mut Desk<'_>, id: &At<String>, layer: &PoolLayer) -> Option<PoolDeclaration> {
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
        desk.problems.push(
            Problem::new(format!("a pool given by `id` is somebody else's, so it cannot have `{name}`"))
                .at(place.clone(), "this would change it")
                .at(id.place.clone(), "given by id here")
                .help(help),
        );
    }
    let id = desk.substitution.plain(id)?;
    let id = words::id("id", &["lfcp-"], "lfcp-8m03rm", &id, &mut desk.problems)?;
    Some(PoolDeclaration::Borrowed { id })
}

fn owned(desk: &mut Desk<'_>, key: &str, declared: &At<PoolLayer>, layer: &PoolLayer) -> Option<PoolDeclaration> {
    if layer.max_cfu.is_none() && !layer.flawed {
        desk.problems.push(
            wrong(declared, format!("`pools.{key}` has no `max_cfu`"), "required for a pool of your own")
                .help("for example `max_cfu = 10`; or `id = \"lfcp-…\"` for a pool that somebody else owns"),
        );
    }
    let max_cfu = layer.max_cfu.as_ref().and_then(|at| max_cfu(at, &mut desk.problems));
    let display_name = match &layer.display_name {
        Some(at) => desk.substitution.plain(at).map(|at| {
            if !is_display_name(&at.value) {
                desk.problems.push(wrong(
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
                desk.problems
                    .push(wrong(declared, message, "the key is the display name").help("say `display_name = \"…\"`"));
            }
            Some(key.to_owned())
        }
    };
    let network = match &layer.network {
        Some(at) => {
            let at = desk.substitution.plain(at)?;
            Some(words::id("network", &["n-"], "n-abc12", &at, &mut desk.problems)?)
        }
        None => None,
    };
    let identity = &desk.environment.identity;
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
fn max_cfu(at: &At<i64>, problems: &mut Vec<Problem>) -> Option<u32> {
    let sound = at.value == 5 || ((10..=1000).contains(&at.value) && at.value % 10 == 0);
    if !sound {
        problems.push(
            wrong(at, format!("`max_cfu` cannot be {}", at.value), "5, 10, 20, 30, 40 or 50")
                .help("by tens up to 1000 where Confluent has raised the limit for you"),
        );
    }
    u32::try_from(at.value).ok().filter(|_| sound)
}

/// `^(?:[0-9A-Za-z\-])[\w\.-]{0,63}$`, by the API's specification of compute pools.
fn is_display_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    name.chars().next().is_some_and(plain)
        && name.chars().all(|letter| plain(letter) || letter == '_' || letter == '.')
        && name.len() <= 64
}
