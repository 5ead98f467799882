Feature: For
  One round for each item; what a round makes is the next one's input.

  Scenario: Item and index have default names
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - each:
            for: {in: .items}
            do:
              - note: {set: {items: '${ .items }', seen: '${ .seen + ["\($index)=\($item)"] }'}}
      """
    And given the workflow input is:
      """yaml
      items: [a, b]
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {items: [a, b], seen: ['0=a', '1=b']}
      """
    And note should run 2 times
    And each should run before note

  Scenario: Item and index have names of the definition's choice
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - each:
            for: {each: pet, at: place, in: '${ .pets }'}
            do:
              - note: {set: {last: '${ {pet: $pet, place: $place} }'}}
      """
    And given the workflow input is:
      """yaml
      pets: [Milou, Idefix]
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      last: {pet: Idefix, place: 1}
      """

  Scenario: in is evaluated once
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - each:
            for: {in: .items}
            do:
              - grow: {set: {items: '${ .items + [$item] }'}}
      """
    And given the workflow input is:
      """yaml
      items: [1, 2]
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      items: [1, 2, 1, 2]
      """

  Scenario: Items may be written in the definition
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - each:
            for:
              in:
                - {name: a, n: 1}
                - {name: b, n: '${ .base }'}
            do:
              - note: {set: {base: '${ .base }', sum: '${ .sum + $item.n }'}}
      """
    And given the workflow input is:
      """yaml
      base: 10
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {base: 10, sum: 11}
      """

  Scenario: Without items the input passes through
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - each:
            for: {in: .items}
            do:
              - never: {set: {ran: true}}
      """
    And given the workflow input is:
      """yaml
      items: []
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      items: []
      """
    And never should not run

  Scenario: while is asked before each round
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - each:
            for: {in: .items}
            while: .sum < 3
            do:
              - add: {set: {items: '${ .items }', sum: '${ .sum + $item }'}}
      """
    And given the workflow input is:
      """yaml
      {items: [1, 2, 3, 4], sum: 0}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {items: [1, 2, 3, 4], sum: 3}
      """
    And add should run 2 times

  Scenario: while may forbid the first round, and sees the item
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - each:
            for: {in: .items}
            while: ${ $item < 1 and $index == 0 }
            do:
              - never: {set: {ran: true}}
      """
    And given the workflow input is:
      """yaml
      items: [1]
      """
    When the workflow is executed
    Then never should not run

  Scenario: exit ends the round, not the loop
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - each:
            for: {in: .items}
            do:
              - odd:
                  switch:
                    - skip: {when: $item % 2 == 0, then: exit}
              - note: {set: {items: '${ .items }', seen: '${ .seen + [$item] }'}}
      """
    And given the workflow input is:
      """yaml
      items: [1, 2, 3]
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {items: [1, 2, 3], seen: [1, 3]}
      """
    And odd should run 3 times

  Scenario: end in a round ends the workflow
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - each:
            for: {in: .items}
            do:
              - once: {set: {only: '${ $item }'}, then: end}
        - never: {set: {ran: true}}
      """
    And given the workflow input is:
      """yaml
      items: [1, 2]
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      only: 1
      """
    And never should not run

  Scenario: Loops nest, and both variables are seen inside
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - rows:
            for: {each: row, in: .rows}
            do:
              - cells:
                  for: {each: cell, at: column, in: $row}
                  do:
                    - add:
                        set: {rows: '${ .rows }', sum: '${ .sum + $cell * 10 + $index + $column }'}
      """
    And given the workflow input is:
      """yaml
      rows: [[1, 2], [3]]
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {rows: [[1, 2], [3]], sum: 62}
      """

  Scenario: What is no list is an error
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - each:
            for: {in: .items}
            do:
              - never: {set: {ran: true}}
      """
    And given the workflow input is:
      """yaml
      items: {a: 1}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
      status: 400
      instance: /do/0/each
      """

  Scenario: Exports of one round are seen by the next
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - each:
            for: {in: .items}
            do:
              - keep:
                  set: {items: '${ .items }', n: '${ $item }'}
                  export: {as: '${ {seen: ($context.seen + [$item])} }'}
        - told: {set: '${ $context }'}
      """
    And given the workflow input is:
      """yaml
      items: [1, 2, 3]
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      seen: [1, 2, 3]
      """

  Scenario Outline: A variable may not have the name of one that is there
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: for, version: '1.0.0'}
      do:
        - each:
            for: {each: <name>, in: .items}
            do: []
      """
    Then the definition is refused with:
      """
      4:19: 'each' may not be '<name>'
      """

    Examples:
      | name     |
      | context  |
      | input    |
      | workflow |
