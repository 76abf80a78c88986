//! Every text that comes from outside is hostile, and the real binary prints it in every command and format. A proxy
//! puts the text into each string of each response, wherever it can, so that no field has to be listed here.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{Request, Response},
};
use floe::{
    cloud::{HttpRequest, HttpResponse, Method, Transport},
    resource::is_deceptive,
    simulator::{PhaseDurations, SimulatedRateLimits, Simulator, SimulatorOptions},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A text with everything that steers a terminal, a comment on a pull request or a runner.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]8;;http://evil\u{7}click\u{1b}]8;;\u{7}\u{0}\r\n::error::boom\n##[group]x \
                       ##vso[task.setvariable]y \u{202e}rtl\u{2066}\u{200b} @org/team [x](http://evil) \
                       ![t](http://evil/p.png) ``` ` <img src=http://evil> <!-- \n# heading\n| a | b |\n|---|---|\n";

/// The same without control characters, which names in manifests cannot have.
const HOSTILE_NAME: &str = "\u{202e}rtl\u{200b} ::error:: ##[group] ##vso[x] @org/team [x](http://evil) \
                            ![t](http://evil/p.png) ``` ` <img src=x> # | a |";

/// Which strings of a response are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attack {
    /// None, so that a project can be applied first.
    None,
    /// All messages. What identifies a resource stays.
    Messages,
    /// All messages, phases and severities.
    Phases,
    /// Also the names and the SQL of statements that the project does not manage, and names of pools.
    Strangers,
    /// The bodies of errors, which answer every request.
    Errors,
    /// The bodies of errors, which answer requests that change something.
    ErrorsOfChanges,
}

/// The names of the fields without which a response means something else.
const IDENTIFYING: [&str; 22] = [
    "name",
    "id",
    "uid",
    "resource_version",
    "next",
    "compute_pool_id",
    "principal",
    "statement",
    "cloud",
    "region",
    "environment",
    "display_name",
    "phase",
    "kind",
    "api_version",
    "created_at",
    "updated_at",
    "sql_kind",
    "properties",
    "labels",
    "organization_id",
    "environment_id",
];

/// Replaces strings of a response as the attack says.
fn poison(value: &mut Value, field: &str, attack: Attack) {
    match value {
        Value::Object(fields) => {
            let is_stranger =
                fields.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with("stranger"));
            for (name, value) in fields.iter_mut() {
                match name.as_str() {
                    "name" | "statement" if is_stranger && attack == Attack::Strangers => {
                        *value = json!(format!("stranger {HOSTILE} SELECT"));
                    }
                    "spec" if is_stranger => {
                        value["statement"] = json!(format!("INSERT INTO made SELECT '{HOSTILE}' FROM t"));
                    }
                    "display_name" if attack == Attack::Strangers => *value = json!(HOSTILE),
                    "warnings" => *value = json!([{"severity": "x", "reason": "x", "message": "x"}]),
                    _ => {}
                }
                poison(value, name, attack);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, field, attack)),
        Value::String(text) => {
            let is_phase = field == "phase" && attack == Attack::Phases;
            if is_phase || !IDENTIFYING.contains(&field) {
                *text = HOSTILE.to_owned();
            }
        }
        _ => {}
    }
}

/// A simulated cloud whose responses are poisoned.
#[derive(Clone)]
struct HostileCloud {
    /// The cloud behind the poison.
    simulator: Simulator,
    /// What is poisoned now.
    attack: Arc<Mutex<Attack>>,
}

/// Answers one request.
async fn answer(State(cloud): State<HostileCloud>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let method = match head.method.as_str() {
        "GET" => Method::GET,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        _ => Method::DELETE,
    };
    let attack = *cloud.attack.lock().unwrap();
    let fails = attack == Attack::Errors || (attack == Attack::ErrorsOfChanges && !method.is_safe());
    let response = if fails {
        let error =
            json!({ "errors": [{ "detail": HOSTILE, "resolution": HOSTILE, "source": { "pointer": HOSTILE } }] });
        HttpResponse { status: 400, headers: Default::default(), body: error.to_string().into_bytes() }
    } else {
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let request = HttpRequest {
            method,
            url: format!("http://localhost{}", head.uri.path_and_query().unwrap()),
            headers: headers.collect(),
            body: to_bytes(body, 1 << 20).await.unwrap().to_vec(),
        };
        cloud.simulator.send(request).await.unwrap()
    };
    let body = match serde_json::from_slice::<Value>(&response.body) {
        Ok(mut value) if attack != Attack::None && !fails => {
            poison(&mut value, "", attack);
            value.to_string().into_bytes()
        }
        _ => response.body,
    };
    Response::builder().status(response.status).body(Body::from(body)).unwrap()
}

/// Writes the project: its own name, properties and SQL are hostile, too.
fn write_project(folder: &Path, origin: &str) {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let manifest = format!(
        "[project]\nname = {name}\n[environments.prod]\norganization = \"00000000-0000-0000-0000-000000000000\"\n\
         id = \"env-sim\"\ncloud = \"aws\"\nregion = \"us-east-1\"\nendpoint = \"{origin}\"\n\
         cloud_endpoint = \"{origin}\"\n[defaults]\npool = \"main\"\n[pools.main]\nmax_cfu = 10\n",
        name = quoted(HOSTILE_NAME),
    );
    fs::write(folder.join("floe.toml"), manifest).unwrap();
    declare(folder, "made", "");
}

/// Declares three statements, which contain `word` so that they can change.
fn declare(folder: &Path, word: &str, more: &str) {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let comment = HOSTILE_NAME.replace('*', "");
    let statements = format!(
        "[statements.t]\nsql = {table}\nundo = {undo}\n[statements.job]\nsql = {job}\n\
         properties = {{ \"sql.local-time-zone\" = {value}, {key} = \"x\" }}\n[statements.other]\nsql = {other}\n{more}",
        table = quoted(&format!("CREATE TABLE made (`{}` INT) /* {word} {comment} */", "::error:: @org/team")),
        undo = quoted(&format!("DROP TABLE made /* {comment} */")),
        job = quoted(
            &format!("/* {comment} */\n::error\n-- {comment}\nINSERT INTO `out @org/team` SELECT '{word}' FROM made")
                .replace("\n::error\n", "\n")
        ),
        value = quoted(HOSTILE_NAME),
        key = quoted(&format!("sql.tables.{HOSTILE_NAME}")),
        other = quoted(&format!("INSERT INTO elsewhere SELECT '{word}\n::error::x' FROM made")),
    );
    fs::create_dir_all(folder.join("statements")).unwrap();
    fs::write(folder.join("statements/s.toml"), statements).unwrap();
}

/// Runs floe in this folder. Returns its exit code, standard output and standard error.
fn run_floe(folder: &Path, arguments: &[&str], origin: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    command.env_clear().env("FLOE_ALLOW_ENDPOINTS", origin).env("COLUMNS", "60");
    for variable in ["FLINK_API", "CLOUD_API"] {
        command.env(format!("{variable}_KEY"), "key").env(format!("{variable}_SECRET"), "secret");
    }
    let Output { status, stdout, stderr } =
        command.arg("-C").arg(folder).args(arguments).stdin(std::process::Stdio::null()).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Asserts that a text steers neither a terminal nor a runner.
fn assert_harmless_in_a_log(text: &str, at: &str) {
    let letter = text.chars().find(|letter| is_deceptive(*letter));
    assert_eq!(letter, None, "{at}: {text}");
    for line in text.lines() {
        let is_command = line.trim_start().starts_with("::") || line.contains("##[") || line.contains("##vso[");
        assert!(!is_command, "{at}: {line}\nin {text}");
    }
}

/// Asserts that nothing outside of code has a meaning in a comment on a pull request.
fn assert_harmless_in_markdown(text: &str, at: &str) {
    let mut fence = String::new();
    for (number, line) in text.lines().enumerate() {
        let run: String = line.chars().take_while(|letter| *letter == '`').collect();
        if !fence.is_empty() {
            if run == fence && line.trim() == fence {
                fence.clear();
            }
            continue;
        }
        if run.len() >= 3 && !line[run.len()..].contains('`') {
            fence = run;
            continue;
        }
        let prose = without_code(line);
        for live in ["@", "](", "![", "<img", "<!--", "http:", "|"] {
            assert!(!prose.contains(live), "{at}: `{live}` in line {number}: {line}\nin {text}");
        }
        assert!(number == 0 || !prose.starts_with('#'), "{at}: {line}");
    }
    assert!(fence.is_empty(), "{at}: a fence is open at the end: {text}");
}

/// Returns a line of Markdown without its code spans and its `<code>` elements.
fn without_code(line: &str) -> String {
    if let Some((before, rest)) = line.split_once("<code>") {
        let after = rest.split_once("</code>").unwrap_or_else(|| panic!("unclosed: {line}")).1;
        return format!("{}{}", without_code(before), without_code(after));
    }
    let Some(at) = line.find('`') else { return line.to_owned() };
    let run = line[at..].chars().take_while(|letter| *letter == '`').count();
    let (fence, rest) = line[at..].split_at(run);
    let mut from = 0;
    while let Some(found) = rest[from..].find(fence).map(|found| found + from) {
        let length = rest[found..].chars().take_while(|letter| *letter == '`').count();
        if length == run {
            return format!("{}{}", &line[..at], without_code(&rest[found + run..]));
        }
        from = found + length;
    }
    format!("{}{}", &line[..at + run].replace('`', ""), without_code(rest))
}

/// Runs a command in each format that it has, and asserts that its output is harmless. Returns all outputs.
fn check_in_every_format(folder: &Path, command: &[&str], origin: &str) -> String {
    let mut all = String::new();
    let formats = match command[0] {
        "plan" => &["text", "markdown", "json"][..],
        "graph" => &["markdown", "json", "dot", "svg"],
        _ => &["text", "json"],
    };
    for format in formats.iter().copied() {
        for verbose in [false, true].into_iter().filter(|verbose| !verbose || command[0] == "plan") {
            let arguments: Vec<&str> =
                [command, &["--format", format][..], if verbose { &["-v"] } else { &[] }].concat();
            let at = arguments.join(" ");
            let (code, stdout, stderr) = run_floe(folder, &arguments, origin);
            assert!(code != 101, "{at}: {stderr}");
            assert_harmless_in_a_log(&stdout, &at);
            assert_harmless_in_a_log(&stderr, &at);
            match format {
                "json" if !stdout.is_empty() => drop(serde_json::from_str::<Value>(&stdout).expect(&at)),
                "markdown" if code != 1 && matches!(command[0], "plan" | "apply" | "graph") => {
                    assert_harmless_in_markdown(&stdout, &at);
                }
                _ => {}
            }
            all.push_str(&stdout);
            all.push_str(&stderr);
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_harmless_in_every_command_and_format() {
    let options = SimulatorOptions {
        phase_durations: PhaseDurations::uniform(std::time::Duration::from_millis(1)),
        rate_limits: SimulatedRateLimits::unlimited(),
        ..SimulatorOptions::default()
    };
    let cloud = HostileCloud { simulator: Simulator::new(options), attack: Arc::new(Mutex::new(Attack::None)) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(cloud.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    tokio::task::spawn_blocking(move || attack_every_command(&cloud, &origin)).await.unwrap();
}

/// Applies the project, and then runs every command under every attack.
fn attack_every_command(cloud: &HostileCloud, origin: &str) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let set_attack = |attack| *cloud.attack.lock().unwrap() = attack;
    write_project(at, origin);
    check_in_every_format(at, &["validate"], origin);
    check_in_every_format(at, &["graph"], origin);
    check_in_every_format(at, &["plan"], origin);
    let (code, stdout, stderr) = run_floe(at, &["apply", "--yes"], origin);
    assert_harmless_in_a_log(&[stdout.as_str(), &stderr].concat(), "apply");
    assert_eq!(code, 0, "{stdout}{stderr}");
    let mut shown = BTreeSet::new();
    for attack in [Attack::Messages, Attack::Phases, Attack::Strangers, Attack::ErrorsOfChanges, Attack::Errors] {
        set_attack(attack);
        for (word, more) in [("made", ""), ("changed", ""), ("again", "evolve = \"restart\"\n")] {
            declare(at, word, more);
            for command in [&["plan"][..], &["status"], &["drift"]] {
                let output = check_in_every_format(at, command, origin);
                shown.extend(output.contains("rtl").then(|| format!("{attack:?} {command:?}")));
            }
        }
        set_attack(if attack == Attack::Phases { Attack::Messages } else { attack });
        for command in [&["apply", "--yes"][..], &["import", "pools.main", "lfcp-none"]] {
            let (code, stdout, stderr) = run_floe(at, command, origin);
            assert!(code != 101, "{stderr}");
            assert_harmless_in_a_log(&[stdout.as_str(), &stderr].concat(), &format!("{command:?} under {attack:?}"));
        }
        declare(at, "made", "");
    }
    for (attack, command) in [("Messages", "status"), ("Phases", "status"), ("Phases", "plan"), ("Errors", "plan")] {
        let place = format!("{attack} [\"{command}\"]");
        assert!(shown.contains(&place), "{place} shows no hostile text, so nothing is tested there: {shown:?}");
    }
    set_attack(Attack::None);
    check_hostile_files(at, origin);
}

/// Puts hostile text into the state and into a saved plan, and runs the commands that read them.
fn check_hostile_files(folder: &Path, origin: &str) {
    let plan = folder.join("p.json");
    declare(folder, "planned", "");
    run_floe(folder, &["plan", "--out", plan.to_str().unwrap()], origin);
    let text = fs::read_to_string(&plan).unwrap();
    let hostile = serde_json::to_string(HOSTILE).unwrap();
    for field in ["project", "uid", "why", "detail", "lineage"] {
        let mut value: Value = serde_json::from_str(&text).unwrap();
        replace_field(&mut value, field);
        fs::write(&plan, value.to_string()).unwrap();
        let (_, stdout, stderr) = run_floe(folder, &["apply", plan.to_str().unwrap()], origin);
        assert_harmless_in_a_log(&[stdout, stderr].concat(), field);
    }
    let state = folder.join("state/prod.json");
    let text = fs::read_to_string(&state).unwrap();
    for (from, to) in
        [("\"job\":", format!("{hostile}:")), ("\"main\":", format!("{hostile}:")), ("\"job\"", hostile.clone())]
    {
        fs::write(&state, text.replace(from, &to)).unwrap();
        for command in
            [&["state", "list"][..], &["state", "show", "statements.other"], &["plan"], &["status"], &["drift"]]
        {
            check_in_every_format(folder, command, origin);
        }
    }
}

/// Replaces each string under this name.
fn replace_field(value: &mut Value, field: &str) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| match value {
            Value::String(text) if name == field => *text = HOSTILE.to_owned(),
            other => replace_field(other, field),
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_field(item, field)),
        _ => {}
    }
}
