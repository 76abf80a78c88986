//! Tests of declared jobs that would write the same rows twice.

use super::*;

/// Two jobs with the same SQL, written differently.
const TWICE: &str = "
    a: INSERT INTO t SELECT x FROM u
    b: insert into `t` select x from u -- again
    c: INSERT INTO t SELECT x FROM w
    u: CREATE TABLE u (x INT)
";

#[test]
fn two_declared_jobs_with_the_same_sql_are_a_problem() {
    let message = "`statements.b` runs the same SQL as `statements.a`, so every row would be written twice";
    assert_eq!(problems(TWICE), one_problem(message, &["`t`", "t"]));
    let in_a_set = "
        a: INSERT INTO t SELECT x FROM u
        s: EXECUTE STATEMENT SET BEGIN INSERT INTO z SELECT x FROM u; INSERT INTO t SELECT x FROM u; END
    ";
    assert_eq!(problems(in_a_set).len(), 1);
}

#[test]
fn the_printed_consent_allows_two_declared_jobs_with_the_same_sql() {
    let found = build(project_fixture(TWICE).load()).unwrap_err().problems;
    let help = found[0].help.clone().unwrap();
    let line = help.split('`').find(|part| part.starts_with("accept = ")).unwrap();
    let job = "sql = \"INSERT INTO t SELECT x FROM u\"\n";
    let declare = |accept: &str| {
        let toml = format!("[statements.a]\n{job}[statements.b]\n{job}{accept}\n");
        build(ProjectFixture::new("").with_file("statements/all.toml", toml).load())
    };
    assert!(declare("").is_err() && declare("accept = \"copy:000000\"").is_err());
    assert!(declare(line).is_ok(), "{line}");
}

#[test]
fn jobs_that_only_generate_rows_and_repeated_inserts_of_values_are_no_copies() {
    graph(
        "
        a: INSERT INTO t SELECT x FROM u
        b: INSERT INTO t SELECT x FROM u
        c: INSERT INTO t SELECT x FROM `examples`.`marketplace`.`orders`
        d: INSERT INTO t SELECT x FROM `examples`.`marketplace`.`orders`
        e: INSERT INTO t VALUES (1)
        f: INSERT INTO t VALUES (1)
        u: CREATE TABLE u (x INT) WITH ('connector' = 'faker')
    ",
    );
}
