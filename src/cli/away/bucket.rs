//! What it takes to reach a bucket: of the store's home, and of a place for backups.

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::remote::S3Place;
use crate::schema::Bucket;
use crate::store::Document;

/// Largest file of certificates, in bytes.
const CERTIFICATES: u64 = 4 * 1024 * 1024;

impl Context {
    /// The bucket with what the schema and the environment say of it, and with the credentials for it that `document`,
    /// the opened store, may hold.
    pub(in crate::cli) fn s3_place<'a>(
        &'a self,
        bucket: &'a Bucket,
        document: Option<&Document>,
    ) -> Result<S3Place<'a>, Failure> {
        let authorities = match &bucket.ca_file {
            Some(file) => Some(self.disk.read(&self.settings.schemas.join(file), CERTIFICATES)?.to_vec()),
            None => None,
        };
        let stored = document
            .zip(bucket.credentials.as_ref())
            .and_then(|(document, (access, secret))| Some((document.get(access)?, document.get(secret)?)));
        Ok(S3Place { bucket, authorities, stored, now: self.clock.now(), env: &self.env })
    }
}
