//! The environment variables that usually hold a credential of a pipeline. A secret of a manifest may not read them,
//! because the author of the manifest also decides where the value is sent.

/// Variables with exactly these names, in upper case.
const NAMES: [&str; 43] = [
    // Package registries and source hosts.
    "CARGO_REGISTRY_TOKEN",
    "CODECOV_TOKEN",
    "COVERALLS_REPO_TOKEN",
    "DOCKER_AUTH_CONFIG",
    "DOCKER_PASSWORD",
    "DOCKERHUB_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GH_TOKEN",
    "GHCR_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GITHUB_PAT",
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "GITEA_TOKEN",
    "GIT_ASKPASS",
    "GIT_PASSWORD",
    "GIT_TOKEN",
    "NODE_AUTH_TOKEN",
    "NPM_TOKEN",
    "NUGET_API_KEY",
    "PYPI_TOKEN",
    "RENOVATE_TOKEN",
    "SSH_AUTH_SOCK",
    "SSH_PRIVATE_KEY",
    "SYSTEM_ACCESSTOKEN",
    "TWINE_PASSWORD",
    // Tools for infrastructure and their stores of secrets.
    "ATLAS_TOKEN",
    "BOUNDARY_TOKEN",
    "CONSUL_HTTP_TOKEN",
    "DIGITALOCEAN_ACCESS_TOKEN",
    "DOPPLER_TOKEN",
    "HCLOUD_TOKEN",
    "INFISICAL_TOKEN",
    "KUBECONFIG",
    "KUBE_CONFIG",
    "KUBE_TOKEN",
    "NOMAD_TOKEN",
    "OP_SERVICE_ACCOUNT_TOKEN",
    "PULUMI_ACCESS_TOKEN",
    "SNYK_TOKEN",
    "SONAR_TOKEN",
    "SOPS_AGE_KEY",
    "VAULT_TOKEN",
];

/// Beginnings of the names of such variables, in upper case.
const PREFIXES: [&str; 35] = [
    // floe's own keys, and those of other tools for Confluent Cloud.
    "CLOUD_API_",
    "CONFLUENT_",
    "FLINK_API_",
    "FLINK_REST_",
    "KAFKA_API_",
    "KAFKA_REST_",
    "SCHEMA_REGISTRY_",
    // Clouds.
    "ALICLOUD_",
    "ALIBABA_CLOUD_",
    "ARM_",
    "AWS_",
    "AZURE_",
    "CLOUDFLARE_",
    "CLOUDSDK_",
    "GCP_",
    "GCLOUD_",
    "GOOGLE_",
    "IBMCLOUD_",
    "OCI_",
    // Runners of pipelines.
    "ACTIONS_",
    "APPVEYOR_",
    "BITBUCKET_",
    "BITRISE_",
    "BUILDKITE_",
    "CI_",
    "CIRCLE_",
    "DRONE_",
    "JENKINS_",
    "RUNNER_",
    "TEAMCITY_",
    "TRAVIS_",
    // Settings of tools, where they hold tokens.
    "CARGO_REGISTRIES_",
    "NPM_CONFIG_",
    "PIP_",
    "TF_TOKEN_",
];

/// Returns whether a variable with this name usually holds a credential of the pipeline itself. Upper and lower case
/// are the same, as they are on Windows.
pub(super) fn is_credential_variable(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    NAMES.contains(&name.as_str()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_with_credentials_of_the_pipeline_are_known() {
        let known = [
            "FLINK_API_KEY",
            "FLINK_API_SECRET",
            "CONFLUENT_CLOUD_API_KEY",
            "CONFLUENT_CLOUD_API_SECRET",
            "CONFLUENT_FLINK_API_SECRET",
            "CLOUD_API_SECRET",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "GOOGLE_CREDENTIALS",
            "CLOUDSDK_AUTH_ACCESS_TOKEN",
            "AZURE_CLIENT_SECRET",
            "ARM_CLIENT_SECRET",
            "GITHUB_TOKEN",
            "GH_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "ACTIONS_RUNTIME_TOKEN",
            "CI_JOB_TOKEN",
            "CI_JOB_JWT_V2",
            "CI_REGISTRY_PASSWORD",
            "CIRCLE_TOKEN",
            "BUILDKITE_AGENT_ACCESS_TOKEN",
            "BITBUCKET_STEP_OIDC_TOKEN",
            "JENKINS_API_TOKEN",
            "SYSTEM_ACCESSTOKEN",
            "VAULT_TOKEN",
            "TF_TOKEN_app_terraform_io",
            "NPM_TOKEN",
            "npm_config__authToken",
            "CARGO_REGISTRY_TOKEN",
            "CARGO_REGISTRIES_INTERNAL_TOKEN",
            "KUBECONFIG",
            "SSH_AUTH_SOCK",
            "github_token",
        ];
        let missing: Vec<&&str> = known.iter().filter(|name| !is_credential_variable(name)).collect();
        assert_eq!(missing, [&""; 0]);
    }

    #[test]
    fn variables_for_statements_are_free() {
        for name in ["OPENAI_API_KEY", "STRIPE_KEY", "DB_PASSWORD", "S", "CIA", "AWSOME", "MY_AWS_KEY", "FLOE_VAR_x"] {
            assert!(!is_credential_variable(name), "{name}");
        }
    }

    #[test]
    fn the_lists_are_written_in_upper_case_without_duplicates() {
        let all: Vec<&str> = NAMES.iter().chain(&PREFIXES).copied().collect();
        let distinct: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|name| name.to_ascii_uppercase() == **name));
        let covered: Vec<&&str> =
            NAMES.iter().filter(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix))).collect();
        assert_eq!(covered, [&""; 0], "a prefix covers these names already");
    }
}
