//! The simulator as a server, tested with hand-written HTTP over loopback.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    client::{ORG, options_without_limits, pool_body, statement_body},
    statements::JOB,
};
use crate::{
    cloud::Method,
    simulator::{FaultRule, InjectedFault, PhaseDurations, Simulator, SimulatorOptions, serve},
};

/// Starts a server on a free port, with phases that last some milliseconds.
async fn start_server() -> (SocketAddr, Simulator) {
    let simulator = Simulator::new(SimulatorOptions {
        phase_durations: PhaseDurations::uniform(Duration::from_millis(20)),
        ..options_without_limits()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, simulator.clone()));
    (address, simulator)
}

/// Sends one request and returns every byte until the connection ends.
async fn exchange_raw(address: SocketAddr, method: &str, path: &str, body: Option<Value>) -> Vec<u8> {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic S0VZOlNFQ1JFVA==\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let send_and_read = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        // A broken connection ends the response here; only the bytes before it count.
        let _ = stream.read_to_end(&mut bytes);
        bytes
    };
    tokio::task::spawn_blocking(send_and_read).await.unwrap()
}

/// Sends one request and returns status, head in lower case, and body.
async fn call(address: SocketAddr, method: &str, path: &str, body: Option<Value>) -> (u16, String, String) {
    let text = String::from_utf8(exchange_raw(address, method, path, body).await).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("response without a head: {text}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

/// Returns the path of the statements, followed by `rest`.
fn statements_path(rest: &str) -> String {
    format!("/sql/v1/organizations/{ORG}/environments/env-1/statements{rest}")
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_both_apis_share_one_origin_and_urls_use_it() {
    let (address, _) = start_server().await;
    let (status, head, body) = call(address, "POST", "/fcpm/v2/compute-pools", Some(pool_body("main", 5))).await;
    assert_eq!(status, 202, "{body}");
    assert!(head.contains("content-type: application/json") && head.contains("x-request-id: "), "{head}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body["spec"]["http_endpoint"],
        json!(format!("http://{address}/sql/v1/organizations/{ORG}/environments/env-1"))
    );
    let (status, head, body) = call(address, "POST", &statements_path(""), Some(statement_body("a", JOB))).await;
    assert_eq!(status, 201, "{body}");
    assert!(head.contains(&format!("location: http://{address}{}", statements_path("/a"))), "{head}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (status, head, body) = call(address, "GET", &statements_path("/a?x=y"), None).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["status"]["phase"]), (200, &json!("RUNNING")));
    assert_eq!(head.matches("date: ").count(), 1, "only the world's date must be sent: {head}");
    call(address, "POST", &statements_path(""), Some(statement_body("b", JOB))).await;
    let (_, _, body) = call(address, "GET", &statements_path("?page_size=1"), None).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert!(body["metadata"]["next"].as_str().unwrap().starts_with(&format!("http://{address}/sql/v1/")));
    assert_eq!(call(address, "DELETE", &statements_path("/a"), None).await.0, 202);
    assert_eq!(call(address, "OPTIONS", &statements_path("/a"), None).await.0, 405);
    assert_eq!(call(address, "GET", "/nothing", None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_a_lost_response_closes_the_connection_before_the_first_byte() {
    let (address, simulator) = start_server().await;
    for (name, fault, applied) in [
        ("a", InjectedFault::LostBeforeEffect, false),
        ("b", InjectedFault::LostAfterEffect, true),
        ("c", InjectedFault::ConnectionRefused, false),
    ] {
        simulator.push_fault(FaultRule::once(fault).on(Method::POST).name(name));
        let bytes = exchange_raw(address, "POST", &statements_path(""), Some(statement_body(name, JOB))).await;
        assert_eq!(bytes, b"", "{name}");
        assert_eq!(call(address, "GET", &statements_path(&format!("/{name}")), None).await.0 == 200, applied, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_a_truncated_body_announces_its_full_length() {
    let (address, simulator) = start_server().await;
    simulator.push_fault(FaultRule::once(InjectedFault::TruncatedBody(17)).on(Method::POST));
    let bytes = exchange_raw(address, "POST", &statements_path(""), Some(statement_body("a", JOB))).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let content_length =
        head.to_lowercase().split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse::<usize>();
    assert!(content_length.unwrap() > 100, "{head}");
    assert_eq!(body.len(), 17, "{body}");
    assert_eq!(call(address, "GET", &statements_path("/a"), None).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s26_rate_limits_apply_per_address_across_connections() {
    let simulator = Simulator::new(SimulatorOptions::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, simulator));
    let mut limited = 0;
    for _ in 0..60 {
        let (status, head, _) = call(address, "GET", &statements_path(""), None).await;
        if status == 429 {
            assert!(head.contains("retry-after: 1"), "{head}");
            limited += 1;
        }
    }
    assert!(limited > 0 && limited <= 10, "{limited}");
}

#[tokio::test]
async fn an_invalid_host_header_is_a_bad_request() {
    let (address, _) = start_server().await;
    for host in ["a b", "[::1", "a@b", "%zz"] {
        let request = format!("GET /fcpm/v2/regions HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let send_and_read = move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut text = String::new();
            let _ = stream.read_to_string(&mut text);
            text
        };
        let text = tokio::task::spawn_blocking(send_and_read).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 400 "), "{host}: {text}");
    }
}
