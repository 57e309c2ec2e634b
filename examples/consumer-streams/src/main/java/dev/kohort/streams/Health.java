package dev.kohort.streams;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;
import java.util.function.BooleanSupplier;

/** Answers the kubelet's probes: /healthz, and /ready once the threads are members. */
class Health {
    private Health() {}

    static void serve(int port, BooleanSupplier ready) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
        server.setExecutor(Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, "health");
            thread.setDaemon(true);
            return thread;
        }));
        server.createContext("/healthz", exchange -> answer(exchange, true));
        server.createContext("/ready", exchange -> answer(exchange, ready.getAsBoolean()));
        server.start();
    }

    private static void answer(HttpExchange exchange, boolean good) throws IOException {
        exchange.sendResponseHeaders(good ? 200 : 503, -1);
        exchange.close();
    }
}
