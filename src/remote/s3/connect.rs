//! The SDK's client, made so that nothing happens behind our back: it tries nothing again, follows no redirect, and sends
//! bodies whole, with a checksum in a header where we ask for one (older Ceph refuses those at a body's end).

use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    RuntimeComponents, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder as HttpBuilder, Connector};
use jiff::Timestamp;

use super::credentials;
use crate::remote::error::RemoteProblem;
use crate::schema::Bucket;
use crate::secret::SecretValue;
use crate::sys::{Environment, Variable};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// A bucket, and what it takes to reach it.
pub struct S3Place<'a> {
    /// The bucket, as the schema has it.
    pub bucket: &'a Bucket,
    /// The certificates to trust instead of the system's, in PEM.
    pub authorities: Option<Vec<u8>>,
    /// The access key and the secret key that the store holds.
    pub stored: Option<(SecretValue, SecretValue)>,
    /// The present: whether an object is still locked.
    pub now: Timestamp,
    /// Where credentials and a proxy may be named.
    pub env: &'a Environment,
}

impl S3Place<'_> {
    /// Where an object is, or what starts with the same key, for messages.
    pub(super) fn label(&self, key: &str) -> String {
        let bucket = &self.bucket.name;
        match &self.bucket.endpoint {
            Some(endpoint) => format!("s3://{bucket}/{key} at {endpoint}"),
            None => format!("s3://{bucket}/{key}"),
        }
    }
}

/// Both ways to ask: signed, and as anybody could.
pub(super) struct Clients {
    pub(super) ours: Client,
    pub(super) anybody: Client,
}

/// Makes the clients. Nothing is asked of the service itself yet.
pub(super) async fn connect(place: &S3Place<'_>) -> Result<Clients, RemoteProblem> {
    let http = http(place)?;
    let credentials = credentials::find(place, &http).await?;
    let ours = settings(place, &http).credentials_provider(SharedCredentialsProvider::new(credentials));
    let anybody = settings(place, &http).allow_no_auth();
    Ok(Clients { ours: Client::from_conf(ours.build()), anybody: Client::from_conf(anybody.build()) })
}

pub(super) fn settings(place: &S3Place<'_>, http: &SharedHttpClient) -> Builder {
    let mut builder = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(place.bucket.region.clone()))
        .force_path_style(place.bucket.path_style)
        .http_client(http.clone())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    builder.set_endpoint_url(place.bucket.endpoint.clone());
    builder
}

/// What every connection to the service is made of.
struct Line {
    tls: TlsContext,
    proxy: ProxyConfig,
}

fn line(place: &S3Place<'_>) -> Result<Line, RemoteProblem> {
    let mut trusted = TrustStore::default();
    if let Some(pem) = &place.authorities {
        if !pem.windows(11).any(|part| part == b"-----BEGIN ") {
            return Err(RemoteProblem::Settings("`ca-file` holds no certificate in PEM".to_owned()));
        }
        trusted = TrustStore::empty().with_pem_certificate(pem.clone());
    }
    let cannot = |_| RemoteProblem::Settings("the certificates to trust cannot be used".to_owned());
    let tls = TlsContext::builder().with_trust_store(trusted).build().map_err(cannot)?;
    Ok(Line { tls, proxy: proxy(place.env)? })
}

/// A connection for what is asked without the SDK, as anybody would.
pub(super) fn connector(place: &S3Place<'_>) -> Result<Connector, RemoteProblem> {
    let Line { tls, proxy } = line(place)?;
    let connector = Connector::builder().proxy_config(proxy);
    Ok(connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls).build())
}

pub(super) fn http(place: &S3Place<'_>) -> Result<SharedHttpClient, RemoteProblem> {
    let Line { tls, proxy } = line(place)?;
    Ok(HttpBuilder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls.clone()).build()
    }))
}

/// The proxy that the environment names, as for everything else that is asked by HTTPS.
fn proxy(env: &Environment) -> Result<ProxyConfig, RemoteProblem> {
    let text = |variables: [Variable; 2]| variables.into_iter().find_map(|variable| env.text(variable));
    let named = text([Variable::HttpsProxy, Variable::HttpsProxyLower])
        .map(ProxyConfig::https)
        .or_else(|| text([Variable::AllProxy, Variable::AllProxyLower]).map(ProxyConfig::all));
    let Some(proxy) = named else { return Ok(ProxyConfig::disabled()) };
    let bad =
        |_| RemoteProblem::Settings("the proxy that the environment names is no http:// address".to_owned());
    let rules = text([Variable::NoProxy, Variable::NoProxyLower]).unwrap_or_default();
    Ok(proxy.map_err(bad)?.no_proxy(rules))
}
