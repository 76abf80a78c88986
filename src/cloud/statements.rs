//! The verbs of statements (`sql/v1`).

use std::fmt;

use crate::resource::{Labels, LiveStatement, Offsets, Phase, Properties, StatementUpdate};

use super::{
    CloudClient, ErrorKind, Listing, Method, Result,
    call::ApiCall,
    key::Api,
    wire::{self, RawObject},
};

/// A statement to submit, its secrets revealed: `Debug` shows no SQL and no values.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct NewStatement {
    /// Its name, free in the environment.
    pub name: String,
    /// The SQL, sent byte for byte.
    pub sql: String,
    /// The properties.
    pub properties: Properties<String>,
    /// The id of its pool; without one the service takes the region's default pool.
    pub pool: Option<String>,
    /// Who it runs as; without one, the key's owner.
    pub principal: Option<String>,
    /// Whether it is to be created standing still. Whether the service honours that is not documented.
    pub stopped: bool,
    /// Labels, `metadata.labels`.
    pub labels: Labels,
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
pub struct FetchedStatement {
    /// What floe reads in it.
    pub live: LiveStatement,
    /// All of it; `None` if the service had nothing left to show.
    raw: Option<RawObject>,
}

impl fmt::Debug for FetchedStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedStatement").field("live", &self.live).finish_non_exhaustive()
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

impl CloudClient {
    /// All statements of the environment that the key may see, or those of one pool, by name. The service has no
    /// snapshot: what changes while the pages are read may be missed, so absence is to be confirmed by
    /// [`Cloud::statement`].
    pub async fn list_statements(&self, pool: Option<&str>) -> Result<Listing<LiveStatement>> {
        let call = self.statements_call(Method::Get, &[])?;
        let call = match pool {
            Some(pool) => call.with_query("spec.compute_pool_id", pool),
            None => call,
        };
        let mut listed = self.list_all::<wire::Statement>(call, |live| live.name.clone()).await?;
        listed.items.values_mut().for_each(|live| self.sanitize_statement(live));
        Ok(listed)
    }

    /// One statement. `None` means a 404 in which the service says of this name that it does not exist, and nothing else.
    /// An answer without content (204) means that it is being deleted: its phase is then DELETING and everything but its
    /// name is empty.
    pub async fn fetch_statement(&self, name: &str) -> Result<Option<FetchedStatement>> {
        let call = self.statements_call(Method::Get, &[name])?;
        let response = match self.send_call(&call).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        if response.status == 204 {
            return Ok(Some(FetchedStatement { live: deleting_statement(name), raw: None }));
        }
        let mut live = self.decode_object::<wire::Statement>(&call, &response)?;
        self.sanitize_statement(&mut live);
        let raw = Some(self.decode(&call, &response)?);
        Ok(Some(FetchedStatement { live, raw }))
    }

    /// Submits a statement. [`ErrorKind::Conflict`] if its name is taken, be it by one that is being deleted.
    pub async fn submit_statement(&self, new: &NewStatement) -> Result<LiveStatement> {
        let call =
            self.statements_call(Method::Post, &[])?.with_json(&wire::NewStatement::of(new, self.endpoints()))?;
        let response = self.send_call(&call).await?;
        self.decode_object::<wire::Statement>(&call, &response)
    }

    /// Stops or resumes a statement, or moves it to another pool or principal: sends back the whole object that a GET
    /// gave, with only that changed, since the service refuses less. [`ErrorKind::Conflict`] if it has changed since the
    /// GET, which it also does by itself. Success means that the change was accepted, not that it has come about.
    pub async fn update_statement(&self, fetched: FetchedStatement, amendment: &StatementUpdate) -> Result<()> {
        let call = self.statements_call(Method::Put, &[&fetched.live.name])?;
        let Some(raw) = fetched.raw else {
            return Err(call.error(ErrorKind::Conflict, "it is being deleted, so nothing was sent"));
        };
        let amended =
            raw.with_amendment(amendment).map_err(|error| call.error(ErrorKind::Rejected, error.to_string()))?;
        // 202 without a body in the specification, 200 with one elsewhere: the new state is a GET's to tell.
        self.send_call(&call.with_json(&amended)?).await.map(drop)
    }

    /// Deletes a statement; fine if there is none. Success means that the deletion has begun: the name is free when a
    /// GET says 404.
    pub async fn delete_statement(&self, name: &str) -> Result<()> {
        let call = self.statements_call(Method::Delete, &[name])?;
        match self.send_call(&call).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    /// The last failures of a statement, at most ten, in the service's order.
    pub async fn list_exceptions(&self, name: &str) -> Result<Vec<StatementException>> {
        let call = self.statements_call(Method::Get, &[name, "exceptions"])?;
        let response = self.send_call(&call).await?;
        let page: wire::WirePage<wire::Exception> = self.decode(&call, &response)?;
        let exceptions = page.data.into_iter();
        Ok(exceptions
            .map(|it| StatementException {
                name: self.sanitize_text(it.name),
                message: self.sanitize_text(it.message),
                ..it
            })
            .collect())
    }

    /// Makes the service's words on a statement such as may be passed on.
    fn sanitize_statement(&self, live: &mut LiveStatement) {
        live.detail = self.sanitize_text(std::mem::take(&mut live.detail));
        for warning in &mut live.warnings {
            warning.message = self.sanitize_text(std::mem::take(&mut warning.message));
            warning.reason = self.sanitize_text(std::mem::take(&mut warning.reason));
        }
    }

    fn statements_call(&self, method: Method, rest: &[&str]) -> Result<ApiCall> {
        let identity = self.endpoints().identity();
        let (organization, environment) = (identity.organization.as_str(), identity.environment.as_str());
        let prefix = ["sql", "v1", "organizations", organization, "environments", environment, "statements"];
        Ok(ApiCall::new(self.endpoints(), Api::Flink, method, &[&prefix, rest].concat())?
            .with_subject(rest.first().copied()))
    }
}

fn deleting_statement(name: &str) -> LiveStatement {
    LiveStatement {
        name: name.to_owned(),
        uid: String::new(),
        resource_version: String::new(),
        labels: Labels::new(),
        created_at: None,
        updated_at: None,
        sql: String::new(),
        properties: Properties::new(),
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
