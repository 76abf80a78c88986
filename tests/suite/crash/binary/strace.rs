//! Struck at every call to the system that touches the state: by SIGKILL before it is carried out, or by an error in its
//! place. strace does that (`-e inject`); where it is missing, or may not trace, the tests say that they were skipped.

use std::process::{Command, Stdio};

use super::*;

/// A kind of call, by the names that it has on one machine or another: each machine's libc uses one of them.
type SyscallKind = (&'static str, &'static str);

const WRITE_CALLS: [SyscallKind; 7] = [
    ("write", "write"),
    ("fsync", "fsync,fdatasync"),
    ("rename", "?rename,?renameat,?renameat2"),
    ("open", "?open,openat"),
    ("unlink", "?unlink,unlinkat"),
    ("truncate", "ftruncate"),
    ("mkdir", "?mkdir,mkdirat"),
];
const OTHER_CALLS: [SyscallKind; 2] = [("flock", "flock"), ("read", "read")];

/// What strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InjectedFailure {
    Kill,
    /// This call fails so, the next one does not.
    FailsOnce(&'static str),
    /// Writes and syncs fail so from this one on, as when a disk turns read-only.
    FailsFromNowOn(&'static str),
}

/// Which files are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WatchedFiles {
    State,
    Terminal,
}

#[derive(Debug, Clone, Copy)]
struct SyscallCase {
    stage: usize,
    files: WatchedFiles,
    syscall: SyscallKind,
    failure: InjectedFailure,
    /// Which of these calls, from 1.
    occurrence: usize,
    continues: bool,
}

/// What the trace says.
struct ParsedTrace {
    injected_at: Option<SystemTime>,
    calls: Vec<String>,
}

impl StagedProject {
    fn trace_path(&self) -> PathBuf {
        self.folder().join("trace.txt")
    }

    /// The words before the program's name that have it traced, with `more`.
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

    /// What was traced in the last run.
    fn read_trace(&self) -> Result<ParsedTrace, CrashFailure> {
        let text = fs::read(self.trace_path()).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&text);
        let is_injection = |line: &&str| line.contains("(INJECTED)") || line.contains("killed by SIGKILL");
        let injected_at = text.lines().find(is_injection).and_then(call_time);
        Ok(ParsedTrace { injected_at, calls: text.lines().filter_map(syscall_kind).map(str::to_owned).collect() })
    }
}

/// When a line of a trace was written: `PID SECONDS.MICROSECONDS …`.
pub fn call_time(line: &str) -> Option<SystemTime> {
    let seconds: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds))
}

/// The kind of call that a line tells of.
fn syscall_kind(line: &str) -> Option<&'static str> {
    let name = line.split_whitespace().nth(2)?.split('(').next()?;
    let is_it = |(_, names): &&SyscallKind| names.split(',').any(|one| one.trim_start_matches('?') == name);
    WRITE_CALLS.iter().chain(&OTHER_CALLS).find(is_it).map(|(kind, _)| *kind)
}

impl SyscallCase {
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

/// One life, struck once; everything holds at the end of it. Whether it was struck at all.
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
        None if run.code.is_some() => return Err(format!("killed, and yet exit code {:?}:\n{}", run.code, run.output)),
        None => {}
        Some(error) if case.files == WatchedFiles::State => check_failure_is_reported(case, error, injected_at, &run)?,
        Some(error) => check_output_failure_is_reported(error, &run)?,
    }
    staged.check_durability(figures).await?;
    staged.check_convergence(figures).await?;
    Ok(true)
}

/// How long after a failure a request may come that had left before it: this machine may be busy.
const IN_FLIGHT_GRACE: Duration = Duration::from_millis(250);

/// The run has stopped at once, and says what failed, where, and what is known.
fn check_failure_is_reported(
    case: &SyscallCase,
    error: &str,
    injected_at: SystemTime,
    run: &ProgramRun,
) -> Result<(), CrashFailure> {
    let late: Vec<_> =
        run.sent.iter().filter(|sent| sent.is_mutation() && sent.at > injected_at + IN_FLIGHT_GRACE).collect();
    if !late.is_empty() {
        return Err(format!("struck at {injected_at:?}, and then was sent {late:?}:\n{}", run.output));
    }
    // A journal that could not be removed when all that it says was folded takes nothing away.
    if run.code == Some(0) && case.syscall.0 == "unlink" {
        return Ok(());
    }
    let said = program_harness::single_line(&run.output);
    let is_known =
        ["This run sent no request that changes Confluent Cloud, and the record is unchanged.", "are durable in"];
    let is_known = is_known.iter().any(|words| said.contains(words));
    if run.code != Some(1) || !said.contains(error) || !said.contains("/state") || !is_known {
        return Err(format!("exit code {:?}, and what is known is not told: {said}", run.code));
    }
    Ok(())
}

/// Standard output or error is what failed. The one is told on the other; nobody can be told of the other.
fn check_output_failure_is_reported(error: &str, run: &ProgramRun) -> Result<(), CrashFailure> {
    let said = program_harness::single_line(&run.output);
    match run.code {
        Some(0) => Ok(()),
        Some(1) if said.contains("cannot write to standard output") && said.contains(error) => Ok(()),
        code => Err(format!("exit code {code:?}: {said}")),
    }
}

/// Why nothing can be traced here, if that is so.
pub fn tracing_obstacle() -> Option<String> {
    let arguments = ["-f", "-o", "/dev/null", "-e", "inject=getppid:error=EIO", "true"];
    let tried = Command::new("strace").args(arguments).stdin(Stdio::null()).output();
    match tried.ok() {
        None => Some("strace is not installed".to_owned()),
        Some(output) if output.status.success() => None,
        Some(output) => Some(format!("strace may not trace: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// How many of each kind of call an undisturbed run of a stage makes.
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

/// Every case of a stage; the last of each kind goes on to where a run is not struck any more.
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

/// The figures of one kind of call and one of strike are printed in a line of their own.
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

/// Strikes at every call of every stage with `FLOE_CRASH=all`, at the `usual` ones of one stage without.
fn inject_everywhere(what: &str, files: WatchedFiles, sample: &[(&'static str, InjectedFailure, usize)]) {
    if let Some(obstacle) = tracing_obstacle() {
        assert!(!is_exhaustive(), "everything was asked for, and {obstacle}");
        println!("skipped: {obstacle}; the program is not struck at its calls to the system");
        return;
    }
    let mut figures = Figures::default();
    let kind = |name: &str| *WRITE_CALLS.iter().find(|(kind, _)| *kind == name).unwrap();
    let one = |(name, strike, at): &(&str, InjectedFailure, usize)| SyscallCase {
        stage: 1,
        files,
        syscall: kind(name),
        failure: *strike,
        occurrence: *at,
        continues: false,
    };
    let mut cases: Vec<SyscallCase> = sample.iter().map(one).collect();
    if is_exhaustive() {
        cases.clear();
        for stage in 0..STAGES.len() {
            let calls = count_calls(stage, files, &mut figures).unwrap_or_else(|why| panic!("undisturbed: {why}"));
            figures.points += calls.len();
            cases.extend(all_cases(stage, files, &calls));
        }
    }
    let injected = Mutex::new(Vec::new());
    let problems = run_in_parallel(cases, &mut figures, |case, runtime, figures| {
        let result = runtime.block_on(run_case(case, figures));
        // How many calls there are differs from run to run, since what comes together is written together.
        let next = SyscallCase { occurrence: case.occurrence + 1, ..*case };
        let next = (case.continues && !matches!(result, Ok(false)) && case.occurrence < 2_000).then_some(next);
        let result = match result {
            Ok(false) if !is_exhaustive() => Err("there is no such call".to_owned()),
            Ok(false) => Ok(()),
            lived => {
                injected.lock().unwrap().push(*case);
                lived.map(drop)
            }
        };
        (result.map_err(|why| format!("stage `{}`, {case:?}: {why}", STAGES[case.stage].name)), next)
    });
    assert!(figures.crashes > 0 || !problems.is_empty(), "nothing was struck");
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
    inject_everywhere("the program_harness, struck at its calls to the system", WatchedFiles::State, &sample);
}

#[test]
fn failing_to_print_loses_no_state() {
    let sample = [
        ("write", InjectedFailure::Kill, 10),
        ("write", InjectedFailure::FailsOnce("ENOSPC"), 1),
        ("write", InjectedFailure::FailsOnce("EIO"), 5),
    ];
    inject_everywhere("the program_harness, struck at what it prints", WatchedFiles::Terminal, &sample);
}
