//! Validates `[secrets]`, which names the environment variable of each secret.

use std::collections::BTreeMap;

use super::{ValidationContext, problem_at};
use crate::{
    manifest::{
        Permissions,
        layer::{At, Field},
        permissions::SecretRefusal,
        substitute,
    },
    resource::Problem,
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
        if let Some(refusal) = context.folder.permissions.refuses_secret(&env.value) {
            context.problems.push(refused_variable(context.folder.permissions, name, &env, refusal));
        }
        checked.insert(name.clone(), env.value);
    }
    checked
}

/// Returns the problem of a secret that may not read its variable.
fn refused_variable(permissions: &Permissions, name: &str, env: &At<String>, refusal: SecretRefusal) -> Problem {
    let variable = &env.value;
    let (label, why) = match refusal {
        SecretRefusal::PipelineCredential => (
            "usually holds a credential of the pipeline",
            "A statement could send it anywhere. Put a value for statements in a variable of its own. To allow this \
             variable nevertheless, set this where floe runs:",
        ),
        SecretRefusal::NotListed => (
            "not in `FLOE_ONLY_SECRETS`",
            "Where floe runs, secrets may read only the variables that `FLOE_ONLY_SECRETS` lists. To allow this one, \
             set this there:",
        ),
    };
    problem_at(env, format!("secret `{name}` may not read `{variable}`"), label)
        .help(format!("{why}\n\n{}", permissions.export_secret(variable, refusal)))
}
