// SPDX-License-Identifier: Apache-2.0

// orders healthy|leaking PORT: database/sql on lib/pq with its defaults (no ceiling, two idle
// connections kept), under the load of apps/python/load.py. The leaking one does not close rows.
package main

import (
	"bufio"
	"database/sql"
	"fmt"
	"math"
	"math/rand"
	"os"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/lib/pq"
)

const (
	workers   = 6
	thinkMs   = 400.0 // mean; exponential, so that some wait long
	rush      = 8     // requests that come all at once
	rushEvery = 10    // seconds, to twice that
	leakEvery = 50    // requests; the others all give back what they borrow
)

type application struct {
	db       *sql.DB
	leaks    bool
	number   int64
	requests int64
	errors   int64

	mu     sync.Mutex
	dawn   *sync.Cond
	isDay  bool
	leaked []int
}

// One connection for all statements of a request, as a transaction has it.
func (app *application) request() error {
	isSlow := rand.Float64() < 0.01
	count := 1 + rand.Intn(3)
	if isSlow {
		count = 1
	}
	tx, err := app.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for i := 0; i < count; i++ {
		seconds := rand.Float64() * 0.015
		if isSlow {
			seconds = 0.5
		}
		if _, err := tx.Exec("SELECT pg_sleep($1)", seconds); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// The fault: an early return out of the loop, and no rows.Close().
func (app *application) failingRequest() error {
	rows, err := app.db.Query("SELECT inet_client_port() FROM generate_series(1, 3)")
	if err != nil {
		return err
	}
	for rows.Next() {
		var port int
		if err := rows.Scan(&port); err != nil {
			return err
		}
		app.mu.Lock()
		app.leaked = append(app.leaked, port)
		app.mu.Unlock()
		return nil
	}
	return rows.Err()
}

func (app *application) serveOne() {
	var err error
	if app.leaks && atomic.AddInt64(&app.number, 1)%leakEvery == 0 {
		err = app.failingRequest()
	} else {
		err = app.request()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		atomic.AddInt64(&app.errors, 1)
		return
	}
	atomic.AddInt64(&app.requests, 1)
}

func (app *application) awaitDay() {
	app.mu.Lock()
	for !app.isDay {
		app.dawn.Wait()
	}
	app.mu.Unlock()
}

func (app *application) setDay(isDay bool) {
	app.mu.Lock()
	app.isDay = isDay
	app.mu.Unlock()
	app.dawn.Broadcast()
}

func (app *application) worker() {
	for {
		think := math.Min(3000, 20+rand.ExpFloat64()*thinkMs)
		time.Sleep(time.Duration(think) * time.Millisecond)
		app.awaitDay()
		app.serveOne()
	}
}

func (app *application) runRushes() {
	for {
		time.Sleep(time.Duration(1000*(rushEvery+rand.Float64()*rushEvery)) * time.Millisecond)
		app.awaitDay()
		for i := 0; i < rush; i++ {
			go app.serveOne()
		}
	}
}

func (app *application) answer(command string) string {
	switch command {
	case "day", "night":
		app.setDay(command == "day")
		return "ok"
	case "leaked":
		app.mu.Lock()
		defer app.mu.Unlock()
		line := "ok"
		for _, port := range app.leaked {
			line += fmt.Sprint(" ", port)
		}
		return line
	case "stop":
		return fmt.Sprint("ok ", atomic.LoadInt64(&app.requests), " ", atomic.LoadInt64(&app.errors))
	}
	return "error no such command: " + command
}

func main() {
	mode, port := os.Args[1], os.Args[2]
	dsn := "host=127.0.0.1 port=" + port + " user=postgres dbname=postgres sslmode=disable"
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	app := &application{db: db, leaks: mode == "leaking"}
	app.dawn = sync.NewCond(&app.mu)
	rand.Seed(time.Now().UnixNano())
	for i := 0; i < workers; i++ {
		go app.worker()
	}
	go app.runRushes()
	fmt.Println("ready", os.Getpid())
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		fmt.Println(app.answer(commands.Text()))
	}
}
