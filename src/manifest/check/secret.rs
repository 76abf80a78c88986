//! Validates `[secrets]`, which names the environment variable of each secret.

use std::collections::BTreeMap;

use super::{ValidationContext, problem_at};
use crate::manifest::{
    layer::{At, Field},
    substitute,
};

/// Checks the environment variables of secrets. Returns the variable of each secret by the secret's name.
pub(in crate::manifest) fn check_secrets(
    context: &mut ValidationContext<'_>,
    secrets: &BTreeMap<String, At<Field<String>>>,
) -> BTreeMap<String, String> {
    let mut checked = BTreeMap::new();
    for (name, at) in secrets {
        let Some(env) = at.value.as_ref().and_then(|env| context.substitution.interpolate(env)) else { continue };
        if env.value.contains('-') || !substitute::is_variable_name(&env.value) {
            context.problems.push(
                problem_at(&env, "this is not a valid environment variable name", "letters, digits and `_` only")
                    .help("Set `env` to the name of the variable that holds the secret, never to the secret itself."),
            );
        }
        checked.insert(name.clone(), env.value);
    }
    checked
}
