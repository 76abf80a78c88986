//! Tests of redirects, which are followed above the seam, and of where the key may go.

use super::*;

/// The origin for statements in the tests.
const START: &str = "https://flink.us-east-1.aws.confluent.cloud";

/// Returns a redirect response to `location`.
fn redirect(status: u16, location: &str) -> TransportResult {
    answer_with_headers(status, &[("location", location)], "")
}

#[tokio::test(start_paused = true)]
async fn redirects_within_confluents_domain_keep_the_key() {
    let rows = [
        "https://flink.us-east-2.aws.confluent.cloud/x",
        "https://confluent.cloud/x",
        "https://lkc-1.flink.us-east-1.aws.private.confluent.cloud:8443/x?y=1",
        "/elsewhere",
        "//api.confluent.cloud/x",
    ];
    for location in rows {
        let wire = ScriptedTransport::script([redirect(307, location), answer(200, statement("a").to_string())]);
        assert!(client(&wire).fetch_statement("a").await.unwrap().is_some(), "{location}");
        let sent = wire.requests();
        assert_eq!(sent[1].headers.get("authorization"), sent[0].headers.get("authorization"));
        let base = url::Url::parse(START).unwrap();
        assert_eq!(sent[1].url, base.join(location).unwrap().as_str());
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_to_other_hosts_are_refused() {
    let rows = [
        "http://flink.us-east-1.aws.confluent.cloud/x",
        "https://evilconfluent.cloud/x",
        "https://confluent.cloud.evil.example/x",
        "https://confluent.cloud@evil.example/x",
        "https://user:pass@flink.us-east-1.aws.confluent.cloud/x",
        "https://127.0.0.1/x",
        "ftp://flink.us-east-1.aws.confluent.cloud/x",
        "data:text/plain,x",
    ];
    for location in rows {
        for status in [301, 307, 308] {
            let wire = ScriptedTransport::script([redirect(status, location)]);
            let error = client(&wire).fetch_statement("a").await.unwrap_err();
            assert_eq!((error.kind, error.status), (ErrorKind::Rejected, Some(status)), "{location}");
            assert!(error.detail.contains("where the API key must not be sent"), "{error}");
            assert!(!error.detail.contains("pass"), "{error}");
            assert_eq!(wire.requests().len(), 1, "{location}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_from_a_loopback_endpoint_stay_on_its_origin() {
    let endpoints = allowed_endpoints("http://127.0.0.1:8080");
    for (location, followed) in [
        ("http://127.0.0.1:8080/x", true),
        ("http://127.0.0.1:8081/x", false),
        ("http://localhost:8080/x", false),
        ("https://flink.us-east-1.aws.confluent.cloud/x", false),
    ] {
        let wire = ScriptedTransport::script([redirect(307, location), absent_answer("a")]);
        let cloud = CloudClient::new(wire.clone(), endpoints.clone(), credentials(), RateLimits::default(), 7);
        assert_eq!(cloud.fetch_statement("a").await.is_ok(), followed, "{location}");
        assert_eq!(wire.requests().len(), if followed { 2 } else { 1 }, "{location}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_followed_only_to_an_allowed_host() {
    let allowed = AllowedOrigins::parse("https://proxy.corp.example").unwrap();
    let endpoints = Endpoints::public(&identity()).unwrap().allowing(allowed);
    for (location, export) in [
        ("https://proxy.corp.example/x", None),
        ("https://other.corp.example/x", Some("https://other.corp.example,https://proxy.corp.example")),
        ("https://proxy.corp.example:8443/x", Some("https://proxy.corp.example,https://proxy.corp.example:8443")),
    ] {
        let wire = ScriptedTransport::script([redirect(307, location), absent_answer("a")]);
        let cloud = CloudClient::new(wire.clone(), endpoints.clone(), credentials(), RateLimits::default(), 7);
        let outcome = cloud.fetch_statement("a").await;
        let help = outcome.err().and_then(|error| error.help);
        let expected = export.map(|list| {
            format!("If you trust this host, allow it where floe runs:\n\nexport FLOE_ALLOW_ENDPOINTS='{list}'")
        });
        assert_eq!(help, expected, "{location}");
        assert_eq!(wire.requests().len(), if export.is_none() { 2 } else { 1 }, "{location}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_variable_is_suggested_for_a_host_that_can_never_get_a_key() {
    for location in ["http://10.0.0.1/x", "ftp://evil.example/x", "https://user:pass@evil.example/x"] {
        let wire = ScriptedTransport::script([redirect(307, location)]);
        assert_eq!(client(&wire).fetch_statement("a").await.unwrap_err().help, None, "{location}");
    }
}

#[tokio::test(start_paused = true)]
async fn methods_are_kept_or_the_redirect_is_refused() {
    for status in [301, 302, 303, 307, 308] {
        let wire = ScriptedTransport::script([redirect(status, "/x"), absent_answer("a")]);
        assert!(client(&wire).fetch_statement("a").await.unwrap().is_none(), "{status}");
    }
    for (status, expected) in [
        (307, None),
        (308, None),
        (301, Some(ErrorKind::Rejected)),
        (302, Some(ErrorKind::Rejected)),
        (303, Some(ErrorKind::Uncertain)),
        (304, Some(ErrorKind::Uncertain)),
    ] {
        let wire = ScriptedTransport::script([redirect(status, "/x"), answer(201, statement("orders").to_string())]);
        let outcome = client(&wire).submit_statement(&new_statement()).await;
        assert_eq!(outcome.as_ref().err().map(|error| error.kind), expected, "{status}");
        if expected.is_none() {
            let sent = wire.requests();
            assert_eq!((&sent[1].method, &sent[1].body), (&Method::POST, &sent[0].body));
            assert_eq!(sent[1].headers.get("content-type"), Some("application/json"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_five_redirects_are_followed() {
    let mut hops = 0;
    let wire = ScriptedTransport::new(move |_| {
        hops += 1;
        if hops <= 5 { redirect(307, &format!("/hop{hops}")) } else { absent_answer("a") }
    });
    assert!(client(&wire).fetch_statement("a").await.unwrap().is_none());
    let wire = ScriptedTransport::new(|_| redirect(307, "/again?token=1"));
    let error = client(&wire).fetch_statement("a").await.unwrap_err();
    assert_eq!(wire.requests().len(), 6);
    assert!(error.detail.starts_with("more than 5 redirects") && !error.detail.contains("token"), "{error}");
    let error = client(&ScriptedTransport::script([answer(302, "")])).fetch_statement("a").await.unwrap_err();
    assert_eq!(
        (error.kind, error.detail.as_str()),
        (ErrorKind::InvalidResponse, "a redirect without a valid `Location`")
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_a_redirect_is_retried_from_the_original_url() {
    let wire = ScriptedTransport::script([
        redirect(307, "https://flink.a.aws.confluent.cloud/x"),
        lost_before_sending(),
        redirect(307, "https://flink.b.aws.confluent.cloud/x"),
        answer(201, statement("orders").to_string()),
    ]);
    client(&wire).submit_statement(&new_statement()).await.unwrap();
    let hosts: Vec<_> = wire.requests().iter().map(|r| r.url.split('/').nth(2).unwrap().to_owned()).collect();
    let first = "flink.us-east-1.aws.confluent.cloud";
    assert_eq!(hosts, [first, "flink.a.aws.confluent.cloud", first, "flink.b.aws.confluent.cloud"]);
    let wire = ScriptedTransport::script([redirect(307, "/x"), lost_after_sending()]);
    assert_eq!(client(&wire).submit_statement(&new_statement()).await.unwrap_err().kind, ErrorKind::Uncertain);
}
