//! Whom to believe: the system's certificate authorities, or those that the environment names.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use crate::sys::{Environment, Variable};

use super::error::HttpError;

/// TLS by ring, 1.2 and later.
pub fn tls_config(env: &Environment) -> Result<ClientConfig, HttpError> {
    let fail = |error: rustls::Error| HttpError::Roots(error.to_string());
    Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(fail)?
        .with_root_certificates(roots(env)?)
        .with_no_client_auth())
}

/// As OpenSSL has it: what `SSL_CERT_FILE` and `SSL_CERT_DIR` name replaces the system's own.
fn roots(env: &Environment) -> Result<RootCertStore, HttpError> {
    let file = env.get(Variable::SslCertFile).map(Path::new);
    let folder = env.get(Variable::SslCertDir).map(Path::new);
    let found = if file.is_none() && folder.is_none() {
        rustls_native_certs::load_native_certs()
    } else {
        rustls_native_certs::load_certs_from_paths(file, folder)
    };
    let mut roots = RootCertStore::empty();
    // One that is odd is left out, as everywhere; a host that needs it is then not trusted.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(HttpError::Roots(reason));
    }
    Ok(roots)
}
