Feature: Definitions
  How a text is read, what is refused, and what versions mean.

  Scenario: Plain scalars resolve as in JSON
    Given a workflow with definition:
      """yaml
      document: {dsl: 1.0.3, namespace: own, name: text, version: 1.0.0}
      do:
        - look:
            set: {a: yes, b: on, c: NO, d: 0123, e: 1.0.3, f: 2024-01-01, g: true, h: null, i: 1e3, j: -0.5}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """json
      {"a": "yes", "b": "on", "c": "NO", "d": "0123", "e": "1.0.3", "f": "2024-01-01", "g": true, "h": null, "i": 1000, "j": -0.5}
      """

  Scenario: A definition may be JSON
    Given a workflow with definition:
      """json
      {
        "document": {"dsl": "1.0.3", "namespace": "own", "name": "text", "version": "1.0.0"},
        "do": [{"look": {"set": {"n": "${ 1 + 1 }"}}}]
      }
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """json
      {"n": 2}
      """

  Scenario Outline: What readers of YAML disagree about is refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: text, version: '1.0.0'}
      do:
        - look: {set: <value>}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | value                      | problem                                                    |
      | {n: 0x1F}                  | 3:21: '0x1F' is a number to some YAML readers              |
      | {n: 0o17}                  | 3:21: '0o17' is a number to some YAML readers              |
      | {n: +1}                    | 3:21: '+1' is a number to some YAML readers                |
      | {n: .5}                    | 3:21: '.5' is a number to some YAML readers                |
      | {n: .inf}                  | 3:21: '.inf' is a number to some YAML readers              |
      | {n: 12345678901234567890}  | 3:21: cannot be kept exactly                               |
      | &x {n: 1}                  | 3:18: anchors are not allowed                              |
      | *x                         | 3:18: aliases are not allowed                              |
      | !!map {n: 1}               | 3:17: tags are not allowed                                 |
      | {<<: {n: 1}}               | 3:18: merge keys are not allowed                           |
      | {n: 1, n: 2}               | 3:24: the key 'n' is here twice                            |

  Scenario: A text holds one document
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: text, version: '1.0.0'}
      do:
        - look: {set: {n: 1}}
      ---
      more: 1
      """
    Then the definition is refused with:
      """
      4:1: document
      """

  Scenario: All problems are told at once, in order
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: text, version: '1.0.0'}
      timeuot: {after: PT1S}
      do:
        - a: {sett: {n: 1}}
        - a: {wait: 5}
      """
    Then the definition is refused with:
      """
      2:1: did you mean 'timeout'?
      4:9: did you mean 'set'?
      5:5: the task name 'a' is in this list twice
      5:15: a duration is a text
      """

  Scenario Outline: The head of a definition is checked
    Given a workflow with definition:
      """yaml
      document: {<head>}
      do:
        - a: {set: {n: 1}}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | head                                                        | problem                                    |
      | dsl: '2.0.0', namespace: own, name: a, version: '1.0.0'     | 1:18: version '2.0.0' is not known                      |
      | dsl: '0.9', namespace: own, name: a, version: '1.0.0'       | 1:18: version '0.9' is not known                      |
      | dsl: '1.0.3', namespace: a b, name: a, version: '1.0.0'     | 1:37: 'namespace'                          |
      | dsl: '1.0.3', namespace: own, name: a_b, version: '1.0.0'   | 1:48: 'name'                               |
      | dsl: '1.0.3', namespace: own, name: a, version: '1.0'       | 1:61: 'version'                            |
      | dsl: '1.0.3', namespace: own, name: a                       | 1:11: needs 'version'                      |
      | dsl: '1.0.3', namespace: own, name: a, version: '1.0.0', x: 1 | 1:69: unknown key 'x'                    |

  Scenario Outline: Every released version of the language is accepted
    Given a workflow with definition:
      """yaml
      document: {dsl: '<dsl>', namespace: own, name: text, version: '1.0.0'}
      do:
        - a: {set: {n: 1}}
      """
    When the workflow is executed
    Then the workflow should complete

    Examples:
      | dsl   |
      | 1.0.0 |
      | 1.0.1 |
      | 1.0.2 |
      | 1.0.3 |

  Scenario Outline: A task has one verb, and nothing unknown
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: text, version: '1.0.0'}
      do:
        - a: {<task>}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | task                              | problem                                                     |
      | set: {n: 1}, call: agent          | 3:22: a task has one verb, this one has 'set' and 'call'    |
      | set: {n: 1}, iff: .x              | 3:22: did you mean 'if'?                                    |
      | if: .x                            | 3:8: a task needs one of call, do,                                                   |
      | set: {n: 1}, idempotencyKey: x    | 3:22: unknown key 'idempotencyKey'                          |

  Scenario Outline: Calls of other protocols are refused by name
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: text, version: '1.0.0'}
      do:
        - a: {call: <call>, with: {}}
      """
    Then the definition is refused with:
      """
      3:15: 'call: <call>' cannot run
      """

    Examples:
      | call     |
      | grpc     |
      | asyncapi |
      | a2a      |
      | mcp      |

  Scenario: Loose evaluation is refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: text, version: '1.0.0'}
      evaluate: {language: jq, mode: loose}
      do:
        - a: {set: {n: 1}}
      """
    Then the definition is refused with:
      """
      2:32: loose
      """

  Scenario: Strict evaluation by jq is what there is
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: text, version: '1.0.0'}
      evaluate: {language: jq, mode: strict}
      do:
        - a: {set: {n: 1}}
      """
    When the workflow is executed
    Then the workflow should complete

  Scenario: Our metadata is checked, other metadata is free
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: text, version: '1.0.0', metadata: {mainstay: {priorty: 1}, other: {priorty: 1}}}
      do:
        - a: {set: {n: 1}}
      """
    Then the definition is refused with:
      """
      1:94: did you mean 'priority'?
      """

  Scenario: A priority is a hint and changes no result
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: text, version: '1.0.0', metadata: {mainstay: {priority: 1, fairness: {key: .n, weight: 2}}}}
      do:
        - a: {call: echo@tester, with: {input: {n: 1}, priority: 5}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """
