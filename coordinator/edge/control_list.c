/*
 * instances.ls: open and ended instances as one list, newest first.
 *
 * The key of an open instance is when it started, of an ended one when it ended; the list goes down
 * by (key, id), and a cursor is the last one shown. Both come sorted from their tables; a request
 * looks at so many of each at most, and a page that ends for that reason may be short.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "coordinator/edge/control_choice.h"
#include "coordinator/edge/control_private.h"

enum { EXAMINED_MAX = 100000, OPEN_EXAMINED_MAX = 10000 }; /* rows one request looks at */

struct place {
    int64_t ms;
    struct id id;
};

struct listing {
    struct request *request;
    const char *status;     /* NULL: any */
    const char *definition; /* NULL: any */
    size_t limit;
    bool has_after;
    struct place after;
    struct place *open; /* newest first, at most limit + 1 */
    size_t open_count;
    size_t open_shown;
    size_t open_examined;
    bool has_floor; /* open ones below `floor` were not looked at */
    struct place floor;
    json_t *rows;
    size_t examined;
    struct place last;
    bool more;
};

/* Order of the list: below zero when `a` comes first. */
static int place_order(const struct place *a, const struct place *b)
{
    if (a->ms != b->ms) {
        return a->ms > b->ms ? -1 : 1;
    }
    return -memcmp(a->id.bytes, b->id.bytes, sizeof(a->id.bytes));
}

static bool definition_fits(const struct listing *listing, const char *name,
                            const struct digest *digest)
{
    const char *wanted = listing->definition;
    if (wanted == NULL) {
        return true;
    }
    size_t size = strlen(wanted);
    char hex[DIGEST_HEX_BYTES];
    digest_hex(digest, hex);
    return (strncmp(name, wanted, size) == 0 && (name[size] == '\0' || name[size] == ':')) ||
           strcmp(hex, wanted) == 0;
}

static bool status_fits(const struct listing *listing, enum instance_status status)
{
    return listing->status == NULL || strcmp(listing->status, instance_status_name(status)) == 0;
}

/* ---- open ones ---- */

static bool open_visit(void *user, struct instance *instance)
{
    struct listing *listing = user;
    const struct definition *definition =
        company_definition(control_company(listing->request->control), &instance->definition);
    struct place place = {.ms = instance->started_ms, .id = instance->id};
    if (listing->open_count > listing->limit || listing->open_examined == OPEN_EXAMINED_MAX) {
        return false;
    }
    listing->has_floor = ++listing->open_examined == OPEN_EXAMINED_MAX;
    listing->floor = place;
    if (status_fits(listing, instance->status) &&
        definition_fits(listing, definition->name, &instance->definition)) {
        listing->open[listing->open_count++] = place;
    }
    return true;
}

/* Whether the list must stop before `place`, because open ones above it were not looked at. */
static bool floor_reached(struct listing *listing, const struct place *place)
{
    if (!listing->has_floor || (place != NULL && place_order(place, &listing->floor) <= 0)) {
        return false;
    }
    listing->more = true;
    listing->last = listing->floor;
    return true;
}

static bool row_add(struct listing *listing, const struct place *place, json_t *row)
{
    if (json_array_size(listing->rows) == listing->limit) {
        json_decref(row);
        listing->more = true;
        return false;
    }
    if (!request_add_row(listing->request, listing->rows, row)) {
        listing->more = true;
        return false;
    }
    listing->last = *place;
    return true;
}

static json_t *open_json(struct control *control, const struct place *place)
{
    struct view view;
    char text[STEP_NAME_BYTES];
    if (view_load(control, &place->id, &view, NULL) != ERR_OK || view.open == NULL) {
        return NULL;
    }
    json_t *row = json_object();
    CHECK(row != NULL);
    json_set_id(row, "instance", &place->id);
    json_set_text(row, "definition", view.definition->name);
    json_set_text(row, "status", instance_status_name(view.open->status));
    view_reason(control, &view, text, sizeof(text));
    json_set_text(row, "reason", text);
    const struct frame *leaf = view_leaf(view.open);
    if (leaf != NULL && leaf->node != PLAN_NONE) {
        frame_name(view.open, leaf, text, sizeof(text));
        json_set_text(row, "step", text);
    }
    json_set_time(row, "started_at", view.open->started_ms);
    if (view.open->has_parent) {
        json_set_id(row, "parent", &view.open->parent);
    }
    return row;
}

/* Open ones that come before `until` (NULL: all). */
static bool open_show(struct listing *listing, const struct place *until)
{
    while (listing->open_shown < listing->open_count) {
        const struct place *place = &listing->open[listing->open_shown];
        if (until != NULL && place_order(place, until) >= 0) {
            return true;
        }
        json_t *row = open_json(listing->request->control, place);
        if (row != NULL && !row_add(listing, place, row)) {
            return false;
        }
        listing->open_shown++;
    }
    return true;
}

/* ---- ended ones ---- */

static bool listing_full(const struct listing *listing)
{
    return json_array_size(listing->rows) == listing->limit;
}

static bool done_visit(void *user, const struct id *id, const struct done *done)
{
    struct listing *listing = user;
    struct place place = {.ms = done->ended_ms, .id = *id};
    if (!open_show(listing, &place) || floor_reached(listing, &place)) {
        return false;
    }
    if (++listing->examined > EXAMINED_MAX) {
        listing->more = true;
        return false;
    }
    if (!status_fits(listing, done->status) ||
        !definition_fits(listing, done->name, &done->definition)) {
        listing->last = place;
        return true;
    }
    json_t *row = json_object();
    CHECK(row != NULL);
    json_set_id(row, "instance", id);
    json_set_text(row, "definition", done->name);
    json_set_text(row, "status", instance_status_name(done->status));
    if (done->status == INSTANCE_FAULTED && !listing_full(listing)) {
        fault_reason(listing->request->control, id, row);
    }
    json_set_time(row, "started_at", done->started_ms);
    json_set_time(row, "ended_at", done->ended_ms);
    if (done->has_parent) {
        json_set_id(row, "parent", &done->parent);
    }
    return row_add(listing, &place, row);
}

bool status_is_open(const char *status)
{
    return strcmp(status, "running") == 0 || strcmp(status, "waiting") == 0 ||
           strcmp(status, "suspended") == 0;
}

bool status_is_done(const char *status)
{
    return strcmp(status, "completed") == 0 || strcmp(status, "faulted") == 0 ||
           strcmp(status, "cancelled") == 0;
}

static enum err listing_run(struct listing *listing, struct error *err)
{
    struct tables *tables = turn_tables(listing->request->control->turn);
    const char *status = listing->status;
    if (status == NULL || status_is_open(status)) {
        TRY(tables_each_open(tables, listing->after.ms,
                             listing->has_after ? &listing->after.id : NULL, open_visit, listing,
                             err));
    }
    if (status == NULL || status_is_done(status)) {
        TRY(tables_each_done(tables, listing->has_after ? listing->after.ms : 0, &listing->after.id,
                             done_visit, listing, err));
    }
    if (!listing->more && open_show(listing, NULL)) {
        (void)floor_reached(listing, NULL);
    }
    return ERR_OK;
}

enum err verb_instances_ls(struct request *request, struct error *err)
{
    static const struct member members[] = {{"status", MEMBER_TEXT, false},
                                            {"definition", MEMBER_TEXT, false},
                                            {"limit", MEMBER_COUNT, false},
                                            {"after", MEMBER_TEXT, false}};
    TRY(body_check(request, members, 4, err));
    struct listing listing = {
        .request = request,
        .status = json_text_of(request->body, "status"),
        .definition = json_text_of(request->body, "definition"),
    };
    TRY(choice_check(request, err));
    TRY(body_limit(request, &listing.limit, err));
    TRY(body_cursor(request, &listing.has_after, &listing.after.ms, &listing.after.id, err));
    listing.open = ARENA_ARRAY(request->arena, struct place, listing.limit + 2);
    listing.rows = json_array();
    CHECK(listing.open != NULL);
    CHECK(listing.rows != NULL);
    json_set(request->reply, "instances", listing.rows);
    TRY(listing_run(&listing, err));
    if (listing.more) {
        json_set(request->reply, "next", cursor_json(listing.last.ms, &listing.last.id));
    }
    return ERR_OK;
}
