// SPDX-License-Identifier: GPL-2.0-or-later

// A client that is not ours: varlink-go, with code generated from the interface as the daemon itself
// describes it. Usage: client SOCKET PID [INTERFACE-FILE-TO-COMPARE]
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/varlink/go/varlink"

	profiler "orgperfctlprofiler"
)

func fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

func check(what string, err error) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

// Who is it, and does it describe itself as the file does?
func service(ctx context.Context, c *varlink.Connection, file string) {
	var vendor, product, version, url string
	var interfaces []string

	check("GetInfo", c.GetInfo(ctx, &vendor, &product, &version, &url, &interfaces))
	if product != "perfd" || version == "" {
		fail("GetInfo: product %q, version %q", product, version)
	}
	for _, name := range []string{"org.varlink.service", "org.perfctl.profiler"} {
		if !strings.Contains(" "+strings.Join(interfaces, " ")+" ", " "+name+" ") {
			fail("GetInfo: no %s in %v", name, interfaces)
		}
		description, err := c.GetInterfaceDescription(ctx, name)
		check("GetInterfaceDescription", err)
		if !strings.Contains(description, "interface "+name+"\n") {
			fail("the description of %s is of something else", name)
		}
		if text, err := os.ReadFile(file); name == "org.perfctl.profiler" && err == nil &&
			string(text) != description {
			fail("the description differs from %s", file)
		}
	}
}

// Errors arrive as the types of the interface.
func typedErrors(ctx context.Context, c *varlink.Connection) {
	_, err := profiler.Stop().Call(ctx, c, "no such recording")
	var missing *profiler.NoSuchRecording
	if !errors.As(err, &missing) || missing.Recording != "no such recording" {
		fail("Stop of nothing: %T %v", err, err)
	}
	_, err = profiler.GetProfile().Call(ctx, c, "x")
	if err == nil || err.Error() != "org.varlink.service.ExpectedMore" {
		fail("GetProfile without more: %T %v", err, err)
	}
	var invalid *varlink.InvalidParameter
	err = c.Call(ctx, "org.perfctl.profiler.GetStatus", map[string]int{"nonsense": 1}, nil)
	if !errors.As(err, &invalid) || invalid.Parameter != "nonsense" {
		fail("GetStatus with nonsense: %T %v", err, err)
	}
}

// Records for a second and a half, and gives the profile's id.
func record(ctx context.Context, c *varlink.Connection, pid int64) string {
	duration := int64(1500)
	target := profiler.Target{Pids: &[]int64{pid}}
	receive, err := profiler.Record().Send(ctx, c, varlink.More, target, nil, nil, &duration, nil,
		nil, nil, nil, nil, nil)
	check("Record", err)
	for n := 0; ; n++ {
		state, id, profile, _, samples, _, _, _, ledger, flags, err := receive(ctx)
		check("Record", err)
		if flags&varlink.Continues != 0 {
			if id == "" || state == "finished" {
				fail("progress of %q in state %q", id, state)
			}
			continue
		}
		if n == 0 {
			fail("Record: no progress")
		}
		if state != "finished" || profile == nil || ledger == nil || samples == nil {
			fail("Record ended in state %q without its profile or ledger", state)
		}
		lost := int64(0)
		for _, count := range ledger.Lost {
			lost += count.Count
		}
		if ledger.Taken != ledger.Kept+lost+ledger.NotPermitted {
			fail("the ledger does not add up: %+v", *ledger)
		}
		return *profile
	}
}

// The folded stacks, all pieces of them.
func folded(ctx context.Context, c *varlink.Connection, profile string) string {
	var text strings.Builder

	receive, err := profiler.GetFolded().Send(ctx, c, varlink.More, profile)
	check("GetFolded", err)
	for {
		piece, flags, err := receive(ctx)
		check("GetFolded", err)
		text.WriteString(piece)
		if flags&varlink.Continues == 0 {
			return text.String()
		}
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()

	if len(os.Args) < 3 {
		fail("usage: client SOCKET PID [FILE]")
	}
	pid, err := strconv.ParseInt(os.Args[2], 10, 64)
	check("PID", err)
	c, err := varlink.NewConnection(ctx, "unix:"+os.Args[1])
	check("connecting", err)
	defer c.Close()

	service(ctx, c, strings.Join(os.Args[3:], ""))
	typedErrors(ctx, c)
	var status struct {
		Version string  `json:"version"`
		Event   string  `json:"event"`
		Clients float64 `json:"clients"`
	}
	check("GetStatus", c.Call(ctx, "org.perfctl.profiler.GetStatus", nil, &status))
	if status.Version == "" || status.Event == "" || status.Clients < 1 {
		fail("GetStatus: %+v", status)
	}
	profile := record(ctx, c, pid)
	samples, hotspots, _, err := profiler.GetHotspots().Call(ctx, c, profile, nil, nil, nil)
	check("GetHotspots", err)
	text := folded(ctx, c, profile)
	if samples > 0 && (len(hotspots) == 0 || !strings.HasSuffix(text, "\n")) {
		fail("%d samples, but %d hotspots and %q", samples, len(hotspots), text)
	}
	fmt.Printf("%d samples, %d hotspots, %d lines of folded stacks\n", samples, len(hotspots),
		strings.Count(text, "\n"))
}
