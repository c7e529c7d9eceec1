/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The one event loop of a process: sd-event behind a small face. Callbacks return 0, or a negative
 * errno, which ends the loop with that error: only for what the process cannot live without.
 */

#include <stdint.h>
#include <sys/types.h>

struct loop;
struct loop_source;

typedef int loop_fd_callback(void *userdata, uint32_t events); /* EPOLLIN, EPOLLOUT, ... */
typedef int loop_callback(void *userdata);
typedef int loop_child_callback(void *userdata, int status); /* as from waitpid */

/* Lower is sooner when several are ready. */
enum loop_priority {
	LOOP_PRIORITY_RING = -10,
	LOOP_PRIORITY_NORMAL = 0,
	LOOP_PRIORITY_CLIENT = 10
};

int loop_new(struct loop **ret_loop);
struct loop *loop_free(struct loop *loop);
void loop_freep(struct loop **loop);

/* Runs until loop_exit or a callback's error. Returns 0 or that error. */
int loop_run(struct loop *loop);
void loop_exit(struct loop *loop);
/* Tells systemd from now on that the loop turns, as often as it asks to be told (sd_watchdog_enabled(3)).
 * 0, also where nobody asks, or a negative errno. */
int loop_keep_alive(struct loop *loop);
/* One turn: what is ready, or what becomes ready within the time. 0 or a callback's error. */
int loop_step(struct loop *loop, uint64_t timeout_ns);

/* The fd stays the caller's and must outlive the source. */
int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_callback *callback,
	void *userdata, struct loop_source **ret_source);
/* Fires once at a CLOCK_MONOTONIC time; loop_source_set_time arms it again. */
int loop_add_timer(struct loop *loop, uint64_t time_ns, loop_callback *callback, void *userdata,
	struct loop_source **ret_source);
/* Blocks the signal in this process and calls back for each arrival. */
int loop_add_signal(struct loop *loop, int signal, loop_callback *callback, void *userdata,
	struct loop_source **ret_source);
/* SIGCHLD is blocked by it. The child is reaped. */
int loop_add_child(struct loop *loop, pid_t pid, loop_child_callback *callback, void *userdata,
	struct loop_source **ret_source);
/* Once, after the current callback has returned. */
int loop_add_deferred(struct loop *loop, loop_callback *callback, void *userdata,
	struct loop_source **ret_source);

int loop_source_set_events(struct loop_source *source, uint32_t events);
int loop_source_set_time(struct loop_source *source, uint64_t time_ns);
/* A timer may come that much late, so as to share a wake-up with another. */
int loop_source_set_slack(struct loop_source *source, uint64_t slack_ns);
int loop_source_set_priority(struct loop_source *source, int priority);
/* Detaches and frees it; may be called from its own callback. Takes NULL, returns NULL. */
struct loop_source *loop_source_free(struct loop_source *source);
