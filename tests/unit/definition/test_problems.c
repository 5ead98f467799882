/*
 * Wrong definitions: the place, the pointer, the words and the hint of the first problem, exactly.
 * Every body stands behind six lines of a valid head.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "tests/unit/definition/load_file.h"

struct wrong {
    const char *body;
    const char *place;
    const char *pointer;
    const char *message;
    const char *hint;
};

static const struct wrong WRONG[] = {
    {"  - a: {sett: {x: 1}}\n", "7:9", "/do/0/a/sett", "unknown key 'sett' in a task",
     "did you mean 'set'?"},
    {"  - a: {set: {x: 1}, iff: .x}\n", "7:22", "/do/0/a/iff", "unknown key 'iff' in a 'set' task",
     "did you mean 'if'? allowed here: set, if, input, output, export, timeout, then or metadata"},
    {"  - a: {set: {x: 1}, call: agent}\n", "7:22", "/do/0/a/call",
     "a task has one verb, this one has 'set' and 'call'", "put it into a task of its own"},
    {"  - a: {set: {}}\n", "7:14", "/do/0/a/set", "'set' needs at least one member", NULL},
    {"  - a: {set: 5}\n", "7:14", "/do/0/a/set", "'set' must be an object, not a number", NULL},
    {"  - a: {set: 'text'}\n", "7:15", "/do/0/a/set", "'set' must be an object, not a text", NULL},
    {"  - a: {set: {x: 'hi ${ .b }'}}\n", "7:19", "/do/0/a/set/x",
     "an expression must be the whole text, from '${' to its closing '}'",
     "make the whole text one expression: ${ \"text \\(.name) text\" }"},
    {"  - a: {set: {x: '${ .b'}}\n", "7:19", "/do/0/a/set/x",
     "an expression must be the whole text, from '${' to its closing '}'",
     "make the whole text one expression: ${ \"text \\(.name) text\" }"},
    {"  - a: {set: {x: '${ .b } '}}\n  - a: {set: {y: 1}}\n", "8:5", "/do/1/a",
     "the task name 'a' is in this list twice (first at line 7)",
     "give each task of a list its own name"},
    {"  - a: {set: {'${ .b }': 1}}\n", "7:16", "/do/0/a/set/${ .b }",
     "a key may not hold an expression", "build the object in one expression: ${ {(.name): 1} }"},
    {"  - a: {set: {x: '${ $contxt.a }'}}\n", "7:19", "/do/0/a/set/x",
     "the variable '$contxt' is not known here",
     "did you mean '$context'? variables here: context, input, task, workflow or runtime"},
    {"  - a: {set: {x: '${ $secrets.key }'}}\n", "7:19", "/do/0/a/set/x",
     "the secret 'key' cannot be passed here: it would become data",
     "pass it in 'with' of a call: http, openapi or agent"},
    {"  - a: {set: {x: '${ \"Bearer \\($secrets.key)\" }'}}\n", "7:19", "/do/0/a/set/x",
     "'$secrets' cannot be read: only the agent that uses a secret sees it",
     "pass it on whole, as one value in 'with' of a call: ${ $secrets.NAME }"},
    {"  - a: {emit: {event: {with: {type: t, data: {x: '${ $secrets.key }'}}}}}\n", "7:51",
     "/do/0/a/emit/event/with/data/x",
     "the secret 'key' cannot be passed here: it would become data",
     "pass it in 'with' of a call: http, openapi or agent"},
    {"  - a: {set: {x: 1}, export: {as: {x: '${ $secrets.key }'}}}\n", "7:40",
     "/do/0/a/export/as/x", "the secret 'key' cannot be passed here: it would become data",
     "pass it in 'with' of a call: http, openapi or agent"},
    {"  - a: {call: agent, with: {agent: x, action: y, input: {k: '${ $secrets.key }'}}}\n", "7:62",
     "/do/0/a/with/input/k", "there is no secret 'key' in 'use.secrets'",
     "add it to 'use.secrets'"},
    {"  - a: {set: {x: '${ $item }'}}\n", "7:19", "/do/0/a/set/x",
     "the variable '$item' is not known here",
     "variables here: context, input, task, workflow or runtime"},
    {"  - a: {set: {x: '${ now }'}}\n", "7:19", "/do/0/a/set/x",
     "not a valid jq expression: 1:2: 'now' is not available: an expression gives the same value "
     "every time; use $workflow.startedAt or $task.startedAt",
     NULL},
    {"  - a: {set: {x: '${ .a + }'}}\n", "7:19", "/do/0/a/set/x",
     "not a valid jq expression: 1:7: a value expected, but the expression ends here", NULL},
    {"  - a: {set: {x: '${ lenght }'}}\n", "7:19", "/do/0/a/set/x",
     "not a valid jq expression: 1:2: unknown function 'lenght' with 0 arguments: did you mean "
     "'length'?",
     NULL},
    {"  - a: {set: {x: '${ dateadd(\"days\"; 1) }'}}\n", "7:19", "/do/0/a/set/x",
     "not a valid jq expression: 1:2: unknown function 'dateadd' with 2 arguments", NULL},
    {"  - a: {set: {x: '${ amount }'}}\n", "7:19", "/do/0/a/set/x",
     "not a valid jq expression: 1:2: unknown function 'amount' with 0 arguments: a field is "
     "'.name'",
     NULL},
    {"  - a: {set: {x: 1}}\n  - b:\n", "8:5", "/do/1/b", "a task must be an object, not null",
     NULL},
    {"  - a: {set: {x: 1}}\n  -\n", "7:3", "/do/1",
     "an item of a task list must be an object, not null", NULL},
    {"  - a: {wait: {minutes: '${ .m }'}}\n", "7:15", "/do/0/a/wait",
     "'wait': 'minutes' must be a whole number that is not negative (a duration that is computed "
     "is a text: ${ \"PT\\(.minutes)M\" })",
     NULL},
    {"  - a: {try: [{b: {wait: PT1S}}], catch: {errors: {with: {detail: x, details: x}}}}\n",
     "7:70", "/do/0/a/catch/errors/with/details",
     "'detail' and 'details' are the same: one of them", NULL},
    {"  - a: {set: {x: 1}, then: b}\n  - bb: {set: {y: 1}}\n", "7:28", "/do/0/a/then",
     "there is no task 'b' in this list", "reachable from here: a, bb, continue, exit or end"},
    {"  - a: {set: {x: 1}, then: 5}\n", "7:28", "/do/0/a/then",
     "'then' must be a text, not a number", "put it in quotes"},
    {"  - a: {set: {x: 1}, output: {as: '${ $output }'}}\n", "7:36", "/do/0/a/output/as",
     "the variable '$output' is not known here",
     "variables here: context, input, task, workflow or runtime"},
    {"  - a: {set: {x: 1}, input: {form: .x}}\n", "7:30", "/do/0/a/input/form",
     "unknown key 'form' in 'input'", "did you mean 'from'? allowed here: schema or from"},
    {"  - a: {set: {x: 1}, input: {schema: {document: {type: strng}}}}\n", "7:49",
     "/do/0/a/input/schema/document",
     "not a valid JSON Schema: #/type: must be null, boolean, integer, number, string, array, "
     "object or a list of them",
     NULL},
    {"  - a: {set: {x: 1}, input: {schema: {resource: {endpoint: 'http://x'}}}}\n", "7:61",
     "/do/0/a/input/schema/resource/endpoint",
     "the schema at 'http://x' is elsewhere, and nothing is fetched when a definition is deployed",
     "put a copy beside the definition, for example endpoint: ./schema.json"},
    {"  - a: {set: {x: 1}, input: {schema: {resource: {endpoint: ./a.json}}}}\n", "7:49",
     "/do/0/a/input/schema/resource", "the schema './a.json' was not given",
     "mainstay deploy reads it, seen from the folder of the definition"},
    {"  - a: {set: {x: 1}, input: {schema: {resource: {endpoint: 'a.json#/b'}}}}\n", "7:61",
     "/do/0/a/input/schema/resource/endpoint", "'a.json#/b' is not the path of a whole file",
     "for example endpoint: ./schema.json"},
    {"  - a: {call: http, with: {method: get, endpoint: {uri: 'http://h/', authentication: "
     "{oauth2: "
     "{authority: 'http://h', grant: password, actor: {token: t, type: y}}}}}}\n",
     "7:136", "/do/0/a/with/endpoint/authentication/oauth2/actor",
     "'actor' goes with a token exchange",
     "write grant: urn:ietf:params:oauth:grant-type:token-exchange"},
    {"  - a: {set: {x: 1}, input: {schema: {document: {}, resource: {endpoint: a}}}}\n", "7:63",
     "/do/0/a/input/schema/resource", "a schema is a 'document' or a 'resource', not both",
     "leave one of them out"},
    {"  - a: {set: {x: 1}, timeout: PT5S}\n", "7:31", "/do/0/a/timeout",
     "a text here is the name of a timeout under 'use.timeouts'", "write {after: PT5S}"},
    {"  - a: {set: {x: 1}, timeout: quick}\n", "7:31", "/do/0/a/timeout",
     "there is no 'quick' under 'use.timeouts'", "nothing is defined there"},
    {"  - a: {set: {x: 1}, timeout: {before: PT5S}}\n", "7:31", "/do/0/a/timeout",
     "a timeout needs 'after'", NULL},
    {"  - a: {call: agent, with: {agent: a, action: b, budget: 1 EUR}}\n", "7:50",
     "/do/0/a/with/budget",
     "'budget' in 'with' of call: agent: what one call costs at most stands in the contract of its "
     "action; budgets stand in document.metadata.mainstay and in the policy",
     NULL},
    {"  - a: {set: {x: 1}, metadata: {mainstay: {shadow: []}}}\n", "7:44",
     "/do/0/a/metadata/mainstay/shadow",
     "'shadow' in metadata.mainstay of a task: shadow mode is not in the profile yet", NULL},
    {"  - a: {wait: 5}\n", "7:15", "/do/0/a/wait",
     "'wait': a duration is a text such as PT30S or an object such as {seconds: 30}", NULL},
    {"  - a: {wait: P1M}\n", "7:15", "/do/0/a/wait",
     "'wait': 'P1M' has years or months, whose length is not fixed: use days", NULL},
    {"  - a: {wait: {secnds: 5}}\n", "7:15", "/do/0/a/wait",
     "'wait': unknown key 'secnds' in a duration: days, hours, minutes, seconds or milliseconds",
     NULL},
    {"  - a: {wait: {seconds: -5}}\n", "7:15", "/do/0/a/wait",
     "'wait': 'seconds' must be a whole number that is not negative", NULL},
    {"  - a: {call: approval, with: {title: t}, timeout: {after: PT5S}}\n", "7:43",
     "/do/0/a/timeout", "an approval has no 'timeout': a person's time is not the process's",
     "write 'deadline' and 'onTimeout' into 'with'"},
    {"  - a: {call: approval, with: {title: t, onTimeout: deny}}\n", "7:42",
     "/do/0/a/with/onTimeout", "'onTimeout' needs a 'deadline'", "add 'deadline'"},
    {"  - a: {listen: {to: {one: {with: {type: t, data: '${ .x | test(\"y\") }'}}}}}\n", "7:52",
     "/do/0/a/listen/to/one/with/data",
     "this expression needs mainstay-jq, which cannot be asked in an event filter: that is decided "
     "at once",
     "filter by what the native evaluator knows, and decide on the rest in a task after it"},
    {"  - a: {try: [], catch: {when: '.x | test(\"y\")'}}\n", "7:33", "/do/0/a/catch/when",
     "this expression needs mainstay-jq, which cannot be asked in a condition of 'catch': that is "
     "decided at once",
     "catch the error, decide in a task of 'catch.do', and raise it again if it was not meant"},
    {"  - a: {call: approval, with: {}}\n", "7:31", "/do/0/a/with",
     "'with' of call: approval needs 'title'", NULL},
    {"  - a: {do: {b: {set: {x: 1}}}}\n", "7:13", "/do/0/a/do",
     "a task list must be an array, not an object", NULL},
    {"  - a: {do: [{b: {set: {x: 1}}, c: {set: {y: 1}}}]}\n", "7:14", "/do/0/a/do/0",
     "an item of a task list has one key, the task's name, not 2",
     "start each task with '- name:'"},
    {"  - end: {set: {x: 1}}\n", "7:5", "/do/0/end",
     "a task may not be called 'end': that is a flow directive", NULL},
    {"  - a: {switch: [{c: {when: .x}}]}\n", "7:22", "/do/0/a/switch/0/c",
     "a case of 'switch' needs 'then'", NULL},
    {"  - a: {switch: [{c: {then: end}}, {d: {then: exit}}]}\n", "7:36", "/do/0/a/switch/1",
     "a switch has one default, this is the second (first at line 7)",
     "give all but one of them a 'when'"},
    {"  - a: {switch: []}\n", "7:17", "/do/0/a/switch", "'switch' needs at least one case", NULL},
    {"  - a: {switch: [{c: {when: .x, then: nowhere}}]}\n", "7:39", "/do/0/a/switch/0/c/then",
     "there is no task 'nowhere' in this list", "reachable from here: a, continue, exit or end"},
    {"  - a: {for: {each: x}, do: [{b: {set: {y: 1}}}]}\n", "7:14", "/do/0/a/for",
     "'for' needs 'in'", NULL},
    {"  - a: {for: {each: context, in: .x}, do: [{b: {set: {y: 1}}}]}\n", "7:21",
     "/do/0/a/for/each", "'each' may not be 'context': that name is taken", NULL},
    {"  - a: {for: {in: .x}}\n", "7:8", "/do/0/a", "a 'for' task needs 'do'", NULL},
    {"  - a: {for: {in: 5}, do: [{b: {set: {y: 1}}}]}\n", "7:19", "/do/0/a/for/in",
     "'in' must be an expression or an array, not a number", NULL},
    {"  - a: {try: [{b: {set: {y: 1}}}]}\n", "7:8", "/do/0/a", "a 'try' task needs 'catch'", NULL},
    {"  - a: {try: [{b: {set: {y: 1}}}], catch: {errors: {type: x}}}\n", "7:52",
     "/do/0/a/catch/errors", "'errors' of catch needs 'with'", NULL},
    {"  - a: {try: [{b: {set: {y: 1}}}], catch: {retry: slow}}\n", "7:51", "/do/0/a/catch/retry",
     "there is no 'slow' under 'use.retries'", "nothing is defined there"},
    {"  - a: {try: [{b: {set: {y: 1}}}], catch: {retry: {limit: {attempt: {count: -1}}}}}\n",
     "7:77", "/do/0/a/catch/retry/limit/attempt/count",
     "'count' must be a whole number from 0 to 1000000", NULL},
    {"  - a: {try: [{b: {set: {y: 1}}}], catch: {retry: {limit: {attempt: {count: 3}}, backoff: "
     "{expo: {}}}}}\n",
     "7:92", "/do/0/a/catch/retry/backoff/expo", "unknown key 'expo' in 'backoff'",
     "allowed here: constant, linear or exponential"},
    {"  - a: {try: [{b: {set: {y: 1}}}], catch: {retry: {limit: {attempt: {count: 3}}, jitter: "
     "{from: PT2S, to: PT1S}}}}\n",
     "7:90", "/do/0/a/catch/retry/jitter", "'from' of a jitter may not be longer than 'to'", NULL},
    {"  - a: {raise: {error: unknown}}\n", "7:24", "/do/0/a/raise/error",
     "there is no 'unknown' under 'use.errors'", "nothing is defined there"},
    {"  - a: {raise: {error: {type: x}}}\n", "7:24", "/do/0/a/raise/error",
     "an error needs 'status'", NULL},
    {"  - a: {raise: {error: {type: x, status: '400'}}}\n", "7:43", "/do/0/a/raise/error/status",
     "'status' must be a whole number from 100 to 599", NULL},
    {"  - a: {raise: {error: {type: x, status: 400, instance: /a}}}\n", "7:47",
     "/do/0/a/raise/error/instance",
     "'instance' in an error: the engine sets it to the place of the task that raised the error",
     NULL},
    {"  - a: {emit: {event: {with: {source: x}}}}\n", "7:30", "/do/0/a/emit/event/with",
     "an event needs 'type'", NULL},
    {"  - a: {emit: {event: {type: x}}}\n", "7:23", "/do/0/a/emit/event", "'event' needs 'with'",
     NULL},
    {"  - a: {emit: {event: {with: {type: t, time: yesterday}}}}\n", "7:46",
     "/do/0/a/emit/event/with/time",
     "'time' of an event: it is an instant such as 2026-01-02T03:04:05Z (RFC 3339)", NULL},
    {"  - a: {emit: {event: {with: {type: t, id: ''}}}}\n", "7:45", "/do/0/a/emit/event/with/id",
     "'id' of an event: it has 1 to 4096 bytes and no control characters", NULL},
    {"  - a: {emit: {event: {with: {type: t, my-key: 1}}}}\n", "7:48",
     "/do/0/a/emit/event/with/my-key",
     "'my-key' of an event: names of attributes are 1 to 64 letters and digits", NULL},
    {"  - a: {emit: {event: {with: {type: t, specversion: '0.3'}}}}\n", "7:54",
     "/do/0/a/emit/event/with/specversion", "'specversion' of an event: it is '1.0'", NULL},
    {"  - a: {listen: {to: {}}}\n", "7:22", "/do/0/a/listen/to",
     "an event strategy needs 'one', 'any' or 'all'", NULL},
    {"  - a: {listen: {to: {one: {with: {}}}}}\n", "7:35", "/do/0/a/listen/to/one/with",
     "'with' of an event filter needs at least one attribute", "use 'any: []' to take every event"},
    {"  - a: {emit: {event: {with: {type: order paid}}}}\n", "7:37", "/do/0/a/emit/event/with/type",
     "the type of an event has 1 to 200 bytes, no spaces and no control characters "
     "(LIMIT_EVENT_TYPE_BYTES)",
     "for example com.example.order.paid"},
    {"  - a: {listen: {to: {one: {with: {type: ''}}}}}\n", "7:43",
     "/do/0/a/listen/to/one/with/type",
     "the type of an event has 1 to 200 bytes, no spaces and no control characters "
     "(LIMIT_EVENT_TYPE_BYTES)",
     "for example com.example.order.paid"},
    {"  - a: {listen: {to: {one: {with: {type: x}}}, read: body}}\n", "7:54", "/do/0/a/listen/read",
     "'read' must be data, envelope or raw, not 'body'", NULL},
    {"  - a: {listen: {to: {one: {with: {type: t}}, until: .x}}}\n", "7:47",
     "/do/0/a/listen/to/until",
     "'until' goes with 'any': 'one' and 'all' say themselves when they are done", NULL},
    {"  - a: {listen: {to: {any: [], until: {any: [], until: .x}}}}\n", "7:49",
     "/do/0/a/listen/to/until/until", "'until' has no 'until' of its own", NULL},
    {"  - a: {listen: {to: {any: [], until: 'test(.x; \"y\")'}}}\n", "7:40",
     "/do/0/a/listen/to/until",
     "this expression needs mainstay-jq, which cannot be asked in 'until': that is decided at once",
     "compute it in a task of 'foreach', export it, and ask for that"},
    {"  - a: {listen: {to: {any: []}}, foreach: {item: x, at: x}}\n", "7:43", "/do/0/a/foreach",
     "'item' and 'at' are both called 'x'", NULL},
    {"  - a: {listen: {to: {any: []}}, foreach: {each: x}}\n", "7:44", "/do/0/a/foreach/each",
     "unknown key 'each' in 'foreach'", "allowed here: item, at, do, output or export"},
    {"  - a: {listen: {to: {one: {with: {data: .x}}}}}\n", "7:42",
     "/do/0/a/listen/to/one/with/data", "'data' of an event filter must be an expression in ${ }",
     "for example data: ${ .total > 100 }"},
    {"  - a: {call: http}\n", "7:8", "/do/0/a", "'call: http' needs 'with'", NULL},
    {"  - a: {call: http, with: {endpoint: 'http://h/'}}\n", "7:27", "/do/0/a/with",
     "'with' of call: http needs 'method'", NULL},
    {"  - a: {call: http, with: {method: get}}\n", "7:27", "/do/0/a/with",
     "'with' of call: http needs 'endpoint'", NULL},
    {"  - a: {call: http, with: {method: TRACE, endpoint: 'http://h/'}}\n", "7:36",
     "/do/0/a/with/method",
     "'method' must be one of GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE, not 'TRACE'", NULL},
    {"  - a: {call: http, with: {method: get, endpoint: 'ftp://h/'}}\n", "7:52",
     "/do/0/a/with/endpoint", "'ftp://h/' is not an http or https URI",
     "for example https://api.example.org/pets/{petId}"},
    {"  - a: {call: http, with: {method: get, endpoint: 'http://h/{a.b}'}}\n", "7:52",
     "/do/0/a/with/endpoint",
     "a URI template takes {name} of a property of the task's input, at most 32 times",
     "for anything else write an expression: ${ \"https://host/\\(.a.b)\" }"},
    {"  - a: {call: http, with: {method: get, endpoint: 'http://h/', body: x}}\n", "7:64",
     "/do/0/a/with/body", "a GET request has no body", NULL},
    {"  - a: {call: http, with: {method: get, endpoint: 'http://h/', query: x}}\n", "7:71",
     "/do/0/a/with/query", "'query' must be an object or an expression that gives one, not a text",
     NULL},
    {"  - a: {call: http, with: {method: get, endpoint: 'http://h/', output: json}}\n", "7:72",
     "/do/0/a/with/output", "'output' must be raw, content or response, not 'json'", NULL},
    {"  - a: {call: http, with: {method: get, endpoint: {uri: 'http://h/', authentication: {}}}}\n",
     "7:86", "/do/0/a/with/endpoint/authentication",
     "'authentication' takes exactly one of use, basic, bearer, digest, oauth2 or oidc", NULL},
    {"  - a: {call: openapi, with: {operationId: x}}\n", "7:30", "/do/0/a/with",
     "'with' of call: openapi needs 'document'", NULL},
    {"  - a: {call: openapi, with: {document: {endpoint: 'file:///x'}, operationId: x}}\n", "7:53",
     "/do/0/a/with/document/endpoint", "'file:///x' is not an http or https URI",
     "for example https://api.example.org/pets/{petId}"},
    {"  - a: {call: agnt, with: {}}\n", "7:15", "/do/0/a/call", "there is no function 'agnt'",
     "did you mean 'agent'?"},
    {"  - a: {call: agent}\n", "7:8", "/do/0/a", "'call: agent' needs 'with'", NULL},
    {"  - a: {call: agent, with: {agent: x, action: 'a.b'}}\n", "7:48", "/do/0/a/with/action",
     "'action' must be 1 to 64 letters, digits, '_' or '-', not 'a.b'", NULL},
    {"  - a: {call: agent, with: {agent: x, action: y, contract: latest}}\n", "7:60",
     "/do/0/a/with/contract", "'latest' is not a contract version or range",
     "for example '1.3' (1.x from 1.3) or '>=1.2 <2'"},
    {"  - a: {call: agent, with: {agent: x, action: y, minConfidence: 2}}\n", "7:65",
     "/do/0/a/with/minConfidence", "'minConfidence' must be a number from 0 to 1", NULL},
    {"  - a: {call: agent, with: {agent: x, action: y, priority: 10}}\n", "7:60",
     "/do/0/a/with/priority", "'priority' must be a whole number from 1 to 5", NULL},
    {"  - a: {call: agent, with: {agent: x, action: y, lock: z}}\n", "7:56", "/do/0/a/with/lock",
     "'lock' must be an object, not a text", NULL},
    {"  - a: {call: agent, with: {agent: x, action: y, lock: {entity: e}}}\n", "7:56",
     "/do/0/a/with/lock", "'lock' needs 'ttl'", NULL},
    {"  - a: {call: y@x, with: {lock: {entity: e, ttl: PT0S}}}\n", "7:50", "/do/0/a/with/lock/ttl",
     "'ttl' must be longer than nothing and at most ten years: a lease that never ends would keep "
     "all others out",
     "for example PT10M"},
    {"  - a: {call: y@x, with: {lock: {entity: 7, ttl: PT1M}}}\n", "7:42",
     "/do/0/a/with/lock/entity",
     "'entity' must be a text or an expression that gives one, not a number",
     "for example ${ \"invoice/\" + .invoice }"},
    {"  - a: {call: y@x, with: {lock: {entity: e, ttl: PT1M, waits: 1}}}\n", "7:56",
     "/do/0/a/with/lock/waits", "unknown key 'waits' in 'lock'", "allowed here: entity or ttl"},
    {"  - a: {call: lock, with: {entity: e, ttl: PT1M}}\n", "7:27", "/do/0/a/with",
     "'with' of call: lock needs 'do'", NULL},
    {"  - a: {call: lock, with: {entity: e, ttl: soon, do: [{b: {set: {x: 1}}}]}}\n", "7:44",
     "/do/0/a/with/ttl",
     "'ttl': 'soon' is not a duration such as PT30S, PT1.5S, P1DT2H or P2W (days, hours, minutes, "
     "seconds down to milliseconds)",
     NULL},
    {"  - a: {call: agent, with: {agent: x, action: y, inptu: 1}}\n", "7:50", "/do/0/a/with/inptu",
     "unknown key 'inptu' in 'with' of call: agent",
     "did you mean 'input'? allowed here: agent, action, contract, input, idempotencyKey, "
     "minConfidence, priority, compensate or lock"},
    {"  - a: {call: agent, with: {agent: x, action: y, compensate: true}}\n", "7:62",
     "/do/0/a/with/compensate",
     "'compensate' must be an object with 'action' or 'input', or false when the effect stays, not "
     "a boolean",
     "for example 'compensate: {action: unpost, input: ${ {posting: .id} }}'"},
    {"  - a: {call: 'match:one@rec'}\n", "7:16", "/do/0/a/call",
     "'one' is not a contract version or range", "for example '1.3' (1.x from 1.3) or '>=1.2 <2'"},
    {"  - a: {fork: {branches: []}}\n", "7:26", "/do/0/a/fork/branches",
     "a fork has 1 to 64 branches (LIMIT_FORK_BRANCHES), not 0", NULL},
    {"  - a: {fork: {}}\n", "7:15", "/do/0/a/fork", "'fork' needs 'branches'", NULL},
    {"  - a: {fork: {compete: 1, branches: [{b: {set: {x: 1}}}]}}\n", "7:25",
     "/do/0/a/fork/compete", "'compete' must be true or false, not a number", NULL},
    {"  - a: {fork: {branches: [{b: {set: {x: 1}}}, {b: {set: {x: 1}}}]}}\n", "7:48",
     "/do/0/a/fork/branches/1/b", "the task name 'b' is in this list twice (first at line 7)",
     "give each task of a list its own name"},
    {"  - a: {fork: {branches: [{b: {set: {x: 1}, then: c}}, {c: {set: {x: 1}}}]}}\n", "7:51",
     "/do/0/a/fork/branches/0/b/then", "a branch is one task: 'then' has no list to jump in",
     "wrap the branch's tasks in 'do'"},
    {"  - a: {run: {container: {image: x}}}\n", "7:15", "/do/0/a/run/container",
     "'run: container' cannot run: there is nothing here that starts containers; make it an action "
     "of an agent",
     NULL},
    {"  - a: {run: {shell: {command: ls}, await: false}}\n", "7:44", "/do/0/a/run/await",
     "a program is always waited for: its effect must be accounted for", "leave it out"},
    {"  - a: {run: {script: {language: js, source: {endpoint: x}}}}\n", "7:38",
     "/do/0/a/run/script/source",
     "'source' in 'script' of run: nothing is fetched when a definition is deployed: put the text "
     "under 'code'",
     NULL},
    {"  - a: {run: {workflow: {namespace: x, name: '${ .n }'}}}\n", "7:47",
     "/do/0/a/run/workflow/name", "'name' must be a fixed text, not an expression", NULL},
    {"  - a: {run: {workflow: {namespace: x, name: y, version: '1'}}}\n", "7:59",
     "/do/0/a/run/workflow/version", "'version' must be a version like 1.0.0 or 'latest', not '1'",
     "leave it out to run the newest version in service"},
    {"  - a: {run: {workflow: {name: y}}}\n", "7:25", "/do/0/a/run/workflow",
     "'workflow' of run needs 'namespace'", NULL},
    {"  - a: {run: {await: no, workflow: {namespace: x, name: y}}}\n", "7:22", "/do/0/a/run/await",
     "'await' must be true or false, not a text", NULL},
    {"  - a: &x {set: {y: 1}}\n", "7:9", "", "anchors are not allowed", "write the value out"},
    {"  - a: {set: *x}\n", "7:15", "", "aliases are not allowed", "write the value out"},
    {"  - a: {set: !!str {y: 1}}\n", "7:14", "", "tags are not allowed", "remove the tag"},
    {"  - a: {set: {y: 1, y: 2}}\n", "7:21", "", "the key 'y' is here twice", NULL},
    {"  - a: {set: {y: 0x1F}}\n", "7:18", "",
     "'0x1F' is a number to some YAML readers and text to others",
     "write it as JSON does, or in quotes as text"},
    {"  - a: {set: {y: 12345678901234567890}}\n", "7:18", "",
     "the number 12345678901234567890 cannot be kept exactly",
     "put the number in quotes to keep it as text"},
    {"  - a: {set: {<<: {y: 1}}}\n", "7:15", "", "merge keys are not allowed",
     "write the members out"},
    {"  - a: {set: {y: 1}\n", "8:1", "", "not valid YAML: missing comma in flow mapping", NULL},
};
static void check_wrong(const struct wrong *wrong)
{
    char *text = with_head(wrong->body);
    struct plan *plan;
    struct plan_report report;
    char place[32];
    cr_expect_eq(plan_load(text, strlen(text), &plan, &report), ERR_INVALID, "%s", wrong->body);
    cr_expect_null(plan);
    cr_assert_gt(report.count, 0, "%s", wrong->body);
    snprintf(place, sizeof(place), "%u:%u", report.problems[0].line, report.problems[0].column);
    cr_expect_str_eq(place, wrong->place, "%s at %s", wrong->body, place);
    cr_expect_str_eq(report.problems[0].pointer, wrong->pointer, "%s", wrong->body);
    cr_expect_str_eq(report.problems[0].message, wrong->message, "%s", wrong->body);
    cr_expect(text_equal(report.problems[0].hint, wrong->hint), "%s\n%s", wrong->body,
              report.problems[0].hint);
    plan_report_release(&report);
    free(text);
}

Test(problems, each_is_told_with_its_place_and_what_to_do)
{
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        check_wrong(&WRONG[i]);
    }
}

Test(problems, of_schedules)
{
    static const struct {
        const char *metadata;
        const char *schedule;
        const char *message;
    } wrong[] = {
        {"", "{}", "'schedule' needs 'every', 'cron', 'after' or 'on'"},
        {"", "{every: PT1S, after: PT1S}", "one of 'every', 'cron' and 'after', not several"},
        {"", "{every: PT0.9S}", "'every' takes from one second to ten years"},
        {"", "{after: PT0S}", "'after' takes from one millisecond to ten years"},
        {"", "{every: '${ .x }'}", "'every' must be a fixed duration, not an expression"},
        {"", "{cron: 0 25 * * *}", "'cron': the hour takes 0 to 23"},
        {"", "{cron: '@daily'}",
         "'cron': a cron expression has five fields: minute, hour, day of the month, month and day "
         "of the week"},
        {"", "{cron: CRON_TZ=UTC 0 0 * * *}",
         "the time zone of 'cron' stands in the document's metadata"},
        {"", "{every: PT1S, read: raw}", "'read' says how events are read: it needs 'on'"},
        {"", "{on: {one: {with: {type: a}, correlate: {k: {from: .data}}}}}",
         "an event that starts an instance alone has nothing to be correlated with"},
        {"", "{on: {one: {with: {type: a}}, until: .x}}",
         "'until' goes with 'any': 'one' and 'all' say themselves when they are done"},
        {"", "{on: {all: [{with: {type: a}, correlate: {k: {from: .data}}}, {with: {type: b}}]}}",
         "it is not said which events belong together: 'k' is not correlated by all of them"},
        {"", "{on: {all: [{with: {type: a}}, {with: {type: b}, correlate: {k: {from: .data}}}]}}",
         "it is not said which events belong together: 'k' is not correlated by all of them"},
        {"",
         "{on: {any: [{with: {type: a}, correlate: {k: {from: .data}}}], until: {one: {with: "
         "{type: "
         "b}, correlate: {k: {from: .data, expect: 1}}}}}}",
         "it is not said which events belong together: 'k' is not correlated by all of them"},
        {"", "{on: {any: [], until: {one: {with: {type: b}, correlate: {k: {from: .data}}}}}}",
         "it is not said which events belong together: 'k' is not correlated by all of them"},
        {"", "{on: {any: [{with: {type: a}}], until: {}}}",
         "an event strategy needs 'one', 'any' or 'all'"},
        {"", "{on: {any: [{with: {type: a}}], until: $context.n}}",
         "the variable '$context' is not known here"},
        {"timezone: Mars/Base One", "{cron: 0 0 * * *}",
         "'timezone' must be a name of the IANA time zone database, not 'Mars/Base One'"},
        {"timezone: Europe/Berlin", "{every: P1D}",
         "'timezone' is that of 'schedule.cron', which is not there"},
        {"budget: {day: 5}", "{every: P1D}", "'day' must be a text, not a number"},
        {"budget: {instance: -5 EUR}", "{every: P1D}",
         "'instance': '-5 EUR' is not an amount and its currency, for example 5.00 EUR"},
        {"budget: {instance: 5 EUR, day: 9 USD}", "{every: P1D}",
         "'day' is in USD and 'instance' in EUR: nothing here changes money"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text),
                 "document: {dsl: 1.0.3, namespace: t, name: x, version: 1.0.0,\n"
                 "  metadata: {mainstay: {%s}}}\n"
                 "schedule: %s\n"
                 "do: [{a: {set: {b: 1}}}]\n",
                 wrong[i].metadata, wrong[i].schedule);
        struct plan *plan = NULL;
        struct plan_report report;
        cr_expect_eq(plan_load(text, strlen(text), &plan, &report), ERR_INVALID, "%s",
                     wrong[i].schedule);
        cr_assert_eq(report.count, 1, "%s: %zu problems", wrong[i].schedule, report.count);
        cr_expect_str_eq(report.problems[0].message, wrong[i].message, "%s: %s", wrong[i].schedule,
                         report.problems[0].message);
        plan_report_release(&report);
        plan_destroy(&plan);
    }
}

Test(problems, all_are_told_at_once_in_order)
{
    static const char text[] = "document: {dsl: '2.0.0', namespace: a b, name: x, versoin: 1}\n"
                               "use: {secrets: [a], retries: {r: {dealy: PT1S}}}\n"
                               "schedule: {cron: '* * * *'}\n"
                               "timeuot: PT1S\n"
                               "do:\n"
                               "  - a: {sett: 1}\n"
                               "  - a: {wait: 3}\n";
    struct plan *plan;
    struct plan_report report;
    cr_expect_eq(plan_load(text, sizeof(text) - 1, &plan, &report), ERR_INVALID);
    cr_expect_geq(report.count, 9);
    for (size_t i = 1; i < report.count; i++) {
        cr_expect_leq(report.problems[i - 1].line, report.problems[i].line);
    }
    plan_report_release(&report);
}

Test(problems, stop_at_a_hundred)
{
    static char body[16384];
    size_t used = 0;
    for (int i = 0; i < 300; i++) {
        used += (size_t)snprintf(body + used, sizeof(body) - used, "  - t%d: {sett: 1}\n", i);
    }
    char *text = with_head(body);
    struct plan *plan;
    struct plan_report report;
    cr_expect_eq(plan_load(text, strlen(text), &plan, &report), ERR_INVALID);
    cr_expect_eq(report.count, 100);
    plan_report_release(&report);
    free(text);
}

Test(problems, a_type_that_looks_like_a_pattern_is_a_warning)
{
    char *text = with_head("  - a: {listen: {to: {any: [{with: {type: 'a.*'}}, "
                           "{with: {type: a.b}}]}}}\n"
                           "  - b: {listen: {to: {one: {with: {type: 'a.>'}}}}}\n");
    struct plan *plan;
    struct plan_report report;
    cr_expect_eq(plan_load(text, strlen(text), &plan, &report), ERR_OK);
    cr_assert_eq(report.warning_count, 2);
    cr_expect_str_eq(report.warnings[0].message,
                     "'a.*' is no pattern: only an event of exactly this type fits");
    cr_expect_eq(report.warnings[0].line, 7);
    cr_expect_eq(report.warnings[1].line, 8);
    plan_destroy(&plan);
    plan_report_release(&report);
    free(text);
}

Test(problems, an_expression_for_the_child_and_a_hot_loop_are_warnings)
{
    char *text = with_head("  - a: {set: {x: '${ test(\"a\") }'}}\n"
                           "  - b: {set: {y: 1}, then: a}\n");
    struct plan *plan;
    struct plan_report report;
    cr_expect_eq(plan_load(text, strlen(text), &plan, &report), ERR_OK);
    cr_assert_eq(report.warning_count, 2);
    cr_expect_eq(report.warnings[0].line, 7);
    cr_expect_eq(report.warnings[1].line, 8);
    cr_expect_eq(plan->external_count, 1);
    plan_destroy(&plan);
    plan_report_release(&report);
    free(text);
}
