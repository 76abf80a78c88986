//! The regions where Flink is offered: a few of each cloud.

use serde_json::json;

use super::super::{
    answer::{Answer, Failure, json_answer},
    asked::{Asked, Page},
    world::World,
};

/// Cloud, region and display name.
struct Region(&'static str, &'static str, &'static str);

const REGIONS: [Region; 12] = [
    Region("AWS", "ap-southeast-2", "Sydney (ap-southeast-2)"),
    Region("AWS", "eu-central-1", "Frankfurt (eu-central-1)"),
    Region("AWS", "eu-west-1", "Ireland (eu-west-1)"),
    Region("AWS", "us-east-1", "N. Virginia (us-east-1)"),
    Region("AWS", "us-east-2", "Ohio (us-east-2)"),
    Region("AWS", "us-west-2", "Oregon (us-west-2)"),
    Region("AZURE", "eastus2", "Virginia (eastus2)"),
    Region("AZURE", "westeurope", "Netherlands (westeurope)"),
    Region("GCP", "europe-west3", "Frankfurt (europe-west3)"),
    Region("GCP", "us-central1", "Iowa (us-central1)"),
    Region("GCP", "us-east1", "South Carolina (us-east1)"),
    Region("GCP", "us-east4", "N. Virginia (us-east4)"),
];

impl Region {
    fn id(&self) -> String {
        format!("{}.{}", self.0.to_lowercase(), self.1)
    }
}

/// Whether Flink is offered there: in these regions, and in the one that the world was made for.
pub(super) fn offered(world: &World, cloud: &str, region: &str) -> bool {
    let (home_cloud, home) = &world.options.home;
    let at_home = home_cloud.eq_ignore_ascii_case(cloud) && home == region;
    at_home || REGIONS.iter().any(|known| known.0.eq_ignore_ascii_case(cloud) && known.1 == region)
}

/// The regional endpoint of the statements API. On an origin of its own the simulator serves every region itself.
pub(super) fn endpoint(asked: &Asked, cloud: &str, region: &str, private: &str) -> String {
    if asked.serves() == (true, true) {
        return asked.origin.clone();
    }
    format!("https://flink.{region}.{cloud}{private}.confluent.cloud")
}

/// GET of the regions, filtered by `cloud` and `region_name`.
pub(super) fn list(world: &mut World, asked: &Asked) -> Result<Answer, Failure> {
    let page = Page::of(asked)?;
    let filter = |name| asked.query(name).filter(|value| !value.is_empty());
    let (cloud, name) = (filter("cloud"), filter("region_name"));
    let organization = &world.options.organization;
    let mut found: Vec<&Region> = REGIONS
        .iter()
        .filter(|region| cloud.is_none_or(|cloud| region.0.eq_ignore_ascii_case(cloud)))
        .filter(|region| name.is_none_or(|name| region.1 == name))
        .filter(|region| region.id().as_str() > page.after())
        .take(page.size.saturating_add(1))
        .collect();
    let more = found.len() > page.size;
    found.truncate(page.size);
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
                "http_endpoint": endpoint(asked, &cloud, region.1, ""),
                "private_http_endpoint": endpoint(asked, &cloud, region.1, ".private"),
            })
        })
        .collect();
    let collection = format!("{}/fcpm/v2/regions", asked.origin);
    let next = last.map(|last| asked.next_page(&collection, &Page::token(&last))).unwrap_or_default();
    let list = json!({
        "api_version": "fcpm/v2", "kind": "RegionList", "data": data, "metadata": { "first": "", "next": next },
    });
    Ok(json_answer(200, &list))
}
