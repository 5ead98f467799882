/*
 * The outside world of the tests: a program that writes down every effect it is asked for, and
 * nothing else. Plain C on purpose: a test of Mainstay must not believe Mainstay's own code.
 *
 *   effect-ledger --dir DIR           listen on a free port of 127.0.0.1, print it as "port N"
 *   effect-ledger --verify --dir DIR  print each key with its attempts; exit 1 when payloads differ
 *
 * Protocol: one line "KEY DIGEST [LABEL]\n" (each 1..128 of A-Za-z0-9_.:#-; the label says what the
 * effect is for), answered "ok N\n" where N is the number of attempts of that key, this one
 * included, once the line is on the device; or "error WORDS\n". Any number of lines on one
 * connection. "? KEY\n" asks and has no effect: answered "known N\n", 0 when the key never came.
 * The file DIR/effects has one such line for each attempt.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORD_MAX = 128, LINE_MAX_BYTES = 3 * WORD_MAX + 4, CLIENTS_MAX = 64, BUCKETS = 1 << 16 };

/* What is known of one key. */
struct entry {
    struct entry *next;
    char key[WORD_MAX + 1];
    char digest[WORD_MAX + 1];
    char label[WORD_MAX + 1];
    unsigned long attempts;
    bool differs;
};

struct client {
    int fd;
    size_t size;
    char line[LINE_MAX_BYTES];
};

static struct entry *buckets[BUCKETS];
static struct entry *order[1 << 20]; /* in the order of first attempts, for --verify */
static size_t order_count;

static void die(const char *what)
{
    (void)fprintf(stderr, "effect-ledger: %s: %s\n", what, strerror(errno));
    exit(1);
}

static size_t bucket_of(const char *key)
{
    size_t hash = 1469598103934665603u;
    for (; *key != '\0'; key++) {
        hash = (hash ^ (unsigned char)*key) * 1099511628211u;
    }
    return hash % BUCKETS;
}

/* The words of one line. */
struct words {
    char *key;
    char *digest;
    const char *label; /* "-" when there is none */
};

static struct entry *entry_note(const struct words *words)
{
    struct entry **bucket = &buckets[bucket_of(words->key)];
    struct entry *entry = *bucket;
    while (entry != NULL && strcmp(entry->key, words->key) != 0) {
        entry = entry->next;
    }
    if (entry == NULL) {
        entry = calloc(1, sizeof(*entry));
        if (entry == NULL || order_count == sizeof(order) / sizeof(order[0])) {
            die("too many keys");
        }
        (void)snprintf(entry->key, sizeof(entry->key), "%s", words->key);
        (void)snprintf(entry->digest, sizeof(entry->digest), "%s", words->digest);
        (void)snprintf(entry->label, sizeof(entry->label), "%s", words->label);
        entry->next = *bucket;
        *bucket = entry;
        order[order_count++] = entry;
    }
    entry->attempts++;
    entry->differs = entry->differs || strcmp(entry->digest, words->digest) != 0 ||
                     strcmp(entry->label, words->label) != 0;
    return entry;
}

static bool word_valid(const char *word)
{
    size_t length = strlen(word);
    return length >= 1 && length <= WORD_MAX &&
           strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:#-") ==
               length;
}

/* Cut "KEY DIGEST [LABEL]" into its words. */
static bool line_split(char *line, struct words *ret_words)
{
    char *space = strchr(line, ' ');
    if (space == NULL) {
        return false;
    }
    *space = '\0';
    *ret_words = (struct words){.key = line, .digest = space + 1, .label = "-"};
    space = strchr(ret_words->digest, ' ');
    if (space != NULL) {
        *space = '\0';
        ret_words->label = space + 1;
    }
    return word_valid(ret_words->key) && word_valid(ret_words->digest) &&
           word_valid(ret_words->label);
}

/* Read what is there; a torn last line, cut by a kill, is cut off. */
static void file_read(int fd)
{
    FILE *file = fdopen(dup(fd), "r");
    char line[LINE_MAX_BYTES + 2];
    off_t good = 0;
    if (file == NULL) {
        die("cannot read effects");
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        size_t length = strlen(line);
        struct words words;
        if (line[length - 1] != '\n') {
            break;
        }
        line[length - 1] = '\0';
        if (!line_split(line, &words)) {
            (void)fprintf(stderr, "effect-ledger: the file is damaged at byte %ld\n", (long)good);
            exit(1);
        }
        (void)entry_note(&words);
        good += (off_t)length;
    }
    (void)fclose(file);
    if (ftruncate(fd, good) != 0 || lseek(fd, good, SEEK_SET) < 0) {
        die("cannot repair effects");
    }
}

static void line_write(int fd, const char *text)
{
    size_t size = strlen(text);
    if (write(fd, text, size) != (ssize_t)size || fsync(fd) != 0) {
        die("cannot write effects");
    }
}

static void answer(const struct client *client, const char *text)
{
    if (send(client->fd, text, strlen(text), MSG_NOSIGNAL) < 0) {
        return; /* whoever asked is gone; what was asked is written */
    }
}

static unsigned long attempts_of(const char *key)
{
    for (const struct entry *it = buckets[bucket_of(key)]; it != NULL; it = it->next) {
        if (strcmp(it->key, key) == 0) {
            return it->attempts;
        }
    }
    return 0;
}

static void line_take(int file, struct client *client)
{
    char line[LINE_MAX_BYTES];
    char text[LINE_MAX_BYTES + 16];
    struct words words;
    if (strncmp(client->line, "? ", 2) == 0) {
        (void)snprintf(text, sizeof(text), "known %lu\n", attempts_of(client->line + 2));
        answer(client, text);
        return;
    }
    (void)snprintf(line, sizeof(line), "%s", client->line);
    if (!line_split(line, &words)) {
        answer(client, "error a line is KEY DIGEST [LABEL]\n");
        return;
    }
    (void)snprintf(text, sizeof(text), "%s %s %s\n", words.key, words.digest, words.label);
    line_write(file, text);
    struct entry *entry = entry_note(&words);
    (void)snprintf(text, sizeof(text), "ok %lu\n", entry->attempts);
    answer(client, text);
}

/* False when the client is done. */
static bool client_read(int file, struct client *client)
{
    char byte = 0;
    ssize_t got = 0;
    while ((got = recv(client->fd, &byte, 1, MSG_DONTWAIT)) == 1) {
        if (byte == '\n') {
            client->line[client->size] = '\0';
            line_take(file, client);
            client->size = 0;
        } else if (client->size + 1 < sizeof(client->line)) {
            client->line[client->size++] = byte;
        } else {
            answer(client, "error the line is too long\n");
            return false;
        }
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static int listen_free(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        die("cannot listen");
    }
    printf("port %u\n", (unsigned)ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

static _Noreturn void serve(int file)
{
    static struct client clients[CLIENTS_MAX];
    struct pollfd files[CLIENTS_MAX + 1];
    size_t count = 0;
    int listener = listen_free();
    for (;;) {
        files[0] = (struct pollfd){.fd = count < CLIENTS_MAX ? listener : -1, .events = POLLIN};
        for (size_t i = 0; i < count; i++) {
            files[i + 1] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
        }
        if (poll(files, count + 1, -1) < 0 && errno != EINTR) {
            die("cannot poll");
        }
        for (size_t i = count; i-- > 0;) {
            if (files[i + 1].revents != 0 && !client_read(file, &clients[i])) {
                (void)close(clients[i].fd);
                clients[i] = clients[--count];
            }
        }
        if ((files[0].revents & POLLIN) != 0) {
            int fd = accept(listener, NULL, NULL);
            if (fd >= 0) {
                clients[count++] = (struct client){.fd = fd};
            }
        }
    }
}

static int verify(void)
{
    unsigned long keys = 0;
    unsigned long repeated = 0;
    unsigned long different = 0;
    for (size_t i = 0; i < order_count; i++) {
        const struct entry *entry = order[i];
        printf("%s %lu %s %s\n", entry->key, entry->attempts, entry->differs ? "differs" : "same",
               entry->label);
        keys++;
        repeated += entry->attempts > 1 ? 1 : 0;
        different += entry->differs ? 1 : 0;
    }
    printf("keys %lu repeated %lu different %lu\n", keys, repeated, different);
    return different == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *dir = NULL;
    bool check = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verify") == 0) {
            check = true;
        } else if (strcmp(argv[i], "--dir") == 0 && i + 1 < argc) {
            dir = argv[++i];
        } else {
            (void)fprintf(stderr, "usage: effect-ledger [--verify] --dir DIR\n");
            return 2;
        }
    }
    if (dir == NULL) {
        (void)fprintf(stderr, "usage: effect-ledger [--verify] --dir DIR\n");
        return 2;
    }
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/effects", dir);
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        die("cannot make the directory");
    }
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        die("cannot open effects");
    }
    file_read(file);
    if (check) {
        return verify();
    }
    (void)signal(SIGPIPE, SIG_IGN);
    serve(file);
}
