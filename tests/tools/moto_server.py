"""moto's server on a port of loopback, in a single thread: with several, moto looks whether an object exists and creates it
a moment later, so that two may pass, which is not so at Amazon's.

Where moto checks signatures it knows those in headers only, and takes a presigned URL for an error of its own: here such a
URL is checked as Amazon does, by its own signature.
"""

import sys
from urllib.parse import parse_qs, urlencode, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.access_control import S3IAMRequest
from moto.server import DomainDispatcherApplication as Application, create_backend_app
from werkzeug.serving import run_simple


def asked(path):
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query, keep_blank_values=True).items()}


class Presigned(S3IAMRequest):
    """A request whose signature stands in its URL, in the form that moto expects of a header."""

    def __init__(self, path, headers, **rest):
        query = asked(path)
        header = f"Credential={query['X-Amz-Credential']}, Signature={query.pop('X-Amz-Signature')},"
        self.host = headers["Host"]
        self.url = f"http://{self.host}{urlsplit(path).path}?{urlencode(query)}"
        self.signed = query
        super().__init__(path=path, headers={"Authorization": header}, **rest)

    def _create_auth(self, credentials):
        return S3SigV4QueryAuth(credentials, "s3", self._region)

    def _create_aws_request(self):
        request = AWSRequest(method=self._method, url=self.url, headers={"Host": self.host})
        request.context["timestamp"] = self.signed["X-Amz-Date"]
        return request


def check(self, kind, resource="*", usual=ActionAuthenticatorMixin._authenticate_and_authorize_action):
    is_free = ActionAuthenticatorMixin.request_count < settings.INITIAL_NO_AUTH_ACTION_COUNT
    is_presigned = kind is S3IAMRequest and "X-Amz-Signature" in asked(self.uri)
    usual(self, Presigned if is_presigned and not is_free else kind, resource)


ActionAuthenticatorMixin._authenticate_and_authorize_action = check
run_simple("127.0.0.1", int(sys.argv[1]), Application(create_backend_app), threaded=False)
