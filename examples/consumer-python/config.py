"""What the environment asks for: the variables of examples/consumer (Go)."""

import os
from dataclasses import dataclass

BEHAVIOURS = ("slow", "stalled", "crash", "never-joins", "ignores-sigterm")


@dataclass(frozen=True)
class Config:
    # What Kohort injects.
    bootstrap: str
    group: str
    instance: str  # "" for a dynamic member
    session_ms: int
    heartbeat_ms: int
    kip848: bool  # the broker has the timeouts, and shares the partitions
    # What a template says.
    topics: list[str]
    rate: float  # records per second, 0 for no limit
    commit_interval: float  # seconds
    version: str
    start_delay: float  # seconds
    health_port: int  # 0 for none
    behaviour: str
    log_records: bool


def read(env=os.environ) -> Config:
    """Raises ValueError with everything that is wrong, one line each."""
    errors = []

    def required(name):
        if not env.get(name):
            errors.append(f"{name} is not set")
        return env.get(name, "")

    def number(name, otherwise):
        text = env.get(name) or str(otherwise)
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1e9:
            errors.append(f'{name} is "{text}": it must be a number from 0 to 1000000000')
        return value

    protocol = env.get("KAFKA_GROUP_PROTOCOL", "classic").lower()
    if protocol not in ("classic", "consumer"):
        errors.append(f'KAFKA_GROUP_PROTOCOL is "{protocol}": it must be classic or consumer')
    behaviour = env.get("BEHAVIOUR", "")
    if behaviour and behaviour not in BEHAVIOURS:
        errors.append(f'BEHAVIOUR is "{behaviour}": it must be unset or one of {", ".join(BEHAVIOURS)}')
    rate = number("RATE", 0)
    if behaviour == "slow":
        rate = rate / 10 or 10
    config = Config(
        bootstrap=required("KAFKA_BOOTSTRAP_SERVERS"),
        group=required("KAFKA_GROUP_ID"),
        instance=env.get("KAFKA_GROUP_INSTANCE_ID", ""),
        session_ms=int(number("KAFKA_SESSION_TIMEOUT_MS", 45000)),
        heartbeat_ms=int(number("KAFKA_HEARTBEAT_INTERVAL_MS", 3000)),
        kip848=protocol == "consumer",
        topics=required("TOPICS").replace(",", " ").split(),
        rate=rate,
        commit_interval=number("COMMIT_INTERVAL_MS", 1000) / 1000,
        version=env.get("VERSION", ""),
        start_delay=number("START_DELAY_MS", 0) / 1000,
        health_port=int(number("HEALTH_PORT", 0)),
        behaviour=behaviour,
        log_records=env.get("LOG_RECORDS") == "1",
    )
    if config.commit_interval == 0:
        errors.append("COMMIT_INTERVAL_MS is 0: it must be at least 1")
    if errors:
        raise ValueError("\n".join(errors))
    return config
