//! The pools API, `fcpm/v2`: compute pools, regions and the organization's configuration.

mod check;
mod record;
mod regions;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Failure, empty, json_answer},
    asked::{Asked, Page},
    audit::Verb,
    clock::rfc3339,
    world::World,
};
use crate::{cloud::Method, resource::PoolPhase};
use check::{cfu, cfu_at, check_display_name, check_free_name, check_only_default, invalid, missing};
pub(super) use record::Pool;

/// The organization's configuration of default pools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OrgConfig {
    default_pool_enabled: bool,
    default_pool_max_cfu: u32,
}

impl Default for OrgConfig {
    fn default() -> Self {
        OrgConfig { default_pool_enabled: true, default_pool_max_cfu: 50 }
    }
}

/// Answers a request below `/fcpm/v2`; `rest` is what follows.
pub(super) fn answer(world: &mut World, asked: &Asked, rest: &[&str]) -> Result<Answer, Failure> {
    match (asked.method, rest) {
        (Method::Get, ["compute-pools"]) => list(world, asked),
        (Method::Post, ["compute-pools"]) => create(world, asked),
        (Method::Get, ["compute-pools", id]) => {
            let environment = environment(asked)?;
            Ok(json_answer(200, &shown(world, asked, find(world, &environment, id)?)))
        }
        (Method::Patch, ["compute-pools", id]) => patch(world, asked, id),
        (Method::Delete, ["compute-pools", id]) => delete(world, asked, id),
        (Method::Get, ["regions"]) => regions::list(world, asked),
        (Method::Get, ["compute-pool-config"]) => Ok(json_answer(200, &shown_config(world))),
        (Method::Patch, ["compute-pool-config"]) => patch_config(world, asked),
        (_, ["compute-pools" | "regions" | "compute-pool-config"] | ["compute-pools", _]) => {
            Err(Failure::new(405, "Method Not Allowed"))
        }
        _ => Err(Failure::new(404, "Not Found")),
    }
}

/// The required query parameter `environment`.
fn environment(asked: &Asked) -> Result<String, Failure> {
    let environment = asked.query("environment").filter(|it| !it.is_empty()).map(str::to_owned);
    environment.ok_or_else(|| {
        Failure::new(400, "The query parameter 'environment' is required").coded("invalid_filter", "Invalid Filter")
    })
}

fn find<'a>(world: &'a World, environment: &str, id: &str) -> Result<&'a Pool, Failure> {
    let switches = &world.options.switches;
    let seen = |pool: &&Pool| {
        pool.environment == environment && (switches.deprovisioning_shown || pool.phase != PoolPhase::Deprovisioning)
    };
    let absent = || Failure::new(switches.pool_absent_status, format!("The compute pool {id} was not found."));
    world.pool(id).filter(seen).ok_or_else(absent)
}

fn list(world: &mut World, asked: &Asked) -> Result<Answer, Failure> {
    let environment = environment(asked)?;
    let page = Page::of(asked)?;
    let switches = &world.options.switches;
    let filter = |name| asked.query(name).filter(|value| !value.is_empty());
    let (region, network) = (filter("spec.region"), filter("spec.network"));
    let fresh = asked.view.lag.map(|lag| world.moment.saturating_sub(lag));
    let fits = |pool: &&Pool| {
        pool.environment == environment
            && pool.id.as_str() > page.after()
            && region.is_none_or(|region| pool.region == region)
            && network.is_none_or(|network| pool.network.as_deref() == Some(network))
            && (switches.deprovisioning_shown || pool.phase != PoolPhase::Deprovisioning)
            && fresh.is_none_or(|fresh| pool.created < fresh)
    };
    let mut found: Vec<&Pool> = world.pools().filter(fits).take(page.size.saturating_add(1)).collect();
    let next = page.next(&mut found, |pool| pool.id.as_str());
    let data: Vec<_> = found.into_iter().map(|pool| shown(world, asked, pool)).collect();
    let collection = format!("{}/fcpm/v2/compute-pools", asked.origin);
    let next = next.map(|token| asked.next_page(&collection, &token)).unwrap_or_default();
    let list = json!({
        "api_version": "fcpm/v2", "kind": "ComputePoolList", "data": data,
        "metadata": { "first": "", "next": next },
    });
    Ok(json_answer(200, &list))
}

/// `fcpm.v2.ComputePool`, with what real bodies hold beyond the specification.
fn shown(world: &World, asked: &Asked, pool: &Pool) -> Value {
    let this = format!("{}/fcpm/v2/compute-pools/{}", asked.origin, pool.id);
    let organization = &world.options.organization;
    let (environment, region, cloud) = (&pool.environment, &pool.region, pool.cloud.to_lowercase());
    let name = format!(
        "crn://confluent.cloud/organization={organization}/environment={environment}/flink-region={cloud}.{region}\
         /compute-pool={}",
        pool.id
    );
    let jobs = u64::from(world.options.jobs_per_cfu.max(1));
    let running = u64::try_from(world.running(&pool.id)).unwrap_or(u64::MAX);
    let endpoint = regions::endpoint(asked, &cloud, region, "");
    let mut spec = json!({
        "display_name": pool.display_name, "cloud": pool.cloud, "region": region, "max_cfu": pool.max_cfu,
        "enable_ai": pool.enable_ai, "default_pool": pool.default_pool,
        "http_endpoint": format!("{endpoint}/sql/v1/organizations/{organization}/environments/{environment}"),
        "environment": {
            "id": environment, "related": this,
            "resource_name": format!("crn://confluent.cloud/organization={organization}/environment={environment}"),
        },
    });
    if let (Some(network), Some(spec)) = (&pool.network, spec.as_object_mut()) {
        let related = format!("{}/networking/v1/networks/{network}", asked.origin);
        let crn =
            format!("crn://confluent.cloud/organization={organization}/environment={environment}/network={network}");
        let network = json!({ "id": network, "environment": environment, "related": related, "resource_name": crn });
        spec.insert("network".to_owned(), network);
    }
    json!({
        "api_version": "fcpm/v2", "kind": "ComputePool", "id": pool.id,
        "metadata": {
            "self": this, "resource_name": name,
            "created_at": rfc3339(pool.created), "updated_at": rfc3339(pool.updated),
        },
        "spec": spec,
        "status": {
            "phase": pool.phase.as_str(),
            "current_cfu": running.div_ceil(jobs).min(u64::from(pool.max_cfu)),
        },
    })
}

/// What a new pool is to be.
struct Wanted {
    environment: String,
    display_name: String,
    cloud: String,
    region: String,
    max_cfu: u32,
    enable_ai: bool,
    default_pool: bool,
    network: Option<String>,
}

fn create(world: &mut World, asked: &Asked) -> Result<Answer, Failure> {
    let body = asked.body()?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let need = |pointer: &str| text(pointer).map(str::to_owned).ok_or_else(|| missing(pointer));
    let flag = |pointer: &str| body.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
    let wanted = Wanted {
        display_name: need("/spec/display_name")?,
        cloud: need("/spec/cloud")?.to_uppercase(),
        region: need("/spec/region")?,
        max_cfu: cfu(world, &body)?.ok_or_else(|| missing("/spec/max_cfu"))?,
        environment: need("/spec/environment/id")?,
        enable_ai: flag("/spec/enable_ai"),
        default_pool: flag("/spec/default_pool"),
        network: text("/spec/network/id").map(str::to_owned),
    };
    check_display_name(&wanted.display_name)?;
    if !matches!(wanted.cloud.as_str(), "AWS" | "GCP" | "AZURE") {
        return Err(invalid(400, format!("The cloud '{}' is not supported.", wanted.cloud), "/spec/cloud"));
    }
    if !regions::offered(world, &wanted.cloud, &wanted.region) {
        let words = format!("The region '{}' of {} is not supported.", wanted.region, wanted.cloud);
        return Err(invalid(400, words, "/spec/region"));
    }
    check_free_name(world, &wanted.environment, &wanted.display_name, "")?;
    let switches = &world.options.switches;
    let held = world.pools().filter(|pool| pool.environment == wanted.environment).count();
    if switches.pool_quota.is_some_and(|most| held >= most) {
        let words = format!("The number of compute pools in {} is currently limited to {held}.", wanted.environment);
        return Err(Failure::new(switches.quota_status, words).coded("quota_exceeded", "Quota Exceeded"));
    }
    if wanted.default_pool {
        check_only_default(world, &wanted.environment, &wanted.region, "")?;
    }
    let due = world.about(world.options.pace.provision);
    let pool = new_pool(world, wanted, PoolPhase::Provisioning, Some(due));
    let answer = json_answer(202, &shown(world, asked, &pool));
    Ok(answer)
}

fn new_pool(world: &mut World, wanted: Wanted, phase: PoolPhase, due: Option<i64>) -> Pool {
    let mut random = world.random();
    let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let id: String = (0..6).filter_map(|_| random.choice(letters).map(|byte| char::from(*byte))).collect();
    let pool = Pool {
        id: format!("lfcp-{id}"),
        environment: wanted.environment,
        display_name: wanted.display_name,
        cloud: wanted.cloud,
        region: wanted.region,
        max_cfu: wanted.max_cfu,
        enable_ai: wanted.enable_ai,
        default_pool: wanted.default_pool,
        network: wanted.network,
        phase,
        created: world.moment,
        updated: world.moment,
        due,
    };
    world.put_pool(pool.clone());
    world.effect(Verb::PoolCreated, &pool.display_name, &pool.id);
    pool
}

/// The cloud and the region in which a statement runs that names no pool.
fn place(world: &World, asked: &Asked) -> (String, String) {
    match asked.place() {
        Some((cloud, region)) => (cloud.to_uppercase(), region.to_owned()),
        None => (world.options.home.0.to_uppercase(), world.options.home.1.clone()),
    }
}

/// The default pool of an environment, if there is one.
pub(super) fn known_default(world: &World, asked: &Asked, environment: &str) -> Option<String> {
    let (cloud, region) = place(world, asked);
    let known = world.pools().find(|pool| {
        let here = pool.environment == environment && pool.region == region && pool.cloud == cloud;
        here && pool.default_pool && pool.phase != PoolPhase::Deprovisioning
    });
    known.map(|pool| pool.id.clone())
}

/// The default pool of an environment, made when it is first needed.
pub(super) fn default_pool(world: &mut World, asked: &Asked, environment: &str) -> Result<String, Failure> {
    let (cloud, region) = place(world, asked);
    if let Some(known) = known_default(world, asked, environment) {
        return Ok(known);
    }
    if !world.config.default_pool_enabled {
        return Err(Failure::new(400, "No compute pool was given, and default pools are disabled."));
    }
    let wanted = Wanted {
        environment: environment.to_owned(),
        display_name: format!("default-pool-{region}"),
        cloud,
        region,
        max_cfu: world.config.default_pool_max_cfu,
        enable_ai: false,
        default_pool: true,
        network: None,
    };
    Ok(new_pool(world, wanted, PoolPhase::Provisioned, None).id)
}

fn patch(world: &mut World, asked: &Asked, id: &str) -> Result<Answer, Failure> {
    let body = asked.body()?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let environment = text("/spec/environment/id").ok_or_else(|| missing("/spec/environment"))?;
    let mut pool = find(world, environment, id)?.clone();
    if pool.phase == PoolPhase::Deprovisioning {
        return Err(Failure::new(409, format!("The compute pool {id} is being deleted.")).coded("conflict", "Conflict"));
    }
    for (pointer, held) in [("/spec/cloud", &pool.cloud), ("/spec/region", &pool.region)] {
        if text(pointer).is_some_and(|given| !given.eq_ignore_ascii_case(held)) {
            return Err(invalid(400, format!("The property '{pointer}' cannot be changed."), pointer));
        }
    }
    if let Some(name) = text("/spec/display_name") {
        check_display_name(name)?;
        check_free_name(world, environment, name, id)?;
        name.clone_into(&mut pool.display_name);
    }
    if let Some(max_cfu) = cfu(world, &body)? {
        if max_cfu < pool.max_cfu {
            let words = "Decreasing the maximum number of CFUs of a compute pool is not supported.";
            return Err(invalid(world.options.switches.cfu_status, words.to_owned(), "/spec/max_cfu"));
        }
        pool.max_cfu = max_cfu;
    }
    if let Some(default_pool) = body.pointer("/spec/default_pool").and_then(Value::as_bool) {
        if default_pool {
            check_only_default(world, environment, &pool.region, id)?;
        }
        pool.default_pool = default_pool;
    }
    pool.updated = world.moment;
    world.put_pool(pool.clone());
    world.effect(Verb::PoolUpdated, id, id);
    world.feed(id);
    let answer = json_answer(200, &shown(world, asked, &pool));
    Ok(answer)
}

fn delete(world: &mut World, asked: &Asked, id: &str) -> Result<Answer, Failure> {
    let environment = environment(asked)?;
    let pool = find(world, &environment, id)?;
    if pool.phase == PoolPhase::Deprovisioning {
        return Ok(empty(204));
    }
    if world.running(id) > 0 && !world.options.switches.busy_pool_deletable {
        return Err(Failure::new(409, format!("The compute pool {id} has running statements.")));
    }
    remove(world, id);
    Ok(empty(204))
}

/// A pool is asked to go: what runs or waits on it is STOPPED at once.
pub(super) fn remove(world: &mut World, id: &str) {
    let Some(mut pool) = world.pool(id).cloned() else { return };
    pool.phase = PoolPhase::Deprovisioning;
    pool.updated = world.moment;
    pool.due = Some(world.about(world.options.pace.deprovision));
    world.put_pool(pool);
    world.stop_all_on(id);
    world.effect(Verb::PoolDeleted, id, id);
}

fn shown_config(world: &World) -> Value {
    json!({
        "api_version": "fcpm/v2", "kind": "OrgComputePoolConfig",
        "organization_id": world.options.organization, "spec": world.config,
    })
}

fn patch_config(world: &mut World, asked: &Asked) -> Result<Answer, Failure> {
    let body = asked.body()?;
    let mut config = world.config.clone();
    if let Some(enabled) = body.pointer("/spec/default_pool_enabled").and_then(Value::as_bool) {
        config.default_pool_enabled = enabled;
    }
    if let Some(most) = cfu_at(world, &body, "/spec/default_pool_max_cfu")? {
        config.default_pool_max_cfu = most;
    }
    world.put_config(config);
    let answer = json_answer(200, &shown_config(world));
    Ok(answer)
}

/// A pool that somebody else made, ready for use.
pub(super) fn given(moment: i64, id: &str, environment: &str, cloud: &str, region: &str, max_cfu: u32) -> Pool {
    Pool {
        display_name: id.to_owned(),
        id: id.to_owned(),
        environment: environment.to_owned(),
        cloud: cloud.to_uppercase(),
        region: region.to_owned(),
        max_cfu,
        enable_ai: false,
        default_pool: false,
        network: None,
        phase: PoolPhase::Provisioned,
        created: moment,
        updated: moment,
        due: None,
    }
}
