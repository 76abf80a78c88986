//! Tests of errors: what a person reads, and what must never be shown.

use serde_json::json;

use super::*;

#[tokio::test(start_paused = true)]
async fn an_error_shows_the_url_the_detail_and_the_required_role() {
    let body = r#"{"errors":[{"id":"e","status":"403","detail":"Forbidden Access"}]}"#;
    let wire = ScriptedTransport::new(move |_| answer_with_headers(403, &[("X-Request-Id", "req-7")], body));
    let error = client(&wire).list_statements(None).await.unwrap_err();
    let url = format!("https://flink.us-east-1.aws.confluent.cloud{STATEMENTS}");
    assert_eq!(error.to_string(), format!("GET {url}: 403: Forbidden Access (request req-7)"));
    assert!(error.help.unwrap().contains("FlinkDeveloper"));
    let error = client(&wire).submit_statement(&new_statement()).await.unwrap_err();
    let help = error.help.unwrap();
    assert!(help.contains("FlinkDeveloper") && help.contains("Assigner"), "{help}");
    let error = client(&wire).delete_pool("lfcp-1").await.unwrap_err();
    assert_eq!(error.url, "https://api.confluent.cloud/fcpm/v2/compute-pools/lfcp-1");
    assert!(error.help.unwrap().contains("FlinkAdmin"));
}

#[tokio::test(start_paused = true)]
async fn a_missing_or_wrong_key_names_its_variables() {
    let wire = ScriptedTransport::new(|_| answer(401, r#"{"message":"unauthorized"}"#));
    let none = CloudClient::new(
        wire.clone(),
        Endpoints::public(&identity()).unwrap(),
        Credentials::default(),
        RateLimits::default(),
        7,
    );
    assert!(!none.has_cloud_key() && client(&wire).has_cloud_key());
    let (flink, pools) = (none.list_statements(None).await.unwrap_err(), none.list_pools().await.unwrap_err());
    assert_eq!((flink.kind, pools.kind), (ErrorKind::Unauthorized, ErrorKind::Unauthorized));
    assert_eq!((flink.status, wire.requests().len()), (None, 0));
    assert!(flink.help.unwrap().contains("`FLINK_API_KEY` and `FLINK_API_SECRET`"));
    assert!(pools.help.unwrap().contains("`CONFLUENT_CLOUD_API_KEY` and `CONFLUENT_CLOUD_API_SECRET`"));
    let wrong = client(&wire).fetch_statement("a").await.unwrap_err();
    assert_eq!((wrong.kind, wrong.status, wrong.detail.as_str()), (ErrorKind::Unauthorized, Some(401), "unauthorized"));
    assert!(wrong.help.unwrap().contains("FLINK_API_KEY"));
}

#[tokio::test(start_paused = true)]
async fn the_detail_is_found_in_every_error_format() {
    let rows = [
        (
            r#"{"errors":[{"detail":"a","resolution":"do b","source":{"pointer":"/spec/x"}},{"title":"c"}]}"#,
            "a do b (at /spec/x); c",
        ),
        (r#"{"errors":[{"code":"invalid_filter","source":{"parameter":"doors"}}]}"#, "invalid_filter (at doors)"),
        (r#"{"errors":[],"message":"m"}"#, "m"),
        (r#"{"error":{"code":1,"message":"em"}}"#, "em"),
        (r#"{"error":"plain"}"#, "plain"),
        (r#"{"errors":[{"detail":null}],"x":1}"#, r#"{"errors":[{"detail":null}],"x":1}"#),
        ("<html>\n <b>Bad</b>\t gateway</html>", "<html> <b>Bad</b> gateway</html>"),
        ("  ", "bad request"),
        ("", "bad request"),
        ("\u{1f}", ""),
    ];
    for (body, detail) in rows {
        let error = client(&ScriptedTransport::script([answer(400, body)]))
            .submit_statement(&new_statement())
            .await
            .unwrap_err();
        assert_eq!(error.detail, detail, "{body}");
    }
    let challenge = ("www-authenticate", r#"Basic error="invalid_key", error_description="The API Key is invalid""#);
    let error = client(&ScriptedTransport::script([answer_with_headers(401, &[challenge], "")]))
        .list_pools()
        .await
        .unwrap_err();
    assert_eq!(error.detail, "The API Key is invalid");
    let long = "ü".repeat(10_000);
    let error = client(&ScriptedTransport::script([answer(400, long)])).list_pools().await.unwrap_err();
    assert!(error.detail.chars().count() < 200 && error.detail.ends_with('…'), "{error}");
    let error = client(&ScriptedTransport::script([answer(400, [0x1f, 0x8b, 8, 0])])).list_pools().await.unwrap_err();
    assert_eq!(error.detail, "(a compressed body)");
}

#[tokio::test(start_paused = true)]
async fn an_unexpected_body_is_quoted_briefly() {
    let html = format!("<!DOCTYPE html>\n<html><title>Sign in</title>{}", "x".repeat(5_000));
    let error = client(&ScriptedTransport::script([answer(200, html)])).fetch_statement("a").await.unwrap_err();
    assert_eq!((error.kind, error.status), (ErrorKind::InvalidResponse, Some(200)));
    assert!(error.detail.contains("that begins with `<!DOCTYPE html> <html><title>Sign in</title>"), "{error}");
    assert!(error.detail.len() < 400, "{error}");
    let help = error.help.unwrap_or_default();
    assert!(help.contains("a proxy or another host answered") && help.contains("`endpoint`"), "{help}");
    let error = client(&ScriptedTransport::script([answer(404, "<html>")])).list_pools().await.unwrap_err();
    assert!(error.help.as_ref().is_some_and(|help| help.contains("`cloud_endpoint`")), "{error:?}");
    let error =
        client(&ScriptedTransport::script([answer(200, "{\"data\": [")])).fetch_statement("a").await.unwrap_err();
    assert!(error.help.is_none(), "{error:?}");
    let error = client(&ScriptedTransport::script([answer(200, "")])).fetch_statement("a").await.unwrap_err();
    assert_eq!(error.detail, "the response is empty");
}

#[tokio::test(start_paused = true)]
async fn keys_echoed_by_the_server_are_redacted() {
    let flink = credentials().flink.unwrap();
    let token = flink.authorization();
    let echo =
        format!(r#"{{"message":"bad header Authorization: {token} of flink-secret-0123 and cloud-secret-4567"}}"#);
    let lost = Err(TransportError::AfterSending(format!("proxy said: {token}")));
    for outcome in [answer(400, echo.clone()), answer(200, echo.clone()), answer(500, echo), lost] {
        let wire = ScriptedTransport::script([outcome]);
        let error = client(&wire).submit_statement(&new_statement()).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("(redacted)"), "{shown}");
        for hidden in ["flink-secret-0123", "cloud-secret-4567", token.trim_start_matches("Basic ")] {
            assert!(!shown.contains(hidden), "{shown}");
        }
        let debugged = format!("{:?} {:?} {:?}", wire.requests(), credentials(), client(&wire));
        for hidden in ["secret-0123", "secret-4567", token.trim_start_matches("Basic ")] {
            assert!(!debugged.contains(hidden), "{debugged}");
        }
    }
    let debugged = format!("{:?}", new_statement());
    assert!(debugged.contains("orders") && !debugged.contains("s3cr3t"), "{debugged}");
}

#[tokio::test(start_paused = true)]
async fn no_part_of_a_key_is_shown_in_truncated_text() {
    let secret = "Zq4Jc0vXW/9kTn2RbL+7yUeHs3AfPdGi5Mo1BxKt6QwSrCjNlDhVmEuIzYgOpF8a";
    let key = ApiKey::new("ABCDEF7GHIJ2KLMN", secret);
    let token = key.authorization().trim_start_matches("Basic ").to_owned();
    let keys = Credentials { flink: Some(key), cloud: None };
    let leaks = |text: &str| {
        [secret, &token, "ABCDEF7GHIJ2KLMN"].iter().any(|hidden| {
            hidden.as_bytes().windows(6).any(|part| text.as_bytes().windows(6).any(|shown| shown == part))
        })
    };
    for shown in [secret.to_owned(), token.clone(), format!("ABCDEF7GHIJ2KLMN:{secret}"), token.replace('/', "\\/")] {
        for offset in 0..200 {
            let body = format!("{}{shown} and more", "-".repeat(offset));
            let bodies = [(400, body.clone()), (400, format!("{{\"x\":\"{body}\"}}")), (200, body)];
            for (status, body) in bodies.into_iter().take(if offset % 10 == 0 { 3 } else { 1 }) {
                let wire = ScriptedTransport::script([answer_with_headers(
                    status,
                    &[("x-request-id", shown.as_str())],
                    &body,
                )]);
                let cloud = CloudClient::new(
                    wire,
                    Endpoints::public(&identity()).unwrap(),
                    keys.clone(),
                    RateLimits::default(),
                    7,
                );
                let error = cloud.submit_statement(&new_statement()).await.unwrap_err();
                let shown_error = format!("{error} {error:?}");
                assert!(!leaks(&shown_error), "{offset}: {shown_error}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn truncated_keys_are_redacted() {
    let token = credentials().flink.unwrap().authorization().trim_start_matches("Basic ").to_owned();
    let body = format!("wrapped {}\n{} and cut {}", &token[..20], &token[20..], &token[..14]);
    let error =
        client(&ScriptedTransport::script([answer(400, body)])).submit_statement(&new_statement()).await.unwrap_err();
    assert_eq!(error.detail, "wrapped (redacted) and cut (redacted)");
}

#[tokio::test(start_paused = true)]
async fn statement_texts_hold_no_keys_and_no_control_characters() {
    let words = "\u{9b}2Jkey flink-secret-0123\tof\nCLOUDKEY\u{7}";
    let mut odd = statement("a");
    odd["status"]["detail"] = json!(words);
    odd["status"]["warnings"] = json!([{"severity": "LOW", "reason": words, "message": words}]);
    let exceptions = json!({"data": [{"name": words, "message": words}]});
    let wire = ScriptedTransport::script([
        page(vec![odd.clone()], ""),
        answer(200, odd.to_string()),
        answer(200, exceptions.to_string()),
    ]);
    let cloud = client(&wire);
    let listed = cloud.list_statements(None).await.unwrap().items.remove("a").unwrap();
    let (one, exceptions) =
        (cloud.fetch_statement("a").await.unwrap().unwrap().live, cloud.list_exceptions("a").await.unwrap());
    let mut texts = vec![&exceptions[0].name, &exceptions[0].message];
    for live in [&listed, &one] {
        texts.extend([&live.detail, &live.warnings[0].reason, &live.warnings[0].message]);
    }
    assert!(texts.iter().all(|text| *text == "<U+009B>2Jkey (redacted) of\nCLOUDKEY<U+0007>"), "{texts:?}");
}

#[tokio::test(start_paused = true)]
async fn request_ids_spell_out_control_characters() {
    // No header can carry an escape (U+001B), but it can carry U+009B, which means the same as an escape and `[`.
    let long = format!("\u{9b}2J\u{9b}[1mreq\u{202e}-{}", "7".repeat(500));
    let wire = ScriptedTransport::script([answer_with_headers(400, &[("x-request-id", long.as_str())], "")]);
    let id = client(&wire).submit_statement(&new_statement()).await.unwrap_err().request_id.unwrap();
    assert!(id.starts_with("<U+009B>2J<U+009B>[1mreq<U+202E>-777") && id.len() == 128, "{id}");
}

#[tokio::test(start_paused = true)]
async fn the_authorization_header_is_basic() {
    let wire = ScriptedTransport::script([absent_answer("a")]);
    client(&wire).fetch_statement("a").await.unwrap();
    let sent = wire.requests();
    // The Base64 form of `FLINKKEY:flink-secret-0123`.
    assert_eq!(sent[0].headers.get("authorization"), Some("Basic RkxJTktLRVk6Zmxpbmstc2VjcmV0LTAxMjM="));
    assert_eq!(sent[0].headers.get("accept"), Some("application/json"));
    assert_eq!(sent[0].headers.get("content-type"), None);
    assert_eq!(ApiKey::new(" a ", "b\n").authorization(), ApiKey::new("a", "b").authorization());
}

#[tokio::test(start_paused = true)]
async fn a_403_about_an_invalid_key_is_unauthorized() {
    let wire = ScriptedTransport::script([error_answer(403, "Invalid API key: make sure your API key is correct")]);
    let error = client(&wire).fetch_pool("lfcp-1").await.unwrap_err();
    assert_eq!((error.kind, error.status), (ErrorKind::Unauthorized, Some(403)));
    assert!(error.help.unwrap().contains("CONFLUENT_CLOUD_API_KEY"));
}

#[tokio::test(start_paused = true)]
async fn error_details_keep_line_breaks_and_spell_out_escape_sequences() {
    let body = r#"{"message":"line 1: \u001b[2Jno table `a`\nline 2\u0007"}"#;
    let error =
        client(&ScriptedTransport::script([answer(400, body)])).submit_statement(&new_statement()).await.unwrap_err();
    assert_eq!(error.detail, "line 1: <U+001B>[2Jno table `a`\nline 2<U+0007>");
}

#[tokio::test(start_paused = true)]
async fn unreachable_errors_suggest_what_to_check() {
    for (lost, word) in
        [("dns error: no such name", "`endpoint`"), ("invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE")]
    {
        let error = client(&ScriptedTransport::new(|_| Err(TransportError::BeforeSending(lost.to_owned()))))
            .list_pools()
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert!(error.detail.starts_with(lost), "{error}");
        assert!(error.help.unwrap().contains(word), "{lost}");
    }
    let error = client(&ScriptedTransport::new(|_| answer(429, ""))).list_pools().await.unwrap_err();
    assert!(error.help.unwrap().contains("per address"));
}

#[tokio::test(start_paused = true)]
async fn one_key_for_both_apis_looks_like_the_other_kind_of_key() {
    for status in [401, 403] {
        let key = || Some(ApiKey::new("ONEKEY", "one-secret-0123"));
        let keys = Credentials { flink: key(), cloud: key() };
        let wire = ScriptedTransport::new(move |_| error_answer(status, "denied"));
        let cloud = CloudClient::new(wire, Endpoints::public(&identity()).unwrap(), keys, RateLimits::default(), 7);
        let help = cloud.list_pools().await.unwrap_err().help.unwrap();
        assert!(help.contains("the other kind of key") && help.contains("a Cloud API key is needed here"), "{help}");
        let help = cloud.list_statements(None).await.unwrap_err().help.unwrap();
        assert!(help.contains("the other kind of key") && help.contains("a Flink API key is needed here"), "{help}");
    }
    let wire = ScriptedTransport::new(|_| error_answer(403, "denied"));
    let help = client(&wire).list_pools().await.unwrap_err().help.unwrap();
    assert!(help.contains("FlinkAdmin") && help.contains("holds a Flink API key"), "{help}");
}
