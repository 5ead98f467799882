#include "coordinator/edge/zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "coordinator/definition/plan.h"
#include "coordinator/definition/zone.h"
#include "coordinator/engine/command.h"
#include "coordinator/turn.h"

static enum err zone_file(const char *name, struct buf *bytes, struct error *err)
{
    char path[sizeof(ZONES_DIR) + 1 + ZONE_NAME_MAX];
    if (!zone_name_valid(name)) {
        return error_set(err, ERR_INVALID, "'%.64s' cannot name a time zone", name);
    }
    (void)snprintf(path, sizeof(path), "%s/%s", ZONES_DIR, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return error_set(err, ERR_NOT_FOUND, "there is no time zone '%s' in %s", name, ZONES_DIR);
    }
    char chunk[4096];
    size_t count = 0;
    while ((count = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        buf_append(bytes, chunk, count);
    }
    bool failed = ferror(file) != 0 || bytes->failed;
    (void)fclose(file);
    return failed ? error_set(err, ERR_INVALID, "time zone '%s' cannot be read from %s", name, path)
                  : ERR_OK;
}

/* The compiled rules, after a look at whether they can be used; `bytes` is released by the caller
 * in both cases. */
static enum err zone_read(const char *name, struct buf *bytes, struct error *err)
{
    struct zone *zone = NULL;
    enum err code = zone_file(name, bytes, err);
    struct str rules = {.data = bytes->data == NULL ? "" : bytes->data, .size = bytes->size};
    if (code == ERR_OK && (code = zone_parse(rules, &zone, err)) != ERR_OK) {
        error_wrap(err, "time zone '%s' in %s", name, ZONES_DIR);
    }
    zone_destroy(&zone);
    return code;
}

enum err zones_check(const struct plan *plan, struct plan_report *report)
{
    const struct plan_schedule *schedule = &plan->schedule;
    struct buf bytes = BUF_INIT(ZONE_BYTES_MAX);
    struct error err = {0};
    enum err code = schedule->zone == NULL ? ERR_OK : zone_read(schedule->zone, &bytes, &err);
    buf_release(&bytes);
    if (code == ERR_OK) {
        return ERR_OK;
    }
    plan_report_add(report, &(struct plan_problem){
                                .line = schedule->zone_line,
                                .column = schedule->zone_column,
                                .pointer = "/document/metadata/mainstay/timezone",
                                .message = err.message,
                                .hint = "zones have names such as Europe/Berlin; the package "
                                        "tzdata brings them",
                            });
    return ERR_INVALID;
}

/* The engine refuses nothing that passes here, so that its answer need not be waited for. */
static enum err zone_give(struct turn *turn, const char *name, struct error *err)
{
    struct buf bytes = BUF_INIT(ZONE_BYTES_MAX);
    enum err code = zone_read(name, &bytes, err);
    if (code == ERR_OK) {
        struct command command = {
            .kind = COMMAND_ZONE,
            .zone = {.name = name, .rules = {.data = bytes.data, .size = bytes.size}}};
        turn_command(turn, &command);
    }
    buf_release(&bytes);
    return code;
}

enum err zones_learn(struct turn *turn, const char *name, struct error *err)
{
    if (company_zone(engine_company(turn_engine(turn)), name) != NULL) {
        return ERR_OK;
    }
    return zone_give(turn, name, err);
}

static int name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void zones_refresh(struct turn *turn)
{
    const struct map *zones = engine_company(turn_engine(turn))->zones;
    size_t count = map_count(zones);
    const char **names = calloc(count + 1, sizeof(*names));
    CHECK(names != NULL);
    const struct time_zone *zone = NULL;
    size_t cursor = 0;
    for (size_t i = 0; i < count; i++) {
        zone = map_next(zones, &cursor, NULL, NULL);
        names[i] = zone->name;
    }
    qsort(names, count, sizeof(*names), name_order);
    for (size_t i = 0; i < count; i++) {
        struct error err = {0};
        if (zone_give(turn, names[i], &err) != ERR_OK) {
            log_warn("the rules of a time zone stay as they are known: %s", err.message);
        }
    }
    free(names);
}
