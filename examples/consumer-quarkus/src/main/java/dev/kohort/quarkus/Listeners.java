package dev.kohort.quarkus;

import io.smallrye.common.annotation.Blocking;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Singleton;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.eclipse.microprofile.reactive.messaging.Incoming;

/**
 * What is done with a record of each channel. The second is off unless a profile says
 * otherwise.
 *
 * The connector hands out more records than are in work, and when it is to end it does
 * not wait for all of them: one that is begun then is processed again by the successor.
 * So none is, and what was not processed is never acknowledged.
 */
@Singleton
class Listeners {
    private final Work work;
    private final Endings endings;

    Listeners(Work work, Endings endings) {
        this.work = work;
        this.endings = endings;
    }

    @Incoming("first")
    @Blocking
    Uni<Void> first(ConsumerRecord<byte[], byte[]> record) throws InterruptedException {
        return on(record);
    }

    @Incoming("second")
    @Blocking
    Uni<Void> second(ConsumerRecord<byte[], byte[]> record) throws InterruptedException {
        return on(record);
    }

    private Uni<Void> on(ConsumerRecord<byte[], byte[]> record) throws InterruptedException {
        if (endings.begun()) {
            return Uni.createFrom().nothing();
        }
        work.process(record);
        return Uni.createFrom().voidItem();
    }
}
