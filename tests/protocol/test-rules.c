/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The rules of UAPI.20 that are easy to miss: one test each, or a table. */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"
#include "tests/lib/fake-daemon.h"
#include "tests/protocol/conversation.h"

#define I "org.perfctl.profiler."
#define S "org.varlink.service."

static struct fake_daemon fake;
static struct conversation client;

static void begin(void)
{
	fake_daemon_start(&fake, &(struct server_config){.progress_interval_ns = 25 * NS_PER_MS});
	conversation_open(&client, fake.path);
}

static void finish(void)
{
	conversation_close(&client);
	ck_assert_int_eq(fake_daemon_stop(&fake), 0);
}

static void expect_error(const char *error, const char *parameter, const char *value)
{
	json_t *reply = hear(&client);

	ck_assert_ptr_nonnull(reply);
	ck_assert_str_eq(json_string_value(json_object_get(reply, "error")), error);
	if (parameter)
		ck_assert_str_eq(text_of(reply, parameter), value);
	ck_assert_ptr_null(json_object_get(reply, "continues"));
	json_decref(reply);
}

static void expect_reply(void)
{
	json_t *reply = hear(&client);

	ck_assert_ptr_nonnull(reply);
	ck_assert_ptr_null(json_object_get(reply, "error"));
	json_decref(reply);
}

START_TEST(a_message_may_arrive_byte_by_byte)
{
	static const char text[] = "{\"method\":\"" S "GetInfo\"}";

	for (size_t i = 0; i < sizeof(text); i++) {
		ck_assert_uint_eq(say_bytes(&client, text + i, 1), 1);
		usleep(1000);
	}
	expect_reply();
}
END_TEST

START_TEST(several_messages_may_arrive_at_once_and_are_answered_in_order)
{
	static const char text[] = "{\"method\":\"" S "GetInfo\"}\0{\"method\":\"" I
				   "Nope\"}\0 {\"method\" : \"" I "GetStatus\"}\n";
	json_t *reply;

	say_bytes(&client, text, sizeof(text));
	reply = hear(&client);
	ck_assert_str_eq(text_of(reply, "product"), "perfd");
	json_decref(reply);
	expect_error(S "MethodNotFound", "method", I "Nope");
	reply = hear(&client);
	ck_assert_str_eq(text_of(reply, "event"), "cpu-clock");
	json_decref(reply);
}
END_TEST

START_TEST(a_call_waits_for_the_streaming_call_before_it)
{
	static const char text[] =
		"{\"method\":\"" I "Record\",\"more\":true,\"parameters\":"
		"{\"target\":{\"pids\":[1]},\"durationMs\":300}}\0{\"method\":\"" S "GetInfo\"}";
	bool is_finished = false;

	say_bytes(&client, text, sizeof(text));
	while (!is_finished) {
		json_t *reply = hear(&client);

		ck_assert_ptr_nonnull(text_of(reply, "state"));
		is_finished = !json_is_true(json_object_get(reply, "continues"));
		json_decref(reply);
	}
	expect_reply();
}
END_TEST

static const char *const malformed[] = {
	"",
	" ",
	"{",
	"nonsense",
	"[]",
	"\"" S "GetInfo\"",
	"{}",
	"{\"parameters\":{}}",
	"{\"method\":7}",
	"{\"method\":null}",
	"{\"method\":\"" S "GetInfo\",\"more\":1}",
	"{\"method\":\"" S "GetInfo\",\"oneway\":\"true\"}",
	"{\"method\":\"" S "GetInfo\",\"upgrade\":{}}",
	"{\"method\":\"" S "GetInfo\",\"more\":true,\"oneway\":true}",
	"{\"method\":\"" S "GetInfo\",\"upgrade\":true,\"more\":true}",
	"{\"method\":\"" S "GetInfo\",\"unknown\":true}",
	"{\"method\":\"" S "GetInfo\",\"parameters\":[]}",
	"{\"method\":\"" S "GetInfo\",\"parameters\":\"\"}",
	"{\"method\":\"" S "GetInfo\",\"method\":\"" S "GetInfo\"}",
	"{\"method\":\"" S "GetInfo\"}{}",
	"{\"method\":\"\xff\"}",
	"{\"method\":\"a\\u0000b\"}",
	"{\"method\":\"\\ud800\"}",
	"{\"method\":\"" S "GetInfo\",\"parameters\":{\"x\":1e999}}",
};

START_TEST(a_malformed_message_closes_the_connection)
{
	say(&client, malformed[_i]);
	ck_assert_ptr_null(hear(&client));
}
END_TEST

START_TEST(extensions_with_a_dot_are_ignored)
{
	say(&client, "{\"method\":\"" S "GetInfo\",\"com.example\":{\"x\":1},\"a.b\":7}");
	expect_reply();
}
END_TEST

static const char *const empty_parameters[] = {
	"{\"method\":\"" I "GetStatus\"}",
	"{\"method\":\"" I "GetStatus\",\"parameters\":null}",
	"{\"method\":\"" I "GetStatus\",\"parameters\":{}}",
	"{\"method\":\"" I "GetStatus\",\"more\":null,\"oneway\":false,\"upgrade\":false}",
};

START_TEST(absent_null_and_empty_parameters_are_the_same)
{
	say(&client, empty_parameters[_i]);
	expect_reply();
}
END_TEST

#define RECORD "{\"method\":\"" I "Record\",\"more\":true,\"parameters\":"

static const struct {
	const char *text, *parameter;
} invalid[] = {
	{"{\"method\":\"" I "GetStatus\",\"parameters\":{\"x\":1}}", "x"},
	{"{\"method\":\"" S "GetInfo\",\"parameters\":{\"\\n\":1}}", "?"},
	{"{\"method\":\"" S "GetInterfaceDescription\"}", "interface"},
	{"{\"method\":\"" S "GetInterfaceDescription\",\"parameters\":{\"interface\":7}}",
		"interface"},
	{RECORD "{}}", "target"},
	{RECORD "{\"target\":7}}", "target"},
	{RECORD "{\"target\":{}}}", "target.pids"},
	{RECORD "{\"target\":{\"pids\":[]}}}", "target.pids"},
	{RECORD "{\"target\":{\"pids\":7}}}", "target.pids"},
	{RECORD "{\"target\":{\"pids\":[1.5]}}}", "target.pids"},
	{RECORD "{\"target\":{\"pids\":[1,0]}}}", "target.pids"},
	{RECORD "{\"target\":{\"pids\":[-1]}}}", "target.pids"},
	{RECORD "{\"target\":{\"pids\":[4294967296]}}}", "target.pids"},
	{RECORD "{\"target\":{\"pids\":[1],\"children\":\"no\"}}}", "target.children"},
	{RECORD "{\"target\":{\"pids\":[1],\"x\":null}}}", "target.x"},
	{RECORD "{\"target\":{\"pids\":[1]},\"frequency\":\"99\"}}", "frequency"},
	{RECORD "{\"target\":{\"pids\":[1]},\"frequency\":0}}", "frequency"},
	{RECORD "{\"target\":{\"pids\":[1]},\"durationMs\":-1}}", "durationMs"},
	{RECORD "{\"target\":{\"pids\":[1]},\"durationMs\":9223372036854775807}}", "durationMs"},
	{RECORD "{\"target\":{\"pids\":[1]},\"callGraph\":\"x\"}}", "callGraph"},
	{RECORD "{\"target\":{\"pids\":[1]},\"durationMs\":99999999999999999999}}", "parameters"},
};

START_TEST(an_unknown_or_mistyped_parameter_is_named)
{
	say(&client, invalid[_i].text);
	expect_error(S "InvalidParameter", "parameter", invalid[_i].parameter);
	/* And the connection goes on. */
	say(&client, "{\"method\":\"" S "GetInfo\"}");
	expect_reply();
}
END_TEST

static const char *const oneway[] = {
	"{\"method\":\"" I "GetStatus\",\"oneway\":true}",
	"{\"method\":\"" I "Nope\",\"oneway\":true}",
	"{\"method\":\"com.example.Nope\",\"oneway\":true}",
	"{\"method\":\"" I "GetProfile\",\"oneway\":true,\"parameters\":{\"profile\":\"1\"}}",
	"{\"method\":\"" I "GetStatus\",\"oneway\":true,\"parameters\":{\"x\":1}}",
	"{\"method\":\"" I "Stop\",\"oneway\":true,\"parameters\":{\"recording\":\"9\"}}",
};

START_TEST(a_oneway_call_gets_no_reply_not_even_an_error)
{
	json_t *reply;

	say(&client, oneway[_i]);
	say(&client, "{\"method\":\"" S "GetInfo\"}");
	reply = hear(&client);
	ck_assert_str_eq(text_of(reply, "product"), "perfd");
	json_decref(reply);
	ck_assert(hears_nothing(&client, 50));
}
END_TEST

START_TEST(a_method_that_streams_expects_more)
{
	say(&client, "{\"method\":\"" I "GetProfile\",\"parameters\":{\"profile\":\"1\"}}");
	expect_error(S "ExpectedMore", NULL, NULL);
	say(&client, "{\"method\":\"" I "GetFolded\",\"parameters\":{\"profile\":\"1\"}}");
	expect_error(S "ExpectedMore", NULL, NULL);
	say(&client, "{\"method\":\"" I "Record\",\"parameters\":{\"target\":{\"pids\":[1]}}}");
	expect_error(S "ExpectedMore", NULL, NULL);
}
END_TEST

START_TEST(a_method_with_one_reply_called_with_more_does_not_continue)
{
	json_t *reply;

	say(&client, "{\"method\":\"" I "GetStatus\",\"more\":true}");
	reply = hear(&client);
	ck_assert(!json_is_true(json_object_get(reply, "continues")));
	json_decref(reply);
	ck_assert(hears_nothing(&client, 50));
}
END_TEST

START_TEST(upgrades_are_not_implemented_and_the_connection_stays_varlink)
{
	say(&client, "{\"method\":\"" I "GetStatus\",\"upgrade\":true}");
	expect_error(S "MethodNotImplemented", "method", I "GetStatus");
	say(&client, "{\"method\":\"" S "GetInfo\"}");
	expect_reply();
}
END_TEST

START_TEST(unknown_interfaces_and_methods_are_told_apart)
{
	say(&client, "{\"method\":\"com.example.Nope\"}");
	expect_error(S "InterfaceNotFound", "interface", "com.example");
	say(&client, "{\"method\":\"" S "Nope\"}");
	expect_error(S "MethodNotFound", "method", S "Nope");
	say(&client, "{\"method\":\"Nope\"}");
	expect_error(S "MethodNotFound", "method", "Nope");
	say(&client,
		"{\"method\":\"" S
		"GetInterfaceDescription\",\"parameters\":{\"interface\":\"a.b\"}}");
	expect_error(S "InterfaceNotFound", "interface", "a.b");
}
END_TEST

START_TEST(info_lists_the_service_interface_and_all_are_described)
{
	json_t *info, *interfaces, *name;
	size_t i;

	say(&client, "{\"method\":\"" S "GetInfo\"}");
	info = hear(&client);
	interfaces = json_object_get(json_object_get(info, "parameters"), "interfaces");
	ck_assert_uint_eq(json_array_size(interfaces), 2);
	json_array_foreach(interfaces, i, name)
	{
		char text[256], first[128];
		json_t *reply;

		snprintf(text, sizeof(text),
			"{\"method\":\"" S
			"GetInterfaceDescription\",\"parameters\":{\"interface\":\"%s\"}}",
			json_string_value(name));
		snprintf(first, sizeof(first), "\ninterface %s\n", json_string_value(name));
		say(&client, text);
		reply = hear(&client);
		ck_assert_ptr_nonnull(strstr(text_of(reply, "description"), first));
		json_decref(reply);
	}
	ck_assert_str_eq(json_string_value(json_array_get(interfaces, 0)), "org.perfctl.profiler");
	ck_assert_str_eq(json_string_value(json_array_get(interfaces, 1)), "org.varlink.service");
	json_decref(info);
}
END_TEST

START_TEST(each_failure_is_its_error)
{
	say(&client, RECORD "{\"target\":{\"pids\":[4242]}}}");
	expect_error(I "NotPermitted", "rule", "it is not yours");
	say(&client, RECORD "{\"target\":{\"pids\":[4243]}}}");
	expect_error(I "NoSuchTarget", "why", "none there");
	say(&client, RECORD "{\"target\":{\"pids\":[4244]}}}");
	expect_error(I "Failed", "why", "it was told to");
	say(&client, "{\"method\":\"" I "Stop\",\"parameters\":{\"recording\":\"x\\u00e9\"}}");
	expect_error(I "NoSuchRecording", "recording", "x\xc3\xa9");
	say(&client, "{\"method\":\"" I "GetHotspots\",\"parameters\":{\"profile\":\"x\"}}");
	expect_error(I "NoSuchProfile", "profile", "x");
}
END_TEST

START_TEST(a_half_closed_client_still_gets_its_answers)
{
	say(&client, RECORD "{\"target\":{\"pids\":[1]},\"durationMs\":200}}");
	shutdown(client.fd, SHUT_WR);
	for (;;) {
		json_t *reply = hear(&client);

		if (!reply)
			break;
		ck_assert_ptr_null(json_object_get(reply, "error"));
		json_decref(reply);
	}
}
END_TEST

START_TEST(a_client_that_hangs_up_aborts_its_recording)
{
	struct conversation other;

	conversation_open(&other, fake.path);
	say(&other, RECORD "{\"target\":{\"pids\":[1]}}}");
	json_decref(hear(&other));
	ck_assert(status_becomes(&client, "recordings", 1));
	conversation_close(&other);
	ck_assert(status_becomes(&client, "recordings", 0));
	ck_assert_int_eq(ask_number(&client, I "GetStatus", "addressesWanted"), 1);
	ck_assert_int_eq(ask_number(&client, I "GetStatus", "clients"), 1);
}
END_TEST

START_TEST(a_detached_recording_outlives_its_client)
{
	struct conversation other;
	json_t *reply;

	conversation_open(&other, fake.path);
	say(&other,
		"{\"method\":\"" I
		"Record\",\"parameters\":{\"target\":{\"pids\":[1]},\"detach\":true}}");
	reply = hear(&other);
	ck_assert_str_eq(text_of(reply, "state"), "recording");
	ck_assert_str_eq(text_of(reply, "recording"), "1");
	json_decref(reply);
	conversation_close(&other);
	ck_assert(status_becomes(&client, "clients", 1));
	ck_assert_int_eq(ask_number(&client, I "GetStatus", "recordings"), 1);
	say(&client, "{\"method\":\"" I "ListRecordings\"}");
	reply = hear(&client);
	ck_assert_uint_eq(json_array_size(json_object_get(
				  json_object_get(reply, "parameters"), "recordings")),
		1);
	json_decref(reply);
	say(&client, "{\"method\":\"" I "Stop\",\"parameters\":{\"recording\":\"1\"}}");
	reply = hear(&client);
	ck_assert_str_eq(text_of(reply, "profile"), "p1");
	json_decref(reply);
}
END_TEST

START_TEST(a_oneway_call_before_hanging_up_is_still_done)
{
	struct conversation other;

	conversation_open(&other, fake.path);
	say(&other,
		"{\"method\":\"" I "Record\",\"oneway\":true,\"parameters\":{\"target\":{"
		"\"pids\":[1]},\"detach\":true}}");
	conversation_close(&other);
	ck_assert(status_becomes(&client, "recordings", 1));
}
END_TEST

START_TEST(a_recording_reports_progress_and_ends_with_its_ledger)
{
	unsigned n_progress = 0;
	json_t *reply, *ledger;

	say(&client,
		RECORD "{\"target\":{\"pids\":[1]},\"durationMs\":300,\"title\":\"a\xc3\xa9\"}}");
	for (;;) {
		reply = hear(&client);
		ck_assert_str_eq(text_of(reply, "recording"), "1");
		if (!json_is_true(json_object_get(reply, "continues")))
			break;
		ck_assert_str_eq(text_of(reply, "state"), "recording");
		ck_assert_ptr_null(text_of(reply, "profile"));
		n_progress++;
		json_decref(reply);
	}
	ck_assert_uint_ge(n_progress, 4);
	ck_assert_str_eq(text_of(reply, "state"), "finished");
	ck_assert_str_eq(text_of(reply, "profile"), "p1");
	ledger = json_object_get(json_object_get(reply, "parameters"), "ledger");
	ck_assert_int_eq(json_integer_value(json_object_get(ledger, "taken")), 5);
	ck_assert_int_eq(json_integer_value(json_object_get(ledger, "kept")), 3);
	json_decref(reply);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("protocol-rules");
	TCase *tcase = tcase_create("rules");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, begin, finish);
	tcase_add_test(tcase, a_message_may_arrive_byte_by_byte);
	tcase_add_test(tcase, several_messages_may_arrive_at_once_and_are_answered_in_order);
	tcase_add_test(tcase, a_call_waits_for_the_streaming_call_before_it);
	tcase_add_loop_test(
		tcase, a_malformed_message_closes_the_connection, 0, (int)ARRAY_SIZE(malformed));
	tcase_add_test(tcase, extensions_with_a_dot_are_ignored);
	tcase_add_loop_test(tcase, absent_null_and_empty_parameters_are_the_same, 0,
		(int)ARRAY_SIZE(empty_parameters));
	tcase_add_loop_test(
		tcase, an_unknown_or_mistyped_parameter_is_named, 0, (int)ARRAY_SIZE(invalid));
	tcase_add_loop_test(
		tcase, a_oneway_call_gets_no_reply_not_even_an_error, 0, (int)ARRAY_SIZE(oneway));
	tcase_add_test(tcase, a_method_that_streams_expects_more);
	tcase_add_test(tcase, a_method_with_one_reply_called_with_more_does_not_continue);
	tcase_add_test(tcase, upgrades_are_not_implemented_and_the_connection_stays_varlink);
	tcase_add_test(tcase, unknown_interfaces_and_methods_are_told_apart);
	tcase_add_test(tcase, info_lists_the_service_interface_and_all_are_described);
	tcase_add_test(tcase, each_failure_is_its_error);
	tcase_add_test(tcase, a_half_closed_client_still_gets_its_answers);
	tcase_add_test(tcase, a_client_that_hangs_up_aborts_its_recording);
	tcase_add_test(tcase, a_detached_recording_outlives_its_client);
	tcase_add_test(tcase, a_oneway_call_before_hanging_up_is_still_done);
	tcase_add_test(tcase, a_recording_reports_progress_and_ends_with_its_ledger);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
