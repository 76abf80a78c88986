//! `[[moved]]` blocks and where their chains end.

use super::*;
use crate::resource::Address;

const A: &str = "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n";

fn moved(blocks: &[(&str, &str)]) -> World {
    let blocks: String =
        blocks.iter().map(|(from, to)| format!("[[moved]]\nfrom = \"{from}\"\nto = \"{to}\"\n")).collect();
    World::new(&format!("{A}[pools.main]\nmax_cfu = 5\n{blocks}"))
}

#[test]
fn a_move_leads_to_what_is_declared() {
    let project = moved(&[("statements.old", "statements.a"), ("pools.small", "pools.main")]).project();
    assert_eq!(project.moved[0].from, Address::statement("old"));
    assert_eq!(project.moved[0].to, Address::statement("a"));
    assert_eq!(text(&project.moved[1].place), "[[moved]]");
}

#[test]
fn chains_of_moves_are_followed() {
    let project = moved(&[("statements.oldest", "statements.old"), ("statements.old", "statements.a")]).project();
    assert!(project.moved.iter().all(|moved| moved.to == Address::statement("a")));
}

#[test]
fn bad_moves_are_errors() {
    moved(&[("statements.x", "statements.b")]).says_one(
        "`statements.x` is moved to `statements.b`, which does not exist",
        &["\"statements.b\""],
        "",
    );
    moved(&[("statements.x", "statements.a"), ("statements.y", "statements.a")])
        .says(&[("two things are moved to `statements.a`", &["\"statements.a\"", "\"statements.a\""])]);
    moved(&[("statements.x", "statements.a"), ("statements.x", "statements.a")]).says(&[
        ("`statements.x` is moved twice", &["\"statements.x\"", "\"statements.x\""]),
        ("two things are moved to `statements.a`", &["\"statements.a\"", "\"statements.a\""]),
    ]);
    moved(&[("statements.a", "pools.main")]).says(&[
        ("`statements.a` is moved away and still declared", &["\"statements.a\""]),
        ("`statements.a` cannot become `pools.main`", &["\"pools.main\""]),
    ]);
    moved(&[("statements.a", "statements.a")]).says(&[("`statements.a` is moved to itself", &["\"statements.a\""])]);
    moved(&[("statements.x", "a")]).says_one(
        "`a` is not an address; addresses look like `statements.orders` or `pools.main`",
        &["\"a\""],
        "did you mean `statements.a`?",
    );
    moved(&[("statements.x", "statements.y"), ("statements.y", "statements.x")]).says(&[
        ("`statements.x` is moved in a circle", &["\"statements.y\""]),
        ("`statements.y` is moved in a circle", &["\"statements.x\""]),
    ]);
    World::new("[[moved]]\nfrom = \"statements.a\"\n").says(&[("`[[moved]]` has no `to`", &["[[moved]]"])]);
}
