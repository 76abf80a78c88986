//! Reads the parts of a Markdown page that the tests need: fenced blocks, headings and tables.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

/// A Markdown page of the documentation.
pub struct Page {
    /// The page's path, relative to the repository.
    pub path: PathBuf,
    /// The page's text, unchanged.
    pub text: String,
    /// The fenced blocks, in order.
    pub blocks: Vec<Block>,
    /// Problems with the page's form, each with file and line.
    pub problems: Vec<String>,
}

/// A fenced block of a page.
pub struct Block {
    /// The number of the line with the opening fence; the first line is 1.
    pub line: usize,
    /// The first word after the opening fence.
    pub language: String,
    /// The HTML comment on the line before the fence, without `<!--` and `-->`.
    pub comment: Option<String>,
    /// The opening fence: three or more back-quotes or tildes.
    pub fence: String,
    /// The number of spaces before the fence.
    pub indent: usize,
    /// The indexes of the block's lines in the page; the first line is 0.
    pub lines: Range<usize>,
    /// The block's lines, without the indent.
    pub body: Vec<String>,
}

/// What a test does with a block.
#[derive(Debug, PartialEq, Eq)]
pub enum Role<'b> {
    /// The block is only shown.
    Shown,
    /// The block is marked `not run`.
    NotRun,
    /// The block is written to this file.
    File(&'b str),
    /// The block is run by this shell and has to succeed.
    Script(&'static str),
    /// The block is a transcript, whose commands have to print what it shows.
    Transcript,
    /// The block has to be changed, for the given reason.
    Wrong(&'static str),
}

/// The languages whose blocks look like commands but are not run by the tests.
const NOT_RUN: [&str; 9] =
    ["zsh", "fish", "shell-session", "shellsession", "terminal", "cmd", "bat", "powershell", "ps1"];

impl Page {
    /// Reads a page. Problems with its form are collected in `problems`.
    pub fn new(path: &Path, text: &str) -> Page {
        let lines: Vec<&str> = text.lines().collect();
        let mut page = Page { path: path.to_owned(), text: text.to_owned(), blocks: Vec::new(), problems: Vec::new() };
        let mut at = 0;
        while at < lines.len() {
            let Some((indent, fence, language)) = opening_fence(lines[at]) else {
                if lines[at].trim_start().starts_with("$ ") {
                    page.add_problem(
                        at + 1,
                        "a command outside a fenced block is not run; put it into a `console` block",
                    );
                }
                at += 1;
                continue;
            };
            let closes = |line: &&str| {
                let line = line.trim();
                line.len() >= fence.len() && line.chars().all(|letter| fence.starts_with(letter))
            };
            let Some(length) = lines[at + 1..].iter().position(closes) else {
                page.add_problem(at + 1, "this block is never closed");
                break;
            };
            let body = at + 1..at + 1 + length;
            let dedent = |line: &&str| {
                let blanks = line.len() - line.trim_start_matches(' ').len();
                line[blanks.min(indent)..].to_owned()
            };
            page.blocks.push(Block {
                line: at + 1,
                language: language.to_owned(),
                comment: at.checked_sub(1).and_then(|before| comment(lines[before])),
                fence: fence.to_owned(),
                indent,
                lines: body.clone(),
                body: lines[body.clone()].iter().map(dedent).collect(),
            });
            at = body.end + 1;
        }
        page
    }

    /// Returns `what` after the page's path and a line number.
    pub fn problem_at(&self, line: usize, problem: &str) -> String {
        format!("{}:{line}: {problem}", self.path.display())
    }

    /// Adds a problem with its line number.
    fn add_problem(&mut self, line: usize, what: &str) {
        self.problems.push(self.problem_at(line, what));
    }

    /// Returns the lines outside fenced blocks, with their numbers.
    pub fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_code =
            |line: &usize| self.blocks.iter().any(|block| (block.lines.start..=block.lines.end + 1).contains(line));
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(move |(line, _)| !is_code(line))
    }

    /// Returns the headings as they are written.
    pub fn headings(&self) -> impl Iterator<Item = &str> {
        self.prose().filter_map(|(_, line)| heading(line))
    }

    /// Returns the text below the first heading for which `is_it` holds, up to the next heading.
    pub fn section(&self, is_match: impl Fn(&str) -> bool) -> Option<String> {
        let mut prose = self.prose();
        let (start, _) = prose.find(|(_, line)| heading(line).is_some_and(&is_match))?;
        let end = prose.find(|(_, line)| heading(line).is_some()).map_or(usize::MAX, |(line, _)| line - 1);
        Some(self.text.lines().take(end).skip(start).collect::<Vec<_>>().join("\n"))
    }

    /// Returns the rows of all tables: the first cell of the header, the first cell of the row, and the whole row.
    pub fn rows(&self) -> Vec<(String, String, &str)> {
        let mut rows = Vec::new();
        let mut header: Option<String> = None;
        for (_, line) in self.prose() {
            let Some(first) = line.strip_prefix('|').and_then(|row| row.split('|').next()).map(str::trim) else {
                header = None;
                continue;
            };
            match &header {
                None => header = Some(first.to_owned()),
                Some(_) if first.starts_with("--") => {}
                Some(header) => rows.push((header.clone(), first.to_owned(), line)),
            }
        }
        rows
    }
}

/// Returns the text of a heading, or `None` if the line is not a heading.
fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    (1..=6).contains(&level).then(|| text.strip_prefix(' ').map(str::trim))?
}

/// Returns the indent, the fence and the language of a line that opens a block.
fn opening_fence(line: &str) -> Option<(usize, &str, &str)> {
    let text = line.trim_start_matches(' ');
    let marker = ['`', '~'].into_iter().find(|&marker| text.starts_with(&marker.to_string().repeat(3)))?;
    let info = text.trim_start_matches(marker);
    let fence = &text[..text.len() - info.len()];
    (!info.contains('`')).then(|| (line.len() - text.len(), fence, info.split_whitespace().next().unwrap_or_default()))
}

/// Returns the text of an HTML comment that fills the line.
fn comment(line: &str) -> Option<String> {
    Some(line.trim().strip_prefix("<!--")?.strip_suffix("-->")?.trim().to_owned())
}

impl Block {
    /// Returns what a test does with the block.
    pub fn role(&self) -> Role<'_> {
        let shell = match self.language.as_str() {
            "sh" | "shell" => Some(Role::Script("sh")),
            "bash" => Some(Role::Script("bash")),
            "console" => Some(Role::Transcript),
            _ => None,
        };
        if let Some(comment) = &self.comment {
            if let Some(reason) = comment.strip_prefix("not run") {
                let reason = reason.trim_start().strip_prefix(':').unwrap_or_default().trim();
                return match (reason.is_empty(), shell.is_some() || NOT_RUN.contains(&self.language.as_str())) {
                    (true, _) => Role::Wrong("`not run` needs a reason: `<!-- not run: REASON -->`"),
                    (_, false) => Role::Wrong("`not run` is before a block that is not a shell block"),
                    (false, true) => Role::NotRun,
                };
            }
            if let Some(path) = comment.strip_prefix("file:") {
                return Role::File(path.trim());
            }
        }
        let is_command = |line: &String| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        match shell {
            Some(Role::Transcript) if !self.body.first().is_some_and(|line| line.starts_with("$ ")) => {
                Role::Wrong("a `console` block begins with a `$ command` line")
            }
            Some(Role::Script(_)) if !self.body.iter().any(is_command) => Role::Wrong("this block has no command"),
            Some(role) => role,
            None if NOT_RUN.contains(&self.language.as_str()) => {
                Role::Wrong("this block is not run; use `sh` or `console`, or mark it `<!-- not run: REASON -->`")
            }
            None if self.body.iter().any(|line| line.trim_start().starts_with("$ ")) => {
                Role::Wrong("this block has commands that are not run; use `console`")
            }
            None => Role::Shown,
        }
    }
}
