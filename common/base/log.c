#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"

static const char *log_program = "mainstay";
static enum log_level log_lowest = LOG_INFO;

void log_init(const char *program, enum log_level lowest)
{
    log_program = program;
    log_lowest = lowest;
}

enum log_level log_level_of(const char *text)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        if (strcmp(text, names[i]) == 0) {
            return (enum log_level)i;
        }
    }
    return LOG_INFO;
}

static void append_escaped(struct buf *line, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte == '"' || byte == '\\') {
            buf_append_byte(line, '\\');
            buf_append_byte(line, byte);
        } else if (byte < 0x20) {
            buf_printf(line, "\\u%04x", byte);
        } else {
            buf_append_byte(line, byte);
        }
    }
}

void log_line(enum log_level level, const char *fields, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (level < log_lowest) {
        return;
    }
    char message[2048];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    (void)gmtime_r(&now.tv_sec, &utc);
    char stamp[32];
    (void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    struct buf line = BUF_INIT(16384);
    buf_printf(&line, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"program\":\"%s\",\"message\":\"",
               stamp, now.tv_nsec / 1000000, names[level], log_program);
    append_escaped(&line, message);
    buf_append_str(&line, "\"");
    if (fields != NULL && fields[0] != '\0') {
        buf_append_str(&line, ",");
        buf_append_str(&line, fields);
    }
    buf_append_str(&line, "}\n");
    if (!line.failed) {
        ssize_t written = write(STDERR_FILENO, line.data, line.size);
        (void)written;
    }
    buf_release(&line);
}
