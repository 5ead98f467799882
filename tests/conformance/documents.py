"""The documents of scenarios: YAML or JSON to values, definitions made fit to run beside others.

Scalars resolve as in JSON (the core of YAML 1.2): `yes`, `on`, dates and 0123 are texts.
"""
import json
import re

import yaml


class Loader(yaml.SafeLoader):
    """SafeLoader knows YAML 1.1; its resolvers are replaced."""
    yaml_implicit_resolvers = {}


Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(~|null|Null|NULL|)$"),
                             ["~", "n", "N", ""])
Loader.add_implicit_resolver("tag:yaml.org,2002:bool",
                             re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(0|[1-9][0-9]*)$"),
                             list("-0123456789"))
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^-?(0|[1-9][0-9]*)(\.[0-9]+([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)$"),
    list("-0123456789"))
Loader.add_constructor("tag:yaml.org,2002:float",
                       lambda loader, node: float(loader.construct_scalar(node)))


def value_of(text):
    """The value of a JSON or YAML text; ValueError with the reason."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"the document cannot be read: {error}") from None


# ---- definitions ----

FILTERS = ("event", "one", "until", "any", "all")
NAMESPACES = (("document", "namespace"), ("workflow", "namespace"))


def scalars(node, path=()):
    """(path, node) of every scalar; steps of the path are keys, list positions are left out."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from scalars(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from scalars(item, path)
    elif isinstance(node, yaml.ScalarNode):
        yield path, node


def isolated(path, value):
    """Whether the text at a path names something all workflows share: a namespace, or the type of
    an event that is emitted or waited for."""
    if value.lstrip().startswith("${"):
        return False
    return path[-2:] in NAMESPACES or (
        len(path) > 2 and path[-2:] == ("with", "type") and path[-3] in FILTERS)


class Isolation:
    """Scenarios share one company. Each gets namespaces and types of events of its own by a suffix,
    and hosts of the world become stand-ins; `restored` takes both off again, so that a scenario
    sees what it wrote."""

    def __init__(self, number, hosts):
        self.suffix = f"-scenario{number}"
        self.hosts = hosts  # {"https://host": "http://127.0.0.1:port"}

    def own(self, text):
        return text + self.suffix

    def definition(self, text):
        """The text of a definition, and of functions of catalogs behind it, as it is deployed."""
        return "".join(part if part.startswith("---") else self.document(part)
                       for part in re.split(r"^(--- # function .*\n)", text, flags=re.M))

    def document(self, text):
        """One that is no YAML stays as it is."""
        for host, stand_in in self.hosts.items():
            text = re.sub(re.escape(host) + r"(?![\w.-])", stand_in, text)
        try:
            root = yaml.compose(text, Loader)
        except yaml.YAMLError:
            return text
        if root is None:
            return text
        found = [node for path, node in scalars(root) if isolated(path, node.value)]
        cuts = {node.start_mark.index: (node.end_mark.index, node.value + self.suffix)
                for node in found}
        types = {node.value for path, node in scalars(root)
                 if isolated(path, node.value) and path[-1] == "type" and "." in node.value}
        for start in sorted(cuts, reverse=True):
            end, value = cuts[start]
            text = text[:start] + json.dumps(value) + text[end:]
        for name in types:  # compared with in expressions, where texts have quotes of their own
            text = re.sub(r'(==\s*|!=\s*)(\\?")' + re.escape(name) + r'(\\?")',
                          lambda m, n=name: m[1] + m[2] + n + self.suffix + m[3], text)
        return text

    def restored(self, value):
        if isinstance(value, dict):
            return {self.restored(key): self.restored(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.restored(item) for item in value]
        if isinstance(value, str):
            value = value.replace(self.suffix, "")
            for host, stand_in in self.hosts.items():
                value = value.replace(stand_in, host)
        return value


# ---- comparing ----

ERROR_BASES = (
    "https://open-workflow-specification.org/spec/1.0.0/errors/",
    "https://open-workflow-specification.org/dsl/errors/types/",
    "https://serverlessworkflow.io/spec/1.0.0/errors/",
    "https://serverlessworkflow.io/dsl/errors/types/",
)


def same(left, right):
    """Equal as JSON: true is not 1, and 1.0 is 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right or (
        isinstance(left, (int, float)) and isinstance(right, (int, float)) and left == right)


def canonical_type(uri):
    for base in ERROR_BASES:
        if isinstance(uri, str) and uri.startswith(base):
            return uri[len(base):]
    return uri


def error_like(error, expected):
    """Whether an error has the expected members; standard types are equal under every base."""
    for key, value in expected.items():
        got = error.get(key)
        if key == "type":
            got, value = canonical_type(got), canonical_type(value)
        if not same(got, value):
            return False
    return True


MISSING = object()


def property_of(value, path):
    """The value at a dotted path; MISSING when there is none."""
    for name in path.split("."):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return MISSING
    return value
