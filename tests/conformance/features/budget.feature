Feature: Budgets
  What paid work may cost. The action 'paid' costs at most 1.00 EUR, and what its input says.

  Scenario: What an answer cost is settled
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: budget, version: '1.0.0', metadata: {mainstay: {budget: {instance: 1.50 EUR}}}}
      do:
        - one: {call: paid@tester, with: {input: {cost: 0.40 EUR}}}
        - two: {call: paid@tester, with: {input: {cost: 0.0001 EUR}}}
        - three: {call: paid@tester, with: {input: {cost: 1.00 EUR}}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      cost: 1.00 EUR
      """

  Scenario: At the cap a person is asked and may allow the step
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: budget, version: '1.0.0', metadata: {mainstay: {budget: {instance: 1.50 EUR}}}}
      do:
        - one: {call: paid@tester, with: {input: {cost: 0.51 EUR}}}
        - two: {call: paid@tester, with: {input: {cost: 0.90 EUR}}}
      """
    When the workflow is executed
    Then a person should be asked
    When the person approves
    Then the workflow should complete with output:
      """yaml
      cost: 0.90 EUR
      """

  Scenario: At the cap a person may stop the step
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: budget, version: '1.0.0', metadata: {mainstay: {budget: {instance: 0.99 EUR}}}}
      do:
        - one: {call: paid@tester, with: {input: {cost: 0.10 EUR}}}
      """
    When the workflow is executed
    Then a person should be asked
    When the person rejects
    Then the workflow should fault with error:
      """yaml
      type: https://serverlessworkflow.io/spec/1.0.0/errors/runtime
      status: 402
      """

  Scenario: At the cap a step can be caught
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: budget, version: '1.0.0', metadata: {mainstay: {budget: {instance: 0.99 EUR}}}}
      do:
        - tried:
            try:
              - one: {call: paid@tester, with: {input: {cost: 0.10 EUR}}}
            catch:
              errors: {with: {status: 402}}
              do:
                - cheap: {call: echo@tester, with: {input: {by: hand}}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      by: hand
      """

  Scenario: Free work needs no money
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: budget, version: '1.0.0', metadata: {mainstay: {budget: {instance: 0 EUR, day: 0 EUR}}}}
      do:
        - free: {call: echo@tester, with: {input: {n: 1}}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """

  Scenario Outline: A budget is checked when it is deployed
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: budget, version: '1.0.0', metadata: {mainstay: {budget: <budget>}}}
      do:
        - a: {set: {n: 1}}
      """
    Then the definition is refused with:
      """
      <words>
      """

    Examples:
      | budget                        | words                                              |
      | {instance: 5}                 | 1:115: 'instance' must be a text                   |
      | {instance: 5.00}              | 1:115: 'instance' must be a text                   |
      | {day: 5 euros}                | 1:110: '5 euros' is not an amount and its currency |
      | {day: 0.0000001 EUR}          | 1:110: more than 6 digits after the point          |
      | {instance: 5 EUR, day: 9 USD} | 1:127: 'day' is in USD and 'instance' in EUR       |
      | {week: 5 EUR}                 | 1:105: unknown key 'week'                          |
