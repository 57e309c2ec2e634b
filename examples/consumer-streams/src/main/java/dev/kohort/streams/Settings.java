package dev.kohort.streams;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the environment asks for.
 *
 * @param bootstrap the brokers
 * @param application the application.id, which is the group's id
 * @param instance the group.instance.id that the pod was given, empty for dynamic members
 * @param sessionMs the session timeout
 * @param heartbeatMs the interval of heartbeats
 * @param topics what to consume
 * @param threads how many stream threads there are
 * @param rate records per second, over all partitions; 0 for no limit
 * @param commitIntervalMs how often to commit
 * @param version any text; goes into every line of the journal
 * @param startDelayMs how much longer the start takes than that of the JVM
 * @param healthPort where the kubelet's probes are answered; 0 for nowhere
 * @param behaviour empty, or a way to misbehave
 * @param logRecords whether there is a line for each record
 */
record Settings(String bootstrap, String application, String instance, long sessionMs, long heartbeatMs,
        List<String> topics, int threads, double rate, long commitIntervalMs, String version, long startDelayMs,
        int healthPort, String behaviour, boolean logRecords) {
    /** Processes at a tenth of the rate. */
    private static final String SLOW = "slow";
    /** Joins, polls and sends heartbeats, and processes nothing. */
    static final String STALLED = "stalled";
    /** Ends with 1 soon after the start. */
    static final String CRASH = "crash";

    private static final Set<String> BEHAVIOURS = Set.of("", SLOW, STALLED, CRASH);

    /** Reads variables, and throws one exception that names all that is wrong with them. */
    static Settings of(Map<String, String> variables) {
        var in = new Reader(variables, new ArrayList<>());
        String behaviour = in.text("BEHAVIOUR");
        if (!BEHAVIOURS.contains(behaviour)) {
            in.wrong.add("BEHAVIOUR is \"" + behaviour + "\": it must be unset or one of slow, stalled, crash");
        }
        double rate = in.number("RATE", 0, 0);
        if (behaviour.equals(SLOW)) {
            rate = rate == 0 ? 10 : rate / 10;
        }
        var settings = new Settings(in.required("KAFKA_BOOTSTRAP_SERVERS"), in.required("KAFKA_APPLICATION_ID"),
                in.text("KAFKA_GROUP_INSTANCE_ID"), (long) in.number("KAFKA_SESSION_TIMEOUT_MS", 45_000, 1),
                (long) in.number("KAFKA_HEARTBEAT_INTERVAL_MS", 3_000, 1), List.of(in.required("TOPICS").split("[, ]+")),
                (int) in.number("THREADS", 1, 1), rate, (long) in.number("COMMIT_INTERVAL_MS", 1_000, 1),
                in.text("VERSION"), (long) in.number("START_DELAY_MS", 0, 0), (int) in.number("HEALTH_PORT", 0, 0),
                behaviour, in.text("LOG_RECORDS").equals("1"));
        if (!in.wrong.isEmpty()) {
            throw new IllegalArgumentException(String.join("\n", in.wrong));
        }
        return settings;
    }

    private record Reader(Map<String, String> variables, List<String> wrong) {
        String text(String name) {
            return variables.getOrDefault(name, "");
        }

        String required(String name) {
            if (text(name).isEmpty()) {
                wrong.add(name + " is not set");
            }
            return text(name);
        }

        double number(String name, double otherwise, double least) {
            String text = text(name);
            if (text.isEmpty()) {
                return otherwise;
            }
            double value = Double.NaN;
            try {
                value = Double.parseDouble(text);
            } catch (NumberFormatException e) {
                // Said below.
            }
            if (!(value >= least && value <= 1e9)) {
                wrong.add(name + " is \"" + text + "\": it must be a number from " + (int) least + " to 1000000000");
            }
            return value;
        }
    }
}
