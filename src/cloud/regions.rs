//! The list of regions (`fcpm/v2`), and what is learnt from it about where statements are asked.

use std::time::Duration;

use tokio::time::timeout;

use super::{
    CloudClient, Endpoints, Error, ErrorKind, Method, Result, call::ApiCall, check_origin,
    endpoints::is_trusted_endpoint, key::Api, wire,
};

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

/// Why there is no private endpoint to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrivateEndpointError {
    /// The list of regions could not be read.
    #[error(transparent)]
    RegionsUnavailable(#[from] Error),
    /// The service does not know the region.
    #[error("Confluent Cloud offers Flink in no region `{region}` of {cloud}{}", which(.known))]
    UnknownRegion {
        /// The cloud, in lower case.
        cloud: String,
        /// The region.
        region: String,
        /// The regions of that cloud that it does know.
        known: Vec<String>,
    },
    /// The region has none.
    #[error("Confluent Cloud names no private endpoint for the region `{region}` of {cloud}")]
    NotOffered {
        /// The cloud, in lower case.
        cloud: String,
        /// The region.
        region: String,
    },
    /// The region's is on a host that a key must not be shown to.
    #[error("Confluent Cloud names `{endpoint}` as the private endpoint, where no key may be sent")]
    UntrustedHost {
        /// What it names.
        endpoint: String,
    },
}

/// How long a failure may take to be explained.
const EXPLANATION_TIMEOUT: Duration = Duration::from_secs(10);

impl CloudClient {
    /// The regions that have Flink, all or of one cloud or of one name, with their endpoints.
    pub async fn list_regions(&self, cloud: Option<&str>, region: Option<&str>) -> Result<Vec<Region>> {
        let mut call = ApiCall::new(self.endpoints(), Api::Cloud, Method::Get, &["fcpm", "v2", "regions"])?;
        if let Some(cloud) = cloud {
            call = call.with_query("cloud", &cloud.to_ascii_uppercase());
        }
        if let Some(region) = region {
            call = call.with_query("region_name", region);
        }
        // Who asks wants one region, or to know which there are: one that does not read is left out.
        let listed = self.list_all::<wire::Region>(call, |region| format!("{}.{}", region.cloud, region.name)).await?;
        Ok(listed.items.into_values().map(|region| *region).collect())
    }

    /// Where the statements of this environment are asked from a private network: the `private_http_endpoint` of its
    /// region. One list; it takes a Cloud API key.
    ///
    /// # Errors
    /// When the list cannot be read, the region is not on it or has no such endpoint, or the endpoint is neither
    /// Confluent Cloud's own nor on the origin that was asked.
    pub async fn private_endpoint(&self) -> std::result::Result<String, PrivateEndpointError> {
        let (cloud, region) = (self.endpoints().identity().cloud.clone(), self.endpoints().identity().region.clone());
        let regions = self.list_regions(Some(&cloud), None).await?;
        let Some(found) = regions.iter().find(|found| found.name.eq_ignore_ascii_case(&region)) else {
            let known = regions.into_iter().map(|region| self.sanitize_text(region.name)).collect();
            return Err(PrivateEndpointError::UnknownRegion { cloud, region, known });
        };
        let endpoint = found.private_endpoint.clone().ok_or(PrivateEndpointError::NotOffered { cloud, region })?;
        match check_origin(&endpoint) {
            Ok(url) if is_trusted_endpoint(self.endpoints().cloud_origin(), &url) => Ok(endpoint),
            _ => Err(PrivateEndpointError::UntrustedHost { endpoint: self.sanitize_text(endpoint) }),
        }
    }

    /// `error` with its likely cause where statements could not be reached: a region that the service does not know
    /// has no host. Asks for the list of regions, and only then.
    pub async fn explain_unreachable(&self, error: Error) -> Error {
        let endpoints = self.endpoints();
        let is_unreachable =
            error.kind == ErrorKind::Unreachable && error.url.starts_with(endpoints.flink_origin().as_str());
        // An endpoint that the project names says nothing of the region.
        let derived = [Endpoints::public(endpoints.identity()), Endpoints::private(endpoints.identity())];
        let derived = derived.iter().flatten().any(|derived| derived.flink_origin() == endpoints.flink_origin());
        if !(is_unreachable && derived && self.has_cloud_key()) {
            return error;
        }
        match timeout(EXPLANATION_TIMEOUT, self.private_endpoint()).await {
            Ok(Err(unknown @ PrivateEndpointError::UnknownRegion { .. })) => {
                Error { help: Some(unknown.to_string()), ..error }
            }
            _ => error,
        }
    }
}

fn which(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; it does in {}", names.join(", ")) }
}
