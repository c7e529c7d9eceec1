/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The directory is made while there are rights to do so, and is then all there is: as root by chroot,
 * so that directories above it need not be open to the user that the process becomes. The filter
 * lets files be opened, which SQLite does all the time, but no socket, no process and no program.
 */

#include "daemon/store/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int add_rules(scmp_filter_ctx filter)
{
	struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(allowed); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; !r && CONFINE_IS_SANITIZED && i < ARRAY_SIZE(allowed_sanitized); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_sanitized[i], 0);
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_exec);
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_exec);
	return r;
}

static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!filter)
		return -ENOMEM;
	r = add_rules(filter);
	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
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
	static const struct {
		const char *name;
		int (*run)(void);
	} steps[] = {
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
	for (size_t i = 0; i < ARRAY_SIZE(steps) && !r; i++) {
		*ret_step = steps[i].name;
		r = steps[i].run();
	}
	return r;
}
