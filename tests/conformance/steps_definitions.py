"""Definitions: accepted or refused, and their versions."""
import re
import uuid

from office import Failed, Refused
from vocabulary import step
from world import place_of


# ---- ours: definitions ----

@step(r"the definition (?:is|should be) accepted")
def then_accepted(world):
    world.deploy()


def problem_lines(world):
    """`line:column: words` in the document: (place, words)."""
    for line in (world.doc or "").splitlines():
        if line.strip():
            match = re.match(r"\s*(\d+:\d+): (.*\S)", line)
            if match is None:
                raise Failed(f"'{line.strip()}' is not LINE:COLUMN: WORDS")
            yield match[1], match[2]


def expect_problems(problems, world, what):
    wanted = list(problem_lines(world))
    found = list(problems)
    told = "".join(map(place_of, problems)) or "none\n"
    for place, words in wanted:
        hit = next((problem for problem in found
                    if f"{problem.get('line', 0)}:{problem.get('column', 0)}" == place
                    and words in place_of(problem)), None)
        if hit is None:
            raise Failed(f"no {what} '{place}: {words}'; there are:\n{told}")
        found.remove(hit)
    if found:
        raise Failed(f"more {what}s than expected:\n{''.join(map(place_of, found))}")


@step(r"the definition (?:is|should be) refused with:")
def then_refused(world):
    """The definition is given as it stands, so places are those of the scenario's text."""
    try:
        world.desk.ask("deploy", text=world.definitions[-1][0], file="")
    except Refused as error:
        expect_problems(error.body.get("problems", []), world, "problem")
        return
    raise Failed("the definition is accepted")


@step(r"the definition (?:is|should be) accepted with warnings:")
def then_warned(world):
    answer = world.desk.ask("deploy", text=world.definitions[-1][0], file="")
    expect_problems(answer["warnings"], world, "warning")


# ---- ours: versions ----

@step(r"the definition is replaced by:")
def when_replaced(world):
    """Deployed at the next step that needs it; what runs goes on."""
    world.definitions[0] = [world.doc, None]


@step(r"the definition is deployed again")
def when_again(world):
    world.definitions[0][1] = None
    world.deploy()


@step(r"the deployment should be refused with '(.*)'")
def then_not_deployed(world, words):
    try:
        world.desk.ask("deploy", text=world.isolation.definition(world.definitions[0][0]), file="")
    except Refused as error:
        if words not in error.words:
            raise Failed(f"it is refused with: {error.words}") from None
        return
    raise Failed("it is accepted")


def version_of(world, version):
    deployed = next((name for _, name in world.definitions if name), None)
    if deployed is None:
        raise Failed("nothing is deployed yet")
    return deployed.split(":")[0] + ":" + version


@step(r"version '([^']+)' is retired")
def when_retired(world, version):
    world.desk.ask("definitions.retire", request_id=uuid.uuid4().hex,
                   definition=version_of(world, version), reason="the scenario says so")


@step(r"version '([^']+)' of '([^']+)' is retired")
def when_other_retired(world, version, name):
    full = next(found for _, found in world.definitions if f"/{name}:" in (found or ""))
    world.desk.ask("definitions.retire", request_id=uuid.uuid4().hex, reason="the scenario says so",
                   definition=full.split(":")[0] + ":" + version)


@step(r"version '([^']+)' is retired by force")
def when_forced(world, version):
    world.desk.ask("definitions.retire", request_id=uuid.uuid4().hex, force=True,
                   definition=version_of(world, version), reason="the scenario says so")


@step(r"retiring version '([^']+)' should be refused")
def then_not_retired(world, version):
    try:
        when_retired(world, version)
    except Refused:
        return
    raise Failed("it is retired")


def migrate(world, version):
    world.deploy()
    answer = world.desk.ask("instances.migrate", request_id=uuid.uuid4().hex, to=version,
                            instances=[world.instance], reason="the scenario says so")
    return answer["instances"][0]


@step(r"the workflow is migrated to version '([^']+)'")
def when_migrated(world, version):
    row = migrate(world, version)
    if not row["moves"]:
        raise Failed(f"it stays: {row.get('why')}")


@step(r"the workflow should not migrate to version '([^']+)'")
def then_not_migrated(world, version):
    row = migrate(world, version)
    if row["moves"]:
        raise Failed("it has moved")
