#include "coordinator/definition/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/footprint.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "coordinator/definition/load.h"
#include "coordinator/definition/report.h"
#include "coordinator/definition/yaml.h"

enum {
    PROFILE_ARENA_BYTES = 8 * 1024 * 1024,
    AGENTS_MAX = 1000,
    CPU_PERCENT_LEAST = 5,
    CPU_PERCENT_MOST = 100 * 1024,
    INSTANCES_MOST = 100 * 1000 * 1000,
    ACTIONS_MOST = 64, /* threads of an agent */
    MEBIBYTE = 1024 * 1024,
};

/* What a process needs to start and to work at all. */
enum { BUS_MEMORY_LEAST = 32, COORDINATOR_MEMORY_LEAST = 32, AGENT_MEMORY_LEAST = 16 };

static void read_memory(struct load *load, const struct yaml_node *node, unsigned least_mebibytes,
                        struct profile_share *share)
{
    uint64_t bytes = 0;
    if (node == NULL) {
        return;
    }
    if (!json_is_string(node->value) || !footprint_parse(json_string_value(node->value), &bytes)) {
        report_problem(load->report, node, "for example 64M or 1G",
                       "'memory' must be a number of K, M or G (powers of 1024)");
    } else if (bytes < (uint64_t)least_mebibytes * MEBIBYTE) {
        report_problem(load->report, node, NULL, "'memory' must be at least %uM here",
                       least_mebibytes);
    } else {
        share->memory_bytes = bytes;
    }
}

static void read_cpu(struct load *load, const struct yaml_node *node, struct profile_share *share)
{
    if (node == NULL) {
        return;
    }
    double percent = json_number_value(node->value) * 100;
    if (!json_is_number(node->value) ||
        !(percent >= CPU_PERCENT_LEAST && percent <= CPU_PERCENT_MOST)) {
        report_problem(load->report, node, "for example 0.5 or 2",
                       "'cpu' must be a number of processors from 0.05 to 1024");
        return;
    }
    share->cpu_percent = (uint32_t)(percent + 0.5);
}

/* The bus has no `concurrency`: `most` is 0. */
static void read_share(struct load *load, const struct yaml_node *node, unsigned least_mebibytes,
                       int64_t most, struct profile_share *share)
{
    static const char *const all[] = {"memory", "cpu", "concurrency", NULL};
    static const char *const bus[] = {"memory", "cpu", NULL};
    char what[128];
    if (node == NULL) {
        return;
    }
    (void)snprintf(what, sizeof(what), "'%.64s'", node->key);
    if (!check_is_object(load, node, what)) {
        return;
    }
    check_keys(load, node, what, most > 0 ? all : bus, NULL);
    read_memory(load, yaml_get(node, "memory"), least_mebibytes, share);
    read_cpu(load, yaml_get(node, "cpu"), share);
    const struct yaml_node *concurrency = yaml_get(node, "concurrency");
    if (concurrency != NULL && most > 0) {
        share->concurrency = (uint32_t)check_integer(load, concurrency, "'concurrency'", 1, most);
    }
}

static void read_agents(struct load *load, const struct yaml_node *node, struct profile *profile)
{
    if (node == NULL || !check_is_object(load, node, "'agents'")) {
        return;
    }
    if (node->count > AGENTS_MAX) {
        report_problem(load->report, node, NULL, "'agents' has %zu entries (limit %d)", node->count,
                       AGENTS_MAX);
        return;
    }
    struct profile_agent *agents =
        ARENA_ARRAY(profile->arena, struct profile_agent, node->count + 1);
    CHECK(agents != NULL);
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *item = node->items[i];
        if (!text_is_token(item->key)) {
            report_key(load->report, item, NULL, "'%.80s' is not the name of an agent", item->key);
        }
        agents[i] = (struct profile_agent){.name = arena_strdup(profile->arena, item->key),
                                           .share = profile->agent};
        CHECK(agents[i].name != NULL);
        read_share(load, item, AGENT_MEMORY_LEAST, ACTIONS_MOST, &agents[i].share);
    }
    profile->agents = agents;
    profile->agent_count = node->count;
}

static void read_profile(struct load *load, const struct yaml_node *root, struct profile *profile)
{
    static const char *const allowed[] = {"profile", "bus", "coordinator", "agent", "agents", NULL};
    if (!check_is_object(load, root, "a profile")) {
        return;
    }
    check_keys(load, root, "a profile", allowed, NULL);
    const struct yaml_node *format = check_required(load, root, "profile", "a profile");
    if (format != NULL) {
        (void)check_integer(load, format, "'profile' (the format)", 1, 1);
    }
    read_share(load, yaml_get(root, "bus"), BUS_MEMORY_LEAST, 0, &profile->bus);
    read_share(load, yaml_get(root, "coordinator"), COORDINATOR_MEMORY_LEAST, INSTANCES_MOST,
               &profile->coordinator);
    read_share(load, yaml_get(root, "agent"), AGENT_MEMORY_LEAST, ACTIONS_MOST, &profile->agent);
    read_agents(load, yaml_get(root, "agents"), profile); /* over what 'agent' says */
}

static void read_text(struct report *report, struct profile *profile, const char *text, size_t size)
{
    if (size > LIMIT_DEFINITION_BYTES || memchr(text, '\0', size) != NULL ||
        !utf8_valid(text, size)) {
        report_at(report, 1, 1, NULL, "the profile is not UTF-8 text of at most %d bytes",
                  LIMIT_DEFINITION_BYTES);
        return;
    }
    const char *copy = arena_dup(profile->arena, text, size);
    CHECK(copy != NULL);
    struct load load = {.arena = profile->arena, .report = report};
    struct yaml_node *root = yaml_parse(profile->arena, copy, size, report);
    if (root != NULL && report_clean(report)) {
        read_profile(&load, root, profile);
    }
    if (root != NULL) {
        json_decref(root->value);
    }
}

enum err profile_load(const char *text, size_t size, struct profile **ret_profile,
                      struct plan_report *report)
{
    struct report *collected = calloc(1, sizeof(*collected));
    struct arena *arena = arena_create(PROFILE_ARENA_BYTES);
    *report = (struct plan_report){0};
    *ret_profile = NULL;
    CHECK(collected != NULL);
    CHECK(arena != NULL);
    CHECK(report_init(collected, report));
    struct profile *profile = ARENA_NEW(arena, struct profile);
    CHECK(profile != NULL);
    *profile = (struct profile){.arena = arena, .digest = crypto_blake(text, size)};
    read_text(collected, profile, text, size);
    bool clean = report_clean(collected);
    report_finish(collected);
    free(collected);
    if (!clean) {
        profile_destroy(&profile);
        return ERR_INVALID;
    }
    *ret_profile = profile;
    return ERR_OK;
}

void profile_destroy(struct profile **profile)
{
    if (*profile != NULL) {
        struct arena *arena = (*profile)->arena;
        *profile = NULL;
        arena_destroy(&arena);
    }
}
