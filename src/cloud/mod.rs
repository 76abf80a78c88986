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
mod error;
mod exchange;
mod failure;
mod https;
mod key;
mod pace;
mod pages;
mod pools;
mod redaction;
mod regions;
mod retry;
mod site;
mod statements;
mod transport;
mod wire;

#[cfg(test)]
mod tests;

pub use error::{Error, ErrorKind, Result};
pub use exchange::{CloudClient, RetryNotice};
pub use https::{HttpsSetupError, HttpsTransport};
pub use key::{ApiKey, Credentials};
pub use pace::RateLimits;
pub use pages::Listing;
pub use regions::{PrivateEndpointError, Region};
pub use site::{Endpoints, InvalidOrigin, check_origin};
pub use statements::{FetchedStatement, NewStatement, StatementException};
pub use transport::{BoxFuture, Headers, HttpRequest, HttpResponse, Method, Transport, TransportError};
