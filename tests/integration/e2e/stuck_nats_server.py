#!/usr/bin/env python3
"""A nats-server that is the real one behind a proxy, and that damaged files make ill in the ways
the real one (2.9.10) was seen to be: with the file `ends` in its store_dir it panics at each start;
with `stuck` a connection is served no more once it asked for stream TASKS, with `deaf` once it
published a task, with `dumb` once it asked for the consumer of stream EVENTS or pulled from it;
with `gone` it is deaf, and the stream is said to be none. What the server prints is printed.
"""
import asyncio
import os
import re
import signal
import socket
import subprocess
import sys

REAL = os.environ.get("REAL_NATS_SERVER") or "/usr/sbin/nats-server"
ILLS = {"stuck": rb" \$JS\.API\.STREAM\.INFO\.TASKS ", "deaf": rb"PUB task\.",
        "gone": rb"PUB task\.", "dumb": rb" \$JS\.API\.CONSUMER\.[A-Z.]+\.EVENTS[. ]"}
ASKED, NOBODY = b" $JS.API.STREAM.INFO.TASKS ", b" $JS.API.STREAM.INFO.NOONE "


def die_with_parent():
    import ctypes  # only needed in the child
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stuck:
    def __init__(self, store, target):
        self.target = target
        self.gone = os.path.exists(os.path.join(store, "gone"))
        self.marks = [mark for ill, mark in ILLS.items()
                      if os.path.exists(os.path.join(store, ill))]

    async def upward(self, reader, writer):
        while data := await reader.read(65536):
            if any(re.search(mark, data) for mark in self.marks):
                await asyncio.Event().wait()  # for ever
            writer.write(data.replace(ASKED, NOBODY) if self.gone else data)
            await writer.drain()

    @staticmethod
    async def downward(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    async def accept(self, reader, writer):
        server = await asyncio.open_connection("127.0.0.1", self.target)
        down = asyncio.ensure_future(self.downward(server[0], writer))
        up = asyncio.ensure_future(self.upward(reader, server[1]))
        try:
            await asyncio.wait([down, up], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (down, up):
                task.cancel()
            for end in (writer, server[1]):
                end.close()


async def serve(path):
    with open(path, encoding="utf-8") as file:
        config = file.read()
    store = re.search(r'store_dir: "([^"]*)"', config)[1]
    if os.path.exists(os.path.join(store, "ends")):
        print("panic: corrupt state file", flush=True)
        sys.exit(2)
    listen = re.search(r'^listen: "127.0.0.1:(\d+)"', config, re.M)
    behind = free_port()
    changed = path + ".behind"
    with open(os.open(changed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
              encoding="utf-8") as file:
        file.write(config.replace(listen[0], f'listen: "127.0.0.1:{behind}"'))
    stuck = Stuck(store, behind)
    await asyncio.start_server(stuck.accept, "127.0.0.1", int(listen[1]))
    child = await asyncio.create_subprocess_exec(REAL, "--config", changed,
                                                 preexec_fn=die_with_parent)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, child.terminate)
    sys.exit(await child.wait())


if __name__ == "__main__":
    if sys.argv[1] == "--version":
        sys.exit(subprocess.run([REAL, "--version"], check=False).returncode)
    asyncio.run(serve(sys.argv[2]))
