//! Runs the real binary with lost states, states of other environments, signals and empty variables.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// Returns a command that runs floe in this folder, without environment variables.
fn floe_command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    command.env_clear().args(["-C", folder.to_str().unwrap()]);
    command
}

/// Runs floe in this folder. Returns its exit code, and standard output followed by standard error.
fn run_floe(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = floe_command(folder).args(arguments).output().unwrap();
    (status.code(), [String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap()].concat())
}

/// Creates a project with one pool and one table.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = "[project]\nname = \"p\"\n[environments.local]\nsimulator = true\n[defaults]\npool = \"main\"\n\
                    [pools.main]\nmax_cfu = 5\n[statements.t]\nsql = \"CREATE TABLE t (x INT)\"\n";
    fs::write(folder.path().join("floe.toml"), manifest).unwrap();
    folder
}

#[test]
fn a_lost_state_is_restored_by_import_and_adoption() {
    let folder = project();
    let at = folder.path();
    assert_eq!(run_floe(at, &["apply", "--yes"]).0, Some(0));
    let state = fs::read_to_string(at.join("state/local.json")).unwrap();
    let id = &state[state.find("lfcp-").unwrap()..][..11];
    fs::remove_file(at.join("state/local.json")).unwrap();
    let (code, output) = run_floe(at, &["plan"]);
    assert_eq!(code, Some(3), "{output}");
    let command = format!("floe import -e local -C {} pools.main {id}", at.display());
    assert!(output.contains(&command), "{output}");
    for (wrong, why) in [
        (["import", "pools.main", "lfcp-nothere"], "pool `lfcp-nothere` does not exist"),
        (["import", "statements.t", "nothere"], "statement `nothere` does not exist"),
        (["import", "statements.other", "t"], "`statements.other` is not declared"),
        (["import", "pools.other", id], "`pools.other` is not declared"),
    ] {
        let (code, output) = run_floe(at, &wrong);
        assert!(code == Some(1) && output.contains(why), "{output}");
    }
    let (code, output) = run_floe(at, &["import", "pools.main", id]);
    assert_eq!(code, Some(0), "{output}");
    let (code, output) = run_floe(at, &["import", "pools.main", id]);
    assert!(code == Some(1) && output.contains("already"), "{output}");
    let (code, output) = run_floe(at, &["apply", "--yes"]);
    assert!(code == Some(0) && output.contains("adopt"), "{output}");
    let (code, output) = run_floe(at, &["plan", "--detailed-exitcode"]);
    assert_eq!(code, Some(0), "{output}");
}

#[test]
fn the_state_of_another_simulated_environment_is_rejected() {
    let folder = project();
    let at = folder.path();
    assert_eq!(run_floe(at, &["apply", "--yes"]).0, Some(0));
    let manifest = fs::read_to_string(at.join("floe.toml")).unwrap();
    let dev = manifest.replace("[environments.local]\n", "[environments.dev]\nstate = \"state/local.json\"\n");
    fs::write(at.join("floe.toml"), dev).unwrap();
    let (code, output) = run_floe(at, &["-e", "dev", "plan"]);
    assert!(code == Some(1) && output.contains("env-sim-local"), "{output}");
    // A state from before environments had their own ids is still read, and so is its simulated world.
    let older = project();
    let at = older.path();
    fs::create_dir(at.join("state")).unwrap();
    assert_eq!(run_floe(at, &["apply", "--yes"]).0, Some(0));
    for file in ["state/local.json", "state/local.world"] {
        let text = fs::read_to_string(at.join(file)).unwrap();
        fs::write(at.join(file), text.replace("env-sim-local", "env-sim")).unwrap();
    }
    let (code, output) = run_floe(at, &["plan", "--detailed-exitcode"]);
    assert!(code == Some(0) && output.contains("no changes"), "{output}");
}

#[test]
fn every_command_reads_the_state_after_the_project_is_renamed() {
    let folder = project();
    let at = folder.path();
    assert_eq!(run_floe(at, &["apply", "--yes"]).0, Some(0));
    let assert_commands_read_state = || {
        for command in [&["plan", "--detailed-exitcode"][..], &["drift"], &["status"], &["state", "list"]] {
            let (code, output) = run_floe(at, command);
            assert_eq!(code, Some(0), "{command:?}: {output}");
        }
    };
    assert_commands_read_state();
    let manifest = fs::read_to_string(at.join("floe.toml")).unwrap();
    fs::write(at.join("floe.toml"), manifest.replacen("name = \"", "name = \"new-", 1)).unwrap();
    assert_commands_read_state();
}

#[cfg(unix)]
#[test]
fn a_signal_before_anything_was_sent_exits_130() {
    // A canceled pipeline and a closed terminal have the same effect as Ctrl-C.
    for signal in ["-INT", "-TERM", "-HUP"] {
        if signal != "-HUP" || !ignores_sighup() {
            assert_signal_exits_130(signal);
        }
    }
}

/// Returns whether this test runs with SIGHUP ignored, as under `nohup`. The program then inherits that and keeps it.
#[cfg(unix)]
fn ignores_sighup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Sends this signal to a run that waits for the lock, and asserts that it exits with 130.
#[cfg(unix)]
fn assert_signal_exits_130(signal: &str) {
    let folder = project();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let lock = File::create(state.join("local.lock")).unwrap();
    lock.try_lock().unwrap();
    let waiting = floe_command(folder.path())
        .args(["--lock-timeout", "10m", "apply", "--yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Before it has installed its handlers, a signal would end the process, and nothing outside shows when it has.
    std::thread::sleep(Duration::from_secs(1));
    let began = Instant::now();
    assert!(Command::new("kill").args([signal, &waiting.id().to_string()]).status().unwrap().success());
    let Output { status, stderr, .. } = waiting.wait_with_output().unwrap();
    let output = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(130), "{signal}: {output}");
    assert!(output.contains("before anything was sent"), "{signal}: {output}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_under_nohup_survives_sighup() {
    let folder = project();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let lock = File::create(state.join("local.lock")).unwrap();
    lock.try_lock().unwrap();
    let mut waiting = Command::new("nohup")
        .arg(env!("CARGO_BIN_EXE_floe"))
        .args(["-C", folder.path().to_str().unwrap(), "--lock-timeout", "10m", "apply", "--yes"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let send_signal = |signal: &str| Command::new("kill").args([signal, &waiting.id().to_string()]).status().unwrap();
    assert!(send_signal("-HUP").success());
    std::thread::sleep(Duration::from_millis(300));
    assert!(send_signal("-INT").success(), "SIGHUP has ended the run");
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
}

#[test]
fn an_empty_environment_variable_is_ignored() {
    let folder = project();
    let variables =
        ["CHDIR", "ENV", "FORMAT", "COLOR", "VERBOSE", "LOCK_TIMEOUT", "TARGET", "EXCLUDE", "REPLACE", "OUT"];
    for empty in ["", " "] {
        let planned = |named: &[&str]| {
            let named = named.iter().map(|name| (format!("FLOE_{name}"), empty));
            let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_floe"))
                .env_clear()
                .envs(named)
                .current_dir(folder.path())
                .args(["plan", "--detailed-exitcode"])
                .output()
                .unwrap();
            let output = [String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap()].concat();
            assert_eq!(status.code(), Some(2), "`{empty}`: {output}");
            output
        };
        let output = planned(&[]);
        assert_eq!(planned(&variables), output);
    }
    // A variable with a value still counts, and so does an empty value of a flag.
    let (code, output) = run_floe(folder.path(), &["--lock-timeout", "", "plan"]);
    assert!(code == Some(1) && output.contains("90s"), "{output}");
    let output = floe_command(folder.path()).env("FLOE_LOCK_TIMEOUT", "soon").arg("plan").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn variables_and_the_flag_decide_about_colors() {
    let folder = project();
    let has_colors = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = floe_command(folder.path());
        let output = command.envs(variables.iter().copied()).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        assert!(!text.is_empty(), "{arguments:?}");
        String::from_utf8(text).unwrap().contains('\u{1b}')
    };
    // A plan, the drawing of an error, clap's messages about a wrong flag and a wrong value, and both kinds of help.
    let outputs: [&[&str]; 6] = [
        &["plan"],
        &["plan", "-e", "unknown"],
        &["plan", "--unknown"],
        &["--format", "xml", "plan"],
        &["plan", "--help"],
        &["help", "plan"],
    ];
    for arguments in outputs {
        let with_flag = |color: &'static str| [&["--color", color], arguments].concat();
        let force = [("FORCE_COLOR", "1")];
        let both = [("FORCE_COLOR", "1"), ("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
        // The output is a pipe.
        assert!(!has_colors(&[], arguments), "{arguments:?}");
        assert!(has_colors(&force, arguments), "{arguments:?}");
        assert!(has_colors(&[("CLICOLOR_FORCE", "1")], arguments), "{arguments:?}");
        assert!(!has_colors(&[("FORCE_COLOR", ""), ("CLICOLOR_FORCE", "")], arguments), "{arguments:?}");
        assert!(!has_colors(&both, arguments), "{arguments:?}");
        assert!(has_colors(&both, &with_flag("always")), "{arguments:?}");
        assert!(!has_colors(&force, &with_flag("never")), "{arguments:?}");
        assert!(!has_colors(&[("FORCE_COLOR", "1"), ("FLOE_COLOR", "never")], arguments), "{arguments:?}");
        assert!(has_colors(&[("FLOE_COLOR", "always")], arguments), "{arguments:?}");
    }
}

#[test]
fn lines_in_a_pipe_are_wrapped_only_if_columns_is_set() {
    let folder = project();
    let manifest = fs::read_to_string(folder.path().join("floe.toml")).unwrap();
    let moved = "[[moved]]\nfrom = \"statements.the-former-name-of-the-table\"\nto = \"statements.t\"\n";
    fs::write(folder.path().join("floe.toml"), manifest + moved).unwrap();
    let lines = |columns: &[(&str, &str)], arguments: &[&str]| -> Vec<String> {
        let output = floe_command(folder.path()).envs(columns.iter().copied()).args(arguments).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    for (arguments, sentence) in [
        // A notice, the explanation of a lint, and an error with its help.
        (&["plan"][..], "can be removed: no local state contains `statements.the-former-name-of-the-table`."),
        (&["help", "FL101"], "statement."),
        (&["help", "no-such-topic"], "The lints are FL101, "),
    ] {
        let whole = lines(&[], arguments);
        assert!(whole.iter().any(|line| line.contains(sentence) && line.chars().count() > 100), "{whole:#?}");
        let wrapped = lines(&[("COLUMNS", "60")], arguments);
        let is_url = |line: &str| line.contains("https://");
        assert!(wrapped.iter().all(|line| line.chars().count() <= 60 || is_url(line)), "{wrapped:#?}");
        let words = |lines: &[String]| lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(&wrapped).replace("│ ", ""), words(&whole), "wrapping changes nothing else");
    }
}

#[test]
fn printed_commands_work_when_they_are_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_floe")).parent().unwrap().to_str().unwrap();
    let paste = |command: &str| {
        let mut shell = Command::new("sh");
        shell.env_clear().env("PATH", format!("{program}:/usr/bin:/bin")).current_dir(folder.path());
        let output = shell.args(["-c", command]).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let (code, created) = paste("floe init \"bad name's & co!\"");
    assert_eq!(code, Some(0), "{created}");
    let commands: Vec<&str> = created.lines().filter_map(|line| line.strip_prefix("  floe ")).collect();
    assert_eq!(commands.len(), 2, "{created}");
    for command in commands {
        // Without a terminal `apply` needs consent.
        let (code, text) =
            paste(&format!("floe {command}{}", if command.starts_with("apply") { " --yes" } else { "" }));
        assert_eq!(code, Some(0), "{command}: {text}");
    }
    let (_, saved) = paste("floe plan -C \"bad name's & co!\" --out='-my plan'");
    let command = saved.split('`').find(|part| part.starts_with("floe apply ")).unwrap();
    let (code, text) = paste(command);
    assert!(code == Some(0) && text.contains("floe apply · "), "{command}: {text}");
}
