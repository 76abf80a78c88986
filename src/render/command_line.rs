//! The commands that floe prints, each word quoted for a shell.

use std::{fmt, path::Path};

use crate::resource::shell_quoted;

/// The flags that printed commands repeat, so that they work on the project and the environment of this run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFlags(Vec<String>);

impl RunFlags {
    /// Returns the flags for the folder of `-C` and the variables of `--var`.
    pub fn new(folder: &Path, variables: &[(String, String)]) -> Self {
        let is_default = folder == Path::new(".");
        let folder = (!is_default).then(|| ["-C".to_owned(), path_argument(folder)]);
        let variable = |(name, value): &(String, String)| ["--var".to_owned(), format!("{name}={value}")];
        RunFlags(folder.into_iter().chain(variables.iter().map(variable)).flatten().collect())
    }

    /// Returns the same flags followed by `--allow-endpoint` for each of `origins`.
    pub fn with_allowed_endpoints(mut self, origins: &[String]) -> Self {
        self.0.extend(origins.iter().flat_map(|origin| ["--allow-endpoint".to_owned(), origin.clone()]));
        self
    }

    /// Returns the same flags with `-e` in front of them.
    pub fn in_environment(&self, environment: &str) -> Self {
        RunFlags(["-e", environment].map(str::to_owned).into_iter().chain(self.0.iter().cloned()).collect())
    }

    /// Returns the start of a command to print: `floe`, the subcommand and these flags.
    pub fn command(&self, subcommand: &str) -> CommandLine {
        let start = CommandLine(format!("floe {subcommand}"));
        self.0.iter().fold(start, CommandLine::argument)
    }
}

/// A command to paste into a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine(String);

impl CommandLine {
    /// Adds `word` as one argument, quoted if a shell needs it.
    pub fn argument(mut self, word: impl fmt::Display) -> Self {
        self.0.push(' ');
        self.0.push_str(&shell_quoted(&word.to_string()));
        self
    }

    /// Adds a flag and its value as two arguments.
    pub fn option(self, flag: &str, value: impl fmt::Display) -> Self {
        self.argument(flag).argument(value)
    }

    /// Adds a path as an argument that is not taken for a flag.
    pub fn path(self, path: &Path) -> Self {
        self.argument(path_argument(path))
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns a path as an argument that is not taken for a flag.
fn path_argument(path: &Path) -> String {
    let text = path.display().to_string();
    if text.starts_with('-') { format!("./{text}") } else { text }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_every_word_as_it_was_given() {
        let words =
            ["a b", "bad name!", "it's", "$HOME", "`id`", "x;y", "~", "*.sql", "é", "\"", "", "-x", "a\\b", "#c"];
        for word in words {
            let variables = [("v".to_owned(), word.to_owned())];
            let flags = RunFlags::new(Path::new("the folder"), &variables).in_environment("prod");
            let printed = flags.command("apply").option("--exclude", word).to_string();
            let script = format!("floe() {{ printf '%s\\0' \"$@\"; }}; {printed}");
            let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
            let read = String::from_utf8(output.stdout).unwrap();
            let expected =
                ["apply", "-e", "prod", "-C", "the folder", "--var", &format!("v={word}"), "--exclude", word];
            assert_eq!(read.split_terminator('\0').collect::<Vec<_>>(), expected, "{printed}");
        }
    }

    #[test]
    fn printed_commands_allow_the_same_endpoints_again() {
        let flags = RunFlags::default().with_allowed_endpoints(&["https://a.example".to_owned(), "b c".to_owned()]);
        let printed = flags.command("apply").to_string();
        assert_eq!(printed, "floe apply --allow-endpoint https://a.example --allow-endpoint 'b c'");
    }

    #[test]
    fn a_path_is_never_taken_for_a_flag() {
        let command = RunFlags::new(Path::new("-folder"), &[]).command("apply").path(Path::new("-x.plan"));
        assert_eq!(command.to_string(), "floe apply -C ./-folder ./-x.plan");
    }

    #[test]
    fn plain_words_have_no_quotes_and_control_characters_are_left_out() {
        let flags = RunFlags::new(Path::new("."), &[]).in_environment("prod");
        assert_eq!(
            flags.command("state rm").argument("statements.a-b").to_string(),
            "floe state rm -e prod statements.a-b"
        );
        assert_eq!(RunFlags::default().command("plan").argument("a\u{1b}[2J\0b").to_string(), "floe plan 'a[2Jb'");
    }
}
