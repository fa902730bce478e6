"""The code of functions and layers."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from infra.assets import MODELS, service_code
from infra.discovery import ROOT, ServiceFolder
from infra.shop import SETTINGS
from tests.infra.synthesis import Synthesis, synthesize

ELF_MACHINE = {"x86_64": 0x3E, "arm64": 0xB7}


def pinned(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(), flags=re.MULTILINE))


def assert_locked(project: str, group: str, lock: str) -> None:
    """Assert that a lock satisfies a project's dependency group, and agrees with the lock of everything."""
    locked = pinned(lock)
    for dependency in map(Requirement, tomllib.loads((ROOT / project).read_text())["dependency-groups"][group]):
        assert dependency.specifier.contains(locked[dependency.name]), dependency
    assert locked.items() <= pinned("requirements.txt").items()


def layer(synthesis: Synthesis) -> Path:
    return synthesis.asset(synthesis.only("orders", "AWS::Lambda::LayerVersion"))


def test_the_layer_is_built_for_lambdas_arm64_python_313(dev: Synthesis) -> None:
    libraries = list(layer(dev).rglob("*.so"))
    assert libraries
    for library in libraries:
        assert "cpython-313-aarch64-linux-gnu" in library.name
        assert int.from_bytes(library.read_bytes()[18:20], "little") == ELF_MACHINE["arm64"]
    for function in dev.resources("AWS::Lambda::Function"):
        assert function.properties["Runtime"] == "python3.13"
        assert function.properties["Architectures"] == ["arm64"]


def test_the_local_layer_is_built_for_the_python_that_runs_the_emulator(local: Synthesis) -> None:
    tag = f"cpython-{sys.version_info.major}{sys.version_info.minor}"
    assert all(tag in library.name for library in layer(local).rglob("*.so"))


def test_the_synthesis_needs_no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\ntouch {tmp_path / 'called'}\nexit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("CDK_DOCKER", str(docker))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    synthesize("dev", tmp_path / "out")
    assert not (tmp_path / "called").exists()


def test_the_layer_contains_the_library_and_its_packages(dev: Synthesis) -> None:
    packages = layer(dev) / "python"
    assert (packages / "tidings" / "aws" / "relay.py").exists()
    assert (packages / "msgspec").exists()
    assert (packages / "aws_lambda_powertools").exists()


def test_the_layer_pins_boto3_with_the_models_of_the_services_that_functions_call(dev: Synthesis) -> None:
    packages = layer(dev) / "python"
    locked = pinned("requirements-layer.txt")
    for name in ("boto3", "botocore"):
        assert (packages / f"{name}-{locked[name]}.dist-info").is_dir()
    models = {path.name for path in (packages / "botocore" / "data").iterdir() if path.is_dir()}
    sources = [file for name in ("tidings", "functions") for file in (ROOT / name).rglob("*.py")]
    called = {name for file in sources for name in re.findall(r'boto3\.client\("([\w-]+)"', file.read_text())}
    assert models == called


def test_the_layers_clients_have_their_endpoints_and_retries(local: Synthesis) -> None:
    names = sorted(MODELS)
    code = (
        "import sys\n"
        f"sys.path[:0] = [{str(layer(local) / 'python')!r}]\n"
        "import boto3\n"
        "from tidings.aws.clients import CONFIG\n"
        f"for name in {names!r}:\n"
        "    print(boto3.client(name, region_name='eu-west-1', config=CONFIG).meta.endpoint_url)\n"
        "print(boto3.__file__)\n"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    *endpoints, module = done.stdout.splitlines()
    hosts = {"apigatewaymanagementapi": "execute-api", "cloudwatch": "monitoring", "ses": "email"}
    expected = [hosts.get(name, name) for name in names]
    assert endpoints == [f"https://{name}.eu-west-1.amazonaws.com" for name in expected]
    assert module.startswith(str(layer(local)))


def test_the_layer_contains_the_time_zones_which_lambdas_python_lacks(local: Synthesis) -> None:
    code = (
        "import sys, zoneinfo\n"
        f"sys.path[:0] = [{str(layer(local) / 'python')!r}]\n"
        "zoneinfo.reset_tzpath(())\n"
        f"for name in {[settings.time_zone for settings in SETTINGS.values()]!r}:\n"
        "    print(zoneinfo.ZoneInfo(name))\n"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert done.stdout.split() == [settings.time_zone for settings in SETTINGS.values()]


def test_the_layer_is_at_most_25_mb(dev: Synthesis) -> None:
    assert sum(path.stat().st_size for path in layer(dev).rglob("*") if path.is_file()) <= 25 * 2**20


def test_the_layer_contains_no_contracts_no_services_and_no_test_kit(dev: Synthesis) -> None:
    packages = layer(dev) / "python"
    assert not {"contracts", "functions", "infra"} & {path.name for path in packages.iterdir()}
    assert not (packages / "tidings" / "testing").exists()


def test_a_handler_is_importable_under_the_same_name_as_in_the_project(dev: Synthesis) -> None:
    for function in dev.resources("AWS::Lambda::Function"):
        module = function.properties["Handler"].rpartition(".")[0]
        roots = (dev.asset(function), layer(dev) / "python")
        assert any((root / Path(*module.split(".")).with_suffix(".py")).exists() for root in roots), module


def test_a_services_code_contains_its_folder_and_the_contracts_that_it_imports(
    services: tuple[ServiceFolder, ...],
) -> None:
    code = {service.name: files_in(service_code(service)) for service in services}
    assert {path for path in code["fraud"] if path.startswith("contracts/")} == {
        "contracts/__init__.py",
        "contracts/fraud/__init__.py",
        "contracts/fraud/order_flagged.py",
        "contracts/orders/__init__.py",
        "contracts/orders/order_placed.py",
        "contracts/payment/__init__.py",
        "contracts/payment/payment_authorized.py",
        "contracts/payment/payment_not_needed.py",
        "contracts/privacy/__init__.py",
        "contracts/privacy/personal_data_erased.py",
        "contracts/values/__init__.py",
        "contracts/values/address.py",
        "contracts/values/country.py",
        "contracts/values/goods.py",
        "contracts/values/money.py",
        "contracts/values/order.py",
        "contracts/values/recipient.py",
        "contracts/values/text.py",
    }
    for name, files in code.items():
        assert {tuple(path.split("/")[:2]) for path in files if not path.startswith("contracts/")} == {
            ("functions", name)
        }


def test_a_services_modules_import_with_its_code_and_the_layer_alone(
    local: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    # Without site, this environment's packages are not on the path.
    code = (
        "import importlib, sys\n"
        "code, layer, *modules = sys.argv[1:]\n"
        "sys.path[:0] = [code, layer]\n"
        "for module in modules: importlib.import_module(module)\n"
    )
    for service in services:
        folder = service_code(service)
        modules = [
            path.removesuffix(".py").replace("/", ".")
            for path in files_in(folder)
            # Below a service's folder are the modules that need more, such as those that use Stripe's library.
            if Path(path).parent == Path("functions", service.name)
            and Path(path).name in ("service.py", "handlers.py", "api.py")
        ]
        environment = [str(folder), str(layer(local) / "python")]
        command = [sys.executable, "-I", "-S", "-B", "-c", code, *environment, *modules]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        assert done.returncode == 0, (service.name, done.stderr)


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_assets_contain_no_bytecode_no_stack_and_no_recovery(dev: Synthesis) -> None:
    names = {path.name for path in dev.folder.rglob("*")}
    assert not [name for name in names if name.endswith(".pyc")]
    assert not names & {"stack.py", "recovery.py"}


def test_the_layers_lock_agrees_with_the_project_and_its_lock() -> None:
    assert_locked("pyproject.toml", "layer", "requirements-layer.txt")


def test_the_layer_contains_all_that_the_library_needs(local: Synthesis) -> None:
    # With the layer's packages only.
    code = (
        "import sys\n"
        f"sys.path[:0] = [{str(layer(local) / 'python')!r}]\n"
        "import tidings, tidings.aws.lambdas, tidings.aws.secrets, tidings.http.pagination\n"
        "print(tidings.__file__)\n"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert done.stdout.startswith(str(layer(local)))
