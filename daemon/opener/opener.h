/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * perfd-opener: a forked child that opens targets' files, because an open (FUSE, NFS) may hang for
 * ever and ignore SIGKILL. The child is abandoned after a deadline and replaced, at most
 * OPENER_STUCK_MAX stuck ones at a time (then further requests fail with -EBUSY until one ends).
 * Requests are answered in order, each exactly once, always from the loop, never from the call.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "daemon/base/identity.h"
#include "daemon/base/loop.h"

#define OPENER_DEADLINE_MS 1000
#define OPENER_STUCK_MAX 4
#define OPENER_PATH_MAX 4096
#define OPENER_QUEUE_MAX 4096
#define OPENER_FILE_BYTES_MAX (UINT64_C(16) << 30)

enum opener_how {
	/* /proc/PID/map_files/START-END; where that is refused, the path that /proc/PID/maps has
	 * there, beneath /proc/PID/root (openat2, RESOLVE_IN_ROOT, no magic links). */
	OPENER_MAPPING,
	/* `path`, an absolute path of the host: separate debug files from configured directories. */
	OPENER_HOST_PATH,
	/* The process's root directory: a descriptor to look beneath (O_PATH) that outlives it. */
	OPENER_ROOT,
	/* `path` beneath `root_fd`; links are followed, and never lead out of it. */
	OPENER_IN_ROOT,
	/* The same, but the last part must be no link. */
	OPENER_BENEATH,
	/* What the process has mapped executable under the base name `path`. */
	OPENER_MAPPED_NAME,
	/* A copy of /proc/PID/maps, in memory. */
	OPENER_MAPS,
};

struct opener_request {
	enum opener_how how;
	uint32_t pid;
	uint64_t process_start_ns; /* since boot; 0: any process. Pids are reused: -ESRCH then */
	uint64_t start, end; /* of the mapping */
	const char *path; /* copied */
	int root_fd; /* for OPENER_IN_ROOT and OPENER_BENEATH; duplicated */
};

struct opener_reply {
	int fd; /* read-only, regular file (but for OPENER_ROOT and _MAPS), close-on-exec; the callback takes it (or it is closed) */
	/* 0 or negative errno, fd is -1 then: -ESRCH another process, -EINVAL no regular file, -EFBIG,
	 * -EOPNOTSUPP in a file system of user space, -ETIMEDOUT, -EBUSY too many are stuck. */
	int error;
	int is_by_path; /* not through the mapping: device and inode prove nothing */
	struct stat stat;
	bool has_identity; /* false: what was computed from the file cannot be kept for the next time */
	struct file_identity identity;
	char path[OPENER_PATH_MAX]; /* as the target calls it (of a mapping); "" if not known */
};

struct opener;

/* The reply's fd is the callback's to take with take_fd(); what it leaves is closed. */
typedef void opener_callback(void *userdata, struct opener_reply *reply);

/* Forks the child. 0 or a negative errno. */
int opener_new(struct loop *loop, struct opener **ret_opener);
struct opener *opener_free(struct opener *opener);

/* Queues a request. 0, -ENOMEM, -ENAMETOOLONG, or -EBUSY (queue full); then no callback comes. That
 * too many children are stuck is told by the callback. */
int opener_submit(struct opener *opener, const struct opener_request *request,
	opener_callback *callback, void *userdata);
/* Forgets all requests with this userdata: their callbacks will not come. */
void opener_cancel(struct opener *opener, void *userdata);
