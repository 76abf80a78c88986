//! Takes the snapshot, with GETs only.

use tokio::task::JoinSet;

use super::{Asks, Live};
use crate::cloud::{Cloud, Result};

/// Lists the statements of the environment and, with a Cloud API key, its pools.
///
/// # Errors
/// When a list cannot be read to its end: half a list is no list.
pub async fn read(cloud: &Cloud) -> Result<Live> {
    let pools = async { if cloud.has_cloud_key() { cloud.pools().await.map(Some) } else { Ok(None) } };
    let (statements, pools) = match tokio::try_join!(cloud.statements(None), pools) {
        Ok(lists) => lists,
        Err(error) => return Err(cloud.explained(error).await),
    };
    let mut live = Live::of(statements, pools);
    live.service_time = cloud.service_time();
    Ok(live)
}

/// Asks for each name one by one and takes the answers in. A call that fails makes its object unknown, not absent.
pub async fn confirm(cloud: &Cloud, live: &mut Live, asks: &Asks) {
    let asks = live.unanswered(asks);
    let mut statements = JoinSet::new();
    for name in asks.statements {
        let cloud = cloud.clone();
        statements.spawn(async move {
            let answer = cloud.statement(&name).await;
            (name, answer.map(|found| found.map(|fetched| fetched.live)))
        });
    }
    let mut pools = JoinSet::new();
    for id in asks.pools {
        let cloud = cloud.clone();
        pools.spawn(async move {
            let answer = cloud.pool(&id).await;
            (id, answer)
        });
    }
    // The order of arrival does not matter: answers land in ordered maps.
    for (name, answer) in statements.join_all().await {
        live.learn_statement(&name, answer.map_err(|error| error.to_string()));
    }
    for (id, answer) in pools.join_all().await {
        live.learn_pool(&id, answer.map_err(|error| error.to_string()));
    }
}
