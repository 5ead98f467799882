/* The client against the server of the same folder. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/http_client.h"
#include "common/http/http_server.h"

static void echo(void *user, const struct http_request *request, struct http_response *response)
{
    (void)user;
    const char *name = http_request_query(request, "name");
    const char *header = http_request_header(request, "X-Test");
    buf_printf(&response->body, "%s %s rest=%s name=%s header=%s body=", request->method,
               request->path, request->rest, name != NULL ? name : "-",
               header != NULL ? header : "-");
    buf_append(&response->body, request->body, request->size);
    cr_assert(http_response_header(response, "X-Answer", "yes"));
}

static void redirect(void *user, const struct http_request *request, struct http_response *response)
{
    (void)user;
    (void)request;
    response->status = 302;
    cr_assert(http_response_header(response, "Location", "/echo/after"));
}

static void redirect_away(void *user, const struct http_request *request,
                          struct http_response *response)
{
    (void)user;
    (void)request;
    response->status = 302;
    cr_assert(http_response_header(response, "Location", "file:///etc/passwd"));
}

static void large(void *user, const struct http_request *request, struct http_response *response)
{
    (void)user;
    (void)request;
    for (int i = 0; i < 1000; i++) {
        buf_append_str(&response->body, "0123456789");
    }
}

static const struct http_route routes[] = {
    {"GET", "/echo/*", echo, NULL},    {"POST", "/echo/*", echo, NULL},
    {"GET", "/again", redirect, NULL}, {"GET", "/away", redirect_away, NULL},
    {"GET", "/large", large, NULL},
};

struct pair {
    struct http_server *server;
    struct http_client *client;
    struct http_answer answer;
    char url[128];
};

static struct pair pair_start(void)
{
    struct pair pair = {.client = http_client_create()};
    const struct http_server_options options = {.routes = routes,
                                                .route_count = sizeof(routes) / sizeof(routes[0])};
    struct error err = {0};
    cr_assert_eq(http_server_start(&options, &pair.server, &err), ERR_OK, "%s", err.message);
    return pair;
}

static void pair_stop(struct pair *pair)
{
    http_answer_release(&pair->answer);
    http_client_destroy(&pair->client);
    http_server_stop(&pair->server);
    cr_assert_null(pair->client);
    cr_assert_null(pair->server);
}

static const char *url_of(struct pair *pair, const char *path)
{
    snprintf(pair->url, sizeof(pair->url), "http://127.0.0.1:%u%s", http_server_port(pair->server),
             path);
    return pair->url;
}

static enum err send_call(struct pair *pair, const struct http_call *call)
{
    return http_client_send(pair->client, call, &pair->answer, NULL);
}

Test(http_client, get_and_post_carry_query_headers_and_body)
{
    struct pair pair = pair_start();
    const char *const headers[] = {"X-Test: value", NULL};
    struct http_call call = {.url = url_of(&pair, "/echo/x?name=a%20b"), .headers = headers};
    cr_assert_eq(send_call(&pair, &call), ERR_OK);
    cr_assert_eq(pair.answer.status, 200);
    cr_assert(pair.answer.sent);
    cr_assert_str_eq(pair.answer.body.data, "GET /echo/x rest=x name=a b header=value body=");
    char value[16];
    cr_assert(http_answer_header(&pair.answer, "x-answer", value, sizeof(value)));
    cr_assert_str_eq(value, "yes");
    cr_assert_not(http_answer_header(&pair.answer, "x-answer", value, 3));
    cr_assert_not(http_answer_header(&pair.answer, "x-other", value, sizeof(value)));
    call = (struct http_call){.url = url_of(&pair, "/echo/y"), .body = "hello", .size = 5};
    cr_assert_eq(send_call(&pair, &call), ERR_OK);
    cr_assert_str_eq(pair.answer.body.data, "POST /echo/y rest=y name=- header=- body=hello");
    pair_stop(&pair);
}

Test(http_client, the_environment_has_no_say)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    struct pair pair = pair_start();
    const struct http_call call = {.url = url_of(&pair, "/echo/x")};
    cr_assert_eq(send_call(&pair, &call), ERR_OK);
    cr_assert_eq(pair.answer.status, 200);
    pair_stop(&pair);
}

Test(http_client, redirects_are_followed_only_on_wish_and_only_to_http)
{
    struct pair pair = pair_start();
    struct http_call call = {.url = url_of(&pair, "/again")};
    cr_assert_eq(send_call(&pair, &call), ERR_OK);
    cr_assert_eq(pair.answer.status, 302);
    call.redirects_max = 3;
    cr_assert_eq(send_call(&pair, &call), ERR_OK);
    cr_assert_eq(pair.answer.status, 200);
    cr_assert_not_null(strstr(pair.answer.body.data, "/echo/after"));
    call.url = url_of(&pair, "/away");
    cr_assert_eq(send_call(&pair, &call), ERR_INVALID);
    pair_stop(&pair);
}

Test(http_client, answers_are_bounded)
{
    struct pair pair = pair_start();
    struct http_call call = {.url = url_of(&pair, "/large"), .answer_max = 10000};
    cr_assert_eq(send_call(&pair, &call), ERR_OK);
    cr_assert_eq(pair.answer.body.size, 10000);
    call.answer_max = 9999;
    struct error err = {0};
    cr_assert_eq(http_client_send(pair.client, &call, &pair.answer, &err), ERR_LIMIT);
    cr_assert_not_null(strstr(err.message, "larger than 9999"), "%s", err.message);
    cr_assert(pair.answer.sent);
    pair_stop(&pair);
}

Test(http_client, failures_are_told_apart)
{
    struct pair pair = pair_start();
    struct http_call call = {.url = "file:///etc/passwd"};
    cr_assert_eq(send_call(&pair, &call), ERR_INVALID);
    call.url = "not a url";
    cr_assert_eq(send_call(&pair, &call), ERR_INVALID);
    call.url = "http://127.0.0.1:1/";
    cr_assert_eq(send_call(&pair, &call), ERR_UNAVAILABLE);
    cr_assert_not(pair.answer.sent);
    const char *const smuggled[] = {"X-Test: a\r\nX-More: b", NULL};
    call = (struct http_call){.url = url_of(&pair, "/echo/x"), .headers = smuggled};
    cr_assert_eq(send_call(&pair, &call), ERR_INVALID);
    cr_assert_not(pair.answer.sent);
    pair_stop(&pair);
}

static bool refuse_all(void *user, const struct sockaddr *address)
{
    (void)address;
    ++*(int *)user;
    return false;
}

Test(http_client, asks_before_it_connects)
{
    struct pair pair = pair_start();
    struct error err = {0};
    int asked = 0;
    const struct http_call call = {.url = url_of(&pair, "/echo/x"),
                                   .label = "the label",
                                   .may_connect = refuse_all,
                                   .user = &asked};
    cr_expect_eq(http_client_send(pair.client, &call, &pair.answer, &err), ERR_REFUSED);
    cr_expect_eq(asked, 1);
    cr_expect_not(pair.answer.sent);
    cr_expect_not_null(strstr(err.message, "'the label'"), "%s", err.message);
    cr_expect_null(strstr(err.message, "/echo"), "%s", err.message);
    pair_stop(&pair);
}

Test(http_url, is_read_as_the_client_reads_it)
{
    static const struct {
        const char *url;
        const char *host;
        unsigned port;
        bool tls;
        bool login;
    } rows[] = {
        {"http://Host.Example/x", "host.example", 80, false, false},
        {"https://h", "h", 443, true, false},
        {"https://u:p@h:8443/", "h", 8443, true, true},
        {"http://[::1]:9/", "::1", 9, false, false},
        {"http://good@bad/", "bad", 80, false, true},
    };
    static const char *const wrong[] = {
        "", "h/x", "ftp://h/", "http://", "http://h:99999/", "http://a b/", "//h/x"};
    struct error err = {0};
    struct http_url url;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_eq(http_url_parse(rows[i].url, &url, &err), ERR_OK, "%s", rows[i].url);
        cr_expect_str_eq(url.host, rows[i].host);
        cr_expect_eq(url.port, rows[i].port);
        cr_expect_eq(url.tls, rows[i].tls);
        cr_expect_eq(url.login, rows[i].login);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_expect_eq(http_url_parse(wrong[i], &url, &err), ERR_INVALID, "%s", wrong[i]);
    }
}

Test(http_url, is_resolved_against_a_base)
{
    static const char *const rows[][3] = {
        {"https://h/a/b.json", "c", "https://h/a/c"},
        {"https://h/a/b.json", "/c", "https://h/c"},
        {"https://h/a/b.json", "//x/c", "https://x/c"},
        {"https://h/a/b/c.json", "../d", "https://h/a/d"},
        {"https://h/a", "http://x:1/y?z", "http://x:1/y?z"},
    };
    struct buf out = BUF_INIT(256);
    struct error err = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_eq(http_url_resolve(rows[i][0], rows[i][1], &out, &err), ERR_OK, "%s",
                     err.message);
        cr_expect_str_eq(out.data, rows[i][2]);
    }
    cr_expect_eq(http_url_resolve("nowhere", "x", &out, &err), ERR_INVALID);
    buf_release(&out);
}
