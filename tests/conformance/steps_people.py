"""What people decide, and effects that are undone."""
import re
import uuid

from office import Failed, Refused, name_of
from vocabulary import expect, position, step
from world import shown


# ---- ours: effects that are undone ----

def undone(story):
    """(task, idempotency key of the effect, that of what undid it, its input), in order."""
    keys, began, found = {}, {}, []
    for event in story.events:
        if event["kind"] == "compensation-registered":
            keys[event["key"]] = event["id"]
        elif event["kind"] == "compensation-started" and event["outcome"] == "undo":
            began[event["key"]] = event
        elif event["kind"] == "compensation-ended" and event["outcome"] == "compensated":
            begin = began[event["key"]]
            found.append((name_of(event["source"]), keys[event["key"]], begin["id"],
                          begin.get("output")))
    return found


@step(r"these effects should be undone:")
def then_undone(world):
    """Tasks, in the order of undoing: these and no others. An undoing's key is the effect's."""
    found = undone(world.finished_story())
    expect([task for task, _, _, _ in found], world.value(), "what was undone")
    for task, effect, key, _ in found:
        if not re.fullmatch(re.escape(effect) + r"#undo(\.[0-9]+)?", key):
            raise Failed(f"the effect of '{task}' has the key {effect} and is undone under {key}")


@step(r"no effect should be undone")
def then_nothing_undone(world):
    expect([task for task, _, _, _ in undone(world.finished_story())], [], "what was undone")


@step(r"(\S+) should be undone with:")
def then_undone_with(world, name):
    values = [value for task, _, _, value in undone(world.finished_story()) if task == name]
    if not values:
        raise Failed(f"the effect of '{name}' was not undone")
    expect(values[-1], world.value(), f"the input of what undoes '{name}'")


@step(r"(\S+) should be undone before (\S+) runs")
def then_undone_before(world, name, other):
    story = world.finished_story()
    places = [place for place, event in enumerate(story.events)
              if event["kind"] == "compensation-ended" and event["outcome"] == "compensated"
              and name_of(event["source"]) == name]
    if not places or places[0] > position(story, other):
        raise Failed(f"'{name}' was undone at {places} and '{other}' ran at "
                     f"{position(story, other)} of the journal")


@step(r"the effect of (\S+) should be (kept|none)")
def then_kept(world, name, how):
    states = [event["outcome"] for event in world.finished_story().events
              if event["kind"] == "compensation-ended" and name_of(event["source"]) == name]
    if states[-1:] != [how]:
        raise Failed(f"it is {states or 'not undone'}, not {how}")


# ---- ours: people ----

@step(r"a person should be asked")
def then_asked(world):
    answer = world.wait(person=True)
    if "gate" not in answer:
        raise Failed(f"no person is asked: it is {answer['status']}, "
                     + shown(answer.get("error", answer.get("output"))))


@step(r"the person approves")
def when_approved(world):
    world.verdict("approve")


@step(r"the person approves in '([^']+)'")
def when_approved_in(world, name):
    world.verdict("approve", world.instance_of(name))


@step(r"the person rejects")
def when_rejected(world):
    world.verdict("reject", reason="the scenario says so")


@step(r"the person says yes")
def when_yes(world):
    world.verdict("yes", reason="the scenario says so")


@step(r"the same verdict should be refused")
def then_once(world):
    try:
        world.desk.ask("gates.verdict", request_id=uuid.uuid4().hex, **world.verdict_given)
    except Refused:
        return
    raise Failed("it is taken a second time")


@step(r"the person's approval should be refused")
def then_not_approved(world):
    try:
        world.verdict("approve")
    except Refused:
        return
    raise Failed("it is taken")


@step(r"the person edits:")
def when_edited(world):
    world.verdict("edit", value=world.value())
