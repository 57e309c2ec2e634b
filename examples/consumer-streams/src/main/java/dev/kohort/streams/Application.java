package dev.kohort.streams;

import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;

/**
 * The sample consumer as a Kafka Streams program. It writes the same journal as the
 * one in Go (examples/consumer); docs/clients.md says what to take from it.
 */
public final class Application {
    private final Settings settings;
    private final Journal journal;
    private final Work work;
    private final AtomicBoolean failed = new AtomicBoolean();

    private Application(Settings settings) {
        this.settings = settings;
        this.journal = new Journal(settings);
        this.work = new Work(journal, settings);
    }

    public static void main(String[] args) throws Exception {
        Settings settings;
        try {
            settings = Settings.of(System.getenv());
        } catch (IllegalArgumentException e) {
            System.err.println("consumer: " + e.getMessage());
            System.exit(2);
            return;
        }
        new Application(settings).run();
    }

    private void run() throws Exception {
        journal.write("start", Map.of());
        Thread.sleep(settings.startDelayMs());
        KafkaStreams streams = new KafkaStreams(topology(), config());
        streams.setUncaughtExceptionHandler(this::failed);
        streams.setStateListener((now, before) -> changed(streams, now));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> end(streams), "end"));
        if (settings.healthPort() != 0) {
            Health.serve(settings.healthPort(), () -> streams.state() == KafkaStreams.State.RUNNING);
        }
        if (settings.behaviour().equals(Settings.STALLED)) {
            streams.pause();
        }
        streams.start();
        if (settings.behaviour().equals(Settings.CRASH)) {
            fail("crash, as BEHAVIOUR asks for");
        }
    }

    /** What Kohort injects, where Kafka Streams looks for it. */
    private Properties config() {
        Properties p = new Properties();
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, settings.bootstrap());
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, settings.application());
        if (!settings.instance().isEmpty()) {
            // Each stream thread appends its number.
            p.put(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, settings.instance());
        }
        p.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, String.valueOf(settings.sessionMs()));
        p.put(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, String.valueOf(settings.heartbeatMs()));

        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, settings.threads());
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, settings.commitIntervalMs());
        p.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.INTERCEPTOR_CLASSES_CONFIG), JournalInterceptor.class.getName());
        p.put(StreamsConfig.mainConsumerPrefix(JournalInterceptor.JOURNAL), journal);
        p.put(StreamsConfig.mainConsumerPrefix(JournalInterceptor.WORK), work);
        return p;
    }

    private Topology topology() {
        var builder = new StreamsBuilder();
        builder.stream(settings.topics(), Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .process(() -> new ContextualProcessor<byte[], byte[], Void, Void>() {
                    @Override
                    public void process(Record<byte[], byte[]> record) {
                        var of = context().recordMetadata().orElseThrow();
                        work.process(new TopicPartition(of.topic(), of.partition()), of.offset());
                    }
                });
        return builder.build();
    }

    /** Reports what the group has given to each thread. */
    private void changed(KafkaStreams streams, KafkaStreams.State now) {
        if (now == KafkaStreams.State.ERROR) {
            fail("Kafka Streams has shut itself down");
        }
        if (now != KafkaStreams.State.RUNNING) {
            return;
        }
        journal.write("joined", Map.of());
        streams.metadataForLocalThreads().forEach(thread -> {
            Map<String, Set<Integer>> byTopic = new TreeMap<>();
            thread.activeTasks().forEach(task -> task.topicPartitions().forEach(p ->
                    byTopic.computeIfAbsent(p.topic(), topic -> new TreeSet<>()).add(p.partition())));
            journal.write("assigned", journal.instanceOf(thread.threadName()), Map.of("partitions", byTopic));
        });
    }

    /**
     * A thread that was fenced or not let in ends with this. No other one is started in
     * its place, which would be a member under another id: the process is to end.
     */
    private StreamThreadExceptionResponse failed(Throwable thrown) {
        StringBuilder text = new StringBuilder("a stream thread has ended");
        for (Throwable t = thrown; t != null; t = t.getCause()) {
            text.append(": ").append(t);
        }
        journal.write("failed", Map.of("error", text.toString()));
        System.err.println("consumer: " + text);
        return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    }

    /** Ends the process with 1: Kafka Streams would leave it alive and useless. */
    private void fail(String error) {
        if (!failed.compareAndSet(false, true)) {
            return;
        }
        journal.write("failed", Map.of("error", error));
        System.err.println("consumer: " + error);
        // Not on this thread: the end waits for those of Kafka Streams.
        new Thread(() -> System.exit(1), "exit").start();
    }

    /** Commits what was processed. Static members do not leave the group by this. */
    private void end(KafkaStreams streams) {
        streams.close();
        if (!failed.get()) {
            journal.write("stopped", Map.of());
        }
    }
}
