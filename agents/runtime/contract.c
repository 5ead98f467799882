#include "agents/runtime/contract.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/money.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/json/schema.h"

enum { DAY_MS = 24 * 60 * 60 * 1000, CONTRACT_BYTES = 256 * 1024 };

/* Where we are in the document, for messages. */
struct place {
    const char *file;
    const char *action; /* NULL: the contract itself */
};

__attribute__((format(printf, 3, 4))) static enum err
fault(const struct place *place, struct error *err, const char *format, ...)
{
    char text[ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (place->action == NULL) {
        return error_set(err, ERR_INVALID, "contract '%s': %s", place->file, text);
    }
    return error_set(err, ERR_INVALID, "contract '%s': /actions/%s: %s", place->file, place->action,
                     text);
}

static bool number_take(const char **text, uint32_t *ret_number)
{
    const char *at = *text;
    uint64_t value = 0;
    if (*at < '0' || *at > '9' || (at[0] == '0' && at[1] >= '0' && at[1] <= '9')) {
        return false;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
        if (value > UINT32_MAX) {
            return false;
        }
    }
    *text = at;
    *ret_number = (uint32_t)value;
    return true;
}

bool contract_version_parse(const char *text, struct contract_version *ret_version)
{
    struct contract_version version = {0};
    if (text == NULL || !number_take(&text, &version.major) || *text++ != '.' ||
        !number_take(&text, &version.minor) || *text++ != '.' ||
        !number_take(&text, &version.patch) || *text != '\0') {
        return false;
    }
    *ret_version = version;
    return true;
}

bool contract_serves(const struct contract *contract, const char *asked)
{
    struct contract_version want;
    const struct contract_version *have = &contract->version;
    if (!contract_version_parse(asked, &want) || want.major != have->major) {
        return false;
    }
    return want.minor < have->minor || (want.minor == have->minor && want.patch <= have->patch);
}

/* Digits, an optional fraction of milliseconds, and the unit behind them. */
static bool part_take(const char **text, uint64_t *ret_value, uint64_t *ret_thousandths)
{
    const char *at = *text;
    uint64_t value = 0;
    uint64_t thousandths = 0;
    size_t digits = 0;
    for (; *at >= '0' && *at <= '9' && digits < 9; at++, digits++) {
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (digits == 0) {
        return false;
    }
    if (*at == '.') {
        uint64_t scale = 100;
        for (at++; *at >= '0' && *at <= '9' && scale > 0; at++, scale /= 10) {
            thousandths += (uint64_t)(*at - '0') * scale;
        }
    }
    *text = at;
    *ret_value = value;
    *ret_thousandths = thousandths;
    return true;
}

bool contract_duration_parse(const char *text, uint64_t *ret_ms)
{
    static const struct {
        char unit;
        bool time;
        uint64_t ms;
    } units[] = {{'D', false, DAY_MS}, {'H', true, 3600000}, {'M', true, 60000}, {'S', true, 1000}};
    if (text == NULL || *text++ != 'P') {
        return false;
    }
    uint64_t total = 0;
    bool time = false;
    for (size_t unit = 0; *text != '\0';) {
        if (*text == 'T' && !time && text[1] != '\0') {
            time = true;
            text++;
            continue;
        }
        uint64_t value = 0;
        uint64_t thousandths = 0;
        if (!part_take(&text, &value, &thousandths)) {
            return false;
        }
        while (unit < 4 && (units[unit].unit != *text || units[unit].time != time)) {
            unit++;
        }
        if (unit == 4 || (thousandths != 0 && units[unit].unit != 'S')) {
            return false;
        }
        total += value * units[unit].ms + thousandths;
        unit++;
        text++;
    }
    if (total == 0 || total > DAY_MS) {
        return false;
    }
    *ret_ms = total;
    return true;
}

static enum err members_check(const struct place *place, json_t *object, const char *const *known,
                              struct error *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0) {
            i++;
        }
        if (known[i] == NULL) {
            return fault(place, err, "unknown member '%s' (agents/runtime/contract.md lists them)",
                         key);
        }
    }
    return ERR_OK;
}

/* The index of a text member in `names`; `fallback` when it is absent (-1: then an error). */
static enum err choice_read(const struct place *place, json_t *object, const char *member,
                            const char *const *names, int fallback, int *ret_choice,
                            struct error *err)
{
    json_t *value = json_object_get(object, member);
    if (value == NULL && fallback >= 0) {
        *ret_choice = fallback;
        return ERR_OK;
    }
    const char *text = json_string_value(value);
    for (int i = 0; text != NULL && names[i] != NULL; i++) {
        if (strcmp(names[i], text) == 0) {
            *ret_choice = i;
            return ERR_OK;
        }
    }
    struct buf list = BUF_INIT(256);
    for (int i = 0; names[i] != NULL; i++) {
        buf_printf(&list, "%s'%s'", i == 0 ? "" : ", ", names[i]);
    }
    enum err code = fault(place, err, "'%s' must be one of %s", member, list.data);
    buf_release(&list);
    return code;
}

static enum err flag_read(const struct place *place, json_t *object, const char *member,
                          bool *ret_flag, struct error *err)
{
    json_t *value = json_object_get(object, member);
    if (value != NULL && !json_is_boolean(value)) {
        return fault(place, err, "'%s' must be true or false", member);
    }
    *ret_flag = json_is_true(value);
    return ERR_OK;
}

static enum err schema_read(const struct place *place, json_t *object, const char *member,
                            struct schema **ret_schema, struct error *err)
{
    json_t *value = json_object_get(object, member);
    if (value == NULL) {
        return fault(place, err, "'%s' is missing: give a JSON Schema", member);
    }
    struct schema_options options = {.dialect = SCHEMA_2020_12, .assert_formats = true};
    struct error why = {0};
    if (schema_compile(value, &options, ret_schema, &why) != ERR_OK) {
        return fault(place, err, "'%s' is not a usable schema: %s", member, why.message);
    }
    return ERR_OK;
}

static enum err phases_read(const struct place *place, json_t *object,
                            struct contract_action *action, struct error *err)
{
    json_t *phases = json_object_get(object, "phases");
    size_t count = json_array_size(phases);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(phases, i));
        if (text_equal(name, "decide") && !action->decides && !action->performs) {
            action->decides = true;
        } else if (text_equal(name, "perform") && !action->performs) {
            action->performs = true;
        } else {
            count = 0;
        }
    }
    if (count == 0) {
        return fault(place, err,
                     "'phases' must be [\"decide\"], [\"perform\"] or [\"decide\", \"perform\"]");
    }
    return ERR_OK;
}

/* What the coordinator reserves. */
static enum err cost_read(const struct place *place, json_t *object, struct contract_action *action,
                          struct error *err)
{
    static const char *const known[] = {"estimate", "max", NULL};
    json_t *cost = json_object_get(object, "cost");
    action->paid = cost != NULL;
    if (cost == NULL) {
        return ERR_OK;
    }
    struct money most;
    struct money estimate = {0};
    if (!json_is_object(cost)) {
        return fault(place, err, "'cost' must be {\"max\": \"0.02 EUR\"}");
    }
    TRY(members_check(place, cost, known, err));
    if (money_parse(json_text_of(cost, "max"), &most, NULL) != ERR_OK) {
        return fault(place, err, "'cost' needs a 'max', an amount such as \"0.02 EUR\"");
    }
    if (json_object_get(cost, "estimate") != NULL &&
        (money_parse(json_text_of(cost, "estimate"), &estimate, NULL) != ERR_OK ||
         strcmp(estimate.currency, most.currency) != 0 || estimate.amount > most.amount)) {
        return fault(place, err, "the 'estimate' of 'cost' must be an amount of at most its 'max'");
    }
    return ERR_OK;
}

static enum err numbers_read(const struct place *place, json_t *object,
                             struct contract_action *action, struct error *err)
{
    const char *timeout = json_text_of(object, "timeout");
    if (!contract_duration_parse(timeout, &action->timeout_ms)) {
        return fault(place, err, "'timeout' must be an ISO 8601 duration of at most P1D, not '%s'",
                     timeout == NULL ? "" : timeout);
    }
    json_t *value = json_object_get(object, "concurrency");
    json_int_t concurrency = value == NULL ? 1 : json_integer_value(value);
    if (concurrency < 1 || concurrency > CONTRACT_CONCURRENCY_MAX) {
        return fault(place, err, "'concurrency' must be an integer from 1 to %d",
                     CONTRACT_CONCURRENCY_MAX);
    }
    action->concurrency = (uint32_t)concurrency;
    return cost_read(place, object, action, err);
}

static enum err services_check(const struct place *place, json_t *object, struct error *err)
{
    json_t *services = json_object_get(object, "services");
    if (services != NULL && !json_is_array(services)) {
        return fault(place, err, "'services' must be an array");
    }
    size_t i = 0;
    json_t *service = NULL;
    json_array_foreach(services, i, service)
    {
        const char *name = json_string_value(service);
        if (!text_equal(name, "model") && !text_equal(name, "memory")) {
            return fault(place, err, "'services' may list 'model' and 'memory'");
        }
    }
    return ERR_OK;
}

/* Rules between the members of one action. */
static enum err action_agree(const struct place *place, json_t *object,
                             const struct contract_action *action, struct error *err)
{
    bool both = action->decides && action->performs;
    if (both != (json_object_get(object, "proposal") != NULL)) {
        return fault(place, err,
                     both ? "'proposal' is missing: both phases need its schema"
                          : "'proposal' belongs to actions with both phases only");
    }
    if (!action->performs && action->effect != EFFECT_PURE) {
        return fault(place, err, "'effect' must be 'pure': an action without perform has none");
    }
    if (action->local && action->effect != EFFECT_KEYED) {
        return fault(place, err, "'local' belongs to effect 'keyed' only");
    }
    if (action->quick && action->effect != EFFECT_PURE) {
        return fault(place, err, "'quick' belongs to effect 'pure' only");
    }
    if (action->quick && action->paid) {
        return fault(place, err, "'quick' work cannot have a 'cost': its outcome must be kept");
    }
    return ERR_OK;
}

static enum err action_read(const struct place *place, json_t *object,
                            struct contract_action *action, struct error *err)
{
    static const char *const known[] = {
        "title",       "input", "output", "proposal",    "effect", "phases",   "timeout",
        "concurrency", "rate",  "risk",   "confidence",  "cost",   "services", "compensate",
        "retry",       "local", "quick",  "description", NULL};
    static const char *const effects[] = {"pure", "keyed", "probed", "manual", NULL};
    static const char *const rules[] = {"none", "optional", "required", NULL};
    static const char *const risks[] = {"low", "medium", "high", NULL};
    if (!json_is_object(object)) {
        return fault(place, err, "must be an object");
    }
    int effect = 0;
    int rule = 0;
    int risk = 0;
    TRY(members_check(place, object, known, err));
    if (json_text_of(object, "title") == NULL) {
        return fault(place, err, "'title' is missing");
    }
    TRY(choice_read(place, object, "effect", effects, -1, &effect, err));
    TRY(choice_read(place, object, "confidence", rules, 0, &rule, err));
    TRY(choice_read(place, object, "risk", risks, 0, &risk, err));
    action->effect = (enum effect_class)effect;
    action->confidence = (enum confidence_rule)rule;
    TRY(flag_read(place, object, "local", &action->local, err));
    TRY(flag_read(place, object, "quick", &action->quick, err));
    TRY(phases_read(place, object, action, err));
    TRY(numbers_read(place, object, action, err));
    TRY(services_check(place, object, err));
    TRY(action_agree(place, object, action, err));
    TRY(schema_read(place, object, "input", &action->input, err));
    TRY(schema_read(place, object, "output", &action->output, err));
    if (action->decides && action->performs) {
        TRY(schema_read(place, object, "proposal", &action->proposal, err));
    }
    return ERR_OK;
}

static enum err actions_read(struct place *place, json_t *actions, struct contract *contract,
                             struct error *err)
{
    size_t count = json_object_size(actions);
    if (count < 1 || count > CONTRACT_ACTIONS_MAX) {
        return fault(place, err, "'actions' must be an object of 1 to %d actions",
                     CONTRACT_ACTIONS_MAX);
    }
    contract->actions = calloc(count, sizeof(contract->actions[0]));
    if (contract->actions == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for contract '%s'", place->file);
    }
    const char *name = NULL;
    json_t *object = NULL;
    json_object_foreach(actions, name, object)
    {
        if (!text_is_token(name)) {
            return fault(place, err, "'%.80s' cannot name an action: use 1..64 of A-Za-z0-9_-",
                         name);
        }
        struct contract_action *action = &contract->actions[contract->action_count++];
        (void)text_copy(action->name, sizeof(action->name), name);
        place->action = name;
        TRY(action_read(place, object, action, err));
        const char *undo = json_text_of(object, "compensate");
        if (json_object_get(object, "compensate") != NULL &&
            (undo == NULL || json_object_get(actions, undo) == NULL)) {
            return fault(place, err, "'compensate' must name an action of this contract");
        }
    }
    place->action = NULL;
    return ERR_OK;
}

static enum err contract_read(const char *file, json_t *root, struct contract *contract,
                              struct error *err)
{
    static const char *const known[] = {"agent",   "version",     "title",
                                        "actions", "description", NULL};
    struct place place = {.file = file};
    if (!json_is_object(root)) {
        return fault(&place, err, "must be a JSON object");
    }
    TRY(members_check(&place, root, known, err));
    const char *agent = json_text_of(root, "agent");
    const char *version = json_text_of(root, "version");
    if (agent == NULL || !text_is_token(agent) || strchr(agent, '_') != NULL) {
        return fault(&place, err, "'agent' must be 1..64 of A-Z a-z 0-9 -");
    }
    if (!contract_version_parse(version, &contract->version) ||
        !text_copy(contract->version_text, sizeof(contract->version_text), version)) {
        return fault(&place, err, "'version' must be MAJOR.MINOR.PATCH, not '%s'",
                     version == NULL ? "" : version);
    }
    if (json_text_of(root, "title") == NULL) {
        return fault(&place, err, "'title' is missing");
    }
    (void)text_copy(contract->agent, sizeof(contract->agent), agent);
    return actions_read(&place, json_object_get(root, "actions"), contract, err);
}

enum err agent_contract_parse(const char *name, const char *bytes, size_t size,
                              struct contract **ret_contract, struct error *err)
{
    *ret_contract = NULL;
    struct contract *contract = calloc(1, sizeof(*contract));
    if (contract == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for contract '%s'", name);
    }
    struct json_limits limits = {.size_max = CONTRACT_BYTES};
    struct buf text = BUF_INIT(CONTRACT_BYTES);
    json_t *root = NULL;
    enum err code = json_parse(bytes, size, &limits, &root, err);
    if (code != ERR_OK) {
        error_wrap(err, "contract '%s'", name);
        goto out;
    }
    TRY_GOTO(code, contract_read(name, root, contract, err), out);
    json_write_canonical(root, &text);
    contract->text = buf_detach(&text, &contract->text_size);
    if (contract->text == NULL) {
        code = error_set(err, ERR_LIMIT, "contract '%s' is over %d bytes", name, CONTRACT_BYTES);
        goto out;
    }
    contract->digest = crypto_blake(contract->text, contract->text_size);
    *ret_contract = contract;
    contract = NULL;
out:
    buf_release(&text);
    json_decref(root);
    agent_contract_destroy(&contract);
    return code;
}

enum err agent_contract_load(const char *path, struct contract **ret_contract, struct error *err)
{
    *ret_contract = NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                         "cannot open contract '%s': %s", path, strerror(errno));
    }
    struct buf text = BUF_INIT(CONTRACT_BYTES);
    char piece[4096];
    size_t got = 0;
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0 && !text.failed) {
        buf_append(&text, piece, got);
    }
    bool broken = ferror(file) != 0;
    (void)fclose(file);
    enum err code = ERR_OK;
    if (broken) {
        code = error_set(err, ERR_IO, "cannot read contract '%s'", path);
    } else if (text.failed) {
        code = error_set(err, ERR_LIMIT, "contract '%s' is over %d bytes", path, CONTRACT_BYTES);
    } else {
        code = agent_contract_parse(path, text.data == NULL ? "" : text.data, text.size,
                                    ret_contract, err);
    }
    buf_release(&text);
    return code;
}

void agent_contract_destroy(struct contract **contract)
{
    if (*contract == NULL) {
        return;
    }
    for (size_t i = 0; i < (*contract)->action_count; i++) {
        schema_destroy(&(*contract)->actions[i].input);
        schema_destroy(&(*contract)->actions[i].proposal);
        schema_destroy(&(*contract)->actions[i].output);
    }
    free((*contract)->actions);
    free((*contract)->text);
    free(*contract);
    *contract = NULL;
}

const struct contract_action *contract_find(const struct contract *contract, const char *name)
{
    for (size_t i = 0; i < contract->action_count; i++) {
        if (strcmp(contract->actions[i].name, name) == 0) {
            return &contract->actions[i];
        }
    }
    return NULL;
}
