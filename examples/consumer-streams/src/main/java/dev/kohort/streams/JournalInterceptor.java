package dev.kohort.streams;

import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Reports commits, and what they cover. Kafka's client makes one for each main consumer. */
public class JournalInterceptor implements ConsumerInterceptor<byte[], byte[]> {
    /** The properties by which it gets what it needs. */
    static final String JOURNAL = "kohort.journal";
    static final String WORK = "kohort.work";

    private Journal journal;
    private Work work;
    private String instance;

    @Override
    public void configure(Map<String, ?> config) {
        journal = (Journal) config.get(JOURNAL);
        work = (Work) config.get(WORK);
        Object id = config.get(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG);
        instance = id == null ? "" : id.toString();
    }

    @Override
    public ConsumerRecords<byte[], byte[]> onConsume(ConsumerRecords<byte[], byte[]> records) {
        return records;
    }

    @Override
    public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
        work.report(offsets.keySet());
        Map<String, Map<Integer, Long>> byTopic = new TreeMap<>();
        offsets.forEach((p, next) ->
                byTopic.computeIfAbsent(p.topic(), topic -> new TreeMap<>()).put(p.partition(), next.offset()));
        journal.write("committed", instance, Map.of("offsets", byTopic));
    }

    @Override
    public void close() {}
}
