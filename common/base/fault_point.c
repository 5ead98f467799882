#include "common/base/fault_point.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/str.h"

enum { RULES_MAX = 16, NAME_BYTES = 64, TEXT_BYTES = 1024 };

enum action { ACTION_KILL, ACTION_STOP, ACTION_FAIL };

struct rule {
    char name[NAME_BYTES];
    uint64_t left; /* visits until it happens */
    enum action action;
};

static struct rule rules[RULES_MAX];
static size_t rule_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool rule_read(char *text, struct rule *rule)
{
    static const char *const names[] = {"kill", "stop", "fail"};
    char *count = strchr(text, '@');
    char *action = count == NULL ? NULL : strchr(count, '=');
    if (action == NULL) {
        return false;
    }
    *count++ = '\0';
    *action++ = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(action, names[i]) == 0) {
            rule->action = (enum action)i;
            return text_copy(rule->name, sizeof(rule->name), text) &&
                   text_to_u64(count, &rule->left) && rule->left > 0;
        }
    }
    return false;
}

static void rules_read(void)
{
    char text[TEXT_BYTES];
    const char *set = getenv("MAINSTAY_FAULT_POINT");
    if (set == NULL || set[0] == '\0') {
        return;
    }
    bool fine = text_copy(text, sizeof(text), set);
    for (char *it = text, *next = NULL; fine && it != NULL; it = next) {
        next = strchr(it, ',');
        if (next != NULL) {
            *next++ = '\0';
        }
        fine = rule_count < RULES_MAX && rule_read(it, &rules[rule_count]);
        rule_count++;
    }
    if (!fine) {
        fprintf(stderr, "MAINSTAY_FAULT_POINT: '%s' is not NAME@COUNT=kill|stop|fail,...\n", set);
        _exit(2);
    }
}

bool fault_point(const char *name)
{
    bool fails = false;
    int signal_number = 0;
    (void)pthread_once(&once, rules_read);
    if (rule_count == 0) {
        return false;
    }
    (void)pthread_mutex_lock(&lock);
    for (size_t i = 0; i < rule_count; i++) {
        if (rules[i].left == 0 || strcmp(rules[i].name, name) != 0 || --rules[i].left > 0) {
            continue;
        }
        fprintf(stderr, "fault point %s\n", name);
        fails = fails || rules[i].action == ACTION_FAIL;
        signal_number = rules[i].action == ACTION_KILL   ? SIGKILL
                        : rules[i].action == ACTION_STOP ? SIGSTOP
                                                         : signal_number;
    }
    (void)pthread_mutex_unlock(&lock);
    if (signal_number != 0) {
        (void)kill(getpid(), signal_number);
    }
    return fails;
}
