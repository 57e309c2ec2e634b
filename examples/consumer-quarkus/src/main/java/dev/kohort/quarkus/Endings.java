package dev.kohort.quarkus;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.mutiny.Multi;
import io.smallrye.reactive.messaging.PublisherDecorator;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.context.BeforeDestroyed;
import jakarta.enterprise.event.Observes;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.microprofile.reactive.messaging.Message;

/**
 * Ends the process when a channel cannot go on: Quarkus would, alive and useless. An
 * operator can only act on a process that ends.
 */
@ApplicationScoped
class Endings implements PublisherDecorator {
    private final Journal journal;
    private final Settings settings;
    private final AtomicBoolean failed = new AtomicBoolean();
    private volatile boolean begun;

    Endings(Journal journal, Settings settings) {
        this.journal = journal;
        this.settings = settings;
    }

    /** A channel whose consumer was fenced or not let in fails, unless it is to retry. */
    @Override
    public Multi<? extends Message<?>> decorate(Multi<? extends Message<?>> publisher, List<String> channels, boolean isConnector) {
        return isConnector ? publisher.onFailure().invoke(error -> fail("channel " + channels + " has failed: " + error)) : publisher;
    }

    void started(@Observes StartupEvent event) {
        if (settings.behaviour().equals(Settings.CRASH)) {
            fail("crash, as BEHAVIOUR asks for");
        }
    }

    /** Says whether the process is about to end. */
    boolean begun() {
        return begun;
    }

    /** Ends the process with 1. */
    private void fail(String error) {
        // On the way out a channel fails since its consumer is closed.
        if (begun || !failed.compareAndSet(false, true)) {
            return;
        }
        journal.write("failed", Map.of("error", error));
        System.err.println("consumer: " + error);
        Quarkus.asyncExit(1);
    }

    void begin(@Observes ShutdownEvent event) {
        begun = true;
    }

    /** The connector has committed and closed its consumers before: its priority is 50. */
    void stopped(@Observes @Priority(100) @BeforeDestroyed(ApplicationScoped.class) Object event) {
        if (!failed.get()) {
            journal.write("stopped", Map.of());
        }
    }
}
