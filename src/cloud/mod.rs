//! Typed calls of Confluent Cloud's APIs over one narrow seam, a [`Transport`] that carries one HTTP exchange.
//!
//! Authorization, redirects, paging, rate limits, JSON and errors lie above the seam, so tests cover them. Only the
//! connection lies below it.
//!
//! ```text
//! statements, pools, regions ─▶ call ─▶ client (key, rate_limit, retry, redirects) ─▶ Transport ─▶ https
//!        ▲                                │
//!        └──── wire, pagination ◀─────────┴─▶ response_error ─▶ Error
//! ```

mod allowed_origins;
mod call;
mod client;
mod endpoints;
mod error;
mod https;
mod key;
mod new_statement;
mod origin;
mod pagination;
mod pools;
mod rate_limit;
mod region;
mod regions;
mod response_error;
mod retry;
mod statement_exception;
mod statements;
mod transport;
mod wire;

#[cfg(test)]
mod tests;

pub use allowed_origins::AllowedOrigins;
pub use client::{CloudClient, RetryNotice};
pub use endpoints::{EndpointError, Endpoints};
pub use error::{Error, ErrorKind, Result};
pub use http::Method;
pub use https::{HttpsSetupError, HttpsTransport};
pub use key::{ApiKey, Credentials};
pub use new_statement::NewStatement;
pub use origin::{InvalidOrigin, check_origin};
pub use pagination::Listing;
pub use rate_limit::RateLimits;
pub use region::Region;
pub use regions::PrivateEndpointError;
pub use statement_exception::StatementException;
pub use statements::FetchedStatement;
pub use transport::{BoxFuture, Headers, HttpRequest, HttpResponse, Transport, TransportError};
