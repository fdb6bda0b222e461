<?php
// SPDX-License-Identifier: Apache-2.0
// fpm.php?port=PORT: a request that keeps a persistent connection under a name of its own, which the
// worker has open from then on. Answers with the worker's pid.
class OrderRepo
{
	public $connection;

	function __construct(int $port)
	{
		$this->connection = pg_pconnect(
			"host=127.0.0.1 port=$port user=postgres dbname=postgres application_name=" . uniqid()
		);
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
}

usleep(max(6, (int)getenv("CONNLEAK_PATIENCE")) * 100000);
handle_request((int)$_GET["port"]);
usleep(max(6, (int)getenv("CONNLEAK_PATIENCE")) * 100000);
echo getmypid();
