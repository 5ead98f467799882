/* What the files of this folder share. */
#ifndef COMMON_HTTP_HTTP_PRIVATE_H
#define COMMON_HTTP_HTTP_PRIVATE_H

struct http_server;

/* Let the server free() `memory` after it has stopped. At most once. */
void http_server_own(struct http_server *server, void *memory);

#endif
