Feature: Flow
  Which task comes next: order, `then`, `if`, blocks.

  Scenario: Tasks run in the order they are written
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - one: {set: {seen: [one]}}
        - two: {set: {seen: '${ .seen + ["two"] }'}}
        - three: {set: {seen: '${ .seen + ["three"] }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      seen: [one, two, three]
      """
    And one should run first
    And two should run before three
    And three should run last

  Scenario: The output of a block is that of its last task
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - outer:
            do:
              - a: {set: {n: 1}}
              - b: {set: {n: '${ .n + 1 }'}}
        - after: {set: {n: '${ .n * 10 }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 20
      """
    And outer should run before a
    And outer should complete with output:
      """yaml
      n: 2
      """

  Scenario: A block without tasks passes its input on
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - nothing: {do: []}
      """
    And given the workflow input is:
      """yaml
      kept: true
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      kept: true
      """

  Scenario: continue goes on with the next task
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - a: {set: {n: 1}, then: continue}
        - b: {set: {n: '${ .n + 1 }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 2
      """

  Scenario: exit leaves the list it stands in, and no more
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - block:
            do:
              - inner: {set: {n: 1}, then: exit}
              - never: {set: {n: 2}}
        - after: {set: {n: '${ .n + 10 }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 11
      """
    And never should not run
    And after should run last

  Scenario: exit in the top list ends the workflow
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - a: {set: {n: 1}, then: exit}
        - never: {set: {n: 2}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """
    And never should not run

  Scenario: end leaves everything and is no error
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - block:
            do:
              - deep:
                  do:
                    - inner: {set: {n: 1}, then: end}
              - never: {set: {n: 2}}
        - neither: {set: {n: 3}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """
    And never should not run
    And neither should not run

  Scenario: A task name jumps forwards
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - a: {set: {n: 1}, then: c}
        - b: {set: {n: 2}}
        - c: {set: {n: '${ .n + 10 }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 11
      """
    And b should not run

  Scenario: A task name jumps backwards, and a task may run again
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - begin: {set: {n: 0}}
        - count: {set: {n: '${ .n + 1 }'}}
        - again:
            switch:
              - more: {when: .n < 3, then: count}
              - enough: {then: end}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 3
      """
    And count should run 3 times

  Scenario: A jump back without a pause is a warning
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - count: {set: {n: 1}}
        - again: {set: {n: 2}, then: count}
      """
    Then the definition is accepted with warnings:
      """
      4:32: this goes back to 'count' without a wait, a call or an event on the way
      """

  Scenario: A jump may not leave its list
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - block:
            do:
              - a: {set: {n: 1}, then: outside}
        - outside: {set: {n: 2}}
      """
    Then the definition is refused with:
      """
      5:34: there is no task 'outside' in this list
      """

  Scenario: A name may be used once in a list, and again in another
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - same: {set: {n: 1}}
        - same: {set: {n: 2}}
        - block:
            do:
              - same: {set: {n: 3}}
      """
    Then the definition is refused with:
      """
      4:5: the task name 'same' is in this list twice (first at line 3)
      """

  Scenario Outline: A directive is no task name
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - <name>: {set: {n: 1}}
      """
    Then the definition is refused with:
      """
      3:5: a task may not be called '<name>'
      """

    Examples:
      | name     |
      | continue |
      | exit     |
      | end      |

  Scenario: then of a block applies when it is left
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - block:
            do:
              - a: {set: {n: 1}, then: exit}
              - b: {set: {n: 2}}
            then: last
        - skipped: {set: {n: 3}}
        - last: {set: {n: '${ .n + 100 }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 101
      """
    And skipped should not run

  # ---- if ----

  Scenario Outline: if runs a task whose condition is true in the sense of jq
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - maybe: {if: .flag, set: {ran: true}}
      """
    And given the workflow input is:
      """yaml
      flag: <flag>
      """
    When the workflow is executed
    Then maybe should <verdict>

    Examples:
      | flag  | verdict    |
      | true  | complete   |
      | 0     | complete   |
      | ''    | complete   |
      | []    | complete   |
      | false | be skipped |
      | null  | be skipped |

  Scenario: A skipped task passes its raw input on
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - maybe:
            if: ${ .n > 1 }
            input: {from: .inner}
            set: {ran: true}
            output: {as: '{shaped: .}'}
      """
    And given the workflow input is:
      """yaml
      {n: 1, inner: {deep: true}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {n: 1, inner: {deep: true}}
      """
    And maybe should be skipped
    And maybe should not run

  Scenario: then of a skipped task is ignored
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - maybe: {if: 'false', set: {n: 1}, then: end}
        - next: {set: {n: 2}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 2
      """

  Scenario: if sees the context
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - keep: {set: {n: 5}, export: {as: '{limit: .n}'}}
        - maybe: {if: '$context.limit > 4', set: {above: true}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      above: true
      """

  # ---- names in tasks ----

  Scenario: Task names may hold what JSON pointers escape
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - a/b~c: {raise: {error: {type: 'urn:own:x', status: 500}}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      instance: /do/0/a~1b~0c
      """
    And a/b~c should fault

  Scenario: A definition needs tasks
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      """
    Then the definition is refused with:
      """
      1:1: needs 'do'
      """

  Scenario: A loop without end stops at the limit of steps
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: flow, version: '1.0.0'}
      do:
        - a: {set: {n: 1}}
        - b: {set: {n: 2}, then: a}
      """
    When the workflow is executed
    Then the workflow should fault with error matching:
      """yaml
      type: runtime
      status: '500'
      title: the instance passed its limit of steps
      """
