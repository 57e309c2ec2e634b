package dev.kohort.consumer;

import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.springframework.boot.kafka.autoconfigure.DefaultKafkaConsumerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.core.env.Profiles;
import org.springframework.kafka.config.ContainerCustomizer;
import org.springframework.kafka.listener.ConcurrentMessageListenerContainer;

/** How the consumers are made, beyond application.yml. */
@Configuration
class Config {
    @Bean
    DefaultKafkaConsumerFactoryCustomizer journaled(Journal journal, Work work) {
        return factory -> factory.updateConfigs(Map.of(
                ConsumerConfig.INTERCEPTOR_CLASSES_CONFIG, JournalInterceptor.class.getName(),
                JournalInterceptor.JOURNAL, journal,
                JournalInterceptor.WORK, work));
    }

    @Bean
    ContainerCustomizer<Object, Object, ConcurrentMessageListenerContainer<Object, Object>> consumers(
            Settings settings, Environment environment) {
        boolean two = environment.acceptsProfiles(Profiles.of(TwoListeners.PROFILE));
        return container -> {
            // Two listeners give their consumers whole ids; nothing is to be added.
            container.setAlwaysClientIdSuffix(!two);
            if (settings.behaviour().equals(Settings.STALLED)) {
                // A member, with all its partitions paused.
                container.pause();
            }
        };
    }
}
