/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The name as its author wrote it, from a C++ (Itanium), Rust legacy or Rust v0 name: malloc'ed, or
 * NULL if it is none. */
char *demangle(const char *name);
