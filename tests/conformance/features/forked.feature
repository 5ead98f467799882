Feature: Forked instances
  Another instance begins at a step that an instance has entered, with what that one had there.

  Scenario: A fork has the input, the context and the data of the step
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: again, version: '1.0.0'}
      do:
        - first: {set: {n: 1}, export: {as: {count: 1}}}
        - second: {set: '${ {n: (.n + 1), count: $context.count, given: $workflow.input.given} }'}
        - hear: {listen: {to: {one: {with: {type: own.go}}}}, output: {as: $input}}
      """
    And given the workflow input is:
      """yaml
      given: 7
      """
    When the workflow is executed
    And hear has started
    And the workflow is forked from second
    And hear has started
    And the event 'own.go' is published
    Then the workflow should complete with output:
      """yaml
      n: 2
      count: 1
      given: 7
      """
    And first should not run
    And second should run 1 times

  Scenario: A workflow that has ended is forked, and what comes then is done again
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: again, version: '1.0.0'}
      do:
        - before: {call: charge@tester, with: {input: {n: 1}}}
        - since: {call: charge@tester, with: {input: {n: 2}}}
        - last: {set: {done: true}}
      """
    When the workflow is executed
    Then the workflow should complete
    When the workflow is forked from since
    Then the workflow should complete with output:
      """yaml
      done: true
      """
    And before should not run
    And since should run 1 times

  Scenario: A fork undoes what it did, not what was done before it
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: again, version: '1.0.0'}
      do:
        - before: {call: charge@tester, with: {input: {n: 1}}}
        - since: {call: charge@tester, with: {input: {n: 2}}}
        - hear: {listen: {to: {one: {with: {type: own.go}}}}}
      """
    When the workflow is executed
    And hear has started
    And the workflow is forked from since
    And hear has started
    And the workflow is cancelled
    Then the workflow should cancel
    And these effects should be undone:
      """yaml
      [since]
      """

  Scenario: What a fork would take as done and is undone forbids it, unless it is forced
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: again, version: '1.0.0'}
      do:
        - before: {call: charge@tester, with: {input: {n: 1}}}
        - hear: {listen: {to: {one: {with: {type: own.go}}}}, output: {as: $input}}
        - last: {set: {done: true}}
      """
    When the workflow is executed
    And hear has started
    And the workflow is cancelled
    Then the workflow should cancel
    And forking from hear should be refused
    When the workflow is forked from hear by force
    And hear has started
    And the event 'own.go' is published
    Then the workflow should complete with output:
      """yaml
      done: true
      """
    And before should not run

  Scenario: An effect with a key of its own that was undone forbids a fork
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: again, version: '1.0.0'}
      do:
        - charged: {call: charge@tester, with: {input: {n: 1}, idempotencyKey: forked-once}}
        - hear: {listen: {to: {one: {with: {type: own.go}}}}}
      """
    When the workflow is executed
    And hear has started
    And the workflow is cancelled
    Then the workflow should cancel
    And forking from charged should be refused
