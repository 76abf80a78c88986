//! Resources for the tests of all rooms. A test changes only the fields that it is about.

use std::collections::BTreeSet;

use super::*;

/// Returns the identity of an environment.
pub(crate) fn identity() -> EnvironmentIdentity {
    EnvironmentIdentity {
        organization: "org-1".to_owned(),
        environment: "env-1".to_owned(),
        cloud: "aws".to_owned(),
        region: "us-east-1".to_owned(),
    }
}

/// Returns a pool that is declared with this display name.
pub(crate) fn pool(display_name: &str) -> Pool {
    Pool {
        display_name: display_name.to_owned(),
        max_cfu: 5,
        network: None,
        cloud: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        prevent_destroy: false,
    }
}

/// Returns a provisioned pool that matches its declaration.
pub(crate) fn live_pool(id: &str, declared: &Pool) -> LivePool {
    LivePool {
        id: id.to_owned(),
        display_name: declared.display_name.clone(),
        cloud: declared.cloud.clone(),
        region: declared.region.clone(),
        max_cfu: declared.max_cfu,
        network: declared.network.clone(),
        phase: PoolPhase::Provisioned,
        current_cfu: 0,
        created_at: None,
    }
}

/// Returns a job that is declared with this cloud name.
pub(crate) fn statement(name: &str) -> Statement {
    Statement {
        name: name.to_owned(),
        sql: Template::new("INSERT INTO a SELECT * FROM b"),
        properties: Properties::new(),
        pool: Some("main".to_owned()),
        principal: None,
        stopped: false,
        undo: None,
        evolve: Evolve::Auto,
        former_consent: FormerConsent::default(),
        on_failed: UnexpectedPhasePolicy::Report,
        on_stopped: UnexpectedPhasePolicy::Report,
        depends_on: BTreeSet::new(),
        prevent_destroy: false,
        timeout: 900,
    }
}

/// Returns the first submission of a declared statement. The pool with the key `main` has the id `lfcp-main`.
pub(crate) fn submission_of(declared: &Statement) -> Submission {
    Submission {
        name: declared.name.clone(),
        generation: Generation::FIRST,
        role: Role::Current,
        sql: declared.sql.clone(),
        properties: declared.properties.clone(),
        added_properties: Properties::new(),
        pool: declared.pool.as_ref().map(|key| format!("lfcp-{key}")),
        principal: declared.principal.clone(),
    }
}

/// Returns a live statement that matches what was sent.
pub(crate) fn live_statement(sent: &Submission, phase: Phase) -> LiveStatement {
    LiveStatement {
        uid: format!("uid-{}", sent.name),
        resource_version: "1".to_owned(),
        sql: sent.sql.as_str().to_owned(),
        pool: sent.pool.clone(),
        sql_kind: Some("KIND".to_owned()),
        bounded: Some(false),
        ..LiveStatement::known_by_name(&sent.name, phase)
    }
}
