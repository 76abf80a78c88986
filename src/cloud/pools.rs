//! The operations on compute pools (`fcpm/v2`).

use crate::resource::{LivePool, Pool, PoolPhase, PoolUpdate};

use super::{
    CloudClient, Error, ErrorKind, HttpResponse, Listing, Method, Result, call::ApiCall, key::Api,
    response_error::help_for, wire,
};

impl CloudClient {
    /// Lists all compute pools of the environment in any region, by id.
    pub async fn list_pools(&self) -> Result<Listing<LivePool>> {
        let call =
            self.pools_call(Method::GET, &[])?.with_query("environment", &self.endpoints().identity().environment);
        let mut listed = self.list_all::<wire::Pool>(call, |pool| pool.id.clone()).await?;
        listed.items.values_mut().for_each(|pool| self.sanitize_pool(pool));
        if !listed.items.is_empty() {
            self.note_visible_pool();
        }
        Ok(listed)
    }

    /// Fetches one pool. Returns `None` if the service says that this id was not found, with a 404 or with a 403.
    ///
    /// A key without the role gets the same 403 for a pool that exists. So a 403 means that the pool is absent only if
    /// this client has read some pool with the key.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Forbidden`] if it is not known whether the key may see pools.
    pub async fn fetch_pool(&self, id: &str) -> Result<Option<LivePool>> {
        match self.request_pool(id).await {
            Err(error) if error.kind == ErrorKind::NotFound && error.status != Some(403) => Ok(None),
            Err(error) if error.kind == ErrorKind::NotFound => {
                if !self.has_seen_pool() {
                    // The list may show another pool. If it cannot be read, nothing is known.
                    let _ = self.list_pools().await;
                }
                if self.has_seen_pool() {
                    return Ok(None);
                }
                let help = help_for(ErrorKind::Forbidden, &self.pool_read_call(id)?);
                Err(Error { kind: ErrorKind::Forbidden, help, ..error })
            }
            other => other.map(Some),
        }
    }

    /// Fetches a pool that floe requested to delete. Returns `None` if the service says that this id was not found,
    /// with a 404 or with a 403. The pool was read before its deletion was requested, so the 403 means that it is gone,
    /// even if no other pool shows that the key may see pools.
    ///
    /// # Errors
    /// Fails if the service says anything else.
    pub async fn fetch_deleted_pool(&self, id: &str) -> Result<Option<LivePool>> {
        match self.request_pool(id).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// Reads one pool, and notes that the key may see pools.
    async fn request_pool(&self, id: &str) -> Result<LivePool> {
        let call = self.pool_read_call(id)?;
        let pool = self.decode_pool(&call, &self.send_call(&call).await?)?;
        self.note_visible_pool();
        Ok(pool)
    }

    /// Returns the call that reads one pool.
    fn pool_read_call(&self, id: &str) -> Result<ApiCall> {
        let environment = &self.endpoints().identity().environment;
        Ok(self.pools_call(Method::GET, &[id])?.with_query("environment", environment))
    }

    /// Creates a pool. The service assigns its id, and its phase is PROVISIONING for some minutes.
    pub async fn create_pool(&self, pool: &Pool) -> Result<LivePool> {
        let body = wire::NewPool::of(pool, &self.endpoints().identity().environment);
        let call = self.pools_call(Method::POST, &[])?.with_json(&body)?;
        let response = self.send_call(&call).await?;
        self.decode_pool(&call, &response)
    }

    /// Renames a pool or raises its limit. (The service does not lower a limit.)
    pub async fn update_pool(&self, id: &str, update: &PoolUpdate) -> Result<LivePool> {
        let body = wire::PoolChange::of(update, &self.endpoints().identity().environment);
        let call = self.pools_call(Method::PATCH, &[id])?.with_json(&body)?;
        let response = self.send_call(&call).await?;
        self.decode_pool(&call, &response)
    }

    /// Deletes a pool, and succeeds if there is none. The service stops the statements that run in it.
    pub async fn delete_pool(&self, id: &str) -> Result<()> {
        let call =
            self.pools_call(Method::DELETE, &[id])?.with_query("environment", &self.endpoints().identity().environment);
        match self.send_call(&call).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    /// Reads the pool in the body of a 2xx.
    fn decode_pool(&self, call: &ApiCall, response: &HttpResponse) -> Result<LivePool> {
        let mut pool = self.decode_object::<wire::Pool>(call, response)?;
        self.sanitize_pool(&mut pool);
        Ok(pool)
    }

    /// Removes API keys from what the service says about a pool, so that it may be shown.
    fn sanitize_pool(&self, pool: &mut LivePool) {
        pool.display_name = self.redact_keys(std::mem::take(&mut pool.display_name));
        if let PoolPhase::Other(word) = &mut pool.phase {
            *word = self.sanitize_foreign(std::mem::take(word));
        }
    }

    /// Returns a call to the list of pools, or to the pool whose id `rest` holds.
    fn pools_call(&self, method: Method, rest: &[&str]) -> Result<ApiCall> {
        let call =
            ApiCall::new(self.endpoints(), Api::Cloud, method, &[&["fcpm", "v2", "compute-pools"], rest].concat())?;
        Ok(call.with_subject(rest.first().copied()))
    }
}
