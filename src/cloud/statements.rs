//! The operations on statements (`sql/v1`).

use std::fmt;

use crate::resource::{ForeignText, LiveStatement, Phase, StatementUpdate, WarningSeverity};

use super::{
    CloudClient, ErrorKind, Listing, Method, NewStatement, Result, StatementException,
    call::ApiCall,
    key::Api,
    wire::{self, RawObject},
};

/// A complete statement as a GET returned it, which a PUT sends back.
#[derive(Clone)]
pub struct FetchedStatement {
    /// The fields that floe reads.
    pub live: LiveStatement,
    /// The complete JSON object, or `None` if the service had no content left to return.
    raw: Option<RawObject>,
}

impl fmt::Debug for FetchedStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedStatement").field("live", &self.live).finish_non_exhaustive()
    }
}

impl CloudClient {
    /// Lists all statements of the environment that the key can see, or those of one pool, by name. The service
    /// offers no snapshot, so a statement that changes while the pages are read may be missed. Confirm an absence
    /// with [`CloudClient::fetch_statement`].
    pub async fn list_statements(&self, pool: Option<&str>) -> Result<Listing<LiveStatement>> {
        let call = self.statements_call(Method::GET, &[])?;
        let call = match pool {
            Some(pool) => call.with_query("spec.compute_pool_id", pool),
            None => call,
        };
        let mut listed = self.list_all::<wire::Statement>(call, |live| live.name.clone()).await?;
        listed.items.values_mut().for_each(|live| self.sanitize_statement(live));
        Ok(listed)
    }

    /// Fetches one statement. Returns `None` only for a 404 in which the service says that this name does not exist.
    /// A response without content (204) means that the statement is being deleted: its phase is then DELETING, and
    /// everything except its name is empty.
    pub async fn fetch_statement(&self, name: &str) -> Result<Option<FetchedStatement>> {
        let call = self.statements_call(Method::GET, &[name])?;
        let response = match self.send_call(&call).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        if response.status == 204 {
            return Ok(Some(FetchedStatement { live: LiveStatement::known_by_name(name, Phase::Deleting), raw: None }));
        }
        let mut live = self.decode_object::<wire::Statement>(&call, &response)?;
        self.sanitize_statement(&mut live);
        let raw = Some(self.decode(&call, &response)?);
        Ok(Some(FetchedStatement { live, raw }))
    }

    /// Submits a statement. Fails with [`ErrorKind::Conflict`] if its name is taken, even by a statement that is
    /// being deleted.
    pub async fn submit_statement(&self, new: &NewStatement) -> Result<LiveStatement> {
        let call =
            self.statements_call(Method::POST, &[])?.with_json(&wire::NewStatement::of(new, self.endpoints()))?;
        let response = self.send_call(&call).await?;
        self.decode_object::<wire::Statement>(&call, &response)
    }

    /// Stops or resumes a statement, or moves it to another pool or principal. Sends back the complete object that a
    /// GET returned with only these fields changed, because the service rejects anything less. Fails with
    /// [`ErrorKind::Conflict`] if the statement has changed since the GET, which can happen without any request.
    /// Success means that the change was accepted, not that it has taken effect.
    pub async fn update_statement(&self, fetched: FetchedStatement, update: &StatementUpdate) -> Result<()> {
        let call = self.statements_call(Method::PUT, &[&fetched.live.name])?;
        let Some(raw) = fetched.raw else {
            return Err(call.error(ErrorKind::Conflict, "the statement is being deleted, so no request was sent"));
        };
        let updated = raw.with_update(update).map_err(|error| call.error(ErrorKind::Rejected, error.to_string()))?;
        // The response is 202 without a body in the specification and 200 with a body elsewhere, so the new state has
        // to come from a GET.
        self.send_call(&call.with_json(&updated)?).await.map(drop)
    }

    /// Deletes a statement, and succeeds if there is none. Success means that the deletion has started. The name is
    /// free once a GET returns 404.
    pub async fn delete_statement(&self, name: &str) -> Result<()> {
        let call = self.statements_call(Method::DELETE, &[name])?;
        match self.send_call(&call).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    /// Lists the last failures of a statement, at most ten, in the service's order.
    pub async fn list_exceptions(&self, name: &str) -> Result<Vec<StatementException>> {
        let call = self.statements_call(Method::GET, &[name, "exceptions"])?;
        let response = self.send_call(&call).await?;
        let page: wire::WirePage<wire::Exception> = self.decode(&call, &response)?;
        let exceptions = page.data.into_iter();
        Ok(exceptions
            .map(|it| StatementException {
                name: self.sanitize_foreign(it.name),
                message: self.sanitize_foreign(it.message),
                ..it
            })
            .collect())
    }

    /// Sanitizes the service's messages in a statement, so that they may be shown.
    fn sanitize_statement(&self, live: &mut LiveStatement) {
        let sanitize = |text: &mut ForeignText| *text = self.sanitize_foreign(std::mem::take(text));
        sanitize(&mut live.detail);
        if let Phase::Other(word) = &mut live.phase {
            sanitize(word);
        }
        for warning in &mut live.warnings {
            sanitize(&mut warning.message);
            sanitize(&mut warning.reason);
            if let WarningSeverity::Other(word) = &mut warning.severity {
                sanitize(word);
            }
        }
    }

    /// Returns a call to the list of statements, or to the path `rest` below it.
    fn statements_call(&self, method: Method, rest: &[&str]) -> Result<ApiCall> {
        let identity = self.endpoints().identity();
        let (organization, environment) = (identity.organization.as_str(), identity.environment.as_str());
        let prefix = ["sql", "v1", "organizations", organization, "environments", environment, "statements"];
        Ok(ApiCall::new(self.endpoints(), Api::Flink, method, &[&prefix, rest].concat())?
            .with_subject(rest.first().copied()))
    }
}
