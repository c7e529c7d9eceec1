// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The long call is Record, on the first connection; its progress comes every second or two. A signal does
 * not end that call but sends Stop on the second connection: so what was taken is kept, and the
 * last reply of the first names the profile. A second Ctrl-C gives up.
 *
 * With a workload: its child is released when the first progress has come, for then its pid is
 * being watched, and the recording is stopped when it has ended. A signal that the terminal did not
 * send to the child is passed on to it.
 */

#include "cli/recording.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/terminal.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define INTERFACE "org.perfctl.profiler."
#define PATIENCE_INTERRUPTS 2
/* timeout(1) sends its signal to its child and to the group that its child is in: that is one wish. */
#define SAME_WISH_NS (NS_PER_SECOND / 2)

/* What the callbacks end a call with. */
enum { CALL_ABORTED = 1, CALL_MALFORMED };

int recording_open_signals(sigset_t *ret_mask)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, ret_mask) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int recording_delay(int signal_fd, uint64_t delay_ns)
{
	uint64_t now = time_now_ns(CLOCK_MONOTONIC), end = now + delay_ns;
	struct pollfd wait = {.fd = signal_fd, .events = POLLIN};
	struct signalfd_siginfo info;

	for (; now < end; now = time_now_ns(CLOCK_MONOTONIC)) {
		struct timespec rest = {.tv_sec = (time_t)((end - now) / NS_PER_SECOND),
			.tv_nsec = (long)((end - now) % NS_PER_SECOND)};

		terminal_progress("recording begins in %.0f s", (double)(end - now) / 1e9);
		if (rest.tv_sec > 0)
			rest = (struct timespec){.tv_sec = 1};
		if (ppoll(&wait, 1, &rest, NULL) <= 0)
			continue;
		if (read(signal_fd, &info, sizeof(info)) == sizeof(info) &&
			info.ssi_signo != SIGCHLD) {
			message_error("ended before the recording began");
			return EXIT_SIGNAL + (int)info.ssi_signo;
		}
	}
	terminal_progress_clear();
	return 0;
}

static bool set_optional(json_t *object, const char *key, json_t *value)
{
	return value && json_object_set_new(object, key, value) == 0;
}

static json_t *make_parameters(const struct recording_request *request)
{
	json_t *parameters = json_object();

	set_optional(parameters, "target", target_to_json(request->target));
	if (request->event)
		set_optional(parameters, "event", json_string(request->event));
	if (request->call_graph)
		set_optional(parameters, "callGraph", json_string(request->call_graph));
	if (request->per)
		set_optional(parameters, "per", json_string(request->per));
	if (request->title)
		set_optional(parameters, "title", json_string(request->title));
	if (request->frequency_hz > 0)
		set_optional(parameters, "frequency", json_real(request->frequency_hz));
	if (request->duration_ns)
		set_optional(parameters, "durationMs",
			json_integer(
				(json_int_t)((request->duration_ns + NS_PER_MS - 1) / NS_PER_MS)));
	if (request->has_kernel || request->has_no_kernel)
		set_optional(parameters, "kernel", json_boolean(request->has_kernel));
	if (request->is_on_exec)
		set_optional(parameters, "onExec", json_true());
	if (request->is_detached)
		set_optional(parameters, "detach", json_true());
	return parameters;
}

static void copy_text(json_t *parameters, const char *key, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(parameters, key));

	if (value)
		snprintf(text, size, "%s", value);
}

static void show_progress(const struct recording *recording, json_t *parameters)
{
	json_int_t elapsed = json_integer_value(json_object_get(parameters, "elapsedMs"));
	json_int_t samples = json_integer_value(json_object_get(parameters, "samples"));
	json_int_t lost = json_integer_value(json_object_get(parameters, "lost"));
	json_int_t pending = json_integer_value(json_object_get(parameters, "pending"));
	const char *state = json_string_value(json_object_get(parameters, "state"));
	char text[32];

	if (recording->is_quiet)
		return;
	if (state && !strcmp(state, "preparing")) {
		terminal_progress("preparing %s: the unwind tables of %lld files are missing yet",
			recording->title, (long long)pending);
		return;
	}
	text_format_duration((uint64_t)elapsed * NS_PER_MS, text, sizeof(text));
	terminal_progress("%s %s: %s, %lld samples%s; Ctrl-C ends it and keeps them",
		state ? state : "recording", recording->title, text, (long long)samples,
		lost ? ", some lost" : "");
}

static int on_stop_wake(void *userdata);

/* Stop: the reply comes when the profile is ready. It is no mistake if it has ended by itself. */
static void send_stop(struct recording *recording)
{
	struct client_error error = {0};
	json_t *parameters, *reply = NULL;

	if (recording->is_stop_sent || !*recording->id)
		return;
	recording->is_stop_sent = true;
	parameters = json_pack("{s:s}", "recording", recording->id);
	client_set_wake(
		recording->connection->stopper, recording->signal_fd, on_stop_wake, recording);
	if (client_call_one(recording->connection->stopper, INTERFACE "Stop", parameters, &reply,
		    &error) == 0)
		json_decref(reply);
}

static void count_interrupt(struct recording *recording)
{
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);

	if (recording->n_interrupts && now_ns - recording->interrupt_ns < SAME_WISH_NS)
		return;
	recording->interrupt_ns = now_ns;
	recording->n_interrupts++;
}

/* Reads what has come; says whether to give up. */
static bool read_signals(struct recording *recording)
{
	struct signalfd_siginfo info;

	while (read(recording->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			workload_poll(recording->workload);
			if (recording->workload->has_ended)
				recording->is_stop_wanted = true;
			continue;
		}
		recording->is_stop_wanted = true;
		count_interrupt(recording);
		/* What the terminal sends, the child gets by itself. */
		if (recording->workload->pid && !recording->workload->has_ended &&
			info.ssi_code == SI_USER)
			kill(recording->workload->pid, (int)info.ssi_signo);
	}
	recording->is_aborted = recording->n_interrupts >= PATIENCE_INTERRUPTS;
	return recording->is_aborted;
}

static int on_stop_wake(void *userdata)
{
	return read_signals(userdata) ? CALL_ABORTED : 0;
}

static int on_wake(void *userdata)
{
	struct recording *recording = userdata;

	if (read_signals(recording))
		return CALL_ABORTED;
	if (recording->is_stop_wanted)
		send_stop(recording);
	return recording->is_aborted ? CALL_ABORTED : 0;
}

static bool is_preparing(const json_t *parameters)
{
	const char *state = json_string_value(json_object_get(parameters, "state"));

	return state && !strcmp(state, "preparing");
}

static int on_reply(void *userdata, json_t *parameters, bool continues)
{
	struct recording *recording = userdata;

	copy_text(parameters, "recording", recording->id, sizeof(recording->id));
	if (!continues) {
		copy_text(parameters, "profile", recording->profile_id,
			sizeof(recording->profile_id));
		return 0;
	}
	if (!*recording->id)
		return CALL_MALFORMED;
	if (!is_preparing(parameters))
		workload_release(recording->workload);
	if (recording->workload->exec_error)
		recording->is_stop_wanted = true;
	show_progress(recording, parameters);
	if (recording->is_stop_wanted)
		send_stop(recording);
	return recording->is_aborted ? CALL_ABORTED : 0;
}

/* The daemon's clause may begin with the target, as it was told to call it. */
static int say_error(const struct recording *recording, const struct client_error *error)
{
	size_t n = strlen(recording->title);
	bool is_named = strncmp(error->text, recording->title, n) == 0 && error->text[n] == ':';
	enum client_exit code = error->exit_code ? error->exit_code : CLIENT_EXIT_FAILED;

	/* A refusal is no failure of the daemon's. */
	recording->connection->has_failed = code == CLIENT_EXIT_FAILED ||
		code == CLIENT_EXIT_UNREACHABLE;
	/* Why the command could not be run says more. */
	if (!recording->workload->exec_error)
		message_error("cannot record %s%s%s", is_named ? "" : recording->title,
			is_named ? "" : ": ", error->text);
	return (int)code;
}

static int say_aborted(void)
{
	message_error("given up; nothing was kept");
	return EXIT_SIGNAL + SIGINT;
}

int recording_run(struct recording *recording, const struct recording_request *request,
	struct buffer *ret_profile)
{
	struct client *client = recording->connection->client;
	struct client_error error = {0};
	int r;

	client_set_wake(client, recording->signal_fd, on_wake, recording);
	r = client_call_more(
		client, INTERFACE "Record", make_parameters(request), on_reply, recording, &error);
	terminal_progress_clear();
	if (r == CALL_ABORTED)
		return say_aborted();
	if (r < 0)
		return say_error(recording, &error);
	if (r > 0 || !*recording->profile_id) {
		message_error(
			"cannot record %s: the daemon's answer names no profile", recording->title);
		return EXIT_FAILED;
	}
	client_set_wake(client, recording->signal_fd, on_stop_wake, recording);
	r = client_get_profile(client, recording->profile_id, ret_profile, &error);
	if (r == CALL_ABORTED)
		return say_aborted();
	return r < 0 ? say_error(recording, &error) : 0;
}

int recording_detach(struct recording *recording, const struct recording_request *request)
{
	struct client_error error = {0};
	json_t *reply = NULL;
	int r;

	r = client_call_one(recording->connection->client, INTERFACE "Record",
		make_parameters(request), &reply, &error);
	if (r < 0)
		return say_error(recording, &error);
	copy_text(reply, "recording", recording->id, sizeof(recording->id));
	json_decref(reply);
	return 0;
}
