package dev.kohort.streams;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;

/** The work: to wait as long as a record takes, and to say so. */
class Work {
    private final Journal journal;
    private final Pace pace;
    private final boolean everyRecord;

    /** The records since the last entry of their partition. */
    private final Map<TopicPartition, Run> runs = new HashMap<>();

    private record Run(String instance, long first, long last, long count, long firstMs, long lastMs) {
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

    /** Processes a record on a stream thread, at the rate that was asked for. */
    void process(TopicPartition partition, long offset) {
        try {
            pace.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException("a stream thread was interrupted", e);
        }
        long now = System.currentTimeMillis();
        String instance = journal.instanceOf(Thread.currentThread().getName());
        var one = new Run(instance, offset, offset, 1, now, now);
        if (everyRecord) {
            journal.write("record", instance, one.fields(partition));
        }
        synchronized (runs) {
            runs.merge(partition, one,
                    (run, next) -> new Run(instance, run.first, next.last, run.count + 1, run.firstMs, next.lastMs));
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
                journal.write("processed", run.instance, run.fields(partition));
            }
        }
    }
}
