/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * perfd: puts the rooms together and runs the loop. Sockets come from whoever started us (systemd's
 * listening ones; connected ones from a perfctl that wants a private daemon, whose end ends us), or
 * from --socket. SIGHUP reads the configuration again: what it says counts from then on, and one that
 * is wrong changes nothing.
 */

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon/base/config.h"
#include "daemon/base/limits.h"
#include "daemon/base/loop.h"
#include "daemon/continuous.h"
#include "daemon/manager.h"
#include "daemon/options.h"
#include "daemon/pipeline.h"
#include "daemon/server/listen.h"
#include "daemon/server/server.h"
#include "daemon/throttle.h"
#include "proto/base/cleanup.h"
#include "proto/base/kernel.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define WORKER_NAME "perfd-elf-worker"
#define STORE_NAME "perfd-store"
#define FETCH_NAME "perfd-fetch"
/* Behind the name of the cache directory. */
#define FETCH_SUFFIX "-debuginfod"
#define N_WORKERS 2

_Static_assert(CONFIG_MAX_FRAMES == ABI_USER_FRAMES_MAX, "what may be asked for is what there is");

struct perfd {
	struct loop *loop;
	struct pipeline *pipeline;
	struct continuous *continuous;
	struct throttle *throttle;
	struct manager *manager;
	struct server *server;
	struct loop_source *terminate, *interrupt, *hang_up;
	const struct options *options;
	struct config *config;
	char worker_path[PATH_MAX], store_path[PATH_MAX], fetch_path[PATH_MAX];
	char fetch_directory[PATH_MAX]; /* of the cache of debug files; "": none */
	bool is_ending, is_private;
	const char *socket_path; /* NULL: none of our own */
	char *cache_directory;
	enum capture_mappings mappings;
	int socket_fd; /* a duplicate, to know our socket again when we remove it */
};

static int on_ended(void *userdata)
{
	struct perfd *perfd = userdata;

	loop_exit(perfd->loop);
	return 0;
}

/* The second time it is meant at once. */
static int on_terminate(void *userdata)
{
	struct perfd *perfd = userdata;

	if (perfd->is_ending || continuous_end(perfd->continuous, on_ended, perfd) < 0)
		loop_exit(perfd->loop);
	perfd->is_ending = true;
	return 0;
}

static void on_all_closed(void *userdata)
{
	struct perfd *perfd = userdata;

	loop_exit(perfd->loop);
}

/* Programs of ours lie beside this one, or where they were installed; never in PATH. */
static int program_find(const char *name, char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		if (slash && (size_t)(slash + 1 - path) + strlen(name) < size) {
			strcpy(slash + 1, name);
			if (access(path, X_OK) == 0)
				return 0;
		}
	}
	snprintf(path, size, "%s/%s", PERFCTL_LIBEXEC_DIRECTORY, name);
	if (access(path, X_OK) == 0)
		return 0;
	log_error("cannot find %s beside perfd or in %s", name, PERFCTL_LIBEXEC_DIRECTORY);
	return -ENOENT;
}

static gid_t admin_gid(const char *name)
{
	const struct group *group = *name ? getgrnam(name) : NULL;

	return group ? group->gr_gid : SERVER_NO_GROUP;
}

/* Sockets that we were started with. Returns how many, or a negative errno. */
static int sockets_inherit(struct perfd *perfd)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names), r = 0;

	for (int i = 0; i < n && r >= 0; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (!strcmp(names[i], "connection"))
			r = server_add_connection(perfd->server, fd);
		else
			r = server_listen(perfd->server, fd);
	}
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return r < 0 ? r : n;
}

static int sockets_open(struct perfd *perfd, const char *path)
{
	int fd = -1, r = 0;

	if (!path) {
		r = sockets_inherit(perfd);
		if (r)
			return r;
		path = LISTEN_SOCKET_PATH;
	}
	r = listen_open(path, &fd);
	if (r < 0) {
		log_error("cannot listen on %s: %s", path, strerror(-r));
		return r;
	}
	perfd->socket_path = path;
	perfd->socket_fd = dup(fd);
	return server_listen(perfd->server, fd);
}

/* systemd may name several, separated by colons; the first is ours. NULL without memory. */
static char *cache_directory(const char *asked)
{
	const char *path = asked ? asked : getenv("CACHE_DIRECTORY");

	if (!path)
		path = CACHE_DIRECTORY;
	return strndup(path, asked ? strlen(path) : strcspn(path, ":"));
}

/* Says what is wrong with it, if anything is. */
static int configure(const struct options *options, struct config **ret_config)
{
	struct config_problem problem = {.text = "cannot read the configuration: out of memory"};
	int r = config_load(options->config_path, &problem, ret_config);

	if (r < 0) {
		log_error("%s", problem.text);
		return r;
	}
	if (options->max_frames)
		(*ret_config)->max_frames = options->max_frames;
	return 0;
}

/* What is configured, as far as the corridor needs it; borrows from it. */
static struct pipeline_config pipeline_config(struct perfd *perfd, const struct config *configured)
{
	struct pipeline_config config = {
		.worker_path = perfd->worker_path,
		.cache_directory = perfd->cache_directory[0] ? perfd->cache_directory : NULL,
		.debug_directories = (const char *const *)configured->debug_directories,
		.n_workers = N_WORKERS,
		.max_frames = configured->max_frames,
		.mappings = perfd->mappings,
		.fetcher =
			{
				.program = perfd->fetch_path,
				/* systemd's fills the usual cache. */
				.socket_path = perfd->options->cache_directory ? NULL
									       : FETCH_SOCKET_PATH,
				.urls = (const char *const *)configured->debuginfod_urls,
				.file_max_bytes = configured->debuginfod_max_bytes,
				.cache_max_bytes = LIMIT_FETCH_CACHE_BYTES,
			},
	};
	int n = snprintf(perfd->fetch_directory, sizeof(perfd->fetch_directory), "%s" FETCH_SUFFIX,
		perfd->cache_directory);

	if (!configured->debuginfod_urls[0])
		return config;
	if (!config.cache_directory || n >= (int)sizeof(perfd->fetch_directory))
		log_error(
			"cannot fetch debug files: there is no cache directory; going on without");
	else if (program_find(FETCH_NAME, perfd->fetch_path, sizeof(perfd->fetch_path)) == 0)
		config.fetcher.directory = perfd->fetch_directory;
	return config;
}

/* What there was before stays where the new one cannot be read. */
static int reload(struct perfd *perfd)
{
	struct config *config, *before = perfd->config;
	struct pipeline_config pipeline;
	int r = configure(perfd->options, &config);

	if (r < 0)
		return r;
	if (perfd->is_private)
		config->continuous_enabled = false;
	server_set_admin_gid(perfd->server, admin_gid(config->admin_group));
	manager_set_memory(perfd->manager, config->memory_bytes);
	r = continuous_configure(perfd->continuous, config);
	throttle_configure(perfd->throttle, config);
	perfd->config = config;
	config_free(before);
	if (r < 0)
		log_error("cannot keep profiles: %s", strerror(-r));
	pipeline = pipeline_config(perfd, config);
	return pipeline_reconfigure(perfd->pipeline, &pipeline);
}

static int on_reload(void *userdata)
{
	struct perfd *perfd = userdata;

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		time_now_ns(CLOCK_MONOTONIC) / NS_PER_US);
	if (reload(perfd) < 0)
		log_error("going on as it was configured before");
	else
		log_info("the configuration was read again");
	sd_notify(0, "READY=1");
	return 0;
}

/* Of a perfctl that records something with us: what goes on all the time is not ours. */
static bool is_private(void)
{
	const char *names = getenv("LISTEN_FDNAMES");

	return names && strstr(names, "connection");
}

static int loop_open(struct perfd *perfd)
{
	int r = loop_new(&perfd->loop);

	if (!r)
		r = loop_add_signal(perfd->loop, SIGTERM, on_terminate, perfd, &perfd->terminate);
	if (!r)
		r = loop_add_signal(perfd->loop, SIGINT, on_terminate, perfd, &perfd->interrupt);
	if (!r)
		r = loop_add_signal(perfd->loop, SIGHUP, on_reload, perfd, &perfd->hang_up);
	if (r < 0)
		log_error("cannot start the event loop: %s", strerror(-r));
	return r;
}

static int perfd_open(struct perfd *perfd)
{
	const struct config *configured = perfd->config;
	struct pipeline_config config = pipeline_config(perfd, configured);
	struct server_config server = {
		.version = PERFCTL_VERSION,
		.admin_gid = admin_gid(configured->admin_group),
		.on_all_closed = on_all_closed,
		.userdata = perfd,
	};
	struct capture_problem problem;
	int r = loop_open(perfd);

	if (r < 0)
		return r;
	r = pipeline_new(perfd->loop, &config, &problem, &perfd->pipeline);
	if (r < 0) {
		log_error("%s", problem.text);
		return r;
	}
	if (perfd->is_private)
		perfd->config->continuous_enabled = false;
	r = continuous_new(
		perfd->loop, perfd->pipeline, perfd->config, perfd->store_path, &perfd->continuous);
	if (!r)
		r = throttle_new(perfd->loop, perfd->pipeline, perfd->continuous, perfd->config,
			&perfd->throttle);
	if (!r)
		r = manager_new(perfd->loop, perfd->pipeline, perfd->continuous, perfd->throttle,
			&perfd->manager);
	if (!r) {
		manager_set_memory(perfd->manager, configured->memory_bytes);
		r = server_new(
			perfd->loop, &manager_operations, perfd->manager, &server, &perfd->server);
	}
	if (r < 0)
		log_error("cannot start: %s", strerror(-r));
	return r;
}

static void perfd_close(struct perfd *perfd)
{
	if (perfd->socket_path)
		listen_close(perfd->socket_path, perfd->socket_fd);
	closep(&perfd->socket_fd);
	server_free(perfd->server);
	manager_free(perfd->manager);
	throttle_free(perfd->throttle);
	continuous_free(perfd->continuous);
	pipeline_free(perfd->pipeline);
	loop_source_free(perfd->terminate);
	loop_source_free(perfd->interrupt);
	loop_source_free(perfd->hang_up);
	loop_free(perfd->loop);
	free(perfd->cache_directory);
	config_free(perfd->config);
}

static bool kernel_will_do(void)
{
	struct utsname host = {.release = "(unknown)"};

	if (uname(&host) == 0 && strcmp(host.machine, KERNEL_MACHINE) != 0) {
		log_error("cannot sample on %s: the kernel side is made for " KERNEL_MACHINE
			  " alone",
			host.machine);
		return false;
	}
	if (kernel_is_at_least(host.release, KERNEL_FLOOR_MAJOR, KERNEL_FLOOR_MINOR))
		return true;
	log_error("cannot sample on Linux %s: boot Linux %d.%d or later", host.release,
		KERNEL_FLOOR_MAJOR, KERNEL_FLOOR_MINOR);
	return false;
}

/* Each CPU takes some; the usual limit is low for the sake of programs that call select(). */
static void descriptors_allow(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit); /* at worst one that is refused says so */
}

/* Large arrays grow by whole pages that are moved, not copied, and give them back when they go. */
#define LARGE_BYTES (256 << 10)

int main(int argc, char **argv)
{
	static struct perfd perfd = {.socket_fd = -1};
	struct options options = {0};
	int r;

	log_init("perfd", LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	r = options_parse(argc, argv, &options);
	if (r)
		return r < 0 ? 2 : 0;
	if (configure(&options, &perfd.config) < 0)
		return 1;
	if (options.is_check)
		return 0;
	if (!kernel_will_do())
		return 1;
	descriptors_allow();
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	if (program_find(WORKER_NAME, perfd.worker_path, sizeof(perfd.worker_path)) < 0 ||
		program_find(STORE_NAME, perfd.store_path, sizeof(perfd.store_path)) < 0)
		return 1;
	perfd.is_private = is_private();
	perfd.cache_directory = cache_directory(options.cache_directory);
	perfd.mappings = options.mappings;
	perfd.options = &options;
	r = perfd.cache_directory ? perfd_open(&perfd) : -ENOMEM;
	if (!r)
		r = sockets_open(&perfd, options.socket_path);
	if (r >= 0) {
		sd_notify(0, "READY=1");
		/* Not before: while perfd starts the loop does not turn, for long on a busy machine. */
		r = loop_keep_alive(perfd.loop);
	}
	if (r >= 0) {
		r = loop_run(perfd.loop);
		if (r < 0)
			log_error("the event loop failed: %s", strerror(-r));
	}
	perfd_close(&perfd);
	return r < 0 ? 1 : 0;
}
