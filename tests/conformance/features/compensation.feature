Feature: Compensation
  What happened is undone, last first, when the workflow fails, is cancelled, or no longer wants it.

  Scenario: A fault undoes what happened, last first
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: undo, version: '1.0.0'}
      do:
        - first: {call: charge@tester, with: {input: {n: 1}}}
        - second: {call: charge@tester, with: {input: {n: 2}}}
        - fails: {raise: {error: {type: 'urn:own:no', status: 409}}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'urn:own:no', status: 409}
      """
    And these effects should be undone:
      """yaml
      [second, first]
      """

  Scenario: A step says what undoes its effect and with what, or that it stays
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: undo, version: '1.0.0'}
      do:
        - stays: {call: charge@tester, with: {input: {n: 1}, compensate: false}}
        - ticks:
            call: fail@tester
            with:
              input: {class: data, times: 0, paid: 7}
              compensate: {action: charge, input: '${ {back: .paid, asked: $input.n} }'}
            input: {from: '{n: 9}'}
        - later: {set: {paid: 1}}
        - fails: {raise: {error: {type: 'urn:own:no', status: 409}}}
      """
    When the workflow is executed
    Then the workflow should fault
    And these effects should be undone:
      """yaml
      [ticks]
      """
    And ticks should be undone with:
      """yaml
      {back: 7, asked: 9}
      """

  Scenario: A workflow that completes undoes nothing
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: undo, version: '1.0.0'}
      do:
        - first: {call: charge@tester, with: {input: {n: 1}}}
      """
    When the workflow is executed
    Then the workflow should complete
    And no effect should be undone

  Scenario: A cancelled workflow undoes what it did, over a restart of the coordinator
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: undo, version: '1.0.0'}
      do:
        - first: {call: charge@tester, with: {input: {n: 1}}}
        - hold: {wait: PT1H}
      """
    When the workflow is executed
    And hold has started
    And the coordinator is restarted
    And the workflow is cancelled
    Then the workflow should cancel
    And these effects should be undone:
      """yaml
      [first]
      """

  Scenario: What losing branches of a race did is undone before the race is over
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: undo, version: '1.0.0'}
      do:
        - race:
            fork:
              compete: true
              branches:
                - loses: {do: [{lost: {call: charge@tester, with: {input: {n: 1}}}}, {never: {wait: PT1H}}]}
                - breaks: {do: [{broken: {call: charge@tester, with: {input: {n: 2}}}}, {no: {raise: {error: {type: 'urn:own:no', status: 409}}}}]}
                - wins: {do: [{soon: {wait: PT1S}}, {won: {call: charge@tester, with: {input: {n: 3}}}}]}
        - after: {set: {won: true}}
      """
    When the workflow is executed
    Then the workflow should complete
    And lost should be undone before after runs
    And broken should be undone before after runs

  Scenario: A caught error undoes nothing, a later fault does
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: undo, version: '1.0.0'}
      do:
        - attempt:
            try:
              - first: {call: charge@tester, with: {input: {n: 1}}}
              - no: {raise: {error: {type: 'urn:own:no', status: 409}}}
            catch: {do: [{instead: {call: charge@tester, with: {input: {n: 2}}}}]}
        - fails: {raise: {error: {type: 'urn:own:no', status: 409}}}
      """
    When the workflow is executed
    Then the workflow should fault
    And first should run before instead
    And these effects should be undone:
      """yaml
      [instead, first]
      """

  Scenario: An effect that comes after its timeout is undone before the error is handled
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: undo, version: '1.0.0'}
      do:
        - attempt:
            try:
              - late:
                  call: fail@tester
                  with: {input: {class: data, times: 0, ms: 1000}, compensate: {action: refund}}
                  timeout: {after: {milliseconds: 200}}
            catch: {do: [{handled: {set: {handled: true}}}]}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {handled: true}
      """
    And late should be undone before handled runs

  Scenario: What is in doubt is settled, then undone
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: undo, version: '1.0.0'}
      do:
        - doubt:
            call: fail@tester
            with:
              input: {class: permission, effect: unknown, times: 1}
              compensate: {action: refund, input: '${ {times: .times} }'}
        - never: {set: {x: 1}}
      """
    When the workflow is executed
    And a person should be asked
    And the workflow is cancelled
    Then the workflow should cancel
    And never should not run
    And doubt should be undone with:
      """yaml
      {times: 1}
      """

  Scenario: Who runs a workflow undoes what it did
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - first: {call: charge@tester, with: {input: {n: 1}}}
        - child: {run: {workflow: {namespace: own, name: child, version: '1.0.0'}}}
        - fails: {raise: {error: {type: 'urn:own:no', status: 409}}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do:
        - inner: {call: charge@tester, with: {input: {n: 2}}}
      """
    When the workflow is executed
    Then the workflow should fault
    And these effects should be undone:
      """yaml
      [inner, first]
      """

  Scenario: What was undone is another activation, and with a key of its own refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - attempt:
            try: [{child: {run: {workflow: {namespace: own, name: child, version: '1.0.0'}}}}]
            catch: {retry: {delay: PT0.1S, limit: {attempt: {count: 1}}}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do:
        - again: {call: charge@tester, with: {input: {n: 1}}}
        - once: {call: charge@tester, with: {input: {n: 2}, idempotencyKey: '${ "undo-" + $workflow.definition.document.namespace }'}}
        - hold: {wait: PT1H}
      """
    When the workflow is executed
    And the workflow 'child' is waiting
    And the workflow 'child' is cancelled
    Then the workflow should fault with error matching:
      """yaml
      {type: '.*runtime', title: '.*done and undone'}
      """

  Scenario: One that fails waits for a person, who corrects it
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: undo, version: '1.0.0'}
      do:
        - first:
            call: charge@tester
            with:
              input: {n: 1}
              compensate: {action: fail, input: '${ {class: "data", times: 99999} }'}
        - fails: {raise: {error: {type: 'urn:own:no', status: 409}}}
      """
    When the workflow is executed
    And a person should be asked
    And the person edits:
      """yaml
      {class: data, times: 0, by: hand}
      """
    Then the workflow should fault
    And first should be undone with:
      """yaml
      {class: data, times: 99999}
      """

  Scenario: One that fails waits for a person, who did it by hand
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: undo, version: '1.0.0'}
      do:
        - first:
            call: charge@tester
            with: {input: {n: 1}, compensate: {action: fail, input: '${ {class: "data", times: 99999} }'}}
        - fails: {raise: {error: {type: 'urn:own:no', status: 409}}}
      """
    When the workflow is executed
    And a person should be asked
    And the person says yes
    Then the workflow should fault
    And these effects should be undone:
      """yaml
      [first]
      """

  Scenario: One that fails waits for a person, who keeps the effect
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: undo, version: '1.0.0'}
      do:
        - first:
            call: charge@tester
            with: {input: {n: 1}, compensate: {action: fail, input: '${ {class: "data", times: 99999} }'}}
        - fails: {raise: {error: {type: 'urn:own:no', status: 409}}}
      """
    When the workflow is executed
    And a person should be asked
    And the person rejects
    Then the workflow should fault
    And the effect of first should be kept
    And no effect should be undone
