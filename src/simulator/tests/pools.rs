//! The requirements on pools, regions and keys, by their numbers.

use serde_json::{Value, json};

use super::{
    client::{API, Client, FLINK, ORG, options, pool, statement, wait},
    statements::{JOB, with},
};
use crate::{
    cloud::Method,
    simulator::{Meddle, Options},
};

fn keyed() -> Options {
    let key = |id: &str| Some((id.to_owned(), "secret".to_owned()));
    Options { flink_key: key("FLINK"), cloud_key: key("CLOUD"), ..options() }
}

#[tokio::test(start_paused = true)]
async fn s01_each_api_has_its_host_and_its_key() {
    let mut client = Client::new(keyed());
    let (statements, pools) = (Client::statements(""), Client::pools("?environment=env-1"));
    for (key, of_statements, of_pools) in
        [("FLINK:secret", 200, 403), ("CLOUD:secret", 403, 200), ("FLINK:wrong", 401, 401), ("X:y", 401, 401)]
    {
        client.key = Some(key.to_owned());
        assert_eq!(client.call(Method::Get, &statements, None).await.status, of_statements, "{key}");
        assert_eq!(client.call(Method::Get, &pools, None).await.status, of_pools, "{key}");
    }
    let client = Client::new(options());
    let swapped = [statements.replace(FLINK, API), pools.replace(API, FLINK)];
    for url in swapped {
        assert_eq!(client.call(Method::Get, &url, None).await.status, 404, "{url}");
    }
    for origin in ["http://127.0.0.1:8080", "http://localhost:9"] {
        assert_eq!(client.call(Method::Get, &statements.replace(FLINK, origin), None).await.status, 200);
        assert_eq!(client.call(Method::Get, &pools.replace(API, origin), None).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn s02_no_key_or_a_wrong_one_is_401_in_the_apis_shape() {
    let mut client = Client::new(keyed());
    for key in [None, Some("FLINK:wrong".to_owned())] {
        client.key = key;
        let got = client.list("").await;
        assert_eq!((got.status, got.text("/errors/0/code")), (401, "user_unauthenticated"));
        assert!(got.headers.get("www-authenticate").unwrap().starts_with("Basic error=\""));
    }
    let mut anybody = Client::new(options());
    anybody.key = None;
    assert_eq!(anybody.list("").await.status, 401, "some key there must be");
}

#[tokio::test(start_paused = true)]
async fn s22_a_pool_is_provisioned_in_a_while_and_shown_as_the_service_shows_it() {
    let client = Client::new(options());
    let made = client.call(Method::Post, &Client::pools(""), Some(pool("main", 10))).await;
    assert_eq!((made.status, made.phase()), (202, "PROVISIONING"));
    let id = made.text("/id").to_owned();
    assert!(id.starts_with("lfcp-"), "{id}");
    wait(200).await;
    let got = client.call(Method::Get, &Client::pools(&format!("/{id}?environment=env-1")), None).await;
    assert_eq!((got.status, got.phase()), (200, "PROVISIONED"));
    assert_eq!((got.text("/spec/cloud"), got.text("/spec/region")), ("AWS", "us-east-1"));
    assert_eq!((got.at("/spec/max_cfu"), got.at("/status/current_cfu")), (&json!(10), &json!(0)));
    assert_eq!(got.text("/spec/http_endpoint"), format!("{FLINK}/sql/v1/organizations/{ORG}/environments/env-1"));
    assert_eq!(
        got.text("/metadata/resource_name"),
        format!(
            "crn://confluent.cloud/organization={ORG}/environment=env-1/flink-region=aws.us-east-1/compute-pool={id}"
        )
    );
    assert_eq!(got.text("/spec/environment/related"), got.text("/metadata/self"));
    for number in 0..12 {
        client.call(Method::Post, &Client::pools(""), Some(pool(&format!("p{number}"), 5))).await;
    }
    let first = client.call(Method::Get, &Client::pools("?environment=env-1"), None).await;
    assert_eq!(first.at("/data").as_array().unwrap().len(), 10);
    let second = client.call(Method::Get, first.text("/metadata/next"), None).await;
    assert_eq!(second.at("/data").as_array().unwrap().len(), 3);
    assert_eq!(second.text("/metadata/next"), "");
    let none = client.call(Method::Get, &Client::pools("?environment=env-1&spec.region=eu-west-1"), None).await;
    assert_eq!(*none.at("/data"), json!([]));
}

#[tokio::test(start_paused = true)]
async fn s23_a_pool_needs_its_environment_and_a_missing_one_is_403() {
    let client = Client::new(options());
    let id = client.pool("main", 5).await;
    for method in [Method::Get, Method::Delete] {
        assert_eq!(client.call(method, &Client::pools(&format!("/{id}")), None).await.status, 400);
        for (path, id) in
            [(format!("/{id}?environment=env-2"), id.as_str()), ("/lfcp-x?environment=env-1".to_owned(), "lfcp-x")]
        {
            let got = client.call(method, &Client::pools(&path), None).await;
            assert_eq!((got.status, got.detail()), (403, format!("The compute pool {id} was not found.").as_str()));
        }
    }
    assert_eq!(client.call(Method::Get, &Client::pools(""), None).await.status, 400);
    let other = Client::new(with(|switches| switches.pool_absent_status = 404));
    assert_eq!(other.call(Method::Get, &Client::pools("/lfcp-x?environment=env-1"), None).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn s24_a_deleted_pool_stops_what_runs_on_it() {
    let client = Client::new(options());
    let id = client.pool("main", 5).await;
    let mut body = statement("job", JOB);
    body["spec"]["compute_pool_id"] = json!(id);
    client.post(body).await;
    wait(60).await;
    let path = Client::pools(&format!("/{id}?environment=env-1"));
    let got = client.call(Method::Delete, &path, None).await;
    assert_eq!((got.status, got.bytes.len()), (204, 0));
    let job = client.get("job").await;
    assert_eq!((job.phase(), job.at("/spec/stopped")), ("STOPPED", &json!(true)));
    assert!(job.text("/status/detail").contains("compute pool it is using was deleted"));
    assert_eq!(client.call(Method::Get, &path, None).await.phase(), "DEPROVISIONING");
    wait(100).await;
    assert_eq!(client.call(Method::Get, &path, None).await.status, 403);
    let resumed = client.set_stopped("job", false).await;
    assert_eq!((resumed.status, resumed.detail().contains("not found")), (400, true), "{}", resumed.body);
}

#[tokio::test(start_paused = true)]
async fn s24_limits_of_pools_only_grow_within_the_accepted_values_and_one_is_default() {
    let client = Client::new(options());
    for max_cfu in [json!(0), json!(7), json!(60), json!("5"), json!(-5)] {
        let mut body = pool("main", 5);
        body["spec"]["max_cfu"] = max_cfu.clone();
        let got = client.call(Method::Post, &Client::pools(""), Some(body)).await;
        assert_eq!(got.status, 400, "{max_cfu}");
    }
    for name in ["with space", "_x", "", &"x".repeat(65)] {
        assert_eq!(client.call(Method::Post, &Client::pools(""), Some(pool(name, 5))).await.status, 400, "{name}");
    }
    let id = client.pool("main", 20).await;
    let patch = |spec: Value| {
        let (client, path) = (client.clone(), Client::pools(&format!("/{id}")));
        async move {
            let mut spec = spec;
            spec["environment"] = json!({ "id": "env-1" });
            client.call(Method::Patch, &path, Some(json!({ "spec": spec }))).await
        }
    };
    assert_eq!(patch(json!({ "max_cfu": 10 })).await.status, 400);
    assert_eq!(*patch(json!({ "max_cfu": 30 })).await.at("/spec/max_cfu"), json!(30));
    assert_eq!(patch(json!({ "display_name": "renamed" })).await.text("/spec/display_name"), "renamed");
    assert_eq!(patch(json!({ "default_pool": true })).await.status, 200);
    let mut second = pool("second", 5);
    second["spec"]["default_pool"] = json!(true);
    assert_eq!(client.call(Method::Post, &Client::pools(""), Some(second)).await.status, 409);
}

#[tokio::test(start_paused = true)]
async fn s25_a_patch_of_a_pool_needs_its_environment() {
    let client = Client::new(options());
    let id = client.pool("main", 5).await;
    let body = json!({ "spec": { "max_cfu": 10 } });
    assert_eq!(client.call(Method::Patch, &Client::pools(&format!("/{id}")), Some(body)).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn s28_regions_are_filtered_and_have_both_endpoints() {
    let client = Client::new(options());
    let regions = |query: &'static str| {
        let client = client.clone();
        async move { client.call(Method::Get, &format!("{API}/fcpm/v2/regions{query}"), None).await }
    };
    let all = regions("?page_size=100").await;
    assert_eq!(all.text("/kind"), "RegionList");
    assert!(all.at("/data").as_array().unwrap().len() > 10);
    assert_eq!(regions("").await.at("/data").as_array().unwrap().len(), 10);
    let one = regions("?cloud=AWS&region_name=us-east-2").await;
    assert_eq!(one.at("/data").as_array().unwrap().len(), 1);
    for (field, value) in [
        ("id", "aws.us-east-2"),
        ("display_name", "Ohio (us-east-2)"),
        ("http_endpoint", "https://flink.us-east-2.aws.confluent.cloud"),
        ("private_http_endpoint", "https://flink.us-east-2.aws.private.confluent.cloud"),
    ] {
        assert_eq!(one.text(&format!("/data/0/{field}")), value);
    }
    assert_eq!(*regions("?cloud=AZURE&region_name=us-east-2").await.at("/data"), json!([]));
}

#[tokio::test(start_paused = true)]
async fn the_organizations_configuration_turns_default_pools_off() {
    let client = Client::new(options());
    let url = format!("{API}/fcpm/v2/compute-pool-config");
    let got = client.call(Method::Get, &url, None).await;
    assert_eq!(*got.at("/spec/default_pool_enabled"), json!(true));
    let off = json!({ "spec": { "default_pool_enabled": false } });
    client.call(Method::Patch, &url, Some(off)).await;
    assert_eq!(client.submit("a", JOB).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_somebody_elses_can_be_used_in_its_own_region_only() {
    let client = Client::new(options());
    let make = |id: &str, region: &str| {
        Meddle::MakePool(id.to_owned(), "env-1".to_owned(), "aws".to_owned(), region.to_owned(), 10)
    };
    client.simulator.meddle(make("lfcp-near", "us-east-1")).unwrap();
    client.simulator.meddle(make("lfcp-far", "eu-west-1")).unwrap();
    for (pool, status) in [("lfcp-near", 201), ("lfcp-far", 400), ("lfcp-none", 400)] {
        let mut body = statement(pool, JOB);
        body["spec"]["compute_pool_id"] = json!(pool);
        assert_eq!(client.post(body).await.status, status, "{pool}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_pool_cannot_be_is_refused() {
    let client = Client::new(options());
    let with = |pointer: &str, value: Value| {
        let mut body = pool("main", 10);
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (pointer, value) in [("/spec/region", json!("atlantis-1")), ("/spec/cloud", json!("gcp"))] {
        let got = client.call(Method::Post, &Client::pools(""), Some(with(pointer, value))).await;
        assert_eq!((got.status, got.text("/errors/0/source/pointer")), (400, "/spec/region"));
    }
    let url = Client::pools(&format!("/{}", client.pool("main", 10).await));
    for (pointer, value) in [("/spec/region", json!("us-east-2")), ("/spec/cloud", json!("GCP"))] {
        assert_eq!(client.call(Method::Patch, &url, Some(with(pointer, value))).await.status, 400, "{pointer}");
    }
    assert_eq!(client.call(Method::Patch, &url, Some(with("/spec/cloud", json!("AWS")))).await.status, 200);
    client.call(Method::Delete, &format!("{url}?environment=env-1"), None).await;
    let leaving = client.call(Method::Patch, &url, Some(pool("main", 10))).await;
    assert_eq!(leaving.status, 409, "{}", leaving.body);
    let config = format!("{API}/fcpm/v2/compute-pool-config");
    for (most, status) in [(json!(7), 400), (json!(4_000_000), 400), (json!(20), 200)] {
        let body = json!({ "spec": { "default_pool_max_cfu": most } });
        assert_eq!(client.call(Method::Patch, &config, Some(body)).await.status, status);
    }
    let unique = Client::new(super::statements::with(|switches| switches.same_pool_name_status = Some(409)));
    unique.pool("main", 10).await;
    assert_eq!(unique.call(Method::Post, &Client::pools(""), Some(pool("main", 10))).await.status, 409);
}
