//! A fresh folder in which a page's commands run, with the built `floe` and without credentials.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// The time after which a command is killed.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A folder with a copy of `examples` and a home folder.
pub struct Sandbox {
    /// The temporary folder that holds both.
    folder: tempfile::TempDir,
}

/// The result of a command.
pub struct CommandResult {
    /// The exit code; `None` if a signal ended the command.
    pub code: Option<i32>,
    /// Standard output and standard error together.
    pub output: String,
}

impl Sandbox {
    /// Creates a sandbox with a copy of this folder as `examples`.
    pub fn new(examples: &Path) -> Sandbox {
        let folder = tempfile::tempdir().unwrap();
        copy(examples, &folder.path().join("work/examples"));
        fs::create_dir(folder.path().join("home")).unwrap();
        Sandbox { folder }
    }

    /// Returns the folder in which commands run.
    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Writes a file. The path is relative to the folder in which commands run.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.work().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs `script` with `shell`, and kills the processes that it leaves behind.
    pub fn run(&self, shell: &str, script: &str) -> CommandResult {
        let floe = Path::new(env!("CARGO_BIN_EXE_floe")).parent().unwrap();
        let path = format!("{}:{}", floe.display(), std::env::var("PATH").unwrap_or_default());
        // A file holds both streams in their order, and a process that the script leaves behind cannot block this
        // function.
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
            // Only this machine can be reached.
            .envs(["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, "http://127.0.0.1:9")))
            .envs(["no_proxy", "NO_PROXY"].map(|name| (name, "127.0.0.1,localhost")))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap();
        let began = Instant::now();
        let mut timeout_note = String::new();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if began.elapsed() > TIMEOUT => {
                    timeout_note = format!("\nkilled after {} s", TIMEOUT.as_secs());
                    kill(child.id());
                }
                None => sleep(Duration::from_millis(5)),
            }
        };
        // A process that the script left running would outlive the test.
        kill(child.id());
        CommandResult { code: status.code(), output: fs::read_to_string(&log).unwrap() + &timeout_note }
    }
}

/// Kills every remaining process of a process group.
fn kill(group: u32) {
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).stderr(Stdio::null()).status();
}

/// Copies a folder without its `state` folders.
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
