package dev.kohort.quarkus;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

/**
 * The sample consumer as a Quarkus application. It writes the same journal as the one
 * in Go (examples/consumer); docs/clients.md says what to take from it.
 */
@QuarkusMain
public class Application {
    private static Settings settings;

    public static void main(String[] args) throws InterruptedException {
        try {
            settings = Settings.of(System.getenv());
        } catch (IllegalArgumentException e) {
            System.err.println("consumer: " + e.getMessage());
            System.exit(2);
        }
        Thread.sleep(settings.startDelayMs());
        Quarkus.run(args);
    }

    @Produces
    @Singleton
    Settings settings() {
        return settings;
    }
}
