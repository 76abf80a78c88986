//! The API's JSON for pools: `fcpm.v2.ComputePool` from the OpenAPI document.

use serde_json::{Value, json};

use super::{
    super::{
        api_request::ApiRequest,
        clock::rfc3339,
        world::{SimulatedPool, SimulatedWorld},
    },
    regions,
};

/// Returns the body of `fcpm.v2.ComputePool`, with what real bodies hold beyond the specification.
pub(super) fn pool_body(world: &SimulatedWorld, request: &ApiRequest, pool: &SimulatedPool) -> Value {
    let self_url = format!("{}/fcpm/v2/compute-pools/{}", request.origin, pool.id);
    let organization = &world.options.organization;
    let (environment, region, cloud) = (&pool.environment, &pool.region, pool.cloud.to_lowercase());
    let resource_name = format!(
        "crn://confluent.cloud/organization={organization}/environment={environment}/flink-region={cloud}.{region}\
         /compute-pool={}",
        pool.id
    );
    let jobs = u64::from(world.options.jobs_per_cfu.max(1));
    let running = u64::try_from(world.executing_on_pool(&pool.id)).unwrap_or(u64::MAX);
    let endpoint = regions::regional_endpoint(request, &cloud, region, "");
    let mut spec = json!({
        "display_name": pool.display_name, "cloud": pool.cloud, "region": region, "max_cfu": pool.max_cfu,
        "enable_ai": pool.enable_ai, "default_pool": pool.default_pool,
        "http_endpoint": format!("{endpoint}/sql/v1/organizations/{organization}/environments/{environment}"),
        "environment": {
            "id": environment, "related": self_url,
            "resource_name": format!("crn://confluent.cloud/organization={organization}/environment={environment}"),
        },
    });
    if let (Some(network), Some(spec)) = (&pool.network, spec.as_object_mut()) {
        let related = format!("{}/networking/v1/networks/{network}", request.origin);
        let crn =
            format!("crn://confluent.cloud/organization={organization}/environment={environment}/network={network}");
        let network = json!({ "id": network, "environment": environment, "related": related, "resource_name": crn });
        spec.insert("network".to_owned(), network);
    }
    json!({
        "api_version": "fcpm/v2", "kind": "ComputePool", "id": pool.id,
        "metadata": {
            "self": self_url, "resource_name": resource_name,
            "created_at": rfc3339(pool.created_at), "updated_at": rfc3339(pool.updated_at),
        },
        "spec": spec,
        "status": {
            "phase": pool.phase.as_str(),
            "current_cfu": running.div_ceil(jobs).min(u64::from(pool.max_cfu)),
        },
    })
}
