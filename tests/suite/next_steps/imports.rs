//! Runs the `floe import` commands that plans print, with the real binary.

use std::{fs, path::Path, process::Command};

/// The declaration of a table and a job.
const JOBS: &str = "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING, price INT)\"\n[statements.copy]\nsql = \
                    \"INSERT INTO target SELECT id, price FROM orders\"\nevolve = \"restart\"\n";

/// Runs floe in this folder. Returns its exit code, and standard output followed by standard error.
fn run_floe(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    let output = command.env_clear().current_dir(folder).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// Declares these statements.
fn declare(folder: &Path, statements: &str) {
    fs::write(folder.join("statements.toml"), statements).unwrap();
}

/// Returns a project that was applied.
fn applied_project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = "[project]\nname = \"p\"\ninclude = [\"statements.toml\"]\n[environments.local]\nsimulator = true\n\
                    [defaults]\npool = \"main\"\n[pools.main]\nmax_cfu = 5\n";
    fs::write(folder.path().join("floe.toml"), manifest).unwrap();
    declare(folder.path(), JOBS);
    apply(folder.path());
    folder
}

/// Applies the project, which must succeed.
fn apply(folder: &Path) {
    let (code, output) = run_floe(folder, &["apply", "--yes"]);
    assert_eq!(code, Some(0), "{output}");
}

/// Runs the import command of a blocked plan as it is printed, and asserts that the plan is then not blocked.
fn follow_printed_import(folder: &Path, is_as_is: bool) {
    let (code, output) = run_floe(folder, &["plan"]);
    assert_eq!(code, Some(3), "{output}");
    let printed = output.lines().map(str::trim).find(|line| line.starts_with("floe import ")).expect(&output);
    assert_eq!(printed.ends_with(" --as-is"), is_as_is, "{output}");
    let arguments: Vec<&str> = printed.split_whitespace().skip(1).collect();
    let (code, imported) = run_floe(folder, &arguments);
    assert_eq!(code, Some(0), "{imported}");
    let (code, output) = run_floe(folder, &["plan", "--detailed-exitcode"]);
    assert_eq!(code, Some(if is_as_is { 2 } else { 0 }), "{output}");
}

#[test]
fn the_import_that_a_plan_on_an_older_state_prints_works() {
    for is_as_is in [false, true] {
        let folder = applied_project();
        let state = folder.path().join("state/local.json");
        let backup = fs::read(&state).unwrap();
        let changed = JOBS.replace("SELECT id, price", "SELECT id");
        declare(folder.path(), &changed);
        apply(folder.path());
        fs::write(&state, backup).unwrap();
        declare(folder.path(), if is_as_is { JOBS } else { &changed });
        follow_printed_import(folder.path(), is_as_is);
    }
}

#[test]
fn the_import_that_a_plan_with_a_copy_prints_works() {
    let folder = applied_project();
    assert_eq!(run_floe(folder.path(), &["state", "rm", "statements.copy"]).0, Some(0));
    declare(folder.path(), &JOBS.replace("statements.copy", "statements.renamed"));
    follow_printed_import(folder.path(), false);
}

#[test]
fn the_import_that_a_plan_with_a_taken_name_prints_works() {
    for is_as_is in [false, true] {
        let folder = applied_project();
        assert_eq!(run_floe(folder.path(), &["state", "rm", "statements.copy"]).0, Some(0));
        let renamed = JOBS.replace("[statements.copy]\n", "[statements.renamed]\nname = \"copy\"\n");
        let declared = if is_as_is { renamed.replace("SELECT id, price", "SELECT id") } else { renamed };
        declare(folder.path(), &declared);
        follow_printed_import(folder.path(), is_as_is);
    }
}

#[test]
fn the_import_that_a_plan_on_a_lost_state_prints_works() {
    let folder = applied_project();
    fs::remove_file(folder.path().join("state/local.json")).unwrap();
    declare(folder.path(), &JOBS.replace("SELECT id, price", "SELECT id"));
    let (_, output) = run_floe(folder.path(), &["plan"]);
    let pool = output.lines().map(str::trim).find(|line| line.starts_with("floe import ")).expect(&output);
    let arguments: Vec<&str> = pool.split_whitespace().skip(1).collect();
    assert_eq!(run_floe(folder.path(), &arguments).0, Some(0));
    let (_, output) = run_floe(folder.path(), &["plan"]);
    let printed = output.lines().map(str::trim).find(|line| line.starts_with("floe import ")).expect(&output);
    assert!(printed.ends_with("statements.copy copy --as-is"), "{output}");
    let (code, refused) = run_floe(folder.path(), &["import", "statements.copy", "copy"]);
    assert!(code == Some(1) && refused.contains("is not what `statements.copy` declares"), "{refused}");
    let arguments: Vec<&str> = printed.split_whitespace().skip(1).collect();
    let (code, output) = run_floe(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{output}");
    let (code, output) = run_floe(folder.path(), &["plan", "--detailed-exitcode"]);
    assert_eq!(code, Some(2), "{output}");
}
