/*
 * From an operation of an OpenAPI document and its arguments to the request that calls it.
 *
 * Reads Swagger 2.0 and OpenAPI 3.0 and 3.1 as JSON, local references ("#/...") included. Arguments
 * are matched to the operation's parameters by name; the argument `body` is the request's body
 * where the operation has one and no parameter of that name.
 *
 * Sources: OpenAPI Specification 2.0, 3.0.4 and 3.1.1 (spec.openapis.org).
 * Threads: none.
 */
#ifndef AGENTS_CONNECTOR_OPENAPI_H
#define AGENTS_CONNECTOR_OPENAPI_H

#include "common/base/error.h"
#include "common/json/json.h"

enum { OPENAPI_REFERENCES_MAX = 8, OPENAPI_PARAMETERS_MAX = 128 };

/*
 * Make the request of `operation` with `arguments` (an object, or NULL): a new object with method,
 * endpoint, variables, query, headers and body as `call: http` has them. `url` is where the
 * document came from; relative servers are resolved against it. Errors: ERR_INVALID (no such
 * operation, a missing, unknown or unfit argument, a document that is none), ERR_NOMEM.
 * *ret_pointer names the member of the input that is wrong; static.
 */
MUST_CHECK enum err openapi_request(const json_t *document, const char *url, const char *operation,
                                    const json_t *arguments, json_t **ret_request,
                                    const char **ret_pointer, struct error *err);

#endif
