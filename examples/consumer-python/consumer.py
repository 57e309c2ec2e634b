"""The sample consumer with confluent-kafka (librdkafka).

It takes its identity from the variables that Kohort injects, works at a set rate
and tells what it does as JSON lines. Its variables, and the lines, are those of the
sample in Go (examples/consumer); docs/clients.md says what to take from it.
"""

import signal
import sys
import threading

import config
import health
from journal import Journal
from member import Fatal, Member

CRASH_AFTER = 0.2  # seconds


def end_on_signal(ended: threading.Event, behaviour: str, journal: Journal):
    """Has SIGTERM end the program in peace."""

    def asked(*_):
        if behaviour == "ignores-sigterm":
            journal.write("ignored")
        else:
            ended.set()

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)


def consume(c: config.Config, journal: Journal, ended: threading.Event):
    ready = [lambda: c.behaviour == "never-joins"]
    if c.health_port:
        health.serve(c.health_port, lambda: ready[0]())
    if c.behaviour == "crash":
        ended.wait(CRASH_AFTER)
        raise Fatal("crash, as BEHAVIOUR asks for")
    if c.behaviour == "never-joins":
        ended.wait()
        return
    if ended.wait(c.start_delay):
        return
    member = Member(c, journal, ended)
    ready[0] = lambda: member.joined
    member.run()


def main() -> int:
    try:
        c = config.read()
    except ValueError as error:
        print(f"consumer: {error}", file=sys.stderr)
        return 2
    journal = Journal(c.instance, c.version)
    ended = threading.Event()
    end_on_signal(ended, c.behaviour, journal)
    journal.write("start")
    try:
        consume(c, journal, ended)
    except Fatal as error:
        journal.write("failed", error=str(error))
        print(f"consumer: {error}", file=sys.stderr)
        return 1
    journal.write("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
