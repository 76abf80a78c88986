//! Runs the commands of the real binary and checks their messages and exit codes.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

/// The start of every `floe.toml`: one simulated environment and the pool `main`.
const HEAD: &str = "[project]\nname = \"p\"\n[environments.local]\nsimulator = true\n[defaults]\npool = \"main\"\n\
                    [pools.main]\nmax_cfu = 5\n";

/// Creates a project whose `floe.toml` has this text.
fn project(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_floe_toml(folder.path(), text);
    folder
}

/// Writes `floe.toml` in this folder.
fn write_floe_toml(folder: &Path, text: &str) {
    fs::write(folder.join("floe.toml"), text).unwrap();
}

/// The result of one command.
struct CommandOutput {
    /// The exit code, or `None` if a signal ended the command.
    code: Option<i32>,
    /// The text on standard output.
    stdout: String,
    /// The text on standard error.
    stderr: String,
}

/// Runs floe in this folder, without environment variables.
fn run_floe(folder: &Path, arguments: &[&str]) -> CommandOutput {
    run_floe_with_variables(folder, &[], arguments)
}

/// Runs floe in this folder with only these environment variables.
fn run_floe_with_variables(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> CommandOutput {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    command.env_clear().args(["-C", folder.to_str().unwrap()]).args(arguments).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    CommandOutput { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Returns the text on one line.
fn single_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn state_commands_work_while_the_manifests_are_invalid() {
    let whole = format!("{HEAD}[statements.t]\nsql = \"CREATE TABLE t (x INT)\"\n");
    let folder = project(&whole);
    let at = folder.path();
    assert_eq!(run_floe(at, &["apply", "--yes"]).code, Some(0));
    write_floe_toml(at, &format!("{whole}sqll = 1\n[environments.local.pools.none]\nmax_cf = 1\n[pool.x]\n"));
    fs::create_dir(at.join("statements")).unwrap();
    fs::write(at.join("statements/broken.toml"), "[statements.x\n").unwrap();
    assert_eq!(run_floe(at, &["plan"]).code, Some(1));
    assert!(run_floe(at, &["state", "list"]).stdout.contains("statements.t"));
    assert!(run_floe(at, &["state", "show", "statements.t"]).stdout.contains("CREATE TABLE"));
    assert_eq!(run_floe(at, &["state", "mv", "statements.t", "statements.u"]).code, Some(0));
    assert_eq!(run_floe(at, &["state", "rm", "statements.u"]).code, Some(0));
    assert!(!run_floe(at, &["state", "list"]).stdout.contains("statements."));
    // If the manifest could mean another state, the command does nothing.
    for wrong in ["stat = \"other.json\"", "state = 7", "state = \"x/\""] {
        write_floe_toml(at, &whole.replace("simulator = true", &format!("simulator = true\n{wrong}")));
        assert_eq!(run_floe(at, &["state", "list"]).code, Some(1), "{wrong}");
    }
}

#[test]
fn keyed_hashes_of_secrets_and_their_key_are_not_printed() {
    let folder = project(&format!(
        "{HEAD}[secrets]\ns = {{ env = \"S\" }}\n[statements.j]\nsql = \"INSERT INTO t SELECT f('${{secret.s}}') FROM o\"\n"
    ));
    let at = folder.path();
    assert_eq!(run_floe_with_variables(at, &[("S", "hunter2hunter2")], &["apply", "--yes"]).code, Some(0));
    let state: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(at.join("state/local.json")).unwrap()).unwrap();
    let key = state["key"].as_str().unwrap();
    let hash = state["statements"]["j"]["current"]["secrets"]["s"].as_str().unwrap();
    for arguments in [&["state", "list", "--format", "json"][..], &["state", "show", "statements.j"]] {
        let CommandOutput { stdout, .. } = run_floe(at, arguments);
        assert!(stdout.contains("${secret.s}") && !stdout.contains(key) && !stdout.contains(hash), "{stdout}");
    }
}

#[test]
fn a_literal_secret_is_rejected_before_anything_is_sent() {
    let text = format!(
        "{HEAD}[statements.t]\nsql = \"CREATE TABLE t (x INT) WITH ('a.password' = 'hunter2hunter2')\"\n\
         properties = {{ \"sql.secrets.openai\" = \"sk-1234\" }}\n"
    );
    let folder = project(&text);
    let at = folder.path();
    let validated = run_floe(at, &["validate"]);
    assert_eq!(validated.code, Some(1));
    for arguments in [&["plan"][..], &["apply", "--yes"]] {
        let ran = run_floe(at, arguments);
        assert_eq!((ran.code, &ran.stderr), (Some(1), &validated.stderr), "{arguments:?}");
        assert!(ran.stderr.contains("FL108") && ran.stderr.contains("floe.toml:11:"), "{}", ran.stderr);
        assert!(!at.join("state").exists(), "{arguments:?} has created the state folder");
    }
    write_floe_toml(at, &text.replace("properties", "allow = [\"FL108\"]\nproperties"));
    assert_eq!(run_floe(at, &["apply", "--yes"]).code, Some(0));
    // The resources that exist can still be inspected and destroyed.
    write_floe_toml(at, &text);
    assert_eq!(run_floe(at, &["status"]).code, Some(0));
    assert_eq!(run_floe(at, &["destroy", "--yes"]).code, Some(0));
}

#[test]
fn all_problems_are_reported_in_one_run() {
    let folder = project(&format!(
        "{HEAD}[statements.Bad]\nsql = \"CREATE TABLE bad (x INT)\"\n\
         [statements.a]\nsql = \"CREATE TABLE a (x INT)\"\ndepends_on = [\"statements.b\"]\n\
         [statements.b]\nsql = \"CREATE TABLE b (x INT)\"\ndepends_on = [\"statements.a\"]\n\
         [statements.c]\nsql = \"CREATE TABLE a (x INT) WITH ('secret' = 'hunter2hunter2')\"\n\
         [statements.d]\nsql = \"DROP TABLE x\"\n"
    ));
    let expected_messages = ["contains `B`", "dependency cycle", "`a` is created by", "FL108"];
    for arguments in ["validate", "plan"] {
        let ran = run_floe(folder.path(), &[arguments]);
        assert_eq!(ran.code, Some(1));
        assert!(expected_messages.iter().all(|said| single_line(&ran.stderr).contains(said)), "{}", ran.stderr);
        assert_eq!(ran.stderr.contains("FL106"), arguments == "validate", "{}", ran.stderr);
    }
}

#[test]
fn a_secret_value_with_an_unescaped_quote_is_rejected() {
    let job = "[secrets]\ns = { env = \"S\" }\n[statements.j]\nsql = \"INSERT INTO t SELECT f('${secret.s}') FROM o\"\n\
               properties = { \"sql.secrets.s\" = \"${secret.s}\" }\n";
    let folder = project(&format!("{HEAD}{job}"));
    let at = folder.path();
    let ran = run_floe_with_variables(at, &[("S", "x'), g('")], &["apply", "--yes"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let message = single_line(&ran.stderr);
    assert!(
        message.contains("secret `s`, from S") && message.contains("Double each") && !message.contains("x')"),
        "{message}"
    );
    assert!(!run_floe(at, &["status"]).stdout.contains("statements.j"));
    assert_eq!(run_floe_with_variables(at, &[("S", "it''s")], &["apply", "--yes"]).code, Some(0));
    // The value of a property is not SQL, so a quote is allowed there.
    let other = project(&format!("{HEAD}{}", job.replace("f('${secret.s}')", "x")));
    assert_eq!(run_floe_with_variables(other.path(), &[("S", "it's")], &["apply", "--yes"]).code, Some(0));
}

#[test]
fn secrets_are_redacted_where_the_service_quotes_them() {
    let scenario = r#"{ "faults": [{ "method": "POST", "path": "*/statements", "name": "bad", "does": { "status": 400 } }],
        "verdicts": [{ "name": "late", "does": { "invalid": "no function hunter2hunter2 here" } }] }"#;
    let folder = project(&format!(
        "{}[secrets]\ne = {{ env = \"E\" }}\nlong = {{ env = \"L\" }}\n\
         [statements.late]\nsql = \"INSERT INTO t SELECT f('${{secret.long}}') FROM o\"\n\
         [statements.one]\nsql = \"INSERT INTO t SELECT f('${{secret.e}}') FROM o\"\n",
        HEAD.replace("simulator = true", "simulator = true\nscenario = \"scenario.json\"")
    ));
    let at = folder.path();
    fs::write(at.join("scenario.json"), scenario).unwrap();
    let secrets = [("E", "e"), ("L", "hunter2hunter2")];
    let applied = run_floe_with_variables(at, &secrets, &["apply", "--yes"]);
    let status = run_floe_with_variables(at, &secrets, &["status"]);
    let text = [applied.stdout.as_str(), &applied.stderr, &status.stdout, &status.stderr].concat();
    assert!(
        text.contains("statements.one") && text.contains("Partially applied") && text.contains("unhealthy"),
        "{text}"
    );
    assert!(!text.contains("hunter2hunter2"), "{text}");
    assert!(status.stdout.contains("${secret.long}") || status.stdout.contains("${s"), "{}", status.stdout);
}

#[test]
fn validate_reports_the_join_of_a_view_for_each_job_that_reads_it() {
    let text = "[project]\nname = \"p\"\n[environments.local]\nsimulator = true\n\
                [statements.v]\nsql = \"CREATE VIEW v AS SELECT a.id FROM a JOIN b ON a.id = b.id\"\n\
                [statements.u]\nsql = \"CREATE VIEW u AS SELECT id FROM v\"\n\
                [statements.job]\nsql = \"INSERT INTO o SELECT id FROM u\"\n";
    let project = project(text);
    let ran = run_floe(project.path(), &["validate"]);
    assert_eq!(ran.stderr.matches("FL101").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("JOIN b") && ran.stderr.contains("[statements.job]"), "{}", ran.stderr);
    for setting in ["properties = { \"sql.state-ttl\" = \"1 d\" }\n", "allow = [\"FL101\"]\n"] {
        write_floe_toml(project.path(), &format!("{text}{setting}"));
        let ran = run_floe(project.path(), &["validate"]);
        assert!(!ran.stderr.contains("FL101"), "{}", ran.stderr);
    }
    write_floe_toml(project.path(), text.split("[statements.job]").next().unwrap());
    assert!(!run_floe(project.path(), &["validate"]).stderr.contains("FL101"));
}

#[test]
fn validate_reports_an_invalid_scenario() {
    let text = HEAD.replace("simulator = true", "simulator = true\nscenario = \"scenario.json\"");
    let folder = project(&text);
    let at = folder.path();
    for (scenario, code) in [("{ \"faults\": [] }", 0), ("{ \"fault\": [] }", 1), ("{", 1)] {
        fs::write(at.join("scenario.json"), scenario).unwrap();
        let ran = run_floe(at, &["validate"]);
        assert_eq!((ran.code, ran.stderr.contains("scenario.json")), (Some(code), code == 1), "{}", ran.stderr);
    }
    // The scenario is also reported if there are other problems.
    write_floe_toml(at, &format!("{text}[statements.A]\nsql = \"CREATE TABLE a (x INT)\"\n"));
    assert!(run_floe(at, &["validate"]).stderr.contains("scenario.json"));
}

#[test]
fn floe_target_applies_to_plan_and_graph() {
    let folder = project(&format!(
        "{HEAD}[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n[statements.b]\nsql = \"CREATE TABLE b (x INT)\"\n\
         [statements.c]\nsql = \"CREATE TABLE c (x INT)\"\n"
    ));
    for command in ["plan", "graph"] {
        let ran = run_floe_with_variables(
            folder.path(),
            &[("FLOE_TARGET", "statements.a,statements.b")],
            &[command, "--format", "json"],
        );
        assert_eq!(ran.code, Some(0), "{command}: {}", ran.stderr);
        let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let shown = if command == "plan" { found["changes"].to_string() } else { found["nodes"].to_string() };
        assert!(shown.contains("statements.a") && shown.contains("statements.b"), "{shown}");
        assert!(!shown.contains("statements.c"), "{shown}");
    }
}

#[test]
fn status_output_fits_the_terminal_width() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/clickstream");
    let folder = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-R").arg(&example).arg(folder.path()).status().unwrap();
    assert!(copied.success());
    let at = folder.path().join("clickstream");
    let _ = fs::remove_dir_all(at.join("state"));
    let local = ["-e", "local"];
    assert_eq!(run_floe(&at, &[&["apply", "--yes"][..], &local].concat()).code, Some(0));
    for columns in ["60", "80", "120"] {
        let ran = run_floe_with_variables(&at, &[("COLUMNS", columns)], &[&["status"][..], &local].concat());
        let widest = ran.stdout.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= columns.parse().unwrap(), "a line has {widest} columns of {columns}:\n{}", ran.stdout);
    }
}
