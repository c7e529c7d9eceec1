/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The child dies with its parent, so that a failing test leaves nothing running. */

#include "tests/lib/fake-daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/server/listen.h"
#include "proto/base/log.h"
#include "tests/lib/fake-manager.h"

static int on_terminate(void *userdata)
{
	loop_exit(userdata);
	return 0;
}

static void on_all_closed(void *userdata)
{
	loop_exit(userdata);
}

int fake_daemon_run(
	const char *path, const int *fds, size_t n_fds, const struct server_config *config)
{
	struct server_config own = config ? *config : (struct server_config){};
	struct fake_manager *manager;
	struct loop_source *terminate;
	struct server *server;
	struct loop *loop;
	int fd, r;

	log_init("fake-perfd", LOG_LEVEL_ERROR);
	if (loop_new(&loop) || !(manager = fake_manager_new(loop)) ||
		loop_add_signal(loop, SIGTERM, on_terminate, loop, &terminate))
		return EXIT_FAILURE;
	if (!own.version)
		own.version = "1.2.3";
	if (!own.admin_gid)
		own.admin_gid = SERVER_NO_GROUP;
	if (n_fds)
		own.on_all_closed = on_all_closed;
	own.userdata = loop;
	r = server_new(loop, &fake_operations, manager, &own, &server);
	if (!r && path)
		r = listen_open(path, &fd);
	if (!r && path)
		r = server_listen(server, fd);
	for (size_t i = 0; !r && i < n_fds; i++)
		r = server_add_connection(server, fds[i]);
	if (!r)
		r = loop_run(loop);
	if (!r && path)
		listen_close(path, fd);
	server_free(server);
	fake_manager_free(manager);
	loop_source_free(terminate);
	loop_free(loop);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}

void fake_daemon_start(struct fake_daemon *daemon, const struct server_config *config)
{
	*daemon = (struct fake_daemon){};
	strcpy(daemon->directory, "/tmp/perfctl-test-XXXXXX");
	if (!mkdtemp(daemon->directory))
		abort();
	snprintf(daemon->path, sizeof(daemon->path), "%s/socket", daemon->directory);
	daemon->pid = fork();
	if (!daemon->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(fake_daemon_run(daemon->path, NULL, 0, config));
	}
	for (int i = 0; i < 1000 && access(daemon->path, F_OK); i++)
		usleep(10000);
}

void fake_daemon_start_private(
	struct fake_daemon *daemon, const struct server_config *config, int *fds, size_t n)
{
	int theirs[8];

	*daemon = (struct fake_daemon){};
	for (size_t i = 0; i < n; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
			abort();
		fds[i] = pair[0];
		theirs[i] = pair[1];
	}
	daemon->pid = fork();
	if (!daemon->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < n; i++)
			close(fds[i]);
		exit(fake_daemon_run(NULL, theirs, n, config));
	}
	for (size_t i = 0; i < n; i++)
		close(theirs[i]);
}

int fake_daemon_wait(struct fake_daemon *daemon)
{
	int status = -1;

	for (int i = 0; i < 1000; i++) {
		if (waitpid(daemon->pid, &status, WNOHANG) == daemon->pid)
			break;
		usleep(10000);
	}
	if (daemon->directory[0])
		rmdir(daemon->directory);
	return status;
}

int fake_daemon_stop(struct fake_daemon *daemon)
{
	kill(daemon->pid, SIGTERM);
	return fake_daemon_wait(daemon);
}
