package dev.kohort.quarkus;

import jakarta.enterprise.inject.spi.CDI;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Reports commits, and what they cover. Kafka's client makes one for each consumer. */
public class JournalInterceptor implements ConsumerInterceptor<byte[], byte[]> {
    private Journal journal;
    private Work work;
    private Member member;

    @Override
    public void configure(Map<String, ?> config) {
        journal = CDI.current().select(Journal.class).get();
        work = CDI.current().select(Work.class).get();
        Object instance = config.get(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG);
        // The generation is not to be had here.
        member = new Member(instance == null ? "" : instance.toString(), -1);
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
        journal.write("committed", member, Map.of("offsets", byTopic));
    }

    @Override
    public void close() {}
}
