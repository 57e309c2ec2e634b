package dev.kohort.streams;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Says what the program does on the standard output, one JSON object per line: the
 * lines of the Go package examples/consumer/journal, which names their fields. The
 * generation is always -1: Kafka Streams does not tell it.
 */
class Journal {
    private final PrintStream out = System.out;
    private final ObjectMapper json = new ObjectMapper();
    private final String instance;
    private final String version;

    Journal(Settings settings) {
        this.instance = settings.instance();
        this.version = settings.version();
    }

    /**
     * The group.instance.id of a stream thread, which Kafka Streams makes of the one it
     * was given and the thread's number; empty for a dynamic member.
     */
    String instanceOf(String threadName) {
        return instance.isEmpty() ? "" : instance + threadName.substring(threadName.lastIndexOf('-'));
    }

    /** Writes what concerns the process, not one of its threads. */
    void write(String event, Map<String, ?> fields) {
        write(event, instance, fields);
    }

    /** Writes a line, with one write, so that kill -9 loses none. */
    void write(String event, String of, Map<String, ?> fields) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("t", System.currentTimeMillis());
        line.put("event", event);
        line.put("instance", of);
        line.put("version", version);
        line.put("generation", -1);
        line.put("partition", 0);
        line.put("first", 0);
        line.put("last", 0);
        line.putAll(fields);
        byte[] text;
        try {
            text = (json.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("write a line of the journal", e);
        }
        synchronized (out) {
            out.write(text, 0, text.length);
            out.flush();
        }
    }
}
