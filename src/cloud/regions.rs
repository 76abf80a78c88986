//! The list of regions (`fcpm/v2`), and the endpoints for statements that it contains.

use std::time::Duration;

use tokio::time::timeout;

use super::{
    CloudClient, Endpoints, Error, ErrorKind, Method, Result, call::ApiCall, check_origin, key::Api, region::Region,
    wire,
};

/// The reason why no private endpoint can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrivateEndpointError {
    /// The list of regions could not be read.
    #[error(transparent)]
    RegionsUnavailable(#[from] Error),
    /// The service does not know the region.
    #[error("Confluent Cloud does not offer Flink in region `{region}` of {cloud}{}", known_regions_suffix(.known))]
    UnknownRegion {
        /// The cloud provider in lower case.
        cloud: String,
        /// The region that is not in the list.
        region: String,
        /// The regions of that cloud that the service knows.
        known: Vec<String>,
    },
    /// The service lists no private endpoint for the region.
    #[error("Confluent Cloud lists no private endpoint for region `{region}` of {cloud}")]
    NotOffered {
        /// The cloud provider in lower case.
        cloud: String,
        /// The region without a private endpoint.
        region: String,
    },
    /// The private endpoint of the region is on a host that must not receive a key.
    #[error("Confluent Cloud lists `{endpoint}` as the private endpoint, where an API key must not be sent")]
    UntrustedHost {
        /// The endpoint that the service lists.
        endpoint: String,
    },
}

/// How long floe may take to look up the cause of a failure.
const EXPLANATION_TIMEOUT: Duration = Duration::from_secs(10);

impl CloudClient {
    /// Lists the regions in which Flink is available with their endpoints: all regions, those of one cloud, or those
    /// with one name.
    pub async fn list_regions(&self, cloud: Option<&str>, region: Option<&str>) -> Result<Vec<Region>> {
        let mut call = ApiCall::new(self.endpoints(), Api::Cloud, Method::GET, &["fcpm", "v2", "regions"])?;
        if let Some(cloud) = cloud {
            call = call.with_query("cloud", &cloud.to_ascii_uppercase());
        }
        if let Some(region) = region {
            call = call.with_query("region_name", region);
        }
        // Callers want one region or the names of all, so a region that cannot be read is left out.
        let listed = self.list_all::<wire::Region>(call, |region| format!("{}.{}", region.cloud, region.name)).await?;
        Ok(listed.items.into_values().map(|region| *region).collect())
    }

    /// Returns the endpoint for statements of this environment from a private network: the `private_http_endpoint` of
    /// its region. Reads one list, which needs a Cloud API key.
    ///
    /// # Errors
    /// When the list cannot be read, the region is not in it or has no such endpoint, or the endpoint is neither on a
    /// host of Confluent Cloud nor an origin that the environment of the process allows.
    pub async fn private_endpoint(&self) -> std::result::Result<String, PrivateEndpointError> {
        let (cloud, region) = (self.endpoints().identity().cloud.clone(), self.endpoints().identity().region.clone());
        let regions = self.list_regions(Some(&cloud), None).await?;
        let Some(found) = regions.iter().find(|found| found.name.eq_ignore_ascii_case(&region)) else {
            let known = regions.into_iter().map(|region| self.sanitize_text(region.name)).collect();
            return Err(PrivateEndpointError::UnknownRegion { cloud, region, known });
        };
        let endpoint = found.private_endpoint.clone().ok_or(PrivateEndpointError::NotOffered { cloud, region })?;
        match check_origin(&endpoint) {
            Ok(url) if self.endpoints().may_receive_key(&url) => Ok(endpoint),
            _ => Err(PrivateEndpointError::UntrustedHost { endpoint: self.sanitize_text(endpoint) }),
        }
    }

    /// Returns `error` with its likely cause if statements could not be reached: a region that the service does not
    /// know has no host. The list of regions is read only in that case.
    pub async fn explain_unreachable(&self, error: Error) -> Error {
        let endpoints = self.endpoints();
        let is_unreachable =
            error.kind == ErrorKind::Unreachable && error.url.starts_with(endpoints.flink_origin().as_str());
        // An endpoint that the project configures says nothing about the region.
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

/// Returns the end of a message that lists the known regions, or nothing if there are none.
fn known_regions_suffix(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(", only in {}", names.join(", ")) }
}
