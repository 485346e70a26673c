"""Runs the user's program as ``__main__``, in this very process: the command of the group ``job``.

The program is ``program.py`` in the private folder (text given with the request), or what ZOE_JOB_FILE or
ZOE_JOB_MODULE names. Its arguments are this program's; its exit code is the job's. Nothing is imported beforehand that
it did not ask for.
"""

import os
import sys


def main() -> None:
    """Run the program."""
    module = os.environ.get("ZOE_JOB_MODULE")
    if module:
        import runpy  # noqa: PLC0415 - only this way costs it

        sys.path[0] = ""
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    path = os.environ.get("ZOE_JOB_FILE") or os.path.join(os.environ["ZOE_FOLDER"], "program.py")
    path = os.path.abspath(os.path.expanduser(path))
    try:
        with open(path, "rb") as stream:
            source = stream.read()
    except OSError as error:
        sys.exit(
            f"The program {path} cannot be read: {error.strerror}. Give a path as this process sees it, or the text"
            " itself."
        )
    sys.argv[0] = path
    sys.path[0] = os.path.dirname(path)
    program = type(sys)("__main__")
    program.__file__ = path
    vars(program)["__builtins__"] = __builtins__
    sys.modules["__main__"] = program
    sys.excepthook = _hook
    exec(compile(source, path, "exec"), program.__dict__)  # noqa: S102 - running the user's program is what this is for


def _hook(kind, error, trace, show=sys.__excepthook__, skip=__file__):  # type: ignore[no-untyped-def]
    """Show a traceback as Python would: without the lines of this file."""
    while trace is not None and trace.tb_frame.f_code.co_filename == skip and trace.tb_next is not None:
        trace = trace.tb_next
    show(kind, error.with_traceback(trace), trace)


if __name__ == "__main__":
    main()
