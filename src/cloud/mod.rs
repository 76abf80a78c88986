//! The door to Confluent Cloud: the domain's verbs over one narrow seam, a [`Transport`] that carries one exchange.
//!
//! Above the seam, and so under test: authorization, redirects, paging, pace, JSON and errors. Below it: a connection.

mod error;
mod transport;

pub use error::{Error, ErrorKind, Result};
pub use transport::{BoxFuture, Headers, Lost, Method, Request, Response, Transport};
