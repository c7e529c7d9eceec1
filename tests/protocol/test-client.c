/* SPDX-License-Identifier: GPL-2.0-or-later */

/* perfctl's client against the real server, and against daemons that are none. */

#include "cli/client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/profile/pprof.h"
#include "tests/lib/check-main.h"
#include "tests/lib/fake-daemon.h"

#define I "org.perfctl.profiler."

static struct client_error error;

/* A client whose daemon has said `text` and its n bytes, and (maybe) hung up. */
static struct client *client_of_rubbish(const void *bytes, size_t n, bool hangs_up, int *ret_peer)
{
	struct client *client;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(write(pair[1], bytes, n), (ssize_t)n);
	*ret_peer = pair[1];
	if (hangs_up)
		closep(ret_peer);
	ck_assert_int_eq(client_from_fd(pair[0], &client, &error), 0);
	client_set_silence(client, 200 * NS_PER_MS);
	return client;
}

static const struct {
	const char *bytes;
	size_t n;
	bool hangs_up;
	int result;
} rubbish[] = {
	{"HTTP/1.1 400 Bad Request\r\n\r\n", 29, true, -EBADMSG},
	{"nonsense", 8, false, -ETIMEDOUT},
	{"", 0, false, -ETIMEDOUT},
	{"", 0, true, -ECONNRESET},
	{"{\"parameters\":{", 15, true, -ECONNRESET},
	{"[]", 3, false, -EBADMSG},
	{"{\"continues\":true}", 19, false, -EBADMSG},
	{"{\"continues\":7}", 16, false, -EBADMSG},
	{"{\"error\":7}", 12, false, -EBADMSG},
	{"{\"error\":\"a.B\",\"continues\":true}", 33, false, -EBADMSG},
	{"{\"parameters\":7}", 17, false, -EBADMSG},
	{"{\"other\":7}", 12, false, -EBADMSG},
};

START_TEST(rubbish_is_a_clear_error_and_no_hang)
{
	CLEANUP(client_freep) struct client *client = NULL;
	CLEANUP(closep) int peer = -1;
	uint64_t start_ns = time_now_ns(CLOCK_MONOTONIC);
	int r;

	client = client_of_rubbish(rubbish[_i].bytes, rubbish[_i].n, rubbish[_i].hangs_up, &peer);
	r = client_call(client, I "GetStatus", NULL, NULL, NULL, &error);
	if (_i == 0)
		ck_assert(r == -ECONNRESET || r == -EBADMSG);
	else
		ck_assert_int_eq(r, rubbish[_i].result);
	ck_assert_int_eq(error.exit_code, CLIENT_EXIT_UNREACHABLE);
	ck_assert_uint_gt(strlen(error.text), 10);
	ck_assert_uint_lt(time_now_ns(CLOCK_MONOTONIC) - start_ns, 2 * NS_PER_SECOND);
	/* It stays lost. */
	ck_assert_int_eq(client_call(client, I "GetStatus", NULL, NULL, NULL, &error), -ENOTCONN);
}
END_TEST

static void *pour(void *userdata)
{
	static char bytes[1024 * 1024];
	int fd = *(int *)userdata;

	memset(bytes, 'x', sizeof(bytes));
	while (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

START_TEST(an_endless_message_is_given_up_at_16_mib)
{
	CLEANUP(client_freep) struct client *client = NULL;
	CLEANUP(closep) int peer = -1;
	pthread_t thread;

	client = client_of_rubbish("", 0, false, &peer);
	ck_assert_int_eq(pthread_create(&thread, NULL, pour, &peer), 0);
	ck_assert_int_eq(client_call(client, I "GetStatus", NULL, NULL, NULL, &error), -EMSGSIZE);
	client = client_free(client);
	pthread_join(thread, NULL);
}
END_TEST

static const struct {
	const char *reply;
	enum client_exit exit_code;
	const char *text;
} errors[] = {
	{"{\"error\":\"" I "NotPermitted\",\"parameters\":{\"pid\":7,\"rule\":\"no\\u001b[1m\"}}",
		CLIENT_EXIT_NOT_PERMITTED, "no?[1m"},
	{"{\"error\":\"org.varlink.service.PermissionDenied\"}", CLIENT_EXIT_NOT_PERMITTED,
		"permission denied"},
	{"{\"error\":\"" I "NoSuchTarget\",\"parameters\":{\"target\":\"pid 7\",\"why\":\"gone\"}}",
		CLIENT_EXIT_NO_TARGET, "pid 7: gone"},
	{"{\"error\":\"" I "ResourceLimit\",\"parameters\":{\"what\":\"x\",\"limit\":3}}",
		CLIENT_EXIT_FAILED, "the daemon's limit is reached: x, at most 3"},
	{"{\"error\":\"com.example.Odd\"}", CLIENT_EXIT_FAILED, "the daemon says com.example.Odd"},
	{"{\"error\":\"" I "Failed\",\"parameters\":{\"what\":7}}", CLIENT_EXIT_FAILED, "7: "},
};

START_TEST(errors_become_sentences_and_exit_codes)
{
	CLEANUP(client_freep) struct client *client = NULL;
	CLEANUP(closep) int peer = -1;

	client = client_of_rubbish(errors[_i].reply, strlen(errors[_i].reply) + 1, false, &peer);
	ck_assert_int_eq(client_call(client, I "GetStatus", NULL, NULL, NULL, &error), -EREMOTEIO);
	ck_assert_int_eq(error.exit_code, errors[_i].exit_code);
	ck_assert_str_eq(error.text, errors[_i].text);
	ck_assert_uint_eq(error.pid, _i == 0 ? 7 : 0);
}
END_TEST

START_TEST(what_the_daemon_said_before_hanging_up_counts)
{
	static const char reply[] = "{\"parameters\":{\"x\":1}}";
	CLEANUP(client_freep) struct client *client = NULL;
	CLEANUP(closep) int peer = -1;

	client = client_of_rubbish(reply, sizeof(reply), true, &peer);
	ck_assert_int_eq(client_call(client, I "GetStatus", NULL, NULL, NULL, &error), 0);
}
END_TEST

static const struct {
	const char *reply;
} unsound[] = {
	{"{\"parameters\":{\"data\":\"AAA\"}}"},
	{"{\"parameters\":{\"data\":7}}"},
	{"{\"parameters\":{}}"},
};

START_TEST(an_unsound_profile_is_an_error)
{
	CLEANUP(buffer_done) struct buffer buffer = {};
	CLEANUP(client_freep) struct client *client = NULL;
	CLEANUP(closep) int peer = -1;

	client = client_of_rubbish(unsound[_i].reply, strlen(unsound[_i].reply) + 1, false, &peer);
	ck_assert_int_lt(client_get_profile(client, "1", &buffer, &error), 0);
	ck_assert_int_eq(error.exit_code, CLIENT_EXIT_UNREACHABLE);
	ck_assert_uint_gt(strlen(error.text), 10);
}
END_TEST

START_TEST(no_socket_and_no_listener_are_told_apart)
{
	struct client *client;

	ck_assert_int_eq(client_connect("/nonexistent/socket", &client, &error), -ENOENT);
	ck_assert_int_eq(error.exit_code, CLIENT_EXIT_UNREACHABLE);
	ck_assert_int_eq(client_connect("/tmp", &client, &error), -ECONNREFUSED);
	ck_assert_int_eq(
		client_connect("/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
			&client, &error),
		-ENAMETOOLONG);
}
END_TEST

/* A recording as perfctl makes it: a stream on one connection, Stop on another. */
struct session {
	struct client *stopper;
	char recording[64], profile[64], state[32];
	int wake_fd;
	unsigned n_replies;
};

static void copy_text(char *to, size_t size, json_t *parameters, const char *name)
{
	const char *text = json_string_value(json_object_get(parameters, name));

	if (text)
		snprintf(to, size, "%s", text);
}

static int on_reply(void *userdata, json_t *parameters, bool continues)
{
	struct session *session = userdata;

	copy_text(session->recording, sizeof(session->recording), parameters, "recording");
	copy_text(session->profile, sizeof(session->profile), parameters, "profile");
	copy_text(session->state, sizeof(session->state), parameters, "state");
	/* After the second one somebody presses Ctrl-C. */
	if (++session->n_replies == 2)
		eventfd_write(session->wake_fd, 1);
	return 0;
}

static int on_wake(void *userdata)
{
	struct session *session = userdata;
	eventfd_t value;
	json_t *reply = NULL;
	int r;

	eventfd_read(session->wake_fd, &value);
	r = client_call_one(session->stopper, I "Stop",
		json_pack("{s:s}", "recording", session->recording), &reply, &error);
	json_decref(reply);
	return r;
}

START_TEST(a_private_daemon_records_is_stopped_gives_its_profile_and_ends)
{
	struct session session = {.wake_fd = eventfd(0, EFD_CLOEXEC)};
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	CLEANUP(buffer_done) struct buffer bytes = {};
	CLEANUP(buffer_done) struct buffer folded = {};
	struct server_config config = {.progress_interval_ns = 20 * NS_PER_MS};
	struct profile_error profile_error;
	struct fake_daemon daemon;
	struct client *client;
	int fds[2];

	fake_daemon_start_private(&daemon, &config, fds, 2);
	ck_assert_int_eq(client_from_fd(fds[0], &client, &error), 0);
	ck_assert_int_eq(client_from_fd(fds[1], &session.stopper, &error), 0);
	client_set_wake(client, session.wake_fd, on_wake, &session);
	ck_assert_int_eq(client_call_more(client, I "Record",
				 json_pack("{s:{s:[i]},s:s}", "target", "pids", 1, "event", "big"),
				 on_reply, &session, &error),
		0);
	client_set_wake(client, -1, NULL, NULL);
	ck_assert_str_eq(session.state, "finished");
	ck_assert_int_eq(client_get_profile(client, session.profile, &bytes, &error), 0);
	ck_assert_int_eq(pprof_decode(bytes.data, bytes.size, &profile, &profile_error), 0);
	ck_assert_uint_eq(profile->ledger.kept, 3 * 40001);
	ck_assert_int_eq(client_get_folded(client, session.profile, &folded, &error), 0);
	ck_assert_uint_gt(folded.size, 10 * 1024 * 1024);
	ck_assert_int_eq(client_get_profile(client, "none", &bytes, &error), -EREMOTEIO);
	ck_assert_int_eq(error.exit_code, CLIENT_EXIT_FAILED);
	client_free(client);
	client_free(session.stopper);
	ck_assert_int_eq(fake_daemon_wait(&daemon), 0);
	close(session.wake_fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("protocol-client");
	TCase *tcase = tcase_create("client");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(
		tcase, rubbish_is_a_clear_error_and_no_hang, 0, (int)ARRAY_SIZE(rubbish));
	tcase_add_test(tcase, an_endless_message_is_given_up_at_16_mib);
	tcase_add_loop_test(
		tcase, errors_become_sentences_and_exit_codes, 0, (int)ARRAY_SIZE(errors));
	tcase_add_test(tcase, what_the_daemon_said_before_hanging_up_counts);
	tcase_add_loop_test(tcase, an_unsound_profile_is_an_error, 0, (int)ARRAY_SIZE(unsound));
	tcase_add_test(tcase, no_socket_and_no_listener_are_told_apart);
	tcase_add_test(tcase, a_private_daemon_records_is_stopped_gives_its_profile_and_ends);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
