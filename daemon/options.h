/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* perfd's command line. */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/capture/capture.h"

#define CACHE_DIRECTORY "/var/cache/perfd"
#define FETCH_SOCKET_PATH "/run/perfd/fetch" /* as in perfd-fetch.socket */

struct options {
	const char *socket_path; /* NULL: systemd's sockets, else the usual one */
	const char *config_path; /* NULL: the usual one */
	const char *cache_directory; /* NULL: systemd's, else the usual one; empty: none */
	uint32_t max_frames; /* 0: as configured */
	enum capture_mappings mappings;
	bool is_check; /* of the configuration only */
};

#define OPTIONS_DONE 1 /* all is said: --help, --version */

/* Says what is wrong. 0, OPTIONS_DONE or -EINVAL. */
int options_parse(int argc, char **argv, struct options *ret_options);
