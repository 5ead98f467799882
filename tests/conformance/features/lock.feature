Feature: Locks
  One after the other at an entity: leases with deadlines.

  Scenario: Who comes first is served first
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: lock, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - one:
                    call: lock
                    with:
                      entity: ${ "invoice/" + .invoice }
                      ttl: PT1M
                      do:
                        - slow: {wait: {milliseconds: 60}}
                        - first: {set: {n: 1}}
                - two:
                    call: lock
                    with:
                      entity: ${ "invoice/" + .invoice }
                      ttl: PT1M
                      do:
                        - second: {set: {n: 2}}
                - other:
                    call: lock
                    with: {entity: 'invoice/8', ttl: PT1M, do: [{free: {set: {n: 3}}}]}
      """
    And given the workflow input is:
      """yaml
      invoice: '7'
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      [{n: 1}, {n: 2}, {n: 3}]
      """
    And first should run before second
    And free should run before first

  Scenario: A call of an agent may have a lock of its own
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: lock, version: '1.0.0'}
      do:
        - post:
            call: echo@tester
            with: {input: {n: '${ .n + 1 }'}, lock: {entity: '${ "order/\(.n)" }', ttl: PT1M}}
            output: {as: '${ {got: .n} }'}
      """
    And given the workflow input is:
      """yaml
      n: 1
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      got: 2
      """

  Scenario: A lease ends at its deadline, which is a timeout of the lock
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: lock, version: '1.0.0'}
      do:
        - short:
            call: lock
            with: {entity: a, ttl: {milliseconds: 30}, do: [{long: {wait: PT1H}}, {never: {set: {x: 1}}}]}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/timeout', status: 408, instance: /do/0/short}
      """
    And long should cancel
    And never should not run

  Scenario: A lock inside of itself is entered
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: lock, version: '1.0.0'}
      do:
        - outer:
            call: lock
            with:
              entity: b
              ttl: PT1M
              do:
                - inner: {call: lock, with: {entity: b, ttl: PT1M, do: [{in: {set: {x: 1}}}]}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      x: 1
      """

  Scenario: A circle of locks is an error that names it
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: lock, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - one:
                    call: lock
                    with:
                      entity: c
                      ttl: PT1M
                      do:
                        - pause: {wait: {milliseconds: 30}}
                        - more: {call: lock, with: {entity: d, ttl: PT1M, do: [{a: {set: {one: true}}}]}}
                - two:
                    try:
                      - hold:
                          call: lock
                          with:
                            entity: d
                            ttl: PT1M
                            do:
                              - rest: {wait: {milliseconds: 90}}
                              - again: {call: lock, with: {entity: c, ttl: PT1M, do: [{b: {set: {two: true}}}]}}
                    catch:
                      errors: {with: {status: 409}}
                      do: [{told: {set: {why: '${ $error.title }'}}}]
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      [{one: true}, {why: waiting for the lock would be a deadlock}]
      """

  Scenario: An entity that is no text is an error
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: lock, version: '1.0.0'}
      do:
        - odd: {call: lock, with: {entity: '${ .n }', ttl: PT1M, do: [{never: {set: {x: 1}}}]}}
      """
    And given the workflow input is:
      """yaml
      n: 7
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/expression', status: 400, instance: /do/0/odd}
      """
    And never should not run

  Scenario: A lock is checked when it is deployed
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: lock, version: '1.0.0'}
      do:
        - a: {call: echo@tester, with: {lock: {entity: e}}}
        - b: {call: lock, with: {entity: '', ttl: PT0S, do: [{c: {set: {x: 1}}}]}}
        - d: {call: lock, with: {entity: e, ttl: PT1M}}
      """
    Then the definition is refused with:
      """
      3:41: 'lock' needs 'ttl'
      4:37: 'entity' must be a text or an expression that gives one, not an empty text
      4:45: 'ttl' must be longer than nothing and at most ten years: a lease that never ends would keep all others out
      5:27: 'with' of call: lock needs 'do'
      """
