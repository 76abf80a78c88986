//! What a statement may be called on Confluent Cloud.

use crate::resource::{NAME_LIMIT, is_reserved_ending};

/// How long a name may be: six characters are kept for `-g3` and `-undo-1`.
const LIMIT: usize = NAME_LIMIT.saturating_sub(6);

/// Why `name` cannot be the cloud name of a statement, with a label for its place, if there is a reason. The pattern is
/// the API's; dots are left out, since Confluent's documentation says that they are not supported.
pub(super) fn fault(name: &str) -> Option<(String, String)> {
    let stranger =
        name.chars().find(|letter| !(letter.is_ascii_lowercase() || letter.is_ascii_digit() || *letter == '-'));
    if name.is_empty() {
        return Some(("a cloud name cannot be empty".to_owned(), "empty".to_owned()));
    }
    if let Some(letter) = stranger {
        let message = format!("the cloud name `{name}` holds `{letter}`, which the API refuses");
        return Some((message, "a-z, 0-9 and `-` only".to_owned()));
    }
    if name.starts_with('-') || name.ends_with('-') {
        let message = format!("the cloud name `{name}` begins or ends with `-`, which the API refuses");
        return Some((message, "begin and end with a letter or digit".to_owned()));
    }
    if name.len() > LIMIT {
        let message = format!("the cloud name `{name}` is {} characters long", name.len());
        return Some((message, format!("at most {LIMIT}: {NAME_LIMIT}, six of them kept for `-g3` and `-undo-1`")));
    }
    is_reserved_ending(name).then(|| {
        let message = format!("the cloud name `{name}` ends like a generation or an undo");
        (message, "`-g<number>` and `-undo-<number>` are reserved".to_owned())
    })
}
