"""The steps, one file per concern, in the order in which they are tried. README.md lists them."""
import steps_kit  # noqa: F401, I001
import steps_definitions  # noqa: F401
import steps_runs  # noqa: F401
import steps_events  # noqa: F401
import steps_people  # noqa: F401
from office import Failed, company
from vocabulary import find
from world import World

__all__ = ["Failed", "World", "carry_out"]


def carry_out(world, steps):
    """Runs the steps; Failed names the one that did not hold."""
    for todo in steps:
        found = find(todo.text)
        if found is None:
            raise Failed(f"line {todo.line}: no such step: {todo.text}")
        function, arguments = found
        world.doc = todo.doc
        try:
            function(world, *arguments)
        except (Failed, company.Failure) as error:
            raise Failed(f"line {todo.line}: {todo.text}\n{error}") from None
