/* The list of allowed hosts: what passes, what does not, what is no list. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "agents/connector/allow.h"
#include "common/http/http_client.h"

static struct allow *list(const char *text)
{
    struct error err = {0};
    struct allow *allow = allow_create();
    cr_assert_eq(allow_add(allow, text, &err), ERR_OK, "%s", err.message);
    return allow;
}

static bool passes(const struct allow *allow, const char *url)
{
    struct http_url parsed;
    struct error err = {0};
    return http_url_parse(url, &parsed, &err) == ERR_OK && allow_url(allow, &parsed);
}

static bool connects(const struct allow *allow, const char *address, unsigned port)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
    } else {
        cr_assert_eq(inet_pton(AF_INET6, address, &v6->sin6_addr), 1, "%s", address);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
    }
    return allow_address(allow, (const struct sockaddr *)&storage);
}

Test(allow, nothing_is_allowed_that_is_not_listed)
{
    struct allow *allow = list("# nothing yet\n");
    cr_expect_not(passes(allow, "https://example.org/"));
    cr_expect_not(passes(allow, "http://127.0.0.1/"));
    cr_expect(connects(allow, "93.184.216.34", 443), "a public address of an allowed name");
    allow_destroy(&allow);
    cr_expect_null(allow);
}

Test(allow, names_schemes_and_ports)
{
    struct allow *allow = list("api.example.org, *.shop.example:8443 https://only.example\n"
                               "http://plain.example:* # any port");
    static const struct {
        const char *url;
        bool passes;
    } rows[] = {
        {"https://api.example.org/x", true},
        {"http://API.example.ORG/", true},
        {"http://api.example.org:80/", true},
        {"http://api.example.org:8080/", false},
        {"https://api.example.org:80/", false},
        {"https://x.api.example.org/", false},
        {"https://api.example.org.evil.example/", false},
        {"https://evilapi.example.org/", false},
        {"https://a.shop.example:8443/", true},
        {"https://a.b.shop.example:8443/", true},
        {"https://shop.example:8443/", false},
        {"https://a.shop.example/", false},
        {"https://only.example/", true},
        {"http://only.example/", false},
        {"http://plain.example:1234/", true},
        {"https://plain.example/", false},
        {"https://api.example.org@evil.example/", false},
        {"https://evil.example#@api.example.org/", false},
        {"https://evil.example\\@api.example.org/", true}, /* as the client reads it */
        {"ftp://api.example.org/", false},
        {"file:///etc/passwd", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_eq(passes(allow, rows[i].url), rows[i].passes, "%s", rows[i].url);
    }
    allow_destroy(&allow);
}

Test(allow, addresses_must_be_listed_as_addresses)
{
    struct allow *allow = list("127.0.0.1:8080 10.1.0.0/16 [::1]:9 internal.example");
    cr_expect(passes(allow, "http://127.0.0.1:8080/"));
    cr_expect_not(passes(allow, "http://127.0.0.1/"));
    cr_expect_not(passes(allow, "http://127.0.0.2:8080/"));
    cr_expect(passes(allow, "https://10.1.255.3/"));
    cr_expect_not(passes(allow, "https://10.2.0.1/"));
    cr_expect(passes(allow, "http://[::1]:9/"));
    cr_expect(passes(allow, "http://internal.example/"));
    cr_expect(connects(allow, "127.0.0.1", 8080));
    cr_expect_not(connects(allow, "127.0.0.1", 80));
    cr_expect(connects(allow, "10.1.2.3", 443));
    cr_expect_not(connects(allow, "10.2.2.3", 443));
    cr_expect(connects(allow, "::1", 9));
    cr_expect(connects(allow, "::ffff:10.1.2.3", 80), "the same address in IPv6 clothes");
    allow_destroy(&allow);
}

Test(allow, what_is_not_public_is_closed)
{
    static const char *const closed[] = {"0.0.0.0",
                                         "10.0.0.1",
                                         "100.64.0.1",
                                         "127.1.2.3",
                                         "169.254.169.254",
                                         "172.31.255.1",
                                         "192.0.0.8",
                                         "192.168.1.1",
                                         "198.18.0.1",
                                         "203.0.113.5",
                                         "224.0.0.1",
                                         "255.255.255.255",
                                         "::",
                                         "::1",
                                         "fe80::1",
                                         "fc00::1",
                                         "fd12:3456::1",
                                         "ff02::1",
                                         "2001:db8::1",
                                         "2002:7f00:1::",
                                         "64:ff9b::7f00:1",
                                         "::ffff:127.0.0.1",
                                         "::ffff:192.168.0.1",
                                         "2001::1",
                                         "100::1"};
    static const char *const open[] = {"1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111",
                                       "::ffff:8.8.8.8"};
    struct allow *allow = list("*.example");
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        cr_expect_not(connects(allow, closed[i], 443), "%s", closed[i]);
    }
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        cr_expect(connects(allow, open[i], 443), "%s", open[i]);
    }
    allow_destroy(&allow);
}

Test(allow, what_is_no_entry_is_told)
{
    static const char *const wrong[] = {
        "*",           "ex ample/path", "a/b",     "host:0", "host:65536", "host:",
        "10.0.0.0/33", "::1/129",       "[::1:80", "*.",     "ftp://host", "-host"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct error err = {0};
        struct allow *allow = allow_create();
        cr_expect_eq(allow_add(allow, wrong[i], &err), ERR_INVALID, "%s", wrong[i]);
        cr_expect_not_null(strstr(err.message, "is not an allowed host"), "%s", err.message);
        allow_destroy(&allow);
    }
}
