/*
 * Which program this is: the digest of the file that runs, for journals. Threads: any.
 */
#ifndef COMMON_CRYPTO_PROGRAM_H
#define COMMON_CRYPTO_PROGRAM_H

#include "common/crypto/crypto.h"

/* SHA-256 of the executable (as sha256sum prints it), from /proc/self/exe: the file that was
 * started, also when another one has taken its path since. ERR_IO. */
MUST_CHECK enum err program_digest(struct digest *ret_digest, struct error *err);

#endif
