// SPDX-License-Identifier: GPL-2.0-or-later
/* perfctl: the table of commands does the rest. */

#include "cli/commands.h"

int main(int argc, char **argv)
{
	return commands_run(argc, argv);
}
