/* Secrets of a task: where they come from, where they go, and what must not leave. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/runtime/secrets.h"
#include "common/base/buf.h"
#include "common/base/str.h"

static char folder[64];
static struct secrets secrets;

static void path_of(const char *name, char *out, size_t size)
{
    (void)snprintf(out, size, "%s/%s", folder, name);
}

static void keep(const char *name, const char *text, mode_t mode)
{
    char path[128];
    path_of(name, path, sizeof(path));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    cr_assert_eq(fchmod(fd, mode), 0);
    (void)close(fd);
}

static void start(void)
{
    (void)text_copy(folder, sizeof(folder), "/tmp/test-secrets-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    secrets = (struct secrets){.directory = folder};
}

static void end(void)
{
    static const char *const names[] = {"key", "login", "open", "secret.key", "creds"};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(names[i], path, sizeof(path));
        (void)unlink(path);
    }
    (void)rmdir(folder);
    secrets_release(&secrets);
}

TestSuite(secrets, .init = start, .fini = end);

/* Unseal one reference of `input`; the result as text, or the error after '!'. */
static enum err unseal(const char *input, const char *pointer, const char *name, const char *path,
                       struct buf *out)
{
    Mainstay__SecretRef ref = MAINSTAY__SECRET_REF__INIT;
    Mainstay__SecretRef *refs[] = {&ref};
    char copies[3][64];
    struct error err = {0};
    json_t *sealed = NULL;
    json_t *made = NULL;
    const char *texts[] = {pointer, name, path};
    for (size_t i = 0; i < 3; i++) {
        cr_assert(text_copy(copies[i], sizeof(copies[i]), texts[i]));
    }
    ref.pointer = copies[0];
    ref.name = copies[1];
    ref.path = copies[2];
    cr_assert_eq(json_parse(input, strlen(input), NULL, &sealed, &err), ERR_OK);
    enum err code = secrets_unseal(&secrets, sealed, refs, 1, &made, &err);
    buf_clear(out);
    if (code == ERR_OK) {
        json_write(made, out);
    } else {
        buf_printf(out, "!%s", err.message);
    }
    json_decref(made);
    json_decref(sealed);
    return code;
}

Test(secrets, a_text_and_a_part_of_json_take_their_places)
{
    struct buf out = BUF_INIT(4096);
    keep("key", "s3cret\n", 0600);
    keep("login", "{\"user\":\"me\",\"pin\":[12345]}", 0400);
    cr_expect_eq(unseal("{\"a\":[\"x\"]}", "/a/0", "key", "", &out), ERR_OK);
    cr_expect_str_eq(out.data, "{\"a\":[\"s3cret\"]}");
    cr_expect_eq(unseal("{\"a\":\"x\"}", "/a", "login", "/pin/0", &out), ERR_OK);
    cr_expect_str_eq(out.data, "{\"a\":12345}");
    cr_expect_eq(unseal("{\"a\":\"x\"}", "/a", "login", "", &out), ERR_OK);
    cr_expect_str_eq(out.data, "{\"a\":{\"user\":\"me\",\"pin\":[12345]}}");
    buf_release(&out);
}

Test(secrets, what_cannot_be_had_is_told_without_a_value)
{
    struct buf out = BUF_INIT(4096);
    keep("key", "s3cret", 0600);
    keep("open", "s3cret", 0640);
    cr_expect_eq(unseal("{\"a\":1}", "/a", "none", "", &out), ERR_NOT_FOUND);
    cr_expect_not_null(strstr(out.data, "there is no secret 'none': put it into"));
    cr_expect_eq(unseal("{\"a\":1}", "/a", "open", "", &out), ERR_REFUSED);
    cr_expect_not_null(strstr(out.data, "others may read the secret 'open': chmod 600"));
    cr_expect_eq(unseal("{\"a\":1}", "/a", "key", "/part", &out), ERR_NOT_FOUND);
    cr_expect_eq(unseal("{\"a\":1}", "/b/c", "key", "", &out), ERR_INVALID);
    cr_expect_eq(unseal("{\"a\":1}", "/a", "../key", "", &out), ERR_NOT_FOUND);
    cr_expect_eq(unseal("{\"a\":1}", "/a", ".", "", &out), ERR_NOT_FOUND);
    cr_expect_null(strstr(out.data, "s3cret"));
    buf_release(&out);
}

Test(secrets, other_credentials_of_the_agent_are_none)
{
    struct buf out = BUF_INIT(4096);
    keep("creds", "password=bus", 0600);
    keep("secret.key", "s3cret", 0600);
    cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    cr_expect_eq(unseal("{\"a\":1}", "/a", "creds", "", &out), ERR_NOT_FOUND);
    cr_expect_eq(unseal("{\"a\":1}", "/a", "key", "", &out), ERR_OK);
    cr_expect_str_eq(out.data, "{\"a\":\"s3cret\"}");
    buf_release(&out);
}

Test(secrets, every_form_is_kept_out)
{
    static const char *const forms[] = {"pa/ss \"w\"", "pa%2Fss%20%22w%22", "pa/ss \\\"w\\\"",
                                        "cGEvc3MgInci"};
    struct buf out = BUF_INIT(4096);
    keep("key", "pa/ss \"w\"", 0600);
    cr_assert_eq(unseal("{\"a\":1}", "/a", "key", "", &out), ERR_OK);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        buf_clear(&out);
        buf_printf(&out, "<%s><%s>", forms[i], forms[i]);
        secrets_redact(&secrets, &out);
        cr_expect_str_eq(out.data, "<[secret key]><[secret key]>", "%s", forms[i]);
    }
    json_t *value = json_pack("{s:[s, {s:i}], s:b}", "x", forms[0], forms[0], 1, "plain", 1);
    value = secrets_redact_json(&secrets, value);
    buf_clear(&out);
    json_write(value, &out);
    cr_expect_str_eq(out.data, "{\"x\":[\"[secret key]\",{\"[secret key]\":1}],\"plain\":true}");
    json_decref(value);
    buf_release(&out);
}

Test(secrets, the_longer_of_two_goes_first)
{
    struct buf out = BUF_INIT(256);
    secrets_hide(&secrets, "short", "abcd");
    secrets_hide(&secrets, "long", "abcdef");
    secrets_hide(&secrets, "tiny", "ab");
    buf_append_str(&out, "abcdef abcd ab");
    secrets_redact(&secrets, &out);
    cr_expect_str_eq(out.data, "[secret long] [secret short] ab");
    buf_release(&out);
}
