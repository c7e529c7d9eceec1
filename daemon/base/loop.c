/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * sd-event behind a small face: one trampoline per kind of source. A source that is freed inside
 * its own callback lives until the callback has returned, since sd-event holds a reference.
 */

#include "daemon/base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <systemd/sd-event.h>

#include "proto/base/cleanup.h"
#include "proto/base/time.h"

struct loop {
	sd_event *event;
};

struct loop_source {
	sd_event_source *source;
	union {
		loop_fd_callback *on_fd;
		loop_callback *on_event;
		loop_child_callback *on_child;
	};
	void *userdata;
};

int loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop)
		return -ENOMEM;
	r = sd_event_new(&loop->event);
	if (r < 0) {
		free(loop);
		return r;
	}
	*ret_loop = loop;
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	sd_event_unref(loop->event);
	free(loop);
	return NULL;
}

void loop_freep(struct loop **loop)
{
	loop_free(*loop);
}

int loop_run(struct loop *loop)
{
	int r = sd_event_loop(loop->event);

	return r < 0 ? r : 0;
}

int loop_keep_alive(struct loop *loop)
{
	int r = sd_event_set_watchdog(loop->event, true);

	return r < 0 ? r : 0;
}

int loop_step(struct loop *loop, uint64_t timeout_ns)
{
	int r = sd_event_run(loop->event, timeout_ns / NS_PER_US);

	return r < 0 ? r : 0;
}

void loop_exit(struct loop *loop)
{
	sd_event_exit(loop->event, 0);
}

/* A callback's error leaves the loop; sd-event itself would only disable the source. */
static int result(sd_event_source *source, int r)
{
	if (r < 0)
		sd_event_exit(sd_event_source_get_event(source), r);
	return 0;
}

static int on_fd(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct loop_source *s = userdata;

	return result(source, s->on_fd(s->userdata, events));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct loop_source *s = userdata;

	return result(source, s->on_event(s->userdata));
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct loop_source *s = userdata;

	return result(source, s->on_event(s->userdata));
}

static int on_deferred(sd_event_source *source, void *userdata)
{
	struct loop_source *s = userdata;

	return result(source, s->on_event(s->userdata));
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct loop_source *s = userdata;
	int status = info->si_code == CLD_EXITED ? info->si_status << 8 : info->si_status & 0x7f;

	return result(source, s->on_child(s->userdata, status));
}

static struct loop_source *source_new(void *userdata)
{
	struct loop_source *s = calloc(1, sizeof(*s));

	if (s)
		s->userdata = userdata;
	return s;
}

/* Gives the new source out if sd-event took it. */
static int source_finish(int r, struct loop_source *s, struct loop_source **ret_source)
{
	if (r < 0) {
		free(s);
		return r;
	}
	*ret_source = s;
	return 0;
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_callback *callback,
	void *userdata, struct loop_source **ret_source)
{
	struct loop_source *s = source_new(userdata);

	if (!s)
		return -ENOMEM;
	s->on_fd = callback;
	return source_finish(
		sd_event_add_io(loop->event, &s->source, fd, events, on_fd, s), s, ret_source);
}

int loop_add_timer(struct loop *loop, uint64_t time_ns, loop_callback *callback, void *userdata,
	struct loop_source **ret_source)
{
	struct loop_source *s = source_new(userdata);

	if (!s)
		return -ENOMEM;
	s->on_event = callback;
	return source_finish(sd_event_add_time(loop->event, &s->source, CLOCK_MONOTONIC,
				     time_ns / NS_PER_US, 1, on_timer, s),
		s, ret_source);
}

int loop_add_signal(struct loop *loop, int signal, loop_callback *callback, void *userdata,
	struct loop_source **ret_source)
{
	struct loop_source *s = source_new(userdata);
	sigset_t set;

	if (!s)
		return -ENOMEM;
	s->on_event = callback;
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return source_finish(
		sd_event_add_signal(loop->event, &s->source, signal, on_signal, s), s, ret_source);
}

int loop_add_child(struct loop *loop, pid_t pid, loop_child_callback *callback, void *userdata,
	struct loop_source **ret_source)
{
	struct loop_source *s = source_new(userdata);
	sigset_t set;

	if (!s)
		return -ENOMEM;
	s->on_child = callback;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return source_finish(sd_event_add_child(loop->event, &s->source, pid, WEXITED, on_child, s),
		s, ret_source);
}

int loop_add_deferred(
	struct loop *loop, loop_callback *callback, void *userdata, struct loop_source **ret_source)
{
	struct loop_source *s = source_new(userdata);

	if (!s)
		return -ENOMEM;
	s->on_event = callback;
	return source_finish(
		sd_event_add_defer(loop->event, &s->source, on_deferred, s), s, ret_source);
}

int loop_source_set_events(struct loop_source *source, uint32_t events)
{
	return sd_event_source_set_io_events(source->source, events);
}

int loop_source_set_time(struct loop_source *source, uint64_t time_ns)
{
	int r = sd_event_source_set_time(source->source, time_ns / NS_PER_US);

	if (r < 0)
		return r;
	return sd_event_source_set_enabled(source->source, SD_EVENT_ONESHOT);
}

int loop_source_set_slack(struct loop_source *source, uint64_t slack_ns)
{
	return sd_event_source_set_time_accuracy(source->source, slack_ns / NS_PER_US);
}

int loop_source_set_priority(struct loop_source *source, int priority)
{
	return sd_event_source_set_priority(source->source, priority);
}

struct loop_source *loop_source_free(struct loop_source *source)
{
	if (!source)
		return NULL;
	sd_event_source_disable_unref(source->source);
	free(source);
	return NULL;
}
