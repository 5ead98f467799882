Feature: Calls of agents
  What an action is given, what becomes of its answers, its failures and its effects.

  Scenario: An action gets the input that with says
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - echo:
            call: agent
            with: {agent: tester, action: echo, contract: '1.0', input: {order: '${ .id }', fixed: [1, true]}}
      """
    And given the workflow input is:
      """yaml
      {id: 7, more: x}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {order: 7, fixed: [1, true]}
      """

  Scenario: Without input an action gets the task's
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - echo:
            input: {from: .inner}
            call: agent
            with: {agent: tester, action: echo}
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

  Scenario Outline: The short form is the same call
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - echo: {call: '<call>', with: {input: {n: '${ .n + 1 }'}}}
      """
    And given the workflow input is:
      """yaml
      n: 1
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 2
      """

    Examples:
      | call                |
      | echo@tester         |
      | echo:1.0@tester     |
      | echo:1.0.0@tester   |
      | echo:>=1 <2@tester  |

  Scenario: Output and export of a call
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - echo:
            call: echo@tester
            output: {as: '{n: (.n * 2)}'}
            export: {as: '{kept: .n}'}
        - told: {set: {context: '${ $context }', n: '${ .n }'}}
      """
    And given the workflow input is:
      """yaml
      n: 4
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {context: {kept: 8}, n: 8}
      """

  Scenario: An effect happens once under a key of its own
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - pay: {call: charge@tester, with: {input: {sum: 5}}}
      """
    When the workflow is executed
    Then the workflow output should have a 'attempts' property with value:
      """yaml
      1
      """
    And the workflow output should have a 'key' property matching '[0-9a-f]{32}'

  Scenario: The idempotency key may be given
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - pay: {call: charge@tester, with: {input: {sum: 5}, idempotencyKey: '${ "order-\(.id)" }'}}
      """
    And given the workflow input is:
      """yaml
      id: given-key
      """
    When the workflow is executed
    Then the workflow output should have a 'key' property with value:
      """yaml
      order-given-key
      """

  Scenario: A key of an effect that happened is not used for another input
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - pay: {call: charge@tester, with: {input: {sum: 5}, idempotencyKey: '${ $workflow.input.id }'}}
        - attempt:
            try:
              - more: {call: charge@tester, with: {input: {sum: 6}, idempotencyKey: '${ $workflow.input.id }'}}
            catch:
              do:
                - told: {set: {title: '${ $error.title }'}}
      """
    And given the workflow input is:
      """yaml
      id: key-used-twice
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      title: the idempotency key was used for something else
      """

  Scenario: A retried block meets its effect again and does not repeat it
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - attempt:
            try:
              - pay: {call: count@tester, with: {input: {}}, export: {as: '{counts: ($context.counts + [.count])}'}}
              - fail: {raise: {error: {type: 'urn:own:odd', status: 503}}}
            catch:
              retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 2}}}
              do:
                - told: {set: {same: '${ $context.counts | length == 3 and (unique | length) == 1 }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      same: true
      """

  Scenario: Each round of a loop is an effect of its own
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - each:
            for: {in: '[1, 2, 3]'}
            do:
              - pay: {call: charge@tester, with: {input: {n: '${ $item }'}}, output: {as: '{keys: ($input.keys + [.key])}'}}
        - told: {set: {different: '${ .keys | unique | length }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      different: 3
      """

  Scenario: A failure that passes is tried again by itself
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - flaky: {call: fail@tester, with: {input: {class: transient, times: 1}}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {class: transient, times: 1}
      """
    And flaky should be retried 1 time
    And flaky should run 1 time

  Scenario Outline: Failures of an agent are errors that can be caught
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - attempt:
            try:
              - act: {call: fail@tester, with: {input: {class: <class>, times: 99}}}
            catch:
              errors: {with: {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/<type>'}}
              do:
                - handler: {set: {status: '${ $error.status }', title: '${ $error.title }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {status: <status>, title: Failed as asked}
      """

    Examples:
      | class      | type          | status |
      | data       | validation    | 400    |
      | permission | authorization | 403    |
      | quality    | runtime       | 422    |
      | budget     | runtime       | 402    |
      | contract   | runtime       | 500    |

  Scenario Outline: A failure nobody catches asks a person
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - act: {call: fail@tester, with: {input: {class: <class>, times: 99}}}
      """
    When the workflow is executed
    Then a person should be asked
    When the person rejects
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/<type>', status: <status>, instance: /do/0/act}
      """

    Examples:
      | class      | type          | status |
      | data       | validation    | 400    |
      | contract   | runtime       | 500    |
      | budget     | runtime       | 402    |

  Scenario: A person may have the step tried again
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - act: {call: fail@tester, with: {input: {class: data, times: 1}}}
      """
    When the workflow is executed
    Then a person should be asked
    When the person approves
    Then the workflow should complete with output:
      """yaml
      {class: data, times: 1}
      """

  Scenario: A person may correct the input
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - act: {call: fail@tester, with: {input: {class: data, times: 99, pointer: /times}}}
      """
    When the workflow is executed
    Then a person should be asked
    When the person edits:
      """yaml
      {class: data, times: 0}
      """
    Then the workflow should complete with output:
      """yaml
      {class: data, times: 0}
      """

  Scenario: A gate is open after a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - act: {call: fail@tester, with: {input: {class: data, times: 1}}}
      """
    When the workflow is executed
    Then a person should be asked
    When the coordinator is restarted
    And the person approves
    Then the workflow should complete

  Scenario: A call in flight is answered after a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - slow: {call: slow@tester, with: {input: {ms: 300}}}
        - pay: {call: charge@tester, with: {input: {sum: 5}}}
      """
    When the workflow is executed
    And slow has started
    And the coordinator is restarted
    Then the workflow output should have a 'attempts' property with value:
      """yaml
      1
      """
    And slow should run 1 time

  Scenario: Input that breaks the contract asks for a correction
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - slow: {call: slow@tester, with: {input: {ms: soon}}}
      """
    When the workflow is executed
    Then a person should be asked
    When the person edits:
      """yaml
      ms: 1
      """
    Then the workflow should complete with output:
      """yaml
      ms: 1
      """

  Scenario: Input that breaks the contract is a validation error that can be caught
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - attempt:
            try:
              - slow: {call: slow@tester, with: {input: {ms: soon}}}
            catch:
              errors: {with: {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/validation', status: 400}}
              do:
                - handler: {set: {place: '${ $error.instance }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      place: /do/0/attempt/try/0/slow
      """

  Scenario: An action nobody offers asks a person
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - act: {call: dance@tester}
      """
    When the workflow is executed
    Then a person should be asked

  Scenario: A confidence below what is asked for waits for a person
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - guess: {call: propose@tester, with: {input: {proposal: {sum: 5}, confidence: '0.4'}, minConfidence: 0.8}}
      """
    When the workflow is executed
    Then a person should be asked
    When the person approves
    Then the workflow output should have a 'attempts' property with value:
      """yaml
      1
      """

  Scenario: A confidence that suffices goes on
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - guess: {call: propose@tester, with: {input: {proposal: {sum: 5}, confidence: '0.9'}, minConfidence: 0.8}}
      """
    When the workflow is executed
    Then the workflow output should have a 'attempts' property with value:
      """yaml
      1
      """

  Scenario: Too little confidence can be caught
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - attempt:
            try:
              - guess: {call: propose@tester, with: {input: {proposal: {sum: 5}, confidence: '0.4'}, minConfidence: 0.8}}
            catch:
              errors: {with: {status: 422}}
              do:
                - handler: {set: {unsure: true}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      unsure: true
      """

  Scenario Outline: What a call may say is checked
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - act: {call: agent, with: {agent: x, action: y, <member>}}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | member            | problem                                             |
      | contract: latest  | 3:62: 'latest' is not a contract version or range   |
      | minConfidence: 2  | 3:67: 'minConfidence' must be a number from 0 to 1  |
      | priority: 10      | 3:62: 'priority' must be a whole number from 1 to 5 |
      | inptu: 1          | 3:52: did you mean 'input'?                         |

  Scenario: A name that is no action is refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: call, version: '1.0.0'}
      do:
        - act: {call: agent, with: {agent: x, action: 'a.b'}}
      """
    Then the definition is refused with:
      """
      3:50: 'action' must be 1 to 64 letters, digits, '_' or '-', not 'a.b'
      """

  # ---- cancelling ----

  Scenario: A workflow that waits is cancelled
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: cancel, version: '1.0.0'}
      do:
        - outer:
            do:
              - long: {wait: PT1H}
        - never: {set: {n: 1}}
      """
    When the workflow is executed
    And long has started
    And the workflow is cancelled
    Then the workflow should cancel
    And long should cancel
    And outer should cancel
    And never should not run

  Scenario: Cancelling is no error that could be caught
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: cancel, version: '1.0.0'}
      do:
        - attempt:
            try:
              - long: {listen: {to: {one: {with: {type: own.never}}}}}
            catch:
              do:
                - handler: {set: {caught: true}}
      """
    When the workflow is executed
    And long has started
    And the workflow is cancelled
    Then the workflow should cancel
    And handler should not run

  Scenario: A call in flight is stopped
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: cancel, version: '1.0.0'}
      do:
        - slow: {call: slow@tester, with: {input: {ms: 600000}}}
      """
    When the workflow is executed
    And slow has started
    And the workflow is cancelled
    Then the workflow should cancel
    And slow should cancel

  Scenario: A workflow that waits for a person is cancelled
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: cancel, version: '1.0.0'}
      do:
        - act: {call: fail@tester, with: {input: {class: data, times: 99}}}
      """
    When the workflow is executed
    Then a person should be asked
    When the workflow is cancelled
    Then the workflow should cancel
    And act should cancel
