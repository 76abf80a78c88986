//! The verbs of compute pools (`fcpm/v2`).

use crate::resource::{LivePool, Pool, PoolUpdate};

use super::{Cloud, ErrorKind, Listed, Method, Result, call::Call, key::Api, wire};

impl Cloud {
    /// All compute pools of the environment, of whatever region, by id.
    pub async fn pools(&self) -> Result<Listed<LivePool>> {
        let call = self.pools_call(Method::Get, &[])?.query("environment", &self.site().identity().environment);
        self.list::<wire::Pool>(call, |pool| pool.id.clone()).await
    }

    /// One pool. `None` if the service says of this id that it was not found, which it does with a 404 or with a 403.
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
    pub async fn amend_pool(&self, id: &str, amendment: &PoolUpdate) -> Result<LivePool> {
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

    fn pools_call(&self, method: Method, rest: &[&str]) -> Result<Call> {
        let call = Call::new(self.site(), Api::Cloud, method, &[&["fcpm", "v2", "compute-pools"], rest].concat())?;
        Ok(call.about(rest.first().copied()))
    }
}
