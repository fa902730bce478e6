"""The pages: their bucket, their distribution, their headers, their domain, and the origins that may call the API."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from infra.application import Application, Pages
from infra.build import build
from infra.discovery import ROOT
from infra.shop import SETTINGS, placeholders, shop
from infra.stacks import web
from infra.stages import STAGES
from ops.pages import config
from tests.infra.synthesis import CONTEXT, Json, Synthesis, owned

PUBLIC = ROOT / "web" / "public"
"""The files of the pages whose names contain no hash of their content."""

NODE = Path(sys.executable).parent / "node"
EVERY_STAGE = pytest.mark.parametrize("synthesis", ["local", "dev", "prod"], indirect=True)
DEPLOYED_STAGE = pytest.mark.parametrize("synthesis", ["dev", "prod"], indirect=True)

DOMAIN = "shop.tidings.net"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d-0000-4000-8000-000000000000"


@pytest.fixture
def synthesis(request: pytest.FixtureRequest) -> Synthesis:
    found: Synthesis = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def with_domain(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """The pages of a stage that has a domain and names an origin. It has no services."""
    settings = replace(
        owned(SETTINGS["prod"]), domain=DOMAIN, certificate=CERTIFICATE, origins=("https://partner.tidings.net",)
    )
    folder = tmp_path_factory.mktemp("domain")
    app = App(context=CONTEXT, outdir=str(folder), analytics_reporting=False)
    build(app, replace(shop(STAGES["prod"], settings), services=(), contracts=()))
    app.synth()
    return Synthesis("prod", folder)


def distribution_of(synthesis: Synthesis) -> Json:
    config: Json = synthesis.only("web", "AWS::CloudFront::Distribution").properties["DistributionConfig"]
    return config


def text_of(value: Any) -> str:
    """Return a text of a template, with `{…}` for each reference."""
    if isinstance(value, dict) and "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(text_of(part) for part in parts)
    return value if isinstance(value, str) else json.dumps(value).replace('"', "")


def policy_of(synthesis: Synthesis) -> dict[str, list[str]]:
    """Return the content security policy: the sources by directive."""
    headers = synthesis.only("web", "AWS::CloudFront::ResponseHeadersPolicy").properties
    behaviour = headers["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]["ContentSecurityPolicy"]
    directives = text_of(behaviour["ContentSecurityPolicy"]).split("; ")
    return {name: sources for name, *sources in (directive.split(" ") for directive in directives)}


@EVERY_STAGE
def test_only_the_distribution_reads_the_private_bucket(synthesis: Synthesis) -> None:
    bucket = synthesis.only("web", "AWS::S3::Bucket")
    assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert "WebsiteConfiguration" not in bucket.properties
    statements = synthesis.only("web", "AWS::S3::BucketPolicy").properties["PolicyDocument"]["Statement"]
    (allowed,) = (statement for statement in statements if statement["Effect"] == "Allow")
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert allowed["Action"] == "s3:GetObject"
    distribution = synthesis.only("web", "AWS::CloudFront::Distribution")
    assert distribution.id in json.dumps(allowed["Condition"]["StringEquals"]["AWS:SourceArn"])
    (origin,) = (each for each in distribution_of(synthesis)["Origins"] if "S3OriginConfig" in each)
    assert "OriginAccessControlId" in origin


@DEPLOYED_STAGE
def test_the_bucket_refuses_plain_http(synthesis: Synthesis) -> None:
    statements = synthesis.only("web", "AWS::S3::BucketPolicy").properties["PolicyDocument"]["Statement"]
    (denied,) = (statement for statement in statements if statement["Effect"] == "Deny")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@DEPLOYED_STAGE
def test_browsers_and_the_api_are_reached_by_https_only(synthesis: Synthesis) -> None:
    config = distribution_of(synthesis)
    for behaviour in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        assert behaviour["ViewerProtocolPolicy"] == "redirect-to-https"
    (api,) = (each["CustomOriginConfig"] for each in config["Origins"] if "CustomOriginConfig" in each)
    assert (api["OriginProtocolPolicy"], api["OriginSSLProtocols"]) == ("https-only", ["TLSv1.2"])


@EVERY_STAGE
def test_the_api_is_below_v1_of_the_pages_origin_and_is_not_cached(synthesis: Synthesis) -> None:
    bare, behaviour = distribution_of(synthesis)["CacheBehaviors"]
    assert (bare.pop("PathPattern"), behaviour.pop("PathPattern")) == ("/v1", "/v1/*")
    assert bare == behaviour
    assert set(behaviour["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
    # Amazon CloudFront Developer Guide, "Use managed cache policies" and "Use managed origin request policies".
    assert behaviour["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert behaviour["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"


@EVERY_STAGE
def test_an_error_of_the_api_is_not_replaced_by_a_page(synthesis: Synthesis) -> None:
    assert "CustomErrorResponses" not in distribution_of(synthesis)


@EVERY_STAGE
def test_every_answer_has_the_security_headers_unless_the_api_has_sent_its_own(synthesis: Synthesis) -> None:
    config = distribution_of(synthesis)
    headers = synthesis.only("web", "AWS::CloudFront::ResponseHeadersPolicy")
    for behaviour in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        assert behaviour["ResponseHeadersPolicyId"] == {"Ref": headers.id}
    security = headers.properties["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    assert security.keys() == {
        "ContentSecurityPolicy",
        "ContentTypeOptions",
        "FrameOptions",
        "ReferrerPolicy",
        "StrictTransportSecurity",
    }
    assert {header["Override"] for header in security.values()} == {False}
    assert security["FrameOptions"]["FrameOption"] == "DENY"
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 365 * 24 * 60 * 60


@EVERY_STAGE
def test_the_policy_allows_no_inline_script_and_no_source_of_everything(synthesis: Synthesis) -> None:
    policy = policy_of(synthesis)
    sources = [source for allowed in policy.values() for source in allowed]
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:", "http:", "wss:"} & set(sources)
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == ["'none'"]
    assert policy["style-src"] == ["'self'"]


@DEPLOYED_STAGE
def test_the_policy_names_the_issuer_the_sign_in_pages_and_the_websocket(synthesis: Synthesis) -> None:
    stage = synthesis.stage
    region, account = "{Ref: AWS::Region}", "{Ref: AWS::AccountId}"
    sign_in = [
        f"https://tidings-{stage}-{account}.auth.{region}.amazoncognito.com",
        f"https://tidings-{stage}-operators-{account}.auth.{region}.amazoncognito.com",
    ]
    own, *others = [source for source in text_of_connections(synthesis) if "stripe" not in source]
    assert own == "'self'"
    assert others[0] == f"https://cognito-idp.{region}.{{Ref: AWS::URLSuffix}}"
    assert others[1:3] == sign_in
    (websocket,) = others[3:]
    assert websocket.startswith("wss://")
    assert websocket.endswith(f".execute-api.{region}.{{Ref: AWS::URLSuffix}}/{stage}")
    domains = {
        f"https://{text_of(domain.properties['Domain'])}.auth.{region}.amazoncognito.com"
        for domain in synthesis.resources("AWS::Cognito::UserPoolDomain")
    }
    assert domains == set(sign_in)


def text_of_connections(synthesis: Synthesis) -> list[str]:
    """Return the sources of `connect-src`. References contain spaces, so the policy is split at the sources' ends."""
    headers = synthesis.only("web", "AWS::CloudFront::ResponseHeadersPolicy").properties
    behaviour = headers["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]["ContentSecurityPolicy"]
    (directive,) = (
        text for text in text_of(behaviour["ContentSecurityPolicy"]).split("; ") if text.startswith("connect-src")
    )
    return [
        source.replace("Ref:_", "Ref: ").replace("ImportValue:_", "ImportValue: ")
        for source in directive.removeprefix("connect-src ").replace(": ", ":_").split(" ")
    ]


def test_only_a_stage_that_charges_by_stripe_loads_stripes_script(dev: Synthesis, prod: Synthesis) -> None:
    assert "stripe" not in json.dumps(dev.templates["web"]["Resources"])
    policy = policy_of(prod)
    assert "https://js.stripe.com" in policy["script-src"]
    assert {"https://js.stripe.com", "https://hooks.stripe.com"} <= set(policy["frame-src"])
    assert "https://api.stripe.com" in text_of_connections(prod)


def test_the_local_policy_names_the_local_cloud_by_its_port(local: Synthesis) -> None:
    own, sign_in, websocket = text_of_connections(local)
    assert (own, sign_in) == ("'self'", "http://127.0.0.1:4566")
    assert websocket.startswith("ws://127.0.0.1:4566/_aws/execute-api/")
    assert websocket.endswith("/local")


@EVERY_STAGE
def test_people_return_from_their_sign_in_page_to_their_own_page_only(synthesis: Synthesis) -> None:
    clients = [client.properties for client in synthesis.resources("AWS::Cognito::UserPoolClient")]
    addresses = sorted(text_of(client["CallbackURLs"][0]) for client in clients)
    assert [len(client["CallbackURLs"]) for client in clients] == [1, 1]
    assert [address.endswith("/console/signed-in") for address in addresses].count(True) == 1
    assert all(address.endswith("/signed-in") for address in addresses)
    for client in clients:
        assert text_of(client["LogoutURLs"][0]) + "signed-in" == text_of(client["CallbackURLs"][0])
        assert client["AllowedOAuthFlows"] == ["code"]
        assert client["AllowedOAuthScopes"] == ["openid", "email"]
        assert client["GenerateSecret"] is False


@EVERY_STAGE
def test_the_pages_settings_are_in_an_output(synthesis: Synthesis) -> None:
    settings = owned(SETTINGS[synthesis.stage]) if synthesis.stage != "local" else SETTINGS["local"]
    assert json.loads(synthesis.templates["web"]["Outputs"]["Page"]["Value"]) == {
        "title": "Tidings",
        "gateway": settings.gateway,
        "publishableKey": settings.publishable_key,
        "paymentMethods": list(settings.payment_methods),
    }


PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""The first part of a sign-in page's domain (Amazon Cognito User Pools API Reference, "CreateUserPoolDomain")."""


@DEPLOYED_STAGE
def test_the_domain_of_each_sign_in_page_is_accepted_and_no_other_accounts_is_the_same(synthesis: Synthesis) -> None:
    domains = [text_of(each.properties["Domain"]) for each in synthesis.resources("AWS::Cognito::UserPoolDomain")]
    assert len(set(domains)) == 2
    for domain in domains:
        assert domain.endswith("-{Ref: AWS::AccountId}")
        assert PREFIX.fullmatch(domain.replace("{Ref: AWS::AccountId}", "123456789012"))
        assert not re.search("aws|amazon|cognito", domain.removesuffix("{Ref: AWS::AccountId}"))


@DEPLOYED_STAGE
def test_a_stage_can_be_in_two_regions_of_an_account(synthesis: Synthesis) -> None:
    names = [text_of(each.properties["Name"]) for each in synthesis.resources("AWS::CloudFront::Function")]
    for kind, part in (
        ("AWS::CloudFront::ResponseHeadersPolicy", "ResponseHeadersPolicyConfig"),
        ("AWS::CloudFront::OriginAccessControl", "OriginAccessControlConfig"),
    ):
        names.append(text_of(synthesis.only("web", kind).properties[part]["Name"]))
    assert len(set(names)) == 4
    for name in names:
        assert name.endswith("-{Ref: AWS::Region}")
        # The maximum length of a function's name (Amazon CloudFront API Reference, "CreateFunction").
        assert len(name.replace("{Ref: AWS::Region}", "ap-southeast-1")) <= 64


@EVERY_STAGE
def test_the_pages_are_deployed_after_the_api_and_before_the_users(synthesis: Synthesis) -> None:
    artifacts = json.loads((synthesis.folder / "manifest.json").read_text())["artifacts"]
    stacks = [f"tidings-{synthesis.stage}-{name}" for name in ("api", "web", "users")]
    api, pages, _ = stacks
    needed = [{each for each in artifacts[stack]["dependencies"] if each in stacks} for stack in stacks]
    assert needed == [set(), {api}, {api, pages}]


def test_the_pages_call_the_api_at_the_path_at_which_the_distribution_has_it() -> None:
    assert config.API == web.API


# A domain, and origins


def test_the_pages_can_get_a_domain_after_their_first_deployment(prod: Synthesis, with_domain: Synthesis) -> None:
    imported = set(re.findall(r'"(tidings-prod-web:[^"]+)"', json.dumps(prod.templates["users"])))
    outputs = with_domain.templates["web"]["Outputs"].values()
    assert imported
    # The stack of the pages is deployed first, and CloudFormation deletes no export that another stack imports.
    assert imported <= {output["Export"]["Name"] for output in outputs if "Export" in output}


def test_a_domain_has_its_certificate_and_tls_1_2_at_least(with_domain: Synthesis) -> None:
    config = distribution_of(with_domain)
    assert config["Aliases"] == [DOMAIN]
    certificate = config["ViewerCertificate"]
    assert certificate["AcmCertificateArn"] == CERTIFICATE
    assert certificate["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert with_domain.templates["web"]["Outputs"]["PageUrl"]["Value"] == f"https://{DOMAIN}"


def test_the_api_admits_the_pages_domain_and_the_origins_that_the_stage_names(with_domain: Synthesis) -> None:
    cors = with_domain.only("api", "AWS::ApiGatewayV2::Api", ProtocolType="HTTP").properties["CorsConfiguration"]
    assert cors["AllowOrigins"] == ["https://partner.tidings.net", f"https://{DOMAIN}"]


@EVERY_STAGE
def test_no_stage_admits_every_origin(synthesis: Synthesis) -> None:
    api = synthesis.only("api", "AWS::ApiGatewayV2::Api", ProtocolType="HTTP").properties
    settings = SETTINGS[synthesis.stage]
    assert api.get("CorsConfiguration", {}).get("AllowOrigins", []) == list(settings.origins)
    assert not any("*" in origin for origin in settings.origins)


def test_an_admitted_origin_may_use_every_method_and_header_of_the_api(local: Synthesis) -> None:
    cors = local.only("api", "AWS::ApiGatewayV2::Api", ProtocolType="HTTP").properties["CorsConfiguration"]
    application = shop(STAGES["local"])
    routes = [route for service in application.services for route in service.routes]
    assert set(cors["AllowMethods"]) >= {route.method for route in routes}
    assert {header.lower() for route in routes for header in route.headers} <= set(cors["AllowHeaders"])
    assert {header.lower() for route in routes for header in route.replies} <= set(cors["ExposeHeaders"])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"domain": "Shop.net", "certificate": CERTIFICATE}, "'Shop.net' is no domain in lower case: set domain of"),
        ({"domain": "https://a.net", "certificate": CERTIFICATE}, "'https://a.net' is no domain in lower case"),
        ({"domain": "shop.example", "certificate": CERTIFICATE}, "shop.example is a placeholder: set domain of"),
        ({"domain": DOMAIN}, "A domain needs a certificate, and a certificate a domain: set both"),
        ({"certificate": CERTIFICATE}, "A domain needs a certificate, and a certificate a domain: set both"),
        (
            {"domain": DOMAIN, "certificate": CERTIFICATE.replace("us-east-1", "eu-west-1")},
            "CloudFront cannot use the certificate 'arn:aws:acm:eu-west-1:",
        ),
        *(
            ({"origins": (origin,)}, f"{origin!r} is no origin that may call the API: set origins of")
            for origin in ("*", "https://*.a.net", "https://a.net/", "http://a.net", "a.net", "null")
        ),
    ],
)
def test_a_domain_a_certificate_or_an_origin_that_cannot_be_used_is_refused(
    changes: dict[str, Any], problem: str
) -> None:
    (found,) = placeholders("prod", replace(owned(SETTINGS["prod"]), **changes))
    assert found.startswith(problem)
    assert "of the stage 'prod' in infra/shop.py" in found


@pytest.mark.parametrize(
    "changes",
    [
        {"domain": DOMAIN, "certificate": CERTIFICATE},
        {"origins": ("https://a.net", "https://b.a.net:8443", "http://localhost:5173")},
    ],
)
def test_a_domain_with_its_certificate_and_named_origins_are_accepted(changes: dict[str, Any]) -> None:
    assert list(placeholders("prod", replace(owned(SETTINGS["prod"]), **changes))) == []


# The functions of the distribution


def answers(name: str, *paths: str) -> list[Any]:
    """Return what a function of CloudFront returns for requests of paths."""
    source = (ROOT / "infra" / "cloudfront" / f"{name}.js").read_text()
    script = (
        f"{source}\nconst paths = JSON.parse(process.argv[1]);"
        "console.log(JSON.stringify(paths.map((uri) => handler({ request: { uri } }))));"
    )
    done = subprocess.run(  # noqa: S603 - our own code
        [NODE, "-e", script, json.dumps(paths)], capture_output=True, text=True, check=True
    )
    found: list[Any] = json.loads(done.stdout)
    return found


def rewritten(name: str, *paths: str) -> list[str]:
    """Return the paths to which a function of CloudFront rewrites paths."""
    return [answer["uri"] for answer in answers(name, *paths)]


def test_a_path_of_a_page_gets_the_page_and_a_file_is_itself() -> None:
    shop_paths = ["/", "/signed-in", "/orders/1", "/products/mug.blue", "/consoles", "/products/assets/x"]
    assert rewritten("pages", *shop_paths) == ["/index.html"] * len(shop_paths)
    console_paths = ["/console", "/console/", "/console/signed-in", "/console/orders/1", "/console/services/a.b"]
    assert rewritten("pages", *console_paths) == ["/console/index.html"] * len(console_paths)
    files = [
        "/index.html",
        "/config.json",
        "/favicon.ico",
        "/robots.txt",
        "/assets/a-1.js",
        "/assets/b/c.woff2",
        "/console/index.html",
    ]
    assert rewritten("pages", *files) == files
    public = [f"/{path.relative_to(PUBLIC).as_posix()}" for path in PUBLIC.rglob("*") if path.is_file()]
    assert rewritten("pages", *public) == public


@pytest.mark.parametrize("path", ["/a.b", "/A.PHP", "/.env", "/console/none.html", "/console/.git", "/index.html.bak"])
def test_a_name_with_a_dot_that_is_no_file_is_not_found(path: str) -> None:
    (answer,) = answers("pages", path)
    assert (answer["statusCode"], answer["statusDescription"]) == (404, "Not Found")
    assert "There is no such file" in answer["body"]["data"]


def test_the_apis_paths_lose_the_prefix_once() -> None:
    assert rewritten("api", "/v1/orders", "/v1", "/v1/", "/v1//x", "/v1/v1/x", "/v1/orders/v1") == [
        "/orders",
        "/",
        "/",
        "//x",
        "/v1/x",
        "/orders/v1",
    ]


def test_an_application_chooses_its_pages_settings_and_sources(tmp_path: Path) -> None:
    application = Application(
        name="notes",
        title="Notes",
        description="Notes.",
        stage=STAGES["local"],
        services=(),
        contracts=(),
        pages=Pages(settings={"colour": "blue"}, sources={"img-src": ("https://maps.example",)}),
    )
    app = App(context={**CONTEXT, "port": "4600"}, outdir=str(tmp_path), analytics_reporting=False)
    build(app, application)
    app.synth()
    synthesis = Synthesis("local", tmp_path, "notes")
    assert json.loads(synthesis.templates["web"]["Outputs"]["Page"]["Value"]) == {"title": "Notes", "colour": "blue"}
    assert policy_of(synthesis)["img-src"] == ["'self'", "data:", "https://maps.example"]
    assert "http://127.0.0.1:4600" in text_of_connections(synthesis)
