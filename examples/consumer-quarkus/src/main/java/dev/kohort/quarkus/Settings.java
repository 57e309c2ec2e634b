package dev.kohort.quarkus;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the environment asks for, besides what application.properties names.
 *
 * @param rate records per second, over all partitions; 0 for no limit
 * @param version any text; goes into every line of the journal
 * @param startDelayMs how much longer the start takes than that of the JVM and of Quarkus
 * @param behaviour empty, or a way to misbehave
 * @param logRecords whether there is a line for each record
 */
record Settings(double rate, String version, long startDelayMs, String behaviour, boolean logRecords) {
    /** Processes at a tenth of the rate. */
    private static final String SLOW = "slow";
    /** Joins, polls and sends heartbeats, and processes nothing. */
    static final String STALLED = "stalled";
    /** Ends with 1 soon after the start. */
    static final String CRASH = "crash";

    private static final Set<String> BEHAVIOURS = Set.of("", SLOW, STALLED, CRASH);

    /** Reads variables, and throws one exception that names all that is wrong with them. */
    static Settings of(Map<String, String> variables) {
        List<String> wrong = new ArrayList<>();
        if (variables.getOrDefault("TOPICS", "").isEmpty()) {
            wrong.add("TOPICS is not set");
        }
        String behaviour = variables.getOrDefault("BEHAVIOUR", "");
        if (!BEHAVIOURS.contains(behaviour)) {
            wrong.add("BEHAVIOUR is \"" + behaviour + "\": it must be unset or one of slow, stalled, crash");
        }
        double rate = number("RATE", variables, wrong);
        if (behaviour.equals(SLOW)) {
            rate = rate == 0 ? 10 : rate / 10;
        }
        var settings = new Settings(rate, variables.getOrDefault("VERSION", ""),
                (long) number("START_DELAY_MS", variables, wrong), behaviour,
                variables.getOrDefault("LOG_RECORDS", "").equals("1"));
        if (!wrong.isEmpty()) {
            throw new IllegalArgumentException(String.join("\n", wrong));
        }
        return settings;
    }

    private static double number(String name, Map<String, String> variables, List<String> wrong) {
        String text = variables.getOrDefault(name, "");
        double value = Double.NaN;
        try {
            value = text.isEmpty() ? 0 : Double.parseDouble(text);
        } catch (NumberFormatException e) {
            // Said below.
        }
        if (!(value >= 0 && value <= 1e9)) {
            wrong.add(name + " is \"" + text + "\": it must be a number from 0 to 1000000000");
        }
        return value;
    }
}
