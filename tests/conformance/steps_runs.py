"""More about how a workflow goes and ends, and what is done to it meanwhile."""
import re
import time
import uuid

import documents
from office import DEADLINE_S, FINAL, Failed
from vocabulary import property_of, step, task_ended
from world import shown


# ---- ours: more about the end ----

@step(r"the workflow should fault with error matching:")
def then_fault_matching(world):
    """Texts are regular expressions that must match the whole member."""
    error = world.ended("faulted").get("error") or {}
    for key, pattern in world.value().items():
        if not re.fullmatch(str(pattern), str(documents.canonical_type(error.get(key))), re.S):
            raise Failed(f"the error is {shown(error)}, its '{key}' does not match {pattern}")


@step(r"the workflow output should have an? '([^']+)' property matching '(.*)'")
def then_matching(world, path, pattern):
    value = property_of(world, path)
    if not re.fullmatch(pattern, value if isinstance(value, str) else documents.json.dumps(value)):
        raise Failed(f"'{path}' is {shown(value)}, which does not match {pattern}")


@step(r"(\S+) should not run")
def then_not_run(world, name):
    story = world.finished_story()
    if name in story.tasks and story.tasks[name].starts:
        raise Failed(f"'{name}' has run")


@step(r"(\S+) should run (\d+) times?")
def then_times(world, name, count):
    story = world.finished_story()
    starts = len(story.tasks[name].starts) if name in story.tasks else 0
    if starts != int(count):
        raise Failed(f"'{name}' has run {starts} times; there were {story.names()}")


@step(r"(\S+) should be skipped")
def then_skipped(world, name):
    task_ended(world, name, "skipped")


@step(r"(\S+) should be retried (\d+) times?")
def then_retried(world, name, count):
    task = world.finished_story().of(name)
    if len(task.delays) != int(count):
        raise Failed(f"'{name}' was retried {len(task.delays)} times")


@step(r"the retries of (\S+) should wait (\d+(?:, \d+)*) ms")
def then_delays(world, name, delays):
    task = world.finished_story().of(name)
    if task.delays != [int(delay) for delay in delays.split(",")]:
        raise Failed(f"the retries of '{name}' waited {task.delays} ms")


@step(r"the retries of (\S+) should wait between (\d+) and (\d+) ms")
def then_jitter(world, name, least, most):
    task = world.finished_story().of(name)
    if not task.delays or not all(int(least) <= delay <= int(most) for delay in task.delays):
        raise Failed(f"the retries of '{name}' waited {task.delays} ms")


# ---- ours: while it runs ----

@step(r"the workflow is deployed")
def when_deployed(world):
    world.definition()


@step(r"the workflow is cancelled")
def when_cancelled(world):
    world.desk.ask("instances.cancel", request_id=uuid.uuid4().hex, instance=world.instance,
                   reason="the scenario says so")


@step(r"the workflow '([^']+)' is cancelled")
def when_other_cancelled(world, name):
    world.desk.ask("instances.cancel", request_id=uuid.uuid4().hex,
                   instance=world.instance_of(name), reason="the scenario says so")


def rewind(world, to, force=False):
    answer = world.desk.ask("instances.rewind", request_id=uuid.uuid4().hex, to=to, force=force,
                            instances=[world.instance], reason="the scenario says so")
    return answer["instances"][0]


@step(r"the workflow is rewound to (\S+)(| by force)")
def when_rewound(world, to, force):
    row = rewind(world, to, force != "")
    if not row["done"]:
        raise Failed(f"it does not go back: {row}")


@step(r"rewinding to (\S+) should be refused")
def then_not_rewound(world, to):
    row = rewind(world, to)
    if row["done"]:
        raise Failed("it goes back")


def fork(world, start, force=False):
    answer = world.desk.ask("instances.fork", request_id=uuid.uuid4().hex, force=force,
                            instances=[world.instance], reason="the scenario says so",
                            **{"from": start})
    return answer["instances"][0]


@step(r"the workflow is forked from (\S+)(| by force)")
def when_forked(world, start, force):
    """From then on `the workflow` is the fork."""
    row = fork(world, start, force != "")
    if not row["done"]:
        raise Failed(f"it is not forked: {row}")
    world.instances.insert(0, row["made"])


@step(r"forking from (\S+) should be refused")
def then_not_forked(world, start):
    row = fork(world, start)
    if row["done"]:
        raise Failed("it is forked")


@step(r"the workflow is (paused|resumed)")
def when_paused(world, how):
    world.desk.ask("instances.pause" if how == "paused" else "instances.resume",
                   request_id=uuid.uuid4().hex, instances=[world.instance],
                   reason="the scenario says so")


@step(r"(\S+) has started")
def when_started(world, name):
    world.until(lambda story: name in story.tasks and story.tasks[name].starts,
                f"'{name}' starts")


@step(r"(\S+) has completed")
def when_completed(world, name):
    world.until(lambda story: name in story.tasks and story.tasks[name].state == "completed",
                f"'{name}' completes")


@step(r"the workflow should be (running|waiting|suspended)")
def then_status(world, status):
    deadline = time.monotonic() + DEADLINE_S
    while True:
        found = world.desk.ask("instances.describe", instance=world.instance)["status"]
        if found == status:
            return
        if found in FINAL or time.monotonic() > deadline:
            raise Failed(f"it is {found}, not {status}")
        time.sleep(0.01)


@step(r"the coordinator is restarted")
def when_restarted(world):
    world.restarts.wait()
