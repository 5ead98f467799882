Feature: Waits and timeouts
  Durations are real; scenarios use short ones.

  Scenario Outline: A wait takes durations in both forms, or an expression
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - pause: {wait: <duration>}
        - told:
            set: {long: '${ $task.startedAt.epoch.milliseconds - $workflow.startedAt.epoch.milliseconds >= 30 }', kept: '${ .kept }'}
      """
    And given the workflow input is:
      """yaml
      {kept: 1, pause: PT0.03S}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {long: true, kept: 1}
      """
    And told should run after pause

    Examples:
      | duration            |
      | PT0.03S             |
      | {milliseconds: 30}  |
      | '${ .pause }'       |

  Scenario: A wait of nothing is over at once
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - pause: {wait: {seconds: 0}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {}
      """
    And pause should complete

  Scenario Outline: Durations whose length is not fixed, or that are none, are refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - pause: {wait: <duration>}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | duration       | problem                                                    |
      | P1M            | 3:19: 'P1M' has years or months                            |
      | P1Y            | 3:19: 'P1Y' has years or months                            |
      | 5              | 3:19: a duration is a text such as PT30S                   |
      | {secnds: 5}    | 3:19: unknown key 'secnds' in a duration                   |
      | {seconds: -1}  | 3:19: 'seconds' must be a whole number                     |
      | PT0.0001S      | 3:19: millisecond                                          |

  Scenario: A duration that an expression gets wrong is an expression error
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - pause: {wait: '${ .pause }'}
      """
    And given the workflow input is:
      """yaml
      pause: soon
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/expression', status: 400, instance: /do/0/pause}
      """

  Scenario: A task that takes too long is a timeout error of that task
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - long: {wait: PT1H, timeout: {after: {milliseconds: 20}}}
        - never: {set: {n: 1}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/timeout', status: 408, instance: /do/0/long}
      """
    And long should fault
    And never should not run

  Scenario: A timeout takes down what is below
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - block:
            timeout: {after: {milliseconds: 20}}
            do:
              - inner:
                  do:
                    - long: {wait: PT1H}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      instance: /do/0/block
      """
    And long should cancel
    And inner should cancel
    And block should fault

  Scenario: A timeout can be caught
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - attempt:
            try:
              - long: {wait: PT1H, timeout: {after: PT0.02S}}
            catch:
              errors: {with: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout'}}
              do:
                - handler: {set: {status: '${ $error.status }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      status: 408
      """

  Scenario: The timeout of a try covers its retries
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - attempt:
            timeout: {after: {milliseconds: 50}}
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              retry: {delay: PT1H, limit: {attempt: {count: 3}}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {status: 408, instance: /do/0/attempt}
      """
    And fail should run 1 time

  Scenario: A timeout that is not reached does nothing
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      timeout: {after: PT1H}
      do:
        - quick: {wait: {milliseconds: 1}, timeout: {after: PT1H}}
      """
    When the workflow is executed
    Then the workflow should complete

  Scenario: The timeout of the workflow ends it, and is not caught inside
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      timeout: {after: {milliseconds: 30}}
      do:
        - attempt:
            try:
              - long: {wait: PT1H}
            catch: {}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/timeout', status: 408, instance: /}
      """
    And long should cancel

  Scenario: A timeout may be defined once and named
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      use: {timeouts: {soon: {after: {milliseconds: 20}}}}
      do:
        - long: {wait: PT1H, timeout: soon}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      status: 408
      """

  Scenario: A text is the name of a timeout
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - long: {wait: PT1H, timeout: PT5S}
      """
    Then the definition is refused with:
      """
      3:33: write {after: PT5S}
      """

  Scenario: A timeout may be computed from the input
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - long: {wait: PT1H, timeout: {after: '${ .after }'}}
      """
    And given the workflow input is:
      """yaml
      after: PT0.02S
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      status: 408
      """

  Scenario: A call that takes too long is stopped and is a timeout
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - slow:
            timeout: {after: {milliseconds: 100}}
            call: agent
            with: {agent: tester, action: slow, contract: '1.0', input: {ms: 600000}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {status: 408, instance: /do/0/slow}
      """

  Scenario: A wait goes on where it was after a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - before: {set: {n: 1}}
        - pause: {wait: {milliseconds: 200}}
        - after: {set: {n: '${ .n + 1 }'}}
      """
    When the workflow is executed
    And pause has started
    And the coordinator is restarted
    Then the workflow should complete with output:
      """yaml
      n: 2
      """
    And before should run 1 time
    And pause should run 1 time

  Scenario: A timeout is kept over a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - long: {wait: PT1H, timeout: {after: {milliseconds: 300}}}
      """
    When the workflow is executed
    And long has started
    And the coordinator is restarted
    Then the workflow should fault with error:
      """yaml
      {status: 408, instance: /do/0/long}
      """

  Scenario: A retry that waits is kept over a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: time, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              retry: {delay: {milliseconds: 250}, limit: {attempt: {count: 1}}}
              do:
                - handler: {set: {caught: true}}
      """
    When the workflow is executed
    And fail has started
    And the coordinator is restarted
    Then the workflow should complete with output:
      """yaml
      caught: true
      """
    And fail should run 2 times
