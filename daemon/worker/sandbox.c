/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The order matters: what needs privileges comes first, dropping them next, the system call filter
 * last.
 *
 * The filter: opening and looking up paths fails with EPERM, so that libdw, which tries to open
 * files that DWARF names, carries on without them; everything else that is not listed kills.
 */

#include "daemon/worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "daemon/worker/unpacker.h"
#include "proto/base/call-filter.h"
#include "proto/base/cleanup.h"
#include "proto/base/confine.h"

/* A worker retires long before (see worker.c); this is for one that is caught in a loop. */
#define CPU_SECONDS_MAX 300
#define MEMORY_BYTES_MAX (UINT64_C(64) << 30)

/*
 * libelf asks for a file's size with fstat(), which the C library turns into newfstatat(), a call
 * that also takes paths. This stands in for both of its names and asks by descriptor only.
 */
int fstat_of_descriptor(int fd, struct stat *stat) __asm__("fstat64");
int fstat_of_descriptor(int fd, struct stat *stat)
{
	return (int)syscall(SYS_fstat, fd, stat);
}
extern __typeof__(fstat_of_descriptor) fstat_of_descriptor_again __asm__("fstat")
	__attribute__((alias("fstat64")));

static int set_limits(void)
{
	int r = confine_set_limit(RLIMIT_CORE, 0);

	if (!r)
		r = confine_set_limit(RLIMIT_FSIZE, 0);
	if (!r)
		r = confine_set_limit(RLIMIT_NPROC, 0);
	if (!r)
		r = confine_set_limit(RLIMIT_CPU, CPU_SECONDS_MAX);
	if (!r && !CONFINE_IS_SANITIZED)
		r = confine_set_limit(RLIMIT_AS, MEMORY_BYTES_MAX);
	return r;
}

int sandbox_limit_memory(uint64_t bytes)
{
	struct rlimit limit;

	if (CONFINE_IS_SANITIZED)
		return 0;
	if (getrlimit(RLIMIT_AS, &limit) < 0)
		return -errno;
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	return setrlimit(RLIMIT_AS, &limit) < 0 ? -errno : 0;
}

static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(readv),
	SCMP_SYS(preadv),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(munmap),
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sysinfo), /* qsort: how large a buffer */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static const int refused[] = {
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(creat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getcwd),
	SCMP_SYS(ioctl),
};

/* What the sanitizers' runtime does beyond: its own memory, signal stacks, reports. */
static const int allowed_sanitized[] = {
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(mremap),
	SCMP_SYS(getrlimit),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(uname),
	SCMP_SYS(getuid),
	SCMP_SYS(dup),
};

/* Limits of this process only; what libelf asks of a descriptor. */
static int add_rules(scmp_filter_ctx filter)
{
	struct scmp_arg_cmp get_fd = SCMP_A1(SCMP_CMP_EQ, F_GETFD);
	struct scmp_arg_cmp myself = SCMP_A0(SCMP_CMP_EQ, 0);
	int r = call_filter_allow_data(filter);

	if (!r && !CONFINE_IS_SANITIZED)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mremap), 0);
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, get_fd);
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, myself);
	return r;
}

static int filter_calls(void)
{
	const struct call_rule rules[] = {
		{SCMP_ACT_ALLOW, allowed, ARRAY_SIZE(allowed)},
		{SCMP_ACT_ERRNO(EPERM), refused, ARRAY_SIZE(refused)},
		{SCMP_ACT_ALLOW, allowed_sanitized,
			CONFINE_IS_SANITIZED ? ARRAY_SIZE(allowed_sanitized) : 0},
	};

	return call_filter_load(SCMP_ACT_KILL_PROCESS, rules, ARRAY_SIZE(rules), add_rules);
}

int sandbox_enter(int keep_fd, const char **ret_step)
{
	static const struct confine_step steps[] = {
		{"drop the bounding set", confine_drop_bounding_set},
		{"change the user", confine_drop_user},
		{"drop capabilities", confine_drop_capabilities},
		/* Limits and the filter forbid it, and hold for it. */
		{"make a thread", unpacker_start},
		{"set limits", set_limits},
		{"forbid new privileges", confine_tie_to_parent},
		{"load the system call filter", filter_calls},
	};
	int r = clearenv() ? -ENOMEM : confine_close_descriptors(keep_fd, CONFINE_IS_SANITIZED);

	if (r < 0) {
		*ret_step = "close descriptors";
		return r;
	}
	return confine_run(steps, ARRAY_SIZE(steps), ret_step);
}
