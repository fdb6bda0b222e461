// SPDX-License-Identifier: Apache-2.0
//
// HikariApp healthy|leaking|exhausting PORT: HikariCP on PostgreSQL's driver, under the load of
// apps/python/load.py. By default the pool has ten connections and never fewer or more: the
// exhausting one leaks out of these, the leaking one may grow.

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

public class HikariApp {
	static final int WORKERS = 6;
	static final double THINK_MS = 400; // mean; exponential, so that some wait long
	static final int RUSH = 8; // requests that come all at once
	static final int RUSH_EVERY_MS = 10000; // to twice that
	static final int LEAK_EVERY = 50; // requests; the others all give back what they borrow
	// A pool that is empty half a minute after its start has shown no habits to be told from.
	static final int LEAK_EVERY_OF_FEW = 200;

	interface Task {
		void run() throws Exception;
	}

	final HikariConfig config = new HikariConfig();
	final boolean leaks;
	final int leakEvery;
	final Queue<Integer> leaked = new ConcurrentLinkedQueue<>();
	final AtomicInteger number = new AtomicInteger();
	final AtomicInteger requests = new AtomicInteger();
	final AtomicInteger errors = new AtomicInteger();
	final Semaphore rush = new Semaphore(0);
	final Object dawn = new Object();
	boolean isDay;
	HikariDataSource pool;

	HikariApp(String mode, String port) {
		config.setJdbcUrl("jdbc:postgresql://127.0.0.1:" + port + "/postgres?sslmode=disable");
		config.setUsername("postgres");
		leaks = !mode.equals("healthy");
		leakEvery = mode.equals("exhausting") ? LEAK_EVERY_OF_FEW : LEAK_EVERY;
		if (mode.equals("leaking")) {
			config.setMinimumIdle(2);
			config.setMaximumPoolSize(100);
		}
	}

	void request() throws SQLException {
		ThreadLocalRandom random = ThreadLocalRandom.current();
		boolean isSlow = random.nextDouble() < 0.01;
		int count = isSlow ? 1 : random.nextInt(1, 4);

		try (Connection connection = pool.getConnection();
		     PreparedStatement query = connection.prepareStatement("SELECT pg_sleep(?)")) {
			for (int i = 0; i < count; i++) {
				query.setDouble(1, isSlow ? 0.5 : random.nextDouble(0.015));
				query.execute();
			}
		}
	}

	// The fault: no finally, and an error between getConnection() and close().
	int failingRequest() throws SQLException {
		Connection connection = pool.getConnection();
		ResultSet row = connection.createStatement().executeQuery("SELECT inet_client_port()");

		row.next();
		return row.getInt(1);
	}

	void serveOne() {
		try {
			if (leaks && number.incrementAndGet() % leakEvery == 0)
				leaked.add(failingRequest());
			else
				request();
			requests.incrementAndGet();
		} catch (SQLException error) {
			errors.incrementAndGet();
		}
	}

	void awaitDay() throws InterruptedException {
		synchronized (dawn) {
			while (!isDay)
				dawn.wait();
		}
	}

	void setDay(boolean day) {
		if (day && pool == null)
			pool = new HikariDataSource(config); // connects
		synchronized (dawn) {
			isDay = day;
			dawn.notifyAll();
		}
	}

	void worker() throws InterruptedException {
		while (true) {
			double think = -THINK_MS * Math.log(1 - ThreadLocalRandom.current().nextDouble());

			Thread.sleep((long) Math.min(3000, 20 + think));
			awaitDay();
			serveOne();
		}
	}

	void rusher() throws InterruptedException {
		while (true) {
			rush.acquire();
			serveOne();
		}
	}

	void runRushes() throws InterruptedException {
		while (true) {
			Thread.sleep(RUSH_EVERY_MS + ThreadLocalRandom.current().nextInt(RUSH_EVERY_MS));
			awaitDay();
			rush.release(RUSH);
		}
	}

	static void start(int count, Task task) {
		for (int i = 0; i < count; i++) {
			Thread thread = new Thread(() -> {
				try {
					task.run();
				} catch (Exception error) {
					error.printStackTrace();
				}
			});

			thread.setDaemon(true);
			thread.start();
		}
	}

	String answer(String command) {
		switch (command) {
		case "day":
		case "night":
			setDay(command.equals("day"));
			return "ok";
		case "leaked":
			return leaked.stream().map(port -> " " + port).collect(Collectors.joining("", "ok", ""));
		case "stop":
			return "ok " + requests + " " + errors;
		default:
			return "error no such command: " + command;
		}
	}

	public static void main(String[] arguments) throws Exception {
		HikariApp app = new HikariApp(arguments[0], arguments[1]);
		BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));

		start(WORKERS, app::worker);
		start(RUSH, app::rusher);
		start(1, app::runRushes);
		System.out.println("ready " + ProcessHandle.current().pid());
		for (String line = commands.readLine(); line != null; line = commands.readLine())
			System.out.println(app.answer(line.trim()));
		System.exit(0); // the workers are not waited for
	}
}
