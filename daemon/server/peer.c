/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ids come from SO_PEERCRED and groups from SO_PEERGROUPS: both are fixed when the connection is
 * made, and cannot change. That root is the host's root, and not a container's with the socket
 * mounted into it, is asked of /proc/PID, and there the pid could belong to somebody else by now.
 * The pidfd tells: if the process behind it still lives after reading, it was that process that we
 * read. SO_PEERPIDFD (Linux 6.5) gives the pidfd of the connecting process itself; before, one is
 * opened by pid, and must then at least show the ids that the socket shows.
 *
 * Whatever cannot be read makes a peer less, never more.
 */

#include "daemon/server/peer.h"

#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define STATUS_BYTES_MAX (64 * 1024)
/* NGROUPS_MAX of Linux */
#define GROUPS_MAX 65536

bool peer_has_bounding(const char *status, unsigned capability)
{
	const char *line = strstr(status, "\nCapBnd:\t");
	uint64_t set;

	if (!line || sscanf(line, "\nCapBnd:\t%" SCNx64, &set) != 1)
		return false;
	return set >> capability & 1;
}

unsigned peer_pid_depth(const char *status)
{
	const char *at = strstr(status, "\nNSpid:");
	unsigned n = 0;

	if (!at)
		return 0;
	for (at++; *at && *at != '\n'; at++)
		n += *at == '\t';
	return n;
}

static int is_in_group(int fd, gid_t gid, bool *ret_member)
{
	socklen_t size = 64 * sizeof(gid_t);
	CLEANUP(freep) gid_t *groups = malloc(size);
	gid_t *more;

	if (!groups)
		return -ENOMEM;
	while (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size)) {
		if (errno == ENODATA) {
			*ret_member = false;
			return 0;
		}
		if (errno != ERANGE || size > GROUPS_MAX * sizeof(gid_t))
			return -errno;
		more = realloc(groups, size);
		if (!more)
			return -ENOMEM;
		groups = more;
	}
	*ret_member = false;
	for (size_t i = 0; i < size / sizeof(gid_t); i++)
		*ret_member = *ret_member || groups[i] == gid;
	return 0;
}

static int open_pidfd(int fd, pid_t pid)
{
	socklen_t size = sizeof(int);
	int pidfd;

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size))
		return pidfd;
	if (errno != ENOPROTOOPT)
		return -errno;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pidfd < 0 ? -errno : pidfd;
}

/* A pidfd becomes readable when its process ends. */
static bool is_alive(int pidfd)
{
	struct pollfd item = {.fd = pidfd, .events = POLLIN};

	return poll(&item, 1, 0) == 0;
}

static bool has_own_user_namespace(int process_fd)
{
	struct stat own, theirs;

	return !stat("/proc/self/ns/user", &own) && !fstatat(process_fd, "ns/user", &theirs, 0) &&
		own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino;
}

/* Effective ids, since that is what SO_PEERCRED holds. */
static bool has_ids(const char *status, const struct ucred *ids)
{
	const char *uids = strstr(status, "\nUid:\t"), *gids = strstr(status, "\nGid:\t");
	uid_t uid;
	gid_t gid;

	return uids && gids && sscanf(uids, "\nUid:\t%*u\t%u", &uid) == 1 &&
		sscanf(gids, "\nGid:\t%*u\t%u", &gid) == 1 && uid == ids->uid && gid == ids->gid;
}

static bool has_own_pid_namespace(const char *status)
{
	CLEANUP(freep) char *own = NULL;
	unsigned depth = peer_pid_depth(status);

	/* We see only our own pid namespace and those below: at the same depth, it is the same. */
	return depth &&
		!text_read_file(AT_FDCWD, "/proc/self/status", STATUS_BYTES_MAX, &own, NULL) &&
		depth == peer_pid_depth(own);
}

/* What /proc tells of the peer; both outputs are false unless it is certain. */
static void read_process(int fd, const struct ucred *ids, bool *ret_host_root, bool *ret_own_pids)
{
	CLEANUP(closep) int process_fd = -1;
	CLEANUP(closep) int pidfd = -1;
	CLEANUP(freep) char *status = NULL;
	bool is_host_root, has_own_pids;
	char path[32];

	*ret_host_root = *ret_own_pids = false;
	if (ids->pid <= 0)
		return;
	pidfd = open_pidfd(fd, ids->pid);
	snprintf(path, sizeof(path), "/proc/%d", (int)ids->pid);
	process_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (pidfd < 0 || process_fd < 0 ||
		text_read_file(process_fd, "status", STATUS_BYTES_MAX, &status, NULL))
		return;
	has_own_pids = has_own_pid_namespace(status);
	is_host_root = ids->uid == 0 && has_ids(status, ids) &&
		peer_has_bounding(status, CAP_PERFMON) && has_own_user_namespace(process_fd);
	if (!is_alive(pidfd))
		return;
	*ret_host_root = is_host_root;
	*ret_own_pids = has_own_pids;
}

int peer_read(int fd, gid_t admin_gid, struct peer *ret_peer)
{
	bool is_host_root, has_own_pids, is_member = false;
	socklen_t size = sizeof(struct ucred);
	struct ucred ids;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ids, &size))
		return -errno;
	read_process(fd, &ids, &is_host_root, &has_own_pids);
	if (admin_gid != (gid_t)-1 && ids.gid != admin_gid) {
		r = is_in_group(fd, admin_gid, &is_member);
		if (r < 0)
			return r;
	}
	*ret_peer = (struct peer){
		.caller = {.uid = ids.uid,
			.gid = ids.gid,
			.pid = ids.pid,
			.is_admin = is_host_root || is_member ||
				(admin_gid != (gid_t)-1 && ids.gid == admin_gid)},
		.is_foreign_pid_namespace = !has_own_pids,
	};
	return 0;
}
