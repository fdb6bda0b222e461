// SPDX-License-Identifier: Apache-2.0
//
// Orders PORT [perfmap]: HikariCP; a statement fails and its connection is not closed. With perfmap
// the virtual machine has written a map of its code before, as it does at jcmd's request.

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.SQLException;

public class Orders {
	static HikariDataSource pool;

	static void saveOrder(String query) throws SQLException {
		Connection connection = pool.getConnection();

		connection.createStatement().execute(query);
		connection.close(); // not reached after an exception
	}

	public static void main(String[] arguments) throws Exception {
		HikariConfig config = new HikariConfig();

		config.setJdbcUrl("jdbc:postgresql://127.0.0.1:" + arguments[0] + "/postgres?sslmode=disable");
		config.setUsername("postgres");
		config.setMaximumPoolSize(2);
		pool = new HikariDataSource(config);
		if (arguments.length > 1) {
			saveOrder("SELECT 1");
			String pid = Long.toString(ProcessHandle.current().pid());
			new ProcessBuilder("jcmd", pid, "Compiler.perfmap").start().waitFor();
		}
		Thread worker = new Thread(() -> {
			try {
				saveOrder("SELECT no_such_column");
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
