//! A pair that a person makes: Hetzner's console has no interface for it.

use crate::name::SecretName;
use crate::secret::SecretValue;
use crate::store::Values;

use super::super::assisted::{Issuer, ProofTime};
use super::super::credential::Answer;
use super::super::trouble::Trouble;
use super::bucket::{KeyedBucket, Pair};

/// A pair of keys, on a page.
pub struct S3Keys {
    /// The secret with the id.
    pub access: SecretName,
    /// The secret with the other half.
    pub secret: SecretName,
    /// The bucket.
    pub bucket: KeyedBucket,
    /// The page.
    pub url: Option<String>,
}

impl S3Keys {
    fn pair(&self, values: &Values) -> Option<Pair> {
        let value = |name| values.get(name).cloned().flatten();
        Some(Pair { access: value(&self.access)?, secret: value(&self.secret)? })
    }
}

impl Issuer for S3Keys {
    fn fields(&self) -> Vec<(SecretName, &'static str)> {
        vec![(self.access.clone(), "access key"), (self.secret.clone(), "secret key")]
    }

    fn noun(&self) -> &'static str {
        "pair of S3 keys"
    }

    fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    fn how_to_make(&self) -> Vec<String> {
        vec![
            "  generate credentials for the project that has the bucket; the secret key is shown once"
                .to_owned(),
            format!(
                "  (if a bucket policy of {} names keys, add the new one to it)",
                self.bucket.bucket.name
            ),
        ]
    }

    fn how_to_end(&self) -> Vec<String> {
        vec!["  delete the credentials; URLs that were presigned with them end with them".to_owned()]
    }

    fn proof_time(&self) -> ProofTime {
        ProofTime::AtOnce
    }

    fn form(&self, current: &Values, new: &Values) -> Result<(), Trouble> {
        let (Some(new), Some(current)) = (self.pair(new), self.pair(current)) else {
            return Err(Trouble::rejected("the pair was not given whole"));
        };
        let length = |value: &SecretValue| value.expose().len();
        let was = (length(&current.access), length(&current.secret));
        let is_swapped = was.0 != was.1 && (length(&new.secret), length(&new.access)) == was;
        if is_swapped || new.secret == current.access || new.access == current.secret {
            return Err(Trouble::rejected("the two halves look as if they were given in the wrong order")
                .hint("the access key is the shorter one, and comes first"));
        }
        if new.access == new.secret {
            return Err(Trouble::rejected("the same was given for both halves"));
        }
        Ok(())
    }

    fn proof(&mut self, _: &Values, new: &Values) -> Result<String, Trouble> {
        let pair = self.pair(new).ok_or_else(|| Trouble::held("there is no pair to be tried"))?;
        self.bucket.proof(&pair, false)
    }

    fn accepts(&mut self, values: &Values) -> Result<Answer, Trouble> {
        self.pair(values).map_or(Ok(Answer::None), |pair| self.bucket.accepts(&pair))
    }
}
