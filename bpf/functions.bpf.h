/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the kernel calls an address of its own, as its backtraces do: name, offset, size and module
 * (Documentation/core-api/printk-formats.rst of the kernel, "Symbols/Function Pointers"). It knows where
 * modules and BPF programs begin and end, and has no name for what lies between them.
 */

/* Run by user space. */
SEC("raw_tp/perfd_function")
int on_function(void *ctx)
{
	BPF_SNPRINTF(function.text, sizeof(function.text), "%pS", function.address);
	return 0;
}
