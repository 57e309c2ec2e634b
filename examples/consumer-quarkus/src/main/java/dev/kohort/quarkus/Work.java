package dev.kohort.quarkus;

import jakarta.inject.Singleton;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** The work: to wait as long as a record takes, and to say so. */
@Singleton
class Work {
    private final Journal journal;
    private final Pace pace;
    private final boolean everyRecord;

    private final Map<TopicPartition, Member> owners = new ConcurrentHashMap<>();
    /** The records since the last entry of their partition. */
    private final Map<TopicPartition, Run> runs = new HashMap<>();

    private record Run(Member member, long first, long last, long count, long firstMs, long lastMs) {
        Map<String, Object> fields(TopicPartition of) {
            return Map.of("topic", of.topic(), "partition", of.partition(), "first", first, "last", last,
                    "count", count, "firstMs", firstMs, "lastMs", lastMs);
        }
    }

    Work(Journal journal, Settings settings) {
        this.journal = journal;
        this.pace = new Pace(settings.rate());
        this.everyRecord = settings.logRecords();
    }

    /** Notes which of the process's consumers owns partitions from now on. */
    void owns(Member member, Collection<TopicPartition> partitions) {
        partitions.forEach(partition -> owners.put(partition, member));
    }

    /** Processes a record, at the rate that was asked for. */
    void process(ConsumerRecord<?, ?> record) throws InterruptedException {
        pace.await();
        long now = System.currentTimeMillis();
        var partition = new TopicPartition(record.topic(), record.partition());
        Member by = owners.getOrDefault(partition, new Member("", -1));
        var one = new Run(by, record.offset(), record.offset(), 1, now, now);
        if (everyRecord) {
            journal.write("record", by, one.fields(partition));
        }
        synchronized (runs) {
            runs.merge(partition, one,
                    (run, next) -> new Run(by, run.first, next.last, run.count + 1, run.firstMs, next.lastMs));
        }
    }

    /** Reports what was processed of partitions and has not been reported. */
    void report(Collection<TopicPartition> partitions) {
        for (TopicPartition partition : partitions) {
            Run run;
            synchronized (runs) {
                run = runs.remove(partition);
            }
            if (run != null) {
                journal.write("processed", run.member, run.fields(partition));
            }
        }
    }
}
