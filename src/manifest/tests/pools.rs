//! Pools, owned and by id, and their overlays.

use super::*;
use crate::resource::PoolDeclaration;

#[test]
fn an_owned_pool_takes_cloud_and_region_from_the_environment() {
    let project = World::new("[pools.main]\nmax_cfu = 10\nnetwork = \"n-abc12\"\nprevent_destroy = true\n").project();
    let PoolDeclaration::Owned(pool) = &project.pools["main"].spec else { panic!() };
    assert_eq!(
        (pool.display_name.as_str(), pool.max_cfu, pool.cloud.as_str(), pool.region.as_str()),
        ("main", 10, "aws", "us-east-1")
    );
    assert_eq!(pool.network.as_deref(), Some("n-abc12"));
    assert!(pool.prevent_destroy);
    assert_eq!(text(&project.pools["main"].place), "[pools.main]");
}

#[test]
fn a_pool_by_id_is_somebody_elses() {
    let project = World::new("[pools.shared]\nid = \"lfcp-8m03rm\"\n").project();
    assert_eq!(project.pools["shared"].spec, PoolDeclaration::Borrowed { id: "lfcp-8m03rm".to_owned() });
    World::new("[pools.shared]\nid = \"lfcp-8m03rm\"\nmax_cfu = 5\n").says_one(
        "a pool given by `id` is somebody else's, so it cannot have `max_cfu`",
        &["5", "\"lfcp-8m03rm\""],
        "remove `max_cfu`",
    );
    World::new("[pools.shared]\nid = \"8m03rm\"\n").says(&[("`8m03rm` is not what `id` takes", &["\"8m03rm\""])]);
}

#[test]
fn a_pool_of_ones_own_needs_a_limit_that_the_service_takes() {
    World::new("[pools.p]\n").says_one("`pools.p` has no `max_cfu`", &["[pools.p]"], "max_cfu = 10");
    for bad in ["0", "-5", "7", "45", "1010", "99999999999"] {
        World::new(&format!("[pools.p]\nmax_cfu = {bad}\n")).says(&[(&format!("`max_cfu` cannot be {bad}"), &[bad])]);
    }
    for good in ["5", "10", "50", "0x14", "1_000"] {
        World::new(&format!("[pools.p]\nmax_cfu = {good}\n")).project();
    }
}

#[test]
fn display_names_and_networks_obey_the_api() {
    World::new("[pools.p]\nmax_cfu = 5\ndisplay_name = \"my pool\"\n")
        .says(&[("the display name `my pool` is not one that the API takes", &["\"my pool\""])]);
    World::new("[pools._p]\nmax_cfu = 5\n").says(&[("`_p` cannot be a display name", &["[pools._p]"])]);
    World::new("[pools.p]\nmax_cfu = 5\nnetwork = \"vpc-1\"\n")
        .says(&[("`vpc-1` is not what `network` takes", &["\"vpc-1\""])]);
}

#[test]
fn an_overlay_says_what_differs() {
    let more = "[pools.p]\nmax_cfu = 20\ndisplay_name = \"big\"\n[environments.local.pools.p]\nmax_cfu = 5\n";
    let PoolDeclaration::Owned(pool) = World::new(more).project().pools["p"].spec.clone() else { panic!() };
    assert_eq!((pool.max_cfu, pool.display_name.as_str()), (5, "big"));
    let borrowed = "[pools.p]\nmax_cfu = 20\n[environments.local.pools.p]\nid = \"lfcp-1\"\nunset = [\"max_cfu\"]\n";
    assert_eq!(World::new(borrowed).project().pools["p"].spec, PoolDeclaration::Borrowed { id: "lfcp-1".to_owned() });
    World::new("[pools.p]\nmax_cfu = 20\n[environments.local.pools.p]\nunset = [\"max_cuf\"]\n").says_one(
        "there is no `max_cuf` to unset",
        &["\"max_cuf\""],
        "did you mean `max_cfu`?",
    );
}
