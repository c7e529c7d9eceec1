/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The interface org.varlink.service, which says who we are and what the others look like. */

#include <string.h>

#include "daemon/server/descriptions.h"
#include "daemon/server/request.h"

#define INTERFACES_MAX 8

const char *description_find(const char *interface)
{
	for (const struct description *d = descriptions; d->interface; d++)
		if (!strcmp(d->interface, interface))
			return d->text;
	return NULL;
}

struct info_reply {
	const char *vendor, *product, *version, *url;
	const char **interfaces;
	size_t n_interfaces;
};

static const struct field info_fields[] = {
	{FIELD(struct info_reply, vendor, FIELD_TEXT)},
	{FIELD(struct info_reply, product, FIELD_TEXT)},
	{FIELD(struct info_reply, version, FIELD_TEXT)},
	{FIELD(struct info_reply, url, FIELD_TEXT)},
	{FIELD(struct info_reply, interfaces, FIELD_TEXTS),
		.n_offset = offsetof(struct info_reply, n_interfaces)},
	{},
};

static const struct field no_fields[] = {{}};

static void get_info(struct request *request)
{
	const char *interfaces[INTERFACES_MAX];
	struct info_reply reply = {
		.vendor = "perfctl",
		.product = "perfd",
		.version = request->context->config.version,
		.url = "",
		.interfaces = interfaces,
	};

	if (!request_read(request, no_fields, NULL))
		return;
	for (const struct description *d = descriptions;
		d->interface && reply.n_interfaces < INTERFACES_MAX; d++)
		interfaces[reply.n_interfaces++] = d->interface;
	request_reply(request, info_fields, &reply);
}

const struct method method_get_info = {
	.name = CALL_SERVICE ".GetInfo",
	.start = get_info,
};

struct description_parameters {
	const char *interface;
};

static const struct field description_parameter_fields[] = {
	{FIELD(struct description_parameters, interface, FIELD_TEXT), .is_required = true},
	{},
};

struct description_reply {
	const char *description;
};

static const struct field description_fields[] = {
	{FIELD(struct description_reply, description, FIELD_TEXT)},
	{},
};

static void get_interface_description(struct request *request)
{
	struct description_parameters parameters;
	struct description_reply reply;

	if (!request_read(request, description_parameter_fields, &parameters))
		return;
	reply.description = description_find(parameters.interface);
	if (!reply.description)
		request_error(request, CALL_SERVICE ".InterfaceNotFound",
			description_parameter_fields, &parameters);
	else
		request_reply(request, description_fields, &reply);
}

const struct method method_get_interface_description = {
	.name = CALL_SERVICE ".GetInterfaceDescription",
	.start = get_interface_description,
};
