"""The named places (FAULT_POINT in the sources) and how a campaign brings a process to them."""
import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATTERN = re.compile(r'FAULT_POINT(?:_FAILS)?\(([^;]*?)\)(?:;|\s*\{|\s*\))', re.S)

# The other end of `COUNT` in NAME@COUNT=kill: how often a process passes there under load.
OFTEN, SOMETIMES, ONCE = 400, 12, 1
ONCE_POINTS = {"store-opened", "state-restored", "resume-begun", "resume-done", "stream-made",
               "consumer-deleted", "store-consumer-before-ensure", "hello-answered", "hello-taken",
               "hello-before-ask", "hello-asked", "stream-before-ensure", "results-before-trim"}
SOMETIMES_POINTS = {"control-before-answer", "control-after-answer", "recall-taken",
                    "blob-before-commit", "blob-synced", "blob-before-piece", "blob-before-ask",
                    "blob-asked", "blob-taken", "blob-before-done", "input-before-piece"}
# Reached only when nats-server starts with an empty directory.
WIPED_BUS = {"stream-made"}
# Reached only when an agent says hello to a coordinator that runs.
WANT_HELLO = {"hello-taken", "hello-answered"}
# Reached only when the bus came back from a power cut with a consumer ahead of its stream.
UNREACHED = {"consumer-deleted"}


def sources(folder):
    return glob.glob(os.path.join(ROOT, folder, "**", "*.c"), recursive=True)


def found(folders):
    """Names of the points in the sources below `folders`."""
    names = set()
    for folder in folders:
        for path in sources(folder):
            with open(path, encoding="utf-8") as file:
                for arguments in PATTERN.findall(file.read()):
                    names.update(re.findall(r'"([a-z-]+)"', arguments))
    return names


def built_in(program):
    """Whether the program was built with FAULT_POINTS: then it asks for the rules."""
    with open(program, "rb") as file:
        return b"MAINSTAY_FAULT_POINT\0" in file.read()


COMMON = {name for name in found(["common"]) if name.startswith("store-")}
COORDINATOR = sorted((found(["coordinator"]) | COMMON) - UNREACHED - {"store-write-plain"})
AGENT = sorted(found(["agents/runtime", "tests/support/ledger_agent"]) | COMMON)


def highest_count(name):
    if name in ONCE_POINTS:
        return ONCE
    return SOMETIMES if name in SOMETIMES_POINTS else OFTEN
