#include "agents/connector/allow.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/http/http_client.h"

enum { ADDRESS_BYTES = 16, ADDRESS_BITS = 128, MAPPED_BITS = 96, ENTRY_BYTES = 320 };
enum { PORT_OF_SCHEME = 0, PORT_ANY = -1 };
enum scheme { SCHEME_BOTH, SCHEME_HTTP, SCHEME_HTTPS };

/* An address range; IPv4 is kept as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). */
struct range {
    uint8_t address[ADDRESS_BYTES];
    unsigned bits;
};

struct entry {
    enum scheme scheme;
    int port;
    bool below;                     /* `host` is a suffix with its dot */
    char host[HTTP_URL_HOST_BYTES]; /* "" for a range */
    struct range range;
};

struct allow {
    struct entry entries[ALLOW_ENTRIES_MAX];
    size_t count;
};

struct allow *allow_create(void)
{
    return calloc(1, sizeof(struct allow));
}

void allow_destroy(struct allow **allow)
{
    free(*allow);
    *allow = NULL;
}

/* ---- addresses ---- */

static void map_v4(const void *bytes, uint8_t *out)
{
    static const uint8_t prefix[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    memcpy(out, prefix, sizeof(prefix));
    memcpy(out + sizeof(prefix), bytes, 4);
}

/* The address of a text and how many bits its kind has in all. */
static bool address_parse(const char *text, uint8_t *out, unsigned *ret_bits)
{
    uint8_t bytes[ADDRESS_BYTES];
    if (inet_pton(AF_INET, text, bytes) == 1) {
        map_v4(bytes, out);
        *ret_bits = ADDRESS_BITS - MAPPED_BITS;
        return true;
    }
    *ret_bits = ADDRESS_BITS;
    return inet_pton(AF_INET6, text, out) == 1;
}

static bool range_holds(const struct range *range, const uint8_t *address)
{
    unsigned whole = range->bits / 8;
    unsigned rest = range->bits % 8;
    if (memcmp(range->address, address, whole) != 0) {
        return false;
    }
    return rest == 0 || ((range->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

/* "ADDRESS" or "ADDRESS/BITS". */
static bool range_parse(const char *text, struct range *ret_range)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t size = slash == NULL ? strlen(text) : (size_t)(slash - text);
    unsigned kind = 0;
    uint64_t bits = 0;
    if (size >= sizeof(address)) {
        return false;
    }
    memcpy(address, text, size);
    address[size] = '\0';
    if (!address_parse(address, ret_range->address, &kind)) {
        return false;
    }
    if (slash == NULL) {
        bits = kind;
    } else if (!text_to_u64(slash + 1, &bits) || bits > kind) {
        return false;
    }
    ret_range->bits = (unsigned)bits + (ADDRESS_BITS - kind);
    return true;
}

/* Special-purpose ranges of the IANA registries that are not reachable from everywhere. */
static const char *const closed_v4[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
};
/* Within global unicast 2000::/3; everything outside of it is closed. */
static const char *const closed_v6[] = {"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"};

static bool among(const char *const *ranges, size_t count, const uint8_t *address)
{
    for (size_t i = 0; i < count; i++) {
        struct range range;
        if (range_parse(ranges[i], &range) && range_holds(&range, address)) {
            return true;
        }
    }
    return false;
}

static bool is_public(const uint8_t *address)
{
    struct range mapped;
    struct range unicast;
    if (range_parse("0.0.0.0/0", &mapped) && range_holds(&mapped, address)) {
        return !among(closed_v4, sizeof(closed_v4) / sizeof(closed_v4[0]), address);
    }
    return range_parse("2000::/3", &unicast) && range_holds(&unicast, address) &&
           !among(closed_v6, sizeof(closed_v6) / sizeof(closed_v6[0]), address);
}

/* ---- entries ---- */

static bool is_host(const char *text)
{
    size_t size = strlen(text);
    bool good = size > 0 && size < HTTP_URL_HOST_BYTES && text[0] != '-' && text[0] != '.';
    for (size_t i = 0; good && i < size; i++) {
        good =
            isalnum((unsigned char)text[i]) || text[i] == '-' || text[i] == '.' || text[i] == '_';
    }
    return good;
}

static bool port_parse(const char *text, int *ret_port)
{
    uint64_t number = 0;
    if (strcmp(text, "*") == 0) {
        *ret_port = PORT_ANY;
        return true;
    }
    if (!text_to_u64(text, &number) || number == 0 || number > UINT16_MAX) {
        return false;
    }
    *ret_port = (int)number;
    return true;
}

/* Cut ":PORT" off the end of `text`; brackets of an IPv6 address go too. */
static bool port_cut(char **text, int *ret_port)
{
    char *colon = strrchr(*text, ':');
    char *bracket = strrchr(*text, ']');
    bool several = colon != NULL && strchr(*text, ':') != colon;
    *ret_port = PORT_OF_SCHEME;
    if (colon != NULL && (!several || (bracket != NULL && colon > bracket))) {
        if (!port_parse(colon + 1, ret_port)) {
            return false;
        }
        *colon = '\0';
    }
    if ((*text)[0] == '[') {
        size_t size = strlen(*text);
        if ((*text)[size - 1] != ']') {
            return false;
        }
        (*text)[size - 1] = '\0';
        (*text)++;
    }
    return true;
}

static bool entry_parse(const char *text, struct entry *ret_entry)
{
    char copy[ENTRY_BYTES];
    char *host = copy;
    *ret_entry = (struct entry){.scheme = SCHEME_BOTH};
    if (!text_copy(copy, sizeof(copy), text)) {
        return false;
    }
    for (char *c = copy; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    if (text_starts(copy, "http://")) {
        ret_entry->scheme = SCHEME_HTTP;
        host += strlen("http://");
    } else if (text_starts(copy, "https://")) {
        ret_entry->scheme = SCHEME_HTTPS;
        host += strlen("https://");
    }
    if (!port_cut(&host, &ret_entry->port)) {
        return false;
    }
    if (range_parse(host, &ret_entry->range)) {
        return true;
    }
    ret_entry->below = text_starts(host, "*.");
    host += ret_entry->below ? 1 : 0;
    return is_host(ret_entry->below ? host + 1 : host) &&
           text_copy(ret_entry->host, sizeof(ret_entry->host), host);
}

static enum err entry_add(struct allow *allow, const char *text, struct error *err)
{
    if (allow->count == ALLOW_ENTRIES_MAX) {
        return error_set(err, ERR_LIMIT, "more than %d allowed hosts", ALLOW_ENTRIES_MAX);
    }
    if (!entry_parse(text, &allow->entries[allow->count])) {
        return error_set(err, ERR_INVALID,
                         "'%.100s' is not an allowed host: write [http://|https://]HOST[:PORT], "
                         "HOST being a name, *.suffix, an address or a range like 10.0.0.0/8",
                         text);
    }
    allow->count++;
    return ERR_OK;
}

enum err allow_add(struct allow *allow, const char *text, struct error *err)
{
    char word[ENTRY_BYTES];
    while (*text != '\0') {
        size_t size = strcspn(text, ", \t\r\n#");
        if (size >= sizeof(word)) {
            return error_set(err, ERR_INVALID, "'%.100s...' is too long for an allowed host", text);
        }
        if (size > 0) {
            memcpy(word, text, size);
            word[size] = '\0';
            TRY(entry_add(allow, word, err));
        }
        text += size;
        text += *text == '#' ? strcspn(text, "\n") : *text != '\0' ? 1 : 0;
    }
    return ERR_OK;
}

enum err allow_add_file(struct allow *allow, const char *path, struct error *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open '%s': %s",
                         path, strerror(errno));
    }
    struct buf text = BUF_INIT(ALLOW_FILE_BYTES);
    char chunk[4096];
    size_t got = 0;
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        buf_append(&text, chunk, got);
    }
    enum err code = ERR_OK;
    if (ferror(file) || text.failed) {
        code = error_set(err, text.failed ? ERR_LIMIT : ERR_IO, "it cannot be read");
    } else if (text.data != NULL) {
        code = allow_add(allow, text.data, err);
    }
    if (code != ERR_OK) {
        error_wrap(err, "the list of allowed hosts '%s'", path);
    }
    (void)fclose(file);
    buf_release(&text);
    return code;
}

/* ---- asking ---- */

static bool host_fits(const struct entry *entry, const char *host)
{
    uint8_t address[ADDRESS_BYTES];
    unsigned kind = 0;
    if (address_parse(host, address, &kind)) {
        return entry->host[0] == '\0' && range_holds(&entry->range, address);
    }
    if (entry->host[0] == '\0') {
        return false;
    }
    return entry->below ? strlen(host) > strlen(entry->host) && text_ends(host, entry->host)
                        : strcmp(host, entry->host) == 0;
}

static bool port_fits(const struct entry *entry, bool tls, unsigned port)
{
    bool scheme = entry->scheme == SCHEME_BOTH || (entry->scheme == SCHEME_HTTPS) == tls;
    if (entry->port == PORT_ANY) {
        return scheme;
    }
    return scheme && port == (entry->port != PORT_OF_SCHEME ? (unsigned)entry->port
                              : tls                         ? 443U
                                                            : 80U);
}

bool allow_url(const struct allow *allow, const struct http_url *url)
{
    for (size_t i = 0; i < allow->count; i++) {
        const struct entry *entry = &allow->entries[i];
        if (host_fits(entry, url->host) && port_fits(entry, url->tls, url->port)) {
            return true;
        }
    }
    return false;
}

bool allow_address(const struct allow *allow, const struct sockaddr *address)
{
    uint8_t bytes[ADDRESS_BYTES];
    unsigned port = 0;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        map_v4(&v4.sin_addr, bytes);
        port = ntohs(v4.sin_port);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        memcpy(bytes, &v6.sin6_addr, sizeof(bytes));
        port = ntohs(v6.sin6_port);
    } else {
        return false;
    }
    bool allowed = is_public(bytes);
    for (size_t i = 0; !allowed && i < allow->count; i++) {
        const struct entry *entry = &allow->entries[i];
        allowed = entry->host[0] == '\0' && range_holds(&entry->range, bytes) &&
                  (port_fits(entry, true, port) || port_fits(entry, false, port));
    }
    return allowed;
}
