#include "common/crypto/program.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum err program_digest(struct digest *ret_digest, struct error *err)
{
    static const char path[] = "/proc/self/exe";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return error_set(err, ERR_IO, "cannot read '%s': %s", path, strerror(errno));
    }
    struct crypto_sha256_state state;
    crypto_sha256_init(&state);
    char chunk[8192];
    ssize_t got = 0;
    while ((got = read(fd, chunk, sizeof(chunk))) > 0 || (got < 0 && errno == EINTR)) {
        crypto_sha256_update(&state, chunk, got > 0 ? (size_t)got : 0);
    }
    int cause = errno;
    *ret_digest = crypto_sha256_final(&state);
    (void)close(fd);
    return got == 0 ? ERR_OK
                    : error_set(err, ERR_IO, "cannot read '%s': %s", path, strerror(cause));
}
