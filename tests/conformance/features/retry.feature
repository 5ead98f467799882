Feature: Retry
  Formulas, limits and conditions of retry policies. Delays are read from the journal.

  Scenario Outline: Delays follow the backoff
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              retry:
                delay: {milliseconds: 10}
                <backoff>
                limit: {attempt: {count: 4}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      type: 'urn:own:odd'
      """
    And the retries of attempt should wait <delays> ms
    And fail should run 5 times

    Examples:
      | backoff                                                          | delays         |
      |                                                                  | 10, 10, 10, 10 |
      | backoff: {constant: {}}                                          | 10, 10, 10, 10 |
      | backoff: {linear: {}}                                            | 10, 20, 30, 40 |
      | backoff: {exponential: {}}                                       | 10, 20, 40, 80 |
      | backoff: {exponential: {factor: 3}}                              | 10, 30, 90, 270 |
      | backoff: {exponential: {factor: 3, maxDelay: {milliseconds: 50}}} | 10, 30, 50, 50 |

  Scenario: Jitter is added to each delay
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              retry:
                delay: {milliseconds: 5}
                jitter: {from: {milliseconds: 10}, to: {milliseconds: 20}}
                limit: {attempt: {count: 5}}
      """
    When the workflow is executed
    Then the workflow should fault
    And the retries of attempt should wait between 15 and 25 ms
    And attempt should be retried 5 times

  Scenario: A retry that succeeds ends the try as if nothing had been
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      do:
        - attempt:
            try:
              - flaky:
                  call: agent
                  with: {agent: tester, action: fail, contract: '1.0', input: {class: permission, times: 1}}
            catch:
              retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 3}}}
              do:
                - handler: {set: {caught: true}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {class: permission, times: 1}
      """
    And attempt should be retried 1 time
    And handler should not run

  Scenario: When the retries are used up the handler runs
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 2}}}
              do:
                - handler: {set: {caught: '${ $error.status }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      caught: 503
      """
    And fail should run 3 times
    And handler should run 1 time

  Scenario: When the retries are used up catch.then applies, too
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 1}}}
              then: last
        - next: {set: {is: next}, then: end}
        - last: {set: {is: last}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      is: last
      """
    And attempt should be retried 1 time

  Scenario: Without handler the last error goes on
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 1}}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'urn:own:odd', status: 503, instance: /do/0/attempt/try/0/fail}
      """
    And attempt should fault

  Scenario: A policy may be defined once and named
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      use:
        retries:
          twice: {delay: {milliseconds: 2}, limit: {attempt: {count: 2}}}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch: {retry: twice}
      """
    When the workflow is executed
    Then the workflow should fault
    And the retries of attempt should wait 2, 2 ms

  Scenario Outline: A policy has conditions of its own
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              retry:
                <condition>
                delay: {milliseconds: 1}
                limit: {attempt: {count: 2}}
              do:
                - handler: {set: {caught: true}}
      """
    When the workflow is executed
    Then handler should complete
    And attempt should be retried <count> times

    Examples:
      | condition                        | count |
      | when: $error.status == 503       | 2     |
      | when: $error.status == 500       | 0     |
      | exceptWhen: $error.status == 503 | 0     |
      | exceptWhen: $error.status == 500 | 2     |

  Scenario: Only errors that are caught are retried
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              errors: {with: {status: 500}}
              retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 2}}}
      """
    When the workflow is executed
    Then the workflow should fault
    And attempt should be retried 0 times

  Scenario: limit.duration bounds the whole
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              retry: {delay: {milliseconds: 60}, limit: {duration: {milliseconds: 100}}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      type: 'urn:own:odd'
      """
    And attempt should be retried 1 times

  Scenario: limit.attempt.duration bounds each attempt
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      do:
        - attempt:
            try:
              - long: {wait: PT1H}
            catch:
              retry:
                delay: {milliseconds: 1}
                limit: {attempt: {count: 1, duration: {milliseconds: 20}}}
              do:
                - handler: {set: {type: '${ $error.status }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      type: 408
      """
    And long should run 2 times

  Scenario: A block begins anew, with the input of the try
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      do:
        - attempt:
            try:
              - grow: {set: {n: '${ .n + 1 }'}}
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503, detail: '${ "n is \(.n)" }'}}}
            catch:
              retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 2}}}
      """
    And given the workflow input is:
      """yaml
      n: 1
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      detail: n is 2
      """
    And grow should run 3 times

  Scenario: A policy without any limit is a warning
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: retry, version: '1.0.0'}
      do:
        - attempt:
            try: []
            catch:
              retry: {delay: PT1S}
      """
    Then the definition is accepted with warnings:
      """
      6:16: limit
      """
