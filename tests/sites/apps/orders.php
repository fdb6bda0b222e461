<?php
// SPDX-License-Identifier: Apache-2.0
// orders.php PORT: the connection is kept, and stays open until the process ends.
class OrderRepo
{
	public $connection;

	function __construct(int $port)
	{
		$this->connection = pg_connect("host=127.0.0.1 port=$port user=postgres dbname=postgres");
	}

	function save()
	{
		pg_query($this->connection, "SELECT 1");
	}
}

function handle_request(int $port)
{
	$repo = new OrderRepo($port);
	$repo->save();
	return $repo;
}

usleep(max(6, (int)getenv("CONNLEAK_PATIENCE")) * 100000);
$forgotten = handle_request((int)$argv[1]);
usleep(max(6, (int)getenv("CONNLEAK_PATIENCE")) * 100000);
posix_kill(posix_getpid(), 9);
