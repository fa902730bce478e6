"""A real browser for the tests: the Chromium of the page's test tools, or else an installed Chrome."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from ops.stage import ROOT

WEB = ROOT / "web"
NODE = Path(sys.executable).parent / "node"

FIND = """
import chromium from "@sparticuz/chromium";
console.log(JSON.stringify({ path: await chromium.executablePath(), args: chromium.args }));
"""

REFUSED = (
    # With these, no test of the content security policy or of origins would mean anything.
    "--allow-running-insecure-content",
    "--disable-web-security",
    # Playwright chooses this itself.
    "--headless",
    # The browser would end with its first page.
    "--single-process",
)


@contextmanager
def launched() -> Iterator[Browser]:
    """Return a browser, which is closed at the end of the context."""
    with sync_playwright() as playwright:
        if (WEB / "node_modules" / "@sparticuz" / "chromium").exists() and sys.platform == "linux":
            path, arguments = _packaged()
            browser = playwright.chromium.launch(executable_path=path, args=arguments)
        else:
            browser = playwright.chromium.launch(channel="chrome")
        try:
            yield browser
        finally:
            browser.close()


def _packaged() -> tuple[str, list[str]]:
    """Unpack the browser of the npm package, and return its path and its arguments."""
    done = subprocess.run(  # noqa: S603 - our own script
        [NODE, "--input-type=module", "--eval", FIND], cwd=WEB, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    return found["path"], [argument for argument in found["args"] if not argument.startswith(REFUSED)]
