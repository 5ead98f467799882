Feature: Lifecycle events
  What the bus is told of workflows and their tasks.

  Scenario: Workflows are told of by default
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: told, version: '1.0.0'}
      do:
        - one: {set: {n: 1}}
        - two: {wait: {milliseconds: 1}}
      """
    And lifecycle events are watched
    When the workflow is executed
    Then these lifecycle events should be published:
      """yaml
      [workflow.started, workflow.completed]
      """

  Scenario: A workflow that faults
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: told, version: '1.0.0'}
      do:
        - a: {raise: {error: {type: 'urn:own:odd', status: 500}}}
      """
    And lifecycle events are watched
    When the workflow is executed
    Then these lifecycle events should be published:
      """yaml
      [workflow.started, workflow.faulted]
      """

  Scenario: A workflow that is cancelled
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: told, version: '1.0.0'}
      do:
        - long: {wait: PT1H}
      """
    And lifecycle events are watched
    When the workflow is executed
    And long has started
    And the workflow is cancelled
    Then these lifecycle events should be published:
      """yaml
      [workflow.started, workflow.cancelled]
      """

  Scenario: Tasks are told of on request
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: told, version: '1.0.0', metadata: {mainstay: {lifecycle: steps}}}
      do:
        - one: {set: {n: 1}}
        - two: {wait: {milliseconds: 1}}
      """
    And lifecycle events are watched
    When the workflow is executed
    Then these lifecycle events should be published:
      """yaml
      - workflow.started
      - task.started /do/0/one
      - task.completed /do/0/one
      - task.started /do/1/two
      - task.completed /do/1/two
      - workflow.completed
      """

  Scenario: A person who is asked suspends the workflow
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: told, version: '1.0.0'}
      do:
        - ok: {call: approval, with: {title: t}}
      """
    And lifecycle events are watched
    When the workflow is executed
    And the person approves
    Then these lifecycle events should be published:
      """yaml
      [workflow.started, workflow.suspended, workflow.resumed, workflow.completed]
      """

  Scenario: Nothing is told where nobody should know
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: quiet, version: '1.0.0', metadata: {mainstay: {lifecycle: none}}}
      do:
        - child: {run: {workflow: {namespace: own, name: loud, version: '1.0.0'}}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: loud, version: '1.0.0'}
      do: [{a: {set: {n: 1}}}]
      """
    And lifecycle events are watched
    When the workflow is executed
    Then these lifecycle events should be published:
      """yaml
      [workflow.started, workflow.completed]
      """
