//! Serves the simulated cloud over HTTP: both APIs on one origin, for any client.

use std::{io, net::SocketAddr};

use axum::{
    Extension, Router,
    body::{Body, Bytes, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request as AxumRequest, Response as AxumResponse, StatusCode},
    serve::IncomingStream,
};
use tokio::net::TcpListener;

use super::{
    connection::{BreakableListener, ConnectionBreaker},
    exchange::Delivery,
    simulated_cloud::Simulator,
};
use crate::cloud::{HttpRequest, HttpResponse, Method};

/// The largest request body in bytes: more than the largest statement with its quotes escaped.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// The methods that both APIs know. Any other is rejected before the request is looked at.
const SERVED_METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Serves both APIs on `listener` until the future is dropped. A response that a fault loses breaks the connection.
pub async fn serve(listener: TcpListener, simulator: Simulator) -> io::Result<()> {
    let router = Router::new().fallback(handle).layer(Extension(simulator));
    axum::serve(BreakableListener(listener), router.into_make_service_with_connect_info::<ClientConnection>()).await
}

/// The address of a connection's client, and the handle to break the connection.
#[derive(Clone)]
struct ClientConnection {
    /// The address and port of the client.
    address: SocketAddr,
    /// The handle that breaks the connection.
    breaker: ConnectionBreaker,
}

impl axum::extract::connect_info::Connected<IncomingStream<'_, BreakableListener>> for ClientConnection {
    fn connect_info(stream: IncomingStream<'_, BreakableListener>) -> Self {
        ClientConnection { address: *stream.remote_addr(), breaker: stream.io().breaker() }
    }
}

/// Handles one HTTP request.
async fn handle(
    ConnectInfo(client): ConnectInfo<ClientConnection>,
    Extension(simulator): Extension<Simulator>,
    request: AxumRequest<Body>,
) -> AxumResponse<Body> {
    let request = match to_http_request(request).await {
        Ok(request) => request,
        Err(status) => return status_only(status),
    };
    // The limits are per address, not per connection, so the port is left out.
    let address = client.address.ip().to_string();
    match simulator.exchange(request, &address).await {
        Delivery::Complete(response) => to_axum_response(response),
        Delivery::Truncated(response, keep) => {
            client.breaker.truncate_body(keep.min(response.body.len().saturating_sub(1)));
            to_axum_response(response)
        }
        Delivery::Lost(_) => {
            client.breaker.break_now();
            status_only(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// Converts a request for the transport seam: an absolute URL, with the origin that the client wrote in `Host`.
/// Returns the status of a request that HTTP itself rejects.
async fn to_http_request(request: AxumRequest<Body>) -> Result<HttpRequest, StatusCode> {
    let (head, body) = request.into_parts();
    let method = head.method;
    if !SERVED_METHODS.contains(&method) {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let host = header_text(&head.headers, "host").unwrap_or("localhost").to_owned();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("http://{host}{path}");
    // The client's `Host` is not a valid host.
    if !url::Url::parse(&url).is_ok_and(|url| url.has_host() && url.username().is_empty()) {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(HttpRequest { method, url, headers: head.headers.into(), body: body.to_vec() })
}

/// Returns the value of a header, if it is text.
fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Converts a response for axum.
fn to_axum_response(response: HttpResponse) -> AxumResponse<Body> {
    let mut builder = AxumResponse::builder().status(response.status);
    if let Some(headers) = builder.headers_mut() {
        *headers = response.headers.into();
    }
    // A scenario can name a status that is not valid in HTTP.
    builder
        .body(Body::from(Bytes::from(response.body)))
        .unwrap_or_else(|_| status_only(StatusCode::INTERNAL_SERVER_ERROR))
}

/// Returns a response without a body.
fn status_only(status: StatusCode) -> AxumResponse<Body> {
    let mut response = AxumResponse::new(Body::empty());
    *response.status_mut() = status;
    response
}
