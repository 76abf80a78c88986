//! The world behind a port: both APIs on one origin, for whatever client there is.

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
    Simulator,
    exchange::Delivery,
    line::{Breaker, Lines},
};
use crate::cloud::{HttpRequest, HttpResponse, Method};

/// The largest request body: more than the largest statement, its quotes escaped.
const LARGEST: usize = 32 * 1024 * 1024;

/// Serves both APIs on `listener` until the future is dropped. Answers that a misfortune loses break the connection.
pub async fn serve(listener: TcpListener, simulator: Simulator) -> io::Result<()> {
    let router = Router::new().fallback(answer).layer(Extension(simulator));
    axum::serve(Lines(listener), router.into_make_service_with_connect_info::<Caller>()).await
}

/// Who is at the other end of a connection, and the means to break it.
#[derive(Clone)]
struct Caller {
    address: SocketAddr,
    breaker: Breaker,
}

impl axum::extract::connect_info::Connected<IncomingStream<'_, Lines>> for Caller {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        Caller { address: *stream.remote_addr(), breaker: stream.io().breaker() }
    }
}

async fn answer(
    ConnectInfo(caller): ConnectInfo<Caller>,
    Extension(simulator): Extension<Simulator>,
    request: AxumRequest<Body>,
) -> AxumResponse<Body> {
    let request = match taken(request).await {
        Ok(request) => request,
        Err(status) => return plain(status),
    };
    // The limits are per address, not per connection: the port is left out.
    let address = caller.address.ip().to_string();
    match simulator.exchange(request, &address).await {
        Delivery::Whole(response) => given(response),
        Delivery::Cut(response, keep) => {
            caller.breaker.after_body_bytes(keep.min(response.body.len().saturating_sub(1)));
            given(response)
        }
        Delivery::Nothing(_) => {
            caller.breaker.now();
            plain(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// The request as the seam knows it: an absolute URL, with the origin that the client wrote in `Host`.
async fn taken(request: AxumRequest<Body>) -> Result<HttpRequest, StatusCode> {
    let (head, body) = request.into_parts();
    let method = match head.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        _ => return Err(StatusCode::METHOD_NOT_ALLOWED),
    };
    let body = to_bytes(body, LARGEST).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let host = text(&head.headers, "host").unwrap_or("localhost").to_owned();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("http://{host}{path}");
    // Whatever the client wrote in `Host` is no host.
    if !url::Url::parse(&url).is_ok_and(|url| url.has_host() && url.username().is_empty()) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let headers =
        head.headers.iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    Ok(HttpRequest { method, url, headers: headers.collect(), body: body.to_vec() })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn given(response: HttpResponse) -> AxumResponse<Body> {
    let mut builder = AxumResponse::builder().status(response.status);
    for (name, value) in response.headers.iter() {
        builder = builder.header(name, value);
    }
    // A scenario can name a status or an origin that HTTP does not know.
    builder.body(Body::from(Bytes::from(response.body))).unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
}

fn plain(status: StatusCode) -> AxumResponse<Body> {
    let mut response = AxumResponse::new(Body::empty());
    *response.status_mut() = status;
    response
}
