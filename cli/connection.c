// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which daemon? One that was named (--socket, PERFCTL_SOCKET) or nobody; else the system's; else,
 * if nothing listens there and the caller may sample by itself, a private one.
 */

#include "cli/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "proto/base/cleanup.h"

#define SOCKET_PATH "/run/perfd/org.perfctl.profiler"

static const char *named_path(const struct connection_options *options)
{
	const char *path = options->socket ? options->socket : getenv("PERFCTL_SOCKET");

	return path && *path ? path : NULL;
}

const char *connection_path(const struct connection_options *options)
{
	const char *path = named_path(options);

	return path ? path : SOCKET_PATH;
}

static int say_unreachable(
	const struct connection_options *options, const struct client_error *error)
{
	message_error("cannot reach perfd at '%s': %s", connection_path(options), error->text);
	return error->exit_code ? (int)error->exit_code : EXIT_UNREACHABLE;
}

/* Says so in one line, and why. */
static int open_private(struct connection *connection, const char *why)
{
	CLEANUP(closep) int first = -1, second = -1;
	int fds[PRIVATE_DAEMON_CONNECTIONS], r;
	struct client_error error = {0};

	r = private_daemon_start(&connection->daemon, fds);
	if (r < 0)
		return EXIT_UNREACHABLE;
	message_note("%susing a private perfd for this command", why);
	first = fds[0];
	second = fds[1];
	r = client_from_fd(take_fd(&first), &connection->client, &error);
	if (r == 0)
		r = client_from_fd(take_fd(&second), &connection->stopper, &error);
	if (r < 0) {
		message_error("cannot talk to the private perfd: %s", error.text);
		return EXIT_UNREACHABLE;
	}
	return 0;
}

int connection_open(struct connection *connection, const struct connection_options *options)
{
	const char *path = connection_path(options);
	struct client_error error = {0};
	int r;

	if (options->is_private && options->socket) {
		message_error("'--no-daemon' and '--socket' exclude each other");
		return EXIT_USAGE;
	}
	if (options->is_private)
		return open_private(connection, "");
	r = client_connect(path, &connection->client, &error);
	/* Only where nothing listens: a daemon that refuses or is silent is not passed by. */
	if ((r == -ENOENT || r == -ECONNREFUSED) && !named_path(options) &&
		private_daemon_is_possible())
		return open_private(connection, "no perfd is listening; ");
	if (r == 0)
		r = client_connect(path, &connection->stopper, &error);
	return r < 0 ? say_unreachable(options, &error) : 0;
}

int connection_open_client(struct client **ret_client, const struct connection_options *options)
{
	struct client_error error = {0};

	return client_connect(connection_path(options), ret_client, &error) < 0
		? say_unreachable(options, &error)
		: 0;
}

void connection_done(struct connection *connection)
{
	connection->client = client_free(connection->client);
	connection->stopper = client_free(connection->stopper);
	private_daemon_stop(&connection->daemon, connection->has_failed);
}
