#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/metrics.h"
#include "common/http/http_client.h"
#include "common/http/http_server.h"

static enum err start_code(const struct http_server_options *options, struct error *err)
{
    struct http_server *server = NULL;
    enum err code = http_server_start(options, &server, err);
    cr_assert_eq(code == ERR_OK, server != NULL);
    http_server_stop(&server);
    return code;
}

Test(http_server, other_addresses_than_loopback_need_a_word)
{
    struct error err = {0};
    struct http_server_options options = {.host = "0.0.0.0"};
    cr_assert_eq(start_code(&options, &err), ERR_REFUSED);
    cr_assert_not_null(strstr(err.message, "127.0.0.1"), "%s", err.message);
    options.allow_remote = true;
    cr_assert_eq(start_code(&options, &err), ERR_OK, "%s", err.message);
    options = (struct http_server_options){.host = "127.1.2.3"};
    cr_assert_eq(start_code(&options, &err), ERR_OK);
    options.host = "localhost.example";
    cr_assert_eq(start_code(&options, &err), ERR_INVALID);
    options = (struct http_server_options){.port = 70000};
    cr_assert_eq(start_code(&options, &err), ERR_INVALID);
}

Test(http_server, a_taken_port_is_a_conflict)
{
    struct http_server *server = NULL;
    struct http_server_options options = {0};
    cr_assert_eq(http_server_start(&options, &server, NULL), ERR_OK);
    options.port = http_server_port(server);
    cr_assert_neq(options.port, 0);
    struct error err = {0};
    cr_assert_eq(start_code(&options, &err), ERR_CONFLICT, "%s", err.message);
    http_server_stop(&server);
}

/* Send raw bytes and read a whole head, or until the server closes; in static memory. */
static const char *talk(unsigned port, const char *request, size_t size)
{
    static char answer[8192];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    (void)send(fd, request, size, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    size_t used = 0;
    ssize_t got = 0;
    answer[0] = '\0';
    while (used < sizeof(answer) - 1 && strstr(answer, "\r\n\r\n") == NULL &&
           (got = recv(fd, answer + used, sizeof(answer) - 1 - used, 0)) > 0) {
        used += (size_t)got;
        answer[used] = '\0';
    }
    close(fd);
    return answer;
}

static void say_path(void *user, const struct http_request *request, struct http_response *response)
{
    (void)user;
    buf_append_str(&response->body, request->path);
}

static void expect(unsigned port, const char *request, const char *status)
{
    const char *answer = talk(port, request, strlen(request));
    cr_assert(strncmp(answer, status, strlen(status)) == 0, "asked:\n%s\ngot:\n%s", request,
              answer);
}

Test(http_server, foreign_hosts_unknown_paths_and_methods_are_refused)
{
    static const struct http_route routes[] = {{"GET", "/page", say_path, NULL}};
    static const char *const names[] = {"box.example", NULL};
    const struct http_server_options options = {
        .routes = routes, .route_count = 1, .host_names = names, .body_max = 100};
    struct http_server *server = NULL;
    cr_assert_eq(http_server_start(&options, &server, NULL), ERR_OK);
    unsigned port = http_server_port(server);
    expect(port, "GET /page HTTP/1.1\r\nHost: localhost:99\r\n\r\n", "HTTP/1.1 200");
    expect(port, "GET /page HTTP/1.1\r\nHost: BOX.example\r\n\r\n", "HTTP/1.1 200");
    expect(port, "GET /page HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "HTTP/1.1 200");
    expect(port, "HEAD /page HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200");
    expect(port, "GET /page HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 403");
    expect(port, "GET /page HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", "HTTP/1.1 403");
    expect(port, "GET /page HTTP/1.0\r\n\r\n", "HTTP/1.1 403");
    expect(port, "GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404");
    expect(port, "GET /page/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404");
    expect(port, "DELETE /page HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405");
    expect(port, "POST /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 101\r\n\r\n",
           "HTTP/1.1 413");
    http_server_stop(&server);
}

Test(http_server, a_body_over_the_cap_is_refused_however_it_comes)
{
    static const struct http_route routes[] = {{"POST", "/page", say_path, NULL}};
    const struct http_server_options options = {
        .routes = routes, .route_count = 1, .body_max = 100};
    struct http_server *server = NULL;
    cr_assert_eq(http_server_start(&options, &server, NULL), ERR_OK);
    char request[1024];
    char body[151];
    memset(body, 'x', 150);
    body[150] = '\0';
    snprintf(request, sizeof(request),
             "POST /page HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
             "96\r\n%s\r\n0\r\n\r\n",
             body);
    expect(http_server_port(server), request, "HTTP/1.1 413");
    snprintf(request, sizeof(request),
             "POST /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n%.100s", body);
    expect(http_server_port(server), request, "HTTP/1.1 200");
    http_server_stop(&server);
}

Test(http_server, garbage_does_not_hurt)
{
    const struct http_server_options options = {0};
    struct http_server *server = NULL;
    cr_assert_eq(http_server_start(&options, &server, NULL), ERR_OK);
    char garbage[4096];
    uint64_t state = 1;
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof(garbage); i++) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            garbage[i] = (char)(state >> 56);
        }
        (void)talk(http_server_port(server), garbage, sizeof(garbage));
    }
    expect(http_server_port(server), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404");
    http_server_stop(&server);
}

Test(http_server, response_headers_take_no_line_breaks)
{
    struct http_response response = {0};
    cr_assert_not(http_response_header(&response, "X", "a\r\nSet-Cookie: b"));
    cr_assert_not(http_response_header(&response, "X\n", "a"));
    cr_assert_eq(response.header_count, 0);
}

static bool is_ready(void *user, struct buf *why)
{
    buf_append_str(why, "bus is not connected\n");
    return *(bool *)user;
}

static void expect_get(unsigned port, const char *path, unsigned status, const char *part)
{
    char url[128];
    struct http_client *client = http_client_create();
    struct http_answer answer = {0};
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
    const struct http_call call = {.url = url};
    cr_assert_eq(http_client_send(client, &call, &answer, NULL), ERR_OK);
    cr_assert_eq(answer.status, status, "%s: %u", path, answer.status);
    cr_assert_not_null(strstr(answer.body.data, part), "%s: %s", path, answer.body.data);
    http_answer_release(&answer);
    http_client_destroy(&client);
}

Test(http_health, serves_metrics_health_and_readiness)
{
    bool ready = false;
    struct metrics *metrics = metrics_create("tester", "1");
    counter_add(metrics_counter(metrics, "mainstay_turns_total", "Turns.", NULL), 5);
    const struct http_health_options options = {
        .metrics = metrics, .ready = is_ready, .user = &ready};
    struct http_server *server = NULL;
    cr_assert_eq(http_health_start(&options, &server, NULL), ERR_OK);
    unsigned port = http_server_port(server);
    expect_get(port, "/metrics", 200, "\nmainstay_turns_total 5\n");
    expect_get(port, "/healthz", 200, "ok\n");
    expect_get(port, "/readyz", 503, "bus is not connected\n");
    ready = true;
    expect_get(port, "/readyz", 200, "ready\n");
    expect_get(port, "/", 404, "not found\n");
    http_server_stop(&server);
    metrics_destroy(&metrics);
}
