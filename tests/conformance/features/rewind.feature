Feature: Rewind
  An instance goes back to a step it has passed; what was done since is undone first.

  Scenario: A step that is entered again has the input and the context it had
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: back, version: '1.0.0'}
      do:
        - first: {set: {n: 1}, export: {as: {count: 0}}}
        - again:
            if: .n == 1
            set: {n: 2}
            export: {as: '${ {count: ($context.count + 1)} }'}
        - hear: {listen: {to: {one: {with: {type: own.go}}}}}
        - last: {set: '${ $context }'}
      """
    When the workflow is executed
    And hear has started
    And the workflow is rewound to again
    And the event 'own.go' is published
    Then the workflow should complete with output:
      """yaml
      count: 1
      """
    And first should run 1 times
    And again should run 2 times

  Scenario: What was done since is undone, what was done before stays
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: back, version: '1.0.0'}
      do:
        - before: {call: charge@tester, with: {input: {n: 1}}}
        - since: {call: charge@tester, with: {input: {n: 2}}}
        - hear: {listen: {to: {one: {with: {type: own.go}}}}, output: {as: $input}}
      """
    When the workflow is executed
    And hear has started
    And the workflow is rewound to since
    And the event 'own.go' is published
    Then the workflow should complete
    And these effects should be undone:
      """yaml
      [since]
      """
    And since should run 2 times
    And before should run 1 times

  Scenario: Gates are closed and approvals asked again
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: back, version: '1.0.0'}
      do:
        - first: {set: {n: 1}}
        - ask: {call: approval, with: {title: Really}}
        - sure: {call: approval, with: {title: Sure}}
        - last: {set: {done: true}}
      """
    When the workflow is executed
    And a person should be asked
    And the person approves
    And sure has started
    And a person should be asked
    And the workflow is rewound to first
    Then a person should be asked
    When the person approves
    And a person should be asked
    And the person approves
    Then the workflow should complete with output:
      """yaml
      done: true
      """
    And ask should run 2 times

  Scenario: Consumed events are not given again
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: back, version: '1.0.0'}
      do:
        - hear: {listen: {to: {one: {with: {type: own.said}}}}}
        - wait: {listen: {to: {one: {with: {type: own.go}}}}, output: {as: $input}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.said' is published with data:
      """yaml
      n: 1
      """
    And wait has started
    And the workflow is rewound to hear
    And the event 'own.said' is published with data:
      """yaml
      n: 2
      """
    And the event 'own.go' is published
    Then the workflow should complete with output:
      """yaml
      [{n: 2}]
      """

  Scenario: What nothing undoes forbids it, unless it is forced
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: back, version: '1.0.0'}
      do:
        - stays: {call: charge@tester, with: {input: {n: 1}, compensate: false}}
        - hear: {listen: {to: {one: {with: {type: own.go}}}}, output: {as: $input}}
      """
    When the workflow is executed
    And hear has started
    Then rewinding to stays should be refused
    When the workflow is rewound to stays by force
    And the event 'own.go' is published
    Then the workflow should complete
    And stays should run 2 times
    And no effect should be undone

  Scenario: A paused workflow goes back and stays paused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: back, version: '1.0.0'}
      do:
        - first: {set: {n: 1}}
        - hear: {listen: {to: {one: {with: {type: own.go}}}}, output: {as: $input}}
      """
    When the workflow is executed
    And hear has started
    And the workflow is paused
    And the workflow is rewound to first
    Then the workflow should be suspended
    When the workflow is resumed
    And the event 'own.go' is published
    Then the workflow should complete with output:
      """yaml
      n: 1
      """
    And first should run 2 times
