//! `floe help TOPIC`: a command's help, or what a lint means.

use clap::CommandFactory;

use super::{CommandError, Exit, Screen, arguments::Arguments};
use crate::sql;

/// Explains a command or a lint's code.
pub fn run(topic: &[String], screen: &Screen) -> Result<Exit, CommandError> {
    if let [code] = topic
        && let Some(lint) = sql::explain_lint(code)
    {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        screen.print(&format!(
            "{}: {}\n\n{}\n\nFix: {}\n\nAllow it, per statement or project: allow = [\"{}\"]\nSource: {}\n",
            lint.code,
            lint.title,
            words(lint.reason),
            words(lint.fix),
            lint.code,
            lint.source
        ))?;
        return Ok(Exit::Done);
    }
    let mut command = Arguments::command();
    command.build();
    let mut subcommand = &mut command;
    for name in topic {
        subcommand = subcommand.find_subcommand_mut(name).ok_or_else(|| {
            let codes: Vec<&str> = sql::lint_codes().collect();
            CommandError::new(format!("there is neither a command nor a lint `{name}`"))
                .with_help(format!("`floe help` lists commands; lints are {}", codes.join(", ")))
        })?;
    }
    let text = subcommand.render_long_help();
    screen.print(&if screen.stdout_style.color { text.ansi().to_string() } else { text.to_string() })?;
    Ok(Exit::Done)
}
