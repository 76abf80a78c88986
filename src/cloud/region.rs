//! A region in which Flink is available, with its endpoints.

/// A region in which Flink is available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// The cloud provider in lower case.
    pub cloud: String,
    /// The region's name, for example `us-east-2`.
    pub name: String,
    /// The region's display name, for example `Ohio (us-east-2)`.
    pub display_name: String,
    /// The endpoint for statements that is reachable from anywhere.
    pub public_endpoint: Option<String>,
    /// The endpoint for statements that is reachable from a private network.
    pub private_endpoint: Option<String>,
}
