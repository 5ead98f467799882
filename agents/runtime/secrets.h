/*
 * Secrets of one task: taken from the agent's own files when the action asks, put where the
 * definition wants them, and kept out of everything the task answers.
 *
 * A secret is a file of the secrets directory, named as in use.secrets, that only its owner can
 * read. It holds a JSON value, of which definitions may name parts, or a text, whose last line end
 * is not part of it. Below $CREDENTIALS_DIRECTORY of systemd the file is "secret.NAME", so that
 * other credentials of the agent are not secrets of definitions.
 *
 * Which secrets belong where stands in the task, beside the input (proto SecretRef): nothing in the
 * input itself is ever taken for a secret.
 * Threads: none; one value per running task.
 */
#ifndef AGENTS_RUNTIME_SECRETS_H
#define AGENTS_RUNTIME_SECRETS_H

#include <stddef.h>

#include "common/base/error.h"
#include "common/json/json.h"
#include "proto/task.pb-c.h"

struct buf;

enum {
    SECRET_BYTES = 64 * 1024, /* of one file */
    SECRET_HIDDEN_BYTES = 4,  /* shorter texts are not looked for in answers */
    SECRETS_HIDDEN_MAX = 256
};

/* A text to be kept out of answers. Owned. */
struct hidden {
    char *name;
    char *text;
    size_t size;
};

struct secrets {
    const char *directory; /* borrowed */
    struct hidden hidden[SECRETS_HIDDEN_MAX];
    size_t hidden_count;
};

/* A copy of `input` with the values of `refs` in their places, and their texts hidden from now on,
 * also as they look in URLs, in JSON and in base64: new reference. Errors: ERR_NOT_FOUND (no such
 * secret or part), ERR_REFUSED (others may read the file), ERR_INVALID (no such place in the input,
 * or the file is no text), ERR_LIMIT, ERR_IO, ERR_NOMEM. Messages never hold a value. */
MUST_CHECK enum err secrets_unseal(struct secrets *secrets, const json_t *input,
                                   Mainstay__SecretRef *const *refs, size_t count,
                                   json_t **ret_input, struct error *err);

/* Hide one more text; too short or too many are ignored. */
void secrets_hide(struct secrets *secrets, const char *name, const char *text);

/* Replace every hidden text in the bytes by "[secret NAME]". */
void secrets_redact(const struct secrets *secrets, struct buf *bytes);

/* The same in every text and key of a value (reference taken over); a new reference, NULL without
 * memory. */
json_t *secrets_redact_json(const struct secrets *secrets, json_t *value);

/* Wipe and free what is hidden. */
void secrets_release(struct secrets *secrets);

#endif
