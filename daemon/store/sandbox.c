/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The directory is made while there are rights to do so, and is then all there is: as root by chroot,
 * so that directories above it need not be open to the user that the process becomes. The filter
 * lets files be opened, which SQLite does all the time, but no socket, no process and no program.
 */

#include "daemon/store/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/call-filter.h"
#include "proto/base/cleanup.h"
#include "proto/base/confine.h"
#include "proto/base/text.h"

/* A query's profile and what it is made of; far more than any should need. */
#define MEMORY_BYTES_MAX (UINT64_C(1) << 30)

static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(readv),
	SCMP_SYS(write),
	SCMP_SYS(pwrite64),
	SCMP_SYS(writev),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(fcntl),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate),
	SCMP_SYS(fchmod),
	SCMP_SYS(umask),
	SCMP_SYS(getcwd),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sysinfo),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* What the sanitizers' runtime does beyond. */
static const int allowed_sanitized[] = {
	SCMP_SYS(sigaltstack),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(getrlimit),
	SCMP_SYS(uname),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(dup),
	SCMP_SYS(prlimit64),
};

static int filter_calls(void)
{
	const struct call_rule rules[] = {
		{SCMP_ACT_ALLOW, allowed, ARRAY_SIZE(allowed)},
		{SCMP_ACT_ALLOW, allowed_sanitized,
			CONFINE_IS_SANITIZED ? ARRAY_SIZE(allowed_sanitized) : 0},
	};

	return call_filter_load(
		SCMP_ACT_KILL_PROCESS, rules, ARRAY_SIZE(rules), call_filter_allow_data);
}

static int set_limits(void)
{
	int r = confine_set_limit(RLIMIT_CORE, 0);

	if (!r)
		r = confine_set_limit(RLIMIT_NPROC, 0);
	if (!r && !CONFINE_IS_SANITIZED)
		r = confine_set_limit(RLIMIT_AS, MEMORY_BYTES_MAX);
	return r;
}

/* Makes the directory of the file, for whom this process becomes; one that is there stays as it is. */
static int directory_make(const char *directory)
{
	uid_t uid;
	gid_t gid;

	if (mkdir(directory, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	if (geteuid() != 0)
		return 0;
	confine_find_user(&uid, &gid);
	return chown(directory, uid, gid) < 0 ? -errno : 0;
}

static int enter_directory(const char *path, const char **ret_path)
{
	CLEANUP(freep) char *directory = strdup(path);
	const char *name = text_base_name(path);
	int r;

	if (!directory)
		return -ENOMEM;
	directory[name - path] = '\0';
	if (name - path > 1)
		directory[name - path - 1] = '\0';
	r = directory_make(directory);
	*ret_path = path;
	if (r || geteuid() != 0)
		return r;
	if (chroot(directory) < 0 || chdir("/") < 0)
		return -errno;
	*ret_path = path + (name - path) - 1;
	return 0;
}

int sandbox_enter(const char *path, int keep_fd, const char **ret_path, const char **ret_step)
{
	static const struct confine_step steps[] = {
		{"drop the bounding set", confine_drop_bounding_set},
		{"change the user", confine_drop_user},
		{"drop capabilities", confine_drop_capabilities},
		{"set limits", set_limits},
		{"forbid new privileges", confine_tie_to_parent},
		{"load the system call filter", filter_calls},
	};
	int r = confine_close_descriptors(keep_fd, CONFINE_IS_SANITIZED);

	umask(0077);
	*ret_step = "make and enter the directory";
	if (!r)
		r = enter_directory(path, ret_path);
	return r ? r : confine_run(steps, ARRAY_SIZE(steps), ret_step);
}
