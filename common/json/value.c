#include <string.h>
#include <strings.h>

#include "common/json/json.h"
#include "common/json/number.h"

bool json_depth_fits(const json_t *value, size_t depth_max)
{
    if (!json_is_object(value) && !json_is_array(value)) {
        return true;
    }
    if (depth_max == 0) {
        return false;
    }
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (!json_depth_fits(json_array_get(value, i), depth_max - 1)) {
                return false;
            }
        }
        return true;
    }
    json_t *object = json_mutable(value);
    for (void *iter = json_object_iter(object); iter != NULL;
         iter = json_object_iter_next(object, iter)) {
        if (!json_depth_fits(json_object_iter_value(iter), depth_max - 1)) {
            return false;
        }
    }
    return true;
}

static bool numbers_same(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b)) {
        return json_integer_value(a) == json_integer_value(b);
    }
    struct decimal left = json_is_integer(a) ? decimal_of_int(json_integer_value(a))
                                             : decimal_of_real(json_real_value(a));
    struct decimal right = json_is_integer(b) ? decimal_of_int(json_integer_value(b))
                                              : decimal_of_real(json_real_value(b));
    return decimal_equal(left, right);
}

static bool objects_same(const json_t *a, const json_t *b)
{
    json_t *left = json_mutable(a);
    if (json_object_size(a) != json_object_size(b)) {
        return false;
    }
    for (void *iter = json_object_iter(left); iter != NULL;
         iter = json_object_iter_next(left, iter)) {
        const json_t *other =
            json_object_getn(b, json_object_iter_key(iter), json_object_iter_key_len(iter));
        if (other == NULL || !json_same(json_object_iter_value(iter), other)) {
            return false;
        }
    }
    return true;
}

static bool arrays_same(const json_t *a, const json_t *b)
{
    if (json_array_size(a) != json_array_size(b)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(a); i++) {
        if (!json_same(json_array_get(a, i), json_array_get(b, i))) {
            return false;
        }
    }
    return true;
}

bool json_same(const json_t *a, const json_t *b)
{
    if (a == b) {
        return true;
    }
    if (json_is_number(a) && json_is_number(b)) {
        return numbers_same(a, b);
    }
    if (json_typeof(a) != json_typeof(b)) {
        return false;
    }
    if (json_is_object(a)) {
        return objects_same(a, b);
    }
    if (json_is_array(a)) {
        return arrays_same(a, b);
    }
    if (json_is_string(a)) {
        size_t size = json_string_length(a);
        return size == json_string_length(b) &&
               memcmp(json_string_value(a), json_string_value(b), size) == 0;
    }
    return true; /* true, false and null have one value each */
}

const char *json_text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

int64_t json_int_of(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool json_bool_of(const json_t *object, const char *key, bool fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

json_t *json_object_of(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_object(value) ? value : NULL;
}

json_t *json_array_of(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_array(value) ? value : NULL;
}

bool json_media_type(const char *type)
{
    size_t end = strcspn(type, "; ");
    return end >= 5 && (strncasecmp(type + end - 5, "/json", 5) == 0 ||
                        strncasecmp(type + end - 5, "+json", 5) == 0);
}
