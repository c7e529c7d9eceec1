// SPDX-License-Identifier: GPL-2.0-or-later
/* The command waits until it is released, and its end is told as a shell would. */

#include "cli/workload.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/recording.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

static int run_to_end(char **argv)
{
	CLEANUP(workload_done) struct workload workload = {0};
	CLEANUP(closep) int signal_fd = -1;
	sigset_t mask;

	signal_fd = recording_open_signals(&mask);
	ck_assert_int_ge(signal_fd, 0);
	ck_assert_int_eq(workload_start(&workload, argv, &mask), 0);
	ck_assert_int_eq(workload_release(&workload), 0);
	workload_wait(&workload, signal_fd);
	return workload_exit_code(&workload);
}

START_TEST(an_exit_status_is_the_commands)
{
	ck_assert_int_eq(run_to_end((char *[]){"true", NULL}), 0);
	ck_assert_int_eq(run_to_end((char *[]){"sh", "-c", "exit 42", NULL}), 42);
}
END_TEST

START_TEST(a_signal_is_128_and_its_number)
{
	ck_assert_int_eq(run_to_end((char *[]){"sh", "-c", "kill -TERM $$", NULL}), 128 + SIGTERM);
}
END_TEST

START_TEST(what_is_not_there_is_127)
{
	ck_assert_int_eq(run_to_end((char *[]){"/nonexistent/command", NULL}), 127);
}
END_TEST

START_TEST(what_cannot_be_executed_is_126)
{
	ck_assert_int_eq(run_to_end((char *[]){"/etc/passwd", NULL}), 126);
	ck_assert_int_eq(run_to_end((char *[]){"/tmp", NULL}), 126);
}
END_TEST

START_TEST(nothing_runs_before_the_release)
{
	char path[] = "/tmp/test-workload-XXXXXX";
	char *argv[] = {"rm", path, NULL};
	struct workload workload = {0};
	int fd = mkstemp(path);
	sigset_t mask;

	close(fd);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	ck_assert_int_eq(workload_start(&workload, argv, &mask), 0);
	usleep(100000);
	ck_assert_int_eq(access(path, F_OK), 0);
	/* Given up without a release: the child goes, the command never runs. */
	workload_done(&workload);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	unlink(path);
}
END_TEST

START_TEST(the_command_gets_the_signal_mask_of_before)
{
	ck_assert_int_eq(run_to_end((char *[]){"sh", "-c",
				 "grep -q '^SigBlk:.*0000000000000000$' /proc/self/status", NULL}),
		0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_exit_status_is_the_commands,
		a_signal_is_128_and_its_number,
		what_is_not_there_is_127,
		what_cannot_be_executed_is_126,
		nothing_runs_before_the_release,
		the_command_gets_the_signal_mask_of_before,
	};

	return check_main("cli/workload", tests, ARRAY_SIZE(tests));
}
