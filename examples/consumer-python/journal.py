"""Lines on the standard output, those of the Go package examples/consumer/journal."""

import json
import os
import time


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Journal:
    def __init__(self, instance: str, version: str):
        self._instance, self._version = instance, version

    def write(self, event: str, **fields):
        """Writes a line, with one write, so that kill -9 loses none.

        The generation is always -1: the client does not tell it.
        """
        line = {
            "t": now_ms(), "event": event, "instance": self._instance, "version": self._version,
            "generation": -1, "partition": 0, "first": 0, "last": 0, **fields,
        }
        os.write(1, (json.dumps(line, separators=(",", ":")) + "\n").encode())
