// SPDX-License-Identifier: GPL-2.0-or-later

// JSON, compression, hashes, regular expressions, and a collector that is kept busy, in three
// goroutines on two threads.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"sort"
	"time"
)

type record struct {
	Name   string
	Values []int
	Next   *record
}

func build(depth int) *record {
	if depth == 0 {
		return nil
	}
	values := make([]int, 100)
	for i := range values {
		values[i] = (i * 7919) % 1009
	}
	sort.Ints(values)
	return &record{fmt.Sprint("record ", depth), values, build(depth - 1)}
}

func work(out chan<- int) {
	pattern := regexp.MustCompile(`record (\d+)`)
	for {
		text, err := json.Marshal(build(20))
		if err != nil {
			panic(err)
		}
		var back record
		if err := json.Unmarshal(text, &back); err != nil {
			panic(err)
		}
		var packed bytes.Buffer
		writer := gzip.NewWriter(&packed)
		writer.Write(text)
		writer.Close()
		sum := sha256.Sum256(packed.Bytes())
		// On the stack of the runtime, into the vdso.
		for i := 0; i < 1000; i++ {
			sum[1] ^= byte(time.Now().Nanosecond())
		}
		out <- len(pattern.FindAll(text, -1)) + int(sum[0]^sum[1])
	}
}

func main() {
	runtime.GOMAXPROCS(2)
	results := make(chan int)
	for i := 0; i < 3; i++ {
		go work(results)
	}
	total := 0
	for r := range results {
		total += r
	}
}
