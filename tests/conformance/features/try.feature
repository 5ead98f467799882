Feature: Try and catch
  Which errors are caught, what the handler sees, and what comes after.

  Scenario: Without an error a try is its tasks
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - one: {set: {n: 1}}
              - two: {set: {n: '${ .n + 1 }'}}
            catch:
              do:
                - handler: {set: {caught: true}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 2
      """
    And handler should not run

  Scenario: The handler sees the error under its default name
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 418, title: Odd, detail: Very}}}
            catch:
              do:
                - handler: {set: {error: '${ $error }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      error: {type: 'urn:own:odd', status: 418, title: Odd, detail: Very, instance: /do/0/attempt/try/0/fail}
      """
    And fail should fault
    And attempt should complete
    And handler should run after fail

  Scenario: The error has a name of the definition's choice
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 418}}}
            catch:
              as: problem
              do:
                - handler: {set: {status: '${ $problem.status }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      status: 418
      """

  Scenario Outline: A filter compares each member it names
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 418, title: Odd, detail: Very}}}
            catch:
              errors: {with: {<member>}}
              do:
                - handler: {set: {caught: true}}
      """
    When the workflow is executed
    Then the workflow should <end>

    Examples:
      | member                              | end      |
      | type: 'urn:own:odd'                 | complete |
      | type: 'urn:own:even'                | fault    |
      | status: 418                         | complete |
      | status: 419                         | fault    |
      | title: Odd                          | complete |
      | title: odd                          | fault    |
      | detail: Very                        | complete |
      | detail: Little                      | fault    |
      | details: Very                       | complete |
      | details: Little                     | fault    |
      | instance: /do/0/attempt/try/0/fail  | complete |
      | instance: /do/0/attempt             | fault    |
      | type: 'urn:own:odd', status: 500    | fault    |

  Scenario Outline: Standard types are equal under every known base
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: <raised>, status: 408}}}
            catch:
              errors: {with: {type: <filter>}}
              do:
                - handler: {set: {type: '${ $error.type }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      type: <raised>
      """

    Examples:
      | raised                                                             | filter                                                                |
      | https://serverlessworkflow.io/spec/1.0.0/errors/timeout            | https://open-workflow-specification.org/spec/1.0.0/errors/timeout     |
      | https://open-workflow-specification.org/spec/1.0.0/errors/timeout  | https://serverlessworkflow.io/dsl/errors/types/timeout                |
      | https://open-workflow-specification.org/dsl/errors/types/timeout   | https://serverlessworkflow.io/spec/1.0.0/errors/timeout               |

  Scenario: Types under other bases are texts
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'https://example.com/errors/timeout', status: 408}}}
            catch:
              errors: {with: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout'}}
      """
    When the workflow is executed
    Then the workflow should fault

  Scenario Outline: when and exceptWhen decide after the filter
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 418}}}
            catch:
              <condition>
              do:
                - handler: {set: {caught: true}}
      """
    And given the workflow input is:
      """yaml
      wanted: true
      """
    When the workflow is executed
    Then the workflow should <end>

    Examples:
      | condition                                              | end      |
      | when: .wanted                                          | complete |
      | when: ${ $error.status == 418 }                        | complete |
      | when: $error.status == 500                             | fault    |
      | exceptWhen: $error.status == 418                       | fault    |
      | exceptWhen: $error.status == 500                       | complete |
      | exceptWhen: .wanted                                    | fault    |

  Scenario: Without handler and retry the error is swallowed and the output is the input
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            input: {from: .inner}
            try:
              - change: {set: {n: 2}}
              - fail: {raise: {error: {type: 'urn:own:odd', status: 418}}}
            catch: {}
      """
    And given the workflow input is:
      """yaml
      inner: {n: 1}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """
    And change should complete
    And attempt should complete

  Scenario: The handler's input is the input of the try
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - change: {set: {n: 2}}
              - fail: {raise: {error: {type: 'urn:own:odd', status: 418}}}
            catch:
              do:
                - handler: {set: {n: '${ .n }'}}
      """
    And given the workflow input is:
      """yaml
      n: 1
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """

  Scenario: catch.then says where to go after the handler
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 418}}}
            catch:
              do:
                - handler: {set: {caught: true}}
              then: last
            then: next
        - next: {set: {is: next}, then: end}
        - last: {set: {is: last}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      is: last
      """
    And next should not run

  Scenario: Without an error catch.then does not apply
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fine: {set: {n: 1}}
            catch: {then: last}
        - next: {set: {is: next}, then: end}
        - last: {set: {is: last}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      is: next
      """

  Scenario: An error in the handler goes on its way up
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - outer:
            try:
              - inner:
                  try:
                    - first: {raise: {error: {type: 'urn:own:first', status: 500}}}
                  catch:
                    do:
                      - second: {raise: {error: {type: 'urn:own:second', status: 501}}}
            catch:
              do:
                - handler: {set: {type: '${ $error.type }', place: '${ $error.instance }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {type: 'urn:own:second', place: /do/0/outer/try/0/inner/catch/do/0/second}
      """
    And inner should fault

  Scenario: The innermost try that fits catches
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - outer:
            try:
              - inner:
                  try:
                    - fail: {raise: {error: {type: 'urn:own:b', status: 500}}}
                  catch:
                    errors: {with: {type: 'urn:own:a'}}
            catch:
              errors: {with: {type: 'urn:own:b'}}
              do:
                - handler: {set: {caught: outside}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      caught: outside
      """
    And inner should fault

  Scenario: A try inside a loop catches for each round
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - each:
            for: {in: '[1, 2, 3]'}
            do:
              - attempt:
                  try:
                    - odd:
                        if: $item % 2 == 1
                        raise: {error: {type: 'urn:own:odd', status: 500}}
                  catch:
                    do:
                      - note: {set: {odd: '${ .odd + [$item] }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      odd: [1, 3]
      """
    And attempt should run 3 times

  Scenario: exit in a try leaves the try
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - leave: {set: {n: 1}, then: exit}
              - never: {set: {n: 2}}
            catch: {}
        - after: {set: {n: '${ .n + 10 }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 11
      """
    And never should not run

  Scenario: exit in a handler leaves the try, end the workflow
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 500}}}
            catch:
              do:
                - leave: {set: {n: 1}, then: exit}
                - never: {set: {n: 2}}
        - second:
            try:
              - again: {raise: {error: {type: 'urn:own:odd', status: 500}}}
            catch:
              do:
                - stop: {set: {n: '${ .n + 10 }'}, then: end}
        - neither: {set: {n: 3}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 11
      """
    And never should not run
    And neither should not run

  Scenario: A condition of catch that fails does not match
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - fail: {raise: {error: {type: 'urn:own:first', status: 500}}}
            catch:
              when: $error.status.deep > 1
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      type: 'urn:own:first'
      """

  Scenario: Errors of the engine are caught like others
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try:
              - bad: {set: {n: '${ .n + {} }'}}
            catch:
              errors: {with: {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/expression'}}
              do:
                - handler: {set: {status: '${ $error.status }', place: '${ $error.instance }'}}
      """
    And given the workflow input is:
      """yaml
      n: 1
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {status: 400, place: /do/0/attempt/try/0/bad}
      """

  Scenario: A try needs a catch
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try: []
      """
    Then the definition is refused with:
      """
      4:7: a 'try' task needs 'catch'
      """

  Scenario Outline: Conditions take what can be decided at once
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: try, version: '1.0.0'}
      do:
        - attempt:
            try: [{a: {set: {n: 1}}}]
            catch: {<condition>}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | condition                                           | problem                              |
      | when: '$error.title \| test("x")'                   | 5:22: this expression needs mainstay-jq |
      | exceptWhen: '$error.title \| test("x")'             | 5:28: this expression needs mainstay-jq |
      | retry: {when: '$error.title \| test("x")', limit: {attempt: {count: 1}}} | 5:30: this expression needs mainstay-jq |
