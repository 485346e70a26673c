"""The shim, compiled and apart from the rest of Zoe: as a script it would be compiled anew at each start, which takes
longer than all it does. Used by ``backend`` when it opens.
"""

from __future__ import annotations

import hashlib
import os
import py_compile
import shutil
import sys
import tempfile
from pathlib import Path

from zoe_hub.backends.local import shim

RUN = "import sys\nsys.path.insert(0, __file__.rpartition('/')[0])\nfrom zoe_shim.life import main\nmain()\n"


def compiled_shim(folder: Path) -> str:
    """The program to run, made unless it is there: nothing is written on a later start, so that a full disk does not
    keep a hub from coming back.

    :param folder: where it is kept, one for each state of the sources and each version of Python
    """
    sources = sorted(Path(shim.__file__).parent.glob("*.py"))
    digest = hashlib.sha256(RUN.encode())
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    place = folder / f"shim.{sys.implementation.cache_tag}.{digest.hexdigest()[:16]}"
    program = place / "shim.pyc"
    if not program.exists():
        with tempfile.TemporaryDirectory(dir=folder, prefix="shim.new.") as name:
            made = Path(name, "made")
            for private in (made, made / "zoe_shim"):
                private.mkdir(mode=0o700)
            for source in sources:
                _compile(source, made / "zoe_shim" / f"{source.stem}.pyc")
            run = Path(name, "run.py")
            run.write_text(RUN, encoding="utf-8")
            _compile(run, made / "shim.pyc")
            shutil.rmtree(place, ignore_errors=True)  # of a hub that was killed while it removed it
            os.rename(made, place)
        for other in set(folder.glob("shim.*")) - {place}:  # a shim that runs does not need its file any more
            shutil.rmtree(other, ignore_errors=True) if other.is_dir() else other.unlink(missing_ok=True)
    return str(program)


def _compile(source: Path, target: Path) -> None:
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), cfile=str(target), doraise=True, invalidation_mode=mode)
    target.chmod(0o600)
