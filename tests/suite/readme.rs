//! What the README shows is what is printed, in a copy of the examples.

use std::{fs, path::Path, process::Command};

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_name() == "state" {
            continue;
        }
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What a command prints to standard output, and whether it succeeded.
fn run_floe(folder: &Path, arguments: &[&str]) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    command.arg("-C").arg(folder).args(arguments).env("NO_COLOR", "1").env("COLUMNS", "100");
    let output = command.output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.success())
}

#[test]
fn the_readme_shows_the_real_output() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&root.join("examples"), folder.path());

    let (plan, _) = run_floe(&folder.path().join("first-pool"), &["plan"]);
    assert!(readme.contains(plan.trim_end()), "{plan}");

    let clickstream = folder.path().join("clickstream");
    let (applied, well) = run_floe(&clickstream, &["-e", "dev", "apply", "--yes"]);
    let last = applied.trim_end().lines().last().unwrap_or_default();
    assert!(well && readme.contains(last), "{applied}");
    let job = clickstream.join("statements/jobs/count_page_views.sql");
    fs::write(&job, fs::read_to_string(&job).unwrap().replace("'1' MINUTE", "'5' MINUTE")).unwrap();
    let (changed, _) = run_floe(&clickstream, &["-e", "dev", "plan"]);
    assert!(readme.contains(changed.trim_end()), "{changed}");
}

#[test]
fn the_main_command_of_the_readme_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&root.join("examples"), folder.path());
    let (applied, well) = run_floe(&folder.path().join("clickstream"), &["-e", "local", "apply", "--yes"]);
    assert!(well, "{applied}");
    let (_, settled) = run_floe(&folder.path().join("clickstream"), &["-e", "local", "plan", "--detailed-exitcode"]);
    assert!(settled);
}
