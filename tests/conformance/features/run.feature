Feature: Run a workflow
  A workflow as a step of another.

  Scenario: The output of the child is the output of the step
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - child:
            run: {workflow: {namespace: own, name: child, version: '1.0.0', input: {n: '${ .m + 1 }'}}}
        - after: {set: {got: '${ .n }'}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do:
        - double: {set: {n: '${ .n * 2 }'}}
      """
    And given the workflow input is:
      """yaml
      m: 4
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      got: 10
      """
    And the workflow 'child' should complete with output:
      """yaml
      n: 10
      """

  Scenario: Without input the child gets the task's
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - child:
            input: {from: .inner}
            run: {workflow: {namespace: own, name: child, version: '1.0.0'}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do:
        - same: {set: '${ {same: .} }'}
      """
    And given the workflow input is:
      """yaml
      inner: {n: 1}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      same: {n: 1}
      """

  Scenario Outline: Without version the newest one is run
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - child: {run: {workflow: {namespace: own, name: child<version>}}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do: [{a: {set: {version: 1.0.0}}}]
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.10.0'}
      do: [{a: {set: {version: 1.10.0}}}]
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.9.0'}
      do: [{a: {set: {version: 1.9.0}}}]
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      version: <result>
      """

    Examples:
      | version          | result |
      |                  | 1.10.0 |
      | , version: latest | 1.10.0 |
      | , version: 1.9.0 | 1.9.0  |

  Scenario: The error of the child is the error of the step, as it is
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - attempt:
            try:
              - child: {run: {workflow: {namespace: own, name: child, version: '1.0.0'}}}
            catch:
              errors: {with: {type: 'urn:own:odd'}}
              do:
                - handler: {set: {place: '${ $error.instance }', status: '${ $error.status }'}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do:
        - fine: {set: {n: 1}}
        - fail: {raise: {error: {type: 'urn:own:odd', status: 418}}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {place: /do/1/fail, status: 418}
      """
    And child should fault
    And the workflow 'child' should fault

  Scenario: A failure of an agent in a child is caught by the parent
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - attempt:
            try:
              - child: {run: {workflow: {namespace: own, name: child, version: '1.0.0'}}}
            catch:
              errors: {with: {status: 403}}
              do:
                - handler: {set: {caught: true}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do:
        - act: {call: fail@tester, with: {input: {class: permission, times: 99}}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      caught: true
      """
    And the workflow 'child' should fault

  Scenario: A failure that nobody catches asks a person, in the child
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - child: {run: {workflow: {namespace: own, name: child, version: '1.0.0'}}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do:
        - act: {call: fail@tester, with: {input: {class: data, times: 1}}}
      """
    When the workflow is executed
    And the person approves in 'child'
    Then the workflow should complete with output:
      """yaml
      {class: data, times: 1}
      """

  Scenario: Cancelling the parent cancels the child
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - child: {run: {workflow: {namespace: own, name: child, version: '1.0.0'}}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do:
        - long: {wait: PT1H}
      """
    When the workflow is executed
    And child has started
    And the workflow is cancelled
    Then the workflow should cancel
    And the workflow 'child' should cancel

  Scenario: A timeout cancels the child
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - child:
            timeout: {after: {milliseconds: 60}}
            run: {workflow: {namespace: own, name: child, version: '1.0.0'}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do:
        - long: {wait: PT1H}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {status: 408, instance: /do/0/child}
      """
    And the workflow 'child' should cancel

  Scenario: Nobody waits for a child that is not awaited
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - child: {run: {await: false, workflow: {namespace: own, name: child, version: '1.0.0', input: {n: 1}}}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do:
        - hear: {listen: {to: {one: {with: {type: own.go}}}}}
        - told: {set: {done: true}}
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
    When the event 'own.go' is published
    Then the workflow 'child' should complete with output:
      """yaml
      done: true
      """

  Scenario: A retry runs a new child
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - attempt:
            try:
              - child: {run: {workflow: {namespace: own, name: child, version: '1.0.0'}}}
            catch:
              retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 2}}}
              do:
                - handler: {set: {caught: true}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do:
        - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      caught: true
      """
    And child should run 3 times
    And the workflow 'child' should have run 3 times

  Scenario: A definition may run itself
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - enough: {switch: [{yes: {when: .n <= 1, then: end}}]}
        - less: {run: {workflow: {namespace: own, name: parent, version: '1.0.0', input: {n: '${ .n - 1 }'}}}}
        - count: {set: {n: '${ .n + 1 }'}}
      """
    And given the workflow input is:
      """yaml
      n: 4
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 4
      """

  Scenario: What is run must be deployed before
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - child: {run: {workflow: {namespace: own, name: nobody, version: '1.0.0'}}}
      """
    Then the definition should be refused with:
      """
      3:12: it runs own/nobody:1.0.0, which is not deployed, or retired: deploy it first
      """

  Scenario: A workflow that is retired is a configuration error of the step
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - attempt:
            try:
              - child: {run: {workflow: {namespace: own, name: child}}}
            catch:
              errors: {with: {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/configuration'}}
              do:
                - handler: {set: {status: '${ $error.status }'}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do: [{a: {set: {n: 1}}}]
      """
    When the workflow is deployed
    And version '1.0.0' of 'child' is retired
    And the workflow is executed
    Then the workflow should complete with output:
      """yaml
      status: 400
      """

  Scenario: A parent goes on after a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - child: {run: {workflow: {namespace: own, name: child, version: '1.0.0'}}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
      do:
        - long: {wait: {milliseconds: 250}}
        - told: {set: {done: true}}
      """
    When the workflow is executed
    And child has started
    And the coordinator is restarted
    Then the workflow should complete with output:
      """yaml
      done: true
      """

  Scenario Outline: Programs are refused while no agent runs them
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - it: {run: {<what>}}
      """
    Then the deployment should be refused with 'exec'

    Examples:
      | what                              |
      | shell: {command: ls}              |
      | script: {language: js, code: '1'} |

  Scenario: Containers are refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: parent, version: '1.0.0'}
      do:
        - it: {run: {container: {image: x}}}
      """
    Then the definition is refused with:
      """
      3:16: container
      """
