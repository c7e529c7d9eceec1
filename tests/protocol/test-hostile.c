/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Clients that mean no good, or do not care: none of them may cost the others anything, and the
 * daemon must hold as many descriptors afterwards as before. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/limits.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "proto/wire/frame.h"
#include "tests/lib/check-main.h"
#include "tests/lib/fake-daemon.h"
#include "tests/protocol/conversation.h"

#define I "org.perfctl.profiler."
/* Long enough that five exports fit into it, also of an instrumented build on a busy machine. */
#ifdef __SANITIZE_ADDRESS__
#define TIMEOUT_NS (4 * NS_PER_SECOND)
#else
#define TIMEOUT_NS (2 * NS_PER_SECOND)
#endif
#define N_CLIENTS 2000

static struct fake_daemon fake;
static struct conversation good, bad;
static long long n_descriptors;

static void begin(void)
{
	struct rlimit limit = {4096, 4096};

	setrlimit(RLIMIT_NOFILE, &limit);
	fake_daemon_start(&fake, &(struct server_config){.output_timeout_ns = TIMEOUT_NS});
	conversation_open(&good, fake.path);
	/* The loop keeps a descriptor for timers from the first one on. */
	say(&good,
		"{\"method\":\"" I "Record\",\"more\":true,\"parameters\":{\"target\":{"
		"\"pids\":[4242]}}}");
	json_decref(hear(&good));
	n_descriptors = ask_number(&good, I "GetStatus", "objects");
	conversation_open(&bad, fake.path);
}

/* The well-behaved client has noticed nothing, and nothing is left of the other. */
static void finish(void)
{
	if (bad.fd >= 0)
		conversation_close(&bad);
	ck_assert(status_becomes(&good, "clients", 1));
	ck_assert(status_becomes(&good, "objects", n_descriptors));
	ck_assert_int_eq(ask_number(&good, I "GetStatus", "recordings"), 0);
	conversation_close(&good);
	ck_assert_int_eq(fake_daemon_stop(&fake), 0);
}

START_TEST(garbage_ends_the_connection)
{
	static uint8_t bytes[300000];

	srand(7);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rand();
	say_bytes(&bad, bytes, sizeof(bytes));
	ck_assert(hears_end(&bad));
}
END_TEST

START_TEST(half_a_message_keeps_nobody_waiting)
{
	static const char half[] = "{\"method\":\"org.perfctl.profiler.GetSta";

	say_bytes(&bad, half, sizeof(half) - 1);
	ck_assert(hears_nothing(&bad, 100));
	ck_assert_int_eq(ask_number(&good, I "GetStatus", "clients"), 2);
}
END_TEST

static size_t say_padded(size_t size)
{
	CLEANUP(buffer_done) struct buffer text = {};

	buffer_append_text(&text, "{\"method\":\"org.varlink.service.GetInfo\",\"a.b\":\"");
	while (text.size < size - 2)
		buffer_append_char(&text, 'x');
	buffer_append_text(&text, "\"}");
	buffer_append_char(&text, '\0');
	return say_bytes(&bad, text.data, text.size);
}

START_TEST(a_message_of_exactly_the_limit_is_served)
{
	json_t *reply;

	ck_assert_uint_eq(say_padded(FRAME_CALL_MAX), FRAME_CALL_MAX + 1);
	reply = hear(&bad);
	ck_assert_ptr_nonnull(reply);
	json_decref(reply);
}
END_TEST

START_TEST(a_message_above_the_limit_ends_the_connection)
{
	say_padded(FRAME_CALL_MAX + 1);
	ck_assert(hears_end(&bad));
}
END_TEST

START_TEST(a_message_without_end_ends_the_connection)
{
	static char bytes[3 * FRAME_CALL_MAX];

	memset(bytes, '{', sizeof(bytes));
	ck_assert_uint_lt(say_bytes(&bad, bytes, sizeof(bytes)), sizeof(bytes));
	ck_assert(hears_end(&bad));
}
END_TEST

START_TEST(deep_nesting_ends_the_connection)
{
	static char text[FRAME_CALL_MAX] = "{\"method\":\"x.Y\",\"parameters\":{\"a\":";
	size_t n = strlen(text);

	memset(text + n, '[', sizeof(text) - n - 1);
	say(&bad, text);
	ck_assert(hears_end(&bad));
}
END_TEST

START_TEST(many_keys_and_many_pids_are_answered_quickly)
{
	CLEANUP(buffer_done) struct buffer text = {};
	uint64_t start_ns = time_now_ns(CLOCK_MONOTONIC);
	json_t *reply;

	buffer_append_text(&text, "{\"method\":\"" I "Record\",\"more\":true,\"parameters\":{");
	for (unsigned i = 0; text.size < 900000; i++)
		buffer_printf(&text, "\"k%u\":%u,", i, i);
	buffer_append_text(&text, "\"target\":{\"pids\":[0");
	for (unsigned i = 0; text.size < FRAME_CALL_MAX - 16; i++)
		buffer_printf(&text, ",%u", i);
	buffer_append_text(&text, "]}}}");
	say(&bad, text.data);
	reply = hear(&bad);
	ck_assert_str_eq(json_string_value(json_object_get(reply, "error")),
		"org.varlink.service.InvalidParameter");
	json_decref(reply);
	ck_assert_uint_lt(time_now_ns(CLOCK_MONOTONIC) - start_ns, 3 * NS_PER_SECOND);
}
END_TEST

/* Sends calls for ever and reads nothing; how many bytes went in. */
static size_t flood(void)
{
	static char calls[64 * 1024];
	static const char call[] = "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
				   "\"parameters\":{\"interface\":\"org.perfctl.profiler\"}}";
	size_t n = 0, n_sent = 0, sent;

	while (n + sizeof(call) <= sizeof(calls)) {
		memcpy(calls + n, call, sizeof(call));
		n += sizeof(call);
	}
	do {
		sent = say_bytes(&bad, calls, n);
		n_sent += sent;
	} while (sent == n);
	return n_sent;
}

START_TEST(a_client_that_does_not_read_is_dropped_and_others_are_served)
{
	uint64_t start_ns = time_now_ns(CLOCK_MONOTONIC);

	/* Input stops being read long before it is dropped. */
	ck_assert_uint_lt(flood(), 16 * 1024 * 1024);
	ck_assert_uint_ge(time_now_ns(CLOCK_MONOTONIC) - start_ns, TIMEOUT_NS / 2);
	ck_assert(status_becomes(&good, "clients", 1));
}
END_TEST

static void record_big(struct conversation *conversation)
{
	json_t *reply = NULL;

	say(conversation,
		"{\"method\":\"" I "Record\",\"more\":true,\"parameters\":{\"target\":{"
		"\"pids\":[1]},\"durationMs\":1,\"event\":\"big\"}}");
	do {
		json_decref(reply);
		reply = hear(conversation);
		ck_assert_ptr_nonnull(reply);
	} while (json_is_true(json_object_get(reply, "continues")));
	json_decref(reply);
}

#define GET_FOLDED                                                                                 \
	"{\"method\":\"" I "GetFolded\",\"more\":true,\"parameters\":{\"profile\":\"p1\"}}"

START_TEST(a_stream_waits_for_its_reader_and_is_dropped_in_the_end)
{
	record_big(&good);
	say(&bad, GET_FOLDED);
	/* Meanwhile the other one gets all of it. */
	for (int i = 0; i < 3; i++) {
		json_t *reply = NULL;
		size_t n = 0;

		say(&good, GET_FOLDED);
		do {
			json_decref(reply);
			reply = hear(&good);
			ck_assert_ptr_nonnull(reply);
			ck_assert_ptr_nonnull(text_of(reply, "text"));
			ck_assert_uint_le(strlen(text_of(reply, "text")), FRAME_CALL_MAX);
			n += strlen(text_of(reply, "text"));
		} while (json_is_true(json_object_get(reply, "continues")));
		json_decref(reply);
		ck_assert_uint_gt(n, 10 * 1024 * 1024);
	}
	ck_assert(status_becomes(&good, "clients", 1));
}
END_TEST

START_TEST(a_slow_reader_gets_everything)
{
	json_t *reply = NULL;
	unsigned n = 0;

	record_big(&good);
	say(&bad, GET_FOLDED);
	do {
		json_decref(reply);
		usleep(150000);
		reply = hear(&bad);
		ck_assert_ptr_nonnull(reply);
		n++;
	} while (json_is_true(json_object_get(reply, "continues")));
	json_decref(reply);
	ck_assert_uint_gt(n, 10);
}
END_TEST

START_TEST(too_large_a_reply_is_an_error_and_not_the_end)
{
	json_t *reply;

	record_big(&good);
	say(&good,
		"{\"method\":\"" I "GetHotspots\",\"parameters\":{\"profile\":\"p1\","
		"\"limit\":5001}}");
	reply = hear(&good);
	ck_assert_str_eq(text_of(reply, "parameter"), "limit");
	json_decref(reply);
	say(&good,
		"{\"method\":\"" I "GetHotspots\",\"parameters\":{\"profile\":\"p1\","
		"\"limit\":5000}}");
	reply = hear(&good);
	ck_assert_uint_eq(
		json_array_size(json_object_get(json_object_get(reply, "parameters"), "hotspots")),
		5000);
	json_decref(reply);
}
END_TEST

START_TEST(a_client_that_hangs_up_is_noticed_before_it_is_written_to)
{
	uint64_t start_ns;

	say(&bad,
		"{\"method\":\"" I "Record\",\"more\":true,\"parameters\":{\"target\":{"
		"\"pids\":[1]}}}");
	json_decref(hear(&bad));
	/* The next report would be due in a second. */
	start_ns = time_now_ns(CLOCK_MONOTONIC);
	conversation_close(&bad);
	ck_assert(status_becomes(&good, "recordings", 0));
	ck_assert_uint_lt(time_now_ns(CLOCK_MONOTONIC) - start_ns, 700 * NS_PER_MS);
}
END_TEST

START_TEST(one_user_fetches_only_so_many_profiles_at_once)
{
	struct conversation others[LIMIT_EXPORTS_PER_UID];
	json_t *reply;

	record_big(&good);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		conversation_open(&others[i], fake.path);
		say(&others[i], GET_FOLDED);
	}
	/* Each has begun when its first piece is there, which stays unread. */
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct pollfd item = {.fd = others[i].fd, .events = POLLIN};

		ck_assert_int_eq(poll(&item, 1, 10000), 1);
	}
	say(&bad, GET_FOLDED);
	reply = hear(&bad);
	ck_assert_str_eq(json_string_value(json_object_get(reply, "error")), I "ResourceLimit");
	ck_assert_int_eq(number_of(reply, "limit"), LIMIT_EXPORTS_PER_UID);
	json_decref(reply);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		conversation_close(&others[i]);
}
END_TEST

START_TEST(connections_above_the_quota_are_closed_at_once)
{
	static int fds[N_CLIENTS];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	unsigned n_open = N_CLIENTS;
	char byte;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fake.path);
	for (size_t i = 0; i < N_CLIENTS; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(connect(fds[i], (void *)&address, sizeof(address)), 0);
	}
	ck_assert(status_becomes(&good, "clients", LIMIT_CONNECTIONS_PER_UID));
	/* The last ones may still be waiting to be turned away. */
	for (int i = 0; i < 100 && n_open > LIMIT_CONNECTIONS_PER_UID - 2; i++) {
		n_open = 0;
		for (size_t j = 0; j < N_CLIENTS; j++)
			n_open += recv(fds[j], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
		usleep(20000);
	}
	ck_assert_uint_eq(n_open, LIMIT_CONNECTIONS_PER_UID - 2);
	for (size_t i = 0; i < N_CLIENTS; i++)
		close(fds[i]);
}
END_TEST

START_TEST(a_daemon_without_descriptors_left_goes_on_when_it_has_some)
{
	struct rlimit limit = {(rlim_t)n_descriptors + 3, 4096};
	struct conversation others[12];

	ck_assert_int_eq(prlimit(fake.pid, RLIMIT_NOFILE, &limit, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		conversation_open(&others[i], fake.path);
	usleep(300000);
	for (size_t i = 0; i < ARRAY_SIZE(others) - 1; i++)
		conversation_close(&others[i]);
	limit.rlim_cur = 1024;
	ck_assert_int_eq(prlimit(fake.pid, RLIMIT_NOFILE, &limit, NULL), 0);
	ck_assert_int_ge(ask_number(&others[ARRAY_SIZE(others) - 1], I "GetStatus", "clients"), 3);
	conversation_close(&others[ARRAY_SIZE(others) - 1]);
}
END_TEST

/* Descriptors sent along are thrown away by the kernel, and count against nobody. */
START_TEST(descriptors_sent_along_are_not_kept)
{
	char text[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec part = {text, sizeof(text)};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &(int){0}, sizeof(int));
	/* Linux 6.16 can have it refused at once. */
	if (sendmsg(bad.fd, &message, MSG_NOSIGNAL) < 0)
		ck_assert_int_eq(errno, EPERM);
	ck_assert_int_ge(ask_number(&good, I "GetStatus", "clients"), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("protocol-hostile");
	TCase *tcase = tcase_create("hostile");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 90);
	tcase_add_checked_fixture(tcase, begin, finish);
	tcase_add_test(tcase, garbage_ends_the_connection);
	tcase_add_test(tcase, half_a_message_keeps_nobody_waiting);
	tcase_add_test(tcase, a_message_of_exactly_the_limit_is_served);
	tcase_add_test(tcase, a_message_above_the_limit_ends_the_connection);
	tcase_add_test(tcase, a_message_without_end_ends_the_connection);
	tcase_add_test(tcase, deep_nesting_ends_the_connection);
	tcase_add_test(tcase, many_keys_and_many_pids_are_answered_quickly);
	tcase_add_test(tcase, a_client_that_does_not_read_is_dropped_and_others_are_served);
	tcase_add_test(tcase, a_stream_waits_for_its_reader_and_is_dropped_in_the_end);
	tcase_add_test(tcase, a_slow_reader_gets_everything);
	tcase_add_test(tcase, too_large_a_reply_is_an_error_and_not_the_end);
	tcase_add_test(tcase, a_client_that_hangs_up_is_noticed_before_it_is_written_to);
	tcase_add_test(tcase, one_user_fetches_only_so_many_profiles_at_once);
	tcase_add_test(tcase, connections_above_the_quota_are_closed_at_once);
	tcase_add_test(tcase, a_daemon_without_descriptors_left_goes_on_when_it_has_some);
	tcase_add_test(tcase, descriptors_sent_along_are_not_kept);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
