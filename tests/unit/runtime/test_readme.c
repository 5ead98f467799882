/* The agent shown in agents/README.md is the one that is built and tested. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"

static void read_file(const char *path, struct buf *out)
{
    char full[4096];
    (void)snprintf(full, sizeof(full), "%s/%s", SOURCE_DIR, path);
    FILE *file = fopen(full, "r");
    cr_assert_not_null(file, "%s", full);
    char piece[4096];
    size_t got = 0;
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0) {
        buf_append(out, piece, got);
    }
    (void)fclose(file);
    cr_assert(!out->failed);
}

static void compare(const char *fence, const char *path)
{
    struct buf readme = BUF_INIT(1 << 20);
    struct buf file = BUF_INIT(1 << 20);
    read_file("agents/README.md", &readme);
    read_file(path, &file);
    char *from = strstr(readme.data, fence);
    cr_assert_not_null(from, "no block '%s'", fence);
    from += strlen(fence);
    char *to = strstr(from, "\n```\n");
    cr_assert_not_null(to);
    to[1] = '\0';
    cr_assert_str_eq(from, file.data);
    buf_release(&readme);
    buf_release(&file);
}

Test(readme, shows_the_agent_that_is_tested)
{
    compare("```c\n", "tests/integration/hello_agent/hello.c");
    compare("```json\n", "tests/integration/hello_agent/contract.json");
    compare("```cmake\n", "tests/integration/hello_agent/CMakeLists.txt");
}

Test(readme, the_agent_is_short)
{
    struct buf file = BUF_INIT(1 << 20);
    size_t lines = 0;
    read_file("tests/integration/hello_agent/hello.c", &file);
    for (size_t i = 0; i < file.size; i++) {
        lines += file.data[i] == '\n' ? 1 : 0;
    }
    cr_assert_lt(lines, 60);
    buf_release(&file);
}
