/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Facts about one process, from procfs. The ids, the capabilities and the dumpable bit come from
 * different files, so a process that changes between the reads could show a mixture; `status` is
 * therefore read again at the end, and the facts count only if it says the same.
 *
 * Dumpable: the directory /proc/PID keeps the process's owner in any case, but the files inside
 * belong to root (0:0) once the process is not dumpable (proc(5), "PR_SET_DUMPABLE"). Of a process
 * that is root's anyway this tells nothing, and it counts as not dumpable: what cannot be shown is
 * not allowed, and admins are not asked.
 *
 * User namespace: the initial one, or one whose uid_map maps all ids to themselves, which is what
 * the link /proc/PID/ns/user and the file /proc/PID/uid_map tell. Where the link cannot be read,
 * the map decides alone: it is as strict, except that it takes identity-mapped namespaces too.
 */

#include "daemon/target/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define STATUS_BYTES_MAX (64 * 1024)
#define ID_MAP_BYTES_MAX (64 * 1024)
#define ATTEMPTS 3

/* Reading a dead process's files gives ESRCH, looking them up ENOENT. */
static int gone(int error)
{
	return error == -ENOENT ? -ESRCH : error;
}

/* The text behind "\nKEY:\t", or NULL. The first line (Name) holds arbitrary bytes, but the kernel
 * escapes newlines there. */
static const char *find_line(const char *status, const char *key)
{
	const char *line = strstr(status, key);

	return line ? line + strlen(key) : NULL;
}

static int parse_status(const char *status, struct access_process *ret_process)
{
	const char *uids = find_line(status, "\nUid:\t"), *gids = find_line(status, "\nGid:\t");
	const char *permitted = find_line(status, "\nCapPrm:\t");
	struct access_process process = {};
	bool is_dead;

	if (!uids || !gids || !permitted)
		return -EBADMSG;
	if (sscanf(uids, "%u\t%u\t%u", &process.uid, &process.euid, &process.suid) != 3 ||
		sscanf(gids, "%u\t%u\t%u", &process.gid, &process.egid, &process.sgid) != 3 ||
		sscanf(permitted, "%" SCNx64, &process.cap_permitted) != 1)
		return -EBADMSG;
	is_dead = strstr(status, "\nState:\tZ") || strstr(status, "\nState:\tX");
	/* The first thread may have ended before the others. */
	if (is_dead && strstr(status, "\nThreads:\t1\n"))
		return -ESRCH;
	/* "Kthread:" says it outright, from Linux 6.11 on; before, what has no memory of its own and
	 * is not dead is one. */
	process.is_kernel_thread = strstr(status, "\nKthread:\t")
		? !!strstr(status, "\nKthread:\t1")
		: !is_dead && !strstr(status, "\nVmSize:\t");
	*ret_process = process;
	return 0;
}

static int read_dumpable(int process_fd, bool *ret_dumpable)
{
	struct stat directory, inside;

	if (fstat(process_fd, &directory) ||
		fstatat(process_fd, "maps", &inside, AT_SYMLINK_NOFOLLOW))
		return gone(-errno);
	*ret_dumpable = (inside.st_uid != 0 || inside.st_gid != 0) &&
		inside.st_uid == directory.st_uid && inside.st_gid == directory.st_gid;
	return 0;
}

static int has_identity_map(int process_fd, const char *name, bool *ret_identity)
{
	CLEANUP(freep) char *text = NULL;
	uint32_t inside, outside, n;
	int r = text_read_file(process_fd, name, ID_MAP_BYTES_MAX, &text, NULL);

	if (r < 0)
		return gone(r);
	/* One line that maps all ids there can be. */
	*ret_identity = sscanf(text, "%" SCNu32 "%" SCNu32 "%" SCNu32, &inside, &outside, &n) ==
			3 &&
		inside == 0 && outside == 0 && n == UINT32_MAX;
	return 0;
}

static int read_userns(int process_fd, int initial_fd, bool *ret_initial)
{
	struct stat own, theirs;
	bool is_uid_identity, is_gid_identity;
	int r;

	if (!fstatat(initial_fd, "ns/user", &own, 0) &&
		!fstatat(process_fd, "ns/user", &theirs, 0) && own.st_dev == theirs.st_dev &&
		own.st_ino == theirs.st_ino) {
		*ret_initial = true;
		return 0;
	}
	r = has_identity_map(process_fd, "uid_map", &is_uid_identity);
	if (r < 0)
		return r;
	r = has_identity_map(process_fd, "gid_map", &is_gid_identity);
	if (r < 0)
		return r;
	*ret_initial = is_uid_identity && is_gid_identity;
	return 0;
}

static int read_status(int process_fd, struct access_process *ret_process)
{
	CLEANUP(freep) char *status = NULL;
	int r = text_read_file(process_fd, "status", STATUS_BYTES_MAX, &status, NULL);

	return r < 0 ? gone(r) : parse_status(status, ret_process);
}

static bool has_same_status(const struct access_process *a, const struct access_process *b)
{
	return a->uid == b->uid && a->euid == b->euid && a->suid == b->suid && a->gid == b->gid &&
		a->egid == b->egid && a->sgid == b->sgid && a->cap_permitted == b->cap_permitted &&
		a->is_kernel_thread == b->is_kernel_thread;
}

int credentials_read(int process_fd, int initial_fd, struct access_process *ret_process)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		struct access_process process, again;
		int r = read_status(process_fd, &process);

		if (r == 0)
			r = read_dumpable(process_fd, &process.is_dumpable);
		if (r == 0)
			r = read_userns(process_fd, initial_fd, &process.is_initial_userns);
		if (r == 0)
			r = read_status(process_fd, &again);
		if (r < 0)
			return r;
		if (has_same_status(&process, &again)) {
			*ret_process = process;
			return 0;
		}
	}
	return -EAGAIN;
}

int credentials_read_pid(pid_t pid, struct access_process *ret_process)
{
	CLEANUP(closep) int process_fd = -1;
	CLEANUP(closep) int self_fd = -1;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	process_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (process_fd < 0)
		return gone(-errno);
	self_fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (self_fd < 0)
		return -errno;
	return credentials_read(process_fd, self_fd, ret_process);
}
