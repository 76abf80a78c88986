//! `floe help TOPIC`: prints the help of a command or explains a lint.

use clap::CommandFactory;

use super::{CommandError, Exit, Screen, arguments::Arguments};
use crate::{render, sql};

/// Explains a command, or a lint by its code.
pub fn run(topic: &[String], screen: &Screen) -> Result<Exit, CommandError> {
    if let [code] = topic
        && let Some(lint) = sql::explain_lint(code)
    {
        let collapse_whitespace = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = format!(
            "{}: {}\n\n{}\n\nFix: {}\n\nTo allow it in a statement or in the project: allow = [\"{}\"]\nSource: {}",
            lint.code,
            lint.title,
            collapse_whitespace(lint.reason),
            collapse_whitespace(lint.fix),
            lint.code,
            lint.source
        );
        screen.print(&(render::wrap(&text, screen.stdout_style.width).join("\n") + "\n"))?;
        return Ok(Exit::Done);
    }
    let mut command = Arguments::command();
    command.build();
    let mut subcommand = &mut command;
    for name in topic {
        subcommand = subcommand.find_subcommand_mut(name).ok_or_else(|| {
            let codes: Vec<&str> = sql::lint_codes().collect();
            CommandError::new(format!("`{name}` is neither a command nor a lint"))
                .with_help(format!("`floe help` lists the commands. The lints are {}.", codes.join(", ")))
        })?;
    }
    let text = subcommand.render_long_help();
    screen.print(&if screen.stdout_style.color { text.ansi().to_string() } else { text.to_string() })?;
    Ok(Exit::Done)
}
