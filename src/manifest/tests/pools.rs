//! Tests of owned pools, pools with an id, and their overlays.

use super::*;
use crate::resource::PoolDeclaration;

#[test]
fn an_owned_pool_takes_cloud_and_region_from_the_environment() {
    let project =
        ProjectFixture::new("[pools.main]\nmax_cfu = 10\nnetwork = \"n-abc12\"\nprevent_destroy = true\n").load();
    let PoolDeclaration::Owned(pool) = &project.pools["main"].spec else { panic!() };
    assert_eq!(
        (pool.display_name.as_str(), pool.max_cfu, pool.cloud.as_str(), pool.region.as_str()),
        ("main", 10, "aws", "us-east-1")
    );
    assert_eq!(pool.network.as_deref(), Some("n-abc12"));
    assert!(pool.prevent_destroy);
    assert_eq!(text_at(&project.pools["main"].place), "[pools.main]");
}

#[test]
fn a_pool_declared_by_id_is_borrowed() {
    let project = ProjectFixture::new("[pools.shared]\nid = \"lfcp-8m03rm\"\n").load();
    assert_eq!(project.pools["shared"].spec, PoolDeclaration::Borrowed { id: "lfcp-8m03rm".to_owned() });
    ProjectFixture::new("[pools.shared]\nid = \"lfcp-8m03rm\"\nmax_cfu = 5\n").assert_one_problem(
        "a pool with an `id` is not managed by this project, so it cannot set `max_cfu`",
        &["5", "\"lfcp-8m03rm\""],
        "Remove `max_cfu`",
    );
    ProjectFixture::new("[pools.shared]\nid = \"8m03rm\"\n")
        .assert_problems(&[("`8m03rm` is not a valid `id`", &["\"8m03rm\""])]);
}

#[test]
fn an_owned_pool_needs_a_valid_max_cfu() {
    ProjectFixture::new("[pools.p]\n").assert_one_problem("`pools.p` has no `max_cfu`", &["[pools.p]"], "max_cfu = 10");
    for bad in ["0", "-5", "7", "45", "1010", "99999999999"] {
        ProjectFixture::new(&format!("[pools.p]\nmax_cfu = {bad}\n"))
            .assert_problems(&[(&format!("`max_cfu` cannot be {bad}"), &[bad])]);
    }
    for good in ["5", "10", "50", "0x14", "1_000"] {
        ProjectFixture::new(&format!("[pools.p]\nmax_cfu = {good}\n")).load();
    }
}

#[test]
fn invalid_display_names_and_networks_are_errors() {
    ProjectFixture::new("[pools.p]\nmax_cfu = 5\ndisplay_name = \"my pool\"\n")
        .assert_problems(&[("the API rejects the display name `my pool`", &["\"my pool\""])]);
    ProjectFixture::new("[pools._p]\nmax_cfu = 5\n")
        .assert_problems(&[("the key `_p` is not a valid display name", &["[pools._p]"])]);
    ProjectFixture::new("[pools.p]\nmax_cfu = 5\nnetwork = \"vpc-1\"\n")
        .assert_problems(&[("`vpc-1` is not a valid `network`", &["\"vpc-1\""])]);
}

#[test]
fn a_pool_overlay_overrides_and_unsets_fields() {
    let more = "[pools.p]\nmax_cfu = 20\ndisplay_name = \"big\"\n[environments.local.pools.p]\nmax_cfu = 5\n";
    let PoolDeclaration::Owned(pool) = ProjectFixture::new(more).load().pools["p"].spec.clone() else { panic!() };
    assert_eq!((pool.max_cfu, pool.display_name.as_str()), (5, "big"));
    let borrowed = "[pools.p]\nmax_cfu = 20\n[environments.local.pools.p]\nid = \"lfcp-1\"\nunset = [\"max_cfu\"]\n";
    assert_eq!(
        ProjectFixture::new(borrowed).load().pools["p"].spec,
        PoolDeclaration::Borrowed { id: "lfcp-1".to_owned() }
    );
    ProjectFixture::new("[pools.p]\nmax_cfu = 20\n[environments.local.pools.p]\nunset = [\"max_cuf\"]\n")
        .assert_one_problem("cannot unset `max_cuf`, which is not set", &["\"max_cuf\""], "Did you mean `max_cfu`?");
}
