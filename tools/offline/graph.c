#include "tools/offline/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "coordinator/definition/compare.h"
#include "coordinator/definition/expr.h"
#include "coordinator/definition/plan.h"

enum { LINE_CHARACTERS = 60, LABEL_BYTES = 1024, NAME_BYTES = 32, VALUE_BYTES = 4096 };

struct graph {
    const struct plan *plan;
    struct buf *out;
    bool *holds; /* node holds tasks */
};

/* ---- labels ---- */

static void label_character(struct buf *out, const char **at, size_t *line)
{
    unsigned char c = (unsigned char)**at;
    if (c == '\n') {
        buf_append_str(out, "\\n");
        *line = 0;
        (*at)++;
        return;
    }
    if (*line == LINE_CHARACTERS) { /* the rest of the line is left out */
        buf_append_str(out, "...");
        *at += strcspn(*at, "\n");
        return;
    }
    size_t size = 1;
    while (((unsigned char)(*at)[size] & 0xC0U) == 0x80U) {
        size++; /* a character is not cut */
    }
    if (c < 0x20 || c == 0x7F) {
        buf_append_byte(out, '?');
    } else {
        if (c == '"' || c == '\\') {
            buf_append_byte(out, '\\');
        }
        buf_append(out, *at, size);
    }
    (*line)++;
    *at += size;
}

void graph_label(struct buf *out, const char *text)
{
    size_t line = 0;
    buf_append_byte(out, '"');
    for (const char *at = text; *at != '\0';) {
        label_character(out, &at, &line);
    }
    buf_append_byte(out, '"');
}

/* A value of the definition as people write it. */
static void value_text(const json_t *value, char *out, size_t size)
{
    struct buf text = BUF_INIT((size_t)1024 * 1024);
    out[0] = '\0';
    if (json_is_string(value)) {
        (void)text_copy(out, size, json_string_value(value));
    } else if (value != NULL) {
        json_write(value, &text);
        (void)text_copy(out, size, text.failed ? "" : text.data);
    }
    size_t end = strlen(out);
    while (end > 0 && !utf8_valid(out, end)) {
        out[--end] = '\0';
    }
    buf_release(&text);
}

static const json_t *inner(const struct plan_node *node, const char *outer, const char *name)
{
    return json_object_get(json_object_get(node->definition, outer), name);
}

/* What a task does, in a few words below its name. */
static void detail_text(const struct plan_node *node, char *out, size_t size)
{
    char value[VALUE_BYTES];
    const char *word = plan_node_word(node);
    if (node->kind == TASK_AGENT) {
        (void)snprintf(out, size, "call %s %s", node->call.agent, node->call.action);
    } else if (node->kind == TASK_FOR) {
        value_text(inner(node, "for", "in"), value, sizeof(value));
        int used = snprintf(out, size, "for %.256s in %.400s", node->loop.each, value);
        value_text(json_object_get(node->definition, "while"), value, sizeof(value));
        if (value[0] != '\0' && used > 0 && (size_t)used < size) {
            (void)snprintf(out + used, size - (size_t)used, "\nwhile %.256s", value);
        }
    } else if (strcmp(word, "wait") == 0 || strcmp(word, "run") == 0) {
        value_text(json_object_get(node->definition, word), value, sizeof(value));
        (void)snprintf(out, size, "%s %.400s", word, value);
    } else if (strcmp(word, "emit") == 0) {
        value_text(json_object_get(inner(node, "emit", "event"), "with"), value, sizeof(value));
        const char *type =
            json_text_of(json_object_get(inner(node, "emit", "event"), "with"), "type");
        (void)snprintf(out, size, "emit %.400s", type != NULL ? type : value);
    } else if (strcmp(word, "raise") == 0) {
        const char *type = json_text_of(inner(node, "raise", "error"), "type");
        (void)snprintf(out, size, "raise %s", type != NULL ? type : "an error");
    } else if (strcmp(word, "fork") == 0) {
        (void)snprintf(out, size, "%s",
                       node->kind == TASK_FORK && node->fork.compete ? "fork, the first wins"
                                                                     : "fork");
    } else {
        (void)snprintf(out, size, "%s", word);
    }
}

static void listen_text(const struct event_consumption *on, char *out, size_t size)
{
    static const char *const kinds[] = {"one", "any", "all"};
    size_t used =
        (size_t)snprintf(out, size, "%s of", (size_t)on->kind < 3 ? kinds[on->kind] : "events");
    for (size_t i = 0; i < on->filter_count && used < size; i++) {
        const char *type = on->filters[i].type;
        int more = snprintf(out + used, size - used, "\n%s", type != NULL ? type : "any type");
        used += more > 0 ? (size_t)more : 0;
    }
    if (on->filter_count == 0 && used < size) {
        (void)snprintf(out + used, size - used, "\nevery event");
    }
}

static void node_label(struct graph *graph, const struct plan_node *node)
{
    char detail[LABEL_BYTES];
    char condition[VALUE_BYTES];
    char text[2 * LABEL_BYTES + VALUE_BYTES];
    if (node->kind == TASK_LISTEN) {
        char events[LABEL_BYTES];
        listen_text(&node->listen, events, sizeof(events));
        (void)snprintf(detail, sizeof(detail), "listen to %.1000s", events);
    } else {
        detail_text(node, detail, sizeof(detail));
    }
    value_text(json_object_get(node->definition, "if"), condition, sizeof(condition));
    (void)snprintf(text, sizeof(text), "%.512s\n%s%s%s", node->name, detail,
                   condition[0] != '\0' ? "\nif " : "", condition);
    graph_label(graph->out, text);
}

/* ---- edges ---- */

/* Where a task is entered and left; "start" and "end" for the workflow. */
static void enter_name(const struct graph *graph, uint32_t node, char out[NAME_BYTES])
{
    if (node == PLAN_NONE) {
        (void)snprintf(out, NAME_BYTES, "end");
    } else {
        (void)snprintf(out, NAME_BYTES, "%s%u", graph->holds[node] ? "in" : "task", node);
    }
}

static void leave_name(const struct graph *graph, uint32_t node, char out[NAME_BYTES])
{
    if (node == PLAN_NONE) {
        (void)snprintf(out, NAME_BYTES, "end");
    } else {
        (void)snprintf(out, NAME_BYTES, "%s%u", graph->holds[node] ? "out" : "task", node);
    }
}

static void edge(struct graph *graph, const char *from, const char *to, const char *label,
                 const char *style)
{
    buf_printf(graph->out, "  %s -> %s [%s", from, to, style);
    if (label != NULL && label[0] != '\0') {
        buf_printf(graph->out, "%slabel=", style[0] != '\0' ? ", " : "");
        graph_label(graph->out, label);
    }
    buf_append_str(graph->out, "];\n");
}

/* At the end of a list: back to the head of a loop, or out of what holds the list. */
static void scope_end(const struct graph *graph, const struct plan_node *node, char out[NAME_BYTES],
                      const char **ret_label)
{
    uint32_t parent = node->parent;
    bool again = parent != PLAN_NONE && (graph->plan->nodes[parent].kind == TASK_FOR ||
                                         graph->plan->nodes[parent].kind == TASK_LISTEN);
    if (again) {
        *ret_label = "next";
        (void)snprintf(out, NAME_BYTES, "in%u", parent);
    } else {
        leave_name(graph, parent, out);
    }
}

static void flow_edge(struct graph *graph, const char *from, const struct plan_node *node,
                      const struct flow *flow, const char *label)
{
    char to[NAME_BYTES];
    const char *end_label = NULL;
    if (flow->kind == FLOW_GOTO) {
        enter_name(graph, flow->target, to);
    } else if (flow->kind == FLOW_END) {
        (void)snprintf(to, sizeof(to), "end");
    } else if (flow->kind == FLOW_CONTINUE && node->next != PLAN_NONE) {
        enter_name(graph, node->next, to);
    } else {
        scope_end(graph, node, to, &end_label);
    }
    edge(graph, from, to, label != NULL ? label : end_label,
         end_label != NULL ? "style=dashed" : "");
}

static void choice_edges(struct graph *graph, const struct plan_node *node)
{
    char from[NAME_BYTES];
    bool fallback = false;
    leave_name(graph, node->index, from);
    for (size_t i = 0; i < node->choice.count; i++) {
        const struct switch_case *it = &node->choice.cases[i];
        char label[VALUE_BYTES];
        (void)snprintf(label, sizeof(label), "%.256s%s%.2048s", it->name,
                       it->when != NULL ? "\n" : "", it->when != NULL ? expr_text(it->when) : "");
        fallback = fallback || it->when == NULL;
        flow_edge(graph, from, node, &it->then, label);
    }
    if (!fallback) {
        flow_edge(graph, from, node, &node->then, "otherwise");
    }
}

static void catch_edges(struct graph *graph, const struct plan_node *node)
{
    char from[NAME_BYTES];
    char to[NAME_BYTES];
    const struct plan_try *attempt = &node->attempt;
    const char *what = attempt->filter.type != NULL ? strrchr(attempt->filter.type, '/') : NULL;
    what = what != NULL ? what + 1 : attempt->filter.type;
    char label[LABEL_BYTES];
    (void)snprintf(label, sizeof(label), "on %.200s", what != NULL ? what : "error");
    (void)snprintf(from, sizeof(from), "in%u", node->index);
    if (attempt->retry != NULL) {
        edge(graph, from, from, "retry", "style=dashed, color=\"#b03030\"");
    }
    if (attempt->catch_first != PLAN_NONE) {
        enter_name(graph, attempt->catch_first, to);
    } else {
        leave_name(graph, node->index, to);
    }
    edge(graph, from, to, label, "style=dashed, color=\"#b03030\"");
}

static void first_edge(struct graph *graph, const struct plan_node *node, uint32_t first,
                       const char *label)
{
    char from[NAME_BYTES];
    char to[NAME_BYTES];
    (void)snprintf(from, sizeof(from), "in%u", node->index);
    enter_name(graph, first, to);
    if (first == PLAN_NONE) {
        leave_name(graph, node->index, to);
    }
    edge(graph, from, to, label, "");
}

/* From the way in to the first tasks inside. */
static void inner_edges(struct graph *graph, const struct plan_node *node)
{
    char from[NAME_BYTES];
    char to[NAME_BYTES];
    if (node->kind == TASK_FORK) {
        for (uint32_t i = 0; i < node->fork.count; i++) {
            first_edge(graph, node, node->fork.branches[i], NULL);
        }
        return;
    }
    if (node->kind == TASK_FOR || node->kind == TASK_LISTEN) {
        (void)snprintf(from, sizeof(from), "in%u", node->index);
        leave_name(graph, node->index, to);
        edge(graph, from, to, "done", "");
    }
    uint32_t first = PLAN_NONE;
    for (uint32_t i = graph->plan->node_count; i > node->index + 1; i--) {
        first = graph->plan->nodes[i - 1].parent == node->index ? i - 1 : first;
    }
    first = node->kind == TASK_FOR   ? node->loop.first
            : node->kind == TASK_TRY ? node->attempt.first
            : node->kind == TASK_DO  ? node->block.first
                                     : first;
    first_edge(graph, node, first, node->kind == TASK_FOR ? "each" : NULL);
    if (node->kind == TASK_TRY) {
        catch_edges(graph, node);
    }
}

static void node_edges(struct graph *graph, const struct plan_node *node)
{
    char from[NAME_BYTES];
    if (graph->holds[node->index]) {
        inner_edges(graph, node);
    }
    leave_name(graph, node->index, from);
    if (node->kind == TASK_SWITCH) {
        choice_edges(graph, node);
    } else if (node->kind != TASK_RAISE) {
        flow_edge(graph, from, node, &node->then, NULL);
    }
}

/* ---- nodes ---- */

static const char *node_shape(const struct plan_node *node)
{
    if (node->kind == TASK_SWITCH) {
        return "shape=diamond";
    }
    if (node->kind == TASK_RAISE) {
        return "shape=octagon, color=\"#b03030\"";
    }
    if (node->kind == TASK_AGENT) {
        return "shape=box, style=\"rounded,filled\", fillcolor=\"#e8f0ff\"";
    }
    if (node->kind == TASK_LISTEN || node->kind == TASK_EMIT) {
        return "shape=cds";
    }
    return "shape=box, style=rounded";
}

static void cluster_begin(struct graph *graph, const struct plan_node *node)
{
    buf_printf(graph->out,
               "  subgraph cluster%u {\n  style=\"rounded%s\"; color=\"#808080\";\n  label=",
               node->index, node->kind == TASK_FOR ? ",dashed" : "");
    node_label(graph, node);
    buf_printf(graph->out, ";\n  in%u [shape=point];\n  out%u [shape=point];\n", node->index,
               node->index);
}

/* Tasks in document order: whatever does not stand in the open clusters any more closes them. */
static void nodes_write(struct graph *graph)
{
    const struct plan *plan = graph->plan;
    uint32_t open = PLAN_NONE;
    for (uint32_t i = 0; i < plan->node_count; i++) {
        const struct plan_node *node = &plan->nodes[i];
        while (open != PLAN_NONE && open != node->parent) {
            buf_append_str(graph->out, "  }\n");
            open = plan->nodes[open].parent;
        }
        if (graph->holds[i]) {
            cluster_begin(graph, node);
            open = i;
        } else {
            buf_printf(graph->out, "  task%u [%s, label=", i, node_shape(node));
            node_label(graph, node);
            buf_append_str(graph->out, "];\n");
        }
    }
    for (; open != PLAN_NONE; open = plan->nodes[open].parent) {
        buf_append_str(graph->out, "  }\n");
    }
}

static void trigger_write(struct graph *graph, const char *name, const char *text)
{
    buf_printf(graph->out, "  %s [shape=cds, label=", name);
    graph_label(graph->out, text);
    buf_printf(graph->out, "];\n  %s -> start;\n", name);
}

static void triggers_write(struct graph *graph)
{
    const struct plan *plan = graph->plan;
    char text[LABEL_BYTES];
    char value[VALUE_BYTES];
    if (plan->trigger != NULL) {
        listen_text(&plan->trigger->on, text, sizeof(text));
        trigger_write(graph, "on", text);
    }
    static const char *const kinds[] = {"every", "cron", "after"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const json_t *when = json_object_get(json_object_get(plan->document, "schedule"), kinds[i]);
        if (when != NULL) {
            value_text(when, value, sizeof(value));
            (void)snprintf(text, sizeof(text), "%s %.900s", kinds[i], value);
            trigger_write(graph, kinds[i], text);
        }
    }
}

void graph_write(const struct plan *plan, struct buf *out)
{
    struct graph graph = {.plan = plan, .out = out};
    graph.holds = calloc((size_t)plan->node_count + 1, sizeof(bool));
    CHECK(graph.holds != NULL);
    for (uint32_t i = 0; i < plan->node_count; i++) {
        if (plan->nodes[i].parent != PLAN_NONE) {
            graph.holds[plan->nodes[i].parent] = true;
        }
    }
    char title[LABEL_BYTES];
    char first[NAME_BYTES];
    (void)snprintf(title, sizeof(title), "%.250s/%.250s:%.250s", plan->namespace_, plan->name,
                   plan->version);
    buf_append_str(out, "digraph ");
    graph_label(out, title);
    buf_append_str(out, " {\n  node [fontname=\"Helvetica\", fontsize=11];\n"
                        "  edge [fontname=\"Helvetica\", fontsize=9];\n"
                        "  graph [fontname=\"Helvetica\", fontsize=11, label=");
    graph_label(out, title);
    buf_append_str(out, ", labelloc=t];\n  start [shape=circle, label=\"\", width=0.25];\n"
                        "  end [shape=doublecircle, label=\"\", width=0.2];\n");
    triggers_write(&graph);
    nodes_write(&graph);
    enter_name(&graph, plan->first, first);
    edge(&graph, "start", first, NULL, "");
    for (uint32_t i = 0; i < plan->node_count; i++) {
        node_edges(&graph, &plan->nodes[i]);
    }
    buf_append_str(out, "}\n");
    free(graph.holds);
}
