//! Consents: the codes with which people agree to one change, such as `restart:3f2a9c`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Fingerprint;

/// What a person agrees to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsentKind {
    /// A job restarts from the beginning of its sources, or where its SQL says.
    Restart,
    /// A retired generation is resumed from the offsets where it stopped.
    Resume,
    /// A new generation carries the offsets of its predecessor over, although floe is not sure that it can.
    CarryOver,
    /// SQL that may drop data is run.
    Drop,
    /// A job is started although a statement with the same SQL may run.
    Copy,
    /// A difference between the live resource and what was sent is accepted.
    Drift,
}

impl ConsentKind {
    /// All kinds, in the order in which messages list them.
    pub const ALL: [ConsentKind; 6] = [
        ConsentKind::Restart,
        ConsentKind::Resume,
        ConsentKind::CarryOver,
        ConsentKind::Drop,
        ConsentKind::Copy,
        ConsentKind::Drift,
    ];

    /// Returns the word before the colon of a code.
    pub fn word(self) -> &'static str {
        match self {
            ConsentKind::Restart => "restart",
            ConsentKind::Resume => "resume",
            ConsentKind::CarryOver => "carry-over",
            ConsentKind::Drop => "drop",
            ConsentKind::Copy => "copy",
            ConsentKind::Drift => "drift",
        }
    }
}

/// Consent to one change: its kind, and six hexadecimal digits that stand for everything that the change depends on.
/// It is written, printed and serialized as `restart:3f2a9c`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Consent {
    /// What the person agrees to.
    kind: ConsentKind,
    /// The six lower-case hexadecimal digits of the change.
    digits: String,
}

impl Consent {
    /// Returns the consent of this kind that covers exactly one change. `parts` are everything that the change depends
    /// on: if one of them differs, it is another change and needs another consent.
    pub fn to_change<'a>(kind: ConsentKind, parts: impl IntoIterator<Item = &'a str>) -> Self {
        let digest = Fingerprint::of(std::iter::once(kind.word()).chain(parts));
        Consent { kind, digits: digest.short().to_owned() }
    }

    /// Returns what the person agrees to.
    pub fn kind(&self) -> ConsentKind {
        self.kind
    }
}

impl fmt::Display for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.word(), self.digits)
    }
}

impl fmt::Debug for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// A text that is not a consent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a valid consent")]
pub struct InvalidConsent(pub String);

impl FromStr for Consent {
    type Err = InvalidConsent;

    fn from_str(text: &str) -> Result<Self, InvalidConsent> {
        let invalid = || InvalidConsent(text.to_owned());
        let (word, digits) = text.split_once(':').ok_or_else(invalid)?;
        let kind = ConsentKind::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(invalid)?;
        let is_code = digits.len() == 6 && digits.chars().all(|digit| digit.is_ascii_hexdigit());
        is_code.then(|| Consent { kind, digits: digits.to_ascii_lowercase() }).ok_or_else(invalid)
    }
}

impl TryFrom<String> for Consent {
    type Error = InvalidConsent;

    fn try_from(text: String) -> Result<Self, InvalidConsent> {
        text.parse()
    }
}

impl From<Consent> for String {
    fn from(consent: Consent) -> Self {
        consent.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Consent, ConsentKind};

    #[test]
    fn every_kind_reads_back_as_it_is_printed() {
        for kind in ConsentKind::ALL {
            let consent = Consent::to_change(kind, ["statements.j", "g2"]);
            assert_eq!(consent.to_string().parse::<Consent>().unwrap(), consent);
        }
    }

    #[test]
    fn consents_to_other_changes_or_of_other_kinds_differ() {
        let consent = |kind, parts: [&str; 2]| Consent::to_change(kind, parts).to_string();
        let drop = consent(ConsentKind::Drop, ["statements.t", "DROP TABLE t"]);
        assert_ne!(drop, consent(ConsentKind::Drop, ["statements.t", "DROP TABLE u"]));
        assert_ne!(
            drop.split_once(':').unwrap().1,
            consent(ConsentKind::Copy, ["statements.t", "DROP TABLE t"]).split_once(':').unwrap().1
        );
    }

    #[test]
    fn texts_that_no_plan_prints_are_not_consents() {
        for text in [
            "",
            "yes",
            "restart",
            "restart:",
            "restart:3f2a9",
            "restart:3f2a9cc",
            "restart:3f2a9g",
            "begin:3f2a9c",
            ":3f2a9c",
        ] {
            assert!(text.parse::<Consent>().is_err(), "{text}");
        }
    }
}
