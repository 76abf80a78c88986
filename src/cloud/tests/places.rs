//! Endpoints.

use super::*;

#[test]
fn hosts_take_the_cloud_in_lower_case() {
    let shouted = Identity { cloud: "AWS".to_owned(), ..identity() };
    let public = Site::public(&shouted).unwrap();
    assert_eq!(public.flink().as_str(), "https://flink.us-east-1.aws.confluent.cloud/");
    assert_eq!(public.cloud().as_str(), "https://api.confluent.cloud/");
    assert_eq!(public.identity(), &identity());
    let private = Site::private(&shouted).unwrap();
    assert_eq!(private.flink().as_str(), "https://flink.us-east-1.aws.private.confluent.cloud/");
    assert_eq!(private.cloud().as_str(), "https://api.confluent.cloud/");
    let own = private.with_flink("https://flink.pr1jy6.us-east-2.aws.confluent.cloud").unwrap();
    assert_eq!(own.flink().as_str(), "https://flink.pr1jy6.us-east-2.aws.confluent.cloud/");
}

#[test]
fn a_region_cannot_lead_elsewhere() {
    for region in ["evil.example/", "a.b", "", "x@evil", "x:1", "x#", "us east"] {
        let crooked = Identity { region: region.to_owned(), ..identity() };
        assert!(Site::public(&crooked).is_err(), "{region}");
        assert!(Site::private(&crooked).is_err(), "{region}");
    }
}

#[test]
fn an_origin_is_https_or_this_machine() {
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
