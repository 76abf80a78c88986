//! The JSON of compute pools and regions.

use serde::{Deserialize, Serialize};

use crate::resource::{self, LivePool, PoolPhase, PoolUpdate};

use super::{MissingField, WireObject};

/// The fields of `fcpm.v2.ComputePool` that floe reads.
#[derive(Deserialize)]
pub(in crate::cloud) struct Pool {
    /// The id that the service assigned.
    id: Option<String>,
    /// The metadata of the pool.
    metadata: Option<Metadata>,
    /// The settings of the pool.
    spec: Option<Spec>,
    /// The status of the pool.
    status: Option<Status>,
}

/// The metadata of a pool.
#[derive(Deserialize)]
struct Metadata {
    /// The time of creation (RFC 3339).
    created_at: Option<String>,
}

/// The settings of a pool.
#[derive(Deserialize)]
struct Spec {
    /// The display name of the pool.
    display_name: Option<String>,
    /// The cloud provider in the service's spelling.
    cloud: Option<String>,
    /// The region of the pool.
    region: Option<String>,
    /// The limit of the pool in CFU.
    max_cfu: Option<u32>,
    /// The network that the pool is in.
    network: Option<Reference>,
}

/// A reference to another object.
#[derive(Deserialize)]
struct Reference {
    /// The id of that object.
    id: Option<String>,
}

/// The status of a pool.
#[derive(Deserialize, Default)]
struct Status {
    /// The phase of the pool.
    phase: Option<String>,
    /// The current usage in CFU.
    current_cfu: Option<u32>,
}

impl WireObject for Pool {
    type Domain = LivePool;
    const ID_FIELD: &'static str = "id";

    /// Requires the id, the display name and the limit, because decisions depend on them.
    fn into_domain(self) -> Result<LivePool, MissingField> {
        let id = self.id.filter(|id| !id.is_empty()).ok_or(MissingField("id"))?;
        let spec = self.spec.ok_or(MissingField("spec"))?;
        let status = self.status.unwrap_or_default();
        Ok(LivePool {
            id,
            display_name: spec.display_name.ok_or(MissingField("spec.display_name"))?,
            cloud: spec.cloud.unwrap_or_default().to_ascii_lowercase(),
            region: spec.region.unwrap_or_default(),
            max_cfu: spec.max_cfu.ok_or(MissingField("spec.max_cfu"))?,
            network: spec.network.and_then(|network| network.id).filter(|id| !id.is_empty()),
            phase: PoolPhase::from(status.phase.unwrap_or_else(|| "UNKNOWN".to_owned())),
            current_cfu: status.current_cfu.unwrap_or_default(),
            created_at: self.metadata.and_then(|metadata| metadata.created_at).filter(|time| !time.is_empty()),
        })
    }
}

/// A reference by id in a request.
#[derive(Serialize)]
struct Id<'a> {
    /// The id of the referenced object.
    id: &'a str,
}

/// The body of a request that creates a pool.
#[derive(Serialize)]
pub(in crate::cloud) struct NewPool<'a> {
    /// The settings of the new pool.
    spec: NewSpec<'a>,
}

/// The settings of a new pool.
#[derive(Serialize)]
struct NewSpec<'a> {
    /// The display name of the pool.
    display_name: &'a str,
    /// The cloud in upper case, unlike in host names.
    cloud: String,
    /// The region of the pool.
    region: &'a str,
    /// The limit of the pool in CFU.
    max_cfu: u32,
    /// The environment of the pool.
    environment: Id<'a>,
    /// The network, if the pool is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Id<'a>>,
}

impl<'a> NewPool<'a> {
    /// Returns the body that creates `pool` in `environment`.
    pub(in crate::cloud) fn of(pool: &'a resource::Pool, environment: &'a str) -> Self {
        NewPool {
            spec: NewSpec {
                display_name: &pool.display_name,
                cloud: pool.cloud.to_ascii_uppercase(),
                region: &pool.region,
                max_cfu: pool.max_cfu,
                environment: Id { id: environment },
                network: pool.network.as_deref().map(|id| Id { id }),
            },
        }
    }
}

/// The body of a request that changes a pool. The service merges it into the pool, and it must name the environment.
#[derive(Serialize)]
pub(in crate::cloud) struct PoolChange<'a> {
    /// The settings that change, and the environment.
    spec: ChangedSpec<'a>,
}

/// The settings of a pool that change, and its environment.
#[derive(Serialize)]
struct ChangedSpec<'a> {
    /// The environment of the pool, which is required.
    environment: Id<'a>,
    /// The new display name, if it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    /// The new limit in CFU, if it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_cfu: Option<u32>,
}

impl<'a> PoolChange<'a> {
    /// Returns the body that updates a pool of `environment`.
    pub(in crate::cloud) fn of(update: &'a PoolUpdate, environment: &'a str) -> Self {
        PoolChange {
            spec: ChangedSpec {
                environment: Id { id: environment },
                display_name: update.display_name.as_deref(),
                max_cfu: update.max_cfu,
            },
        }
    }
}

/// The fields of `fcpm.v2.Region` that floe reads.
#[derive(Deserialize)]
pub(in crate::cloud) struct Region {
    /// The cloud provider in the service's spelling.
    cloud: Option<String>,
    /// The name, for example `us-east-2`.
    region_name: Option<String>,
    /// The name that people read.
    display_name: Option<String>,
    /// The public endpoint for statements.
    http_endpoint: Option<String>,
    /// The private endpoint for statements, if there is one.
    private_http_endpoint: Option<String>,
}

impl WireObject for Region {
    type Domain = crate::cloud::Region;
    const ID_FIELD: &'static str = "id";

    fn into_domain(self) -> Result<crate::cloud::Region, MissingField> {
        let non_empty = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(crate::cloud::Region {
            cloud: non_empty(self.cloud).ok_or(MissingField("cloud"))?.to_ascii_lowercase(),
            name: non_empty(self.region_name).ok_or(MissingField("region_name"))?,
            display_name: self.display_name.unwrap_or_default(),
            public_endpoint: non_empty(self.http_endpoint),
            private_endpoint: non_empty(self.private_http_endpoint),
        })
    }
}
