//! What differs from one issuer to another.

use crate::name::SecretName;
use crate::secret::SecretValue;
use crate::store::Values;

use super::super::credential::Answer;
use super::super::trouble::Trouble;

/// When a new credential can be shown to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofTime {
    /// At once: its issuer answers for it.
    AtOnce,
    /// When the programs have it: they answer for it.
    Deployed,
    /// Never by us.
    Never,
}

/// Whoever issues a credential. Everything here only looks.
pub trait Issuer {
    /// What a person gives, in order: the secret, and how the page calls it.
    fn fields(&self) -> Vec<(SecretName, &'static str)>;

    /// The secret that has the credential before, for as long as the programs accept both; none where they know one only.
    fn companion(&self) -> Option<&SecretName> {
        None
    }

    /// How messages call the credential, without an article: `secret key of Clerk's`.
    fn noun(&self) -> &'static str;

    /// The page where it is made and ended.
    fn url(&self) -> Option<&str>;

    /// How a new one is made there, in lines.
    fn how_to_make(&self) -> Vec<String>;

    /// How one is ended there, in lines.
    fn how_to_end(&self) -> Vec<String>;

    /// When it can be proven.
    fn proof_time(&self) -> ProofTime;

    /// Whether what was given can be what was asked for, by its form alone.
    fn form(&self, current: &Values, new: &Values) -> Result<(), Trouble>;

    /// That a credential does all that the programs need, belongs to what the current one belongs to, and that a wrong one
    /// is refused.
    fn proof(&mut self, current: &Values, new: &Values) -> Result<String, Trouble>;

    /// Whether a credential is accepted.
    fn accepts(&mut self, values: &Values) -> Result<Answer, Trouble>;
}

/// One of the values.
pub(super) fn value<'v>(values: &'v Values, name: &SecretName) -> Option<&'v SecretValue> {
    values.get(name)?.as_ref()
}
