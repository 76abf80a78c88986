//! The numbered requirements on pools, regions and keys.

use serde_json::{Value, json};

use super::{
    client::{
        CLOUD_ORIGIN, FLINK_ORIGIN, ORG, TestClient, options_without_limits, pool_body, statement_body, wait_seconds,
    },
    statements::{JOB, options_with},
};
use crate::{
    cloud::Method,
    simulator::{OutOfBandChange, SimulatorOptions},
};

/// Returns options with one key for each API.
fn options_with_keys() -> SimulatorOptions {
    let key = |id: &str| Some((id.to_owned(), "secret".to_owned()));
    SimulatorOptions { flink_key: key("FLINK"), cloud_key: key("CLOUD"), ..options_without_limits() }
}

#[tokio::test(start_paused = true)]
async fn s01_each_api_has_its_own_host_and_key() {
    let mut client = TestClient::new(options_with_keys());
    let (statements, pools) = (TestClient::statements_url(""), TestClient::pools_url("?environment=env-1"));
    for (key, of_statements, of_pools) in
        [("FLINK:secret", 200, 403), ("CLOUD:secret", 403, 200), ("FLINK:wrong", 401, 401), ("X:y", 401, 401)]
    {
        client.key = Some(key.to_owned());
        assert_eq!(client.call(Method::GET, &statements, None).await.status, of_statements, "{key}");
        assert_eq!(client.call(Method::GET, &pools, None).await.status, of_pools, "{key}");
    }
    let client = TestClient::new(options_without_limits());
    let swapped = [statements.replace(FLINK_ORIGIN, CLOUD_ORIGIN), pools.replace(CLOUD_ORIGIN, FLINK_ORIGIN)];
    for url in swapped {
        assert_eq!(client.call(Method::GET, &url, None).await.status, 404, "{url}");
    }
    for origin in ["http://127.0.0.1:8080", "http://localhost:9"] {
        assert_eq!(client.call(Method::GET, &statements.replace(FLINK_ORIGIN, origin), None).await.status, 200);
        assert_eq!(client.call(Method::GET, &pools.replace(CLOUD_ORIGIN, origin), None).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn s02_a_missing_or_wrong_key_is_a_401_with_an_api_error_body() {
    let mut client = TestClient::new(options_with_keys());
    for key in [None, Some("FLINK:wrong".to_owned())] {
        client.key = key;
        let got = client.list("").await;
        assert_eq!((got.status, got.text("/errors/0/code")), (401, "user_unauthenticated"));
        assert!(got.headers.get("www-authenticate").unwrap().starts_with("Basic error=\""));
    }
    let mut client_without_key = TestClient::new(options_without_limits());
    client_without_key.key = None;
    assert_eq!(client_without_key.list("").await.status, 401, "a request without a key must be rejected");
}

#[tokio::test(start_paused = true)]
async fn s22_a_pool_is_provisioned_after_a_delay_and_has_the_documented_fields() {
    let client = TestClient::new(options_without_limits());
    let created = client.call(Method::POST, &TestClient::pools_url(""), Some(pool_body("main", 10))).await;
    assert_eq!((created.status, created.phase()), (202, "PROVISIONING"));
    let id = created.text("/id").to_owned();
    assert!(id.starts_with("lfcp-"), "{id}");
    wait_seconds(200).await;
    let got = client.call(Method::GET, &TestClient::pools_url(&format!("/{id}?environment=env-1")), None).await;
    assert_eq!((got.status, got.phase()), (200, "PROVISIONED"));
    assert_eq!((got.text("/spec/cloud"), got.text("/spec/region")), ("AWS", "us-east-1"));
    assert_eq!((got.at("/spec/max_cfu"), got.at("/status/current_cfu")), (&json!(10), &json!(0)));
    assert_eq!(
        got.text("/spec/http_endpoint"),
        format!("{FLINK_ORIGIN}/sql/v1/organizations/{ORG}/environments/env-1")
    );
    assert_eq!(
        got.text("/metadata/resource_name"),
        format!(
            "crn://confluent.cloud/organization={ORG}/environment=env-1/flink-region=aws.us-east-1/compute-pool={id}"
        )
    );
    assert_eq!(got.text("/spec/environment/related"), got.text("/metadata/self"));
    for number in 0..12 {
        client.call(Method::POST, &TestClient::pools_url(""), Some(pool_body(&format!("p{number}"), 5))).await;
    }
    let first = client.call(Method::GET, &TestClient::pools_url("?environment=env-1"), None).await;
    assert_eq!(first.at("/data").as_array().unwrap().len(), 10);
    let second = client.call(Method::GET, first.text("/metadata/next"), None).await;
    assert_eq!(second.at("/data").as_array().unwrap().len(), 3);
    assert_eq!(second.text("/metadata/next"), "");
    let none = client.call(Method::GET, &TestClient::pools_url("?environment=env-1&spec.region=eu-west-1"), None).await;
    assert_eq!(*none.at("/data"), json!([]));
}

#[tokio::test(start_paused = true)]
async fn s23_pool_requests_need_the_environment_and_an_unknown_pool_is_403() {
    let client = TestClient::new(options_without_limits());
    let id = client.create_ready_pool("main", 5).await;
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(client.call(method.clone(), &TestClient::pools_url(&format!("/{id}")), None).await.status, 400);
        for (path, id) in
            [(format!("/{id}?environment=env-2"), id.as_str()), ("/lfcp-x?environment=env-1".to_owned(), "lfcp-x")]
        {
            let got = client.call(method.clone(), &TestClient::pools_url(&path), None).await;
            assert_eq!((got.status, got.detail()), (403, format!("The compute pool {id} was not found.").as_str()));
        }
    }
    assert_eq!(client.call(Method::GET, &TestClient::pools_url(""), None).await.status, 400);
    let other = TestClient::new(options_with(|switches| switches.pool_absent_status = 404));
    assert_eq!(other.call(Method::GET, &TestClient::pools_url("/lfcp-x?environment=env-1"), None).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn s24_deleting_a_pool_stops_the_statements_that_run_on_it() {
    let client = TestClient::new(options_without_limits());
    let id = client.create_ready_pool("main", 5).await;
    let mut body = statement_body("job", JOB);
    body["spec"]["compute_pool_id"] = json!(id);
    client.post(body).await;
    wait_seconds(60).await;
    let path = TestClient::pools_url(&format!("/{id}?environment=env-1"));
    let got = client.call(Method::DELETE, &path, None).await;
    assert_eq!((got.status, got.bytes.len()), (204, 0));
    let job = client.get("job").await;
    assert_eq!((job.phase(), job.at("/spec/stopped")), ("STOPPED", &json!(true)));
    assert!(job.text("/status/detail").contains("compute pool it is using was deleted"));
    assert_eq!(client.call(Method::GET, &path, None).await.phase(), "DEPROVISIONING");
    wait_seconds(100).await;
    assert_eq!(client.call(Method::GET, &path, None).await.status, 403);
    let resumed = client.set_stopped("job", false).await;
    assert_eq!((resumed.status, resumed.detail().contains("not found")), (400, true), "{}", resumed.body);
}

#[tokio::test(start_paused = true)]
async fn s24_max_cfu_only_grows_within_accepted_values_and_only_one_pool_is_the_default() {
    let client = TestClient::new(options_without_limits());
    for max_cfu in [json!(0), json!(7), json!(60), json!("5"), json!(-5)] {
        let mut body = pool_body("main", 5);
        body["spec"]["max_cfu"] = max_cfu.clone();
        let got = client.call(Method::POST, &TestClient::pools_url(""), Some(body)).await;
        assert_eq!(got.status, 400, "{max_cfu}");
    }
    for name in ["with space", "_x", "", &"x".repeat(65)] {
        assert_eq!(
            client.call(Method::POST, &TestClient::pools_url(""), Some(pool_body(name, 5))).await.status,
            400,
            "{name}"
        );
    }
    let id = client.create_ready_pool("main", 20).await;
    let patch = |spec: Value| {
        let (client, path) = (client.clone(), TestClient::pools_url(&format!("/{id}")));
        async move {
            let mut spec = spec;
            spec["environment"] = json!({ "id": "env-1" });
            client.call(Method::PATCH, &path, Some(json!({ "spec": spec }))).await
        }
    };
    assert_eq!(patch(json!({ "max_cfu": 10 })).await.status, 400);
    assert_eq!(*patch(json!({ "max_cfu": 30 })).await.at("/spec/max_cfu"), json!(30));
    assert_eq!(patch(json!({ "display_name": "renamed" })).await.text("/spec/display_name"), "renamed");
    assert_eq!(patch(json!({ "default_pool": true })).await.status, 200);
    let mut second = pool_body("second", 5);
    second["spec"]["default_pool"] = json!(true);
    assert_eq!(client.call(Method::POST, &TestClient::pools_url(""), Some(second)).await.status, 409);
}

#[tokio::test(start_paused = true)]
async fn s25_patching_a_pool_needs_the_environment() {
    let client = TestClient::new(options_without_limits());
    let id = client.create_ready_pool("main", 5).await;
    let body = json!({ "spec": { "max_cfu": 10 } });
    assert_eq!(client.call(Method::PATCH, &TestClient::pools_url(&format!("/{id}")), Some(body)).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn s28_regions_can_be_filtered_and_have_both_endpoints() {
    let client = TestClient::new(options_without_limits());
    let regions = |query: &'static str| {
        let client = client.clone();
        async move { client.call(Method::GET, &format!("{CLOUD_ORIGIN}/fcpm/v2/regions{query}"), None).await }
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
async fn the_organization_configuration_can_disable_default_pools() {
    let client = TestClient::new(options_without_limits());
    let url = format!("{CLOUD_ORIGIN}/fcpm/v2/compute-pool-config");
    let got = client.call(Method::GET, &url, None).await;
    assert_eq!(*got.at("/spec/default_pool_enabled"), json!(true));
    let off = json!({ "spec": { "default_pool_enabled": false } });
    client.call(Method::PATCH, &url, Some(off)).await;
    assert_eq!(client.submit("a", JOB).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_pool_created_out_of_band_is_usable_only_in_its_region() {
    let client = TestClient::new(options_without_limits());
    let create_out_of_band = |id: &str, region: &str| {
        OutOfBandChange::CreatePool(id.to_owned(), "env-1".to_owned(), "aws".to_owned(), region.to_owned(), 10)
    };
    client.simulator.apply_out_of_band(create_out_of_band("lfcp-near", "us-east-1")).unwrap();
    client.simulator.apply_out_of_band(create_out_of_band("lfcp-far", "eu-west-1")).unwrap();
    for (pool, status) in [("lfcp-near", 201), ("lfcp-far", 400), ("lfcp-none", 400)] {
        let mut body = statement_body(pool, JOB);
        body["spec"]["compute_pool_id"] = json!(pool);
        assert_eq!(client.post(body).await.status, status, "{pool}");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_pool_requests_are_rejected() {
    let client = TestClient::new(options_without_limits());
    let body_with = |pointer: &str, value: Value| {
        let mut body = pool_body("main", 10);
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (pointer, value) in [("/spec/region", json!("atlantis-1")), ("/spec/cloud", json!("gcp"))] {
        let got = client.call(Method::POST, &TestClient::pools_url(""), Some(body_with(pointer, value))).await;
        assert_eq!((got.status, got.text("/errors/0/source/pointer")), (400, "/spec/region"));
    }
    let url = TestClient::pools_url(&format!("/{}", client.create_ready_pool("main", 10).await));
    for (pointer, value) in [("/spec/region", json!("us-east-2")), ("/spec/cloud", json!("GCP"))] {
        assert_eq!(client.call(Method::PATCH, &url, Some(body_with(pointer, value))).await.status, 400, "{pointer}");
    }
    assert_eq!(client.call(Method::PATCH, &url, Some(body_with("/spec/cloud", json!("AWS")))).await.status, 200);
    client.call(Method::DELETE, &format!("{url}?environment=env-1"), None).await;
    let deprovisioning = client.call(Method::PATCH, &url, Some(pool_body("main", 10))).await;
    assert_eq!(deprovisioning.status, 409, "{}", deprovisioning.body);
    let config = format!("{CLOUD_ORIGIN}/fcpm/v2/compute-pool-config");
    for (max_cfu, status) in [(json!(7), 400), (json!(4_000_000), 400), (json!(20), 200)] {
        let body = json!({ "spec": { "default_pool_max_cfu": max_cfu } });
        assert_eq!(client.call(Method::PATCH, &config, Some(body)).await.status, status);
    }
    let unique =
        TestClient::new(super::statements::options_with(|switches| switches.same_pool_name_status = Some(409)));
    unique.create_ready_pool("main", 10).await;
    assert_eq!(unique.call(Method::POST, &TestClient::pools_url(""), Some(pool_body("main", 10))).await.status, 409);
}
