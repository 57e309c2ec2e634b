package dev.kohort.consumer;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.kafka.listener.ConsumerAwareRebalanceListener;
import org.springframework.stereotype.Component;

/**
 * Reports what the group gives to the consumers of this process. The pod is ready
 * when one of them is a member.
 */
@Component
class Membership implements ConsumerAwareRebalanceListener, HealthIndicator {
    private final Journal journal;
    private final Work work;
    private final Set<Consumer<?, ?>> members = ConcurrentHashMap.newKeySet();

    Membership(Journal journal, Work work) {
        this.journal = journal;
        this.work = work;
    }

    @Override
    public Health health() {
        return (members.isEmpty() ? Health.outOfService() : Health.up()).withDetail("members", members.size()).build();
    }

    @Override
    public void onPartitionsAssigned(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
        members.add(consumer);
        journal.write("joined", Member.of(consumer), Map.of());
        write("assigned", consumer, partitions);
    }

    /** It is a member still, and keeps other partitions (group.protocol consumer) or gets new ones. */
    @Override
    public void onPartitionsRevokedAfterCommit(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
        work.report(partitions);
        write("revoked", consumer, partitions);
    }

    @Override
    public void onPartitionsLost(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
        members.remove(consumer);
        work.report(partitions);
        write("lost", consumer, partitions);
    }

    private void write(String event, Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
        Map<String, Set<Integer>> byTopic = new TreeMap<>();
        partitions.forEach(p -> byTopic.computeIfAbsent(p.topic(), topic -> new TreeSet<>()).add(p.partition()));
        journal.write(event, Member.of(consumer), Map.of("partitions", byTopic));
    }
}
