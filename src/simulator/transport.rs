//! The simulator as a transport, for clients in the same process.

use super::{exchange::Delivery, simulated_cloud::Simulator};
use crate::cloud::{BoxFuture, HttpRequest, HttpResponse, Transport, TransportError};

impl Transport for Simulator {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            match self.exchange(request, "in-process").await {
                Delivery::Complete(response) => Ok(response),
                Delivery::Truncated(..) => {
                    Err(TransportError::AfterSending("the response body was truncated".to_owned()))
                }
                Delivery::Lost(lost) => Err(lost),
            }
        })
    }
}
