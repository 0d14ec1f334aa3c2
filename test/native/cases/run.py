"""Real containers run by tsrun-init alone: `run.py INIT [NAME...]` prints one line of JSON a case.

Each case is a function; it fails by an exception. Needs root, and busybox as a static program.
"""

import json
import os
import shutil
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import CASES, WORK  # noqa: E402
import conversation, entering, hooks, hostile, identity, labels, mounts, program, seccomp, tracing  # noqa: E401, E402, F401


def main():
    failed = 0
    for name, function in CASES.items():
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        line = {"name": name}
        try:
            function()
        except Exception:
            failed += 1
            line["why"] = traceback.format_exc()
        print(json.dumps(line), flush=True)
    shutil.rmtree(WORK, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
