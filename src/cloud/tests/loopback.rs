//! Tests of the real transport against real sockets on this machine, on the real clock.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::sleep,
};

use super::*;
use crate::cloud::https::TransportLimits;

/// Limits that the tests reach quickly.
const TEST_LIMITS: TransportLimits = TransportLimits {
    connect_timeout: Duration::from_millis(300),
    total_timeout: Duration::from_millis(600),
    max_body_bytes: 1_000,
    max_header_bytes: 2_000,
};

/// Starts a server that answers the request of each connection with `pieces`, waits `pause` after each piece, and
/// closes the connection. Returns its address and the requests that it receives.
async fn serve(pieces: &'static [&'static str], pause: Duration) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = received.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let request = read_request(&mut stream).await;
                kept.lock().unwrap().push(request);
                for piece in pieces {
                    if stream.write_all(piece.as_bytes()).await.is_err() {
                        return;
                    }
                    sleep(pause).await;
                }
            });
        }
    });
    (address, received)
}

/// Starts a server that answers the first bytes of each connection, no matter what they are.
async fn answer_anything(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1_024]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// Reads a request until its head is complete and the announced body has arrived.
async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1_024];
    loop {
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head
                .to_lowercase()
                .split_once("content-length: ")
                .map_or(0, |(_, rest)| rest.split("\r\n").next().unwrap().parse().unwrap());
            body.len() >= length
        });
        if whole || count == 0 {
            return text;
        }
    }
}

/// Returns a request with an `Authorization` header.
fn request(method: Method, url: String, body: &str) -> HttpRequest {
    let headers = [("Authorization".to_owned(), "Basic eA==".to_owned())].into_iter().collect();
    HttpRequest { method, url, headers, body: body.into() }
}

/// Sends a GET to a server that answers with `pieces`.
async fn get(pieces: &'static [&'static str], pause: Duration) -> TransportResult {
    let (address, _) = serve(pieces, pause).await;
    HttpsTransport::with_limits(TEST_LIMITS)
        .unwrap()
        .send(request(Method::GET, format!("http://{address}/x?y=1"), ""))
        .await
}

/// The pause of a server that sends everything at once.
const NO_PAUSE: Duration = Duration::ZERO;

#[tokio::test]
async fn requests_and_responses_pass_unchanged() {
    let answer = "HTTP/1.1 202 Accepted\r\nX-Request-Id: r1\r\nX-Twice: a\r\nX-Twice: b\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbody";
    let pieces: &'static [&'static str] = Box::leak(Box::new([answer]));
    let (address, received) = serve(pieces, NO_PAUSE).await;
    let https = HttpsTransport::with_limits(TEST_LIMITS).unwrap();
    for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let response =
            https.send(request(method.clone(), format!("http://{address}/a%2Fb?q=1"), "{\"a\":1}")).await.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (202, b"body".as_slice()));
        assert_eq!(response.headers.get("x-request-id"), Some("r1"));
        assert_eq!(response.headers.iter().filter(|(name, _)| *name == "x-twice").count(), 2);
        let sent = received.lock().unwrap().pop().unwrap();
        assert!(sent.starts_with(&format!("{method} /a%2Fb?q=1 HTTP/1.1\r\n")), "{sent}");
        assert!(sent.contains("authorization: Basic eA==\r\n") && sent.ends_with("\r\n\r\n{\"a\":1}"), "{sent}");
    }
}

#[tokio::test]
async fn the_transport_does_not_follow_redirects() {
    let (address, received) = serve(&["HTTP/1.1 307 T\r\nlocation: /y\r\ncontent-length: 0\r\n\r\n"], NO_PAUSE).await;
    let https = HttpsTransport::with_limits(TEST_LIMITS).unwrap();
    let response = https.send(request(Method::GET, format!("http://{address}/x"), "")).await.unwrap();
    assert_eq!((response.status, response.headers.get("location")), (307, Some("/y")));
    assert_eq!(received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_failure_after_sending_is_reported_as_such() {
    let rows: [(&str, &'static [&'static str], Duration); 6] = [
        ("a body cut short", &["HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"name\":"], NO_PAUSE),
        ("a chunk missing", &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n"], NO_PAUSE),
        ("no response", &[], NO_PAUSE),
        ("half a head", &["HTTP/1.1 200 OK\r\nconte"], NO_PAUSE),
        ("a response too late", &["", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"], Duration::from_secs(2)),
        (
            "a body too slow",
            &["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", "abc", "def"],
            Duration::from_millis(400),
        ),
    ];
    for (row, pieces, pause) in rows {
        let outcome = get(pieces, pause).await;
        let Err(TransportError::AfterSending(detail)) = outcome else { panic!("{row}: {outcome:?}") };
        assert!(!detail.is_empty() && !detail.contains("y=1"), "{row}: {detail}");
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_an_error() {
    let long: &'static str = Box::leak("x".repeat(1_001).into_boxed_str());
    let fits: &'static str = Box::leak("x".repeat(1_000).into_boxed_str());
    let open = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let pieces: &'static [&'static str] = Box::leak(Box::new([open, fits]));
    assert_eq!(get(pieces, NO_PAUSE).await.unwrap().body.len(), 1_000);
    let undeclared: &'static [&'static str] = Box::leak(Box::new([open, long]));
    let declared: &'static [&'static str] = &["HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n"];
    for pieces in [undeclared, declared] {
        assert_eq!(
            get(pieces, NO_PAUSE).await,
            Err(TransportError::TooLarge("the response is larger than 1000 bytes".to_owned()))
        );
    }
}

#[tokio::test]
async fn headers_above_the_limit_are_an_error() {
    let long: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nx-long: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(2_000)).into());
    let many: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "x: y\r\n".repeat(101)).into());
    let pieces: &'static [&'static str] = Box::leak(Box::new([long]));
    assert_eq!(
        get(pieces, NO_PAUSE).await,
        Err(TransportError::TooLarge("the headers of the response are larger than 2000 bytes".to_owned()))
    );
    let pieces: &'static [&'static str] = Box::leak(Box::new([many]));
    assert!(get(pieces, NO_PAUSE).await.is_err());
}

#[tokio::test]
async fn informational_responses_without_end_meet_the_time_limit() {
    let endless: &'static [&'static str] = Box::leak(vec!["HTTP/1.1 103 Early Hints\r\n\r\n"; 200].into_boxed_slice());
    let began = std::time::Instant::now();
    let outcome = get(endless, Duration::from_millis(10)).await;
    assert_eq!(outcome, Err(TransportError::AfterSending("no complete response within 600ms".to_owned())));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_failed_connection_is_reported_as_before_sending() {
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (plain, received) = serve(&["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"], NO_PAUSE).await;
    // Accepts the connection and sends nothing, so the TLS handshake never completes.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_address = silent.local_addr().unwrap();
    let https = HttpsTransport::with_limits(TEST_LIMITS).unwrap();
    for url in [format!("http://{refusing}/x"), format!("https://{plain}/x"), format!("https://{silent_address}/x")] {
        let outcome = https.send(request(Method::POST, url.clone(), "{}")).await;
        let Err(TransportError::BeforeSending(detail)) = outcome else { panic!("{url}: {outcome:?}") };
        assert!(!detail.is_empty(), "{url}");
    }
    // Another attempt would not help against a server without TLS, or with a URL that is too long.
    let without_tls = answer_anything("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let outcome = https.send(request(Method::POST, format!("https://{without_tls}/x"), "{}")).await;
    assert_eq!(outcome, Err(TransportError::Permanent(super::https::NO_TLS.to_owned())));
    let long = format!("http://{refusing}/x?page_token={}", "x".repeat(70_000));
    let outcome = https.send(request(Method::GET, long, "")).await;
    assert!(matches!(outcome, Err(TransportError::Permanent(_))), "{outcome:?}");
    // The plaintext server received the start of a handshake, not a key.
    assert!(received.lock().unwrap().iter().all(|text| !text.to_lowercase().contains("authorization")));
}

#[tokio::test]
async fn a_truncated_response_is_uncertain_for_a_change_and_retried_for_a_read() {
    let (address, received) = serve(&["HTTP/1.1 201 C\r\ncontent-length: 100\r\n\r\n{"], NO_PAUSE).await;
    let endpoints = allowed_endpoints(&format!("http://{address}"));
    let cloud = CloudClient::new(
        Arc::new(HttpsTransport::with_limits(TEST_LIMITS).unwrap()),
        endpoints,
        credentials(),
        RateLimits::default(),
        7,
    );
    let error = cloud.submit_statement(&new_statement()).await.unwrap_err();
    assert_eq!((error.kind, received.lock().unwrap().len()), (ErrorKind::Uncertain, 1));
    let _ = tokio::time::timeout(Duration::from_millis(700), cloud.fetch_statement("a")).await;
    assert!(received.lock().unwrap().len() >= 3);
}
