/*
 * One JSON object a line on stderr: {"time":...,"level":...,"program":...,"message":...,...}.
 * Only mains, edges and the agent runtime log. Safe from several threads.
 */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Name of this process in every line and the lowest level printed. `program` is borrowed. */
void log_init(const char *program, enum log_level lowest);

/* "debug", "info", "warn", "error"; LOG_INFO for anything else. */
enum log_level log_level_of(const char *text);

/* Print one line. `fields` (may be NULL) is raw JSON members without braces, already escaped. */
void log_line(enum log_level level, const char *fields, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(...) log_line(LOG_DEBUG, NULL, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, NULL, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, NULL, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, NULL, __VA_ARGS__)

#endif
