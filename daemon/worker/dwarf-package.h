/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The index of a package of split DWARF (.dwp): DWARF 5, 7.3.5, and GNU's version 2 before it. */

#include "daemon/worker/dwarf-unit.h"

#define DWARF_PACKAGE_NONE 3 /* no unit has this id */

/* The unit with this id, with its shares of all sections; not opened. 0 or DWARF_PACKAGE_NONE. */
int dwarf_package_find(struct dwarf_file *package, uint64_t id, struct dwarf_unit *ret_unit);
