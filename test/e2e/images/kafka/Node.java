import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;

/**
 * Starts a Kafka node that is configured by variables, as Apache's image is: KAFKA_LOG_DIRS is
 * log.dirs, two underscores stand for one, three for a hyphen. Its storage is formatted before.
 */
class Node {
    public static void main(String[] args) throws IOException {
        Path file = Files.createTempFile("server", ".properties");
        try (var out = Files.newBufferedWriter(file)) {
            properties(System.getenv()).store(out, null);
        }
        // Storage that has been formatted stays as it is.
        String[] format = {"format", "--ignore-formatted", "-t", System.getenv("CLUSTER_ID"), "-c", file.toString()};
        int status = kafka.tools.StorageTool.execute(format, System.out);
        if (status != 0) {
            System.exit(status);
        }
        kafka.Kafka.main(new String[] {file.toString()});
    }

    private static Properties properties(Map<String, String> env) {
        var properties = new Properties();
        env.forEach((name, value) -> {
            if (name.startsWith("KAFKA_") && !name.equals("KAFKA_HEAP_OPTS")) {
                String key = name.substring("KAFKA_".length()).toLowerCase();
                properties.setProperty(key.replace("___", "-").replace("__", "%").replace('_', '.').replace('%', '_'), value);
            }
        });
        return properties;
    }
}
