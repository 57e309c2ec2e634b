"""A member of the consumer group."""

import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from config import Config
from journal import Journal, now_ms

# Errors that no retry heals. After a fencing that it learns of from a commit,
# librdkafka reports _FATAL once, and goes on to deliver records until the session
# timeout: the program must end by itself. A session timeout that the broker
# refuses is no fatal error to it, and it would ask again for ever.
FATAL = {
    KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID, KafkaError.UNRELEASED_INSTANCE_ID,
    KafkaError.INVALID_SESSION_TIMEOUT, KafkaError.INVALID_GROUP_ID, KafkaError.INCONSISTENT_GROUP_PROTOCOL,
    KafkaError.GROUP_MAX_SIZE_REACHED, KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._AUTHENTICATION,
}

POLL = 0.1  # seconds that a poll waits, and so about what the end waits for it
CATCH_UP = 0.05  # seconds of lost time that are made good for


class Fatal(Exception):
    """Ends the process."""


class Member:
    def __init__(self, c: Config, journal: Journal, ended: threading.Event):
        self._config, self._journal, self._ended = c, journal, ended
        self.joined = False
        self._runs = {}  # (topic, partition): the open "processed" entry
        self._next = {}  # (topic, partition): the offset to commit
        self._due = time.monotonic()
        settings = {
            "bootstrap.servers": c.bootstrap,
            "group.id": c.group,
            "client.id": "kohort-sample-consumer-python",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            # Small batches keep the partitions in step.
            "fetch.message.max.bytes": 64 << 10,
            "queued.min.messages": 100,
            "reconnect.backoff.ms": 500,
            "topic.metadata.refresh.fast.interval.ms": 250,
        }
        if c.kip848:
            settings["group.protocol"] = "consumer"
        else:
            settings |= {
                "session.timeout.ms": c.session_ms,
                "heartbeat.interval.ms": c.heartbeat_ms,
                # librdkafka refuses a session that is longer.
                "max.poll.interval.ms": max(300_000, c.session_ms),
                "partition.assignment.strategy": "range",
            }
        if c.instance:
            settings["group.instance.id"] = c.instance
        try:
            self._consumer = Consumer(settings)
        except KafkaException as error:
            raise Fatal(f"make a Kafka client: {error}") from error

    def run(self):
        """Consumes until it is asked to end. Raises Fatal."""
        self._consumer.subscribe(
            self._config.topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )
        committed = time.monotonic()
        try:
            while not self._ended.is_set():
                self._take(self._consumer.poll(POLL))
                if time.monotonic() - committed >= self._config.commit_interval:
                    self._commit(list(self._next))
                    committed = time.monotonic()
        finally:
            # A static member does not leave the group by this: its place stays
            # reserved for the next process with its id. What was processed is
            # committed when the partitions are given up in here.
            self._consumer.close()

    def _take(self, message):
        if message is None:
            return
        if message.error() is not None:
            self._fail("consume", message.error())
            return
        self._pace()
        if self._ended.is_set():
            return  # not processed: the successor gets it
        key, offset, now = (message.topic(), message.partition()), message.offset(), now_ms()
        run = self._runs.setdefault(key, {"first": offset, "count": 0, "firstMs": now})
        run["last"], run["lastMs"] = offset, now
        run["count"] += 1
        self._next[key] = offset + 1
        if self._config.log_records:
            self._journal.write(
                "record", topic=key[0], partition=key[1], first=offset, last=offset, count=1, firstMs=now, lastMs=now
            )

    def _pace(self):
        """Waits until the next record is due, or the end."""
        if self._config.rate == 0:
            return
        now = time.monotonic()
        self._due = max(self._due, now - CATCH_UP)
        wait = self._due - now
        self._due += 1 / self._config.rate
        if wait > 0:
            self._ended.wait(wait)

    def _commit(self, keys):
        """Commits what was processed of partitions and reports it before."""
        offsets = [TopicPartition(*key, self._next[key]) for key in keys if key in self._next]
        if not offsets:
            return
        for key in keys:
            if key in self._runs:
                self._journal.write("processed", topic=key[0], partition=key[1], **self._runs.pop(key))
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            self._fail("commit offsets", error.args[0])
            return
        done = {}
        for o in offsets:
            done.setdefault(o.topic, {})[o.partition] = o.offset
            self._next.pop((o.topic, o.partition))
        self._journal.write("committed", offsets=done)

    def _assigned(self, consumer, partitions):
        self.joined = True
        self._journal.write("joined")
        self._journal.write("assigned", partitions=by_topic(partitions))
        if self._config.behaviour == "stalled":
            (consumer.incremental_assign if self._config.kip848 else consumer.assign)(partitions)
            consumer.pause(partitions)

    def _revoked(self, _, partitions):
        # It is a member still, and keeps other partitions (KIP-848) or gets new ones.
        self._commit([(p.topic, p.partition) for p in partitions])
        self._journal.write("revoked", partitions=by_topic(partitions))

    def _lost(self, _, partitions):
        self.joined = False
        # Whoever owns them now goes on from the last commit; ours would be refused.
        for p in partitions:
            key = (p.topic, p.partition)
            self._next.pop(key, None)
            if run := self._runs.pop(key, None):
                self._journal.write("processed", topic=key[0], partition=key[1], **run)
        self._journal.write("lost", partitions=by_topic(partitions))

    def _fail(self, what: str, error: KafkaError):
        """Reports an error, and ends the process if it is fatal."""
        text = f"{what}: {error.name()}: {error.str()}"
        if error.fatal() or error.code() in FATAL:
            raise Fatal(text)
        self._journal.write("failed", error=text)


def by_topic(partitions):
    topics = {}
    for p in partitions:
        topics.setdefault(p.topic, []).append(p.partition)
    return topics
