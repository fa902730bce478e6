"""The pages: a private bucket, and the distribution that serves it and the API under one origin."""

import json
from pathlib import Path

from aws_cdk import Duration, Fn
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.application import Application, Pages
from infra.constructs.bucket import add_private_bucket
from infra.constructs.nag import acknowledge
from infra.stacks.api import ApiStack
from infra.stacks.base import ApplicationStack

API = "/v1"
"""The path of the API below the pages' address."""

CONSOLE = "/console"
"""The path of the operators' page."""

USERS_DOMAIN, OPERATORS_DOMAIN = "", "operators"
"""The parts of the sign-in pages' domains that tell users from operators."""

FUNCTIONS = Path(__file__).resolve().parent.parent / "cloudfront"

DEFAULT_PORT = 4566
"""The port of the emulator, unless the context names another by `port`."""

HOST = "127.0.0.1"
"""The address of the emulator."""

STRICT_TRANSPORT = Duration.days(365)


class WebStack(ApplicationStack):
    """The distribution of the pages, and the bucket that `tidings pages upload` fills.

    Attributes:
        url: The pages' address, without a final `/`.
    """

    def __init__(self, scope: Construct, application: Application, pages: Pages, api: ApiStack) -> None:
        super().__init__(scope, "web", application, "the pages")
        self._pages = pages
        self._port = int(self.node.try_get_context("port") or DEFAULT_PORT)
        bucket = self._add_bucket()
        distribution = self._add_distribution(bucket, api)
        self.url = self._address(distribution)
        # The stack of the users imports the name until it is deployed with the pages' own domain, which is later.
        self.export_value(distribution.distribution_domain_name)
        self.add_output("PageUrl", self.url)
        self.add_output("Bucket", bucket.bucket_name)
        self.add_output("Distribution", distribution.distribution_id)
        self.add_output("DistributionDomain", distribution.distribution_domain_name)
        self.add_output("Page", json.dumps({"title": application.title, **pages.settings}))

    def _address(self, distribution: cloudfront.Distribution) -> str:
        if self.stage.emulated:
            # The emulator serves a distribution under the first part of its domain.
            label = Fn.select(0, Fn.split(".", distribution.distribution_domain_name))
            return f"http://{label}.cloudfront.localhost:{self._port}"
        return f"https://{self._pages.domain or distribution.distribution_domain_name}"

    def _global_name(self, *parts: str) -> str:
        """Return the name of a resource of CloudFront, which has one set of names for all regions of an account."""
        return "-".join((self.stack_name, *parts, self.region))

    def _add_bucket(self) -> s3.Bucket:
        bucket = add_private_bucket(self, "pages")
        acknowledge(bucket, "S1", "The files are public: the distribution serves them to everybody.")
        return bucket

    def _add_distribution(self, bucket: s3.Bucket, api: ApiStack) -> cloudfront.Distribution:
        viewers = (
            cloudfront.ViewerProtocolPolicy.ALLOW_ALL
            if self.stage.emulated
            else cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS
        )
        headers = self._add_headers(api)
        requests = cloudfront.BehaviorOptions(
            origin=self._api_origin(api),
            viewer_protocol_policy=viewers,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            # The API answers under its own name only.
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            response_headers_policy=headers,
            function_associations=[self._add_function("api")],
        )
        access = cloudfront.S3OriginAccessControl(
            self, "access", origin_access_control_name=self._global_name("access"), description="Reads the pages"
        )
        domain, certificate = self._pages.domain, self._pages.certificate
        distribution = cloudfront.Distribution(
            self,
            "distribution",
            comment=f"{self.application.title}, stage {self.stage.name}",
            default_root_object="index.html",
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            domain_names=[domain] if domain else None,
            certificate=(
                acm.Certificate.from_certificate_arn(self, "certificate", certificate) if certificate else None
            ),
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if certificate else None,
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(bucket, origin_access_control=access),
                viewer_protocol_policy=viewers,
                response_headers_policy=headers,
                function_associations=[self._add_function("pages")],
            ),
            additional_behaviors={API: requests, f"{API}/*": requests},
        )
        self._acknowledge(distribution)
        return distribution

    def _acknowledge(self, distribution: cloudfront.Distribution) -> None:
        acknowledge(distribution, "CFR1", "The application serves people in every country.")
        acknowledge(
            distribution,
            "CFR2",
            "A web ACL has a monthly price. The API limits the rate of all requests, and the pages are files.",
        )
        acknowledge(
            distribution,
            "CFR3",
            "The API logs each request. A log of the files' readers would keep addresses of people for no purpose.",
        )
        if not self._pages.certificate:
            acknowledge(
                distribution,
                "CFR4",
                "Without the application's own domain, CloudFront's certificate is used, which fixes the oldest "
                "version of TLS. An operator chooses a domain and its certificate in the stage's settings.",
            )

    def _api_origin(self, api: ApiStack) -> origins.HttpOrigin:
        api_id = api.http_api.api_id
        if self.stage.emulated:
            return origins.HttpOrigin(
                HOST,
                http_port=self._port,
                protocol_policy=cloudfront.OriginProtocolPolicy.HTTP_ONLY,
                origin_path=f"/_aws/execute-api/{api_id}/$default",
            )
        return origins.HttpOrigin(
            f"{api_id}.execute-api.{self.region}.{self.url_suffix}",
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
        )

    def _add_function(self, name: str) -> cloudfront.FunctionAssociation:
        """Add the function that rewrites the paths of a behaviour, from its file."""
        function = cloudfront.Function(
            self,
            f"{name}-paths",
            function_name=self._global_name(name, "paths"),
            comment=f"Rewrites the paths of the {name}",
            code=cloudfront.FunctionCode.from_file(file_path=str(FUNCTIONS / f"{name}.js")),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        return cloudfront.FunctionAssociation(event_type=cloudfront.FunctionEventType.VIEWER_REQUEST, function=function)

    def _add_headers(self, api: ApiStack) -> cloudfront.ResponseHeadersPolicy:
        """Add the security headers. An answer of the API that has one already keeps it."""
        return cloudfront.ResponseHeadersPolicy(
            self,
            "headers",
            response_headers_policy_name=self._global_name("headers"),
            comment=f"The security headers of {self.application.title}",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=self._content_security_policy(api), override=False
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=False),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=False
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.STRICT_ORIGIN, override=False
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=STRICT_TRANSPORT, override=False
                ),
            ),
        )

    def _content_security_policy(self, api: ApiStack) -> str:
        """Return the policy (W3C, "Content Security Policy Level 3"): own files, API, sign-in, and the WebSocket."""
        sources = {
            "default-src": ["'self'"],
            "script-src": ["'self'"],
            "style-src": ["'self'"],
            "img-src": ["'self'", "data:"],
            "font-src": ["'self'", "data:"],
            "connect-src": ["'self'", *self._sign_in_sources(), self._websocket_source(api)],
            "object-src": ["'none'"],
            "base-uri": ["'none'"],
            "form-action": ["'self'"],
            "frame-ancestors": ["'none'"],
        }
        for directive, further in self._pages.sources.items():
            sources[directive] = [*sources.get(directive, ["'self'"]), *further]
        return "; ".join(" ".join([directive, *allowed]) for directive, allowed in sources.items())

    def _sign_in_sources(self) -> list[str]:
        """Return the addresses that a sign-in calls: the pools' issuer, and the domains of the sign-in pages."""
        if self.stage.emulated:
            return [f"http://{HOST}:{self._port}"]
        issuer = f"https://cognito-idp.{self.region}.{self.url_suffix}"
        # The pools' stack depends on this one, so it is their names that are known here.
        domains = [
            f"https://{domain_prefix(self, kind)}.auth.{self.region}.amazoncognito.com"
            for kind in (USERS_DOMAIN, OPERATORS_DOMAIN)
        ]
        return [issuer, *domains]

    def _websocket_source(self, api: ApiStack) -> str:
        if api.websocket_api is None:
            raise ValueError("an application with pages has a WebSocket API")
        if self.stage.emulated:
            return f"ws://{HOST}:{self._port}/_aws/execute-api/{api.websocket_api.api_id}/{self.stage.name}"
        return api.websocket_url


def domain_prefix(stack: ApplicationStack, kind: str) -> str:
    """Return the first part of the domain of a sign-in page: no other account in the region may have the same.

    Args:
        stack: A stack of the application.
        kind: `USERS_DOMAIN` or `OPERATORS_DOMAIN`.
    """
    parts = [part for part in (kind, stack.account) if part]
    return stack.application.resource_name(*parts)
