"""The command `tidings`, also as `python -m ops`."""

import signal


def main() -> None:
    """Run the command. Ctrl-C ends it without a traceback from its first moment on."""
    # The imports take a second, in which no handler of the command runs. A shell's background job ignores Ctrl-C.
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ops.cli import app

    signal.signal(signal.SIGINT, handler)
    app(prog_name="tidings")


if __name__ == "__main__":
    main()
