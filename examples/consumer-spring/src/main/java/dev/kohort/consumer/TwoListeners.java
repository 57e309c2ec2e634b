package dev.kohort.consumer;

import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.springframework.context.annotation.Profile;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.stereotype.Component;

/**
 * Two listeners in one group and one pod (consumersPerPod: 2). Each must say its
 * number: spring-kafka counts the consumers of each listener by itself, so both
 * would be number 0 and fence one another. See also {@link Config#consumers}.
 */
@Component
@Profile(TwoListeners.PROFILE)
class TwoListeners {
    static final String PROFILE = "two-listeners";

    private static final String ID = "group.instance.id=${spring.kafka.consumer.properties.group.instance.id}";

    private final Work work;

    TwoListeners(Work work) {
        this.work = work;
    }

    @KafkaListener(topics = "#{'${app.topics}'.split(',')}", properties = ID + "-0")
    void first(ConsumerRecord<String, String> record, Consumer<?, ?> consumer) throws InterruptedException {
        work.process(record, Member.of(consumer));
    }

    @KafkaListener(topics = "#{'${app.second-topics}'.split(',')}", properties = ID + "-1")
    void second(ConsumerRecord<String, String> record, Consumer<?, ?> consumer) throws InterruptedException {
        work.process(record, Member.of(consumer));
    }
}
