//! Struck at every call to the system that touches the state: by SIGKILL before it is carried out, or by an error in its
//! place. strace does that (`-e inject`); where it is missing, or may not trace, the tests say that they were skipped.

use std::process::{Command, Stdio};

use super::*;

/// A kind of call, by the names that it has on one machine or another: each machine's libc uses one of them.
type Call = (&'static str, &'static str);

const WRITES: [Call; 7] = [
    ("write", "write"),
    ("fsync", "fsync,fdatasync"),
    ("rename", "?rename,?renameat,?renameat2"),
    ("open", "?open,openat"),
    ("unlink", "?unlink,unlinkat"),
    ("truncate", "ftruncate"),
    ("mkdir", "?mkdir,mkdirat"),
];
const OTHERS: [Call; 2] = [("flock", "flock"), ("read", "read")];

/// What strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strike {
    Kill,
    /// This call fails so, the next one does not.
    Fails(&'static str),
    /// Writes and syncs fail so from this one on, as when a disk turns read-only.
    FailsFromNowOn(&'static str),
}

/// Which files are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    State,
    Terminal,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    stage: usize,
    of: Of,
    call: Call,
    strike: Strike,
    /// Which of these calls, from 1.
    at: usize,
    goes_on: bool,
}

/// What the trace says.
struct Trace {
    struck: Option<SystemTime>,
    calls: Vec<String>,
}

impl Scene {
    fn trace(&self) -> PathBuf {
        self.folder().join("trace.txt")
    }

    /// The words before the program's name that have it traced, with `more`.
    fn strace(&self, of: Of, more: &[String]) -> Vec<String> {
        let calls: Vec<&str> = WRITES.iter().chain(&OTHERS).map(|(_, names)| *names).collect();
        let mut words = vec!["strace".to_owned(), "-f".to_owned(), "-ttt".to_owned(), "-y".to_owned()];
        words.extend(["-o".to_owned(), self.trace().display().to_string()]);
        words.extend(["-e".to_owned(), format!("trace={}", calls.join(","))]);
        let state = ["state", "state/test.json", "state/test.json.next", "state/test.journal", "state/test.lock"];
        let files: &[&str] = if of == Of::State { &state } else { &["out.txt", "err.txt"] };
        let paths = files.iter().flat_map(|file| ["-P".to_owned(), self.folder().join(file).display().to_string()]);
        words.extend(paths);
        words.extend_from_slice(more);
        words
    }

    /// What was traced in the last run.
    fn traced(&self) -> Result<Trace, Problem> {
        let text = fs::read(self.trace()).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&text);
        let is_struck = |line: &&str| line.contains("(INJECTED)") || line.contains("killed by SIGKILL");
        let struck = text.lines().find(is_struck).and_then(time);
        Ok(Trace { struck, calls: text.lines().filter_map(call).map(str::to_owned).collect() })
    }
}

/// When a line of a trace was written: `PID SECONDS.MICROSECONDS …`.
pub fn time(line: &str) -> Option<SystemTime> {
    let seconds: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds))
}

/// The kind of call that a line tells of.
fn call(line: &str) -> Option<&'static str> {
    let name = line.split_whitespace().nth(2)?.split('(').next()?;
    let is_it = |(_, names): &&Call| names.split(',').any(|one| one.trim_start_matches('?') == name);
    WRITES.iter().chain(&OTHERS).find(is_it).map(|(kind, _)| *kind)
}

impl Case {
    fn injection(&self) -> Vec<String> {
        let inject = |names: &str, what: String| ["-e".to_owned(), format!("inject={names}:{what}")];
        match self.strike {
            Strike::Kill => inject(self.call.1, format!("signal=SIGKILL:when={}", self.at)).to_vec(),
            Strike::Fails(error) => inject(self.call.1, format!("error={error}:when={}", self.at)).to_vec(),
            Strike::FailsFromNowOn(error) => {
                let of_kind = |kind: &&str| WRITES.iter().find(|(name, _)| name == kind).map(|(_, names)| *names);
                let names: Vec<&str> = ["write", "fsync"].iter().filter_map(of_kind).collect();
                inject(&names.join(","), format!("error={error}:when={}+", self.at)).to_vec()
            }
        }
    }

    fn error(&self) -> Option<&'static str> {
        match self.strike {
            Strike::Kill => None,
            Strike::Fails(error) | Strike::FailsFromNowOn(error) => Some(match error {
                "ENOSPC" => "No space left on device",
                "EROFS" => "Read-only file system",
                _ => "Input/output error",
            }),
        }
    }
}

/// One life, struck once; everything holds at the end of it. Whether it was struck at all.
async fn life(case: &Case, figures: &mut Figures) -> Result<bool, Problem> {
    let scene = Scene::before(case.stage).await?;
    figures.runs += 1;
    let run = scene.run(&scene.strace(case.of, &case.injection()), None).await;
    let trace = scene.traced()?;
    let Some(struck) = trace.struck else {
        run.went_well()?;
        scene.comes_to_its_end(figures).await?;
        return Ok(false);
    };
    figures.cuts += 1;
    match case.error() {
        None if run.code.is_some() => return Err(format!("killed, and yet exit code {:?}:\n{}", run.code, run.said)),
        None => {}
        Some(error) if case.of == Of::State => is_told(case, error, struck, &run)?,
        Some(error) => is_told_elsewhere(error, &run)?,
    }
    scene.nothing_is_lost(figures).await?;
    scene.comes_to_its_end(figures).await?;
    Ok(true)
}

/// How long after a failure a request may come that had left before it: this machine may be busy.
const UNDER_WAY: Duration = Duration::from_millis(250);

/// The run has stopped at once, and says what failed, where, and what is known.
fn is_told(case: &Case, error: &str, struck: SystemTime, run: &Run) -> Result<(), Problem> {
    let late: Vec<_> = run.sent.iter().filter(|sent| sent.changes() && sent.at > struck + UNDER_WAY).collect();
    if !late.is_empty() {
        return Err(format!("struck at {struck:?}, and then was sent {late:?}:\n{}", run.said));
    }
    // A journal that could not be removed when all that it says was folded takes nothing away.
    if run.code == Some(0) && case.call.0 == "unlink" {
        return Ok(());
    }
    let said = program::words(&run.said);
    let is_known = ["this run has sent nothing to change the cloud, and the record is as it was", "are durable in"];
    let is_known = is_known.iter().any(|words| said.contains(words));
    if run.code != Some(1) || !said.contains(error) || !said.contains("/state") || !is_known {
        return Err(format!("exit code {:?}, and what is known is not told: {said}", run.code));
    }
    Ok(())
}

/// Standard output or error is what failed. The one is told on the other; nobody can be told of the other.
fn is_told_elsewhere(error: &str, run: &Run) -> Result<(), Problem> {
    let said = program::words(&run.said);
    match run.code {
        Some(0) => Ok(()),
        Some(1) if said.contains("standard output cannot be written") && said.contains(error) => Ok(()),
        code => Err(format!("exit code {code:?}: {said}")),
    }
}

/// Why nothing can be traced here, if that is so.
pub fn hindrance() -> Option<String> {
    let arguments = ["-f", "-o", "/dev/null", "-e", "inject=getppid:error=EIO", "true"];
    let tried = Command::new("strace").args(arguments).stdin(Stdio::null()).output();
    match tried.ok() {
        None => Some("strace is not installed".to_owned()),
        Some(output) if output.status.success() => None,
        Some(output) => Some(format!("strace may not trace: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// How many of each kind of call an undisturbed run of a stage makes.
fn counted(stage: usize, of: Of, figures: &mut Figures) -> Result<Vec<String>, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let scene = Scene::before(stage).await?;
        figures.runs += 1;
        scene.run(&scene.strace(of, &[]), None).await.went_well()?;
        let calls = scene.traced()?.calls;
        scene.comes_to_its_end(figures).await?;
        Ok(calls)
    })
}

/// Every case of a stage; the last of each kind goes on to where a run is not struck any more.
fn every_case(stage: usize, of: Of, calls: &[String]) -> Vec<Case> {
    let mut cases = Vec::new();
    for call in WRITES.iter().chain(&OTHERS).copied() {
        let count = calls.iter().filter(|kind| *kind == call.0).count();
        let strikes: &[Strike] = match call.0 {
            "read" | "flock" => &[Strike::Fails("EIO")],
            _ => &[Strike::Kill, Strike::Fails("ENOSPC"), Strike::Fails("EIO")],
        };
        let each =
            |strike: Strike| (1..=count).map(move |at| Case { stage, of, call, strike, at, goes_on: at == count });
        cases.extend(strikes.iter().copied().flat_map(each));
        if call.0 == "write" && of == Of::State {
            cases.extend(each(Strike::FailsFromNowOn("EROFS")).skip(1));
        }
    }
    cases
}

/// The figures of one kind of call and one of strike are printed in a line of their own.
fn by_kind(cases: &[Case]) -> String {
    let mut counts: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for case in cases {
        let strike = match case.strike {
            Strike::Kill => "SIGKILL",
            Strike::Fails(error) => error,
            Strike::FailsFromNowOn(_) => "EROFS from then on",
        };
        *counts.entry(format!("{} {strike}", case.call.0)).or_default() += 1;
    }
    counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>().join(", ")
}

/// Strikes at every call of every stage with `FLOE_CRASH=all`, at the `usual` ones of one stage without.
fn strike_all(what: &str, of: Of, usual: &[(&'static str, Strike, usize)]) {
    if let Some(hindrance) = hindrance() {
        assert!(!is_everything(), "everything was asked for, and {hindrance}");
        println!("skipped: {hindrance}; the program is not struck at its calls to the system");
        return;
    }
    let mut figures = Figures::default();
    let kind = |name: &str| *WRITES.iter().find(|(kind, _)| *kind == name).unwrap();
    let one = |(name, strike, at): &(&str, Strike, usize)| Case {
        stage: 1,
        of,
        call: kind(name),
        strike: *strike,
        at: *at,
        goes_on: false,
    };
    let mut cases: Vec<Case> = usual.iter().map(one).collect();
    if is_everything() {
        cases.clear();
        for stage in 0..STAGES.len() {
            let calls = counted(stage, of, &mut figures).unwrap_or_else(|why| panic!("undisturbed: {why}"));
            figures.points += calls.len();
            cases.extend(every_case(stage, of, &calls));
        }
    }
    let struck = Mutex::new(Vec::new());
    let problems = side_by_side(cases, &mut figures, |case, runtime, figures| {
        let lived = runtime.block_on(life(case, figures));
        // How many calls there are differs from run to run, since what comes together is written together.
        let next = Case { at: case.at + 1, ..*case };
        let next = (case.goes_on && !matches!(lived, Ok(false)) && case.at < 2_000).then_some(next);
        let lived = match lived {
            Ok(false) if !is_everything() => Err("there is no such call".to_owned()),
            Ok(false) => Ok(()),
            lived => {
                struck.lock().unwrap().push(*case);
                lived.map(drop)
            }
        };
        (lived.map_err(|why| format!("stage `{}`, {case:?}: {why}", STAGES[case.stage].name)), next)
    });
    assert!(figures.cuts > 0 || !problems.is_empty(), "nothing was struck");
    println!("{what}: {}", by_kind(&struck.into_inner().unwrap()));
    show(what, &figures, &problems);
}

#[test]
fn nothing_is_lost_or_orphaned_when_the_program_is_struck_at_a_call_to_the_system() {
    let usual = [
        ("write", Strike::Kill, 9),
        ("write", Strike::Fails("ENOSPC"), 12),
        ("write", Strike::FailsFromNowOn("EROFS"), 15),
        ("fsync", Strike::Kill, 13),
        ("fsync", Strike::Fails("EIO"), 2),
        ("fsync", Strike::Fails("EIO"), 11),
        ("rename", Strike::Kill, 1),
        ("rename", Strike::Fails("ENOSPC"), 1),
        ("open", Strike::Fails("EIO"), 1),
        ("unlink", Strike::Kill, 2),
    ];
    strike_all("the program, struck at its calls to the system", Of::State, &usual);
}

#[test]
fn what_cannot_be_printed_costs_no_state() {
    let usual =
        [("write", Strike::Kill, 10), ("write", Strike::Fails("ENOSPC"), 1), ("write", Strike::Fails("EIO"), 5)];
    strike_all("the program, struck at what it prints", Of::Terminal, &usual);
}
