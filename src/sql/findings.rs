//! What a text shows at one place: a secret, a construct that keeps state, or an error.

use super::secrets::SecretForm;
use crate::resource::Span;

/// An option that contains a secret in plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaintextSecret {
    /// The key of the option.
    pub option: String,
    /// How the secret is written out.
    pub form: SecretForm,
    /// Where its value is, including quotes.
    pub span: Span,
}

/// A construct that keeps state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatefulConstruct {
    /// A short name for messages: `GROUP BY`, `a regular join`, `MATCH_RECOGNIZE`.
    pub description: String,
    /// Where the construct is in the text.
    pub span: Span,
}

/// Why a text cannot be submitted as one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// The headline of the error: a lower-case fragment.
    pub message: String,
    /// Where the error is in the text.
    pub span: Span,
    /// The next step in full sentences, if the headline does not say it.
    pub help: Option<String>,
}
