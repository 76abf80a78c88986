//! Tests of `[[moved]]` blocks and of chains of moves.

use super::*;
use crate::resource::Address;

/// A manifest that declares `statements.a`.
const A: &str = "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n";

/// Returns a project that declares `statements.a` and `pools.main` and has these `[[moved]]` blocks.
fn project_with_moves(blocks: &[(&str, &str)]) -> ProjectFixture {
    let blocks: String =
        blocks.iter().map(|(from, to)| format!("[[moved]]\nfrom = \"{from}\"\nto = \"{to}\"\n")).collect();
    ProjectFixture::new(&format!("{A}[pools.main]\nmax_cfu = 5\n{blocks}"))
}

#[test]
fn a_moved_block_leads_to_a_declared_address() {
    let project = project_with_moves(&[("statements.old", "statements.a"), ("pools.small", "pools.main")]).load();
    assert_eq!(project.moved[0].from, Address::statement("old"));
    assert_eq!(project.moved[0].to, Address::statement("a"));
    assert_eq!(text_at(&project.moved[1].place), "[[moved]]");
}

#[test]
fn chains_of_moves_are_followed() {
    let project =
        project_with_moves(&[("statements.oldest", "statements.old"), ("statements.old", "statements.a")]).load();
    assert!(project.moved.iter().all(|moved| moved.to == Address::statement("a")));
}

#[test]
fn invalid_moved_blocks_are_errors() {
    project_with_moves(&[("statements.x", "statements.b")]).assert_one_problem(
        "`statements.x` is moved to `statements.b`, which is not declared",
        &["\"statements.b\""],
        "",
    );
    project_with_moves(&[("statements.x", "statements.a"), ("statements.y", "statements.a")])
        .assert_problems(&[("two addresses are moved to `statements.a`", &["\"statements.a\"", "\"statements.a\""])]);
    project_with_moves(&[("statements.x", "statements.a"), ("statements.x", "statements.a")]).assert_problems(&[
        ("`statements.x` is moved twice", &["\"statements.x\"", "\"statements.x\""]),
        ("two addresses are moved to `statements.a`", &["\"statements.a\"", "\"statements.a\""]),
    ]);
    project_with_moves(&[("statements.a", "pools.main")]).assert_problems(&[
        ("`statements.a` is moved but still declared", &["\"statements.a\""]),
        ("`statements.a` cannot be moved to `pools.main`", &["\"pools.main\""]),
    ]);
    project_with_moves(&[("statements.a", "statements.a")])
        .assert_problems(&[("`statements.a` is moved to itself", &["\"statements.a\""])]);
    project_with_moves(&[("statements.x", "a")]).assert_one_problem(
        "`a` is not an address: addresses look like `statements.orders` or `pools.main`",
        &["\"a\""],
        "Did you mean `statements.a`?",
    );
    project_with_moves(&[("statements.x", "statements.y"), ("statements.y", "statements.x")]).assert_problems(&[
        ("the moves of `statements.x` form a cycle", &["\"statements.y\""]),
        ("the moves of `statements.y` form a cycle", &["\"statements.x\""]),
    ]);
    ProjectFixture::new("[[moved]]\nfrom = \"statements.a\"\n")
        .assert_problems(&[("`[[moved]]` has no `to`", &["[[moved]]"])]);
}
