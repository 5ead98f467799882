"""A TCP proxy before nats-server that misbehaves on request. It reads the client protocol
(https://docs.nats.io/reference/reference-protocols/nats-protocol) far enough to cut, hold, repeat
and swap whole messages. One event loop in a thread of its own; the methods may be called from
outside."""
import asyncio
import socket
import struct
import threading

LINE_MAX = 64 * 1024
WITH_PAYLOAD = {b"PUB", b"HPUB", b"MSG", b"HMSG"}


async def frame_read(reader):
    """One protocol line with its payload; b"" at the end."""
    line = await reader.readuntil(b"\r\n")
    verb = line.split(b" ", 1)[0].upper()
    if verb in WITH_PAYLOAD:
        return line + await reader.readexactly(int(line.split()[-1]) + 2)
    return line


def is_work(frame):
    """A published task or result: what a campaign repeats and reorders."""
    return frame[:5].upper() in (b"PUB r", b"PUB t") or frame.upper().startswith(
        (b"PUB RESULT.", b"PUB TASK.", b"HPUB RESULT.", b"HPUB TASK."))


class Link:
    """One client's connection and its twin to the server."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.name = ""
        self.silent = False

    def cut(self):
        """Reset both ends: unsent bytes are lost in the middle of whatever they were."""
        for _, writer in (self.client, self.server):
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def upward(self):
        """Client to server: frames may be repeated or swapped."""
        held = None
        while True:
            frame = await frame_read(self.client[0])
            if frame.upper().startswith(b"CONNECT"):
                self.name = frame.decode("utf-8", "replace")
            while self.silent:
                await asyncio.sleep(0.01)
            out = [frame]
            if is_work(frame):
                if self.proxy.repeat > 0:
                    self.proxy.repeat -= 1
                    self.proxy.done += 1
                    out.append(frame)
                if self.proxy.swap > 0 and held is None:
                    self.proxy.swap -= 1
                    held, out = frame, []
                elif held is not None:
                    self.proxy.done += 1
                    out, held = out + [held], None
            for it in out:
                self.server[1].write(it)
            await self.server[1].drain()

    async def downward(self):
        while True:
            data = await self.server[0].read(65536)
            if not data:
                return
            while self.silent:
                await asyncio.sleep(0.01)
            if self.proxy.delay_s > 0:
                await asyncio.sleep(self.proxy.delay_s)
            self.client[1].write(data)
            await self.client[1].drain()


class Proxy:
    """Listens on `port` of the loopback address and forwards to `target`."""

    def __init__(self, port, target):
        self.port, self.target = port, target
        self.links = set()
        self.repeat = self.swap = self.done = 0
        self.delay_s = 0.0
        self.loop = asyncio.new_event_loop()
        self.server = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self.listen(), self.loop).result(10)
        return self

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def listen(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", self.port,
                                                 limit=LINE_MAX)

    async def accept(self, reader, writer):
        try:
            up = await asyncio.open_connection("127.0.0.1", self.target, limit=LINE_MAX)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, (reader, writer), up)
        self.links.add(link)
        tasks = [asyncio.ensure_future(link.upward()), asyncio.ensure_future(link.downward())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the campaign is over
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(
                    result, (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)):
                raise result
        self.links.discard(link)
        link.cut()

    # ---- called from outside ----

    def chosen(self, who):
        return [link for link in list(self.links) if who in link.name]

    def call(self, function):
        done = threading.Event()

        def here():
            function()
            done.set()
        self.loop.call_soon_threadsafe(here)
        done.wait(10)

    def cut(self, who):
        """Reset the connections whose CONNECT line mentions `who`; how many."""
        links = self.chosen(who)
        self.call(lambda: [link.cut() for link in links])
        return len(links)

    def silence(self, who, on):
        """Half-open: bytes are taken and go nowhere until it is switched off."""
        links = self.chosen(who)
        for link in links:
            link.silent = on
        return len(links)

    async def close(self):
        self.server.close()
        for link in list(self.links):
            link.silent = False
            link.cut()
        await self.server.wait_closed()
        others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def stop(self):
        asyncio.run_coroutine_threadsafe(self.close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()
