Feature: Versions
  Definitions never change; versions run side by side; instances move when a person says so.

  Scenario: Another text under a version that is there is refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.0.0'}
      do:
        - a: {set: {n: 1}}
      """
    When the workflow is deployed
    And the definition is replaced by:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.0.0'}
      do:
        - a: {set: {n: 2}}
      """
    Then the deployment should be refused with '1.0.1'

  Scenario: The same text may be deployed again
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.0.0'}
      do:
        - a: {set: {n: 1}}
      """
    When the workflow is deployed
    And the definition is deployed again
    And the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """

  Scenario: Triggers take the highest version, not the one deployed last
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.1.0'}
      schedule: {on: {one: {with: {type: own.go}}}}
      do:
        - a: {set: {version: '${ $workflow.definition.document.version }'}}
      """
    When the workflow is deployed
    And the definition is replaced by:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.0.9'}
      schedule: {on: {one: {with: {type: own.go}}}}
      do:
        - a: {set: {version: '${ $workflow.definition.document.version }'}}
      """
    And the workflow is deployed
    And the event 'own.go' is published
    Then 1 workflow should have been started
    And the workflow should complete with output:
      """yaml
      version: 1.1.0
      """

  Scenario: What is open stays with its version
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.0.0'}
      do:
        - hear: {listen: {to: {one: {with: {type: own.go}}}}}
        - told: {set: {version: 1.0.0}}
      """
    When the workflow is executed
    And hear has started
    And the definition is replaced by:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.1.0'}
      do:
        - hear: {listen: {to: {one: {with: {type: own.go}}}}}
        - told: {set: {version: 1.1.0}}
      """
    And the workflow is deployed
    And the event 'own.go' is published
    Then the workflow should complete with output:
      """yaml
      version: 1.0.0
      """

  Scenario: A retired version starts nothing, what is open goes on
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.0.0'}
      schedule: {on: {one: {with: {type: own.go}}}}
      do:
        - a: {set: {version: 1.0.0}}
      """
    When the workflow is deployed
    And the definition is replaced by:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.1.0'}
      schedule: {on: {one: {with: {type: own.go}}}}
      do:
        - hear: {listen: {to: {one: {with: {type: own.on}}}}}
        - a: {set: {version: 1.1.0}}
      """
    And the workflow is deployed
    And the event 'own.go' is published
    And version '1.1.0' is retired
    And the event 'own.go' is published
    Then 2 workflows should have been started
    And the last workflow should complete with output:
      """yaml
      version: 1.0.0
      """
    When the event 'own.on' is published
    Then the workflow should complete with output:
      """yaml
      version: 1.1.0
      """

  Scenario: The last version with a trigger is retired by force only
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.0.0'}
      schedule: {on: {one: {with: {type: own.go}}}}
      do:
        - a: {set: {n: 1}}
      """
    When the workflow is deployed
    Then retiring version '1.0.0' should be refused
    When version '1.0.0' is retired by force
    And the event 'own.go' is published
    Then the event should be buffered
    And the deployment should be refused with 'retired'

  Scenario: An instance moves to another version and goes on there
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.0.0'}
      do:
        - hear: {listen: {to: {one: {with: {type: own.go}}}}}
        - told: {set: {version: 1.0.0}}
      """
    When the workflow is executed
    And hear has started
    And the definition is replaced by:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.1.0'}
      do:
        - passed: {set: {never: true}}
        - hear: {listen: {to: {one: {with: {type: own.go}}}}}
        - told: {set: {version: 1.1.0}}
      """
    And the workflow is migrated to version '1.1.0'
    And the event 'own.go' is published
    Then the workflow should complete with output:
      """yaml
      version: 1.1.0
      """
    And passed should not run

  Scenario: An instance stays when its step is written differently
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.0.0'}
      do:
        - hear: {listen: {to: {one: {with: {type: own.go}}}}}
        - told: {set: {version: 1.0.0}}
      """
    When the workflow is executed
    And hear has started
    And the definition is replaced by:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.1.0'}
      do:
        - hear: {listen: {to: {one: {with: {type: own.other}}}}}
        - told: {set: {version: 1.1.0}}
      """
    Then the workflow should not migrate to version '1.1.0'
    When the event 'own.go' is published
    Then the workflow should complete with output:
      """yaml
      version: 1.0.0
      """

  Scenario: Effects keep their names over a migration
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.0.0'}
      do:
        - attempt:
            try:
              - pay: {call: count@tester, with: {input: {}}, export: {as: '{counts: ($context.counts + [.count])}'}}
              - hear: {listen: {to: {one: {with: {type: own.go}}}}}
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 1}}}
        - told: {set: '${ $context }'}
      """
    When the workflow is executed
    And hear has started
    And the definition is replaced by:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.1.0'}
      do:
        - before: {set: {n: 1}}
        - attempt:
            try:
              - pay: {call: count@tester, with: {input: {}}, export: {as: '{counts: ($context.counts + [.count])}'}}
              - hear: {listen: {to: {one: {with: {type: own.go}}}}}
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 1}}}
              do:
                - swallow: {set: {caught: true}}
        - told: {set: {same: '${ ($context.counts | length) == 2 and $context.counts[0] == $context.counts[1] }'}}
      """
    And the workflow is migrated to version '1.1.0'
    And the event 'own.go' is published
    And the event 'own.go' is published
    Then the workflow should complete with output:
      """yaml
      same: true
      """

  Scenario: A call in flight stays with its version
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.0.0'}
      do:
        - slow: {call: slow@tester, with: {input: {ms: 500}}}
        - told: {set: {version: 1.0.0}}
      """
    When the workflow is executed
    And slow has started
    And the definition is replaced by:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: versions, version: '1.1.0'}
      do:
        - slow: {call: slow@tester, with: {input: {ms: 500}}}
        - told: {set: {version: 1.1.0}}
      """
    Then the workflow should not migrate to version '1.1.0'
    And the workflow should complete with output:
      """yaml
      version: 1.0.0
      """
