Feature: Listening on
  until, foreach, and what came before.

  Scenario: until a condition, asked after each event
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear: {listen: {to: {any: [{with: {type: own.t}}], until: '. | length == 2'}}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.t' is published with data:
      """yaml
      n: 1
      """
    And the event 'own.t' is published with data:
      """yaml
      n: 2
      """
    Then the workflow should complete with output:
      """yaml
      [{n: 1}, {n: 2}]
      """

  Scenario: until an event, which is not in the result
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            listen:
              to:
                any: [{with: {type: own.t}}]
                until: {one: {with: {type: own.stop, data: '${ .now }'}}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.t' is published with data:
      """yaml
      n: 1
      """
    And the event 'own.stop' is published with data:
      """yaml
      now: false
      """
    And the event 'own.t' is published with data:
      """yaml
      n: 2
      """
    And the event 'own.stop' is published with data:
      """yaml
      now: true
      """
    Then the workflow should complete with output:
      """yaml
      [{n: 1}, {n: 2}]
      """

  Scenario: until all of several events
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            listen:
              to:
                any: [{with: {type: own.t}}]
                until: {all: [{with: {type: own.a}}, {with: {type: own.b}}]}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.b' is published
    And the event 'own.t' is published with data:
      """yaml
      n: 1
      """
    And the event 'own.a' is published
    Then the workflow should complete with output:
      """yaml
      - {n: 1}
      """

  Scenario: A condition that fails is an error of the listen
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear: {listen: {to: {any: [{with: {type: own.t}}], until: '.[0].n + 1 > 2'}}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.t' is published with data:
      """yaml
      n: text
      """
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/expression', status: 400, instance: /do/0/hear}
      """

  Scenario: What was sent before is taken in the order it came
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            listen:
              to:
                any: [{with: {type: own.s}}, {with: {type: own.t}}]
                until: '. | length == 3'
      """
    When the event 'own.t' is published with data:
      """yaml
      1
      """
    And the event 'own.s' is published with data:
      """yaml
      2
      """
    And the event 'own.t' is published with data:
      """yaml
      3
      """
    And the workflow is executed
    Then the workflow should complete with output:
      """yaml
      [1, 2, 3]
      """

  Scenario: foreach handles events one after the other
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            listen:
              to: {any: [{with: {type: own.t}}], until: {one: {with: {type: own.stop}}}}
            foreach:
              item: it
              at: place
              do:
                - work: {call: echo@tester, with: {input: {n: '${ $it.n }', place: '${ $place }'}}}
                - shape: {set: {sum: '${ .n + .place }'}}
              output: {as: '${ .sum * 10 }'}
              export: {as: '${ {last: $output} }'}
        - told: {set: {list: '${ . }', last: '${ $context.last }'}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.t' is published with data:
      """yaml
      n: 1
      """
    And the event 'own.t' is published with data:
      """yaml
      n: 2
      """
    And the event 'own.stop' is published
    Then the workflow should complete with output:
      """yaml
      {list: [10, 30], last: 30}
      """
    And work should run 2 times

  Scenario: foreach without tasks shapes each event
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            listen: {to: {one: {with: {type: own.t}}}}
            foreach: {output: {as: '${ {got: .n} }'}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.t' is published with data:
      """yaml
      n: 7
      """
    Then the workflow should complete with output:
      """yaml
      - {got: 7}
      """

  Scenario: until sees what an iteration exported, and the rest goes back
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            listen: {to: {any: [{with: {type: own.t}}], until: $context.stop}}
            foreach:
              do:
                - pause: {wait: {milliseconds: 80}}
              export: {as: '${ {stop: ($item.n == 1)} }'}
        - rest: {listen: {to: {one: {with: {type: own.t}}}}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.t' is published with data:
      """yaml
      n: 1
      """
    And the event 'own.t' is published with data:
      """yaml
      n: 2
      """
    Then the workflow should complete with output:
      """yaml
      - {n: 2}
      """
    And hear should complete with output:
      """yaml
      - {n: 1}
      """

  Scenario: An error in an iteration ends the listen and can be caught
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - attempt:
            try:
              - hear:
                  listen: {to: {any: [{with: {type: own.t}}], until: 'false'}}
                  foreach:
                    do:
                      - bad: {if: $item.bad, raise: {error: {type: 'urn:own:bad', status: 500}}}
            catch:
              do:
                - handler: {set: {caught: '${ $error.type }'}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.t' is published with data:
      """yaml
      bad: false
      """
    And the event 'own.t' is published with data:
      """yaml
      bad: true
      """
    Then the workflow should complete with output:
      """yaml
      caught: urn:own:bad
      """

  Scenario: A timeout ends a listen that would go on for ever
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            timeout: {after: {milliseconds: 50}}
            listen: {to: {any: [{with: {type: own.t}}], until: 'false'}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {status: 408, instance: /do/0/hear}
      """

  Scenario: What a listen has taken is kept over a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear: {listen: {to: {any: [{with: {type: own.t}}], until: '. | length == 2'}}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.t' is published with data:
      """yaml
      n: 1
      """
    And the coordinator is restarted
    And the event 'own.t' is published with data:
      """yaml
      n: 2
      """
    Then the workflow should complete with output:
      """yaml
      [{n: 1}, {n: 2}]
      """

  Scenario Outline: until goes with any, and an empty list takes everything
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear: {listen: {to: {<to>}}}
      """
    Then the definition is <verdict>

    Examples:
      | to                                                          | verdict  |
      | any: [], until: 'false'                                     | accepted |
      | any: []                                                     | accepted |
      | any: [{with: {type: own.a}}], until: {any: []}              | accepted |

  Scenario: all and one say themselves when they are done
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear: {listen: {to: {all: [{with: {type: own.a}}], until: 'false'}}}
      """
    Then the definition is refused with:
      """
      3:56: 'until' goes with 'any'
      """

  Scenario Outline: Filters and until take what can be decided at once
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear: {listen: {to: {<to>}}}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | to                                                        | problem                             |
      | one: {with: {type: own.a, data: '${ .x \| test("a") }'}}  | 3:59: in an event filter             |
      | any: [{with: {type: own.a}}], until: '.[0] \| test("a")'  | 3:64: in 'until'                     |

  Scenario: What a listen gives has a limit
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            listen: {to: {any: [{with: {type: own.t}}], until: 'false'}}
            foreach: {output: {as: '${ "x" * 300000 }'}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.t' is published
    And the event 'own.t' is published
    Then the workflow should fault with error matching:
      """yaml
      type: runtime
      detail: .*LIMIT_VALUE_BYTES.*
      """
