//! Tests of endpoints, and of the regions that name them.

use serde_json::json;

use super::*;

/// Returns a page with the regions of one cloud, each with its private endpoint.
fn regions(endpoints: &[(&str, Option<&str>)]) -> TransportResult {
    let region = |(name, private): &(&str, Option<&str>)| {
        json!({
            "id": format!("aws.{name}"), "cloud": "AWS", "region_name": name, "display_name": name,
            "http_endpoint": format!("https://flink.{name}.aws.confluent.cloud"), "private_http_endpoint": private,
            "metadata": {"self": ""},
        })
    };
    page(endpoints.iter().map(region).collect(), "")
}

#[tokio::test(start_paused = true)]
async fn the_private_endpoint_is_the_listed_one() {
    let listed = "https://flink-vpc.us-east-1.aws.private.confluent.cloud";
    let wire = ScriptedTransport::script([regions(&[("eu-west-1", None), ("us-east-1", Some(listed))])]);
    assert_eq!(client(&wire).private_endpoint().await.unwrap(), listed);
    assert_eq!(wire.request_lines(), ["GET /fcpm/v2/regions?cloud=AWS&page_size=100"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_region_and_one_without_a_private_endpoint_are_errors() {
    let said =
        |answer| async move { client(&ScriptedTransport::script([answer])).private_endpoint().await.unwrap_err() };
    let unknown = said(regions(&[("eu-west-1", None), ("us-west-2", None)])).await.to_string();
    assert!(unknown.contains("Flink in region `us-east-1` of aws, only in eu-west-1, us-west-2"), "{unknown}");
    assert!(matches!(said(regions(&[("us-east-1", None)])).await, PrivateEndpointError::NotOffered { .. }));
    for elsewhere in ["https://flink.example", "http://flink.us-east-1.aws.private.confluent.cloud", "confluent.cloud"]
    {
        let error = said(regions(&[("us-east-1", Some(elsewhere))])).await;
        assert_eq!(error, PrivateEndpointError::UntrustedHost { endpoint: elsewhere.to_owned() });
    }
    assert!(matches!(said(error_answer(403, "no")).await, PrivateEndpointError::RegionsUnavailable(_)));
}

#[tokio::test(start_paused = true)]
async fn a_proxy_may_name_confluent_hosts_or_itself() {
    let behind = |proxy: &'static str, named: &'static str| async move {
        let endpoints = Endpoints::public(&identity()).unwrap().allowing(AllowedOrigins::parse(proxy).unwrap());
        let endpoints = endpoints.with_origins(None, Some(proxy)).unwrap();
        let wire = ScriptedTransport::script([regions(&[("us-east-1", Some(named))])]);
        CloudClient::new(wire, endpoints, credentials(), RateLimits::default(), 7).private_endpoint().await
    };
    let own = "https://flink.us-east-1.aws.private.confluent.cloud";
    for proxy in ["https://confluent.corp.example", "http://127.0.0.1:8080"] {
        assert_eq!(behind(proxy, own).await.unwrap(), own);
        assert_eq!(behind(proxy, proxy).await.unwrap(), proxy);
        for other in [
            "https://flink.example",
            "https://confluent.cloud.example",
            "http://flink.us-east-1.aws.private.confluent.cloud",
            "http://127.0.0.1:9090",
            "https://k:s@flink.us-east-1.aws.private.confluent.cloud",
        ] {
            assert!(
                matches!(behind(proxy, other).await, Err(PrivateEndpointError::UntrustedHost { .. })),
                "{proxy} {other}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_host_is_explained_by_an_unknown_region() {
    let wire = ScriptedTransport::new(|request| match request.url.contains("/fcpm/v2/regions") {
        true => regions(&[("eu-west-1", None)]),
        false if request.url.contains("/fcpm/") => page(vec![], ""),
        false => lost_before_sending(),
    });
    let error = crate::live::read(&client(&wire)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.help.unwrap().contains("only in eu-west-1"));
    // A region that exists does not explain the failure, and neither does a list that cannot be read.
    for answer in [regions(&[("us-east-1", None)]), error_answer(403, "no")] {
        let answer = answer.unwrap();
        let wire = ScriptedTransport::new(move |request| match request.url.contains("/fcpm/v2/regions") {
            true => Ok(answer.clone()),
            false if request.url.contains("/fcpm/") => page(vec![], ""),
            false => lost_before_sending(),
        });
        let error = crate::live::read(&client(&wire)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert!(error.help.unwrap().contains("name resolution"));
    }
}

#[test]
fn host_names_have_the_cloud_in_lower_case() {
    let upper_case = EnvironmentIdentity { cloud: "AWS".to_owned(), ..identity() };
    let public = Endpoints::public(&upper_case).unwrap();
    assert_eq!(public.flink_origin().as_str(), "https://flink.us-east-1.aws.confluent.cloud/");
    assert_eq!(public.cloud_origin().as_str(), "https://api.confluent.cloud/");
    assert_eq!(public.identity(), &identity());
    let private = Endpoints::private(&upper_case).unwrap();
    assert_eq!(private.flink_origin().as_str(), "https://flink.us-east-1.aws.private.confluent.cloud/");
    assert_eq!(private.cloud_origin().as_str(), "https://api.confluent.cloud/");
    let own = private.with_origins(Some("https://flink.pr1jy6.us-east-2.aws.confluent.cloud"), None).unwrap();
    assert_eq!(own.flink_origin().as_str(), "https://flink.pr1jy6.us-east-2.aws.confluent.cloud/");
}

#[test]
fn a_region_cannot_change_the_host() {
    for region in ["evil.example/", "a.b", "", "x@evil", "x:1", "x#", "us east"] {
        let malicious = EnvironmentIdentity { region: region.to_owned(), ..identity() };
        assert!(Endpoints::public(&malicious).is_err(), "{region}");
        assert!(Endpoints::private(&malicious).is_err(), "{region}");
    }
}

#[test]
fn an_origin_is_https_or_loopback() {
    let fine = [
        "https://api.confluent.cloud",
        "https://api.confluent.cloud/",
        "https://10.0.0.1:8443",
        "http://localhost:8080",
        "http://127.0.0.1:8080",
        "http://127.9.9.9",
        "http://[::1]:8080",
    ];
    for origin in fine {
        assert!(check_origin(origin).is_ok(), "{origin}");
    }
    let refused = [
        "",
        "api.confluent.cloud",
        "http://api.confluent.cloud",
        "http://10.0.0.1",
        "http://localhost.example",
        "https://x.example/path",
        "https://x.example?q",
        "https://x.example#f",
        "ftp://localhost",
        "file:///etc",
        "https://",
        "unix:/x",
    ];
    for origin in refused {
        let error = check_origin(origin).unwrap_err();
        assert!(error.to_string().contains("use an origin like"), "{error}");
    }
    for leaky in ["https://user:hunter22@x.example", "user:hunter22@x.example", "https://a@hunter22@x.example:99999"] {
        let error = check_origin(leaky).unwrap_err();
        assert!(!error.to_string().contains("hunter22"), "{error}");
    }
}

#[test]
fn an_origin_outside_confluent_has_to_be_allowed() {
    let public = || Endpoints::public(&identity()).unwrap();
    let allowing = |list: &str| public().allowing(AllowedOrigins::parse(list).unwrap());
    for origin in [
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "https://flink.example",
        "https://confluent.cloud.evil.example",
    ] {
        let refused = public().with_origins(Some(origin), Some(origin)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("`{origin}` is not a host of Confluent Cloud, so no API key is sent there")
        );
        let EndpointError::NotAllowed { export_command, .. } = refused else { panic!("{refused}") };
        assert_eq!(export_command, format!("export FLOE_ALLOW_ENDPOINTS={origin}"));
        assert!(allowing(origin).with_origins(Some(origin), Some(origin)).is_ok(), "{origin}");
    }
    // The port and the scheme belong to an origin.
    for other in ["http://127.0.0.1:8081", "https://127.0.0.1:8080", "http://localhost:8080"] {
        assert!(allowing("http://127.0.0.1:8080").with_origins(None, Some(other)).is_err(), "{other}");
    }
    let refused = allowing("https://a.example").with_origins(Some("http://[::1]:80"), Some("https://b.example"));
    let EndpointError::NotAllowed { origins, export_command } = refused.unwrap_err() else { panic!("not refused") };
    assert_eq!(origins, ["http://[::1]", "https://b.example"]);
    assert_eq!(export_command, "export FLOE_ALLOW_ENDPOINTS='http://[::1],https://a.example,https://b.example'");
}

#[test]
fn a_list_of_allowed_origins_ignores_spaces_and_empty_parts() {
    assert_eq!(AllowedOrigins::parse(" , ").unwrap(), AllowedOrigins::default());
    let list = AllowedOrigins::parse("https://B.example:443/, http://localhost:1,").unwrap();
    assert_eq!(list, AllowedOrigins::parse("http://localhost:1,https://b.example").unwrap());
    for wrong in ["b.example", "http://10.0.0.1", "https://b.example/path", "*"] {
        assert!(AllowedOrigins::parse(wrong).is_err(), "{wrong}");
    }
}
