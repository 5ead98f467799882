/*
 * A definition as a picture: a graph in the DOT language (graphviz.org/doc/info/lang.html).
 *
 * Tasks are nodes, tasks that hold tasks are clusters with a point to enter and one to leave by.
 * Threads: none.
 */
#ifndef TOOLS_OFFLINE_GRAPH_H
#define TOOLS_OFFLINE_GRAPH_H

struct buf;
struct plan;

/* Append the graph to `out`; the text of the definition cannot leave its labels. */
void graph_write(const struct plan *plan, struct buf *out);

/* Append a label: quoted, escaped, in lines, cut after some 60 characters a line. */
void graph_label(struct buf *out, const char *text);

#endif
