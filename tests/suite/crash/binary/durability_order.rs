//! The order of what the program does, undisturbed and on the disk of this machine: nothing leaves before it is durable, and
//! a snapshot takes its place only once it is. The fake disk proves that this order is enough; this, that it is kept.

use super::*;

/// A call of the trace: when it came to its end, which one, and the file.
#[derive(Debug)]
struct TracedCall {
    at: SystemTime,
    pid: String,
    name: String,
    file: String,
}

/// The calls of a trace, in the order in which they began. One that went on while another thread was traced ends where it
/// says so.
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
            // A descriptor with its path, or the last path of the arguments: what a file is renamed to.
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

fn is_call(call: &TracedCall, name: &str, file: &str) -> bool {
    call.file == file && call.name.starts_with(name)
}

#[tokio::test]
async fn every_request_and_rename_follows_the_sync_of_what_was_written() {
    if let Some(obstacle) = strace::tracing_obstacle() {
        assert!(!is_exhaustive(), "everything was asked for, and {obstacle}");
        println!("skipped: {obstacle}; the order of calls is not looked at");
        return;
    }
    // Each waits for the one before, so no two requests are under way at once.
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
    assert_eq!(sent.len(), 3, "a pool, a table and a job");
    for (number, at) in sent.iter().enumerate() {
        let journal = |call: &&TracedCall| call.file == "test.journal" && call.at < *at;
        let last = calls.iter().rfind(journal).unwrap_or_else(|| panic!("nothing was written before request {number}"));
        assert!(is_call(last, "f", "test.journal"), "request {number} follows {last:?}");
        let synced = calls.iter().filter(|call| is_call(call, "f", "test.journal") && call.at < *at).count();
        assert!(synced > number + 1, "request {number} follows {synced} syncs");
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

const DEPENDENT_STATEMENTS: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
"#;
