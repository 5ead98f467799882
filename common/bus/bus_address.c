/* Urls, secrets, subjects and headers: cnats checks none of them, so everything passes here first.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/str.h"
#include "common/bus/bus_private.h"

/* ---- urls ---- */

static bool host_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcmp(host, "localhost") == 0) {
        return true;
    }
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* "host:port", "[v6]:port" or "host" into `host`; false when it is none of them. */
static bool host_of(const char *authority, char *host, size_t size)
{
    const char *start = authority;
    size_t length = strcspn(authority, ":");
    if (authority[0] == '[') {
        start = authority + 1;
        length = strcspn(start, "]");
        if (start[length] != ']') {
            return false;
        }
    }
    const char *rest = authority[0] == '[' ? start + length + 1 : start + length;
    uint64_t port = 4222;
    if (rest[0] != '\0' && (rest[0] != ':' || !text_to_u64(rest + 1, &port))) {
        return false;
    }
    if (length == 0 || length >= size || port == 0 || port > 65535) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%",
                   start[i]) == NULL) {
            return false;
        }
    }
    memcpy(host, start, length);
    host[length] = '\0';
    return true;
}

static enum err url_parse(const char *url, bool has_ca, struct bus_urls *urls, struct error *err)
{
    bool tls = text_starts(url, "tls://");
    const char *authority = url;
    if (tls || text_starts(url, "nats://")) {
        authority = url + (tls ? strlen("tls://") : strlen("nats://"));
    }
    char host[BUS_URL_BYTES];
    if (strchr(authority, '@') != NULL) {
        return error_set(
            err, ERR_INVALID,
            "bus url holds a user or password: put them into a creds file (mode 0600)");
    }
    if (!host_of(authority, host, sizeof(host))) {
        return error_set(err, ERR_INVALID,
                         "bus url '%s' is not of the form nats://host:port or tls://host:port",
                         url);
    }
    urls->secure = urls->secure || tls || has_ca;
    if (!urls->secure && !host_is_loopback(host)) {
        return error_set(
            err, ERR_REFUSED,
            "bus url '%s' is not on this machine and has no TLS: use tls://%s, or name "
            "the certificate authority of the server with --ca FILE",
            url, authority);
    }
    if (urls->count == 0) {
        (void)text_copy(urls->host, sizeof(urls->host), host);
    }
    (void)snprintf(urls->text[urls->count++], BUS_URL_BYTES, "%s://%s",
                   urls->secure ? "tls" : "nats", authority);
    return ERR_OK;
}

enum err bus_urls_parse(const char *url, bool has_ca, struct bus_urls *ret_urls, struct error *err)
{
    *ret_urls = (struct bus_urls){0};
    for (const char *part = url; part != NULL;) {
        size_t length = strcspn(part, ",");
        char one[BUS_URL_BYTES - 8];
        if (length == 0 || length >= sizeof(one) || ret_urls->count == BUS_URLS_MAX) {
            return error_set(err, ERR_INVALID,
                             "bus url '%s' is empty, too long or names more than %d servers", url,
                             BUS_URLS_MAX);
        }
        memcpy(one, part, length);
        one[length] = '\0';
        TRY(url_parse(one, has_ca, ret_urls, err));
        part = part[length] == ',' ? part + length + 1 : NULL;
    }
    return ERR_OK;
}

/* ---- secrets ---- */

/* Copy the value of "key=value" when `line` is of that key; false when it does not fit. */
static bool line_take(const char *line, const char *key, char *out)
{
    size_t length = strlen(key);
    if (strncmp(line, key, length) != 0 || line[length] != '=') {
        return true;
    }
    return text_copy(out, BUS_SECRET_BYTES, line + length + 1);
}

static enum err secret_parse(const char *path, char *text, struct bus_secret *secret,
                             struct error *err)
{
    bool fits = true;
    for (char *line = text; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        fits = fits && line_take(line, "user", secret->user) &&
               line_take(line, "password", secret->password);
        line = end != NULL ? end + 1 : NULL;
    }
    if (!fits || secret->user[0] == '\0' || secret->password[0] == '\0') {
        return error_set(err, ERR_INVALID,
                         "creds file '%s' must have the lines user=... and password=... of at most "
                         "%d bytes",
                         path, BUS_SECRET_BYTES - 1);
    }
    return ERR_OK;
}

/* Under systemd's LoadCredential= the service's own user may read through an access list, which
 * shows as a group that reads; the folder is closed to others (systemd.exec(5), Credentials). */
static bool from_systemd(const char *path)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    size_t size = folder != NULL ? strlen(folder) : 0;
    return size > 0 && strncmp(path, folder, size) == 0 && path[size] == '/';
}

static enum err secret_file_check(const char *path, int fd, struct error *err)
{
    const mode_t others = from_systemd(path) ? 037 : 077;
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return error_set(err, ERR_REFUSED, "creds file '%s' is not a plain file", path);
    }
    if ((info.st_mode & others) != 0) {
        return error_set(err, ERR_REFUSED,
                         "creds file '%s' can be used by others (mode %03o): run chmod 600 '%s'",
                         path, (unsigned)(info.st_mode & 0777), path);
    }
    return ERR_OK;
}

enum err bus_secret_read(const char *path, struct bus_secret *ret_secret, struct error *err)
{
    *ret_secret = (struct bus_secret){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        int reason = errno;
        return error_set(err, reason == ENOENT ? ERR_NOT_FOUND : ERR_REFUSED,
                         "cannot open creds file '%s': %s", path, strerror(reason));
    }
    char text[2048];
    enum err code = secret_file_check(path, fd, err);
    if (code == ERR_OK) {
        ssize_t size = read(fd, text, sizeof(text) - 1);
        text[size > 0 ? size : 0] = '\0';
        code = secret_parse(path, text, ret_secret, err);
        explicit_bzero(text, sizeof(text));
    }
    (void)close(fd);
    return code;
}

/* ---- subjects and headers ---- */

/* Tokens of `allowed` characters with single dots between them. */
static bool tokens_are(const char *subject, const char *allowed)
{
    size_t length = strlen(subject);
    if (length == 0 || length >= BUS_SUBJECT_BYTES || strspn(subject, allowed) != length) {
        return false;
    }
    return subject[0] != '.' && subject[length - 1] != '.' && strstr(subject, "..") == NULL;
}

#define TOKEN_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$=-"

bool bus_subject_is_valid(const char *subject)
{
    return tokens_are(subject, TOKEN_CHARACTERS ".");
}

bool bus_name_is_valid(const char *name)
{
    size_t length =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return length >= 1 && length <= BUS_NAME_MAX && name[length] == '\0';
}

/* Wildcards stand alone in their token, ">" only at the end. */
bool bus_pattern_is_valid(const char *subject)
{
    if (!tokens_are(subject, TOKEN_CHARACTERS ".*>")) {
        return false;
    }
    for (const char *c = strpbrk(subject, "*>"); c != NULL; c = strpbrk(c + 1, "*>")) {
        bool starts = c == subject || c[-1] == '.';
        bool ends = c[1] == '\0' || (c[1] == '.' && *c == '*');
        if (!starts || !ends) {
            return false;
        }
    }
    return true;
}

/* Replies are made by others: any visible characters but wildcards. */
bool bus_reply_is_valid(const char *subject)
{
    size_t length = strlen(subject);
    for (const char *c = subject; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || *c == '*' || *c == '>') {
            return false;
        }
    }
    return length > 0 && length < BUS_SUBJECT_BYTES;
}

/* Inboxes of clients, and the reply subjects servers make for account imports. */
bool bus_reply_is_inbox(const char *subject)
{
    return bus_reply_is_valid(subject) &&
           (text_starts(subject, "_INBOX") || text_starts(subject, "_R_."));
}

/* RFC 9110 field names; values without control characters, so that no line can be smuggled in. */
static bool header_is_valid(const struct bus_header *header)
{
    size_t length = strlen(header->name);
    if (length == 0 || length > 256 ||
        strspn(header->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "!#$%&'*+-.^_`|~") != length) {
        return false;
    }
    for (const char *c = header->value; *c != '\0'; c++) {
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f) {
            return false;
        }
    }
    return true;
}

enum err bus_publication_check(const struct bus_publication *publication, struct error *err)
{
    if (!bus_subject_is_valid(publication->subject)) {
        return error_set(
            err, ERR_INVALID,
            "cannot publish: a subject has tokens of letters, digits, '_', '-', '=' and "
            "'$' joined by dots, and less than %d bytes",
            BUS_SUBJECT_BYTES);
    }
    if (publication->header_count > BUS_HEADERS_MAX) {
        return error_set(err, ERR_LIMIT, "cannot publish to '%s': more than %d headers",
                         publication->subject, BUS_HEADERS_MAX);
    }
    for (size_t i = 0; i < publication->header_count; i++) {
        if (!header_is_valid(&publication->headers[i])) {
            return error_set(err, ERR_INVALID,
                             "cannot publish to '%s': header %zu has a name that is no token or a "
                             "value with control characters",
                             publication->subject, i + 1);
        }
    }
    if (publication->size > INT32_MAX) {
        return error_set(err, ERR_LIMIT, "cannot publish to '%s': body too large",
                         publication->subject);
    }
    return ERR_OK;
}
