"""What the lint programs share: which files there are, and how a finding is printed."""
import os
import subprocess
import sys


class Findings:
    """Collects findings as file:line: message and turns them into an exit code."""

    def __init__(self):
        self.lines = []

    def add(self, path, line, message):
        self.lines.append(f"{path}:{line}: {message}")

    def finish(self):
        for line in sorted(set(self.lines)):
            print(line)
        return 1 if self.lines else 0


def project_files(root):
    """Paths below root, relative to it: what git tracks or would add, else everything."""
    if os.path.exists(os.path.join(root, ".git")):
        done = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"],
                              capture_output=True, check=True)
        names = set(done.stdout.decode().split("\0")) - {""}
        return sorted(name for name in names if os.path.isfile(os.path.join(root, name)))
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in ("build", ".git")]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


def read_text(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def strip_comments(text):
    """C text with comments blanked and string contents emptied; line numbers stay."""
    out, i, state = [], 0, "code"
    while i < len(text):
        pair, char = text[i:i + 2], text[i]
        if state == "code":
            if pair in ("/*", "//"):
                state = "block" if pair == "/*" else "line"
                out.append("  ")
                i += 2
                continue
            if char in "\"'":
                state = char
            out.append(char)
        elif state == "block":
            if pair == "*/":
                state = "code"
                out.append("  ")
                i += 2
                continue
            out.append(char if char == "\n" else " ")
        elif state == "line":
            if char == "\n":
                state = "code"
            out.append(char if char == "\n" else " ")
        elif char == "\\":
            i += 2
            continue
        elif char == state or char == "\n":
            state = "code"
            out.append(char)
        i += 1
    return "".join(out)


def root_of_project():
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main(run):
    sys.exit(run())
