//! The regions in which Flink is offered: a few of each cloud.

use serde_json::json;

use super::super::{
    api_request::{ApiRequest, PageRequest},
    response::{ApiError, ApiResponse, json_response},
    world::SimulatedWorld,
};

/// A region in which Flink is offered: cloud, region and display name.
struct OfferedRegion(&'static str, &'static str, &'static str);

/// The regions, sorted by id.
const REGIONS: [OfferedRegion; 12] = [
    OfferedRegion("AWS", "ap-southeast-2", "Sydney (ap-southeast-2)"),
    OfferedRegion("AWS", "eu-central-1", "Frankfurt (eu-central-1)"),
    OfferedRegion("AWS", "eu-west-1", "Ireland (eu-west-1)"),
    OfferedRegion("AWS", "us-east-1", "N. Virginia (us-east-1)"),
    OfferedRegion("AWS", "us-east-2", "Ohio (us-east-2)"),
    OfferedRegion("AWS", "us-west-2", "Oregon (us-west-2)"),
    OfferedRegion("AZURE", "eastus2", "Virginia (eastus2)"),
    OfferedRegion("AZURE", "westeurope", "Netherlands (westeurope)"),
    OfferedRegion("GCP", "europe-west3", "Frankfurt (europe-west3)"),
    OfferedRegion("GCP", "us-central1", "Iowa (us-central1)"),
    OfferedRegion("GCP", "us-east1", "South Carolina (us-east1)"),
    OfferedRegion("GCP", "us-east4", "N. Virginia (us-east4)"),
];

impl OfferedRegion {
    /// Returns the region's id, such as `aws.us-east-1`.
    fn id(&self) -> String {
        format!("{}.{}", self.0.to_lowercase(), self.1)
    }
}

/// Returns whether Flink is offered in a region, which is listed above or is the home region of the options.
pub(super) fn is_offered(world: &SimulatedWorld, cloud: &str, region: &str) -> bool {
    let (home_cloud, home_region) = &world.options.home_region;
    let at_home = home_cloud.eq_ignore_ascii_case(cloud) && home_region == region;
    at_home || REGIONS.iter().any(|known| known.0.eq_ignore_ascii_case(cloud) && known.1 == region)
}

/// Returns the regional endpoint of the statements API. On an origin of its own the simulator serves every region
/// itself.
pub(super) fn regional_endpoint(request: &ApiRequest, cloud: &str, region: &str, private: &str) -> String {
    if request.served_apis() == (true, true) {
        return request.origin.clone();
    }
    format!("https://flink.{region}.{cloud}{private}.confluent.cloud")
}

/// GET of the regions, filtered by `cloud` and `region_name`.
pub(super) fn list(world: &mut SimulatedWorld, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let page = PageRequest::parse(request)?;
    let filter = |name| request.query_value(name).filter(|value| !value.is_empty());
    let (cloud, name) = (filter("cloud"), filter("region_name"));
    let organization = &world.options.organization;
    let mut found: Vec<&OfferedRegion> = REGIONS
        .iter()
        .filter(|region| cloud.is_none_or(|cloud| region.0.eq_ignore_ascii_case(cloud)))
        .filter(|region| name.is_none_or(|name| region.1 == name))
        .filter(|region| region.id().as_str() > page.start_after())
        .take(page.page_size.saturating_add(1))
        .collect();
    let more = found.len() > page.page_size;
    found.truncate(page.page_size);
    let last = found.last().map(|region| region.id()).filter(|_| more);
    let data: Vec<_> = found
        .iter()
        .map(|region| {
            let (id, cloud) = (region.id(), region.0.to_lowercase());
            json!({
                "api_version": "fcpm/v2", "kind": "Region", "id": id,
                "metadata": {
                    "self": "", "resource_name": format!("crn://confluent.cloud/organization={organization}/region={id}"),
                },
                "cloud": region.0, "region_name": region.1, "display_name": region.2,
                "http_endpoint": regional_endpoint(request, &cloud, region.1, ""),
                "private_http_endpoint": regional_endpoint(request, &cloud, region.1, ".private"),
            })
        })
        .collect();
    let collection = format!("{}/fcpm/v2/regions", request.origin);
    let next =
        last.map(|last| request.next_page_url(&collection, &PageRequest::token_after(&last))).unwrap_or_default();
    let list = json!({
        "api_version": "fcpm/v2", "kind": "RegionList", "data": data, "metadata": { "first": "", "next": next },
    });
    Ok(json_response(200, &list))
}
