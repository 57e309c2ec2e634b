package dev.kohort.quarkus;

import org.apache.kafka.clients.consumer.Consumer;

/**
 * A consumer of this process, as a member of the group.
 *
 * @param instance its group.instance.id, empty for a dynamic member
 * @param generation the group's, as this member knows it; -1 outside the group
 */
record Member(String instance, int generation) {
    /** Asks a consumer, on its own thread. */
    static Member of(Consumer<?, ?> consumer) {
        var group = consumer.groupMetadata();
        return new Member(group.groupInstanceId().orElse(""), group.generationId());
    }
}
