/* mainstay completion bash. */
#include <stdio.h>

#include "common/base/buf.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/nouns.h"

enum { SCRIPT_BYTES = 256 * 1024 };

enum exit_code completion_run(struct cli *cli)
{
    (void)cli;
    struct buf text = BUF_INIT(SCRIPT_BYTES);
    completion_bash(&text);
    if (!text.failed) {
        (void)fputs(text.data, stdout);
    }
    buf_release(&text);
    return EXIT_DONE;
}
