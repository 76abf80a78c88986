//! The commands and flags of the command line, as clap parses them. The doc comments are the help texts.

use std::{ffi::OsStr, path::PathBuf, time::Duration};

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, builder::TypedValueParser, error::ErrorKind,
};

use super::ProcessEnvironment;
use crate::{
    cloud::AllowedOrigins,
    diff::PlanOptions,
    render::RunFlags,
    resource::{Address, parse_duration},
};

/// Plan and apply Flink SQL on Confluent Cloud from git
#[derive(Debug, Parser)]
#[command(
    name = "floe",
    version,
    disable_help_subcommand = true,
    after_help = "\
Exit codes:
  0    done, or nothing to do
  1    error, or you answered no
  2    changes are pending (plan --detailed-exitcode, drift)
  3    blocked: a change needs a decision
  4    unhealthy
  5    another run holds the lock
  130  interrupted, and the state is saved

Every flag except --var can be set by a variable: --lock-timeout by FLOE_LOCK_TIMEOUT.
See docs/plans-on-pull-requests.md for the variables that allow hosts, files and secrets."
)]
pub struct Arguments {
    /// The options that every command takes.
    #[command(flatten)]
    pub global: GlobalOptions,
    /// The command to run, with its own arguments.
    #[command(subcommand)]
    pub command: Command,
}

/// The options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalOptions {
    /// Work in this folder
    #[arg(
        short = 'C',
        long = "chdir",
        global = true,
        env = "FLOE_CHDIR",
        value_name = "DIR",
        default_value = ".",
        hide_env_values = true
    )]
    pub folder: PathBuf,
    /// The environment to use; defaults to the only environment, else `local`
    #[arg(short, long = "env", global = true, env = "FLOE_ENV", value_name = "NAME", hide_env_values = true)]
    pub environment: Option<String>,
    /// Output format; `dot`, `mermaid` and `svg` are for `floe graph`
    #[arg(long, global = true, env = "FLOE_FORMAT", value_enum, default_value_t = OutputFormat::Text, hide_env_values = true)]
    pub format: OutputFormat,
    /// When to use colors; `auto` respects NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE
    #[arg(long, global = true, env = "FLOE_COLOR", value_enum, default_value_t = ColorWhen::Auto, value_name = "WHEN", hide_env_values = true)]
    pub color: ColorWhen,
    /// Show more: cosmetic differences, and the SQL of new statements
    #[arg(short, long, global = true, env = "FLOE_VERBOSE", value_parser = parse_switch, hide_env_values = true)]
    pub verbose: bool,
    /// How long to wait if another run holds the lock of the state: `30s`, `10m`, `1h30m`
    #[arg(long, global = true, env = "FLOE_LOCK_TIMEOUT", value_name = "TIME", default_value = "0s", value_parser = parse_duration, hide_env_values = true)]
    pub lock_timeout: Duration,
    /// Set a variable of the project; overrides `FLOE_VAR_<NAME>` and the manifests (repeatable)
    #[arg(long = "var", global = true, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    pub variables: Vec<(String, String)>,
    /// Also send API keys to this origin, such as `http://127.0.0.1:8080`; adds to FLOE_ALLOW_ENDPOINTS (repeatable)
    #[arg(
        long = "allow-endpoint",
        global = true,
        env = "FLOE_ALLOW_ENDPOINTS",
        value_name = "ORIGIN",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub allowed_endpoints: Vec<String>,
}

/// The output formats that `--format` accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the variants are the names of the formats")]
pub enum OutputFormat {
    Text,
    Json,
    Markdown,
    Dot,
    Mermaid,
    Svg,
}

/// The values that `--color` accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the variants explain themselves")]
pub enum ColorWhen {
    Auto,
    Always,
    Never,
}

impl GlobalOptions {
    /// Returns the flags that printed commands repeat. Variables from the process's environment are not repeated.
    pub(super) fn run_flags(&self) -> RunFlags {
        RunFlags::new(&self.folder, &self.variables).with_allowed_endpoints(&self.allowed_endpoints)
    }
}

impl Arguments {
    /// Parses the command line and the variables of this process.
    ///
    /// Pipelines pass an unset variable as an empty one. An empty variable, and an empty name in `--env "$NAME"`,
    /// therefore count as not set.
    ///
    /// # Errors
    /// Returns clap's error if the command line is invalid, and also if it asks for help or for the version.
    pub fn from_command_line(process: &ProcessEnvironment) -> clap::error::Result<Self> {
        let mut command = ignore_empty_variables(Arguments::command(), process);
        let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
        let mut arguments =
            Arguments::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
        arguments.global.environment = arguments.global.environment.filter(|name| !name.trim().is_empty());
        // What the variable allows is read with the process's environment, and the flag adds to it.
        let listed: Vec<&str> = process.variable(AllowedOrigins::VARIABLE).unwrap_or_default().split(',').collect();
        arguments.global.allowed_endpoints.retain(|origin| !listed.contains(&origin.as_str()));
        Ok(arguments)
    }
}

/// Returns the value of `--color` or `FLOE_COLOR` for a command line that is invalid or asks for help. Only what comes
/// before the first mistake is read.
pub(super) fn color_of_rejected_line(process: &ProcessEnvironment) -> ColorWhen {
    let command = ignore_empty_variables(Arguments::command(), process).ignore_errors(true);
    let matches = command.disable_help_flag(true).try_get_matches_from(std::env::args_os());
    let color = matches.ok().and_then(|matches| matches.try_get_one("color").ok().flatten().copied());
    color.unwrap_or(ColorWhen::Auto)
}

/// Returns `command`, without the variables of flags that are set to an empty value.
fn ignore_empty_variables(command: clap::Command, process: &ProcessEnvironment) -> clap::Command {
    let is_empty = |variable: &std::ffi::OsStr| {
        let value = variable.to_str().and_then(|name| process.variables.get(name));
        value.is_some_and(|value| value.trim().is_empty())
    };
    command
        .mut_args(|argument| if argument.get_env().is_some_and(is_empty) { argument.env(None) } else { argument })
        .mut_subcommands(|command| ignore_empty_variables(command, process))
}

/// The commands of floe.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a small project that runs on the simulator
    Init {
        /// The folder of the project; created if it does not exist
        #[arg(value_name = "DIR", default_value = ".")]
        into: PathBuf,
        /// Only create the state of the environment, where the project of this folder keeps it
        #[arg(long, env = "FLOE_INIT_STATE", value_parser = parse_switch, hide_env_values = true)]
        state: bool,
    },
    /// Check the project offline: syntax, references, cycles, names, variables and lints
    Validate,
    /// Show what an apply would do
    Plan(PlanArguments),
    /// Plan, show the plan, ask for confirmation, and make the changes
    Apply(ApplyArguments),
    /// Remove everything that the project owns, dependents first
    Destroy(DestroyArguments),
    /// Show the phase of everything that the project owns; exits with 4 if something is unhealthy
    Status,
    /// Compare what is live with what was sent; exits with 2 if something differs
    Drift,
    /// Record that declared statements and pools are existing ones; nothing is sent
    Import(ImportArguments),
    /// Inspect and repair the state
    #[command(subcommand)]
    State(StateCommand),
    /// Draw dependencies and table lineage as text, dot, mermaid, markdown, svg or json
    Graph {
        /// Show only what is upstream and downstream of this address (repeatable)
        #[arg(
            long = "target",
            env = "FLOE_TARGET",
            value_name = "ADDRESS",
            value_delimiter = ',',
            hide_env_values = true
        )]
        targets: Vec<Address>,
    },
    /// Serve a simulated Confluent Cloud over HTTP, for other clients
    Simulator(SimulatorArguments),
    /// Print a script that completes commands and flags in a shell
    Completions {
        /// The shell to print the script for
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Explain a command, or a lint by its code (`FL101`)
    Help {
        /// A command, such as `state mv`, or the code of a lint
        #[arg(value_name = "TOPIC")]
        topic: Vec<String>,
    },
}

/// The options that limit a run to a part of the project.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct Selection {
    /// Select only this resource and what it depends on; in `destroy`, this resource and its dependents (repeatable)
    #[arg(long = "target", env = "FLOE_TARGET", value_name = "ADDRESS", value_delimiter = ',', hide_env_values = true)]
    pub targets: Vec<Address>,
    /// Leave out this resource and its dependents; in `destroy`, this resource and what it depends on
    /// (repeatable)
    #[arg(
        long = "exclude",
        env = "FLOE_EXCLUDE",
        value_name = "ADDRESS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub excludes: Vec<Address>,
}

/// The options that allow a run to do more than the manifests say.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Consent")]
pub struct ConsentFlags {
    /// Replace this statement even if nothing changed (repeatable); for a job this is consent to restart from the
    /// beginning of its sources
    #[arg(
        long = "replace",
        env = "FLOE_REPLACE",
        value_name = "ADDRESS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub replace: Vec<Address>,
    /// Run an `undo` that may drop data
    #[arg(long, env = "FLOE_ALLOW_DATA_LOSS", value_parser = parse_switch, hide_env_values = true)]
    pub allow_data_loss: bool,
    /// Revert changes that were made outside floe
    #[arg(long, env = "FLOE_FIX_DRIFT", value_parser = parse_switch, hide_env_values = true)]
    pub fix_drift: bool,
}

/// The arguments of `floe import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArguments {
    /// Declared addresses, each followed by the name of an existing statement or the id of an existing pool
    #[arg(required = true, num_args = 2.., value_names = ["ADDRESS", "NAME"])]
    pub pairs: Vec<String>,
    /// Record what runs if it differs from what is declared; the next plan shows the change
    #[arg(long, env = "FLOE_AS_IS", value_parser = parse_switch, hide_env_values = true)]
    pub as_is: bool,
}

/// The arguments of `floe plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArguments {
    /// Save the plan for `floe apply FILE`
    #[arg(long, env = "FLOE_OUT", value_name = "FILE", hide_env_values = true)]
    pub out: Option<PathBuf>,
    /// Exit with 2 if something would change
    #[arg(long, env = "FLOE_DETAILED_EXITCODE", value_parser = parse_switch, hide_env_values = true)]
    pub detailed_exitcode: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the type has the documentation")]
    pub selection: Selection,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the type has the documentation")]
    pub consent: ConsentFlags,
}

/// The arguments of `floe apply`.
#[derive(Debug, Clone, Args)]
pub struct ApplyArguments {
    /// Apply exactly this plan, saved by `floe plan --out FILE`, without asking; selection and consent are those of the
    /// plan
    #[arg(value_name = "FILE", conflicts_with_all = ["targets", "excludes", "replace", "allow_data_loss", "fix_drift"])]
    pub file: Option<PathBuf>,
    /// Apply without asking for confirmation
    #[arg(short, long, env = "FLOE_YES", value_parser = parse_switch, hide_env_values = true)]
    pub yes: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the type has the documentation")]
    pub selection: Selection,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the type has the documentation")]
    pub consent: ConsentFlags,
}

/// The arguments of `floe destroy`.
#[derive(Debug, Clone, Args)]
pub struct DestroyArguments {
    /// Destroy without asking for confirmation
    #[arg(short, long, env = "FLOE_YES", value_parser = parse_switch, hide_env_values = true)]
    pub yes: bool,
    /// Run an `undo` that may drop data
    #[arg(long, env = "FLOE_ALLOW_DATA_LOSS", value_parser = parse_switch, hide_env_values = true)]
    pub allow_data_loss: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the type has the documentation")]
    pub selection: Selection,
}

/// The subcommands of `floe state`.
#[derive(Debug, Clone, Subcommand)]
pub enum StateCommand {
    /// List every recorded address
    List,
    /// Show the record of one address as JSON
    Show {
        /// The address of the record
        address: Address,
    },
    /// Move a record to another address; nothing is sent
    Mv {
        /// The current address of the record
        from: Address,
        /// The new address of the record
        to: Address,
    },
    /// Remove records from the state; the resources stay on Confluent Cloud
    Rm {
        /// The addresses of the records
        #[arg(required = true)]
        addresses: Vec<Address>,
    },
}

/// The arguments of `floe simulator`.
#[derive(Clone, Args)]
pub struct SimulatorArguments {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, env = "FLOE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080", hide_env_values = true)]
    pub listen: String,
    /// The only key that the statements API accepts; without it, any key is accepted. Prefer the variable, because the
    /// process list shows flags
    #[arg(long, env = "FLOE_FLINK_KEY", value_name = "KEY:SECRET", value_parser = KeyParser, hide_env_values = true)]
    pub flink_key: Option<(String, String)>,
    /// The only key that the pools API accepts; without it, any key is accepted. Prefer the variable, because the
    /// process list shows flags
    #[arg(long, env = "FLOE_CLOUD_KEY", value_name = "KEY:SECRET", value_parser = KeyParser, hide_env_values = true)]
    pub cloud_key: Option<(String, String)>,
    /// Keep the simulated world in this file; without it, the world is in memory and ends with the process
    #[arg(long, env = "FLOE_WORLD", value_name = "FILE", hide_env_values = true)]
    pub world: Option<PathBuf>,
    /// A JSON file with faults, verdicts and switches for what the API's documentation leaves open
    #[arg(long, env = "FLOE_SCENARIO", value_name = "FILE", hide_env_values = true)]
    pub scenario: Option<PathBuf>,
}

/// Shows whether keys are set, but never their values.
impl std::fmt::Debug for SimulatorArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatorArguments")
            .field("listen", &self.listen)
            .field("flink_key", &self.flink_key.is_some())
            .field("cloud_key", &self.cloud_key.is_some())
            .field("world", &self.world)
            .field("scenario", &self.scenario)
            .finish()
    }
}

/// The shells that `floe completions` supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the variants are the names of the shells")]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl PlanArguments {
    /// Returns the options of the plan that these flags ask for.
    pub fn plan_options(&self) -> PlanOptions {
        plan_options(&self.selection, &self.consent)
    }
}

impl ApplyArguments {
    /// Returns the options of the plan that these flags ask for.
    pub fn plan_options(&self) -> PlanOptions {
        plan_options(&self.selection, &self.consent)
    }
}

impl DestroyArguments {
    /// Returns the options of the plan that these flags ask for.
    pub fn plan_options(&self) -> PlanOptions {
        let consent = ConsentFlags { allow_data_loss: self.allow_data_loss, ..ConsentFlags::default() };
        PlanOptions { destroy: true, ..plan_options(&self.selection, &consent) }
    }
}

/// Returns the options of a plan that is not for `destroy`.
fn plan_options(selection: &Selection, consent: &ConsentFlags) -> PlanOptions {
    PlanOptions {
        destroy: false,
        targets: selection.targets.iter().cloned().collect(),
        excludes: selection.excludes.iter().cloned().collect(),
        replace: consent.replace.iter().cloned().collect(),
        allow_data_loss: consent.allow_data_loss,
        fix_drift: consent.fix_drift,
    }
}

/// Parses the variable of a flag that takes no value. An empty value counts as not set, since pipelines pass unset
/// variables that way.
fn parse_switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" | "y" | "t" => Ok(true),
        "" | "0" | "false" | "no" | "off" | "n" | "f" => Ok(false),
        _ => Err("expected `true` or `false` (also 1, yes, on, or 0, no, off)".to_owned()),
    }
}

/// Parses the `NAME=VALUE` of a `--var` flag. Only the name is trimmed.
fn parse_assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("expected `NAME=VALUE`".to_owned()),
    }
}

/// Parses a key and its secret. Unlike clap's own errors, its error does not repeat the given text.
#[derive(Clone)]
struct KeyParser;

impl TypedValueParser for KeyParser {
    type Value = (String, String);

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<(String, String), clap::Error> {
        match value.to_str().and_then(|text| text.split_once(':')) {
            Some((id, secret)) if !id.is_empty() && !secret.is_empty() => Ok((id.to_owned(), secret.to_owned())),
            _ => {
                let argument = argument.map(ToString::to_string).unwrap_or_default();
                let message = format!("invalid value for '{argument}': expected `key:secret`\n");
                Err(clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Arguments {
        Arguments::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn the_clap_definition_is_valid() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn global_flags_are_accepted_before_and_after_the_command() {
        for line in ["floe -C x -e dev --lock-timeout 2m plan", "floe plan -C x --env dev --lock-timeout 1m60s"] {
            let global = parsed(line).global;
            assert_eq!(global.folder, PathBuf::from("x"));
            assert_eq!(global.environment.as_deref(), Some("dev"));
            assert_eq!(global.lock_timeout, Duration::from_secs(120));
        }
    }

    #[test]
    fn switch_variables_accept_common_boolean_words() {
        for (text, on) in [("1", true), ("TRUE", true), (" yes", true), ("on", true), ("", false), ("0", false)] {
            assert_eq!(parse_switch(text), Ok(on), "{text}");
        }
        for text in ["maybe", "2", "truee", "-"] {
            assert!(parse_switch(text).unwrap_err().contains("`true` or `false`"), "{text}");
        }
        assert!(parsed("floe plan -v").global.verbose && !parsed("floe plan").global.verbose);
    }

    #[test]
    fn every_help_text_fits_the_terminal_width() {
        let mut command = Arguments::command();
        command.build();
        let mut commands = vec![command];
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands().cloned());
            for width in [80, 120] {
                let text = command.clone().term_width(width).render_long_help().to_string();
                let lines: Vec<&str> = text.lines().collect();
                let widest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
                assert!(widest <= width, "the help of `{}` is {widest} columns wide:\n{text}", command.get_name());
            }
        }
        let help = Arguments::command().term_width(80).render_help().to_string();
        let footer: Vec<&str> = help.lines().skip_while(|line| !line.starts_with("Exit codes")).collect();
        assert!(footer.len() > 7 && footer.iter().all(|line| line.chars().count() <= 80), "{footer:#?}");
    }

    #[test]
    fn an_invalid_duration_is_an_error_with_examples() {
        let error = Arguments::try_parse_from(["floe", "plan", "--lock-timeout", "5"]).unwrap_err().to_string();
        assert!(error.contains("expected a duration such as `90s`, `15m`, `1h30m` or `2d`"), "{error}");
    }

    #[test]
    fn selection_and_consent_flags_become_plan_options() {
        let line = "floe plan --target statements.a --target pools.b --exclude statements.c --replace statements.a \
                    --allow-data-loss --fix-drift";
        let Command::Plan(plan) = parsed(line).command else { panic!("expected `plan`") };
        let options = plan.plan_options();
        assert_eq!(options.targets.len(), 2);
        assert_eq!(options.excludes.len(), 1);
        assert_eq!(options.replace.len(), 1);
        assert!(options.allow_data_loss && options.fix_drift && !options.destroy);
        let Command::Destroy(destroy) = parsed("floe destroy --exclude pools.b").command else {
            panic!("expected `destroy`")
        };
        assert!(destroy.plan_options().destroy);
    }

    #[test]
    fn apply_rejects_selection_flags_with_a_plan_file() {
        assert!(Arguments::try_parse_from(["floe", "apply", "plan.json", "--target", "pools.a"]).is_err());
        assert!(Arguments::try_parse_from(["floe", "plan", "--target", "orders"]).is_err());
    }

    #[test]
    fn every_long_flag_has_an_environment_variable() {
        fn walk(command: &clap::Command, missing: &mut Vec<String>) {
            for argument in command.get_arguments().filter(|argument| argument.get_long().is_some()) {
                let named = matches!(argument.get_id().as_str(), "help" | "version" | "variables");
                if argument.get_env().is_none() && !named {
                    missing.push(format!("{} --{}", command.get_name(), argument.get_long().unwrap()));
                }
            }
            command.get_subcommands().for_each(|command| walk(command, missing));
        }
        let mut missing = Vec::new();
        walk(&Arguments::command(), &mut missing);
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn api_keys_never_appear_in_errors_or_debug_output() {
        let error = Arguments::try_parse_from(["floe", "simulator", "--flink-key", "s3cr3t"]).unwrap_err();
        assert!(error.to_string().contains("'--flink-key <KEY:SECRET>': expected `key:secret`"), "{error}");
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
        let Command::Simulator(arguments) = parsed("floe simulator --flink-key a:s3cr3t").command else { panic!() };
        assert!(!format!("{arguments:?}").contains("s3cr3t"));
    }

    #[test]
    fn the_help_of_a_key_prefers_its_variable_and_hides_the_value() {
        let mut command = Arguments::command();
        let simulator = command.find_subcommand_mut("simulator").unwrap();
        for (flag, variable) in [("flink_key", "FLOE_FLINK_KEY"), ("cloud_key", "FLOE_CLOUD_KEY")] {
            let argument = simulator.get_arguments().find(|argument| argument.get_id() == flag).unwrap();
            assert_eq!(argument.get_env(), Some(OsStr::new(variable)));
            assert!(argument.is_hide_env_values_set());
            assert!(argument.get_help().unwrap().to_string().contains("Prefer the variable"));
        }
    }
}
