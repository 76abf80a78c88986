//! A fresh folder in which a page's commands run: with the built `floe`, without credentials.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// A command that takes longer is killed.
const LONGEST: Duration = Duration::from_secs(120);

/// A folder with a copy of `examples`, and a home for programs that want one.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

/// How a command ended.
pub struct Ran {
    /// The exit code; `None` if a signal ended the command.
    pub code: Option<i32>,
    /// Standard output and standard error together.
    pub output: String,
}

impl Sandbox {
    pub fn new(examples: &Path) -> Sandbox {
        let folder = tempfile::tempdir().unwrap();
        copy(examples, &folder.path().join("work/examples"));
        fs::create_dir(folder.path().join("home")).unwrap();
        Sandbox { folder }
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Writes a file, whose path is relative to the folder in which commands run.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.work().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs `script` with `shell`.
    pub fn run(&self, shell: &str, script: &str) -> Ran {
        let floe = Path::new(env!("CARGO_BIN_EXE_floe")).parent().unwrap();
        let path = format!("{}:{}", floe.display(), std::env::var("PATH").unwrap_or_default());
        // A file takes both streams in their order, and no process that a script leaves behind keeps it waiting.
        let log = self.folder.path().join("output");
        let output = fs::File::create(&log).unwrap();
        let mut child = Command::new(shell)
            .args(["-eu", "-c", script])
            .current_dir(self.work())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path().join("home"))
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .env("USER", "you")
            .env("HOSTNAME", "laptop")
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            // Nothing is reached but this machine.
            .envs(["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, "http://127.0.0.1:9")))
            .envs(["no_proxy", "NO_PROXY"].map(|name| (name, "127.0.0.1,localhost")))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap();
        let began = Instant::now();
        let mut late = String::new();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if began.elapsed() > LONGEST => {
                    late = format!("\nkilled after {} s", LONGEST.as_secs());
                    kill(child.id());
                }
                None => sleep(Duration::from_millis(5)),
            }
        };
        // What a script has left running would outlive the test.
        kill(child.id());
        Ran { code: status.code(), output: fs::read_to_string(&log).unwrap() + &late }
    }
}

/// Kills every process of a group, if there is any left.
fn kill(group: u32) {
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).stderr(Stdio::null()).status();
}

/// Copies a folder without the states in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_name() == "state" {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
