/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A timer cuts the recording into windows; each goes to the store when its names are there, which may
 * be while the next but one is under way, and until then a copy of it. Should the recording fail, it is
 * begun again.
 */

#include "daemon/continuous.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/base/limits.h"
#include "daemon/scope.h"
#include "proto/base/cleanup.h"
#include "proto/base/list.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

#define RETRY_NS (10 * NS_PER_SECOND)
/* At the end: so long for the last names and for the disk, looked at so often. */
#define ENDING_NS (4 * NS_PER_SECOND)
#define ENDING_STEP_NS (20 * NS_PER_MS)

struct continuous {
	struct loop *loop;
	struct pipeline *pipeline;
	const struct config *config;
	const char *store_program;
	struct store_link *store;
	struct store_link *retired; /* the one before, for what is ending */
	struct session *session; /* under way; NULL: to be begun */
	struct session *before; /* goes on until that one samples */
	struct list sessions; /* that one, and those that are ending */
	struct loop_source *timer, *ending;
	double divisor; /* of the rate */
	size_t n_stacks_held; /* of a window; 0: it is not held back */
	loop_callback *on_ended; /* NULL: it goes on */
	void *userdata;
	uint64_t deadline_ns;
	uint8_t life[STORE_LIFE_SIZE];
};

struct session {
	struct list link; /* continuous.sessions */
	struct continuous *continuous;
	struct store_link *store;
	struct pipeline_recording *recording;
	struct pipeline_observer observer;
	bool is_sampling;
	uint64_t targets_found, excluded_found; /* of the configured ones: see scope.h */
	uint8_t serial[STORE_SERIAL_SIZE]; /* of the last window */
	struct list windows; /* those before it that wait for names */
};

struct window {
	struct list link; /* session.windows */
	struct session *session;
	struct pipeline_window pipeline_window;
	uint8_t serial[STORE_SERIAL_SIZE];
};

static const struct access_caller nobody_else = {.is_admin = true};

static bool has_targets(const struct config *config)
{
	return config->continuous_targets && config->continuous_targets[0];
}

static struct pipeline_request request_of(const struct continuous *continuous)
{
	const struct config *config = continuous->config;

	return (struct pipeline_request){
		.caller = nobody_else,
		.is_set = true,
		.sees_kernel = true,
		.with_kernel = true,
		.with_callers = true,
		.with_visibility = true,
		.is_background = true,
		.n_stacks_max = LIMIT_WINDOW_STACKS,
		.n_stacks_held = continuous->n_stacks_held,
		.frequency_hz = config->continuous_frequency / continuous->divisor,
		.kinds = has_targets(config) ? CAPTURE_BY_CGROUP : 0,
		.is_cpu_clock = !strcmp(config->continuous_event, "cpu-clock"),
		.title = has_targets(config) ? "configured targets" : "whole system",
		.event_asked = config->continuous_event,
		.call_graph = "auto",
	};
}

static int draw(uint8_t *bytes, size_t n)
{
	return getrandom(bytes, n, 0) == (ssize_t)n ? 0 : -EIO;
}

static void window_store(
	struct session *session, struct profile *profile, int error, const uint8_t *serial)
{
	int r = profile ? store_link_append(session->store, profile, serial) : error;

	if (r < 0)
		log_warning("a window of the continuous profile is lost: %s", strerror(-r));
}

/* A copy that cannot be made is not missed unless perfd comes to a sudden end. */
static void window_keep(
	struct session *session, const struct profile *profile, const uint8_t *serial)
{
	int r = store_link_keep(session->store, profile, serial);

	if (r < 0)
		log_warning("a window is not kept before it is named: %s", strerror(-r));
}

static void window_free(struct window *window)
{
	list_remove(&window->link);
	free(window);
}

static void on_window_sealed(
	struct pipeline_window *pipeline_window, struct profile *profile, int error)
{
	struct window *window = container_of(pipeline_window, struct window, pipeline_window);

	window_store(window->session, profile, error, window->serial);
	window_free(window);
}

static void on_window_closed(struct pipeline_window *pipeline_window, const struct profile *profile)
{
	struct window *window = container_of(pipeline_window, struct window, pipeline_window);

	window_keep(window->session, profile, window->serial);
}

static void set_timer(struct continuous *continuous, uint64_t delay_ns)
{
	loop_source_set_time(continuous->timer, time_now_ns(CLOCK_MONOTONIC) + delay_ns);
}

static void session_free(struct session *session)
{
	struct continuous *continuous = session->continuous;

	list_remove(&session->link);
	if (continuous->session == session)
		continuous->session = NULL;
	if (continuous->before == session)
		continuous->before = NULL;
	pipeline_release(session->recording);
	list_for_each (&session->windows, link)
		window_free(container_of(link, struct window, link));
	free(session);
}

/* The window under way is its last. */
static void session_end(struct session *session)
{
	if (session && session->is_sampling)
		pipeline_finish(session->recording);
	else if (session)
		session_free(session);
}

static void on_ready(struct pipeline_observer *observer)
{
	struct session *session = container_of(observer, struct session, observer);

	session->is_sampling = true;
	session_end(session->continuous->before);
	session->continuous->before = NULL;
	set_timer(session->continuous, session->continuous->config->continuous_window_ns);
}

static void on_targets_gone(struct pipeline_observer *observer)
{
}

/* The session's last window; or it has failed. */
static void on_finished(struct pipeline_observer *observer, struct profile *profile, int error)
{
	struct session *session = container_of(observer, struct session, observer);
	struct continuous *continuous = session->continuous;
	bool is_current = continuous->session == session;

	session->is_sampling = false;
	window_store(session, profile, error, session->serial);
	session_free(session);
	if (is_current)
		set_timer(continuous, RETRY_NS);
}

static void on_closed(struct pipeline_observer *observer, const struct profile *profile)
{
	struct session *session = container_of(observer, struct session, observer);

	window_keep(session, profile, session->serial);
}

/* At the beginning, and again while something is not there. */
static int session_aim(struct session *session, bool is_first)
{
	const struct config *config = session->continuous->config;
	int r = scope_take(session->recording, config->continuous_targets, false, is_first,
		&session->targets_found);

	if (r < 0)
		return r;
	return scope_take(session->recording, config->continuous_exclude, true, is_first,
		&session->excluded_found);
}

static int session_open(struct session *session)
{
	struct continuous *continuous = session->continuous;
	struct pipeline_request request = request_of(continuous);
	int r = draw(session->serial, sizeof(session->serial));

	if (!r)
		r = pipeline_record(
			continuous->pipeline, &request, &session->observer, &session->recording);
	if (!r)
		r = session_aim(session, true);
	return r ? r : pipeline_go(session->recording);
}

static int begin(struct continuous *continuous)
{
	struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	session->continuous = continuous;
	session->store = continuous->store;
	session->observer = (struct pipeline_observer){
		on_ready, on_targets_gone, on_finished, on_closed};
	list_init(&session->windows);
	list_add_tail(&continuous->sessions, &session->link);
	continuous->session = session;
	r = session_open(session);
	if (r < 0)
		session_free(session);
	return r;
}

static int cut(struct continuous *continuous)
{
	struct pipeline_request request = request_of(continuous);
	struct session *session = continuous->session;
	struct window *window = calloc(1, sizeof(*window));
	int r = window ? draw(window->serial, sizeof(window->serial)) : -ENOMEM;

	if (session_aim(session, false) < 0)
		log_warning("cannot look for what is to be recorded; going on without");
	if (r < 0) {
		free(window);
		return r;
	}
	window->session = session;
	window->pipeline_window = (struct pipeline_window){on_window_closed, on_window_sealed};
	list_add_tail(&session->windows, &window->link);
	r = pipeline_cut(session->recording, &request, &window->pipeline_window);
	if (r < 0)
		window_free(window);
	return r;
}

static int on_timer(void *userdata)
{
	struct continuous *continuous = userdata;
	int r = continuous->session ? 0 : begin(continuous);

	if (r < 0) {
		log_warning(
			"cannot begin the continuous recording: %s; trying again", strerror(-r));
		set_timer(continuous, RETRY_NS);
	} else if (continuous->session->is_sampling) {
		r = cut(continuous);
		if (r < 0)
			log_warning("a window of the continuous profile goes on: %s", strerror(-r));
		set_timer(continuous, continuous->config->continuous_window_ns);
	}
	return 0;
}

static int store_begin(struct continuous *continuous)
{
	const struct config *config = continuous->config;
	struct store_link_config link = {
		.loop = continuous->loop,
		.program = continuous->store_program,
		.path = config->store_path,
		.max_bytes = config->store_max_bytes,
		.max_age_ns = config->store_max_age_ns,
	};

	memcpy(link.life, continuous->life, sizeof(link.life));
	return store_link_new(&link, &continuous->store);
}

int continuous_new(struct loop *loop, struct pipeline *pipeline, const struct config *config,
	const char *store_program, struct continuous **ret_continuous)
{
	struct continuous *continuous = calloc(1, sizeof(*continuous));
	int r;

	if (!continuous)
		return -ENOMEM;
	continuous->loop = loop;
	continuous->pipeline = pipeline;
	continuous->config = config;
	continuous->store_program = store_program;
	continuous->divisor = 1;
	list_init(&continuous->sessions);
	r = loop_add_timer(loop, UINT64_MAX / 2, on_timer, continuous, &continuous->timer);
	if (!r)
		r = draw(continuous->life, sizeof(continuous->life));
	if (!r && config->continuous_enabled)
		r = store_begin(continuous);
	if (r < 0) {
		continuous_free(continuous);
		return r;
	}
	if (config->continuous_enabled)
		set_timer(continuous, 0);
	*ret_continuous = continuous;
	return 0;
}

/* Sessions that are ending go on into the store that they began with. */
static void store_retire(struct continuous *continuous)
{
	store_link_free(continuous->retired);
	continuous->retired = continuous->store;
	continuous->store = NULL;
}

static void end(struct continuous *continuous)
{
	struct session *session = continuous->session, *before = continuous->before;

	continuous->session = continuous->before = NULL;
	loop_source_set_time(continuous->timer, UINT64_MAX / 2);
	session_end(session);
	session_end(before);
}

static int on_ending(void *userdata)
{
	struct continuous *continuous = userdata;
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);
	struct store_status status = {0};
	bool is_stored;

	if (continuous->store)
		store_link_status(continuous->store, &status);
	is_stored = list_is_empty(&continuous->sessions) &&
		(!status.n_waiting || status.state != STORE_STATE_GOOD);
	if (is_stored || now_ns > continuous->deadline_ns)
		return continuous->on_ended(continuous->userdata);
	return loop_source_set_time(continuous->ending, now_ns + ENDING_STEP_NS);
}

int continuous_end(struct continuous *continuous, loop_callback *on_ended, void *userdata)
{
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);

	end(continuous);
	continuous->on_ended = on_ended;
	continuous->userdata = userdata;
	continuous->deadline_ns = now_ns + ENDING_NS;
	return loop_add_timer(continuous->loop, now_ns, on_ending, continuous, &continuous->ending);
}

void continuous_hold(struct continuous *continuous, double divisor, size_t n_stacks_held)
{
	bool is_other = divisor != continuous->divisor;

	continuous->divisor = divisor;
	continuous->n_stacks_held = n_stacks_held;
	if (is_other && continuous->session && continuous->session->is_sampling)
		set_timer(continuous, 0);
}

static bool is_same_list(char *const *a, char *const *b)
{
	size_t i = 0;

	while (a && b && a[i] && b[i] && !strcmp(a[i], b[i]))
		i++;
	return !(a && a[i]) && !(b && b[i]);
}

static bool is_same_recording(const struct config *a, const struct config *b)
{
	return a->continuous_enabled == b->continuous_enabled &&
		a->continuous_frequency == b->continuous_frequency &&
		!strcmp(a->continuous_event, b->continuous_event) &&
		is_same_list(a->continuous_targets, b->continuous_targets) &&
		is_same_list(a->continuous_exclude, b->continuous_exclude);
}

int continuous_configure(struct continuous *continuous, const struct config *config)
{
	const struct config *before = continuous->config;
	bool is_other_store = strcmp(before->store_path, config->store_path) ||
		before->store_max_bytes != config->store_max_bytes ||
		before->store_max_age_ns != config->store_max_age_ns;
	bool is_other_recording = is_other_store || !is_same_recording(before, config);

	continuous->config = config;
	if (continuous->on_ended)
		return 0;
	if (!config->continuous_enabled)
		end(continuous);
	if (is_other_store || !config->continuous_enabled)
		store_retire(continuous);
	if (!config->continuous_enabled || !is_other_recording)
		return 0;
	/* The one before goes on until the next one samples: nothing is missed between them. */
	session_end(continuous->before);
	continuous->before = continuous->session;
	continuous->session = NULL;
	set_timer(continuous, 0);
	return continuous->store ? 0 : store_begin(continuous);
}

struct continuous *continuous_free(struct continuous *continuous)
{
	if (!continuous)
		return NULL;
	list_for_each (&continuous->sessions, link)
		session_free(container_of(link, struct session, link));
	store_link_free(continuous->retired);
	store_link_free(continuous->store);
	loop_source_free(continuous->timer);
	loop_source_free(continuous->ending);
	free(continuous);
	return NULL;
}

struct store_link *continuous_store(const struct continuous *continuous)
{
	return continuous->store;
}

bool continuous_is_recording(const struct continuous *continuous)
{
	return continuous->session && continuous->session->is_sampling;
}
