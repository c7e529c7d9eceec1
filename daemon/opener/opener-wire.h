/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What parent and child say to each other, one packet each; descriptors travel as SCM_RIGHTS. */

#include <stdint.h>
#include <sys/stat.h>

#include "daemon/opener/opener.h"

struct opener_wire_request {
	uint32_t how, pid;
	uint64_t process_start_ns, start, end;
	char path[OPENER_PATH_MAX];
};

struct opener_wire_reply {
	int32_t error;
	int32_t is_by_path;
	uint32_t has_identity;
	struct file_identity identity;
	struct stat stat;
	char path[OPENER_PATH_MAX];
};

/* Sends one packet, with a descriptor unless fd is -1. 0 or a negative errno. */
int opener_wire_send(int socket_fd, void *packet, size_t size, int fd, int flags);
/* Receives one packet and the descriptor that came with it, or -1. Its size (0: the end), or a
 * negative errno. */
ssize_t opener_wire_receive(int socket_fd, void *packet, size_t size, int *ret_fd, int flags);

/* The child's life: answers requests from the socket until its end. Never returns. */
_Noreturn void opener_child_run(int socket_fd);
