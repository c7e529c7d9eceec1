/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * perfd-fetch: gets one debug file from the servers that the administrator has configured, and ends.
 * perfd talks to no network, and does not wait for this: it is a program of its own, started for each
 * file by systemd (perfd-fetch.socket), or by a perfd that runs without it. It has no privileges, and
 * what it gets counts for nothing before the sandboxed worker has found the right build-id in it.
 *
 * usage: perfd-fetch CACHE-DIRECTORY, with a socket as descriptor 3
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "daemon/fetch/cache.h"
#include "daemon/fetch/debuginfod.h"
#include "daemon/fetch/messages.h"
#include "proto/base/call-filter.h"
#include "proto/base/cleanup.h"
#include "proto/base/confine.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define CPU_SECONDS_MAX 300
#define MEMORY_BYTES_MAX (UINT64_C(1) << 30)

/* A client of the network loads and opens this and that: what it surely does not is forbidden. */
static int filter_calls(void)
{
	static const int forbidden[] = {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace),
		SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(bpf),
		SCMP_SYS(perf_event_open), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(setns),
		SCMP_SYS(unshare), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
		SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(fork),
		SCMP_SYS(vfork), SCMP_SYS(pidfd_getfd), SCMP_SYS(bind), SCMP_SYS(listen)};
	const struct call_rule rule = {SCMP_ACT_ERRNO(EPERM), forbidden, ARRAY_SIZE(forbidden)};

	return call_filter_load(SCMP_ACT_ALLOW, &rule, 1, NULL);
}

static int set_limits(void)
{
	int r = confine_set_limit(RLIMIT_CORE, 0);

	if (!r)
		r = confine_set_limit(RLIMIT_CPU, CPU_SECONDS_MAX);
	if (!r && !CONFINE_IS_SANITIZED)
		r = confine_set_limit(RLIMIT_AS, MEMORY_BYTES_MAX);
	return r;
}

static int give_up_privileges(void)
{
	static int (*const steps[])(void) = {
		confine_drop_bounding_set,
		confine_drop_user,
		confine_drop_capabilities,
		set_limits,
		confine_tie_to_parent,
		filter_calls,
	};
	int r = confine_close_descriptors(FETCH_SOCKET_FD, CONFINE_IS_SANITIZED);

	umask(0077);
	for (size_t i = 0; i < ARRAY_SIZE(steps) && !r; i++)
		r = steps[i]();
	return r;
}

static int receive(struct fetch_request *ret_request)
{
	ssize_t n = recv(FETCH_SOCKET_FD, ret_request, sizeof(*ret_request), MSG_WAITALL);

	if (n < 0)
		return -errno;
	if (n != sizeof(*ret_request) || ret_request->magic != FETCH_MAGIC ||
		ret_request->build_id_size > FETCH_BUILD_ID_MAX || !ret_request->build_id_size)
		return -EPROTO;
	ret_request->urls[sizeof(ret_request->urls) - 1] = '\0';
	return 0;
}

static int fetch(const char *directory, const struct fetch_request *request, const char *build_id)
{
	CLEANUP(cache_work_end) struct cache_work work = {.fd = -1};
	CLEANUP(freep) char *path = NULL;
	struct debuginfod_question question = {
		.build_id = build_id,
		.urls = request->urls,
		.max_bytes = request->file_max_bytes,
		.time_max_s = request->time_max_s,
	};
	int r = cache_look(directory, build_id);

	if (r < 0 || r == CACHE_FOUND)
		return r < 0 ? r : 0;
	if (r == CACHE_NONE)
		return -ENOENT;
	r = cache_trim(directory, request->cache_max_bytes);
	if (!r)
		r = cache_work_begin(directory, &work);
	if (r < 0)
		return r;
	question.directory = work.path;
	r = debuginfod_ask(&question, &path);
	if (!r)
		return cache_put(directory, build_id, path);
	if (r == -ENOENT)
		cache_put_none(directory, build_id);
	return r;
}

static int serve(const char *directory)
{
	struct fetch_request request;
	struct fetch_reply reply = {.magic = FETCH_MAGIC};
	char build_id[2 * FETCH_BUILD_ID_MAX + 1];
	int r = receive(&request);

	if (r < 0)
		return r;
	text_format_hex(request.build_id, request.build_id_size, build_id);
	reply.error = request.kind == FETCH_REJECT ? cache_put_none(directory, build_id)
						   : fetch(directory, &request, build_id);
	return send(FETCH_SOCKET_FD, &reply, sizeof(reply), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int main(int argc, char **argv)
{
	int r;

	log_init("perfd-fetch", LOG_LEVEL_WARNING);
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("perfd-fetch %s\n", PERFCTL_VERSION);
		return 0;
	}
	if (argc != 2 || argv[1][0] != '/' || fcntl(FETCH_SOCKET_FD, F_GETFD) < 0) {
		log_error("started by perfd or systemd only; see perfd(8)");
		return 2;
	}
	r = cache_make(argv[1]);
	if (r < 0)
		log_error("cannot make %s: %s", argv[1], strerror(-r));
	if (!r)
		r = give_up_privileges();
	if (!r)
		r = serve(argv[1]);
	return r < 0 ? 1 : 0;
}
