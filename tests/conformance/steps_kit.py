"""The words of the specification's kit."""
import re

from office import Failed
from vocabulary import expect, expect_error, position, property_of, step, task_ended
from world import shown


# ---- the kit: arrange and act ----

@step(r"(?:given )?a(?:nother)? workflow with definition:")
def given_definition(world):
    if world.doc is None:
        raise Failed("the definition is missing")
    world.definitions.append([world.doc, None])


@step(r"(?:given )?the workflow input is:")
def given_input(world):
    world.input = world.value()


@step(r"the workflow is executed")
def when_executed(world):
    world.start()


# ---- the kit: the workflow ----

@step(r"the workflow should cancel")
def then_cancel(world):
    world.ended("cancelled")


@step(r"the workflow should complete")
def then_complete(world):
    world.ended("completed")


@step(r"the workflow should complete with output:")
def then_complete_with(world):
    expect(world.output(), world.value(), "the output")


@step(r"the workflow should fault")
def then_fault(world):
    world.ended("faulted")


@step(r"the workflow should fault with error:")
def then_fault_with(world):
    expect_error(world.ended("faulted").get("error"), world.value())


@step(r"the workflow output should have properties ('[^']+'(?:\s*,\s*'[^']+')*)")
def then_properties(world, names):
    for name in re.findall(r"'([^']+)'", names):
        property_of(world, name)


@step(r"the workflow output should have an? '([^']+)' property with value:")
def then_property(world, path):
    expect(property_of(world, path), world.value(), f"'{path}'")


@step(r"the workflow output should have an? '([^']+)' property containing (\d+) items?")
def then_items(world, path, count):
    value = property_of(world, path)
    if not isinstance(value, (list, dict)) or len(value) != int(count):
        raise Failed(f"'{path}' is {shown(value)}, not {count} items")


# ---- the kit: tasks ----

@step(r"(\S+) should run first")
def then_first(world, name):
    story = world.finished_story()
    if not story.started() or story.started()[0][1] != name:
        raise Failed(f"the tasks ran in this order: {story.names()}")


@step(r"(\S+) should run last")
def then_last(world, name):
    story = world.finished_story()
    if not story.started() or story.started()[-1][1] != name:
        raise Failed(f"the tasks ran in this order: {story.names()}")


@step(r"(\S+) should run (before|after) (\S+)")
def then_order(world, name, how, other):
    story = world.finished_story()
    first, second = (name, other) if how == "before" else (other, name)
    if position(story, first) >= position(story, second):
        raise Failed(f"the tasks ran in this order: {story.names()}")


@step(r"(\S+) should cancel")
def then_task_cancel(world, name):
    task_ended(world, name, "cancelled")


@step(r"(\S+) should complete")
def then_task_complete(world, name):
    task_ended(world, name, "completed")


@step(r"(\S+) should complete with output:")
def then_task_output(world, name):
    expect(task_ended(world, name, "completed").output, world.value(), f"the output of '{name}'")


@step(r"(\S+) should fault")
def then_task_fault(world, name):
    task_ended(world, name, "faulted")


@step(r"(\S+) should fault with error:")
def then_task_error(world, name):
    expect_error(task_ended(world, name, "faulted").error, world.value())
