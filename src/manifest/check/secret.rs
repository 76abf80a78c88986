//! `[secrets]`: which environment variable holds each.

use std::collections::BTreeMap;

use super::{ValidationContext, problem_at};
use crate::manifest::{
    layer::{At, Field},
    substitute,
};

/// Checks the names of secrets and of the variables that hold them.
pub(in crate::manifest) fn check_secrets(
    context: &mut ValidationContext<'_>,
    secrets: &BTreeMap<String, At<Field<String>>>,
) -> BTreeMap<String, String> {
    let mut checked = BTreeMap::new();
    for (name, at) in secrets {
        let Some(env) = at.value.as_ref().and_then(|env| context.substitution.interpolate(env)) else { continue };
        if env.value.contains('-') || !substitute::is_variable_name(&env.value) {
            context.problems.push(
                problem_at(&env, "this cannot be the name of an environment variable", "letters, digits and `_` only")
                    .help("`env` names the variable that holds the secret, never the secret"),
            );
        }
        checked.insert(name.clone(), env.value);
    }
    checked
}
