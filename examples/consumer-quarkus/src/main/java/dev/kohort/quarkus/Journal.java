package dev.kohort.quarkus;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.quarkus.runtime.Startup;
import jakarta.inject.Singleton;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Says what the consumer does on the standard output, one JSON object per line: the
 * lines of the Go package examples/consumer/journal, which names their fields.
 */
@Singleton
@Startup
class Journal {
    private final PrintStream out = System.out;
    private final ObjectMapper json;
    private final String version;
    private final Member process;

    Journal(ObjectMapper json, Settings settings,
            @ConfigProperty(name = "mp.messaging.connector.smallrye-kafka.group.instance.id") Optional<String> instance) {
        this.json = json;
        this.version = settings.version();
        this.process = new Member(instance.orElse(""), -1);
        write("start", Map.of());
    }

    /** Writes what concerns the process, not one of its members. */
    void write(String event, Map<String, ?> fields) {
        write(event, process, fields);
    }

    /** Writes a line, with one write, so that kill -9 loses none. */
    void write(String event, Member of, Map<String, ?> fields) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("t", System.currentTimeMillis());
        line.put("event", event);
        line.put("instance", of.instance());
        line.put("version", version);
        line.put("generation", of.generation());
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
