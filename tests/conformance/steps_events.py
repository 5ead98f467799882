"""Events, what they start, and lifecycle events."""
import json
import os
import time

import documents
from office import DEADLINE_S, Failed, nats
from vocabulary import expect, step
from world import shown


# ---- ours: events ----

@step(r"the event '([^']+)' is published")
def when_published(world, kind):
    world.publish(kind)


@step(r"the event '([^']+)' is published with data:")
def when_published_data(world, kind):
    world.publish(kind, data=world.value())


@step(r"the event '([^']+)' is published with attributes:")
def when_published_attributes(world, kind):
    world.publish(kind, **world.value())


@step(r"the event should be (started|continued|buffered|duplicate)")
def then_event(world, outcome):
    if world.event is None or world.event["outcome"] != outcome:
        raise Failed(f"the event is {world.event and world.event['outcome']}, not {outcome}")


def emitted(world, kind):
    world.wait()
    found = [event.get("value") for event in world.story().events
             if event["kind"] == "event-emitted" and event.get("name") == kind]
    if not found:
        raise Failed(f"no event '{kind}' was published")
    return found


@step(r"the event '([^']+)' should be published")
def then_emitted(world, kind):
    emitted(world, kind)


@step(r"the event '([^']+)' should be published with data:")
def then_emitted_data(world, kind):
    wanted = world.value()
    found = [event.get("data") for event in emitted(world, kind)]
    if not any(documents.same(data, wanted) for data in found):
        raise Failed(f"'{kind}' was published with {shown(found)}, not {shown(wanted)}")


@step(r"(\d+) workflows? should have been started")
def then_count(world, count):
    if len(world.instances) != int(count):
        raise Failed(f"{len(world.instances)} workflows were started")


@step(r"all workflows should complete with output:")
def then_all(world):
    for instance in world.instances:
        expect(world.ended("completed", instance).get("output"), world.value(), "the output")


@step(r"the last workflow should complete with output:")
def then_last_output(world):
    if not world.instances:
        raise Failed("no workflow has been started")
    expect(world.ended("completed", world.instances[-1]).get("output"), world.value(),
           "the output")


@step(r"the workflow '([^']+)' should (complete|fault|cancel)")
def then_other_ended(world, name, how):
    world.ended({"complete": "completed", "fault": "faulted", "cancel": "cancelled"}[how],
                world.instance_of(name))


@step(r"the workflow '([^']+)' should have run (\d+) times?")
def then_other_count(world, name, count):
    world.instance_of(name)
    full = next(found for _, found in world.definitions if f"/{name}:" in (found or ""))
    rows = world.desk.ask("instances.ls", definition=full)["instances"]
    if len(rows) != int(count):
        raise Failed(f"'{name}' has run {len(rows)} times")


@step(r"the workflow '([^']+)' should complete with output:")
def then_other(world, name):
    answer = world.ended("completed", world.instance_of(name))
    expect(answer.get("output"), world.value(), f"the output of '{name}'")


@step(r"the workflow '([^']+)' (?:is|should be) (running|waiting|suspended)")
def then_other_status(world, name, status):
    instance = world.instance_of(name)
    deadline = time.monotonic() + DEADLINE_S
    while world.desk.ask("instances.describe", instance=instance)["status"] != status:
        if time.monotonic() > deadline:
            raise Failed(f"it is not {status} within {DEADLINE_S} s")
        time.sleep(0.01)


# ---- ours: lifecycle events ----

@step(r"lifecycle events are watched")
def given_watched(world):
    """With the right that outsiders have; told apart by the namespace in the subject."""
    world.watch = nats.Client(world.crew.url, os.path.join(world.crew.creds, "events.creds"))
    namespace = documents.value_of(world.definitions[0][0])["document"]["namespace"]
    world.watch.send(f"SUB lifecycle.{world.isolation.own(namespace)}.> 1\r\n".encode())
    world.watch.flush()


@step(r"these lifecycle events should be published:")
def then_lifecycle(world):
    """Rows TYPE or TYPE TASK, in any order, and no others until the workflow has ended."""
    world.wait(person=True)
    wanted = sorted(world.value())
    found = []
    while len(found) < len(wanted):
        try:
            value = json.loads(world.watch.next()[1])
        except OSError:
            break
        for event in value if isinstance(value, list) else [value]:
            kind = event["type"].removeprefix("io.serverlessworkflow.").removesuffix(".v1")
            task = event["data"].get("task")
            found.append(kind if task is None else f"{kind} {task}")
    if sorted(found) != wanted:
        raise Failed(f"these are: {sorted(found)}")
