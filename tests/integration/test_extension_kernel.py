"""The startup file that the package installs loads ``%zoe`` into real kernels, and breaks none."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from jupyter_client.manager import AsyncKernelManager

ROOT = Path(__file__).parents[2]
MAGICS = """
def load_ipython_extension(shell):
    shell.register_magic_function(lambda line: print("zoe got", line), "line", "zoe")
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A Python environment of its own, with the startup file where the package puts it."""
    prefix = tmp_path / "prefix"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True, timeout=60)
    startup = prefix / "etc" / "ipython" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(ROOT / "jupyter-config" / "ipython" / "50-jupyter-zoe.py", startup)
    package = tmp_path / "path" / "jupyter_zoe"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "magics.py").write_text(MAGICS)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "ZOE_", "PYTHON"))},
        "PYTHONPATH": os.pathsep.join((str(tmp_path / "path"), sysconfig.get_path("purelib"))),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "PYTHON": str(prefix / "bin" / "python"),
    }


async def run(environment: dict[str, str], code: str) -> str:
    """What ``code`` prints in a new kernel of the environment, errors included."""
    manager = AsyncKernelManager()
    spec = manager.kernel_spec
    assert spec is not None
    spec.argv[0] = environment["PYTHON"]
    await manager.start_kernel(env=environment)
    client = manager.client()
    client.start_channels()
    printed: list[str] = []
    try:
        await client.wait_for_ready(timeout=90)

        def take(message: dict) -> None:
            content = message["content"]
            printed.append(content.get("text", "") or "\n".join(content.get("traceback", ())))

        await client.execute_interactive(code, output_hook=take, timeout=60)
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
    return "".join(printed)


async def test_the_magic_is_there_without_load_ext(environment: dict[str, str]) -> None:
    assert await run(environment, "%zoe attach spark") == "zoe got attach spark\n"


async def test_it_leaves_no_names_and_no_configuration(environment: dict[str, str]) -> None:
    assert (
        await run(
            environment,
            "print([name for name in list(globals()) if 'zoe' in name], [e for e in"
            " get_ipython().extension_manager.loaded if 'zoe' in e])",
        )
        == "[] ['jupyter_zoe.magics']\n"
    )
    written = [path.name for path in Path(environment["IPYTHONDIR"]).rglob("*config*")]
    assert not written


async def test_it_can_be_turned_off(environment: dict[str, str]) -> None:
    assert "not found" in await run(environment | {"ZOE_MAGICS": "0"}, "%zoe ps")


@pytest.mark.parametrize("broken", ["raise RuntimeError('broken')", "import a_module_that_is_missing", None])
async def test_a_kernel_starts_even_if_it_cannot_be_loaded(environment: dict[str, str], broken: str | None) -> None:
    package = Path(environment["PYTHONPATH"].split(os.pathsep)[0]) / "jupyter_zoe"
    if broken is None:
        shutil.rmtree(package)
    else:
        (package / "magics.py").write_text(broken)
    assert await asyncio.wait_for(run(environment, "print(1 + 1)"), 120) == "2\n"
