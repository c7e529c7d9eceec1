/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The steps by which a helper gives up what it does not need. As root the process becomes user
 * `perfd`, else `nobody`; as anybody else it keeps its uid, and sheds its capabilities in either
 * case. The bounding set can be emptied only by one who holds CAP_SETPCAP; without it, no_new_privs
 * and the forbidden exec keep it without effect.
 */

#include "proto/base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

#define USER "perfd"
#define NOBODY_ID 65534

void confine_find_user(uid_t *ret_uid, gid_t *ret_gid)
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

int confine_drop_bounding_set(void)
{
	for (unsigned long capability = 0; capability < 64; capability++) {
		if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) <= 0)
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			return errno == EPERM && geteuid() != 0 ? 0 : -errno;
	}
	return 0;
}

int confine_drop_user(void)
{
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0 && getuid() != 0)
		return 0;
	confine_find_user(&uid, &gid);
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return getuid() == uid && geteuid() == uid ? 0 : -EPERM;
}

int confine_drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {}, now[ARRAY_SIZE(none)];

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	if (syscall(SYS_capset, &header, none) < 0 || syscall(SYS_capget, &header, now) < 0)
		return -errno;
	return memcmp(none, now, sizeof(none)) ? -EPERM : 0;
}

int confine_set_limit(int resource, rlim_t value)
{
	struct rlimit limit = {.rlim_cur = value, .rlim_max = value}, now;

	if (getrlimit(resource, &now) < 0)
		return -errno;
	if (now.rlim_max < value)
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

int confine_close_descriptors(int keep_fd, bool keeps_errors)
{
	CLEANUP(closep) int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0)
		return -errno;
	for (int fd = 0; fd < (keeps_errors ? 2 : 3); fd++)
		if (dup2(null_fd, fd) < 0)
			return -errno;
	if (keep_fd > 3 && close_range(3, (unsigned)keep_fd - 1, 0) < 0)
		return -errno;
	if (close_range((unsigned)keep_fd + 1, ~0U, 0) < 0)
		return -errno;
	null_fd = -1; /* closed with the others, or one of the three */
	return 0;
}

int confine_tie_to_parent(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int confine_run(const struct confine_step *steps, size_t n, const char **ret_step)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		r = steps[i].run();
		if (r < 0)
			*ret_step = steps[i].name;
	}
	return r;
}
