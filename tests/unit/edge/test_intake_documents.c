/*
 * Real documents: CloudEvents of tests/data/cloudevents, invoices of tests/data, and every way to
 * cut them short.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/edge/intake_support.h"

static char *file_read(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "cannot open %s", path);
    char *bytes = malloc(4 * 1024 * 1024);
    cr_assert_not_null(bytes);
    *ret_size = fread(bytes, 1, 4 * 1024 * 1024, file);
    (void)fclose(file);
    return bytes;
}

static const char cloudevents[] = TEST_DATA_DIR "/cloudevents/";

static const struct {
    const char *file;
    const char *type;
} structured[] = {
    {"structured/pubsub/MessagePublishedData.json",
     "google.cloud.pubsub.topic.v1.messagePublished"},
    {"structured/audit/LogEntryData-bigqueryjobcompleted.json",
     "google.cloud.audit.log.v1.written"},
    {"structured/storage/StorageObjectDataWorkflows.json",
     "google.cloud.storage.object.v1.finalized"},
};

static const char *const binary[] = {
    "binary/audit/LogEntryData-bigqueryjobcompleted.json",
    "binary/audit/LogEntryData-pubsubCreateTopic.json",
    "binary/cloudbuild/BuildEventData-complex.json",
    "binary/cloudbuild/BuildEventData-simple.json",
    "binary/firestore/DocumentEventData-complex.json",
    "binary/firestore/DocumentEventData-simple.json",
    "binary/pubsub/MessagePublishedData-complex.json",
    "binary/pubsub/MessagePublishedData-simple.json",
    "binary/scheduler/SchedulerJobData-simple.json",
    "binary/storage/StorageObjectData-complex.json",
    "binary/storage/StorageObjectData-simple.json",
};

Test(intake_documents, structured_events_of_a_large_producer_keep_every_attribute)
{
    for (size_t i = 0; i < sizeof(structured) / sizeof(structured[0]); i++) {
        char path[512];
        char subject[256];
        size_t size = 0;
        (void)snprintf(path, sizeof(path), "%s%s", cloudevents, structured[i].file);
        (void)snprintf(subject, sizeof(subject), "event.%s", structured[i].type);
        char *bytes = file_read(path, &size);
        json_t *wanted = NULL;
        cr_assert_eq(json_parse(bytes, size, NULL, &wanted, NULL), ERR_OK);
        struct taken taken = take_bytes(subject, bytes, size, NULL);
        cr_assert(taken.good, "%s: %s", path, taken.intake.reason);
        cr_assert(json_same(taken.event, wanted), "%s", path);
        taken_release(&taken);
        json_decref(wanted);
        free(bytes);
    }
}

Test(intake_documents, data_of_binary_events_is_the_value_that_was_sent)
{
    static const char *const headers[] = {
        "ce-specversion",   "1.0", "ce-id", "1", "ce-source", "//x", "Content-Type",
        "application/json", NULL};
    for (size_t i = 0; i < sizeof(binary) / sizeof(binary[0]); i++) {
        char path[512];
        size_t size = 0;
        (void)snprintf(path, sizeof(path), "%s%s", cloudevents, binary[i]);
        char *bytes = file_read(path, &size);
        json_t *wanted = NULL;
        cr_assert_eq(json_parse(bytes, size, NULL, &wanted, NULL), ERR_OK, "%s", path);
        struct taken taken = take_bytes("event.a.b", bytes, size, headers);
        cr_assert(taken.good, "%s: %s", path, taken.intake.reason);
        cr_assert(json_same(json_object_get(taken.event, "data"), wanted), "%s", path);
        taken_release(&taken);
        json_decref(wanted);
        free(bytes);
    }
}

/* The event of conformance/v1.yaml, once in each mode. */
Test(intake_documents, both_modes_of_the_conformance_event_are_the_same_event)
{
    static const char *const headers[] = {"ce-specversion",
                                          "1.0",
                                          "ce-type",
                                          "com.example.someevent",
                                          "ce-time",
                                          "2018-04-05T03:56:24Z",
                                          "ce-id",
                                          "4321-4321-4321",
                                          "ce-source",
                                          "/mycontext/subcontext",
                                          "ce-comexampleextension1",
                                          "value",
                                          "ce-comexampleextension2",
                                          "{\"othervalue\": 5}",
                                          "content-type",
                                          "application/json",
                                          NULL};
    static const char body[] =
        "{\"specversion\":\"1.0\",\"type\":\"com.example.someevent\","
        "\"time\":\"2018-04-05T03:56:24Z\",\"id\":\"4321-4321-4321\","
        "\"source\":\"/mycontext/subcontext\",\"comexampleextension1\":\"value\","
        "\"comexampleextension2\":\"{\\\"othervalue\\\": 5}\","
        "\"datacontenttype\":\"application/json\",\"data\":{\"world\":\"hello\"}}";
    struct taken one = take_text("event.com.example.someevent", "{\"world\":\"hello\"}\n", headers);
    struct taken two = take_text("event.com.example.someevent", body, NULL);
    cr_assert(one.good && two.good);
    cr_assert(json_same(one.event, two.event));
    taken_release(&one);
    taken_release(&two);
}

/* Every file of a folder, with and without a content type. */
static void folder_take(const char *folder, const char *ending, const char *content_type)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", TEST_DATA_DIR, folder);
    DIR *dir = opendir(path);
    cr_assert_not_null(dir, "%s", path);
    size_t files = 0;
    const struct dirent *entry = NULL;
    const char *const headers[] = {"Content-Type", content_type, NULL};
    while ((entry = readdir(dir)) != NULL) {
        char name[1024];
        size_t size = 0;
        if (!text_ends(entry->d_name, ending)) {
            continue;
        }
        (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        char *bytes = file_read(name, &size);
        struct taken taken = take_bytes("event.invoice.received", bytes, size, headers);
        cr_assert(taken.good, "%s: %s", name, taken.intake.reason);
        const char *text = taken_text(&taken, "data");
        const char *base64 = taken_text(&taken, "data_base64");
        cr_assert((text == NULL) != (base64 == NULL), "%s", name);
        cr_assert(text == NULL || (strlen(text) == size && memcmp(text, bytes, size) == 0));
        taken_release(&taken);
        struct taken bare = take_bytes("event.invoice.received", bytes, size, NULL);
        cr_assert_not(bare.good);
        cr_assert_not_null(strstr(bare.intake.advice, content_type), "%s: %s", name,
                           bare.intake.advice);
        taken_release(&bare);
        free(bytes);
        files++;
    }
    (void)closedir(dir);
    cr_assert_gt(files, 5);
}

Test(intake_documents, ubl_invoices_travel_as_xml)
{
    folder_take("ubl", ".xml", "application/xml");
}

Test(intake_documents, interchanges_travel_as_x12)
{
    folder_take("x12/staedi", ".edi", "application/edi-x12");
}

Test(intake_documents, no_beginning_of_a_document_breaks_the_intake, .timeout = 60)
{
    static const char *const modes[][3] = {
        {NULL},
        {"Content-Type", "application/cloudevents+json", NULL},
        {"Content-Type", "application/json", NULL},
        {"ce-id", "1", NULL},
        {"Content-Type", "application/pdf", NULL},
    };
    char path[512];
    (void)snprintf(path, sizeof(path), "%s%s", cloudevents, structured[0].file);
    size_t size = 0;
    char *bytes = file_read(path, &size);
    size_t end = size; /* after the last brace */
    while (bytes[end - 1] != '}') {
        end--;
    }
    for (size_t cut = 0; cut <= size; cut++) {
        char *part = malloc(cut + 1); /* its own block, so that a read past the end is seen */
        cr_assert_not_null(part);
        memcpy(part, bytes, cut);
        for (size_t mode = 0; mode < sizeof(modes) / sizeof(modes[0]); mode++) {
            struct taken taken = take_bytes("event.google.cloud.pubsub.topic.v1.messagePublished",
                                            part, cut, modes[mode]);
            bool whole = cut >= end;
            cr_assert(taken.good || taken.intake.reason != NULL);
            cr_assert(taken.good || taken.intake.advice != NULL);
            cr_assert(mode != 0 || taken.good == whole, "%zu of %zu", cut, size);
            taken_release(&taken);
        }
        free(part);
    }
    free(bytes);
}

Test(intake_documents, no_changed_byte_of_a_document_breaks_the_intake, .timeout = 60)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s%s", cloudevents, structured[0].file);
    size_t size = 0;
    char *bytes = file_read(path, &size);
    static const char instead[] = {'\0', '"', '\\', '{', '\xFF', '\x80', '9', '\n'};
    for (size_t at = 0; at < size; at++) {
        char was = bytes[at];
        bytes[at] = instead[at % sizeof(instead)];
        struct taken taken =
            take_bytes("event.google.cloud.pubsub.topic.v1.messagePublished", bytes, size, NULL);
        cr_assert(taken.good || (taken.intake.reason != NULL && taken.intake.advice != NULL));
        taken_release(&taken);
        bytes[at] = was;
    }
    free(bytes);
}
