//! Stops the program at every system call that touches the state: `strace` (`-e inject`) sends SIGKILL before the call
//! is carried out, or returns an error in its place. Where `strace` is missing or not allowed to trace, the tests say
//! that they were skipped.

use std::process::{Command, Stdio};

use super::*;

/// A kind of system call: its name here, and its names for `strace`, of which the libc of each machine uses one.
type SyscallKind = (&'static str, &'static str);

/// The kinds of calls that change files.
const WRITE_CALLS: [SyscallKind; 7] = [
    ("write", "write"),
    ("fsync", "fsync,fdatasync"),
    ("rename", "?rename,?renameat,?renameat2"),
    ("open", "?open,openat"),
    ("unlink", "?unlink,unlinkat"),
    ("truncate", "ftruncate"),
    ("mkdir", "?mkdir,mkdirat"),
];
/// The kinds of calls that change no files.
const OTHER_CALLS: [SyscallKind; 2] = [("flock", "flock"), ("read", "read")];

/// The failure that `strace` injects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InjectedFailure {
    /// SIGKILL ends the program before the call.
    Kill,
    /// This call fails with the error, and the next one works.
    FailsOnce(&'static str),
    /// Writes and syncs fail with the error from this call on, as when a disk turns read-only.
    FailsFromNowOn(&'static str),
}

/// The files whose system calls are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WatchedFiles {
    /// The state folder and its files.
    State,
    /// Standard output and standard error.
    Terminal,
}

/// One failure at one system call of a stage.
#[derive(Debug, Clone, Copy)]
struct SyscallCase {
    /// The number of the stage.
    stage: usize,
    /// The files whose calls are watched.
    files: WatchedFiles,
    /// The kind of the system call.
    syscall: SyscallKind,
    /// The failure that is injected.
    failure: InjectedFailure,
    /// Which of these calls fails, counted from 1.
    occurrence: usize,
    /// True if the next occurrence follows as a case of its own.
    continues: bool,
}

/// What a trace of a run shows.
struct ParsedTrace {
    /// When the failure was injected, if it was.
    injected_at: Option<SystemTime>,
    /// The kinds of the calls, in order.
    calls: Vec<String>,
}

impl StagedProject {
    /// Returns the path of the trace.
    fn trace_path(&self) -> PathBuf {
        self.folder().join("trace.txt")
    }

    /// Returns the command that traces the program, with `extra_arguments`. The name of the program follows it.
    fn strace_command(&self, watched: WatchedFiles, extra_arguments: &[String]) -> Vec<String> {
        let calls: Vec<&str> = WRITE_CALLS.iter().chain(&OTHER_CALLS).map(|(_, names)| *names).collect();
        let mut command = vec!["strace".to_owned(), "-f".to_owned(), "-ttt".to_owned(), "-y".to_owned()];
        command.extend(["-o".to_owned(), self.trace_path().display().to_string()]);
        command.extend(["-e".to_owned(), format!("trace={}", calls.join(","))]);
        let state = ["state", "state/test.json", "state/test.json.next", "state/test.journal", "state/test.lock"];
        let files: &[&str] = if watched == WatchedFiles::State { &state } else { &["out.txt", "err.txt"] };
        let paths = files.iter().flat_map(|file| ["-P".to_owned(), self.folder().join(file).display().to_string()]);
        command.extend(paths);
        command.extend_from_slice(extra_arguments);
        command
    }

    /// Reads the trace of the last run.
    fn read_trace(&self) -> Result<ParsedTrace, CrashFailure> {
        let text = fs::read(self.trace_path()).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&text);
        let is_injection = |line: &&str| line.contains("(INJECTED)") || line.contains("killed by SIGKILL");
        let injected_at = text.lines().find(is_injection).and_then(call_time);
        Ok(ParsedTrace { injected_at, calls: text.lines().filter_map(syscall_kind).map(str::to_owned).collect() })
    }
}

/// Returns when a line of a trace was written: `PID SECONDS.MICROSECONDS …`.
pub fn call_time(line: &str) -> Option<SystemTime> {
    let seconds: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds))
}

/// Returns the kind of the call that a line of a trace shows.
fn syscall_kind(line: &str) -> Option<&'static str> {
    let name = line.split_whitespace().nth(2)?.split('(').next()?;
    let is_it = |(_, names): &&SyscallKind| names.split(',').any(|one| one.trim_start_matches('?') == name);
    WRITE_CALLS.iter().chain(&OTHER_CALLS).find(is_it).map(|(kind, _)| *kind)
}

impl SyscallCase {
    /// Returns the arguments that inject the failure.
    fn strace_arguments(&self) -> Vec<String> {
        let inject_argument = |names: &str, what: String| ["-e".to_owned(), format!("inject={names}:{what}")];
        match self.failure {
            InjectedFailure::Kill => {
                inject_argument(self.syscall.1, format!("signal=SIGKILL:when={}", self.occurrence)).to_vec()
            }
            InjectedFailure::FailsOnce(error) => {
                inject_argument(self.syscall.1, format!("error={error}:when={}", self.occurrence)).to_vec()
            }
            InjectedFailure::FailsFromNowOn(error) => {
                let of_kind = |kind: &&str| WRITE_CALLS.iter().find(|(name, _)| name == kind).map(|(_, names)| *names);
                let names: Vec<&str> = ["write", "fsync"].iter().filter_map(of_kind).collect();
                inject_argument(&names.join(","), format!("error={error}:when={}+", self.occurrence)).to_vec()
            }
        }
    }

    /// Returns the message of the injected error, or none for a kill.
    fn error_message(&self) -> Option<&'static str> {
        match self.failure {
            InjectedFailure::Kill => None,
            InjectedFailure::FailsOnce(error) | InjectedFailure::FailsFromNowOn(error) => Some(match error {
                "ENOSPC" => "No space left on device",
                "EROFS" => "Read-only file system",
                _ => "Input/output error",
            }),
        }
    }
}

/// Runs one case and checks that everything holds at its end. Returns true if the failure was injected.
async fn run_case(case: &SyscallCase, figures: &mut Figures) -> Result<bool, CrashFailure> {
    let staged = StagedProject::before(case.stage).await?;
    figures.runs += 1;
    let run = staged.run(&staged.strace_command(case.files, &case.strace_arguments()), None).await;
    let trace = staged.read_trace()?;
    let Some(injected_at) = trace.injected_at else {
        run.check_success()?;
        staged.check_convergence(figures).await?;
        return Ok(false);
    };
    figures.crashes += 1;
    match case.error_message() {
        None if run.code.is_some() => return Err(format!("killed but has exit code {:?}:\n{}", run.code, run.output)),
        None => {}
        Some(error) if case.files == WatchedFiles::State => check_failure_is_reported(case, error, injected_at, &run)?,
        Some(error) => check_output_failure_is_reported(error, &run)?,
    }
    staged.check_durability(figures).await?;
    staged.check_convergence(figures).await?;
    Ok(true)
}

/// How long after a failure a request may arrive that was sent before it, since the machine may be busy.
const IN_FLIGHT_GRACE: Duration = Duration::from_millis(250);

/// Checks that the run stopped at once, and that it reports what failed, where, and what is known.
fn check_failure_is_reported(
    case: &SyscallCase,
    error: &str,
    injected_at: SystemTime,
    run: &ProgramRun,
) -> Result<(), CrashFailure> {
    let late: Vec<_> =
        run.sent.iter().filter(|sent| sent.is_mutation() && sent.at > injected_at + IN_FLIGHT_GRACE).collect();
    if !late.is_empty() {
        return Err(format!(
            "the failure was injected at {injected_at:?}, but later the run sent {late:?}:\n{}",
            run.output
        ));
    }
    // Nothing is lost if a journal cannot be removed after all of its entries are in the snapshot.
    if run.code == Some(0) && case.syscall.0 == "unlink" {
        return Ok(());
    }
    let said = program_harness::single_line(&run.output);
    let is_known =
        ["This run sent no request that changes Confluent Cloud, and the record is unchanged.", "are durable in"];
    let is_known = is_known.iter().any(|words| said.contains(words));
    if run.code != Some(1) || !said.contains(error) || !said.contains("/state") || !is_known {
        return Err(format!(
            "exit code {:?}, or a report that does not say what failed and what is known: {said}",
            run.code
        ));
    }
    Ok(())
}

/// Checks a run whose standard output or standard error failed. A failure of standard output is reported on standard
/// error. A failure of standard error cannot be reported.
fn check_output_failure_is_reported(error: &str, run: &ProgramRun) -> Result<(), CrashFailure> {
    let said = program_harness::single_line(&run.output);
    match run.code {
        Some(0) => Ok(()),
        Some(1) if said.contains("cannot write to standard output") && said.contains(error) => Ok(()),
        code => Err(format!("exit code {code:?}: {said}")),
    }
}

/// Returns the reason why nothing can be traced here, if there is one.
pub fn tracing_obstacle() -> Option<String> {
    let arguments = ["-f", "-o", "/dev/null", "-e", "inject=getppid:error=EIO", "true"];
    let tried = Command::new("strace").args(arguments).stdin(Stdio::null()).output();
    match tried.ok() {
        None => Some("`strace` is not installed".to_owned()),
        Some(output) if output.status.success() => None,
        Some(output) => Some(format!("`strace` cannot trace: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// Returns the kind of each call that an undisturbed run of a stage makes.
fn count_calls(stage: usize, files: WatchedFiles, figures: &mut Figures) -> Result<Vec<String>, CrashFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let staged = StagedProject::before(stage).await?;
        figures.runs += 1;
        staged.run(&staged.strace_command(files, &[]), None).await.check_success()?;
        let calls = staged.read_trace()?.calls;
        staged.check_convergence(figures).await?;
        Ok(calls)
    })
}

/// Returns every case of a stage. The last case of each kind continues with the next occurrence until nothing is
/// injected any more.
fn all_cases(stage: usize, files: WatchedFiles, calls: &[String]) -> Vec<SyscallCase> {
    let mut cases = Vec::new();
    for syscall in WRITE_CALLS.iter().chain(&OTHER_CALLS).copied() {
        let count = calls.iter().filter(|kind| *kind == syscall.0).count();
        let failures: &[InjectedFailure] = match syscall.0 {
            "read" | "flock" => &[InjectedFailure::FailsOnce("EIO")],
            _ => &[InjectedFailure::Kill, InjectedFailure::FailsOnce("ENOSPC"), InjectedFailure::FailsOnce("EIO")],
        };
        let each = |failure: InjectedFailure| {
            (1..=count).map(move |occurrence| SyscallCase {
                stage,
                files,
                syscall,
                failure,
                occurrence,
                continues: occurrence == count,
            })
        };
        cases.extend(failures.iter().copied().flat_map(each));
        if syscall.0 == "write" && files == WatchedFiles::State {
            cases.extend(each(InjectedFailure::FailsFromNowOn("EROFS")).skip(1));
        }
    }
    cases
}

/// Returns how many cases there were of each kind of call and of failure.
fn summarize(cases: &[SyscallCase]) -> String {
    let mut counts: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for case in cases {
        let failure = match case.failure {
            InjectedFailure::Kill => "SIGKILL",
            InjectedFailure::FailsOnce(error) => error,
            InjectedFailure::FailsFromNowOn(_) => "EROFS from then on",
        };
        *counts.entry(format!("{} {failure}", case.syscall.0)).or_default() += 1;
    }
    counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>().join(", ")
}

/// Injects failures at every call of every stage with `FLOE_CRASH=all`, otherwise at the calls of one stage that are
/// in `sample`.
fn inject_everywhere(what: &str, files: WatchedFiles, sample: &[(&'static str, InjectedFailure, usize)]) {
    if let Some(obstacle) = tracing_obstacle() {
        assert!(!is_exhaustive(), "`FLOE_CRASH=all` needs to trace the program, but {obstacle}");
        println!("skipped: {obstacle}, so no failures are injected at system calls");
        return;
    }
    let mut figures = Figures::default();
    let kind = |name: &str| *WRITE_CALLS.iter().find(|(kind, _)| *kind == name).unwrap();
    let one = |(name, failure, at): &(&str, InjectedFailure, usize)| SyscallCase {
        stage: 1,
        files,
        syscall: kind(name),
        failure: *failure,
        occurrence: *at,
        continues: false,
    };
    let mut cases: Vec<SyscallCase> = sample.iter().map(one).collect();
    if is_exhaustive() {
        cases.clear();
        for stage in 0..STAGES.len() {
            let calls = count_calls(stage, files, &mut figures)
                .unwrap_or_else(|why| panic!("the undisturbed run failed: {why}"));
            figures.points += calls.len();
            cases.extend(all_cases(stage, files, &calls));
        }
    }
    let injected = Mutex::new(Vec::new());
    let problems = run_in_parallel(cases, &mut figures, |case, runtime, figures| {
        let result = runtime.block_on(run_case(case, figures));
        // The number of calls differs from run to run, since entries that arrive together are written together.
        let next = SyscallCase { occurrence: case.occurrence + 1, ..*case };
        let next = (case.continues && !matches!(result, Ok(false)) && case.occurrence < 2_000).then_some(next);
        let result = match result {
            Ok(false) if !is_exhaustive() => Err("the run makes no such call".to_owned()),
            Ok(false) => Ok(()),
            result => {
                injected.lock().unwrap().push(*case);
                result.map(drop)
            }
        };
        (result.map_err(|why| format!("stage `{}`, {case:?}: {why}", STAGES[case.stage].name)), next)
    });
    assert!(figures.crashes > 0 || !problems.is_empty(), "no failure was injected");
    println!("{what}: {}", summarize(&injected.into_inner().unwrap()));
    report_and_assert(what, &figures, &problems);
}

#[test]
fn nothing_is_lost_or_orphaned_when_a_system_call_fails_or_kills_the_program() {
    let sample = [
        ("write", InjectedFailure::Kill, 9),
        ("write", InjectedFailure::FailsOnce("ENOSPC"), 12),
        ("write", InjectedFailure::FailsFromNowOn("EROFS"), 15),
        ("fsync", InjectedFailure::Kill, 13),
        ("fsync", InjectedFailure::FailsOnce("EIO"), 2),
        ("fsync", InjectedFailure::FailsOnce("EIO"), 11),
        ("rename", InjectedFailure::Kill, 1),
        ("rename", InjectedFailure::FailsOnce("ENOSPC"), 1),
        ("open", InjectedFailure::FailsOnce("EIO"), 1),
        ("unlink", InjectedFailure::Kill, 2),
    ];
    inject_everywhere("the program, at its state's files", WatchedFiles::State, &sample);
}

#[test]
fn failing_to_print_loses_no_state() {
    let sample = [
        ("write", InjectedFailure::Kill, 10),
        ("write", InjectedFailure::FailsOnce("ENOSPC"), 1),
        ("write", InjectedFailure::FailsOnce("EIO"), 5),
    ];
    inject_everywhere("the program, at what it prints", WatchedFiles::Terminal, &sample);
}
