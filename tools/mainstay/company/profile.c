#include "tools/mainstay/company/profile.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/str.h"
#include "tools/mainstay/capture.h"
#include "tools/mainstay/definitions.h"

static struct share share_of(const json_t *row)
{
    return (struct share){.memory_bytes = (uint64_t)json_int_of(row, "memory", 0),
                          .cpu_percent = (unsigned)json_int_of(row, "cpu_percent", 0),
                          .concurrency = (unsigned)json_int_of(row, "concurrency", 0)};
}

/* Where the profile is: `file` of PATH_BYTES; its name for people into the profile. */
static enum err profile_find(const char *word, struct profile *profile, char *file,
                             struct error *err)
{
    char relative[PATH_BYTES];
    if (strpbrk(word, "/.") != NULL) {
        TRY(path_absolute(word, file, err));
        (void)text_copy(profile->name, sizeof(profile->name), file);
        return access(file, R_OK) == 0
                   ? ERR_OK
                   : error_set(err, ERR_NOT_FOUND, "cannot read the profile '%s'", file);
    }
    if (!text_is_token(word)) {
        return error_set(err, ERR_INVALID, "'%s' is neither a profile's name nor a file", word);
    }
    (void)snprintf(relative, sizeof(relative), "profiles/%s.yaml", word);
    (void)text_copy(profile->name, sizeof(profile->name), word);
    return share_find(relative, file, err) == ERR_OK
               ? ERR_OK
               : error_set(err, ERR_NOT_FOUND,
                           "there is no profile '%s': small, standard, or a FILE ending in .yaml",
                           word);
}

enum err profile_choose(const char *word, const char *coordinator, struct profile *ret_profile,
                        struct error *err)
{
    char file[PATH_BYTES];
    char program[PATH_BYTES];
    *ret_profile = (struct profile){0};
    TRY(profile_find(word, ret_profile, file, err));
    TRY(coordinator != NULL ? path_absolute(coordinator, program, err)
                            : program_find("coordinator", program, err));
    const char *argv[] = {program, "--check-profile", file, "-o", "json", NULL};
    TRY(capture_json(argv, &ret_profile->content, err));
    if (!json_bool_of(ret_profile->content, "ok", false)) {
        problems_print(stderr, file, "", json_array_of(ret_profile->content, "problems"));
        profile_release(ret_profile);
        return error_set(err, ERR_INVALID, "the profile '%s' is refused", file);
    }
    ret_profile->bus = share_of(json_object_of(ret_profile->content, "bus"));
    ret_profile->coordinator = share_of(json_object_of(ret_profile->content, "coordinator"));
    return ERR_OK;
}

struct share profile_agent(const struct profile *profile, const char *agent)
{
    const json_t *own = json_object_of(profile_agents(profile), agent);
    return share_of(own != NULL ? own : json_object_of(profile->content, "agent"));
}

const json_t *profile_agents(const struct profile *profile)
{
    return json_object_of(profile->content, "agents");
}

unsigned share_processors(const struct share *share)
{
    return (share->cpu_percent + 99) / 100;
}

void profile_release(struct profile *profile)
{
    json_decref(profile->content);
    profile->content = NULL;
}
