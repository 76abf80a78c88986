//! Tests of the forms in which copies of one job are equal.

use std::collections::BTreeMap;

use crate::sql::{Namespace, generates_rows, insert_forms, insert_sinks};

/// Returns whether two texts have a common form, each in its own catalog and database.
fn are_copies(one: (&str, [&str; 2]), other: (&str, [&str; 2])) -> bool {
    let aliases = BTreeMap::from([("env-1".to_owned(), "prod".to_owned()), ("lkc-1".to_owned(), "core".to_owned())]);
    let forms = |(text, [catalog, database]): (&str, [&str; 2])| {
        insert_forms(text, Namespace { catalog: Some(catalog), database: Some(database), aliases: Some(&aliases) })
    };
    !forms(one).is_disjoint(&forms(other))
}

#[test]
fn copies_are_recognized_however_their_names_are_written() {
    let here = ["prod", "core"];
    let written = "INSERT INTO t SELECT upper(id), tag(id), md5(id) FROM orders AS o WHERE price > 10";
    for other in [
        "insert into `t`\n  select UPPER(id), TAG(id), MD5(id) from core.orders as o -- the same\nwhere price > 10;",
        "INSERT INTO prod.core.t SELECT Upper(id), prod.core.tag(id), md5(id) FROM prod.core.orders AS o WHERE price > 10",
        "INSERT INTO `lkc-1`.t SELECT upper(id), tag(id), md5(id) FROM `env-1`.`lkc-1`.orders AS o WHERE price > 10",
        "EXECUTE STATEMENT SET BEGIN INSERT INTO z SELECT 1 FROM y; INSERT INTO t SELECT upper(id), tag(id), md5(id) FROM \
         orders AS o WHERE price > 10; END;",
    ] {
        assert!(are_copies((written, here), (other, here)), "{other}");
    }
    assert!(are_copies((written, here), (written, ["env-1", "lkc-1"])));
}

#[test]
fn jobs_that_differ_in_a_name_or_a_literal_are_not_copies() {
    let here = ["prod", "core"];
    let written = "INSERT INTO t SELECT id FROM orders WHERE price > 10";
    for other in [
        "INSERT INTO t SELECT id FROM orders WHERE price > 11",
        "INSERT INTO u SELECT id FROM orders WHERE price > 10",
        "INSERT INTO T SELECT id FROM orders WHERE price > 10",
        "CREATE TABLE t AS SELECT id FROM orders WHERE price > 10",
        "SELECT id FROM orders WHERE price > 10",
        "",
    ] {
        assert!(!are_copies((written, here), (other, here)), "{other}");
    }
    assert!(!are_copies((written, here), (written, ["prod", "other"])));
    assert!(!are_copies((written, here), (written, ["dev", "core"])));
}

#[test]
fn the_sinks_of_a_statement_set_are_found_without_an_analysis() {
    let set = "EXECUTE STATEMENT SET BEGIN\nINSERT INTO a.b.`c d` SELECT x FROM y; INSERT INTO e VALUES (1); END";
    assert_eq!(insert_sinks(set).into_iter().collect::<Vec<_>>(), ["c d", "e"]);
    for text in ["", "INSERT", "INSERT INTO", "CREATE TABLE t AS SELECT 1", "INSERT INTO a.", "SELECT 'INSERT INTO x'"]
    {
        assert!(insert_forms(text, Namespace::default()).len() <= 1, "{text}");
    }
    assert!(insert_sinks("SELECT 'INSERT INTO x'").is_empty());
}

#[test]
fn tables_of_generating_connectors_are_recognized() {
    assert!(generates_rows("CREATE TABLE t (id INT) WITH ('connector' = 'faker', 'rows-per-second' = '1')"));
    assert!(!generates_rows("CREATE TABLE t (id INT) WITH ('connector' = 'confluent')"));
    assert!(!generates_rows("CREATE TABLE faker (connector STRING)"));
}
