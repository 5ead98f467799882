/*
 * Schedules and time zones of the company.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/definition/zone.h"
#include "coordinator/engine/company.h"

static void schedule_free(void *value)
{
    struct schedule *schedule = value;
    free(schedule->name);
    free(schedule);
}

static void zone_free(void *value)
{
    struct time_zone *zone = value;
    zone_destroy(&zone->zone);
    free(zone->name);
    free(zone->bytes);
    free(zone);
}

void schedules_init(struct company *company)
{
    company->schedules = map_create();
    company->zones = map_create();
    CHECK(company->schedules != NULL);
    CHECK(company->zones != NULL);
    company->schedule_due_ms = INT64_MAX;
}

void schedules_release(struct company *company)
{
    map_destroy(&company->schedules, schedule_free);
    map_destroy(&company->zones, zone_free);
}

static bool schedule_before(const struct schedule *a, const struct schedule *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : strcmp(a->name, b->name) < 0;
}

const struct schedule *company_schedule_first(const struct company *company)
{
    const struct schedule *first = NULL;
    const struct schedule *schedule = NULL;
    size_t cursor = 0;
    while ((schedule = map_next(company->schedules, &cursor, NULL, NULL)) != NULL) {
        if (schedule->due_ms != 0 && (first == NULL || schedule_before(schedule, first))) {
            first = schedule;
        }
    }
    return first;
}

static void due_update(struct company *company)
{
    const struct schedule *first = company_schedule_first(company);
    company->schedule_due_ms = first == NULL ? INT64_MAX : first->due_ms;
}

const struct schedule *company_schedule(const struct company *company, const char *name)
{
    return map_get_text(company->schedules, name);
}

const struct schedule *company_set_schedule(struct company *company, const struct schedule *from)
{
    struct schedule *schedule = map_get_text(company->schedules, from->name);
    if (schedule == NULL) {
        schedule = calloc(1, sizeof(*schedule));
        CHECK(schedule != NULL);
        schedule->name = strdup(from->name);
        CHECK(schedule->name != NULL);
        (void)map_put_text(company->schedules, schedule->name, schedule, NULL);
    }
    schedule->definition = from->definition;
    schedule->due_ms = from->due_ms;
    schedule->running = from->running;
    due_update(company);
    return schedule;
}

void company_end_schedule(struct company *company, const char *name)
{
    struct schedule *schedule = map_remove_text(company->schedules, name);
    if (schedule != NULL) {
        schedule_free(schedule);
        due_update(company);
    }
}

const struct time_zone *company_zone(const struct company *company, const char *name)
{
    return map_get_text(company->zones, name);
}

const struct time_zone *company_set_zone(struct company *company, const char *name,
                                         struct str bytes, struct zone **zone)
{
    struct time_zone *known = map_get_text(company->zones, name);
    if (known == NULL) {
        known = calloc(1, sizeof(*known));
        CHECK(known != NULL);
        known->name = strdup(name);
        CHECK(known->name != NULL);
        (void)map_put_text(company->zones, known->name, known, NULL);
    }
    char *copy = malloc(bytes.size + 1);
    CHECK(copy != NULL);
    memcpy(copy, bytes.data, bytes.size);
    free(known->bytes);
    known->bytes = copy;
    known->size = bytes.size;
    known->digest = crypto_blake(bytes.data, bytes.size);
    zone_destroy(&known->zone);
    known->zone = *zone;
    *zone = NULL;
    return known;
}
