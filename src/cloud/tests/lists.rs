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
    let live = cloud(&wire).statements(Some("lfcp-1")).await.unwrap();
    assert_eq!(live.keys().collect::<Vec<_>>(), ["s7", "s8", "s9"]);
    let first = format!("GET {STATEMENTS}?spec.compute_pool_id=lfcp-1&page_size=100");
    assert_eq!(wire.lines(), [first.clone(), format!("{first}&page_token=1"), format!("{first}&page_token=2")]);
    let hosts: BTreeSet<_> = wire.requests().iter().map(|r| r.url.split('/').nth(2).unwrap().to_owned()).collect();
    assert_eq!(hosts, BTreeSet::from(["flink.us-east-1.aws.confluent.cloud".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn tokens_survive_escaping_and_relative_links() {
    let wire = Wire::script([page(vec![], "?page_token=a%2Bb%3D%26%20c"), page(vec![statement("x")], "")]);
    assert_eq!(cloud(&wire).statements(None).await.unwrap().len(), 1);
    let url = url::Url::parse(&wire.requests()[1].url).unwrap();
    assert!(url.query_pairs().any(|(name, value)| name == "page_token" && value == "a+b=& c"));
}

#[tokio::test(start_paused = true)]
async fn of_something_seen_twice_the_later_sight_counts() {
    let mut later = statement("a");
    later["metadata"]["uid"] = json!("another");
    let wire = Wire::script([page(vec![statement("a"), statement("b")], "?page_token=1"), page(vec![later], "")]);
    let live = cloud(&wire).statements(None).await.unwrap().into_values().collect::<Vec<_>>();
    assert_eq!(live.iter().map(|one| one.uid.as_str()).collect::<Vec<_>>(), ["another", "uid-b"]);
}

#[tokio::test(start_paused = true)]
async fn null_means_an_empty_last_page_and_a_missing_list_means_nothing() {
    let null = answer(200, r#"{"kind":"StatementList","metadata":{"next":null},"data":null}"#);
    let no_metadata = answer(200, r#"{"data":[]}"#);
    for fine in [null, no_metadata] {
        assert_eq!(cloud(&Wire::script([fine])).statements(None).await.unwrap().len(), 0);
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
    for (wire, most) in [(same, 2), (ring, 3), (void, 20), (stuck, 21), (nameless, 1)] {
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
    assert_eq!(cloud(&wire).statements(None).await.unwrap().len(), 2);
    let wire = Wire::script([page(vec![statement("a")], "?page_token=1"), errors(400, "page token expired")]);
    assert_eq!(cloud(&wire).statements(None).await.unwrap_err().kind, ErrorKind::Rejected);
}
