"""What Lambda is given."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from infra.services import ROOT
from tests.infra.synthesis import Synthesis, synthesize

ELF_MACHINE = {"x86_64": 0x3E, "arm64": 0xB7}


def pinned(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(), flags=re.MULTILINE))


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


def test_the_layer_carries_the_runtime_and_leaves_boto3_to_lambda(dev: Synthesis) -> None:
    packages = layer(dev) / "python"
    assert (packages / "tidings" / "relaying.py").exists()
    assert (packages / "msgspec").exists()
    assert (packages / "aws_lambda_powertools").exists()
    assert not (packages / "boto3").exists()


def test_a_function_is_importable_under_the_same_name_as_here(dev: Synthesis) -> None:
    for function in dev.resources("AWS::Lambda::Function"):
        module = function.properties["Handler"].rpartition(".")[0]
        roots = (dev.asset(function), layer(dev) / "python")
        assert any((root / Path(*module.split(".")).with_suffix(".py")).exists() for root in roots), module


def test_assets_hold_no_bytecode_and_no_stack(dev: Synthesis) -> None:
    names = {path.name for path in dev.folder.rglob("*")}
    assert not [name for name in names if name.endswith(".pyc")]
    assert "stack.py" not in names


def test_the_layers_lock_says_what_the_projects_locks_say() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = pinned("requirements-layer.txt")
    assert set(project["optional-dependencies"]["layer"]) <= {f"{name}=={version}" for name, version in locked.items()}
    assert locked.items() <= pinned("requirements.txt").items()


def test_the_layer_is_all_that_the_runtime_needs_beside_what_lambda_has(local: Synthesis) -> None:
    # With no site packages but the layer's, and only modules that need no boto3, which Lambda has itself.
    code = (
        "import sys\n"
        f"sys.path[:0] = [{str(layer(local) / 'python')!r}]\n"
        "import tidings.events, tidings.consumer, tidings.relay, tidings.http\n"
        "print(tidings.events.__file__)\n"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert done.stdout.startswith(str(layer(local)))
