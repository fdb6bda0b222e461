<?php
// SPDX-License-Identifier: Apache-2.0
// orders.php PORT: a persistent connection stays open until the process ends.
function save_order(int $port)
{
	$connection = pg_connect("host=127.0.0.1 port=$port user=postgres dbname=postgres");
	pg_query($connection, "SELECT 1");
	return $connection;
}

$forgotten = save_order((int)$argv[1]);
usleep(500000);
posix_kill(posix_getpid(), 9);
