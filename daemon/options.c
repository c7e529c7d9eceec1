/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is asked on the command line comes before what is configured. */

#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/config.h"
#include "daemon/server/listen.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

static const char help[] =
	"perfd - the profiler's daemon: samples processes and serves profiles\n"
	"\n"
	"usage: perfd [--config FILE] [--socket PATH] [--cache-directory PATH]\n"
	"             [--max-frames N] [--mappings WAY]\n"
	"       perfd --check-config [--config FILE]\n"
	"\n"
	"  --config FILE           read this configuration (default:\n"
	"                          " CONFIG_PATH ")\n"
	"  --check-config          say whether it is good, and end\n"
	"  --socket PATH           listen there (default: systemd's sockets, else\n"
	"                          " LISTEN_SOCKET_PATH ")\n"
	"  --cache-directory PATH  keep compiled unwind tables there (default:\n"
	"                          systemd's, else " CACHE_DIRECTORY ");\n"
	"                          empty: keep none\n"
	"  --max-frames N          take so many frames of a user stack: 1 to 1024\n"
	"                          (default: as configured, else 127)\n"
	"  --mappings WAY          find the file that an address is in by the 'kernel's\n"
	"                          own tree of mappings, or by a 'mirror' of it\n"
	"                          (default: 'auto', the first where it works)\n"
	"  --version               print the version\n"
	"  --help                  print this\n"
	"\n"
	"example: perfd --socket /run/perfd/org.perfctl.profiler\n";

static int max_frames_parse(const char *text, uint32_t *ret_max_frames)
{
	uint32_t n;

	if (text_parse_u32(text, &n) < 0 || n < 1 || n > CONFIG_MAX_FRAMES) {
		log_error(
			"--max-frames '%s' is not a number from 1 to %d", text, CONFIG_MAX_FRAMES);
		return -EINVAL;
	}
	*ret_max_frames = n;
	return 0;
}

static int mappings_parse(const char *text, enum capture_mappings *ret_mappings)
{
	static const char *const words[] = {
		[CAPTURE_MAPPINGS_AUTO] = "auto",
		[CAPTURE_MAPPINGS_KERNEL] = "kernel",
		[CAPTURE_MAPPINGS_MIRROR] = "mirror",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(text, words[i])) {
			*ret_mappings = (enum capture_mappings)i;
			return 0;
		}
	log_error("--mappings '%s' is not one of auto, kernel, mirror", text);
	return -EINVAL;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	static const struct option options[] = {
		{"check-config", no_argument, NULL, 'k'},
		{"config", required_argument, NULL, 'f'},
		{"socket", required_argument, NULL, 's'},
		{"max-frames", required_argument, NULL, 'm'},
		{"cache-directory", required_argument, NULL, 'c'},
		{"mappings", required_argument, NULL, 'w'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
		switch (c) {
		case 'k':
			ret_options->is_check = true;
			break;
		case 'f':
			ret_options->config_path = optarg;
			break;
		case 's':
			ret_options->socket_path = optarg;
			break;
		case 'm':
			if (max_frames_parse(optarg, &ret_options->max_frames) < 0)
				return -EINVAL;
			break;
		case 'c':
			ret_options->cache_directory = optarg;
			break;
		case 'w':
			if (mappings_parse(optarg, &ret_options->mappings) < 0)
				return -EINVAL;
			break;
		case 'v':
			puts("perfd " PERFCTL_VERSION);
			return OPTIONS_DONE;
		case 'h':
			fputs(help, stdout);
			return OPTIONS_DONE;
		default:
			return -EINVAL;
		}
	if (optind < argc) {
		log_error("unexpected argument '%s'; see perfd --help", argv[optind]);
		return -EINVAL;
	}
	return 0;
}
