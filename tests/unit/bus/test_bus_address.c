/* What is refused before a byte reaches the network. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bus/bus.h"

static enum err connect_code(const char *url, const char *creds, struct error *err)
{
    const struct bus_options options = {.url = url, .creds_file = creds, .name = "test"};
    struct bus *bus = NULL;
    enum err code = bus_connect(&options, &bus, err);
    cr_assert_neq(code, ERR_OK);
    cr_assert_null(bus);
    return code;
}

Test(bus_address, a_host_elsewhere_without_tls_is_refused_with_advice)
{
    static const char *const urls[] = {"nats://192.0.2.7:4222", "example.com",
                                       "nats://127.0.0.1:1,nats://10.0.0.1:4222",
                                       "nats://[2001:db8::1]:4222", "nats://127.evil.example:4222"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct error err = {0};
        cr_assert_eq(connect_code(urls[i], NULL, &err), ERR_REFUSED, "%s", urls[i]);
        cr_assert_not_null(strstr(err.message, "tls://"), "%s", err.message);
        cr_assert_not_null(strstr(err.message, "--ca"), "%s", err.message);
    }
}

Test(bus_address, malformed_urls_are_invalid)
{
    static const char *const urls[] = {"",
                                       ",",
                                       "nats://",
                                       "nats://127.0.0.1:0",
                                       "nats://127.0.0.1:70000",
                                       "nats://127.0.0.1:x",
                                       "http://127.0.0.1:4222",
                                       "nats://user:pw@127.0.0.1:4222",
                                       "nats://127.0.0.1:4222\r\nPING",
                                       "nats://[::1:4222",
                                       "nats://127.0.0.1:4222/path"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct error err = {0};
        cr_assert_eq(connect_code(urls[i], NULL, &err), ERR_INVALID, "'%s': %s", urls[i],
                     err.message);
        cr_assert_null(strstr(err.message, "pw@"));
    }
}

Test(bus_address, loopback_without_a_server_is_unavailable)
{
    struct error err = {0};
    cr_assert_eq(connect_code("nats://127.0.0.1:1", NULL, &err), ERR_UNAVAILABLE, "%s",
                 err.message);
    cr_assert_eq(connect_code("nats://[::1]:1", NULL, &err), ERR_UNAVAILABLE);
}

static void write_creds(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
}

Test(bus_address, a_creds_file_must_be_private_and_complete)
{
    char folder[] = "/tmp/mainstay-creds-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    char path[64];
    snprintf(path, sizeof(path), "%s/creds", folder);
    struct error err = {0};
    cr_assert_eq(connect_code("nats://127.0.0.1:1", path, &err), ERR_NOT_FOUND);
    write_creds(path, "user=a\npassword=b\n", 0640);
    cr_assert_eq(connect_code("nats://127.0.0.1:1", path, &err), ERR_REFUSED);
    cr_assert_not_null(strstr(err.message, "chmod 600"), "%s", err.message);
    write_creds(path, "user=a\n", 0600);
    cr_assert_eq(connect_code("nats://127.0.0.1:1", path, &err), ERR_INVALID);
    write_creds(path, "user=a\npassword=b\n", 0600);
    cr_assert_eq(connect_code("nats://127.0.0.1:1", path, &err), ERR_UNAVAILABLE);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("/etc/passwd", path), 0);
    cr_assert_eq(connect_code("nats://127.0.0.1:1", path, &err), ERR_REFUSED);
    unlink(path);
    rmdir(folder);
}

/* Both were an "SSL Error" that named no file. */
Test(bus_address, a_certificate_authority_that_is_none_is_named)
{
    char folder[] = "/tmp/mainstay-ca-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    char path[64];
    snprintf(path, sizeof(path), "%s/ca.pem", folder);
    const struct bus_options options = {
        .url = "tls://127.0.0.1:1", .ca_file = path, .name = "test"};
    struct bus *bus = NULL;
    struct error err = {0};
    cr_assert_eq(bus_connect(&options, &bus, &err), ERR_NOT_FOUND, "%s", err.message);
    cr_assert_not_null(strstr(err.message, path), "%s", err.message);
    write_creds(path, "no certificate\n", 0600);
    cr_assert_eq(bus_connect(&options, &bus, &err), ERR_INVALID, "%s", err.message);
    cr_assert_not_null(strstr(err.message, path), "%s", err.message);
    unlink(path);
    rmdir(folder);
}

Test(bus_address, subjects_are_tokens)
{
    static const char *const good[] = {"a", "event.invoice.received", "$JS.ACK.S.C.1.2.3.4.5",
                                       "_INBOX_x.1"};
    static const char *const bad[] = {"",      ".",        "a.",    ".a",         "a..b",
                                      "a b",   "a.*",      "a.>",   "a\r\nPUB x", "a\tb",
                                      "a\x7f", "\xc3\xa9", "a.b\n", "a/b",        "a\"b"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_assert(bus_subject_is_valid(good[i]), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_not(bus_subject_is_valid(bad[i]), "%s", bad[i]);
    }
    char longest[BUS_SUBJECT_BYTES + 1];
    memset(longest, 'a', sizeof(longest));
    longest[BUS_SUBJECT_BYTES] = '\0';
    cr_assert_not(bus_subject_is_valid(longest));
    longest[BUS_SUBJECT_BYTES - 1] = '\0';
    cr_assert(bus_subject_is_valid(longest));
}
