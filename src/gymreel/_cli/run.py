"""``python -m gymreel run``: runs an unchanged script with gymreel's recorders."""

from __future__ import annotations

import argparse
import builtins
import io
import os
import runpy
import sys
from collections.abc import Sequence
from types import ModuleType, TracebackType
from typing import Any

from gymreel.errors import MissingPackageError
from gymreel.patching import patch

__all__ = ["add_parser", "split"]


def add_parser(commands: Any) -> None:
    """Add the command to the subparsers of ``argparse``."""
    parser = commands.add_parser(
        "run",
        help="run a script with gymreel's recorders instead of Gymnasium's",
        description="Runs a script or module as python does, with gymreel's recorders instead of "
        "those of Gymnasium and Stable-Baselines3 (see gymreel.patch), in the script and in the "
        "Python programs that it starts.",
        usage="python -m gymreel run [-h] [--no-children] [--wait] (SCRIPT | -m MODULE) "
        "[ARGUMENT ...]",
    )
    parser.add_argument(
        "--no-children",
        dest="children",
        action="store_false",
        help="do not patch the Python programs that the script starts, except for the processes of "
        "multiprocessing",
    )
    parser.add_argument(
        "--wait",
        action="store_true",
        help="have recorders wait for each video when its recording ends, for scripts that look "
        "for the file at once",
    )
    parser.add_argument("-m", dest="module", metavar="MODULE", help="a module to run as a script")
    parser.add_argument("script", nargs="?", metavar="SCRIPT", help="a file, folder or zip archive")
    parser.set_defaults(function=_run, parser=parser)


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate the arguments of this program from those of the script that it runs."""
    if list(arguments[:1]) != ["run"]:
        return list(arguments), []
    end = 1
    while list(arguments[end : end + 1]) in (["--no-children"], ["--wait"]):
        end += 1
    end += 2 if list(arguments[end : end + 1]) == ["-m"] else 1
    return list(arguments[:end]), list(arguments[end:])


def _run(arguments: argparse.Namespace) -> int:
    if arguments.module is None and arguments.script is None:
        arguments.parser.error("a script is required, or -m and a module")
    _hide_own_frames()
    if arguments.module is not None:
        _patch(arguments)
        sys.argv = [arguments.module, *arguments.rest]
        # ``python -m`` has already put the current folder in front of the path.
        runpy.run_module(arguments.module, run_name="__main__", alter_sys=True)
        return 0
    script = arguments.script
    if not os.path.exists(script):
        arguments.parser.error(f"can't open file {os.path.abspath(script)!r}: no such file")
    _patch(arguments)
    sys.argv = [script, *arguments.rest]
    # With -P, the folder of the script is not in the path.
    has_folder = not getattr(sys.flags, "safe_path", False)
    if os.path.isfile(script) and not _is_archive(script):
        if has_folder:
            sys.path[0] = os.path.dirname(os.path.realpath(script))
        _run_file(os.path.abspath(script))
    else:
        if has_folder:
            del sys.path[0]  # runpy puts the folder or archive there.
        runpy.run_path(script, run_name="__main__")
    return 0


def _patch(arguments: argparse.Namespace) -> None:
    try:
        patch(children=arguments.children, wait=arguments.wait)
    except MissingPackageError as error:
        arguments.parser.error(str(error))
    if not arguments.children and "GYMREEL_PATCH" in os.environ:
        os.environ["GYMREEL_PATCH"] = "0"  # It was inherited.


def _run_file(script: str) -> None:
    """Run a file as ``__main__``, and keep the module until the interpreter exits.

    ``runpy.run_path`` would remove the module at the end of the script, when its threads and exit
    functions may still need it.
    """
    main = ModuleType("__main__")
    main.__dict__.update(__file__=script, __builtins__=builtins)
    sys.modules["__main__"] = main
    with io.open_code(script) as file:
        code = compile(file.read(), script, "exec", dont_inherit=True)
    exec(code, main.__dict__)


def _is_archive(path: str) -> bool:
    return any(_is_importable(hook, path) for hook in sys.path_hooks)


def _is_importable(hook: Any, path: str) -> bool:
    try:
        hook(path)
    except ImportError:
        return False
    return True


def _hide_own_frames() -> None:
    """Have tracebacks begin in the script, as with ``python script.py``."""
    previous = sys.excepthook
    main_file = os.path.join(os.path.dirname(os.path.dirname(__file__)), "__main__.py")
    own = {__file__, main_file, runpy.__file__, "<frozen runpy>"}

    def show(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        while traceback is not None and traceback.tb_frame.f_code.co_filename in own:
            traceback = traceback.tb_next
        previous(kind, error.with_traceback(traceback), traceback)

    sys.excepthook = show
