"""Faults that take a store or the time away: clocks that jump, a disk that is gone, a company that
is put back to what it was."""
import os
import shutil
import signal

import person
from fault import Fault
from company import Failure, Load, wait_until

HOUR_MS = 3600 * 1000
CHECKPOINT_S = 180
KNOWN_S = 180


class Clock(Fault):
    """The wall clock of one process or both jumps by an hour, and is set right again or is right.

    What approving moves forward stays, and so does what nobody measured because no coordinator
    ran: the company's time does not go back.
    """

    def inject(self):
        company, rng = self.company, self.rng
        who = rng.choice([("coordinator",), ("agent",), ("coordinator", "agent")])
        by = rng.choice([-1, 1]) * (HOUR_MS + rng.randint(-600000, 600000))
        restart = rng.random() < 0.25
        away = rng.random() < 0.25  # the bus: processes wait to connect when the clock is turned
        approved = by > 0 and "coordinator" in who and not restart and rng.random() < 0.3
        self.detail = (f"{'+'.join(who)} {'forward' if by > 0 else 'back'}"
                       f"{' over a restart' if restart else ''}{' approved' if approved else ''}"
                       f"{' without a bus' if away else ''}")
        hit = self.in_flight()
        killed = [getattr(company, name) for name in who] if restart else []
        for process in [*killed, *([company.bus] if away else [])]:
            process.kill()
        if away:
            self.pause(0.5)
        for name in who:
            company.clocks.turn(name, by)
        self.crash.revive()
        asked = "coordinator" in who and not (restart and by > 0)
        if asked and approved:
            person.clock_approve(company, person.clock_asked(company))
        elif asked:
            person.clock_asked(company)
        if approved or ("coordinator" in who and not asked):
            company.clocks.is_right("coordinator")
        self.crash.go_on(rng.randint(5, 20), "while the clock is wrong")
        for name in who:
            company.clocks.set_right(name)
        if "coordinator" in who:
            person.clock_settled(company)
        return hit


class LostStore(Fault):
    """The agent's disk is gone; the operator says so, before or after it comes back empty."""

    def known(self):
        try:
            return any((one["agent"], one["store"], one["state"]) == ("tester", "main", "live")
                       for one in self.company.ask("status", timeout_ms=2000)["agents"])
        except Failure:
            return False

    def inject(self):
        company = self.company
        early = self.rng.random() < 0.5
        self.detail = f"declared {'before' if early else 'after'} the new one came"
        wait_until(self.known, KNOWN_S, "the store that will be lost is the one that is known")
        hit = self.in_flight()
        company.agent.kill()
        shutil.rmtree(company.agent_store)
        if not early:
            company.start_agent()  # refused as long as the old one is not declared lost
            self.pause(1.0)
        company.ask("agents.lost", {"agent": "tester", "store": "main", "force": True,
                                    "reason": "the disk is gone"}, timeout_ms=person.PATIENT_MS)
        if not company.agent.alive():
            company.start_agent()
        return hit


class Backup(Fault):
    """An older backup is restored, with the bus as it is or without it; what was asked since then
    is asked again."""

    def checkpoint(self, process, store, copy):
        """What `mainstay backup` does with one process."""
        made = store + ".checkpoint"
        shutil.rmtree(made, ignore_errors=True)
        os.kill(process.pid, signal.SIGUSR1)
        wait_until(lambda: os.path.isdir(made) or not process.alive(), CHECKPOINT_S,
                   f"{process.name} makes a checkpoint")
        if not process.alive():
            raise Failure(f"{process.name} died of a checkpoint")
        shutil.move(made, copy)

    def inject(self):
        company, crash, rng = self.company, self.crash, self.rng
        wiped = rng.random() < 0.5
        self.detail = f"bus {'wiped' if wiped else 'as it was'}"
        copies = os.path.join(crash.folder.name, "backup")
        shutil.rmtree(copies, ignore_errors=True)
        os.makedirs(copies)
        stores = [(company.coordinator, company.coordinator_store, "coordinator"),
                  (company.agent, company.agent_store, "agent")]
        second = os.path.join(company.second_data, "store")  # of an agent that does not run
        before = crash.labels_done()
        if os.path.isdir(second):
            shutil.copytree(second, os.path.join(copies, "second"))
        for process, store, name in stores:  # the coordinator first
            self.checkpoint(process, store, os.path.join(copies, name))
        crash.go_on(rng.randint(10, 60), "after the backup")
        hit = self.in_flight()
        company.agent.kill()
        company.coordinator.kill()
        if wiped:
            company.bus.kill()
            company.wipe_bus()
        for store, name in [*(row[1:] for row in stores), (second, "second")]:
            if not os.path.isdir(os.path.join(copies, name)):
                continue
            shutil.rmtree(store)
            shutil.copytree(os.path.join(copies, name), store)
            with open(store + ".restored", "w", encoding="ascii") as file:
                file.write("restored\n")
        crash.forgive_manual(before)
        crash.revive()
        self.ask_again()
        return hit

    def ask_again(self):
        """Everybody who asked for something asks again: who asked before gets the same answer."""
        for load in self.crash.loads:
            begun = load.ended
            wait_until(lambda load=load, begun=begun: load.ended > begun + 10 or not load.running(),
                       self.crash.stall_s, "the load goes on after a restore")
            again = Load(self.company, load.definition, load.ended + load.concurrency,
                         load.concurrency, load.prefix, resend_ms=load.resend_ms,
                         patient=True, timeout_ms=self.crash.load_ms)
            again.finish()
