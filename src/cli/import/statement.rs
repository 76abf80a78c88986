//! Imports statements, and words why one cannot be imported.

use super::{CommandError, targets::ImportTargets};
use crate::{
    cloud::CloudClient,
    graph::Graph,
    planning::{self, ImportError, ImportRequest, ImportedStatement},
    render::{self, PlanContext, RunFlags},
    resource::Secrets,
    state::{Entry, Recorded},
};

/// Compares existing statements with their declarations, and returns the entries that record them.
pub(super) async fn import_entries(
    graph: &Graph,
    request: ImportTargets<'_>,
    recorded: &Recorded,
    (cloud, secrets): (&CloudClient, &Secrets),
    flags: &RunFlags,
) -> Result<(Vec<Entry>, Vec<ImportedStatement>), CommandError> {
    let ImportTargets { statements, as_is, .. } = request;
    let compared = planning::import_statements(cloud, ImportRequest { graph, secrets, recorded, as_is, statements });
    compared.await.map_err(|error| explain(error, flags))
}

/// Returns the error with its next step.
fn explain(error: ImportError, flags: &RunFlags) -> CommandError {
    let message = CommandError::new(error.to_string());
    match error {
        ImportError::Planning(error) => error.into(),
        ImportError::NotDeclared(address) => message.with_help(format!(
            "Declare it in `[{}.{}]` first, with the SQL that runs.",
            address.kind.manifest_table(),
            address.key
        )),
        ImportError::NoSuchStatement(_) => {
            message.with_help("Check the name. A key that may not read all statements does not see those of others.")
        }
        ImportError::Unreadable { .. } => message.with_help("Fix access and import again."),
        ImportError::AlreadyRecorded { by, .. } => message.with_help(format!(
            "To import it under another address, first remove that record: `{}`.",
            flags.command("state rm").argument(by)
        )),
        ImportError::InterruptedRun(_) => {
            message.with_help(format!("Run `{}` first. It resolves the request.", flags.command("apply")))
        }
        ImportError::Transient { .. } => message.with_help("Only a statement that is there to stay can be imported."),
        ImportError::ExposesSecret { name, .. } => message.with_help(format!(
            "Recording what runs would write the value of a secret into the state. Declare what `{name}` runs, with \
             `${{secret.…}}` in place of the secret, and import again."
        )),
        ImportError::Differs(ImportedStatement { address, name, differences }) => {
            let lines = render::difference_lines(&differences, &PlanContext::default()).join("\n");
            let command = flags.command("import").argument(address).argument(name).argument("--as-is");
            message.with_help(format!(
                "{lines}\nDeclare what runs, or record it as it is. The next plan then shows the change, with its \
                 choices:\n{command}"
            ))
        }
    }
}
