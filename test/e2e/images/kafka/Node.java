import java.io.IOException;

/** Starts a Kafka node from a properties file, with its storage formatted before. */
class Node {
    /** Any 16 bytes in base64: a cluster of tests has no other beside it. */
    private static final String CLUSTER = "kohorte2e0000000000000";

    public static void main(String[] args) throws IOException {
        if (args.length != 1) {
            System.err.println("usage: Node FILE.properties");
            System.exit(2);
        }
        // Storage that has been formatted stays as it is.
        String[] format = {"format", "--ignore-formatted", "-t", CLUSTER, "-c", args[0]};
        int status = kafka.tools.StorageTool.execute(format, System.out);
        if (status != 0) {
            System.exit(status);
        }
        kafka.Kafka.main(args);
    }
}
