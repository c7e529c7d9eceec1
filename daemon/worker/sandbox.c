/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The order matters: what needs privileges comes first, dropping them next, the system call filter
 * last. As root the process becomes user `perfd`, else `nobody`; as anybody else it keeps its uid,
 * and sheds its capabilities in either case. The bounding set can be emptied only by one who holds
 * CAP_SETPCAP; without it, no_new_privs and the forbidden exec keep it without effect.
 *
 * The filter: opening and looking up paths fails with EPERM, so that libdw, which tries to open
 * files that DWARF names, carries on without them; everything else that is not listed kills.
 */

#include "daemon/worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "proto/base/cleanup.h"

#define USER "perfd"
#define NOBODY_ID 65534
/* A worker retires long before (see worker.c); this is for one that is caught in a loop. */
#define CPU_SECONDS_MAX 300
#define MEMORY_BYTES_MAX (UINT64_C(64) << 30)

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

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

/* From /etc/passwd itself: a name service would load code and talk to others. */
static void find_user(uid_t *ret_uid, gid_t *ret_gid)
{
	CLEANUP(fclosep) FILE *file = fopen("/etc/passwd", "re");
	struct passwd *entry;

	*ret_uid = NOBODY_ID;
	*ret_gid = NOBODY_ID;
	while (file && (entry = fgetpwent(file))) {
		if (strcmp(entry->pw_name, USER) || !entry->pw_uid || !entry->pw_gid)
			continue;
		*ret_uid = entry->pw_uid;
		*ret_gid = entry->pw_gid;
		return;
	}
}

static int drop_bounding_set(void)
{
	for (unsigned long capability = 0; capability < 64; capability++) {
		if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) <= 0)
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			return errno == EPERM && geteuid() != 0 ? 0 : -errno;
	}
	return 0;
}

static int drop_user(void)
{
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0 && getuid() != 0)
		return 0;
	find_user(&uid, &gid);
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return getuid() == uid && geteuid() == uid ? 0 : -EPERM;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {}, now[ARRAY_SIZE(none)];

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	if (syscall(SYS_capset, &header, none) < 0 || syscall(SYS_capget, &header, now) < 0)
		return -errno;
	return memcmp(none, now, sizeof(none)) ? -EPERM : 0;
}

static int set_limit(int resource, rlim_t value)
{
	struct rlimit limit = {.rlim_cur = value, .rlim_max = value}, now;

	if (getrlimit(resource, &now) < 0)
		return -errno;
	if (now.rlim_max < value)
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

static int set_limits(void)
{
	int r = set_limit(RLIMIT_CORE, 0);

	if (!r)
		r = set_limit(RLIMIT_FSIZE, 0);
	if (!r)
		r = set_limit(RLIMIT_NPROC, 0);
	if (!r)
		r = set_limit(RLIMIT_CPU, CPU_SECONDS_MAX);
	if (!r && !IS_SANITIZED)
		r = set_limit(RLIMIT_AS, MEMORY_BYTES_MAX);
	return r;
}

int sandbox_limit_memory(uint64_t bytes)
{
	struct rlimit limit;

	if (IS_SANITIZED)
		return 0;
	if (getrlimit(RLIMIT_AS, &limit) < 0)
		return -errno;
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	return setrlimit(RLIMIT_AS, &limit) < 0 ? -errno : 0;
}

static int close_descriptors(int keep_fd)
{
	CLEANUP(closep) int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0)
		return -errno;
	/* A sanitizer's last words go to standard error. */
	for (int fd = 0; fd < (IS_SANITIZED ? 2 : 3); fd++)
		if (dup2(null_fd, fd) < 0)
			return -errno;
	if (keep_fd > 3 && close_range(3, (unsigned)keep_fd - 1, 0) < 0)
		return -errno;
	if (close_range((unsigned)keep_fd + 1, ~0U, 0) < 0)
		return -errno;
	null_fd = -1; /* closed with the others, or one of the three */
	return 0;
}

/* For a death by parent: a change of user has cleared what was set before exec. */
static int tie_to_parent(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
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

static int add_rules(scmp_filter_ctx filter)
{
	/* No memory that can be executed; limits of this process only. */
	struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	struct scmp_arg_cmp get_fd = SCMP_A1(SCMP_CMP_EQ, F_GETFD);
	struct scmp_arg_cmp myself = SCMP_A0(SCMP_CMP_EQ, 0);
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(allowed); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; !r && i < ARRAY_SIZE(refused); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	for (size_t i = 0; !r && IS_SANITIZED && i < ARRAY_SIZE(allowed_sanitized); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_sanitized[i], 0);
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_exec);
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_exec);
	if (!r && !IS_SANITIZED)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mremap), 0);
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, get_fd);
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, myself);
	return r;
}

static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!filter)
		return -ENOMEM;
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!r)
		r = add_rules(filter);
	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

int sandbox_enter(int keep_fd, const char **ret_step)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} steps[] = {
		{"drop the bounding set", drop_bounding_set},
		{"change the user", drop_user},
		{"drop capabilities", drop_capabilities},
		{"set limits", set_limits},
		{"forbid new privileges", tie_to_parent},
		{"load the system call filter", filter_calls},
	};
	int r = clearenv() ? -ENOMEM : close_descriptors(keep_fd);

	if (r < 0) {
		*ret_step = "close descriptors";
		return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		r = steps[i].run();
		if (r < 0) {
			*ret_step = steps[i].name;
			return r;
		}
	}
	return 0;
}
