//! Reads the live snapshot. Sends only GETs.

use tokio::task::JoinSet;

use super::{Live, Lookups};
use crate::cloud::{CloudClient, Error, Result};

/// Lists the statements of the environment and, with a Cloud API key, its pools.
///
/// # Errors
/// When a list cannot be read to its end. A partial list is never used.
pub async fn read(cloud: &CloudClient) -> Result<Live> {
    let began = tokio::time::Instant::now();
    let pools = async { if cloud.has_cloud_key() { cloud.list_pools().await.map(Some) } else { Ok(None) } };
    let (statements, pools) = match tokio::try_join!(cloud.list_statements(None), pools) {
        Ok(lists) => lists,
        Err(error) => return Err(cloud.explain_unreachable(error).await),
    };
    let mut live = Live::from_lists(statements, pools);
    live.service_time = cloud.service_time();
    live.read_at = cloud.service_clock().map(|now| now.before(began.elapsed()));
    Ok(live)
}

/// Sends a GET for each pending lookup and adds the answers to `live`. If a call fails, its resource is unknown, not
/// absent.
pub async fn fetch_missing(cloud: &CloudClient, live: &mut Live, lookups: &Lookups) {
    let pending = live.pending_lookups(lookups);
    let mut statements = JoinSet::new();
    for name in pending.statements {
        let cloud = cloud.clone();
        statements.spawn(async move {
            let answer = cloud.fetch_statement(&name).await;
            (name, answer.map(|found| found.map(|fetched| fetched.live)))
        });
    }
    let mut pools = JoinSet::new();
    for id in pending.pools {
        let cloud = cloud.clone();
        pools.spawn(async move {
            let answer = cloud.fetch_pool(&id).await;
            (id, answer)
        });
    }
    for id in pending.deleted_pools {
        let cloud = cloud.clone();
        pools.spawn(async move {
            let answer = cloud.fetch_deleted_pool(&id).await;
            (id, answer)
        });
    }
    // The order of arrival does not matter, because the answers go into ordered maps.
    for (name, answer) in statements.join_all().await {
        live.add_statement_answer(&name, answer.map_err(describe_error));
    }
    for (id, answer) in pools.join_all().await {
        live.add_pool_answer(&id, answer.map_err(describe_error));
    }
}

/// Returns the service's message and the next step.
fn describe_error(error: Error) -> String {
    match &error.help {
        Some(help) => format!("{error}. {help}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use super::*;
    use crate::{
        cloud::{
            ApiKey, BoxFuture, Credentials, Endpoints, Headers, HttpRequest, HttpResponse, RateLimits, Transport,
            TransportError,
        },
        live::Presence,
        resource::tests::identity,
    };

    struct ForbiddingTransport;

    impl Transport for ForbiddingTransport {
        fn send(&self, _: HttpRequest) -> BoxFuture<'_, std::result::Result<HttpResponse, TransportError>> {
            let body = br#"{"errors":[{"status":"403","detail":"Forbidden Access"}]}"#.to_vec();
            Box::pin(async { Ok(HttpResponse { status: 403, headers: Headers::default(), body }) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_forbidden_read_is_unknown_not_absent_and_keeps_its_next_step() {
        let keys = Credentials { flink: Some(ApiKey::new("k", "s")), cloud: Some(ApiKey::new("k", "s")) };
        let cloud = CloudClient::new(
            Arc::new(ForbiddingTransport),
            Endpoints::public(&identity()).unwrap(),
            keys,
            RateLimits::default(),
            1,
        );
        let mut live = Live::default();
        let one = |name: &str| BTreeSet::from([name.to_owned()]);
        fetch_missing(
            &cloud,
            &mut live,
            &Lookups { statements: one("orders"), pools: one("lfcp-1"), ..Lookups::default() },
        )
        .await;
        for presence in [format!("{:?}", live.statement("orders")), format!("{:?}", live.pool("lfcp-1"))] {
            assert!(
                presence.starts_with("Unknown")
                    && presence.contains("403: Forbidden Access. The key's owner needs the Flink")
            );
        }
        assert!(matches!(live.statement("other"), Presence::Unlisted));
    }
}
