//! The door to Confluent Cloud: the domain's verbs over one narrow seam, a [`Transport`] that carries one exchange.
//!
//! Above the seam, and so under test: authorization, redirects, paging, pace, JSON and errors. Below it: a connection.
//!
//! ```text
//! statements, pools, regions ─▶ call ─▶ exchange (key, pace, retry, redirects) ─▶ Transport ─▶ https
//!        ▲                                 │
//!        └──── wire, pages ◀───────────────┴─▶ failure ─▶ Error
//! ```

mod call;
mod client;
mod endpoints;
mod error;
mod https;
mod key;
mod pagination;
mod pools;
mod rate_limit;
mod redaction;
mod regions;
mod response_error;
mod retry;
mod statements;
mod transport;
mod wire;

#[cfg(test)]
mod tests;

pub use client::{CloudClient, RetryNotice};
pub use endpoints::{Endpoints, InvalidOrigin, check_origin};
pub use error::{Error, ErrorKind, Result};
pub use https::{HttpsSetupError, HttpsTransport};
pub use key::{ApiKey, Credentials};
pub use pagination::Listing;
pub use rate_limit::RateLimits;
pub use regions::{PrivateEndpointError, Region};
pub use statements::{FetchedStatement, NewStatement, StatementException};
pub use transport::{BoxFuture, Headers, HttpRequest, HttpResponse, Method, Transport, TransportError};
