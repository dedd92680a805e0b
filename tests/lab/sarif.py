"""Microsoft's validator of SARIF, by the schema of version 2.1.0 and by the rules that go with it."""

import os
import platform
import re
import tempfile

from .npm import packages
from .process import run

CAN_RUN = platform.machine() == "x86_64"
# "PATH(1,36): error JSON1002: ..."; its warnings are advice.
COMPLAINT = re.compile(r": (error [A-Z]+\d+: .*)")


def complaints(text):
    """Its errors; a text that is no JSON has one, too."""
    program = os.path.join(packages("sarif"), "@microsoft/sarif-multitool-linux/Sarif.Multitool")
    os.chmod(program, 0o755)  # its package would have a script of its own do so
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.sarif")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = run([program, "validate", path, "--rule-kind", "Sarif"], check=False, timeout=120,
                   env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
                        "DOTNET_BUNDLE_EXTRACT_BASE_DIR": folder})
    told = done.stdout + done.stderr
    assert "1 files scanned" in told, told
    return COMPLAINT.findall(told)
