/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a worker cannot do: each attempt is made by a child that has entered the sandbox. */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/worker/sandbox.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define NO_SANDBOX 99
#define HELD 98 /* an attempt's own check found what it should */

typedef int attempt(void); /* an errno, or 0: it worked */

static int run(attempt *function, int *ret_signal)
{
	int pair[2], status;
	pid_t pid;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	if (!pid) {
		const char *step;

		if (sandbox_enter(pair[1], &step) < 0)
			_exit(NO_SANDBOX);
		errno = 0;
		_exit(function());
	}
	close(pair[0]);
	close(pair[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	*ret_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	ck_assert_int_ne(WIFEXITED(status) ? WEXITSTATUS(status) : 0, NO_SANDBOX);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define ATTEMPT(name, call)                                                                        \
	static int name(void)                                                                      \
	{                                                                                          \
		return (long)(call) < 0 ? errno : 0;                                               \
	}

ATTEMPT(try_open, open("/etc/hostname", O_RDONLY))
ATTEMPT(try_create, open("/tmp/x", O_CREAT | O_WRONLY, 0600))
ATTEMPT(try_stat, syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &(struct stat){}, 0))
ATTEMPT(try_readlink, readlink("/proc/self/exe", (char[8]){}, 8))
ATTEMPT(try_socket, socket(AF_INET, SOCK_STREAM, 0))
ATTEMPT(try_unix_socket, socket(AF_UNIX, SOCK_STREAM, 0))
ATTEMPT(try_exec, execve("/bin/true", (char *[]){"true", NULL}, NULL))
ATTEMPT(try_fork, syscall(SYS_fork))
ATTEMPT(try_clone, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))
ATTEMPT(try_kill, kill(getppid(), 0))
ATTEMPT(try_kill_raw, syscall(SYS_kill, 1, 0))
ATTEMPT(try_tgkill, syscall(SYS_tgkill, 1, 1, 0))
ATTEMPT(try_ptrace, ptrace(PTRACE_TRACEME, 0, 0, 0))
ATTEMPT(try_read_memory, syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0))
ATTEMPT(try_pidfd, syscall(SYS_pidfd_open, 1, 0))
ATTEMPT(try_bpf, syscall(SYS_bpf, 0, NULL, 0))
ATTEMPT(try_perf, syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0))
ATTEMPT(try_mount, syscall(SYS_mount, "", "", "", 0, NULL))
ATTEMPT(try_setuid, setuid(0))
ATTEMPT(try_unshare, unshare(CLONE_NEWUSER))
ATTEMPT(try_io_uring, syscall(SYS_io_uring_setup, 1, NULL))
ATTEMPT(try_limits_of_others, syscall(SYS_prlimit64, 1, RLIMIT_CORE, NULL, &(struct rlimit){}))
ATTEMPT(try_executable_memory,
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		? -1
		: 0)

START_TEST(paths_are_refused_without_death)
{
	attempt *const attempts[] = {try_open, try_create, try_stat, try_readlink};
	int signal;

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		ck_assert_int_eq(run(attempts[i], &signal), EPERM);
		ck_assert_int_eq(signal, 0);
	}
}
END_TEST

START_TEST(everything_else_kills)
{
	attempt *const attempts[] = {try_socket, try_unix_socket, try_exec, try_fork, try_clone,
		try_kill, try_kill_raw, try_tgkill, try_ptrace, try_read_memory, try_pidfd, try_bpf,
		try_perf, try_mount, try_setuid, try_unshare, try_io_uring, try_limits_of_others,
		try_executable_memory};
	int signal;

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		int r = run(attempts[i], &signal);

		ck_assert_msg(signal == SIGSYS, "attempt %zu: status %d, signal %d", i, r, signal);
	}
}
END_TEST

static int has_limits(void)
{
	struct rlimit core, files, processes, cpu;

	if (getrlimit(RLIMIT_CORE, &core) || getrlimit(RLIMIT_FSIZE, &files) ||
		getrlimit(RLIMIT_NPROC, &processes) || getrlimit(RLIMIT_CPU, &cpu))
		return errno;
	return core.rlim_max || files.rlim_max || processes.rlim_max ||
			cpu.rlim_max == RLIM_INFINITY
		? 1
		: HELD;
}

START_TEST(limits_are_set)
{
	int signal;

	ck_assert_int_eq(run(has_limits, &signal), HELD);
}
END_TEST

static int has_only_its_socket(void)
{
	/* 0 to 2 are there, the socket is 4 or more in this test. */
	int n = 0;

	for (int fd = 3; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n == 1 && (!environ || !environ[0]) ? HELD : n;
}

START_TEST(one_descriptor_is_left_and_no_environment)
{
	int signal;

	setenv("DEBUGINFOD_URLS", "http://127.0.0.1:1", 1);
	ck_assert_int_eq(run(has_only_its_socket, &signal), HELD);
}
END_TEST

static int can_read(void)
{
	struct stat stat;
	void *memory = malloc(1 << 20);

	free(memory);
	return memory && fstat(0, &stat) == 0 && S_ISCHR(stat.st_mode) ? HELD : 1;
}

START_TEST(memory_and_given_descriptors_work)
{
	int signal;

	ck_assert_int_eq(run(can_read, &signal), HELD);
}
END_TEST

/* Seen from outside, for the child itself cannot ask. */
START_TEST(user_groups_and_capabilities_are_gone)
{
	int pair[2], ready;
	char path[64], line[256];
	unsigned n_checked = 0;
	FILE *file;
	pid_t pid;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	if (!pid) {
		const char *step;
		struct msghdr message = {};

		if (sandbox_enter(pair[1], &step) < 0 || send(pair[1], "x", 1, 0) != 1)
			_exit(NO_SANDBOX);
		recvmsg(pair[1], &message, 0);
		_exit(0);
	}
	ck_assert_int_eq(read(pair[0], &ready, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		unsigned long value = 0;
		unsigned uid;

		if (sscanf(line, "Uid: %u", &uid) == 1) {
			ck_assert_uint_ne(uid, 0);
			n_checked++;
		}
		if (sscanf(line, "CapPrm: %lx", &value) == 1 ||
			sscanf(line, "CapEff: %lx", &value) == 1 ||
			sscanf(line, "CapInh: %lx", &value) == 1 ||
			sscanf(line, "CapAmb: %lx", &value) == 1) {
			ck_assert_uint_eq(value, 0);
			n_checked++;
		}
		if (sscanf(line, "CapBnd: %lx", &value) == 1 && geteuid() == 0) {
			ck_assert_uint_eq(value, 0);
			n_checked++;
		}
		if (sscanf(line, "NoNewPrivs: %lu", &value) == 1 ||
			sscanf(line, "Seccomp: %lu", &value) == 1) {
			ck_assert_uint_ge(value, 1);
			n_checked++;
		}
	}
	fclose(file);
	ck_assert_uint_ge(n_checked, 7);
	close(pair[0]);
	close(pair[1]);
	waitpid(pid, NULL, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		paths_are_refused_without_death,
		everything_else_kills,
		limits_are_set,
		one_descriptor_is_left_and_no_environment,
		memory_and_given_descriptors_work,
		user_groups_and_capabilities_are_gone,
	};

	return check_main("worker/sandbox", tests, ARRAY_SIZE(tests));
}
