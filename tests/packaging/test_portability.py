"""Nothing that is imported needs a module only POSIX systems have: the package imports with them absent."""

from __future__ import annotations

import subprocess
import sys

IMPORT_ALL = """
import importlib, pkgutil, sys

ABSENT = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty", "posix_ipc", "syslog", "crypt", "nis", "ossaudiodev", "spwd"}


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


for name in ABSENT & set(sys.modules):
    del sys.modules[name]
sys.meta_path.insert(0, Absent())
import wassette_py

names = [module.name for module in pkgutil.walk_packages(wassette_py.__path__, "wassette_py.")]
for name in ["wassette_py.__main__", *names]:
    importlib.import_module(name)
print(len(names))
"""


def test_the_package_imports_without_posix_only_modules() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50
