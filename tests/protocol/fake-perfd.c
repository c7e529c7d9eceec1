/* SPDX-License-Identifier: GPL-2.0-or-later */

/* fake-perfd SOCKET: the real server with a fake manager, for clients that are programs. */

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/fake-daemon.h"

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: fake-perfd SOCKET\n");
		return 2;
	}
	return fake_daemon_run(argv[1], NULL, 0, NULL);
}
