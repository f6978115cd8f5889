//! What a URL that was signed beforehand gives to whoever has it and no keys, such as a browser.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use super::connect::{S3Place, connector};
use super::trouble::{Refusal, Trouble, of_connection};
use crate::remote::error::RemoteProblem;

/// How long such a URL is valid.
const LIFE: Duration = Duration::from_mins(1);

/// Asks for an object by a URL that the client has signed: what it holds, or how the service refuses.
pub(super) async fn get(
    client: &Client,
    place: &S3Place<'_>,
    key: &str,
) -> Result<Result<Vec<u8>, Refusal>, Trouble> {
    let cannot = || Trouble::lasting(RemoteProblem::Settings("the request cannot be made".to_owned()));
    let life = PresigningConfig::expires_in(LIFE).map_err(|_| cannot())?;
    let request = client.get_object().bucket(&place.bucket.name).key(key).presigned(life);
    let signed = request.await.map_err(|_| cannot())?;
    let mut request = HttpRequest::get(signed.uri()).map_err(|_| cannot())?;
    for (name, value) in signed.headers() {
        request.headers_mut().insert(name.to_owned(), value.to_owned());
    }
    let response = connector(place).map_err(Trouble::lasting)?.call(request).await;
    let response = response.map_err(|error| of_connection(Some(&error)))?;
    let status = response.status().as_u16();
    let date = response.headers().get("date").map(ToOwned::to_owned);
    let broken = |_| Trouble::passing(RemoteProblem::Unreachable("the answer broke off".to_owned()));
    let bytes = ByteStream::new(response.into_body()).collect().await.map_err(broken)?.to_vec();
    Ok(if status == 200 { Ok(bytes) } else { Err(Refusal::new(status, code(&bytes), date)) })
}

/// The code in an error's XML; empty if there is none.
fn code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| Some(rest.split_once("</Code>")?.0));
    code.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn the_code_of_an_error_is_found() {
        assert_eq!(code(b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"), "AccessDenied");
        assert_eq!(code(b"<html>\xff"), "");
        assert_eq!(code(b"<Code>half"), "");
    }
}
