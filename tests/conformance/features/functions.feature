Feature: Functions
  A function is a whole task under a name; `with` is its input.

  Scenario: A function's input is what with says
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: functions, version: '1.0.0'}
      use:
        functions:
          double: {set: {n: '${ .n * 2 }'}}
      do:
        - twice: {call: double, with: {n: '${ .m + 1 }'}}
      """
    And given the workflow input is:
      """yaml
      m: 4
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 10
      """

  Scenario: Without with a function gets its caller's input
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: functions, version: '1.0.0'}
      use:
        functions:
          double: {set: {n: '${ .n * 2 }'}}
      do:
        - twice: {call: double}
        - again: {call: double}
      """
    And given the workflow input is:
      """yaml
      n: 1
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 4
      """

  Scenario: A function may be any task, and has data rules of its own
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: functions, version: '1.0.0'}
      use:
        functions:
          sum:
            input: {schema: {document: {required: [items]}}}
            for: {in: .items}
            do:
              - add: {set: {items: '${ .items }', total: '${ .total + $item }'}}
            output: {as: .total}
      do:
        - count: {call: sum, with: {items: '${ .numbers }'}, output: {as: '{sum: .}'}}
      """
    And given the workflow input is:
      """yaml
      numbers: [1, 2, 3]
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      sum: 6
      """

  Scenario: A function's schema refuses what it cannot use
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: functions, version: '1.0.0'}
      use:
        functions:
          strict:
            input: {schema: {document: {required: [n]}}}
            set: {n: '${ .n }'}
      do:
        - attempt:
            try:
              - wrong: {call: strict, with: {m: 1}}
            catch:
              errors: {with: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/validation'}}
              do:
                - handler: {set: {refused: true}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      refused: true
      """

  Scenario: A function does not see its caller's variables
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: functions, version: '1.0.0'}
      use:
        functions:
          spy: {set: {n: '${ $item }'}}
      do:
        - each:
            for: {in: .items}
            do:
              - look: {call: spy}
      """
    Then the definition is refused with:
      """
      4:21: the variable '$item' is not known here
      """

  Scenario: A function may not call itself, not even by another
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: functions, version: '1.0.0'}
      use:
        functions:
          a: {do: [{x: {call: b}}]}
          b: {do: [{y: {call: a}}]}
      do:
        - go: {call: a}
      """
    Then the definition is refused with:
      """
      4:25: the function 'b' calls itself
      5:25: the function 'a' calls itself
      """

  Scenario: An error in a function names the place of the call
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: functions, version: '1.0.0'}
      use:
        functions:
          broken: {raise: {error: {type: 'urn:own:odd', status: 500}}}
      do:
        - go: {call: broken}
      """
    When the workflow is executed
    Then the workflow should fault with error matching:
      """yaml
      type: urn:own:odd
      instance: /do/0/go.*
      """

  Scenario: A name that is no function is refused with the nearest
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: functions, version: '1.0.0'}
      use:
        functions:
          double: {set: {n: 1}}
      do:
        - go: {call: duoble}
      """
    Then the definition is refused with:
      """
      6:16: did you mean 'double'?
      """

  Scenario: then has no place in a function
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: functions, version: '1.0.0'}
      use:
        functions:
          jump: {set: {n: 1}, then: other}
      do:
        - go: {call: jump}
        - other: {set: {n: 2}}
      """
    Then the definition is refused with:
      """
      4:31: 'then'
      """
