#include "coordinator/engine/company.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "common/json/doc.h"
#include "coordinator/definition/plan.h"
#include "coordinator/engine/company_private.h"

enum { NAME_BYTES = 256 };

static void *must(void *memory)
{
    CHECK(memory != NULL);
    return memory;
}

/* "a/b", cut like snprintf does: the key of what is looked up on every step. Its size. */
static size_t joined(char out[NAME_BYTES], const char *a, char between, const char *b)
{
    size_t size = strnlen(a, NAME_BYTES - 2);
    memcpy(out, a, size);
    out[size++] = between;
    size_t more = strnlen(b, NAME_BYTES - 1 - size);
    memcpy(out + size, b, more);
    out[size + more] = '\0';
    return size + more;
}

static void definition_free(void *value)
{
    struct definition *definition = value;
    plan_destroy(&definition->plan);
    free(definition->name);
    free(definition->file);
    free(definition->text);
    free(definition->retired_reason);
    free(definition);
}

static void contract_free(void *value)
{
    struct contract *contract = value;
    contract_destroy(&contract);
}

static void store_free(void *value)
{
    struct store *store = value;
    free(store->agent);
    free(store->name);
    free(store->program);
    free(store->metrics_url);
    uses_free(store);
    free(store);
}

static void gate_free(void *value)
{
    gate_destroy(value);
}

static void queue_free(void *value)
{
    ready_queue_destroy(value);
}

static void listeners_free(void *value)
{
    struct listener_list *list = value;
    free(list->items);
    free(list);
}

void company_init(struct company *company)
{
    *company = (struct company){
        .definitions = must(map_create()),
        .latest = must(map_create()),
        .contracts = must(map_create()),
        .stores = must(map_create()),
        .gates = must(map_create()),
        .circuits = must(map_create()),
        .queues = must(map_create()),
        .rates = must(map_create()),
        .listeners = must(map_create()),
    };
    schedules_init(company);
    locks_init(company);
    accounts_init(company);
}

void company_release(struct company *company)
{
    map_destroy(&company->latest, NULL);
    map_destroy(&company->definitions, definition_free);
    map_destroy(&company->stores, store_free);
    map_destroy(&company->contracts, contract_free);
    map_destroy(&company->circuits, NULL);
    map_destroy(&company->gates, gate_free);
    map_destroy(&company->queues, queue_free);
    map_destroy(&company->rates, rate_free);
    map_destroy(&company->listeners, listeners_free);
    schedules_release(company);
    locks_release(company);
    accounts_release(company);
    free(company->timers);
    company->timers = NULL;
}

int version_compare(const char *a, const char *b)
{
    for (;;) {
        char *a_end = NULL;
        char *b_end = NULL;
        unsigned long x = strtoul(a, &a_end, 10);
        unsigned long y = strtoul(b, &b_end, 10);
        if (x != y) {
            return x < y ? -1 : 1;
        }
        if (*a_end != '.' || *b_end != '.') {
            return strcmp(a_end, b_end);
        }
        a = a_end + 1;
        b = b_end + 1;
    }
}

/* Whether a definition's name is namespace/name, which ends at `size`. */
static bool definition_has_name(const struct definition *definition, const char *name, size_t size)
{
    return strncmp(definition->name, name, size) == 0 && definition->name[size] == ':';
}

/* The highest version of namespace/name; a version behind it is not looked at. */
static struct definition *definition_highest(const struct company *company, const char *name,
                                             bool in_service)
{
    size_t size = strcspn(name, ":");
    size_t cursor = 0;
    struct definition *definition = NULL;
    struct definition *highest = NULL;
    while ((definition = map_next(company->definitions, &cursor, NULL, NULL)) != NULL) {
        bool counts = definition_has_name(definition, name, size) &&
                      (!in_service || definition->retired_ms == 0);
        if (counts && (highest == NULL || plan_version_compare(highest->plan->version,
                                                               definition->plan->version) < 0)) {
            highest = definition;
        }
    }
    return highest;
}

/* Choose who gets the triggers of a namespace/name. */
static void definition_elect(struct company *company, const char *name)
{
    char key[NAME_BYTES];
    CHECK(text_copy(key, sizeof(key), name));
    key[strcspn(key, ":")] = '\0';
    struct definition *before = map_get_text(company->latest, key);
    struct definition *after = definition_highest(company, key, true);
    if (before != NULL) {
        before->latest = false;
    }
    if (after != NULL) {
        after->latest = true;
        (void)map_put_text(company->latest, key, after, NULL);
    } else {
        (void)map_remove_text(company->latest, key);
    }
}

struct definition *company_add_definition(struct company *company, struct plan **plan,
                                          const char *text, const char *file, int64_t now_ms)
{
    struct definition *definition = must(calloc(1, sizeof(*definition)));
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s/%s:%s", (*plan)->namespace_, (*plan)->name,
                   (*plan)->version);
    definition->name = must(strdup(name));
    definition->file = must(strdup(file == NULL ? "" : file));
    definition->text = must(strdup(text));
    definition->deployed_ms = now_ms;
    definition->plan = *plan;
    *plan = NULL;
    const struct digest *digest = &definition->plan->digest;
    CHECK(map_put(company->definitions, digest->bytes, sizeof(digest->bytes), definition, NULL) ==
          NULL);
    definition_elect(company, name);
    return definition;
}

void company_retire_definition(struct company *company, struct definition *definition,
                               int64_t retired_ms, const char *reason)
{
    definition->retired_ms = retired_ms;
    free(definition->retired_reason);
    definition->retired_reason = reason == NULL ? NULL : must(strdup(reason));
    definition_elect(company, definition->name);
}

const struct definition *company_newest_definition(const struct company *company, const char *name)
{
    return definition_highest(company, name, false);
}

const struct definition *company_definition(const struct company *company,
                                            const struct digest *digest)
{
    return map_get(company->definitions, digest->bytes, sizeof(digest->bytes));
}

const struct definition *company_find_definition(const struct company *company, const char *name)
{
    struct digest digest;
    if (digest_of_hex(name, &digest)) {
        return company_definition(company, &digest);
    }
    if (strchr(name, ':') == NULL) {
        return map_get_text(company->latest, name);
    }
    size_t cursor = 0;
    const struct definition *definition = NULL;
    while ((definition = map_next(company->definitions, &cursor, NULL, NULL)) != NULL) {
        if (strcmp(definition->name, name) == 0) {
            return definition;
        }
    }
    return NULL;
}

bool company_run_possible(const struct company *company, const struct plan *plan,
                          const struct plan_run *run, char name[COMPANY_RUN_BYTES])
{
    (void)snprintf(name, COMPANY_RUN_BYTES, "%s/%s%s%s", run->namespace_, run->name,
                   run->version == NULL ? "" : ":", run->version == NULL ? "" : run->version);
    bool itself = strcmp(run->namespace_, plan->namespace_) == 0 &&
                  strcmp(run->name, plan->name) == 0 &&
                  (run->version == NULL || strcmp(run->version, plan->version) == 0);
    const struct definition *found = company_find_definition(company, name);
    return itself || (found != NULL && found->retired_ms == 0);
}

const struct contract *company_add_contract(struct company *company, struct contract **contract)
{
    char key[NAME_BYTES];
    (void)joined(key, (*contract)->agent, ':', (*contract)->version);
    struct contract *added = *contract;
    CHECK(map_put_text(company->contracts, key, added, NULL) == NULL);
    *contract = NULL;
    return added;
}

const struct contract *company_contract(const struct company *company, const char *agent,
                                        const char *version)
{
    char key[NAME_BYTES];
    return map_get(company->contracts, key, joined(key, agent, ':', version));
}

struct store *company_store(const struct company *company, const char *agent, const char *name)
{
    char key[NAME_BYTES];
    return map_get(company->stores, key, joined(key, agent, '/', name));
}

struct store *company_add_store(struct company *company, const char *agent, const char *name)
{
    struct store *store = company_store(company, agent, name);
    if (store == NULL) {
        store = must(calloc(1, sizeof(*store)));
        store->agent = must(strdup(agent));
        store->name = must(strdup(name));
        store->program = must(strdup(""));
        store->metrics_url = must(strdup(""));
        char key[NAME_BYTES];
        (void)joined(key, agent, '/', name);
        (void)map_put_text(company->stores, key, store, NULL);
    }
    return store;
}

struct gate *company_gate(const struct company *company, const struct id *id)
{
    return map_get(company->gates, id->bytes, sizeof(id->bytes));
}

void company_add_gate(struct company *company, struct gate *gate)
{
    if (gate->kind == GATE_CLOCK) {
        CHECK(company->clock_gate == NULL);
        company->clock_gate = gate;
    }
    CHECK(map_put(company->gates, gate->id.bytes, sizeof(gate->id.bytes), gate, NULL) == NULL);
    if (gate->agent != NULL) {
        circuits_add(company, gate);
    }
}

void company_remove_gate(struct company *company, const struct id *id)
{
    struct gate *gate = map_remove(company->gates, id->bytes, sizeof(id->bytes));
    if (gate != NULL) {
        company->clock_gate = company->clock_gate == gate ? NULL : company->clock_gate;
        if (gate->agent != NULL) {
            circuits_remove(company, gate);
        }
        gate_destroy(gate);
    }
}

void gate_destroy(struct gate *gate)
{
    failure_release(&gate->failure);
    doc_unref(&gate->proposal);
    doc_unref(&gate->ask);
    free(gate->step);
    free(gate->agent);
    free(gate->action);
    free(gate->scope);
    free(gate);
}

const char *gate_kind_name(enum gate_kind kind)
{
    switch (kind) {
    case GATE_PARKED:
        return "parked";
    case GATE_DATA:
        return "data";
    case GATE_APPROVAL:
        return "approval";
    case GATE_CLOCK:
        return "clock";
    case GATE_IN_DOUBT:
        return "in-doubt";
    case GATE_PERMISSION:
        return "permission";
    case GATE_AGENT_ABSENT:
        return "agent-absent";
    case GATE_CONTRACT:
        return "contract";
    case GATE_BUDGET:
        return "budget";
    }
    return "unknown";
}

void failure_copy(struct failure *to, const struct failure *from)
{
    *to = *from;
    to->code = must(strdup(from->code));
    to->title = must(strdup(from->title));
    to->detail = must(strdup(from->detail));
    to->pointer = must(strdup(from->pointer));
    to->correction = from->correction == NULL ? NULL : doc_ref(from->correction);
}

void failure_release(struct failure *failure)
{
    const char *texts[] = {failure->code, failure->title, failure->detail, failure->pointer};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        free((void *)(uintptr_t)texts[i]);
    }
    doc_unref(&failure->correction);
    *failure = (struct failure){0};
}

static bool timer_before(const struct timer *a, const struct timer *b)
{
    if (a->due_ms != b->due_ms) {
        return a->due_ms < b->due_ms;
    }
    return memcmp(a->instance.bytes, b->instance.bytes, sizeof(a->instance.bytes)) < 0;
}

void company_timer_push(struct company *company, int64_t due_ms, const struct id *instance)
{
    if (company->timer_count == company->timer_room) {
        company->timer_room = company->timer_room == 0 ? 64 : company->timer_room * 2;
        company->timers =
            must(realloc(company->timers, company->timer_room * sizeof(*company->timers)));
    }
    size_t at = company->timer_count++;
    struct timer added = {.due_ms = due_ms, .instance = *instance};
    while (at > 0 && timer_before(&added, &company->timers[(at - 1) / 2])) {
        company->timers[at] = company->timers[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    company->timers[at] = added;
}

const struct timer *company_timer_first(const struct company *company)
{
    return company->timer_count == 0 ? NULL : &company->timers[0];
}

void company_timer_pop(struct company *company)
{
    CHECK(company->timer_count > 0);
    struct timer last = company->timers[--company->timer_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= company->timer_count) {
            break;
        }
        if (child + 1 < company->timer_count &&
            timer_before(&company->timers[child + 1], &company->timers[child])) {
            child++;
        }
        if (!timer_before(&company->timers[child], &last)) {
            break;
        }
        company->timers[at] = company->timers[child];
        at = child;
    }
    if (company->timer_count > 0) {
        company->timers[at] = last;
    }
}

struct listener_list *company_listeners(const struct company *company, const char *type)
{
    return map_get_text(company->listeners, type);
}

/* Where (instance, frame) stands or belongs: lists are sorted, so that the order in which an event
 * reaches those who wait is the same after a restart. */
static size_t listener_place(const struct listener_list *list, const struct id *instance,
                             uint32_t frame)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct listener *item = &list->items[middle];
        int order = memcmp(item->instance.bytes, instance->bytes, sizeof(instance->bytes));
        if (order < 0 || (order == 0 && item->frame < frame)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void company_listener_add(struct company *company, const char *type, const struct id *instance,
                          uint32_t frame)
{
    struct listener_list *list = company_listeners(company, type);
    if (list == NULL) {
        list = must(calloc(1, sizeof(*list)));
        (void)map_put_text(company->listeners, type, list, NULL);
    }
    if (list->count == list->room) {
        list->room = list->room == 0 ? 8 : list->room * 2;
        list->items = must(realloc(list->items, list->room * sizeof(*list->items)));
    }
    size_t at = listener_place(list, instance, frame);
    memmove(&list->items[at + 1], &list->items[at], (list->count - at) * sizeof(*list->items));
    list->items[at] = (struct listener){.instance = *instance, .frame = frame};
    list->count++;
}

void company_listener_remove(struct company *company, const char *type, const struct id *instance,
                             uint32_t frame)
{
    struct listener_list *list = company_listeners(company, type);
    size_t at = list == NULL ? 0 : listener_place(list, instance, frame);
    if (list != NULL && at < list->count && list->items[at].frame == frame &&
        id_equal(&list->items[at].instance, instance)) {
        memmove(&list->items[at], &list->items[at + 1],
                (list->count - at - 1) * sizeof(*list->items));
        list->count--;
    }
}
