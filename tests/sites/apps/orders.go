// SPDX-License-Identifier: Apache-2.0

// orders PORT: database/sql on lib/pq; rows are not closed.
package main

import (
	"database/sql"
	"fmt"
	"os"
	"time"

	_ "github.com/lib/pq"
)

//go:noinline
func leakRows(db *sql.DB) int {
	rows, err := db.Query("SELECT generate_series(1, 3)")
	if err != nil {
		panic(err)
	}
	var number int
	rows.Next()
	if err := rows.Scan(&number); err != nil {
		panic(err)
	}
	return number
}

func main() {
	db, err := sql.Open("postgres", fmt.Sprintf("postgres://postgres@127.0.0.1:%s/postgres?sslmode=disable", os.Args[1]))
	if err != nil {
		panic(err)
	}
	leakRows(db)
	time.Sleep(500 * time.Millisecond)
	os.Exit(0)
}
