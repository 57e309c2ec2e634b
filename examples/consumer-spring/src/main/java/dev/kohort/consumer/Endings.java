package dev.kohort.consumer;

import jakarta.annotation.PreDestroy;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.event.EventListener;
import org.springframework.kafka.event.ConsumerStoppedEvent;
import org.springframework.stereotype.Component;

/**
 * Ends the process when a consumer of it cannot go on: Spring would, alive and
 * useless. An operator can only act on a process that ends.
 */
@Component
class Endings {
    private final Journal journal;
    private final Settings settings;
    private final ConfigurableApplicationContext application;
    private final AtomicBoolean failed = new AtomicBoolean();

    Endings(Journal journal, Settings settings, ConfigurableApplicationContext application) {
        this.journal = journal;
        this.settings = settings;
        this.application = application;
    }

    /** A consumer that was fenced or not let in has stopped. */
    @EventListener
    void on(ConsumerStoppedEvent event) {
        if (event.getReason() != ConsumerStoppedEvent.Reason.NORMAL) {
            fail("a consumer has stopped: " + event.getReason());
        }
    }

    @EventListener
    void on(ApplicationReadyEvent event) {
        if (settings.behaviour().equals(Settings.CRASH)) {
            fail("crash, as BEHAVIOUR asks for");
        }
    }

    /** Ends the process with 1. */
    void fail(String error) {
        if (!failed.compareAndSet(false, true)) {
            return;
        }
        journal.write("failed", Map.of("error", error));
        System.err.println("consumer: " + error);
        // Not on this thread: the end waits for the consumers' threads.
        new Thread(() -> System.exit(SpringApplication.exit(application, () -> 1)), "end").start();
    }

    @PreDestroy
    void stopped() {
        if (!failed.get()) {
            journal.write("stopped", Map.of());
        }
    }
}
