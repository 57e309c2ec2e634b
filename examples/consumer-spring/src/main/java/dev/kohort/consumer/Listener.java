package dev.kohort.consumer;

import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.springframework.context.annotation.Profile;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.stereotype.Component;

/** The listener. It names neither group nor id, so that the injected ones count. */
@Component
@Profile("!" + TwoListeners.PROFILE)
class Listener {
    private final Work work;

    Listener(Work work) {
        this.work = work;
    }

    @KafkaListener(topics = "#{'${app.topics}'.split(',')}", concurrency = "${app.concurrency}")
    void on(ConsumerRecord<String, String> record, Consumer<?, ?> consumer) throws InterruptedException {
        work.process(record, Member.of(consumer));
    }
}
