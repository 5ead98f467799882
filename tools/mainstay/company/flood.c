#include "tools/mainstay/company/flood.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/wire/log_signs.h"
#include "common/wire/subjects.h"
#include "tools/mainstay/company/company.h"

#define MS_NS INT64_C(1000000)

enum { STORES_MS = 30000 }; /* what a bus took and is slow to store */

/* A nats-server that syncs each message (2.10 and up) says this when 10,000 of them or 128 MB wait
 * for one stream (`max_buffered_msgs` in its configuration); an agent of ours never has more than
 * SENDER_CHUNKS_MAX under way. */
#define BUS_FLOOD "[WRN] Dropping messages due to excessive stream ingest rate on 'CORE' > '"

/* Whether the words begin with the name that one of them tells. */
static bool is_of_coordinator(const struct account *account, const char *words)
{
    char name[2 * ACCOUNT_NAME_BYTES + 2];
    (void)snprintf(name, sizeof(name), "%s/%s\"", account->agent, account->store);
    return text_starts(words, name);
}

static bool is_of_bus(const struct account *account, const char *words)
{
    char stream[SUBJECT_BYTES];
    char name[SUBJECT_BYTES + 1];
    (void)subject_results_stream(account->agent, account->store, stream);
    (void)snprintf(name, sizeof(name), "%s'", stream);
    return text_starts(words, name);
}

/* What follows `mark` in a line of nats-server that says it, after the process's number, date and
 * time; NULL in others, which may have it in what a client calls itself. */
static const char *bus_says(const char *line, const char *mark)
{
    for (int word = 0; word < 3 && line != NULL; word++) {
        line = strchr(line, ' ');
        line = line != NULL ? line + 1 : NULL;
    }
    return line != NULL && text_starts(line, mark) ? line + strlen(mark) : NULL;
}

/* Index of the store that the line says floods; accounts.agent_count: none of this company. */
static size_t flood_find(const struct accounts *accounts, const struct child *child,
                         const char *line)
{
    const char *words = NULL;
    bool (*is_named)(const struct account *, const char *) = is_of_bus;
    if (child->kind == CHILD_COORDINATOR) {
        words = strstr(line, LOG_FLOOD);
        words = words != NULL ? words + strlen(LOG_FLOOD) : NULL;
        is_named = is_of_coordinator;
    } else if (child->kind == CHILD_BUS) {
        words = bus_says(line, BUS_FLOOD);
    }
    size_t i = words != NULL ? 0 : accounts->agent_count;
    while (i < accounts->agent_count && !is_named(&accounts->agents[i], words)) {
        i++;
    }
    return i;
}

/* Whether what the coordinator says may be of messages that came before the store was cut off last:
 * a bus that syncs each message still stores for a while what had come. It says itself what comes.
 */
static bool is_late(const struct company *company, const struct cutoff *cutoff, int64_t now_ns)
{
    return company->bus.sync_always && cutoff->pause_ms > 0 &&
           now_ns - cutoff->since_ns < STORES_MS * MS_NS;
}

void flood_heard(struct company *company, const struct child *child, const char *line,
                 int64_t now_ns, char *note)
{
    note[0] = '\0';
    struct error err = {0};
    size_t i = flood_find(&company->accounts, child, line);
    if (i == company->accounts.agent_count) {
        return;
    }
    struct account *account = &company->accounts.agents[i];
    struct cutoff before = company->cutoffs[i];
    if (child->kind == CHILD_COORDINATOR && is_late(company, &before, now_ns)) {
        return;
    }
    if (!cutoff_begin(&company->cutoffs[i], now_ns)) {
        return;
    }
    account_shut(account);
    if (company_write_bus(company, &err) != ERR_OK) {
        account_open(account);
        company->cutoffs[i] = before; /* it is told of again */
        (void)snprintf(note, FLOOD_NOTE_BYTES,
                       "agent %s floods the bus and cannot be cut off: %s; stop it", account->agent,
                       err.message);
        return;
    }
    company->bus_reads = true;
    char until[CLOCK_TEXT_BYTES];
    (void)clock_format(clock_wall_ms() + company->cutoffs[i].pause_ms, until);
    (void)snprintf(note, FLOOD_NOTE_BYTES,
                   "agent %s floods the bus with what is no answer to anything: its store %s is "
                   "cut off until %s, the others go on; stop or mend it, then 'mainstay agents "
                   "restart %s' lets it in at once",
                   account->agent, account->store, until, account->agent);
}

bool flood_over(struct company *company, int64_t now_ns, char *note)
{
    size_t i = 0;
    while (i < company->accounts.agent_count && !cutoff_end(&company->cutoffs[i], now_ns)) {
        i++;
    }
    if (i == company->accounts.agent_count) {
        return false;
    }
    struct error err = {0};
    struct account *account = &company->accounts.agents[i];
    struct account before = *account;
    account_open(account);
    if (company_write_bus(company, &err) != ERR_OK) {
        *account = before;
        company->cutoffs[i].out = true;
        company->cutoffs[i].until_ns = now_ns + CUTOFF_PAUSE_MS * MS_NS;
        (void)snprintf(note, FLOOD_NOTE_BYTES, "agent %s cannot be let in again yet: %s",
                       account->agent, err.message);
        return true;
    }
    company->bus_reads = true;
    (void)snprintf(note, FLOOD_NOTE_BYTES, "agent %s: its store %s is let in again", account->agent,
                   account->store);
    return true;
}

void flood_forgive(struct company *company, const char *agent, int64_t now_ns)
{
    for (size_t i = 0; i < company->accounts.agent_count; i++) {
        if (strcmp(company->accounts.agents[i].agent, agent) == 0) {
            cutoff_shorten(&company->cutoffs[i], now_ns);
        }
    }
}

int64_t flood_left_ms(const struct company *company, const char *agent, int64_t now_ns)
{
    int64_t left_ns = 0;
    for (size_t i = 0; i < company->accounts.agent_count; i++) {
        const struct cutoff *cutoff = &company->cutoffs[i];
        if (cutoff->out && strcmp(company->accounts.agents[i].agent, agent) == 0 &&
            cutoff->until_ns - now_ns > left_ns) {
            left_ns = cutoff->until_ns - now_ns;
        }
    }
    return (left_ns + MS_NS - 1) / MS_NS;
}

int64_t flood_due_ns(const struct company *company)
{
    int64_t due_ns = CLOCK_FOREVER;
    for (size_t i = 0; i < company->accounts.agent_count; i++) {
        int64_t at_ns = cutoff_due_ns(&company->cutoffs[i]);
        due_ns = at_ns < due_ns ? at_ns : due_ns;
    }
    return due_ns;
}

bool flood_refused(const char *line)
{
    return bus_says(line, "[ERR] Failed to reload server configuration") != NULL;
}

void flood_tell_bus(struct company *company)
{
    const struct child *bus = company_child(company, "nats-server");
    if (company->bus_reads && bus->state == CHILD_READY) {
        (void)kill(bus->pid, SIGHUP);
        company->bus_reads = false;
    }
}
