/*
 * From a seed with a finding to the smallest definitions that still give one: whatever can be cut
 * out of them is cut out, one piece after another, as long as the finding stays. Every try runs in
 * a process of its own, because a finding may be a failed CHECK.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/json/json.h"
#include "tests/sim/run.h"

enum { TRIES_MAX = 1500 };

/* What a try came to, in memory shared with the process that made it. */
struct
try {
    bool over;
    bool well;
    struct sim_figures figures;
    char finding[SIM_FINDING_BYTES];
};

static void play_apart(uint64_t seed, json_t *const *flows, size_t flow_count, bool trace,
                       bool silent, struct try *try)
{
    *try = (struct try){.over = false};
    (void)fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        if (silent && freopen("/dev/null", "w", stderr) == NULL) {
            _exit(1);
        }
        try->well = sim_play(seed, flows, flow_count, trace, &try->figures, try->finding);
        try->over = true;
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (!try->over) {
        (void)snprintf(try->finding, sizeof(try->finding), "the program ends itself (signal %d)",
                       WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
}

/* ---- cutting ---- */

struct shrinking {
    uint64_t seed;
    json_t *flows[SIM_FLOWS_MAX];
    size_t flow_count;
    struct try *try;
    unsigned tries;
    char kind[SIM_FINDING_BYTES]; /* another finding is not what is looked for */
};

/* What a finding says without what differs from one try to the next: names in quotes, numbers,
 * keys. */
static void kind_of(const char *finding, char ret_kind[SIM_FINDING_BYTES])
{
    size_t size = 0;
    while (*finding != '\0') {
        size_t word = strcspn(finding, " \n");
        bool plain = strcspn(finding, "'0123456789") >= word;
        for (size_t i = 0; plain && i < word; i++) {
            ret_kind[size++] = finding[i];
        }
        finding += word;
        finding += *finding == '\0' ? 0 : 1;
    }
    ret_kind[size] = '\0';
}

static bool still_fails(struct shrinking *it)
{
    if (it->tries >= TRIES_MAX) {
        return false;
    }
    it->tries++;
    play_apart(it->seed, it->flows, it->flow_count, false, true, it->try);
    char kind[SIM_FINDING_BYTES];
    kind_of(it->try->finding, kind);
    return !it->try->well && strcmp(kind, it->kind) == 0;
}

/* Members that must stay: without a limit, a retry goes on for ever and any patience ends. */
static bool is_needed(const char *name)
{
    static const char *const names[] = {"document", "dsl",   "namespace", "name", "version",
                                        "do",       "limit", "attempt",   "count"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool cut(struct shrinking *it, json_t *value);

static bool cut_array(struct shrinking *it, json_t *array)
{
    bool any = false;
    for (size_t i = json_array_size(array); i-- > 0;) {
        json_t *item = json_incref(json_array_get(array, i));
        (void)json_array_remove(array, i);
        if (json_array_size(array) > 0 && still_fails(it)) {
            any = true;
        } else {
            (void)json_array_insert(array, i, item);
            any = cut(it, item) || any;
        }
        json_decref(item);
    }
    return any;
}

/* What stays keeps its order: names derive from a definition's text. */
static bool cut_member(struct shrinking *it, json_t *object, const char *name)
{
    json_t *before = json_copy(object);
    CHECK(before != NULL);
    (void)json_object_del(object, name);
    bool fails = json_object_size(object) > 0 && still_fails(it);
    if (!fails) {
        (void)json_object_clear(object);
        CHECK(json_object_update(object, before) == 0);
    }
    json_decref(before);
    return fails;
}

/* A task instead of the one around it: the tasks of its list take its place. */
static bool cut_object(struct shrinking *it, json_t *object)
{
    bool any = false;
    json_t *whole = json_copy(object);
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(whole, name, value)
    {
        if (!is_needed(name) && cut_member(it, object, name)) {
            any = true;
            continue;
        }
        any = cut(it, value) || any;
    }
    json_decref(whole);
    return any;
}

static bool cut(struct shrinking *it, json_t *value)
{
    if (json_is_array(value)) {
        return cut_array(it, value);
    }
    return json_is_object(value) && cut_object(it, value);
}

static bool cut_flows(struct shrinking *it)
{
    bool any = false;
    for (size_t i = it->flow_count; i-- > 0 && it->flow_count > 1;) {
        json_t *flow = it->flows[i];
        memmove(&it->flows[i], &it->flows[i + 1], (it->flow_count - i - 1) * sizeof(it->flows[0]));
        it->flow_count--;
        if (still_fails(it)) {
            json_decref(flow);
            any = true;
            continue;
        }
        memmove(&it->flows[i + 1], &it->flows[i], (it->flow_count - i) * sizeof(it->flows[0]));
        it->flows[i] = flow;
        it->flow_count++;
    }
    for (size_t i = 0; i < it->flow_count; i++) {
        any = cut(it, it->flows[i]) || any;
    }
    return any;
}

/* ---- as YAML ---- */

static void yaml_write(const json_t *value, unsigned indent, bool in_list);

static void yaml_scalar(const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    CHECK(text != NULL);
    printf(" %s\n", text);
    free(text);
}

static void yaml_object(const json_t *object, unsigned indent, bool in_list)
{
    bool first = in_list;
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_mutable(object), name, value)
    {
        printf("%*s%s:", first ? 0 : (int)indent, "", name);
        first = false;
        yaml_write(value, indent + 2, false);
    }
}

static void yaml_write(const json_t *value, unsigned indent, bool in_list)
{
    bool block = (json_is_object(value) && json_object_size(value) > 0) ||
                 (json_is_array(value) && json_array_size(value) > 0);
    if (!block) {
        yaml_scalar(value);
        return;
    }
    if (!in_list) {
        printf("\n");
    }
    if (json_is_object(value)) {
        yaml_object(value, indent, in_list);
        return;
    }
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(json_mutable(value), i, item)
    {
        printf("%*s- ", (int)indent, "");
        yaml_write(item, indent + 2, true);
    }
}

/* ---- telling ---- */

static void faults_tell(const struct sim_figures *figures)
{
    printf("faults:");
    for (int i = 0; i < FAULT_COUNT; i++) {
        if (figures->faults[i] > 0) {
            printf(" %s (%llu);", fault_names[i], (unsigned long long)figures->faults[i]);
        }
    }
    printf("\n");
}

static void shrink(uint64_t seed, const struct run_options *options, struct try *try)
{
    struct shrinking it = {.seed = seed, .try = try};
    kind_of(try->finding, it.kind);
    if (options->flow_count == 0) {
        it.flow_count = sim_flows(seed, it.flows);
    }
    for (size_t i = 0; i < options->flow_count; i++) {
        it.flows[it.flow_count++] = json_deep_copy(options->flows[i]);
    }
    while (cut_flows(&it) && it.tries < TRIES_MAX) {
    }
    it.tries = 0;
    printf("smallest definitions that give it (%s):\n",
           still_fails(&it) ? it.try->finding : "not found again");
    for (size_t i = 0; i < it.flow_count; i++) {
        printf("---");
        yaml_write(it.flows[i], 0, false);
        json_decref(it.flows[i]);
    }
    faults_tell(&try->figures);
}

bool run_one(uint64_t seed, const struct run_options *options, struct sim_figures *ret_figures)
{
    struct try *try =
        mmap(NULL, sizeof(*try), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(try != MAP_FAILED);
    play_apart(seed, options->flows, options->flow_count, options->trace, false, try);
    bool well = try->well;
    *ret_figures = try->figures;
    printf("seed %llu: %llu turns, %llu instances, %llu effects, %llu hits, trace %016llx\n",
           (unsigned long long)seed, (unsigned long long)try->figures.turns,
           (unsigned long long)try->figures.instances, (unsigned long long)try->figures.effects,
           (unsigned long long)try->figures.hits, (unsigned long long)try->figures.trace);
    if (!well) {
        printf("finding: %s\n", try->finding);
        if (options->shrink) {
            shrink(seed, options, try);
        }
    }
    (void)munmap(try, sizeof(*try));
    return well;
}
