#include "tools/mainstay/company/desk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/company/company.h"
#include "tools/mainstay/company/flood.h"

enum { DESK_ANSWER_BYTES = 64 * 1024, DESK_BACKLOG = 8 };

/* A socket's path may have 107 characters and a folder's more: go through the folder's descriptor.
 */
static int folder_open(const char *dir, struct sockaddr_un *ret_address, struct error *err)
{
    char path[PATH_BYTES];
    if (path_join(dir, "run", path, err) != ERR_OK) {
        return -1;
    }
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        (void)error_set(err, errno == ENOENT ? ERR_UNAVAILABLE : ERR_IO, "cannot open '%s': %s",
                        path, strerror(errno));
        return -1;
    }
    memset(ret_address, 0, sizeof(*ret_address));
    ret_address->sun_family = AF_UNIX;
    (void)snprintf(ret_address->sun_path, sizeof(ret_address->sun_path),
                   "/proc/self/fd/%d/control.sock", folder);
    return folder;
}

void desk_init(struct desk *desk)
{
    desk->listener = -1;
    for (size_t i = 0; i < DESK_CLIENTS; i++) {
        desk->clients[i].fd = -1;
    }
}

enum err desk_open(const char *dir, struct desk *desk, struct error *err)
{
    struct sockaddr_un address;
    int folder = folder_open(dir, &address, err);
    if (folder < 0) {
        return ERR_IO;
    }
    (void)unlink(address.sun_path);
    desk->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(0177);
    bool bound = desk->listener >= 0 &&
                 bind(desk->listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                 listen(desk->listener, DESK_BACKLOG) == 0;
    int cause = errno;
    (void)umask(mask);
    (void)close(folder);
    if (!bound) {
        desk_close(desk);
        return error_set(err, ERR_IO, "cannot open the control socket in '%s/run': %s", dir,
                         strerror(cause));
    }
    return ERR_OK;
}

size_t desk_poll(const struct desk *desk, struct pollfd *fds)
{
    size_t count = 0;
    fds[count++] = (struct pollfd){.fd = desk->listener, .events = POLLIN};
    for (size_t i = 0; i < DESK_CLIENTS; i++) {
        if (desk->clients[i].fd >= 0) {
            fds[count++] = (struct pollfd){.fd = desk->clients[i].fd, .events = POLLIN};
        }
    }
    return count;
}

static void client_close(struct desk_client *client)
{
    (void)close(client->fd);
    client->fd = -1;
}

/* Send the answer (reference taken) and hang up. */
static void client_answer(struct desk_client *client, json_t *answer)
{
    struct buf text = BUF_INIT(DESK_ANSWER_BYTES);
    json_write(answer, &text);
    buf_append_byte(&text, '\n');
    json_decref(answer);
    if (!text.failed) {
        ssize_t sent = send(client->fd, text.data, text.size, MSG_NOSIGNAL);
        (void)sent; /* the caller went away */
    }
    buf_release(&text);
    client_close(client);
}

static void client_refuse(struct desk_client *client, const char *words)
{
    client_answer(client, json_pack("{s:b, s:s}", "ok", 0, "error", words));
}

static void client_done(struct desk_client *client)
{
    client_answer(client, json_pack("{s:b}", "ok", 1));
}

static json_t *processes_list(const struct company *company, int64_t now_ns)
{
    json_t *list = json_array();
    for (size_t i = 0; i < company->child_count; i++) {
        const struct child *child = &company->children[i];
        json_t *one = json_pack("{s:s, s:s, s:i, s:i}", "name", child->name, "state",
                                child_state_text(child->state), "pid", (int)child->pid, "restarts",
                                (int)child->restarts);
        int64_t left_ms = flood_left_ms(company, child->name, now_ns);
        if (left_ms > 0) {
            (void)json_object_set_new(one, "cut_off_ms", json_integer(left_ms));
        }
        (void)json_array_append_new(list, one);
    }
    return json_pack("{s:b, s:o}", "ok", 1, "processes", list);
}

static void order_process(struct desk_client *client, struct company *company, const char *order,
                          const char *name, int64_t now_ns)
{
    struct child *child = name != NULL ? company_child(company, name) : NULL;
    if (child == NULL) {
        char words[256];
        (void)snprintf(words, sizeof(words), "no process is called '%.64s'",
                       name != NULL ? name : "");
        client_refuse(client, words);
        return;
    }
    client->child = (size_t)(child - company->children);
    child_stop(child, now_ns);
    if (strcmp(order, "stop") == 0) {
        client->wait = DESK_AWAITS_STOPPED;
        return;
    }
    flood_forgive(company, child->name, now_ns);
    child->wanted = true; /* so that its end is followed by a start */
    child->failures = 0;
    child->due_ns = child->pid == 0 ? now_ns : child->due_ns;
    child->state = child->pid == 0 ? CHILD_WAITING : child->state;
    client->wait = DESK_AWAITS_READY;
}

/* Carry out one order; true when it is "down". */
static bool client_order(struct desk_client *client, struct company *company, int64_t now_ns)
{
    json_t *value = NULL;
    bool down = false;
    if (json_parse(client->line, client->line_size, NULL, &value, NULL) != ERR_OK) {
        client_refuse(client, "the order is not JSON");
        return false;
    }
    const char *order = json_text_of(value, "order");
    if (text_equal(order, "processes")) {
        client_answer(client, processes_list(company, now_ns));
    } else if (text_equal(order, "stop") || text_equal(order, "restart")) {
        order_process(client, company, order, json_text_of(value, "name"), now_ns);
    } else if (text_equal(order, "down")) {
        client->wait = DESK_AWAITS_DOWN;
        down = true;
    } else {
        client_refuse(client, "the order is not known");
    }
    json_decref(value);
    return down;
}

static void desk_accept(struct desk *desk)
{
    for (;;) {
        int fd = accept4(desk->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        struct ucred peer = {0};
        socklen_t size = sizeof(peer);
        struct desk_client *client = NULL;
        for (size_t i = 0; i < DESK_CLIENTS && client == NULL; i++) {
            client = desk->clients[i].fd < 0 ? &desk->clients[i] : NULL;
        }
        if (client == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
            peer.uid != geteuid()) {
            (void)close(fd);
            continue;
        }
        *client = (struct desk_client){.fd = fd, .wait = DESK_READS};
    }
}

bool desk_serve(struct desk *desk, struct company *company, int64_t now_ns)
{
    bool down = false;
    desk_accept(desk);
    for (size_t i = 0; i < DESK_CLIENTS; i++) {
        struct desk_client *client = &desk->clients[i];
        if (client->fd < 0) {
            continue;
        }
        size_t room = sizeof(client->line) - client->line_size;
        ssize_t got = recv(client->fd, client->line + client->line_size, room, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            client_close(client);
            continue;
        }
        client->line_size += got > 0 ? (size_t)got : 0;
        if (client->wait == DESK_READS && client->line_size > 0 &&
            client->line[client->line_size - 1] == '\n') {
            down = client_order(client, company, now_ns) || down;
        } else if (client->line_size == sizeof(client->line)) {
            client_refuse(client, "the order is too long");
        }
    }
    return down;
}

static void client_settle(struct desk_client *client, const struct company *company, bool down)
{
    const struct child *child = &company->children[client->child];
    char words[CHILD_NOTE_BYTES + 128];
    switch (client->wait) {
    case DESK_AWAITS_READY:
        if (child->state == CHILD_READY) {
            client_done(client);
        } else if (child->failures >= 3 || (down && child->state == CHILD_STOPPED)) {
            (void)snprintf(words, sizeof(words), "'%s' does not become ready: %s", child->name,
                           child->last);
            client_refuse(client, words);
        }
        break;
    case DESK_AWAITS_STOPPED:
        if (child->state == CHILD_STOPPED) {
            client_done(client);
        }
        break;
    case DESK_AWAITS_DOWN:
        if (down) {
            client_done(client);
        }
        break;
    case DESK_READS:
        break;
    }
}

void desk_settle(struct desk *desk, const struct company *company, bool down)
{
    for (size_t i = 0; i < DESK_CLIENTS; i++) {
        if (desk->clients[i].fd >= 0) {
            client_settle(&desk->clients[i], company, down);
        }
    }
}

void desk_close(struct desk *desk)
{
    for (size_t i = 0; i < DESK_CLIENTS; i++) {
        if (desk->clients[i].fd >= 0) {
            client_close(&desk->clients[i]);
        }
    }
    if (desk->listener >= 0) {
        (void)close(desk->listener);
        desk->listener = -1;
    }
}

/* Connect to the supervisor of `dir`; -1 with `err` set when there is none. */
static int desk_connect(const char *dir, pid_t *ret_pid, struct error *err)
{
    struct sockaddr_un address;
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    int folder = folder_open(dir, &address, err);
    if (folder < 0) {
        (void)error_set(err, ERR_UNAVAILABLE, "no company runs in '%s'", dir);
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        fd = -1;
        (void)error_set(err, ERR_UNAVAILABLE, "no company runs in '%s'", dir);
    }
    (void)close(folder);
    if (ret_pid != NULL) {
        *ret_pid = peer.pid;
    }
    return fd;
}

/* Read until the other side hangs up or `timeout_ms` have passed without a byte. */
static enum err answer_read(int fd, int timeout_ms, struct buf *out, struct error *err)
{
    char chunk[4096];
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready = poll(&wait, 1, timeout_ms);
        if (ready == 0) {
            return error_set(err, ERR_TIMEOUT, "the supervisor did not answer in %d s",
                             timeout_ms / 1000);
        }
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        ssize_t got = recv(fd, chunk, sizeof(chunk), 0);
        if (got <= 0) {
            return ERR_OK;
        }
        buf_append(out, chunk, (size_t)got);
    }
}

static enum err answer_check(const struct buf *text, json_t **ret_answer, struct error *err)
{
    json_t *answer = NULL;
    if (text->data == NULL) {
        return error_set(err, ERR_UNAVAILABLE, "the supervisor ended without an answer");
    }
    TRY(json_parse(text->data, text->size, NULL, &answer, err));
    if (!json_bool_of(answer, "ok", false)) {
        const char *words = json_text_of(answer, "error");
        enum err code = error_set(err, ERR_REFUSED, "%s", words != NULL ? words : "refused");
        json_decref(answer);
        return code;
    }
    *ret_answer = answer;
    return ERR_OK;
}

enum err desk_ask(const char *dir, json_t *order, int timeout_ms, json_t **ret_answer,
                  pid_t *ret_pid, struct error *err)
{
    struct buf text = BUF_INIT(DESK_ANSWER_BYTES);
    *ret_answer = NULL;
    json_write(order, &text);
    buf_append_byte(&text, '\n');
    json_decref(order);
    enum err code = ERR_UNAVAILABLE;
    int fd = desk_connect(dir, ret_pid, err);
    if (fd >= 0) {
        if (send(fd, text.data, text.size, MSG_NOSIGNAL) == (ssize_t)text.size) {
            buf_clear(&text);
            code = answer_read(fd, timeout_ms, &text, err);
        } else {
            code = error_set(err, ERR_UNAVAILABLE, "the supervisor hung up");
        }
        (void)close(fd);
    }
    if (code == ERR_OK) {
        code = answer_check(&text, ret_answer, err);
    }
    buf_release(&text);
    return code;
}
