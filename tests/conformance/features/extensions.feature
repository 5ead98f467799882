Feature: Extensions
  What stands before and after tasks of a kind.

  Scenario: Before and after leave the data alone
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: extensions, version: '1.0.0'}
      use:
        extensions:
          - audit:
              extend: set
              before:
                - begin: {set: {lost: true}}
              after:
                - finish: {set: {given: '${ .m }'}, export: {as: .given}}
      output: {as: '{m: .m, kept: $context}'}
      do:
        - one: {set: {m: '${ .n + 1 }'}}
      """
    And given the workflow input is:
      """yaml
      n: 1
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {m: 2, kept: 2}
      """
    And begin should run before one
    And finish should run after one

  Scenario: exit in before stands for the task
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: extensions, version: '1.0.0'}
      use:
        extensions:
          - mock:
              extend: call
              when: $task.with.agent == "payments"
              before:
                - answer: {set: {mocked: '${ $task.name }'}, then: exit}
              after:
                - never: {set: {n: 1}}
      do:
        - pay: {call: agent, with: {agent: payments, action: pay}}
        - echo: {call: agent, with: {agent: tester, action: echo}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      mocked: pay
      """
    And pay should not run
    And echo should complete

  Scenario Outline: An extension reaches the tasks of its kind
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: extensions, version: '1.0.0'}
      use:
        extensions:
          - count:
              extend: <kind>
              before:
                - tick: {set: {x: 1}, export: {as: '${ {n: ($context.n + 1)} }'}}
      output: {as: $context.n}
      do:
        - a: {set: {n: 1}}
        - b: {do: [{c: {set: {n: 2}}}]}
        - d: {wait: {milliseconds: 1}}
        - e: {switch: [{only: {then: continue}}]}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      <count>
      """

    Examples:
      | kind      | count |
      | set       | 2     |
      | wait      | 1     |
      | switch    | 1     |
      | composite | 1     |
      | all       | 5     |

  Scenario: Several extensions stand around each other
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: extensions, version: '1.0.0'}
      use:
        extensions:
          - outer: {extend: set, before: [{outerBefore: {set: {x: 1}}}], after: [{outerAfter: {set: {x: 1}}}]}
          - inner: {extend: set, before: [{innerBefore: {set: {x: 1}}}], after: [{innerAfter: {set: {x: 1}}}]}
      do:
        - one: {set: {n: 1}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """
    And outerBefore should run before innerBefore
    And innerBefore should run before one
    And innerAfter should run before outerAfter

  Scenario: A skipped task is not extended, a failed one has no after
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: extensions, version: '1.0.0'}
      use:
        extensions:
          - audit: {extend: raise, before: [{begin: {set: {x: 1}}}], after: [{never: {set: {x: 1}}}]}
      do:
        - skipped: {if: 'false', raise: {error: {type: 'urn:own:a', status: 500}}}
        - attempt:
            try:
              - failed: {raise: {error: {type: 'urn:own:b', status: 500}}}
            catch: {}
      """
    When the workflow is executed
    Then begin should run 1 time
    And never should not run

  Scenario: $task describes the extended task, with its output after it
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: extensions, version: '1.0.0'}
      use:
        extensions:
          - audit:
              extend: set
              after:
                - note: {set: {x: 1}, export: {as: '${ {name: $task.name, output: $task.output} }'}}
      output: {as: $context}
      do:
        - one: {set: {n: 1}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {name: one, output: {n: 1}}
      """

  Scenario: An extension is checked even when it extends nothing
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: extensions, version: '1.0.0'}
      use:
        extensions:
          - audit: {extend: wait, before: [{a: {sett: {x: 1}}}]}
      do:
        - one: {set: {n: 1}}
      """
    Then the definition is refused with:
      """
      4:43: did you mean 'set'?
      """

  Scenario Outline: fork and do are called composite
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: extensions, version: '1.0.0'}
      use:
        extensions:
          - audit: {extend: <kind>, before: [{a: {set: {x: 1}}}]}
      do:
        - one: {set: {n: 1}}
      """
    Then the definition is refused with:
      """
      4:23: 'extend' must be call, composite,
      """

    Examples:
      | kind |
      | do   |
      | fork |

  Scenario: after stands on every way out of a switch
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: extensions, version: '1.0.0'}
      use:
        extensions:
          - audit: {extend: switch, after: [{note: {set: {x: 1}, export: {as: '${ {seen: true} }'}}}]}
      output: {as: '{is, seen: $context.seen}'}
      do:
        - where: {switch: [{big: {when: .n > 10, then: large}}, {rest: {then: end}}]}
        - between: {set: {is: between}}
        - large: {set: {is: large}}
      """
    And given the workflow input is:
      """yaml
      n: 11
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {is: large, seen: true}
      """

  Scenario: An extension does not see variables around the task
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: extensions, version: '1.0.0'}
      use:
        extensions:
          - audit: {extend: set, before: [{a: {set: {x: '${ $item }'}}}]}
      do:
        - each: {for: {in: '[1]'}, do: [{one: {set: {n: 1}}}]}
      """
    Then the definition is refused with:
      """
      4:52: the variable '$item' is not known here
      """
