"""What deploy/README.md says about failures: commands, gates and words are the product's."""
import re
import subprocess
import unittest

import company
from company import BIN, SOURCE

PAGE = (SOURCE / "deploy" / "README.md").read_text()
SECTION = PAGE[PAGE.index("## When something fails"):]
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


def literals():
    """All texts of the product's sources, adjacent literals as one."""
    for folder in ("common", "coordinator", "agents", "tools"):
        for path in sorted((SOURCE / folder).rglob("*.[ch]")):
            text = re.sub(r'"\s*\n\s*"', "", path.read_text())
            yield from (found.replace('\\"', '"') for found in LITERAL.findall(text))


def commands():
    """(words, options) of each `mainstay ...`."""
    for line in re.findall(r"`mainstay ([^`]+)`", SECTION):
        words = line.split()
        verb = [word for word in words[:2] if re.fullmatch("[a-z]+", word)]
        yield line, verb, [word for word in words if word.startswith("--")]


class OperationsPage(unittest.TestCase):
    maxDiff = None

    def help_of(self, verb):
        ran = subprocess.run([str(BIN / "mainstay"), *verb, "--help"], capture_output=True,
                             text=True, check=False, timeout=company.DEADLINE_S)
        return ran.stdout if ran.returncode == 0 else ""

    def test_every_command_is_there_and_takes_these_options(self):
        seen = list(commands())
        self.assertGreater(len(seen), 30)
        for line, verb, options in seen:
            told = self.help_of(verb)
            self.assertTrue(f"mainstay {' '.join(verb)}" in told, f"mainstay {line}")
            for option in options:
                self.assertIn(option, told, f"mainstay {line}")

    def test_the_kinds_of_gates_are_those_that_there_are(self):
        source = (SOURCE / "coordinator" / "engine" / "company.c").read_text()
        body = source[source.index("const char *gate_kind_name("):]
        kinds = set(re.findall(r'return "([a-z-]+)"', body[:body.index("\n}\n")])) - {"unknown"}
        told = set(re.findall(r"gates? `([a-z-]+)`", SECTION))
        self.assertEqual(told, kinds)

    def test_quoted_words_are_words_of_the_product(self):
        quoted = re.findall(r'"([^"]+)"', SECTION)
        self.assertGreater(len(quoted), 15)
        known = "\n".join(literals())
        for words in quoted:
            self.assertTrue(words in known, f"nobody says \"{words}\"")

    def test_every_class_of_a_policy_has_a_row(self):
        page = (SOURCE / "deploy" / "policies" / "README.md").read_text()
        classes = re.findall(r"^\| `([a-z-]+)` \| `[a-z]+`", page, re.MULTILINE)
        self.assertEqual(len(classes), 8)
        for name in classes:
            self.assertRegex(SECTION, rf"(?m)^\| {name} \|")


if __name__ == "__main__":
    company.main()
