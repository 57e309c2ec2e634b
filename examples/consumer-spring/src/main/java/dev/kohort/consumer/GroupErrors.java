package dev.kohort.consumer;

import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.errors.GroupMaxSizeReachedException;
import org.apache.kafka.common.errors.InconsistentGroupProtocolException;
import org.apache.kafka.common.errors.InvalidGroupIdException;
import org.apache.kafka.common.errors.InvalidSessionTimeoutException;
import org.apache.kafka.common.errors.UnreleasedInstanceIdException;
import org.springframework.kafka.listener.DefaultErrorHandler;
import org.springframework.kafka.listener.MessageListenerContainer;
import org.springframework.stereotype.Component;

/**
 * Spring's own handling of errors, but for those by which a group refuses a
 * member: no retry heals them, and Spring would retry without a pause.
 */
@Component
class GroupErrors extends DefaultErrorHandler {
    private static final Set<Class<?>> FATAL = Set.of(GroupMaxSizeReachedException.class,
            InconsistentGroupProtocolException.class, InvalidGroupIdException.class,
            InvalidSessionTimeoutException.class, UnreleasedInstanceIdException.class);

    private final Endings endings;

    GroupErrors(Endings endings) {
        this.endings = endings;
    }

    @Override
    public void handleOtherException(Exception thrown, Consumer<?, ?> consumer, MessageListenerContainer container,
            boolean batchListener) {
        if (!FATAL.contains(thrown.getClass())) {
            super.handleOtherException(thrown, consumer, container, batchListener);
            return;
        }
        endings.fail("the group refuses the consumer: " + thrown.getMessage());
        container.stop(() -> {});
    }
}
