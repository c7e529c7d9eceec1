/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A short list, searched in order. */

#include "daemon/server/methods.h"

#include <string.h>

#include "daemon/server/descriptions.h"
#include "daemon/server/request.h"
#include "proto/base/cleanup.h"

static const struct method *const methods[] = {
#define METHOD(name) &method_##name,
#include "daemon/server/methods.def"
#undef METHOD
};

const struct method *method_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (!strcmp(methods[i]->name, name))
			return methods[i];
	return NULL;
}

struct name_parameters {
	const char *name;
};

static const struct field interface_fields[] = {
	{FIELD_AS("interface", struct name_parameters, name, FIELD_TEXT)},
	{},
};

static const struct field method_fields[] = {
	{FIELD_AS("method", struct name_parameters, name, FIELD_TEXT)},
	{},
};

void method_not_found(struct request *request)
{
	struct name_parameters parameters = {request->call.method};
	const char *dot = strrchr(parameters.name, '.');
	CLEANUP(freep) char *interface = NULL;

	if (!dot) {
		request_error(request, CALL_SERVICE ".MethodNotFound", method_fields, &parameters);
		return;
	}
	interface = strndup(parameters.name, (size_t)(dot - parameters.name));
	if (interface && !description_find(interface)) {
		parameters.name = interface;
		request_error(
			request, CALL_SERVICE ".InterfaceNotFound", interface_fields, &parameters);
		return;
	}
	request_error(request, CALL_SERVICE ".MethodNotFound", method_fields, &parameters);
}
