"""Gherkin as far as feature files use it: Feature, Rule, Background, Scenario, Scenario Outline
with Examples, tags, comments, doc strings and tables. The language is
cucumber.io/docs/gherkin/reference.

A doc string may be indented in any way: what its opening quotes are indented by is taken off, or
less where a line has less.
"""
import dataclasses
import re

STEP = re.compile(r"(Given|When|Then|And|But|\*)(\s+|$)")
BLOCK = re.compile(r"(Feature|Ability|Business Need|Rule|Background|Scenario Outline|"
                   r"Scenario Template|Scenarios|Scenario|Examples|Example)\s*:(.*)$")
OUTLINES = ("Scenario Outline", "Scenario Template")
TABLES = ("Examples", "Scenarios")
QUOTES = ('"""', "```")


class Bad(Exception):
    """A feature file that cannot be read: file:line and why."""


@dataclasses.dataclass
class Step:
    line: int
    text: str
    doc: str = None
    table: list = None

    def filled(self, values):
        return Step(self.line, fill(self.text, values),
                    None if self.doc is None else fill(self.doc, values),
                    None if self.table is None else
                    [[fill(cell, values) for cell in row] for row in self.table])


@dataclasses.dataclass
class Scenario:
    file: str
    line: int
    name: str
    tags: list
    steps: list


def fill(text, values):
    """`<name>` of the columns of Examples; other angle brackets stay."""
    return re.sub(r"<([^<>\n]+)>", lambda m: values.get(m[1], m[0]), text)


def cells(line):
    """The cells of a table row; \\| \\\\ and \\n are escapes."""
    text = line.strip()
    row, cell, at = [], "", 1
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            cell += {"n": "\n", "|": "|", "\\": "\\"}.get(text[at + 1], text[at:at + 2])
            at += 2
        elif text[at] == "|":
            row.append(cell.strip())
            cell = ""
            at += 1
        else:
            cell += text[at]
            at += 1
    return row


class Reader:
    def __init__(self, file, text):
        self.file, self.lines, self.at = file, text.lstrip("\ufeff").splitlines(), 0
        self.scenarios = []
        self.tags = []            # waiting for what they belong to
        self.feature_tags = []
        self.rule_tags = []
        self.backgrounds = {"feature": [], "rule": []}
        self.level = "feature"
        self.steps = None         # of what is being read; None: descriptions
        self.outline = None       # (line, name, tags, steps) waiting for Examples

    def bad(self, line, why):
        return Bad(f"{self.file}:{line}: {why}")

    def read(self):
        while self.at < len(self.lines):
            line = self.lines[self.at].strip()
            self.at += 1
            if line.startswith("#"):
                language = re.match(r"#\s*language\s*:\s*(\S+)", line)
                if language and language[1] != "en":
                    raise self.bad(self.at, f"the language '{language[1]}' is not known, only en")
            elif line.startswith("@"):
                self.tags += re.findall(r"@[^\s@#]+", line.split(" #")[0])
            elif line:
                self.line(line)
        self.end_outline()
        return self.scenarios

    def line(self, line):
        block = BLOCK.match(line)
        step = STEP.match(line)
        if block:
            self.block(block[1], block[2].strip())
        elif step and self.steps is not None:
            self.steps.append(Step(self.at, line[step.end():].strip()))
        elif line.startswith(QUOTES) and self.steps:
            self.steps[-1].doc = self.doc_string()
        elif line.startswith("|") and self.steps:
            table = self.steps[-1].table or []
            self.steps[-1].table = table + [cells(line)]
        elif self.steps:
            raise self.bad(self.at, f"neither a step nor a heading: {line}")

    def block(self, keyword, name):
        tags, self.tags = self.tags, []
        if keyword in TABLES and self.outline is not None:
            self.examples(tags)
            return
        self.end_outline()
        self.steps = []
        if keyword in ("Feature", "Ability", "Business Need"):
            self.feature_tags, self.steps = tags, None
        elif keyword == "Rule":
            self.rule_tags, self.level, self.steps = tags, "rule", None
            self.backgrounds["rule"] = []
        elif keyword == "Background":
            self.backgrounds[self.level] = self.steps
        elif keyword in OUTLINES:
            self.outline = (self.at, name, tags, self.steps)
            self.used = False
        else:
            self.add(self.at, name, tags, self.steps)

    def add(self, line, name, tags, steps):
        """`steps` may still grow; those of the backgrounds are complete by now."""
        before = [*self.backgrounds["feature"], *self.backgrounds["rule"]]
        scenario = Scenario(self.file, line, name, self.feature_tags + self.rule_tags + tags, steps)
        scenario.before = before
        self.scenarios.append(scenario)

    def end_outline(self):
        if self.outline is not None and not self.used:
            raise self.bad(self.outline[0], "a scenario outline without examples")
        self.outline = None

    def examples(self, tags):
        line, name, outline_tags, steps = self.outline
        rows = []
        while self.at < len(self.lines):
            text = self.lines[self.at].strip()
            if text.startswith("|"):
                rows.append((self.at + 1, cells(text)))
            elif rows and text and not text.startswith("#"):
                break
            elif not rows and (BLOCK.match(text) or text.startswith("@")):
                break
            self.at += 1
        self.used = True
        for at, row in rows[1:]:
            if len(row) != len(rows[0][1]):
                raise self.bad(at, f"{len(row)} cells below {len(rows[0][1])} headings")
            values = dict(zip(rows[0][1], row))
            self.add(at, fill(name, values) + " (" + ", ".join(row) + ")", outline_tags + tags,
                     [step.filled(values) for step in steps])

    def doc_string(self):
        opening = self.lines[self.at - 1]
        start, mark = self.at, opening.strip()[:3]
        body = []
        while True:
            if self.at >= len(self.lines):
                raise self.bad(start, f"the text that begins here has no closing {mark}")
            line = self.lines[self.at]
            self.at += 1
            if line.strip() == mark:
                break
            body.append(line)
        depth = len(opening) - len(opening.lstrip())
        filled = [len(line) - len(line.lstrip(" \t")) for line in body if line.strip()]
        depth = min([depth, *filled])
        escaped = "\\" + "\\".join(mark)
        return "\n".join(line[depth:].replace(escaped, mark) for line in body) + "\n"


def read(file, text):
    """The scenarios of a feature file, outlines filled in, backgrounds put in front."""
    scenarios = Reader(file, text).read()
    for scenario in scenarios:
        scenario.steps = scenario.before + scenario.steps
    return scenarios
