//! Whatever a client sends, the answer is the API's, and the world goes on.

use serde_json::{Value, json};

use super::{
    client::{API, Client, FLINK, options, pool, statement, wait},
    statements::JOB,
};
use crate::cloud::{Headers, HttpRequest, Method, Transport};

/// A body with one thing in it that is not as it should be.
fn spoil(random: &mut fastrand::Rng, value: &mut Value) {
    let junk =
        [json!(null), json!(-1), json!("\u{0}"), json!([]), json!({ "a": {} }), json!(1e300), json!(true), json!("-")];
    match value {
        Value::Object(fields) if !fields.is_empty() && random.u8(0..4) > 0 => {
            let key = fields.keys().nth(random.usize(0..fields.len())).unwrap().clone();
            if random.u8(0..5) == 0 {
                fields.remove(&key);
            } else {
                spoil(random, &mut fields[&key]);
            }
        }
        _ => *value = junk[random.usize(0..junk.len())].clone(),
    }
}

#[tokio::test(start_paused = true)]
async fn spoiled_bodies_are_refused_or_taken_and_never_break_the_world() {
    let client = Client::new(options());
    let id = client.pool("main", 10).await;
    client.submit("job", JOB).await;
    wait(60).await;
    let mut random = fastrand::Rng::with_seed(11);
    let (mut refused, mut taken) = (0, 0);
    for number in 0..3000 {
        let (method, url, mut body) = match random.u8(0..5) {
            0 => (Method::Post, Client::statements(""), statement(&format!("s-{number}"), JOB)),
            1 => (Method::Put, Client::statements("/job"), client.get("job").await.body),
            2 => {
                let body = json!([{ "op": "replace", "path": "/spec/stopped", "value": random.bool() }]);
                (Method::Patch, Client::statements("/job"), body)
            }
            3 => (Method::Post, Client::pools(""), pool("other", 5)),
            _ => (Method::Patch, Client::pools(&format!("/{id}")), pool("main", 20)),
        };
        spoil(&mut random, &mut body);
        let got = client.call(method, &url, Some(body.clone())).await;
        match got.status {
            200..300 => taken += 1,
            400..500 => {
                assert!(!got.detail().is_empty() && got.detail() != "(none)", "{method} {url} {body}");
                refused += 1;
            }
            status => panic!("{status} for {method} {url} {body}"),
        }
        wait(random.u64(0..20)).await;
    }
    assert!(refused > 500 && taken > 500, "{refused} refused, {taken} taken");
    assert_eq!(client.list("?page_size=100").await.status, 200);
    assert!(client.simulator.audit().most_running.values().all(|most| *most <= 1));
}

#[tokio::test(start_paused = true)]
async fn odd_requests_are_answered() {
    let client = Client::new(options());
    let send = |method: Method, url: String, headers: &[(&str, &str)], body: &[u8]| {
        let headers: Headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (simulator, body) = (client.simulator.clone(), body.to_vec());
        async move { simulator.send(HttpRequest { method, url, headers, body }).await.map(|response| response.status) }
    };
    let basic = [("authorization", "Basic S0VZOlNFQ1JFVA==")];
    for (method, path, status) in [
        (Method::Get, "/", 404),
        (Method::Get, "//", 404),
        (Method::Get, "/sql/v1", 404),
        (Method::Put, "/sql/v1/organizations/o/environments/e/statements", 405),
        (Method::Post, "/sql/v1/organizations/o/environments/e/statements", 400),
        (Method::Get, "/sql/v1/organizations/o/environments/e/statements/%00", 404),
        (Method::Get, "/sql/v1/organizations/o/environments/e/statements/a/b/c", 404),
        (Method::Get, "/sql/v1/organizations/o/environments/e/statements?page_size=0", 400),
        (Method::Get, "/sql/v1/organizations/o/environments/e/statements?page_token=4pi6", 400),
        (Method::Get, "/sql/v1/organizations/o/environments/e/statements?label_selector=a", 400),
    ] {
        assert_eq!(send(method, format!("{FLINK}{path}"), &basic, b"\xff{").await, Ok(status), "{method} {path}");
    }
    for authorization in ["", "Basic", "Basic !", "Basic Og==", "Digest x", "Bearer "] {
        let url = format!("{API}/fcpm/v2/regions");
        assert_eq!(send(Method::Get, url, &[("Authorization", authorization)], b"").await, Ok(401), "{authorization}");
    }
    assert_eq!(
        send(Method::Get, format!("{API}/fcpm/v2/regions"), &[("Authorization", "Bearer t")], b"").await,
        Ok(200)
    );
    assert!(send(Method::Get, "no url".to_owned(), &basic, b"").await.is_err());
}
