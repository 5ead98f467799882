Feature: Approvals
  A person's verdict as a step.

  Scenario: An approval is the output
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: approval, version: '1.0.0'}
      do:
        - ok: {call: approval, with: {title: '${ "pay \(.price)?" }', proposal: {pay: '${ .price }'}}}
        - told: {set: {verdict: '${ .verdict }', value: '${ .value }'}}
      """
    And given the workflow input is:
      """yaml
      price: 7
      """
    When the workflow is executed
    Then a person should be asked
    When the person approves
    Then the workflow should complete with output:
      """yaml
      {verdict: approved, value: {pay: 7}}
      """

  Scenario: An edited value stands for the proposal
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: approval, version: '1.0.0'}
      do:
        - ok: {call: approval, with: {title: t, proposal: {pay: 7}}}
        - told: {set: {verdict: '${ .verdict }', value: '${ .value }', person: '${ .person }'}}
      """
    When the workflow is executed
    Then a person should be asked
    When the person edits:
      """yaml
      pay: 5
      """
    Then the workflow should complete with output:
      """yaml
      {verdict: edited, value: {pay: 5}, person: conformance}
      """

  Scenario: A denial is an authorization error that can be caught
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: approval, version: '1.0.0'}
      do:
        - attempt:
            try:
              - ok: {call: approval, with: {title: t}}
            catch:
              errors: {with: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/authorization', status: 403}}
              do:
                - handler: {set: {denied: '${ $error.detail }'}}
      """
    When the workflow is executed
    Then a person should be asked
    When the person rejects
    Then the workflow output should have a 'denied' property matching '.*the scenario says so.*'

  Scenario: A denial that nothing catches faults
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: approval, version: '1.0.0'}
      do:
        - ok: {call: approval, with: {title: t}}
      """
    When the workflow is executed
    Then a person should be asked
    When the person rejects
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/authorization', status: 403, instance: /do/0/ok}
      """

  Scenario: A form binds what is approved
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: approval, version: '1.0.0'}
      do:
        - ok:
            call: approval
            with:
              title: t
              proposal: {pay: 7}
              form: {document: {properties: {pay: {maximum: 6}}}}
            output: {as: .value}
      """
    When the workflow is executed
    Then a person should be asked
    And the person's approval should be refused
    When the person edits:
      """yaml
      pay: 6
      """
    Then the workflow should complete with output:
      """yaml
      pay: 6
      """

  Scenario Outline: A deadline decides what the definition says
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: approval, version: '1.0.0'}
      do:
        - attempt:
            try:
              - ok: {call: approval, with: {title: t, proposal: 1, deadline: {milliseconds: 50}, onTimeout: <what>}}
            catch:
              do:
                - handler: {set: {verdict: denied}}
        - told: {set: {verdict: '${ .verdict }', person: '${ .person }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {verdict: <verdict>, person: null}
      """

    Examples:
      | what  | verdict  |
      | allow | approved |
      | deny  | denied   |

  Scenario: An approval waits over a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: approval, version: '1.0.0'}
      do:
        - ok: {call: approval, with: {title: t, proposal: {pay: 7}}, output: {as: .value}}
      """
    When the workflow is executed
    Then a person should be asked
    When the coordinator is restarted
    And the person approves
    Then the workflow should complete with output:
      """yaml
      pay: 7
      """

  Scenario: A timeout around an approval closes it
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: approval, version: '1.0.0'}
      do:
        - block:
            timeout: {after: {milliseconds: 50}}
            do:
              - ok: {call: approval, with: {title: t}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {status: 408, instance: /do/0/block}
      """
    And ok should cancel

  Scenario: An approval has no timeout of its own
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: approval, version: '1.0.0'}
      do:
        - ok: {call: approval, with: {title: t}, timeout: {after: PT5S}}
      """
    Then the definition is refused with:
      """
      3:44: an approval has no 'timeout'
      """

  Scenario: A verdict counts once
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: approval, version: '1.0.0'}
      do:
        - ok: {call: approval, with: {title: t, assignees: [ann]}, output: {as: .person}}
      """
    When the workflow is executed
    Then a person should be asked
    When the person approves
    Then the same verdict should be refused
    And the workflow should complete with output:
      """yaml
      conformance
      """

  Scenario: Unless said otherwise a deadline leaves the question open
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: approval, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - ok: {call: approval, with: {title: t, proposal: 1, deadline: {milliseconds: 20}}, output: {as: .verdict}}
                - pause: {wait: {milliseconds: 80}, output: {as: '"paused"'}}
      """
    When the workflow is executed
    And pause has completed
    And the person approves
    Then the workflow should complete with output:
      """yaml
      [approved, paused]
      """
