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
        // A start that takes longer than the JVM and Spring alone.
        Thread.sleep(Long.parseLong(System.getenv().getOrDefault("START_DELAY_MS", "0")));
        SpringApplication.run(Application.class, args);
    }
}
