package dev.kohort.consumer;

import java.util.List;
import java.util.Set;
import org.springframework.boot.context.properties.ConfigurationProperties;

/**
 * What the environment asks for, besides Kafka.
 *
 * @param topics what to consume
 * @param secondTopics what the second listener consumes (profile two-listeners)
 * @param concurrency how many consumers each listener has
 * @param rate records per second, over all partitions; 0 for no limit
 * @param version any text; goes into every line of the journal
 * @param behaviour empty, or a way to misbehave
 * @param logRecords 1: a line for each record
 */
@ConfigurationProperties("app")
public record Settings(List<String> topics, List<String> secondTopics, int concurrency, double rate,
        String version, String behaviour, int logRecords) {
    /** Processes at a tenth of the rate. */
    static final String SLOW = "slow";
    /** Joins, polls and sends heartbeats, and processes nothing. */
    static final String STALLED = "stalled";
    /** Ends with 1 soon after the start. */
    static final String CRASH = "crash";

    private static final Set<String> BEHAVIOURS = Set.of("", SLOW, STALLED, CRASH);

    public Settings {
        if (topics.isEmpty()) {
            throw new IllegalArgumentException("TOPICS is not set");
        }
        if (concurrency < 1) {
            throw new IllegalArgumentException("CONCURRENCY is " + concurrency + ": it must be at least 1");
        }
        if (!(rate >= 0)) {
            throw new IllegalArgumentException("RATE is " + rate + ": it must be 0 or more");
        }
        if (!BEHAVIOURS.contains(behaviour)) {
            throw new IllegalArgumentException(
                    "BEHAVIOUR is \"" + behaviour + "\": it must be unset or one of slow, stalled, crash");
        }
        if (behaviour.equals(SLOW)) {
            rate = rate == 0 ? 10 : rate / 10;
        }
    }
}
