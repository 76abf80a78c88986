//! Reads and writes `console` blocks: commands, and the output of each.

/// One command of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The index of the `$` line in the block.
    pub index: usize,
    /// The text that the shell runs.
    pub script: String,
    /// The lines of the command as they are in the block.
    pub written: Vec<String>,
    /// The expected exit code, which is 0 unless the block says otherwise.
    pub code: i32,
    /// The expected output, without blank lines at its end. A `...` line stands for any lines.
    pub expected: Vec<String>,
}

/// The line that stands for any lines of output.
const ELISION: &str = "...";

/// Returns the commands of a block.
pub fn commands(body: &[String]) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut in_command = false;
    for (at, line) in body.iter().enumerate() {
        if let Some(text) = line.strip_prefix("$ ") {
            let text = text.to_owned();
            commands.push(Command {
                index: at,
                script: text,
                written: vec![line.clone()],
                code: 0,
                expected: Vec::new(),
            });
            in_command = true;
            continue;
        }
        let Some(command) = commands.last_mut() else { continue };
        let code = line.strip_prefix("? ").and_then(|code| code.trim().parse().ok());
        match (in_command, line.strip_prefix("> ").or((line == ">").then_some("")), code) {
            (true, Some(more), _) => {
                command.script = format!("{}\n{more}", command.script);
                command.written.push(line.clone());
            }
            (true, None, Some(code)) => {
                command.code = code;
                in_command = false;
            }
            _ => {
                command.expected.push(line.trim_end().to_owned());
                in_command = false;
            }
        }
    }
    for command in &mut commands {
        trim(&mut command.expected);
    }
    commands
}

/// Returns the lines of an output, without trailing spaces and without blank lines at the end.
pub fn lines(output: &str) -> Vec<String> {
    let mut lines = output.lines().map(|line| line.trim_end().to_owned()).collect();
    trim(&mut lines);
    lines
}

/// Removes blank lines at the end.
fn trim(lines: &mut Vec<String>) {
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
}

/// Returns whether `actual` matches the `expected` lines.
pub fn matches(expected: &[String], actual: &[String]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((first, rest)) if first == ELISION => (0..=actual.len()).any(|skipped| matches(rest, &actual[skipped..])),
        Some((first, rest)) => {
            actual.split_first().is_some_and(|(line, others)| line == first && matches(rest, others))
        }
    }
}

/// Returns the lines that replace `expected`: those of `actual`, in which one `...` still stands for the lines
/// between.
pub fn updated_output(expected: &[String], actual: &[String]) -> Result<Vec<String>, &'static str> {
    if matches(expected, actual) {
        return Ok(expected.to_vec());
    }
    let elisions: Vec<usize> = (0..expected.len()).filter(|&at| expected[at] == ELISION).collect();
    match elisions.as_slice() {
        [] => Ok(actual.to_vec()),
        [at] if expected.len() - 1 < actual.len() => {
            let tail = actual.len() - (expected.len() - 1 - at);
            let (head, tail) = (&actual[..*at], &actual[tail..]);
            Ok(head.iter().cloned().chain([ELISION.to_owned()]).chain(tail.iter().cloned()).collect())
        }
        [_] => Ok(actual.to_vec()),
        _ => Err("an output with several `...` lines has changed; edit it by hand"),
    }
}

/// Returns the lines of a command with its exit code and output, as they appear in a block.
pub fn command_lines(command: &Command, code: i32, output: &[String]) -> Vec<String> {
    let code = (code != 0).then(|| format!("? {code}"));
    command.written.iter().cloned().chain(code).chain(output.iter().cloned()).collect()
}
