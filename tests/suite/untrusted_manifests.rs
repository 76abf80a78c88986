//! What a manifest of a stranger can do: floe runs in pull requests, with a pipeline's keys, on files that their author
//! wrote. The real binary is run on hostile projects.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use floe::simulator::{Simulator, SimulatorOptions, serve};

use crate::program_harness::single_line;

/// The text of files that a manifest must not show, which has the form of a TOML file, of SQL and of JSON with a mistake.
const FOREIGN_TEXT: &str = "token = \"s3cr3t-t0ken\"\ns3cr3t line\n";

/// The time within which every refusal has to arrive. A pipe that is opened would keep floe waiting forever.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A project of a stranger, next to a folder that is none of its business.
struct HostileProject {
    /// The temporary folder that holds both.
    folder: tempfile::TempDir,
}

/// The result of a run: its exit code, and everything that it printed.
struct Ran {
    /// The exit code; `None` if the program had to be killed.
    code: Option<i32>,
    /// Standard output and standard error.
    text: String,
}

impl HostileProject {
    /// Creates the project with a simulated environment, and the other folder.
    fn new() -> HostileProject {
        let project = HostileProject { folder: tempfile::tempdir().unwrap() };
        for folder in [project.root().join("statements"), project.outside()] {
            fs::create_dir_all(folder).unwrap();
        }
        for extension in ["toml", "sql", "json"] {
            fs::write(project.outside().join(format!("secret.{extension}")), FOREIGN_TEXT).unwrap();
        }
        project.write("statements/t.toml", "[statements.t]\nsql = \"CREATE TABLE t (x INT)\"\n");
        project.write_manifest("", "");
        project
    }

    /// Returns the folder of the project.
    fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// Returns the folder outside the project.
    fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    /// Writes a file of the project.
    fn write(&self, path: &str, text: &str) {
        fs::write(self.root().join(path), text).unwrap();
    }

    /// Writes `floe.toml` with more in `[project]` and more in the environment.
    fn write_manifest(&self, project: &str, environment: &str) {
        let text =
            format!("[project]\nname = \"p\"\n{project}\n[environments.local]\nsimulator = true\n{environment}\n");
        self.write("floe.toml", &text);
    }

    /// Runs floe in the project with these variables, and kills it when it takes too long.
    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
        command.env_clear().envs([("USER", "ana"), ("HOSTNAME", "build-7"), ("COLUMNS", "120")]);
        command.envs(variables.iter().copied()).current_dir(self.root()).args(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() && began.elapsed() < TIMEOUT {
            thread::sleep(Duration::from_millis(5));
        }
        drop(child.kill());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        Ran { code: status.code(), text: single_line(&text) }
    }

    /// Runs floe in the project without variables.
    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// Returns the names and the contents of the files outside the project.
    fn foreign_files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(self.outside()).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.clone(), fs::read(&path).unwrap_or_default())).collect()
    }
}

/// The ways in which a path can lead to something that a manifest must not name.
const PATH_KINDS: [&str; 10] =
    ["parent", "absolute", "link", "link-folder", "other-name", "pipe", "folder", "device", "process", "deep"];

/// Creates what a path of this kind needs. Returns the path as a manifest writes it.
fn hostile_path(project: &HostileProject, kind: &str, extension: &str) -> String {
    let (root, outside) = (project.root(), project.outside());
    let secret = format!("secret.{extension}");
    let inside = format!("{kind}.{extension}");
    let link_to = |target: &Path| {
        symlink(target, root.join(&inside)).unwrap();
        inside.clone()
    };
    match kind {
        "parent" => format!("../outside/{secret}"),
        "absolute" => outside.join(secret).display().to_string(),
        "link" => link_to(&outside.join(secret)),
        "link-folder" => {
            symlink(&outside, root.join("linked")).unwrap();
            format!("linked/{secret}")
        }
        "other-name" => {
            project.write("credentials", FOREIGN_TEXT);
            link_to(Path::new("credentials"))
        }
        "pipe" => {
            assert!(Command::new("mkfifo").arg(root.join(&inside)).status().unwrap().success());
            inside
        }
        "folder" => {
            fs::create_dir(root.join(&inside)).unwrap();
            inside
        }
        "device" => link_to(Path::new("/dev/zero")),
        "process" => link_to(Path::new("/proc/self/environ")),
        "deep" => format!("{}proc/self/environ", "../".repeat(20)),
        _ => unreachable!("{kind}"),
    }
}

/// The keys of a manifest that name a file, with the extension of the file.
const PATH_KEYS: [(&str, &str); 5] =
    [("include", "toml"), ("include-sql", "sql"), ("sql_file", "sql"), ("scenario", "json"), ("state", "json")];

/// Writes a manifest in which `key` names `path`.
fn declare_path(project: &HostileProject, key: &str, path: &str) {
    match key {
        "include" | "include-sql" => project.write_manifest(&format!("include = [\"{path}\"]"), ""),
        "sql_file" => project.write("floe.toml", &format!(
            "[project]\nname = \"p\"\n[environments.local]\nsimulator = true\n[statements.x]\nsql_file = \"{path}\"\n"
        )),
        _ => project.write_manifest("", &format!("{key} = \"{path}\"")),
    }
}

#[test]
fn no_key_of_a_manifest_leads_to_a_file_outside_the_project() {
    for (key, extension) in PATH_KEYS {
        for kind in PATH_KINDS {
            let project = HostileProject::new();
            let path = hostile_path(&project, kind, extension);
            declare_path(&project, key, &path);
            let before = project.foreign_files();
            for arguments in [&["validate"][..], &["plan"], &["apply", "--yes"]] {
                let Ran { code, text } = project.run_with(arguments, &[("LEAK", "s3cr3t-environment")]);
                let case = format!("{key} × {kind}, {arguments:?}: {text}");
                // These are refused when the file is opened, and a file of any name may hold a scenario.
                let is_valid = (key == "state" && matches!(kind, "pipe" | "folder" | "other-name"))
                    || (key == "scenario" && kind == "other-name");
                let expected = if is_valid && arguments == ["validate"] { code } else { Some(1) };
                assert!(code.is_some() && code == expected, "{case}");
                assert!(!text.contains("s3cr3t"), "{case}");
                assert_eq!(project.foreign_files(), before, "{case}");
            }
        }
    }
}

#[test]
fn a_file_outside_the_project_is_named_with_its_target_and_the_variable() {
    for (key, extension) in PATH_KEYS {
        let project = HostileProject::new();
        declare_path(&project, key, &hostile_path(&project, "link", extension));
        let outside = project.outside().canonicalize().unwrap();
        let Ran { text, .. } = project.run(&["plan"]);
        let target = outside.join(format!("secret.{extension}"));
        assert!(text.contains(&format!("leads to `{}`, outside the project", target.display())), "{key}: {text}");
        let next = if key == "state" {
            "`FLOE_STATE`".to_owned()
        } else {
            format!("export FLOE_ALLOW_PATHS={}", outside.display())
        };
        assert!(text.contains(&next), "{key}: {text}");
    }
}

#[test]
fn allowed_folders_and_the_work_tree_are_part_of_the_project() {
    let project = HostileProject::new();
    fs::write(project.outside().join("shared.sql"), "CREATE TABLE shared (x INT)").unwrap();
    symlink(project.outside().join("shared.sql"), project.root().join("statements/shared.sql")).unwrap();
    assert_eq!(project.run(&["validate"]).code, Some(1));
    let outside = project.outside().display().to_string();
    let Ran { code, text } = project.run_with(&["validate"], &[("FLOE_ALLOW_PATHS", &format!("/nowhere:{outside}"))]);
    assert_eq!(code, Some(0), "{text}");
    // The work tree of git that holds the project.
    fs::create_dir(project.folder.path().join(".git")).unwrap();
    let Ran { code, text } = project.run(&["validate"]);
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn the_main_manifest_is_no_link_to_a_file_elsewhere() {
    let project = HostileProject::new();
    fs::remove_file(project.root().join("floe.toml")).unwrap();
    symlink(project.outside().join("secret.toml"), project.root().join("floe.toml")).unwrap();
    for command in ["validate", "plan", "status", "drift"] {
        let Ran { code, text } = project.run(&[command]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("outside the project") && !text.contains("s3cr3t"), "{text}");
    }
}

#[test]
fn a_pattern_that_leaves_the_project_reads_no_folder() {
    let project = HostileProject::new();
    project.write_manifest("include = [\"../../../**/*.toml\", \"../outside/*.toml\"]", "");
    let Ran { code, text } = project.run(&["validate"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("leads outside the project") && !text.contains("s3cr3t"), "{text}");
    // Suggestions do not list foreign folders either.
    project.write_manifest("include = [\"../outside/secrte.toml\"]", "");
    let Ran { text, .. } = project.run(&["validate"]);
    assert!(!text.contains("secret.toml"), "{text}");
}

/// Returns a manifest of a real environment with these endpoints.
fn manifest_with_endpoints(endpoints: &str) -> String {
    format!(
        "[project]\nname = \"p\"\n[environments.prod]\norganization = \"00000000-0000-0000-0000-000000000000\"\n\
         id = \"env-sim\"\ncloud = \"aws\"\nregion = \"us-east-1\"\n{endpoints}\n"
    )
}

/// The keys of a pipeline.
const KEYS: [(&str, &str); 4] = [
    ("FLINK_API_KEY", "flink-key"),
    ("FLINK_API_SECRET", "flink-secret"),
    ("CLOUD_API_KEY", "cloud-key"),
    ("CLOUD_API_SECRET", "cloud-secret"),
];

#[test]
fn no_connection_is_made_to_a_host_that_only_a_manifest_names() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (connected, connections) = mpsc::channel();
    thread::spawn(move || listener.incoming().for_each(|_| connected.send(()).unwrap_or_default()));
    let project = HostileProject::new();
    for endpoints in [format!("endpoint = \"{origin}\""), format!("cloud_endpoint = \"{origin}\"")] {
        project.write("floe.toml", &manifest_with_endpoints(&endpoints));
        for arguments in [&["plan"][..], &["status"], &["drift"], &["apply", "--yes"], &["destroy", "--yes"]] {
            // Also without a key, and with one that is incomplete: the host is refused before the keys are read.
            for keys in [&KEYS[..], &KEYS[..1], &[]] {
                let Ran { code, text } = project.run_with(arguments, keys);
                assert_eq!(code, Some(1), "{text}");
                assert!(text.contains(&format!("`{origin}` is not a host of Confluent Cloud")), "{text}");
                assert!(text.contains(&format!("export FLOE_ALLOW_ENDPOINTS={origin}")), "{text}");
            }
        }
    }
    assert!(connections.try_recv().is_err(), "a connection was made");
    // The variable and the flag allow it.
    for (flag, variable) in [(&[][..], origin.as_str()), (&["--allow-endpoint", &origin], "https://other.example")] {
        let arguments = [&["plan", "--env", "prod"], flag].concat();
        let mut child = Command::new(env!("CARGO_BIN_EXE_floe"))
            .env_clear()
            .envs(KEYS)
            .env("FLOE_ALLOW_ENDPOINTS", variable)
            .current_dir(project.root())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        assert!(connections.recv_timeout(TIMEOUT).is_ok(), "{flag:?}");
        drop(child.kill());
        drop(child.wait());
        while connections.recv_timeout(Duration::from_millis(50)).is_ok() {}
    }
}

#[test]
fn both_endpoints_are_allowed_by_one_line() {
    let project = HostileProject::new();
    project.write(
        "floe.toml",
        &manifest_with_endpoints("endpoint = \"https://b.example\"\ncloud_endpoint = \"https://a.example\""),
    );
    let Ran { text, .. } = project.run_with(&["plan"], &[("FLOE_ALLOW_ENDPOINTS", "https://c.example")]);
    assert!(text.contains("`https://b.example` and `https://a.example` are not hosts of Confluent Cloud"), "{text}");
    let line = "export FLOE_ALLOW_ENDPOINTS='https://a.example,https://b.example,https://c.example'";
    assert!(text.contains(line), "{text}");
    let Ran { code, text } = project.run_with(&["plan"], &[("FLOE_ALLOW_ENDPOINTS", "c.example")]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("`c.example` is not a valid endpoint") && text.contains("--allow-endpoint"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_header_names_a_host_that_is_not_confluents() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, Simulator::new(SimulatorOptions::default())));
    let checked = tokio::task::spawn_blocking(move || {
        let project = HostileProject::new();
        project.write(
            "floe.toml",
            &manifest_with_endpoints(&format!("endpoint = \"{origin}\"\ncloud_endpoint = \"{origin}\"")),
        );
        let variables = [&KEYS[..], &[("FLOE_ALLOW_ENDPOINTS", &origin)]].concat();
        for arguments in [
            &["plan"][..],
            &["plan", "--format", "markdown"],
            &["plan", "--format", "json"],
            &["status"],
            &["status", "--format", "json"],
            &["drift"],
            &["drift", "--format", "json"],
        ] {
            let Ran { code, text } = project.run_with(arguments, &variables);
            assert_eq!(code, Some(0), "{arguments:?}: {text}");
            let is_named = text.contains(&format!("(env-sim, aws us-east-1, at {origin})"))
                || text.contains(&format!("(env-sim, aws us-east-1, at `{origin}`)"))
                || text.contains(&format!("\"hosts\": [ \"{origin}\" ]"));
            assert!(is_named, "{arguments:?}: {text}");
        }
    });
    checked.await.unwrap();
}

#[test]
fn the_served_simulator_prints_the_line_that_allows_it() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_floe"))
        .env_clear()
        .env("FLOE_ALLOW_ENDPOINTS", "https://a.example")
        .args(["simulator", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut origin = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut origin).unwrap();
    drop(child.kill());
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    let line = format!("\nexport FLOE_ALLOW_ENDPOINTS='{},https://a.example'\n", origin.trim());
    assert!(said.contains(&line), "{said}");
}

/// Runs floe on a project whose secret reads `variable`. Returns the message.
fn run_with_secret(variable: &str, variables: &[(&str, &str)]) -> Ran {
    let project = HostileProject::new();
    project.write(
        "floe.toml",
        &format!("[project]\nname = \"p\"\n[environments.local]\nsimulator = true\n[secrets]\nx = {{ env = \"{variable}\" }}\n"),
    );
    project.write("statements/t.toml", "[statements.t]\nsql = \"INSERT INTO o SELECT '${secret.x}' FROM t\"\n");
    project.run_with(&["plan"], variables)
}

#[test]
fn a_secret_may_not_read_a_credential_of_the_pipeline() {
    for variable in ["AWS_SECRET_ACCESS_KEY", "FLINK_API_SECRET", "GITHUB_TOKEN", "CI_JOB_TOKEN"] {
        let Ran { code, text } = run_with_secret(variable, &[(variable, "s3cr3t-value")]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(&format!("secret `x` may not read `{variable}`")), "{text}");
        assert!(text.contains(&format!("export FLOE_ALLOW_SECRETS={variable}")) && !text.contains("s3cr3t"), "{text}");
        let Ran { code, text } = run_with_secret(variable, &[("FLOE_ALLOW_SECRETS", &format!("OTHER,{variable}"))]);
        assert_eq!(code, Some(0), "{text}");
    }
}

#[test]
fn a_list_of_secrets_excludes_all_others() {
    for (variable, list, code) in [
        ("OPENAI_API_KEY", "OPENAI_API_KEY", 0),
        ("OPENAI_API_KEY", "STRIPE_KEY", 1),
        ("OPENAI_API_KEY", ",", 1),
        // A pipeline that lists a credential itself has allowed it.
        ("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", 0),
        ("AWS_SECRET_ACCESS_KEY", "STRIPE_KEY", 1),
    ] {
        let ran = run_with_secret(variable, &[("FLOE_ONLY_SECRETS", list)]);
        assert_eq!(ran.code, Some(code), "{variable} in {list}: {}", ran.text);
    }
    let Ran { text, .. } = run_with_secret("OPENAI_API_KEY", &[("FLOE_ONLY_SECRETS", "STRIPE_KEY")]);
    assert!(text.contains("export FLOE_ONLY_SECRETS='OPENAI_API_KEY,STRIPE_KEY'"), "{text}");
}

#[test]
fn a_plan_says_which_variable_a_new_secret_reads() {
    let Ran { code, text } = run_with_secret("OPENAI_API_KEY", &[("OPENAI_API_KEY", "s3cr3t-value")]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Reads secret `x` from `OPENAI_API_KEY`."), "{text}");
    assert!(!text.contains("s3cr3t"), "{text}");
}

#[test]
fn a_plan_replaces_no_file_that_is_not_a_plan() {
    let project = HostileProject::new();
    project.write("notes.txt", "precious");
    symlink("notes.txt", project.root().join("link.plan")).unwrap();
    assert!(Command::new("mkfifo").arg(project.root().join("pipe.plan")).status().unwrap().success());
    let before = fs::read(project.root().join("floe.toml")).unwrap();
    for (path, why) in [
        ("floe.toml", "exists and is not a plan"),
        ("notes.txt", "exists and is not a plan"),
        ("link.plan", "it is a symbolic link"),
        ("pipe.plan", "it is not a regular file"),
        ("statements", "it is a folder"),
        ("/dev/stdout", ""),
    ] {
        let Ran { code, text } = project.run(&["plan", "--out", path]);
        assert_eq!(code, Some(1), "{path}: {text}");
        assert!(text.contains(why), "{path}: {text}");
    }
    assert_eq!(fs::read(project.root().join("floe.toml")).unwrap(), before);
    assert_eq!(fs::read(project.root().join("notes.txt")).unwrap(), b"precious");
    // A new file, an empty one and an older plan are fine.
    project.write("empty.plan", "");
    for path in ["new.plan", "empty.plan", "new.plan"] {
        let Ran { code, text } = project.run(&["plan", "--out", path]);
        assert_eq!(code, Some(0), "{path}: {text}");
    }
    // Neither is a plan read through a link or from a pipe.
    symlink("new.plan", project.root().join("applied.plan")).unwrap();
    for path in ["applied.plan", "pipe.plan"] {
        let Ran { code, text } = project.run(&["apply", path]);
        assert_eq!(code, Some(1), "{path}: {text}");
    }
}

#[test]
fn apply_creates_a_state_only_where_the_pipeline_or_the_default_says() {
    let project = HostileProject::new();
    project.write_manifest("", "state = \"elsewhere/local.json\"");
    let Ran { code, text } = project.run(&["plan"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("floe init --state -e local"), "{text}");
    let Ran { code, text } = project.run(&["apply", "--yes"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("has no state at `elsewhere/local.json`"), "{text}");
    assert!(!project.root().join("elsewhere").exists());
    let Ran { code, text } = project.run(&["init", "--state", "-e", "local"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(project.run(&["init", "--state"]).code, Some(1), "a state is never replaced");
    let Ran { code, text } = project.run(&["apply", "--yes"]);
    assert_eq!(code, Some(0), "{text}");

    let project = HostileProject::new();
    project.write_manifest("", "state = \"elsewhere/local.json\"");
    let state = project.outside().join("state/local.json");
    let Ran { code, text } = project.run_with(&["apply", "--yes"], &[("FLOE_STATE", state.to_str().unwrap())]);
    assert_eq!(code, Some(0), "{text}");
    assert!(state.is_file() && !project.root().join("elsewhere").exists());

    let project = HostileProject::new();
    assert_eq!(project.run(&["apply", "--yes"]).code, Some(0));
    assert!(project.root().join("state/local.json").is_file());
}

#[test]
fn no_file_next_to_the_state_is_a_link() {
    for file in ["local.json", "local.lock", "local.journal", "local.plans", "local.world", "local.world.lock"] {
        let project = HostileProject::new();
        fs::create_dir(project.root().join("state")).unwrap();
        symlink(project.outside().join("secret.json"), project.root().join("state").join(file)).unwrap();
        let before = project.foreign_files();
        let Ran { code, text } = project.run(&["apply", "--yes"]);
        assert_eq!(code, Some(1), "{file}: {text}");
        assert_eq!(project.foreign_files(), before, "{file}");
    }
}

#[test]
fn a_record_is_not_moved_onto_another() {
    let project = HostileProject::new();
    project.write(
        "statements/t.toml",
        "[statements.t]\nsql = \"CREATE TABLE t (x INT)\"\n[statements.u]\nsql = \"CREATE TABLE u (x INT)\"\n",
    );
    assert_eq!(project.run(&["apply", "--yes"]).code, Some(0));
    let before = fs::read(project.root().join("state/local.json")).unwrap();
    let Ran { code, text } = project.run(&["state", "mv", "statements.t", "statements.u"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("`statements.u` is already recorded") && text.contains("floe state rm statements.u"),
        "{text}"
    );
    let Ran { code, text } = project.run(&["state", "mv", "statements.t", "pools.t"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("of another kind"), "{text}");
    assert_eq!(fs::read(project.root().join("state/local.json")).unwrap(), before);
}

#[test]
fn destroying_what_was_never_applied_counts_nothing() {
    let project = HostileProject::new();
    let Ran { code, text } = project.run(&["destroy", "--yes"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("there is nothing to destroy") && !text.contains("unchanged"), "{text}");
}

#[test]
fn a_merge_conflict_in_a_manifest_or_in_sql_is_called_so() {
    let conflict = "<<<<<<< HEAD\nmax_cfu = 5\n=======\nmax_cfu = 10\n>>>>>>> branch\n";
    for path in ["floe.toml", "statements/t.toml", "statements/job.sql"] {
        let project = HostileProject::new();
        let text = fs::read_to_string(project.root().join(path)).unwrap_or_default();
        project.write(path, &format!("{text}{conflict}"));
        let Ran { code, text } = project.run(&["validate"]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(&format!("`{path}` has an unresolved merge conflict")), "{text}");
    }
}

#[test]
fn too_few_file_descriptors_are_an_error_and_no_panic() {
    let project = HostileProject::new();
    assert_eq!(project.run(&["apply", "--yes"]).code, Some(0));
    for limit in 4..24 {
        for command in ["plan", "apply --yes"] {
            let script = format!("ulimit -n {limit}; exec {} {command}", env!("CARGO_BIN_EXE_floe"));
            let output =
                Command::new("sh").args(["-c", &script]).current_dir(project.root()).env_clear().output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(
                matches!(output.status.code(), Some(0 | 1 | 127)),
                "{limit}, {command}: {:?} {text}",
                output.status
            );
            assert!(!text.contains("panicked"), "{limit}, {command}: {text}");
        }
    }
}
