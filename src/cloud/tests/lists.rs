//! Tests of lists that come in pages.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

/// Returns the page token of `request`, or 0 for the first page.
fn token(request: &HttpRequest) -> usize {
    let url = url::Url::parse(&request.url).unwrap();
    url.query_pairs().find(|(name, _)| name == "page_token").map_or(0, |(_, token)| token.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_read_and_only_the_token_of_a_link_is_used() {
    let wire = ScriptedTransport::new(|request| {
        let at = token(request);
        let next =
            if at < 2 { format!("https://elsewhere.example/x?a=1&page_token={}", at + 1) } else { String::new() };
        page(vec![statement(&format!("s{}", 9 - at))], &next)
    });
    let live = client(&wire).list_statements(Some("lfcp-1")).await.unwrap().items;
    assert_eq!(live.keys().collect::<Vec<_>>(), ["s7", "s8", "s9"]);
    let first = format!("GET {STATEMENTS}?spec.compute_pool_id=lfcp-1&page_size=100");
    assert_eq!(wire.request_lines(), [first.clone(), format!("{first}&page_token=1"), format!("{first}&page_token=2")]);
    let hosts: BTreeSet<_> = wire.requests().iter().map(|r| r.url.split('/').nth(2).unwrap().to_owned()).collect();
    assert_eq!(hosts, BTreeSet::from(["flink.us-east-1.aws.confluent.cloud".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn tokens_survive_escaping_and_relative_links() {
    let wire = ScriptedTransport::script([page(vec![], "?page_token=a%2Bb%3D%26%20c"), page(vec![statement("x")], "")]);
    assert_eq!(client(&wire).list_statements(None).await.unwrap().items.len(), 1);
    let url = url::Url::parse(&wire.requests()[1].url).unwrap();
    assert!(url.query_pairs().any(|(name, value)| name == "page_token" && value == "a+b=& c"));
}

#[tokio::test(start_paused = true)]
async fn an_item_listed_twice_keeps_its_later_version() {
    let mut later = statement("a");
    later["metadata"]["uid"] = json!("another");
    let wire =
        ScriptedTransport::script([page(vec![statement("a"), statement("b")], "?page_token=1"), page(vec![later], "")]);
    let live = client(&wire).list_statements(None).await.unwrap().items.into_values().collect::<Vec<_>>();
    assert_eq!(live.iter().map(|one| one.uid.as_str()).collect::<Vec<_>>(), ["another", "uid-b"]);
}

#[tokio::test(start_paused = true)]
async fn the_pages_of_a_list_have_a_limit_in_time_together() {
    let answer = |request: &HttpRequest| {
        let at = token(request);
        page(vec![statement(&format!("s{at}"))], &format!("?page_token={}", at + 1))
    };
    let wire = ScriptedTransport::with_delay(Duration::from_secs(50), answer);
    let error = client(&wire).list_statements(None).await.unwrap_err();
    assert_eq!((error.kind, &*error.detail), (ErrorKind::Unreachable, "the list took longer than 15 minutes"));
}

#[tokio::test(start_paused = true)]
async fn null_data_is_an_empty_page_and_missing_data_is_an_error() {
    let null = answer(200, r#"{"kind":"StatementList","metadata":{"next":null},"data":null}"#);
    let no_metadata = answer(200, r#"{"data":[]}"#);
    for fine in [null, no_metadata] {
        assert_eq!(client(&ScriptedTransport::script([fine])).list_statements(None).await.unwrap().items.len(), 0);
    }
    let broken = [
        "{}",
        "[]",
        "null",
        "",
        r#"{"data":null}"#,
        r#"{"metadata":{}}"#,
        "<html><body>Log in</body></html>",
        r#"{"data":[{"na"#,
    ];
    for body in broken {
        let wire = ScriptedTransport::script([answer(200, body)]);
        let error = client(&wire).list_statements(None).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidResponse, "{body}");
        assert_eq!(wire.requests().len(), 1, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn endless_pagination_is_an_error() {
    // The same token again, two tokens in turn, and new tokens that lead to nothing or to the same item.
    let same = ScriptedTransport::new(|_| page(vec![statement("a")], "?page_token=1"));
    let ring = ScriptedTransport::new(|request| {
        page(vec![statement("a")], &format!("?page_token={}", (token(request) + 1) % 2))
    });
    let void = ScriptedTransport::new(|request| page(vec![], &format!("?page_token={}", token(request) + 1)));
    let stuck =
        ScriptedTransport::new(|request| page(vec![statement("a")], &format!("?page_token={}", token(request) + 1)));
    let nameless = ScriptedTransport::new(|_| page(vec![statement("a")], "https://x.confluent.cloud/next"));
    let endless = ScriptedTransport::new(|request| {
        let at = token(request);
        page(vec![statement(&format!("s{at}"))], &format!("?page_token={}", at + 1))
    });
    for (wire, most) in [(same, 2), (ring, 3), (void, 20), (stuck, 21), (nameless, 1), (endless, 1_000)] {
        let error = client(&wire).list_statements(None).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidResponse);
        assert_eq!(wire.requests().len(), most, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_page_is_retried_and_never_skipped() {
    let wire = ScriptedTransport::script([
        page(vec![statement("a")], "?page_token=1"),
        lost_after_sending(),
        answer(503, ""),
        page(vec![statement("b")], ""),
    ]);
    assert_eq!(client(&wire).list_statements(None).await.unwrap().items.len(), 2);
    let wire = ScriptedTransport::script([
        page(vec![statement("a")], "?page_token=1"),
        error_answer(400, "page token expired"),
    ]);
    assert_eq!(client(&wire).list_statements(None).await.unwrap_err().kind, ErrorKind::Rejected);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_item_does_not_hide_the_others() {
    let mut odd = statement("odd");
    odd["spec"]["properties"] = json!({"a": {"b": 1}});
    let wire = ScriptedTransport::script([page(vec![statement("a"), odd.clone(), statement("b")], "")]);
    let listed = client(&wire).list_statements(None).await.unwrap();
    assert_eq!(listed.items.keys().collect::<Vec<_>>(), ["a", "b"]);
    let why = &listed.unreadable["odd"];
    assert!(why.starts_with("the service returned it in a form that cannot be read: "), "{why}");
    // If a later page has the item in a readable form, it counts.
    let wire = ScriptedTransport::script([page(vec![odd.clone()], "?page_token=1"), page(vec![statement("odd")], "")]);
    let listed = client(&wire).list_statements(None).await.unwrap();
    assert_eq!((listed.items.len(), listed.unreadable.len()), (1, 0));
    let mut strange = pool("lfcp-9");
    strange["spec"]["max_cfu"] = json!("many");
    let listed =
        client(&ScriptedTransport::script([page(vec![strange, pool("lfcp-1")], "")])).list_pools().await.unwrap();
    assert_eq!((listed.items.len(), listed.unreadable.contains_key("lfcp-9")), (1, true));
    // An item without a name cannot be set aside.
    odd["name"] = json!(null);
    let error = client(&ScriptedTransport::script([page(vec![odd, statement("b")], "")]))
        .list_statements(None)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidResponse);
}

#[tokio::test(start_paused = true)]
async fn too_large_pages_are_requested_again_at_half_the_size() {
    let size = |request: &HttpRequest| {
        let url = url::Url::parse(&request.url).unwrap();
        url.query_pairs().find(|(name, _)| name == "page_size").unwrap().1.parse::<usize>().unwrap()
    };
    let large = || Err(TransportError::TooLarge("the response is larger than 9 bytes".to_owned()));
    let wire = ScriptedTransport::new(move |request| {
        let at = token(request);
        if size(request) > 25 { large() } else { page(vec![statement(&format!("s{at}"))], ["?page_token=1", ""][at]) }
    });
    assert_eq!(client(&wire).list_statements(None).await.unwrap().items.len(), 2);
    assert_eq!(wire.requests().iter().map(size).collect::<Vec<_>>(), [100, 50, 25, 25]);
    let wire = ScriptedTransport::new(move |_| large());
    let error = client(&wire).list_statements(None).await.unwrap_err();
    assert_eq!((error.kind, wire.requests().len()), (ErrorKind::TooLarge, 7));
}
