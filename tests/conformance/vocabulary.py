"""What steps are made of: how a text finds its function, and the comparisons they share."""
import re

import documents
from office import Failed
from world import shown

STEPS = []  # (pattern, function)


def step(pattern):
    """A step's text, without its keyword; groups become arguments."""
    def keep(function):
        STEPS.append((re.compile(pattern + r"\s*$"), function))
        return function
    return keep


def find(text):
    """(function, arguments); None when nobody knows the step."""
    for pattern, function in STEPS:
        match = pattern.match(text)
        if match:
            return function, [group for group in match.groups() if group is not None]
    return None


def expect(got, wanted, what):
    if not documents.same(got, wanted):
        raise Failed(f"{what} is {shown(got)}, not {shown(wanted)}")


def expect_error(error, wanted):
    if not isinstance(error, dict) or not documents.error_like(error, wanted):
        raise Failed(f"the error is {shown(error)}, not {shown(wanted)}")


def property_of(world, path):
    output = world.output()
    value = documents.property_of(output, path)
    if value is documents.MISSING:
        raise Failed(f"the output {shown(output)} has no property '{path}'")
    return value


def position(story, name):
    if not story.of(name).starts:
        raise Failed(f"'{name}' has not run; there were {story.names()}")
    return story.of(name).starts[0]


def task_ended(world, name, state):
    task = world.finished_story().of(name)
    if task.state != state:
        raise Failed(f"'{name}' is {task.state or 'still running'}, not {state}")
    return task
