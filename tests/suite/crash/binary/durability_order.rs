//! Checks the order of what the undisturbed program does on a real disk: no request is sent before its intent is
//! durable, and a snapshot takes its place only once it is durable. The fake disk proves that this order is enough,
//! and this test proves that it is kept.

use super::*;

/// A traced system call: when it returned, which one it is, and its file.
#[derive(Debug)]
struct TracedCall {
    /// The time when the call returned.
    at: SystemTime,
    /// The process id in the trace.
    pid: String,
    /// The name of the call.
    name: String,
    /// The name of its file.
    file: String,
}

/// Returns the calls of a trace, in the order in which they began. If the trace shows another thread before a call
/// returns, the call ends where the trace resumes it.
fn parse_trace(trace: &str) -> Vec<TracedCall> {
    let mut calls: Vec<TracedCall> = Vec::new();
    for line in trace.lines() {
        let mut words = line.split_whitespace();
        let (Some(pid), Some(at)) = (words.next(), strace::call_time(line)) else { continue };
        let rest = words.skip(1).collect::<Vec<_>>().join(" ");
        if rest.starts_with("<...") {
            if let Some(open) = calls.iter_mut().rev().find(|call| call.pid == pid) {
                open.at = at;
            }
        } else if let Some((name, arguments)) = rest.split_once('(') {
            // The path of a descriptor, or the last path of the arguments, which is the new name in a rename.
            let file = match arguments.split_once('<').filter(|_| !arguments.contains('"') || name == "write") {
                Some((_, path)) => path.split('>').next(),
                None => arguments.split('"').rev().nth(1),
            };
            let file = file.unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
            calls.push(TracedCall { at, pid: pid.to_owned(), name: name.to_owned(), file });
        }
    }
    calls
}

/// Returns true if the name of the call starts with `name`, and its file is `file`.
fn is_call(call: &TracedCall, name: &str, file: &str) -> bool {
    call.file == file && call.name.starts_with(name)
}

#[tokio::test]
async fn every_request_and_rename_follows_the_sync_of_what_was_written() {
    if let Some(obstacle) = strace::tracing_obstacle() {
        assert!(!is_exhaustive(), "`FLOE_CRASH=all` needs to trace the program, but {obstacle}");
        println!("skipped: {obstacle}, so the order of the calls is not checked");
        return;
    }
    // Each resource waits for the one before it, so no two requests are in flight at once.
    let project = TestProject::with_options(
        &[("statements/s.toml", DEPENDENT_STATEMENTS), ("pools.toml", "[pools.main]\nmax_cfu = 5\n")],
        options(),
    );
    let (folder, service) = (project.folder.path(), ServedSimulator::start(&project.simulator, None).await);
    fs::write(folder.join("floe.toml"), program_harness::floe_toml_with_endpoint(&service.origin, "")).unwrap();
    let names = ["", "state", "state/test.json", "state/test.json.next", "state/test.journal"];
    let trace = folder.join("trace.txt");
    let mut strace: Vec<String> = ["strace", "-f", "-ttt", "-y", "-o"].map(str::to_owned).to_vec();
    strace.extend([trace.display().to_string(), "-e".to_owned()]);
    strace.push("trace=write,fsync,fdatasync,?rename,?renameat,?renameat2,?mkdir,mkdirat".to_owned());
    strace.extend(names.iter().flat_map(|name| ["-P".to_owned(), folder.join(name).display().to_string()]));
    let ended = service.run(program_harness::floe_command(folder, &strace, &["apply", "--yes"])).await;
    assert_eq!(ended.status.code(), Some(0), "{:?}", program_harness::output(folder));
    let calls = parse_trace(&String::from_utf8_lossy(&fs::read(&trace).unwrap()));

    let sent: Vec<SystemTime> = service.sent().iter().filter(|sent| sent.is_mutation()).map(|sent| sent.at).collect();
    assert_eq!(sent.len(), 3, "expected one request each for a pool, a table and a job");
    for (number, at) in sent.iter().enumerate() {
        let journal = |call: &&TracedCall| call.file == "test.journal" && call.at < *at;
        let last = calls
            .iter()
            .rfind(journal)
            .unwrap_or_else(|| panic!("the journal was not written before request {number}"));
        assert!(is_call(last, "f", "test.journal"), "request {number} follows {last:?} instead of a sync");
        let synced = calls.iter().filter(|call| is_call(call, "f", "test.journal") && call.at < *at).count();
        assert!(synced > number + 1, "request {number} follows only {synced} syncs");
    }
    let kept = folder.file_name().unwrap().to_string_lossy().into_owned();
    let made = [("mkdir", "state"), ("f", kept.as_str())];
    let snapshot = [("write", "test.json.next"), ("f", "test.json.next"), ("rename", "test.json"), ("f", "state")];
    let journal = [("write", "test.journal"), ("f", "test.journal"), ("f", "state")];
    let expected: Vec<(&str, &str)> = [&made[..], &snapshot, &journal].concat();
    let first: Vec<(&str, &str)> = calls.iter().take(expected.len()).map(|call| (&*call.name, &*call.file)).collect();
    let fits = |(found, wanted): (&(&str, &str), &(&str, &str))| found.1 == wanted.1 && found.0.starts_with(wanted.0);
    assert!(first.len() == expected.len() && first.iter().zip(&expected).all(fits), "{first:?}");
    let last: Vec<(&str, &str)> = calls.iter().rev().take(4).rev().map(|call| (&*call.name, &*call.file)).collect();
    assert!(last.iter().zip(&snapshot).all(fits), "{last:?}");
}

/// A table, and a job that waits for it.
const DEPENDENT_STATEMENTS: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
"#;
