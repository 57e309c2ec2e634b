package dev.kohort.quarkus;

import io.smallrye.common.annotation.Identifier;
import io.smallrye.reactive.messaging.kafka.KafkaConsumerRebalanceListener;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

/**
 * Reports what the group gives to the consumers of this process. The pod is ready
 * when one of them is a member.
 */
@ApplicationScoped
@Identifier("membership")
@Readiness
class Membership implements KafkaConsumerRebalanceListener, HealthCheck {
    private final Journal journal;
    private final Work work;
    private final Settings settings;
    private final Set<Consumer<?, ?>> members = ConcurrentHashMap.newKeySet();

    Membership(Journal journal, Work work, Settings settings) {
        this.journal = journal;
        this.work = work;
        this.settings = settings;
    }

    @Override
    public HealthCheckResponse call() {
        return HealthCheckResponse.named("membership").status(!members.isEmpty()).withData("members", members.size()).build();
    }

    @Override
    public void onPartitionsAssigned(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
        Member member = Member.of(consumer);
        members.add(consumer);
        work.owns(member, partitions);
        journal.write("joined", member, Map.of());
        write("assigned", member, partitions);
        if (settings.behaviour().equals(Settings.STALLED)) {
            consumer.pause(partitions);
        }
    }

    /** What was processed has been committed. The connector calls it also for partitions that are lost. */
    @Override
    public void onPartitionsRevoked(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
        if (partitions.containsAll(consumer.assignment())) {
            members.remove(consumer);
        }
        work.report(partitions);
        write("revoked", Member.of(consumer), partitions);
    }

    private void write(String event, Member member, Collection<TopicPartition> partitions) {
        Map<String, Set<Integer>> byTopic = new TreeMap<>();
        partitions.forEach(p -> byTopic.computeIfAbsent(p.topic(), topic -> new TreeSet<>()).add(p.partition()));
        journal.write(event, member, Map.of("partitions", byTopic));
    }
}
