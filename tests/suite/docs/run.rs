//! Runs the files, scripts and transcripts of a page from top to bottom.

use super::{
    page::{Block, Page, Role},
    sandbox::{CommandResult, Sandbox},
    transcript,
};

/// What to do with output that differs from the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The difference is a problem.
    Compare,
    /// The current output is written into the page.
    Write,
}

/// The result of running a page.
pub struct Outcome {
    /// The problems, each with file and line.
    pub problems: Vec<String>,
    /// The page's text, with the current output if it was written.
    pub text: String,
}

/// Runs a page in this sandbox.
pub fn run(page: &Page, sandbox: &Sandbox, mode: Mode) -> Outcome {
    let mut problems = page.problems.clone();
    let mut lines: Vec<String> = page.text.lines().map(str::to_owned).collect();
    let mut line_shift: isize = 0;
    for block in &page.blocks {
        match block.role() {
            Role::Shown | Role::NotRun => {}
            Role::Wrong(why) => problems.push(page.problem_at(block.line, why)),
            Role::File(path) => sandbox.write(path, &format!("{}\n", block.body.join("\n"))),
            Role::Script(shell) => {
                let ran = sandbox.run(shell, &block.body.join("\n"));
                if ran.code != Some(0) {
                    problems.push(page.problem_at(block.line, &format!("{}:\n{}", exit_phrase(&ran), ran.output)));
                }
            }
            Role::Transcript => {
                let written = transcribe(page, block, sandbox, mode, &mut problems);
                let blanks = " ".repeat(block.indent);
                let written: Vec<String> = written
                    .into_iter()
                    .map(|line| if line.is_empty() { line } else { format!("{blanks}{line}") })
                    .collect();
                if mode == Mode::Write && written != current_lines(&lines, block, line_shift) {
                    let change = written.len() as isize - block.lines.len() as isize;
                    let start = block.lines.start.wrapping_add_signed(line_shift);
                    let end = block.lines.end.wrapping_add_signed(line_shift);
                    lines.splice(start..end, written);
                    line_shift += change;
                }
            }
        }
    }
    let text = if line_shift == 0 && lines.iter().map(String::as_str).eq(page.text.lines()) {
        page.text.clone()
    } else {
        lines.join("\n") + "\n"
    };
    Outcome { problems, text }
}

/// Returns the current lines of a block, whose range has moved by `moved` lines.
fn current_lines<'l>(lines: &'l [String], block: &Block, line_shift: isize) -> &'l [String] {
    &lines[block.lines.start.wrapping_add_signed(line_shift)..block.lines.end.wrapping_add_signed(line_shift)]
}

/// Returns how a command ended, as a phrase for a message.
fn exit_phrase(ran: &CommandResult) -> String {
    match ran.code {
        Some(code) => format!("exits with {code}"),
        None => "was ended by a signal".to_owned(),
    }
}

/// Runs the commands of a transcript. Returns the lines of the block with the current output.
fn transcribe(page: &Page, block: &Block, sandbox: &Sandbox, mode: Mode, problems: &mut Vec<String>) -> Vec<String> {
    let mut written: Vec<String> = Vec::new();
    let mut is_as_shown = true;
    for command in transcript::commands(&block.body) {
        let ran = sandbox.run("sh", &command.script);
        let actual = transcript::lines(&ran.output);
        let line = block.line + 1 + command.index;
        if mode == Mode::Write && actual.iter().any(|line| line.trim_start().starts_with(&block.fence)) {
            problems.push(page.problem_at(line, "the output would end the block; use a longer fence"));
            return block.body.clone();
        }
        let mut expected = command.expected.clone();
        if ran.code != Some(command.code) || !transcript::matches(&command.expected, &actual) {
            is_as_shown = false;
            match (mode, ran.code, transcript::updated_output(&command.expected, &actual)) {
                (Mode::Write, Some(_), Ok(updated)) => expected = updated,
                (Mode::Write, Some(_), Err(why)) => problems.push(page.problem_at(line, why)),
                _ => {
                    let what =
                        format!("`{}` {} and prints\n\n{}\n", command.script, exit_phrase(&ran), actual.join("\n"));
                    problems.push(page.problem_at(
                        line,
                        &format!(
                            "{what}\nThe page expects exit code {} and\n\n{}",
                            command.code,
                            command.expected.join("\n")
                        ),
                    ));
                }
            }
        }
        if !written.is_empty() {
            written.push(String::new());
        }
        written.extend(transcript::command_lines(&command, ran.code.unwrap_or(command.code), &expected));
    }
    if is_as_shown { block.body.clone() } else { written }
}
