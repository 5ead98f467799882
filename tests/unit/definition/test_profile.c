/* Profiles: what each process may use, as data. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/definition/plan.h"
#include "coordinator/definition/profile.h"

#define MEBIBYTE (UINT64_C(1) << 20)

static void expect_share(const struct profile_share *share, uint64_t mebibytes, unsigned percent,
                         unsigned concurrency)
{
    cr_expect_eq(share->memory_bytes, mebibytes * MEBIBYTE);
    cr_expect_eq(share->cpu_percent, percent);
    cr_expect_eq(share->concurrency, concurrency);
}

Test(profile, an_agent_has_what_all_agents_have_unless_it_says_otherwise)
{
    static const char text[] = "profile: 1\n"
                               "bus: {memory: 1G, cpu: 0.5}\n"
                               "agents: {model: {memory: 256M}, exec: {}}\n"
                               "agent: {memory: 64M, cpu: 2, concurrency: 3}\n";
    struct profile *profile = NULL;
    struct plan_report report;
    cr_assert_eq(profile_load(text, strlen(text), &profile, &report), ERR_OK);
    plan_report_release(&report);
    expect_share(&profile->bus, 1024, 50, 0);
    expect_share(&profile->coordinator, 0, 0, 0);
    expect_share(&profile->agent, 64, 200, 3);
    cr_assert_eq(profile->agent_count, 2);
    cr_expect_str_eq(profile->agents[0].name, "model");
    expect_share(&profile->agents[0].share, 256, 200, 3);
    expect_share(&profile->agents[1].share, 64, 200, 3);
    profile_destroy(&profile);
}

Test(profile, what_is_wrong_is_refused_at_its_place)
{
    static const struct {
        const char *text;
        unsigned line;
        unsigned column;
        const char *words;
    } cases[] = {
        {"", 1, 1, ""},
        {"profile: 2\n", 1, 10, "'profile' (the format)"},
        {"bus: {}\n", 1, 1, "profile"},
        {"profile: 1\nbuss: {}\n", 2, 1, "unknown key 'buss'"},
        {"profile: 1\nbus: {concurrency: 3}\n", 2, 7, "unknown key 'concurrency'"},
        {"profile: 1\nbus: {memory: 12}\n", 2, 15, "'memory' must be a number of K, M or G"},
        {"profile: 1\nbus: {memory: 31M}\n", 2, 15, "'memory' must be at least 32M here"},
        {"profile: 1\nagent: {memory: 15M}\n", 2, 17, "'memory' must be at least 16M here"},
        {"profile: 1\nagent: {cpu: 0}\n", 2, 14, "'cpu' must be a number of processors"},
        {"profile: 1\nagent: {cpu: many}\n", 2, 14, "'cpu' must be a number of processors"},
        {"profile: 1\nagent: {concurrency: 65}\n", 2, 22, "'concurrency'"},
        {"profile: 1\ncoordinator: {concurrency: 0}\n", 2, 28, "'concurrency'"},
        {"profile: 1\nagents: {a.b: {}}\n", 2, 10, "'a.b' is not the name of an agent"},
        {"profile: 1\nagents: []\n", 2, 9, "'agents'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct profile *profile = NULL;
        struct plan_report report;
        const char *text = cases[i].text;
        cr_expect_eq(profile_load(text, strlen(text), &profile, &report), ERR_INVALID, "%s", text);
        cr_expect_null(profile);
        cr_assert_eq(report.count, 1, "%s: %zu problems", text, report.count);
        cr_expect_eq(report.problems[0].line, cases[i].line, "%s: line %u", text,
                     report.problems[0].line);
        cr_expect_eq(report.problems[0].column, cases[i].column, "%s: column %u", text,
                     report.problems[0].column);
        cr_expect_not_null(strstr(report.problems[0].message, cases[i].words), "%s: %s", text,
                           report.problems[0].message);
        plan_report_release(&report);
    }
}

static char *whole_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    char *text = calloc(1, 65536);
    *ret_size = fread(text, 1, 65535, file);
    (void)fclose(file);
    return text;
}

Test(profile, the_installed_ones_are_fine_and_say_something_of_every_process)
{
    static const char *const files[] = {SOURCE_DIR "/deploy/profiles/small.yaml",
                                        SOURCE_DIR "/deploy/profiles/standard.yaml"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        size_t size = 0;
        char *text = whole_file(files[i], &size);
        struct profile *profile = NULL;
        struct plan_report report;
        cr_assert_eq(profile_load(text, size, &profile, &report), ERR_OK, "%s", files[i]);
        plan_report_release(&report);
        cr_expect_gt(profile->bus.memory_bytes, 0);
        cr_expect_gt(profile->coordinator.memory_bytes, 0);
        cr_expect_gt(profile->coordinator.concurrency, 0);
        cr_expect_gt(profile->agent.memory_bytes, 0);
        profile_destroy(&profile);
        free(text);
    }
}
