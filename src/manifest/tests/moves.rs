//! `[[moved]]` blocks and where their chains end.

use super::*;
use crate::resource::Address;

const A: &str = "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n";

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
        "`statements.x` is moved to `statements.b`, which does not exist",
        &["\"statements.b\""],
        "",
    );
    project_with_moves(&[("statements.x", "statements.a"), ("statements.y", "statements.a")])
        .assert_problems(&[("two things are moved to `statements.a`", &["\"statements.a\"", "\"statements.a\""])]);
    project_with_moves(&[("statements.x", "statements.a"), ("statements.x", "statements.a")]).assert_problems(&[
        ("`statements.x` is moved twice", &["\"statements.x\"", "\"statements.x\""]),
        ("two things are moved to `statements.a`", &["\"statements.a\"", "\"statements.a\""]),
    ]);
    project_with_moves(&[("statements.a", "pools.main")]).assert_problems(&[
        ("`statements.a` is moved away and still declared", &["\"statements.a\""]),
        ("`statements.a` cannot become `pools.main`", &["\"pools.main\""]),
    ]);
    project_with_moves(&[("statements.a", "statements.a")])
        .assert_problems(&[("`statements.a` is moved to itself", &["\"statements.a\""])]);
    project_with_moves(&[("statements.x", "a")]).assert_one_problem(
        "`a` is not an address; addresses look like `statements.orders` or `pools.main`",
        &["\"a\""],
        "did you mean `statements.a`?",
    );
    project_with_moves(&[("statements.x", "statements.y"), ("statements.y", "statements.x")]).assert_problems(&[
        ("`statements.x` is moved in a circle", &["\"statements.y\""]),
        ("`statements.y` is moved in a circle", &["\"statements.x\""]),
    ]);
    ProjectFixture::new("[[moved]]\nfrom = \"statements.a\"\n")
        .assert_problems(&[("`[[moved]]` has no `to`", &["[[moved]]"])]);
}
