//! Lists in pages.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

fn token(request: &Request) -> usize {
    let url = url::Url::parse(&request.url).unwrap();
    url.query_pairs().find(|(name, _)| name == "page_token").map_or(0, |(_, token)| token.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_read_and_only_the_token_of_a_link_is_used() {
    let wire = Wire::new(|request| {
        let at = token(request);
        let next =
            if at < 2 { format!("https://elsewhere.example/x?a=1&page_token={}", at + 1) } else { String::new() };
        page(vec![statement(&format!("s{}", 9 - at))], &next)
    });
    let live = cloud(&wire).statements(Some("lfcp-1")).await.unwrap().found;
    assert_eq!(live.keys().collect::<Vec<_>>(), ["s7", "s8", "s9"]);
    let first = format!("GET {STATEMENTS}?spec.compute_pool_id=lfcp-1&page_size=100");
    assert_eq!(wire.lines(), [first.clone(), format!("{first}&page_token=1"), format!("{first}&page_token=2")]);
    let hosts: BTreeSet<_> = wire.requests().iter().map(|r| r.url.split('/').nth(2).unwrap().to_owned()).collect();
    assert_eq!(hosts, BTreeSet::from(["flink.us-east-1.aws.confluent.cloud".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn tokens_survive_escaping_and_relative_links() {
    let wire = Wire::script([page(vec![], "?page_token=a%2Bb%3D%26%20c"), page(vec![statement("x")], "")]);
    assert_eq!(cloud(&wire).statements(None).await.unwrap().found.len(), 1);
    let url = url::Url::parse(&wire.requests()[1].url).unwrap();
    assert!(url.query_pairs().any(|(name, value)| name == "page_token" && value == "a+b=& c"));
}

#[tokio::test(start_paused = true)]
async fn of_something_seen_twice_the_later_sight_counts() {
    let mut later = statement("a");
    later["metadata"]["uid"] = json!("another");
    let wire = Wire::script([page(vec![statement("a"), statement("b")], "?page_token=1"), page(vec![later], "")]);
    let live = cloud(&wire).statements(None).await.unwrap().found.into_values().collect::<Vec<_>>();
    assert_eq!(live.iter().map(|one| one.uid.as_str()).collect::<Vec<_>>(), ["another", "uid-b"]);
}

#[tokio::test(start_paused = true)]
async fn null_means_an_empty_last_page_and_a_missing_list_means_nothing() {
    let null = answer(200, r#"{"kind":"StatementList","metadata":{"next":null},"data":null}"#);
    let no_metadata = answer(200, r#"{"data":[]}"#);
    for fine in [null, no_metadata] {
        assert_eq!(cloud(&Wire::script([fine])).statements(None).await.unwrap().found.len(), 0);
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
        let wire = Wire::script([answer(200, body)]);
        let error = cloud(&wire).statements(None).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Garbled, "{body}");
        assert_eq!(wire.requests().len(), 1, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn chains_without_end_are_an_error() {
    // The same token again; two tokens in turn; ever new tokens with nothing, or always the same, behind them.
    let same = Wire::new(|_| page(vec![statement("a")], "?page_token=1"));
    let ring = Wire::new(|request| page(vec![statement("a")], &format!("?page_token={}", (token(request) + 1) % 2)));
    let void = Wire::new(|request| page(vec![], &format!("?page_token={}", token(request) + 1)));
    let stuck = Wire::new(|request| page(vec![statement("a")], &format!("?page_token={}", token(request) + 1)));
    let nameless = Wire::new(|_| page(vec![statement("a")], "https://x.confluent.cloud/next"));
    let endless = Wire::new(|request| {
        let at = token(request);
        page(vec![statement(&format!("s{at}"))], &format!("?page_token={}", at + 1))
    });
    for (wire, most) in [(same, 2), (ring, 3), (void, 20), (stuck, 21), (nameless, 1), (endless, 1_000)] {
        let error = cloud(&wire).statements(None).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Garbled);
        assert_eq!(wire.requests().len(), most, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_is_read_again_and_never_skipped() {
    let wire = Wire::script([
        page(vec![statement("a")], "?page_token=1"),
        after(),
        answer(503, ""),
        page(vec![statement("b")], ""),
    ]);
    assert_eq!(cloud(&wire).statements(None).await.unwrap().found.len(), 2);
    let wire = Wire::script([page(vec![statement("a")], "?page_token=1"), errors(400, "page token expired")]);
    assert_eq!(cloud(&wire).statements(None).await.unwrap_err().kind, ErrorKind::Rejected);
}

#[tokio::test(start_paused = true)]
async fn one_odd_thing_hides_no_other() {
    let mut odd = statement("odd");
    odd["spec"]["properties"] = json!({"a": {"b": 1}});
    let wire = Wire::script([page(vec![statement("a"), odd.clone(), statement("b")], "")]);
    let listed = cloud(&wire).statements(None).await.unwrap();
    assert_eq!(listed.found.keys().collect::<Vec<_>>(), ["a", "b"]);
    let why = &listed.unreadable["odd"];
    assert!(why.starts_with("the service shows it in a form that does not read: "), "{why}");
    // Seen again in better shape it reads.
    let wire = Wire::script([page(vec![odd.clone()], "?page_token=1"), page(vec![statement("odd")], "")]);
    let listed = cloud(&wire).statements(None).await.unwrap();
    assert_eq!((listed.found.len(), listed.unreadable.len()), (1, 0));
    let mut strange = pool("lfcp-9");
    strange["spec"]["max_cfu"] = json!("many");
    let listed = cloud(&Wire::script([page(vec![strange, pool("lfcp-1")], "")])).pools().await.unwrap();
    assert_eq!((listed.found.len(), listed.unreadable.contains_key("lfcp-9")), (1, true));
    // What has no name cannot be set aside.
    odd["name"] = json!(null);
    let error = cloud(&Wire::script([page(vec![odd, statement("b")], "")])).statements(None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Garbled);
}

#[tokio::test(start_paused = true)]
async fn pages_that_are_too_large_are_asked_for_in_halves() {
    let size = |request: &Request| {
        let url = url::Url::parse(&request.url).unwrap();
        url.query_pairs().find(|(name, _)| name == "page_size").unwrap().1.parse::<usize>().unwrap()
    };
    let large = || Err(Lost::TooLarge("the answer is longer than 9 bytes".to_owned()));
    let wire = Wire::new(move |request| {
        let at = token(request);
        if size(request) > 25 { large() } else { page(vec![statement(&format!("s{at}"))], ["?page_token=1", ""][at]) }
    });
    assert_eq!(cloud(&wire).statements(None).await.unwrap().found.len(), 2);
    assert_eq!(wire.requests().iter().map(size).collect::<Vec<_>>(), [100, 50, 25, 25]);
    let wire = Wire::new(move |_| large());
    let error = cloud(&wire).statements(None).await.unwrap_err();
    assert_eq!((error.kind, wire.requests().len()), (ErrorKind::TooLarge, 7));
}
