package dev.kohort.consumer;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.EnableConfigurationProperties;

/**
 * The sample consumer as a Spring Boot application. It writes the same journal as
 * the one in Go (examples/consumer); docs/clients.md says what to take from it.
 */
@SpringBootApplication
@EnableConfigurationProperties(Settings.class)
public class Application {
    public static void main(String[] args) throws InterruptedException {
        Thread.sleep(startDelayMs());
        SpringApplication.run(Application.class, args);
    }

    /** How much longer the start takes than that of the JVM and of Spring. */
    private static long startDelayMs() {
        String text = System.getenv().getOrDefault("START_DELAY_MS", "0");
        if (!text.matches("[0-9]{1,9}")) {
            System.err.println("consumer: START_DELAY_MS is \"" + text + "\": it must be a number from 0 to 999999999");
            System.exit(2);
        }
        return Long.parseLong(text);
    }
}
