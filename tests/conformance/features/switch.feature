Feature: Switch
  The first case that holds decides where to go; data passes through unchanged.

  Scenario Outline: The first case that holds wins, in the order written
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: switch, version: '1.0.0'}
      do:
        - size:
            switch:
              - huge: {when: .n > 100, then: big}
              - large: {when: .n > 10, then: middle}
              - rest: {then: small}
        - big: {set: {is: big}, then: end}
        - middle: {set: {is: middle}, then: end}
        - small: {set: {is: small}, then: end}
      """
    And given the workflow input is:
      """yaml
      n: <n>
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      is: <is>
      """
    And size should run first
    And <is> should run last

    Examples:
      | n   | is     |
      | 500 | big    |
      | 50  | middle |
      | 5   | small  |

  Scenario: The default may stand anywhere and is taken last
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: switch, version: '1.0.0'}
      do:
        - where:
            switch:
              - otherwise: {then: other}
              - match: {when: .yes, then: matched}
        - other: {set: {is: other}, then: end}
        - matched: {set: {is: matched}}
      """
    And given the workflow input is:
      """yaml
      yes: true
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      is: matched
      """

  Scenario: Without a case that holds the task's own then decides
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: switch, version: '1.0.0'}
      do:
        - where:
            switch:
              - match: {when: .yes, then: skipped}
            then: last
        - skipped: {set: {is: skipped}}
        - last: {set: {is: last}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      is: last
      """
    And skipped should not run

  Scenario: Without a case that holds and without then the next task runs
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: switch, version: '1.0.0'}
      do:
        - where:
            switch:
              - match: {when: .yes, then: end}
        - next: {set: {is: next}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      is: next
      """

  Scenario: The output of a switch is its input
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: switch, version: '1.0.0'}
      do:
        - where:
            switch:
              - all: {then: continue}
      """
    And given the workflow input is:
      """yaml
      kept: [1, 2]
      """
    When the workflow is executed
    Then where should complete with output:
      """yaml
      kept: [1, 2]
      """

  Scenario: Cases see the transformed input, and the output can be shaped
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: switch, version: '1.0.0'}
      do:
        - where:
            input: {from: .inner}
            switch:
              - match: {when: .n == 1, then: end}
            output: {as: '{n: (.n + 1)}'}
        - never: {set: {is: never}}
      """
    And given the workflow input is:
      """yaml
      inner: {n: 1}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 2
      """

  Scenario: A case may leave the enclosing list
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: switch, version: '1.0.0'}
      do:
        - block:
            do:
              - where:
                  switch:
                    - out: {when: .n > 0, then: exit}
              - never: {set: {n: 0}}
        - after: {set: {n: '${ .n + 1 }'}}
      """
    And given the workflow input is:
      """yaml
      n: 1
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 2
      """

  Scenario: A condition that fails is an error of the switch
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: switch, version: '1.0.0'}
      do:
        - where:
            switch:
              - bad: {when: .n.deep > 1, then: end}
              - rest: {then: end}
      """
    And given the workflow input is:
      """yaml
      n: 5
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
      status: 400
      instance: /do/0/where
      """

  Scenario: A switch has one default
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: switch, version: '1.0.0'}
      do:
        - where:
            switch:
              - one: {then: end}
              - two: {then: exit}
      """
    Then the definition is refused with:
      """
      6:11: a switch has one default, this is the second (first at line 5)
      """

  Scenario: A case says where to go
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: switch, version: '1.0.0'}
      do:
        - where:
            switch:
              - one: {when: .n}
      """
    Then the definition is refused with:
      """
      5:16: a case of 'switch' needs 'then'
      """
