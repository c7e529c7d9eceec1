/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The child that may hang. A target chose what it maps: every file is looked at through O_PATH
 * first, which starts nothing in a device, a FIFO or a network file system's server, and is opened
 * for reading only when it is a regular file of bearable size. A file system in user space is refused
 * whole: closing a file there asks its server, and so whoever is given one could be held for ever.
 * After the open the process must still be the one that was meant.
 */

#include "daemon/opener/opener-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "proto/base/call-filter.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define OPEN_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define MAPS_BYTES_MAX (64u << 20)

static void link_of(int fd, char *link, size_t size)
{
	snprintf(link, size, "/proc/self/fd/%d", fd);
}

/* A regular file behind an O_PATH descriptor, opened for reading. */
static int reopen(int path_fd, struct stat *ret_stat)
{
	struct statfs file_system;
	char link[32];
	int fd;

	if (fstat(path_fd, ret_stat) < 0)
		return -errno;
	if (!S_ISREG(ret_stat->st_mode))
		return -EINVAL;
	if ((uint64_t)ret_stat->st_size > OPENER_FILE_BYTES_MAX)
		return -EFBIG;
	if (fstatfs(path_fd, &file_system) < 0)
		return -errno;
	if (file_system.f_type == FUSE_SUPER_MAGIC)
		return -EOPNOTSUPP;
	link_of(path_fd, link, sizeof(link));
	fd = open(link, OPEN_FLAGS);
	return fd < 0 ? -errno : fd;
}

/* `path` never leaving this root; of `flags`, O_NOFOLLOW holds for its last part. */
static int open_beneath(int root_fd, const char *path, uint64_t flags, struct stat *ret_stat)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | flags,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	CLEANUP(closep) int path_fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	return path_fd < 0 ? -errno : reopen(path_fd, ret_stat);
}

static int open_root(uint32_t pid)
{
	char root[32];
	int fd;

	snprintf(root, sizeof(root), "/proc/%" PRIu32 "/root", pid);
	fd = open(root, O_PATH | O_CLOEXEC | O_DIRECTORY);
	return fd < 0 ? -errno : fd;
}

/* `path` as the process sees it. */
static int open_in_root(uint32_t pid, const char *path, struct stat *ret_stat)
{
	CLEANUP(closep) int root_fd = -1;
	int fd = open_root(pid);

	if (fd < 0)
		return fd;
	root_fd = fd;
	return open_beneath(root_fd, path, 0, ret_stat);
}

/* The path that /proc/PID/maps has for the mapping that starts at `start`. */
static int maps_find_path(uint32_t pid, uint64_t start, char *path, size_t size)
{
	CLEANUP(freep) char *text = NULL;
	char name[32], *line, *rest = NULL;
	int r;

	snprintf(name, sizeof(name), "/proc/%" PRIu32 "/maps", pid);
	r = text_read_file(AT_FDCWD, name, MAPS_BYTES_MAX, &text, NULL);
	if (r < 0)
		return r;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *slash = strchr(line, '/');

		if (strtoull(line, NULL, 16) != start || !slash)
			continue;
		snprintf(path, size, "%s", slash);
		return 0;
	}
	return -ENOENT;
}

/* The kernel tells paths as from our root, or the namespace's; where the process has another one, as
 * with chroot(2), the part up to that is cut off. */
static void make_path_own(uint32_t pid, char *path)
{
	char link[32], root[OPENER_PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%" PRIu32 "/root", pid);
	n = readlink(link, root, sizeof(root) - 1);
	if (n > 1 && !strncmp(path, root, (size_t)n) && path[n] == '/')
		memmove(path, path + n, strlen(path + n) + 1);
}

static int open_mapping(const struct opener_wire_request *request, struct opener_wire_reply *reply)
{
	CLEANUP(closep) int path_fd = -1;
	char link[96];
	ssize_t n;
	int r;

	snprintf(link, sizeof(link), "/proc/%" PRIu32 "/map_files/%" PRIx64 "-%" PRIx64,
		request->pid, request->start, request->end);
	path_fd = open(link, O_PATH | O_CLOEXEC);
	if (path_fd >= 0) {
		/* Asked of what was opened: the process may have another file there by now. */
		link_of(path_fd, link, sizeof(link));
		n = readlink(link, reply->path, sizeof(reply->path) - 1);
		reply->path[n > 0 ? n : 0] = '\0';
		make_path_own(request->pid, reply->path);
		return reopen(path_fd, &reply->stat);
	}
	if (errno != EPERM && errno != EACCES)
		return -errno;
	r = maps_find_path(request->pid, request->start, reply->path, sizeof(reply->path));
	if (r < 0)
		return r;
	make_path_own(request->pid, reply->path);
	reply->is_by_path = 1;
	return open_in_root(request->pid, reply->path, &reply->stat);
}

/* The executable mapping under this base name, deleted or not. */
static int maps_find_name(uint32_t pid, const char *name, uint64_t *ret_start, uint64_t *ret_end)
{
	static const char deleted[] = " (deleted)";
	CLEANUP(freep) char *text = NULL;
	char path[32], *line, *rest = NULL;
	int r;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", pid);
	r = text_read_file(AT_FDCWD, path, MAPS_BYTES_MAX, &text, NULL);
	if (r < 0)
		return r;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *slash = strchr(line, '/'), executable;
		uint64_t start, end;

		if (!slash ||
			sscanf(line, "%" SCNx64 "-%" SCNx64 " %*c%*c%c", &start, &end,
				&executable) != 3 ||
			executable != 'x')
			continue;
		if (text_ends_with(slash, deleted))
			slash[strlen(slash) - (sizeof(deleted) - 1)] = '\0';
		if (strcmp(text_base_name(slash), name) != 0)
			continue;
		*ret_start = start;
		*ret_end = end;
		return 0;
	}
	return -ENOENT;
}

static int open_mapped_name(
	const struct opener_wire_request *request, struct opener_wire_reply *reply)
{
	struct opener_wire_request mapping = *request;
	int r = maps_find_name(request->pid, request->path, &mapping.start, &mapping.end);

	return r < 0 ? r : open_mapping(&mapping, reply);
}

static int copy_maps(uint32_t pid)
{
	CLEANUP(closep) int fd = memfd_create("maps", MFD_CLOEXEC);
	CLEANUP(freep) char *text = NULL;
	char path[32];
	size_t size;
	int r;

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", pid);
	r = text_read_file(AT_FDCWD, path, MAPS_BYTES_MAX, &text, &size);
	if (r < 0)
		return r;
	if (write(fd, text, size) != (ssize_t)size)
		return -EIO;
	return take_fd(&fd);
}

static int open_host(const char *path, struct stat *ret_stat)
{
	CLEANUP(closep) int path_fd = open(path, O_PATH | O_CLOEXEC);

	return path_fd < 0 ? -errno : reopen(path_fd, ret_stat);
}

/* Field 22 of /proc/PID/stat counts in clock ticks; the kernel's own count is in ns. */
static bool is_same_process(uint32_t pid, uint64_t start_ns)
{
	CLEANUP(freep) char *text = NULL;
	uint64_t tick_ns = NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK), ticks;
	const char *after;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
	if (text_read_file(AT_FDCWD, path, 4096, &text, NULL) < 0)
		return false;
	after = strrchr(text, ')');
	if (!after ||
		sscanf(after + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			"%*d %" SCNu64,
			&ticks) != 1)
		return false;
	return ticks == start_ns / tick_ns;
}

/* An fd, or a negative errno. */
static int request_open(
	const struct opener_wire_request *request, int root_fd, struct opener_wire_reply *reply)
{
	switch (request->how) {
	case OPENER_MAPPING:
		return open_mapping(request, reply);
	case OPENER_HOST_PATH:
		return open_host(request->path, &reply->stat);
	case OPENER_ROOT:
		return open_root(request->pid);
	case OPENER_IN_ROOT:
		return open_beneath(root_fd, request->path, 0, &reply->stat);
	case OPENER_BENEATH:
		return open_beneath(root_fd, request->path, O_NOFOLLOW, &reply->stat);
	case OPENER_MAPPED_NAME:
		return open_mapped_name(request, reply);
	case OPENER_MAPS:
		return copy_maps(request->pid);
	default:
		return -EINVAL;
	}
}

/* The process must still be the one that was meant, where it was asked. */
static int request_handle(
	const struct opener_wire_request *request, int root_fd, struct opener_wire_reply *reply)
{
	bool is_of_process = request->how != OPENER_HOST_PATH && request->how != OPENER_IN_ROOT &&
		request->how != OPENER_BENEATH;
	CLEANUP(closep) int fd = -1;
	int r = request_open(request, root_fd, reply);

	if (r < 0)
		return r;
	fd = r;
	if (request->process_start_ns && is_of_process &&
		!is_same_process(request->pid, request->process_start_ns))
		return -ESRCH;
	reply->has_identity = file_identity_read(fd, &reply->stat, &reply->identity);
	return take_fd(&fd);
}

/* It opens files and talks to its parent; nothing else. */
static int sandbox(void)
{
	static const int allowed[] = {SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write),
		SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(open),
		SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(fstat), SCMP_SYS(fstatfs),
		SCMP_SYS(newfstatat), SCMP_SYS(close), SCMP_SYS(readlink), SCMP_SYS(brk),
		SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(exit),
		SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_yield),
		SCMP_SYS(futex), SCMP_SYS(madvise), SCMP_SYS(getpid), SCMP_SYS(memfd_create)};
	const struct call_rule rule = {SCMP_ACT_ALLOW, allowed, ARRAY_SIZE(allowed)};

	return call_filter_load(SCMP_ACT_ERRNO(EPERM), &rule, 1, NULL);
}

static void child_prepare(int socket_fd)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "perfd-opener");
	/* Not even a target of its own user may look into what has our capabilities. */
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (socket_fd > 3)
		close_range(3, (unsigned)socket_fd - 1, 0);
	close_range((unsigned)socket_fd + 1, UINT32_MAX, 0);
	if (sandbox() < 0)
		_exit(1);
}

void opener_child_run(int socket_fd)
{
	static struct opener_wire_request request;
	static struct opener_wire_reply reply;

	child_prepare(socket_fd);
	for (;;) {
		CLEANUP(closep) int fd = -1, root_fd = -1;
		ssize_t n = opener_wire_receive(socket_fd, &request, sizeof(request), &root_fd, 0);

		if (n == -EINTR)
			continue;
		if (n != sizeof(request))
			_exit(0);
		request.path[sizeof(request.path) - 1] = '\0';
		memset(&reply, 0, sizeof(reply));
		fd = request_handle(&request, root_fd, &reply);
		if (fd < 0) {
			reply.error = fd;
			fd = -1;
		}
		if (opener_wire_send(socket_fd, &reply, sizeof(reply), fd, 0) < 0)
			_exit(1);
	}
}
