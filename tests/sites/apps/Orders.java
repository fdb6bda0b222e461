// SPDX-License-Identifier: Apache-2.0
//
// Orders PORT: HikariCP; a statement fails and its connection is not closed. Its own perf map is
// written at the end of the warm-up, as a profiler's agent would.

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.SQLException;

public class Orders {
	static HikariDataSource pool;

	static void saveOrder() throws SQLException {
		Connection connection = pool.getConnection();

		connection.createStatement().execute("SELECT no_such_column");
		connection.close(); // not reached
	}

	public static void main(String[] arguments) throws Exception {
		HikariConfig config = new HikariConfig();

		config.setJdbcUrl("jdbc:postgresql://127.0.0.1:" + arguments[0] + "/postgres?sslmode=disable");
		config.setUsername("postgres");
		config.setMaximumPoolSize(2);
		pool = new HikariDataSource(config);
		Thread worker = new Thread(() -> {
			try {
				saveOrder();
			} catch (SQLException expected) {
				// and the connection is forgotten
			}
		}, "order-worker-3");
		worker.start();
		worker.join();
		Thread.sleep(700);
		Runtime.getRuntime().halt(0);
	}
}
