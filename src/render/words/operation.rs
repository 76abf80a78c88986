//! The text of each request, as something that may still take effect.

use super::super::style::sanitize;
use crate::resource::Operation;

/// Returns a request as a phrase, such as `the submission of `orders-g2``.
pub(in super::super) fn request_text(operation: &Operation) -> String {
    let (what, name) = match operation {
        Operation::Submit(submission) => ("submission", &submission.name),
        Operation::Update { name, to, .. } if to.stopped => ("stop", name),
        Operation::Update { name, .. } => ("resume", name),
        Operation::Delete { name, .. } => ("deletion", name),
        Operation::CreatePool { pool, .. } => ("creation of pool", &pool.display_name),
        Operation::UpdatePool { id, .. } => ("change of pool", id),
        Operation::DeletePool { id } => ("deletion of pool", id),
    };
    let of = if what.ends_with("pool") { "" } else { " of" };
    format!("the {what}{of} `{}`", sanitize(name))
}
