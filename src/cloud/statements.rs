//! The verbs of statements (`sql/v1`).

use std::fmt;

use crate::resource::{LiveStatement, Offsets, Phase, SmallMap, StatementUpdate};

use super::{
    Cloud, ErrorKind, Listed, Method, Result,
    call::Call,
    key::Api,
    wire::{self, Whole},
};

/// A statement to submit, its secrets revealed: `Debug` shows no SQL and no values.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct NewStatement {
    /// Its name, free in the environment.
    pub name: String,
    /// The SQL, sent byte for byte.
    pub sql: String,
    /// The properties.
    pub properties: SmallMap<String>,
    /// The id of its pool; without one the service takes the region's default pool.
    pub pool: Option<String>,
    /// Who it runs as; without one, the key's owner.
    pub principal: Option<String>,
    /// Whether it is to be created standing still. Whether the service honours that is not documented.
    pub stopped: bool,
    /// Labels, `metadata.labels`.
    pub labels: SmallMap<String>,
}

impl fmt::Debug for NewStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewStatement")
            .field("name", &self.name)
            .field("properties", &self.properties.keys())
            .field("pool", &self.pool)
            .field("principal", &self.principal)
            .field("stopped", &self.stopped)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

/// A statement as a GET gave it, whole: what a PUT sends back.
#[derive(Clone)]
pub struct Fetched {
    /// What floe reads in it.
    pub live: LiveStatement,
    /// All of it; `None` if the service had nothing left to show.
    whole: Option<Whole>,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched").field("live", &self.live).finish_non_exhaustive()
    }
}

/// One of the last ten failures of a statement, most of them overcome by the service itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementException {
    /// When (RFC 3339).
    pub at: Option<String>,
    /// Its class, for example `java.lang.RuntimeException`.
    pub name: String,
    /// What it says.
    pub message: String,
}

impl Cloud {
    /// All statements of the environment that the key may see, or those of one pool, by name. The service has no
    /// snapshot: what changes while the pages are read may be missed, so absence is to be confirmed by
    /// [`Cloud::statement`].
    pub async fn statements(&self, pool: Option<&str>) -> Result<Listed<LiveStatement>> {
        let call = self.statements_call(Method::Get, &[])?;
        let call = match pool {
            Some(pool) => call.query("spec.compute_pool_id", pool),
            None => call,
        };
        let mut listed = self.list::<wire::Statement>(call, |live| live.name.clone()).await?;
        listed.found.values_mut().for_each(|live| self.pass_on(live));
        Ok(listed)
    }

    /// One statement. `None` means a 404 in which the service says of this name that it does not exist, and nothing else.
    /// An answer without content (204) means that it is being deleted: its phase is then DELETING and everything but its
    /// name is empty.
    pub async fn statement(&self, name: &str) -> Result<Option<Fetched>> {
        let call = self.statements_call(Method::Get, &[name])?;
        let response = match self.make(&call).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        if response.status == 204 {
            return Ok(Some(Fetched { live: leaving(name), whole: None }));
        }
        let mut live = self.read::<wire::Statement>(&call, &response)?;
        self.pass_on(&mut live);
        let whole = Some(self.decode(&call, &response)?);
        Ok(Some(Fetched { live, whole }))
    }

    /// Submits a statement. [`ErrorKind::Conflict`] if its name is taken, be it by one that is being deleted.
    pub async fn submit(&self, new: &NewStatement) -> Result<LiveStatement> {
        let call = self.statements_call(Method::Post, &[])?.json(&wire::NewStatement::of(new, self.site()))?;
        let response = self.make(&call).await?;
        self.read::<wire::Statement>(&call, &response)
    }

    /// Stops or resumes a statement, or moves it to another pool or principal: sends back the whole object that a GET
    /// gave, with only that changed, since the service refuses less. [`ErrorKind::Conflict`] if it has changed since the
    /// GET, which it also does by itself. Success means that the change was accepted, not that it has come about.
    pub async fn amend(&self, fetched: Fetched, amendment: &StatementUpdate) -> Result<()> {
        let call = self.statements_call(Method::Put, &[&fetched.live.name])?;
        let Some(whole) = fetched.whole else {
            return Err(call.error(ErrorKind::Conflict, "it is being deleted, so nothing was sent"));
        };
        let amended = whole.amended(amendment).map_err(|error| call.error(ErrorKind::Rejected, error.to_string()))?;
        // 202 without a body in the specification, 200 with one elsewhere: the new state is a GET's to tell.
        self.make(&call.json(&amended)?).await.map(drop)
    }

    /// Deletes a statement; fine if there is none. Success means that the deletion has begun: the name is free when a
    /// GET says 404.
    pub async fn remove(&self, name: &str) -> Result<()> {
        let call = self.statements_call(Method::Delete, &[name])?;
        match self.make(&call).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    /// The last failures of a statement, at most ten, in the service's order.
    pub async fn exceptions(&self, name: &str) -> Result<Vec<StatementException>> {
        let call = self.statements_call(Method::Get, &[name, "exceptions"])?;
        let response = self.make(&call).await?;
        let page: wire::Page<wire::Exception> = self.decode(&call, &response)?;
        let exceptions = page.data.into_iter();
        Ok(exceptions
            .map(|it| StatementException { name: self.in_words(it.name), message: self.in_words(it.message), ..it })
            .collect())
    }

    /// Makes the service's words on a statement such as may be passed on.
    fn pass_on(&self, live: &mut LiveStatement) {
        live.detail = self.in_words(std::mem::take(&mut live.detail));
        for warning in &mut live.warnings {
            warning.message = self.in_words(std::mem::take(&mut warning.message));
            warning.reason = self.in_words(std::mem::take(&mut warning.reason));
        }
    }

    fn statements_call(&self, method: Method, rest: &[&str]) -> Result<Call> {
        let identity = self.site().identity();
        let (organization, environment) = (identity.organization.as_str(), identity.environment.as_str());
        let prefix = ["sql", "v1", "organizations", organization, "environments", environment, "statements"];
        Ok(Call::new(self.site(), Api::Flink, method, &[&prefix, rest].concat())?.about(rest.first().copied()))
    }
}

fn leaving(name: &str) -> LiveStatement {
    LiveStatement {
        name: name.to_owned(),
        uid: String::new(),
        resource_version: String::new(),
        labels: SmallMap::new(),
        created_at: None,
        updated_at: None,
        sql: String::new(),
        properties: SmallMap::new(),
        pool: None,
        principal: None,
        stopped: false,
        phase: Phase::Deleting,
        detail: String::new(),
        sql_kind: None,
        bounded: None,
        append_only: None,
        scaling_state: None,
        warnings: Vec::new(),
        offsets: Offsets::default(),
    }
}
