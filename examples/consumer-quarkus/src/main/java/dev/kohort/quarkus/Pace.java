package dev.kohort.quarkus;

/** Spreads the records of all consumers of this process evenly over time. */
class Pace {
    /** How much lost time is made good for, so that late timers do not lower the rate. */
    private static final long CATCH_UP_NANOS = 50_000_000;

    private final long intervalNanos;
    private long due = System.nanoTime();

    Pace(double perSecond) {
        intervalNanos = perSecond == 0 ? 0 : (long) (1e9 / perSecond);
    }

    /** Waits until the next record is due. */
    void await() throws InterruptedException {
        long wait;
        synchronized (this) {
            long now = System.nanoTime();
            due = Math.max(due, now - CATCH_UP_NANOS);
            wait = due - now;
            due += intervalNanos;
        }
        if (intervalNanos > 0 && wait > 0) {
            Thread.sleep(wait / 1_000_000, (int) (wait % 1_000_000));
        }
    }
}
