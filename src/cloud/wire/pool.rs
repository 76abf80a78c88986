//! Compute pools and regions.

use serde::{Deserialize, Serialize};

use crate::resource::{self, LivePool, PoolPhase, PoolUpdate};

use super::{MissingField, WireObject};

/// `fcpm.v2.ComputePool`, as far as floe looks at it.
#[derive(Deserialize)]
pub(in crate::cloud) struct Pool {
    id: Option<String>,
    metadata: Option<Metadata>,
    spec: Option<Spec>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Metadata {
    created_at: Option<String>,
}

#[derive(Deserialize)]
struct Spec {
    display_name: Option<String>,
    cloud: Option<String>,
    region: Option<String>,
    max_cfu: Option<u32>,
    network: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    id: Option<String>,
}

#[derive(Deserialize, Default)]
struct Status {
    phase: Option<String>,
    current_cfu: Option<u32>,
}

impl WireObject for Pool {
    type Domain = LivePool;
    const ID_FIELD: &'static str = "id";

    /// The id, the display name and the limit are what decisions rest on.
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

#[derive(Serialize)]
struct Id<'a> {
    id: &'a str,
}

/// The body that creates a pool.
#[derive(Serialize)]
pub(in crate::cloud) struct NewPool<'a> {
    spec: NewSpec<'a>,
}

#[derive(Serialize)]
struct NewSpec<'a> {
    display_name: &'a str,
    /// In upper case, unlike in host names.
    cloud: String,
    region: &'a str,
    max_cfu: u32,
    environment: Id<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Id<'a>>,
}

impl<'a> NewPool<'a> {
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

/// The body that changes a pool: a plain merge, which must name the environment.
#[derive(Serialize)]
pub(in crate::cloud) struct PoolChange<'a> {
    spec: ChangedSpec<'a>,
}

#[derive(Serialize)]
struct ChangedSpec<'a> {
    environment: Id<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_cfu: Option<u32>,
}

impl<'a> PoolChange<'a> {
    pub(in crate::cloud) fn of(amendment: &'a PoolUpdate, environment: &'a str) -> Self {
        PoolChange {
            spec: ChangedSpec {
                environment: Id { id: environment },
                display_name: amendment.display_name.as_deref(),
                max_cfu: amendment.max_cfu,
            },
        }
    }
}

/// `fcpm.v2.Region`.
#[derive(Deserialize)]
pub(in crate::cloud) struct Region {
    cloud: Option<String>,
    region_name: Option<String>,
    display_name: Option<String>,
    http_endpoint: Option<String>,
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
