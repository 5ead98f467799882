Feature: Set
  The output of a `set` is what its expressions make of the task's input.

  Scenario: Members are evaluated, literals stay
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: set, version: '1.0.0'}
      do:
        - compose:
            set:
              sum: ${ .a + .b }
              nested: {list: ['${ .a }', two], flag: true, nothing: null}
              text: plain
      """
    And given the workflow input is:
      """yaml
      {a: 1, b: 2}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {sum: 3, nested: {list: [1, two], flag: true, nothing: null}, text: plain}
      """
    And compose should run first
    And compose should run last
    And compose should complete

  Scenario: A single expression gives the whole output
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: set, version: '1.0.0'}
      do:
        - whole: {set: '${ {count: (.items | length)} }'}
      """
    And given the workflow input is:
      """json
      {"items": [1, 2, 3]}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """json
      {"count": 3}
      """

  Scenario: What was there before is gone unless it is carried along
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: set, version: '1.0.0'}
      do:
        - first: {set: {a: 1}}
        - second: {set: '${ . + {b: 2} }'}
        - third: {set: {c: '${ .a + .b }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {c: 3}
      """
    And second should complete with output:
      """yaml
      {a: 1, b: 2}
      """
    And third should run after second

  Scenario: Expressions found in data are data
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: set, version: '1.0.0'}
      do:
        - copy: {set: {same: '${ .text }', inner: '${ . }'}}
        - again: {set: '${ . }'}
      """
    And given the workflow input is:
      """yaml
      text: ${ 1 + 1 }
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {same: '${ 1 + 1 }', inner: {text: '${ 1 + 1 }'}}
      """

  Scenario: An empty set is refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: set, version: '1.0.0'}
      do:
        - nothing: {set: {}}
      """
    Then the definition is refused with:
      """
      3:20: 'set' needs at least one member
      """
