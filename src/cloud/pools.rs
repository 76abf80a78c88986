//! The verbs of compute pools, and the list of regions (`fcpm/v2`).

use crate::resource::{LivePool, Pool, PoolAmendment};

use super::{Cloud, ErrorKind, Method, Result, call::Call, key::Api, wire};

/// A region that has Flink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// The cloud, in lower case.
    pub cloud: String,
    /// Its name, for example `us-east-2`.
    pub name: String,
    /// Its name for people, for example `Ohio (us-east-2)`.
    pub display_name: String,
    /// Where its statements are asked from anywhere.
    pub public_endpoint: Option<String>,
    /// Where its statements are asked from a private network.
    pub private_endpoint: Option<String>,
}

impl Cloud {
    /// All compute pools of the environment, of whatever region, sorted by id.
    pub async fn pools(&self) -> Result<Vec<LivePool>> {
        let call = self.pools_call(Method::Get, &[])?.query("environment", &self.site().identity().environment);
        self.list::<wire::Pool>(call, |pool| pool.id.clone()).await
    }

    /// One pool. `None` if the service says that it was not found, which it does with a 404 or with a 403.
    pub async fn pool(&self, id: &str) -> Result<Option<LivePool>> {
        let call = self.pools_call(Method::Get, &[id])?.query("environment", &self.site().identity().environment);
        match self.make(&call).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            other => self.read::<wire::Pool>(&call, &other?).map(Some),
        }
    }

    /// Creates a pool. Its id is the service's; its phase is PROVISIONING, for some minutes.
    pub async fn create_pool(&self, pool: &Pool) -> Result<LivePool> {
        let body = wire::NewPool::of(pool, &self.site().identity().environment);
        let call = self.pools_call(Method::Post, &[])?.json(&body)?;
        let response = self.make(&call).await?;
        self.read::<wire::Pool>(&call, &response)
    }

    /// Renames a pool or raises its limit (the service does not lower one).
    pub async fn amend_pool(&self, id: &str, amendment: &PoolAmendment) -> Result<LivePool> {
        let body = wire::PoolChange::of(amendment, &self.site().identity().environment);
        let call = self.pools_call(Method::Patch, &[id])?.json(&body)?;
        let response = self.make(&call).await?;
        self.read::<wire::Pool>(&call, &response)
    }

    /// Deletes a pool; fine if there is none. The service stops the statements that run in it.
    pub async fn remove_pool(&self, id: &str) -> Result<()> {
        let call = self.pools_call(Method::Delete, &[id])?.query("environment", &self.site().identity().environment);
        match self.make(&call).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    /// The regions that have Flink, all or of one cloud or of one name, with their endpoints.
    pub async fn regions(&self, cloud: Option<&str>, region: Option<&str>) -> Result<Vec<Region>> {
        let mut call = Call::new(self.site(), Api::Cloud, Method::Get, &["fcpm", "v2", "regions"])?;
        if let Some(cloud) = cloud {
            call = call.query("cloud", &cloud.to_ascii_uppercase());
        }
        if let Some(region) = region {
            call = call.query("region_name", region);
        }
        self.list::<wire::Region>(call, |region| format!("{}.{}", region.cloud, region.name)).await
    }

    fn pools_call(&self, method: Method, rest: &[&str]) -> Result<Call> {
        Call::new(self.site(), Api::Cloud, method, &[&["fcpm", "v2", "compute-pools"], rest].concat())
    }
}
