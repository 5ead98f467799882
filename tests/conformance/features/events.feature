Feature: Events
  emit, listen, triggers, correlation, the buffer.

  Scenario: The output of an emit is the event
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: emit, version: '1.0.0'}
      do:
        - say:
            emit:
              event:
                with:
                  type: own.said
                  source: /own/source
                  subject: ${ "order/\(.order)" }
                  datacontenttype: application/json
                  data: {order: '${ .order }', fixed: true}
                  extension: more
      """
    And given the workflow input is:
      """yaml
      order: 7
      """
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have properties 'id', 'time', 'specversion'
    And the workflow output should have a 'type' property with value:
      """yaml
      own.said
      """
    And the workflow output should have a 'subject' property with value:
      """yaml
      order/7
      """
    And the workflow output should have a 'data' property with value:
      """yaml
      {order: 7, fixed: true}
      """
    And the workflow output should have a 'extension' property with value:
      """yaml
      more
      """
    And the event 'own.said' should be published with data:
      """yaml
      {order: 7, fixed: true}
      """

  Scenario: Source, id and time of an event are filled in
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: emit, version: '1.0.0'}
      do:
        - say: {emit: {event: {with: {type: own.bare}}}}
      """
    When the workflow is executed
    Then the workflow output should have a 'source' property with value:
      """yaml
      /own/emit/1.0.0
      """
    And the workflow output should have a 'specversion' property with value:
      """yaml
      '1.0'
      """
    And the workflow output should have a 'id' property matching '.+'
    And the workflow output should have a 'time' property matching '\d{4}-\d\d-\d\dT.*Z'

  Scenario Outline: What an event may not say is an error of its emit
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: emit, version: '1.0.0'}
      do:
        - say: {emit: {event: {with: {type: own.said, <attribute>: '${ <value> }'}}}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
      status: 400
      instance: /do/0/say
      title: an event cannot have this '<attribute>'
      """

    Examples:
      | attribute   | value       |
      | id          | ""          |
      | time        | "yesterday" |
      | specversion | "0.3"       |
      | subject     | {a: 1}      |
      | own         | [1]         |

  Scenario: What is fixed and wrong about an event is refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: emit, version: '1.0.0'}
      do:
        - a: {emit: {event: {with: {type: own.said, time: yesterday}}}}
        - b: {emit: {event: {with: {type: own.said, my-key: 1}}}}
      """
    Then the definition is refused with:
      """
      3:53: 'time' of an event
      4:55: names of attributes are 1 to 64 letters and digits
      """

  Scenario: An event needs a type
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: emit, version: '1.0.0'}
      do:
        - say: {emit: {event: {with: {source: x}}}}
      """
    Then the definition is refused with:
      """
      3:32: an event needs 'type'
      """

  Scenario: An event emitted by one workflow starts and continues others
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: asking, version: '1.0.0'}
      do:
        - ask: {emit: {event: {with: {type: own.question, data: {price: 5}}}}}
        - hear: {listen: {to: {one: {with: {type: own.answer}}}}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: answering, version: '1.0.0'}
      schedule: {on: {one: {with: {type: own.question}}}}
      do:
        - answer:
            emit: {event: {with: {type: own.answer, data: '${ {total: ($workflow.input[0].data.price * 2)} }'}}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      - {total: 10}
      """
    And the workflow 'answering' should complete

  Scenario: Listening to one event gives a list of one
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear: {listen: {to: {one: {with: {type: own.one}}}}}
        - told: {set: {first: '${ .[0].n }', count: '${ length }'}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.one' is published with data:
      """yaml
      n: 4
      """
    Then the event should be continued
    And the workflow should complete with output:
      """yaml
      {first: 4, count: 1}
      """
    And hear should complete with output:
      """yaml
      - {n: 4}
      """

  Scenario: Listening to any of several takes the first that comes
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear: {listen: {to: {any: [{with: {type: own.a}}, {with: {type: own.b}}]}}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.b' is published with data:
      """yaml
      from: b
      """
    Then the workflow should complete with output:
      """yaml
      - {from: b}
      """

  Scenario: Listening to all takes each once, in the order they come
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear: {listen: {to: {all: [{with: {type: own.a}}, {with: {type: own.b}}]}}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.b' is published with data:
      """yaml
      n: 1
      """
    And the event 'own.b' is published with data:
      """yaml
      n: 2
      """
    And the event 'own.a' is published with data:
      """yaml
      n: 3
      """
    Then the workflow should complete with output:
      """yaml
      [{n: 1}, {n: 3}]
      """

  Scenario: An event of a given source and subject
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear: {listen: {to: {one: {with: {type: own.a, source: /right, subject: me}}}}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.a' is published with attributes:
      """yaml
      {source: /wrong, subject: me, data: {n: 1}}
      """
    And the event 'own.a' is published with attributes:
      """yaml
      {source: /right, subject: you, data: {n: 2}}
      """
    And the event 'own.a' is published with attributes:
      """yaml
      {source: /right, subject: me, data: {n: 3}}
      """
    Then the workflow should complete with output:
      """yaml
      - {n: 3}
      """

  Scenario: A filter on data is an expression that knows the workflow
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - keep: {set: {limit: 10}, export: {as: .}}
        - hear: {listen: {to: {one: {with: {type: own.a, data: '${ .n > $context.limit }'}}}}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.a' is published with data:
      """yaml
      n: 10
      """
    And the event 'own.a' is published with data:
      """yaml
      n: 11
      """
    Then the workflow should complete with output:
      """yaml
      - {n: 11}
      """

  Scenario: Envelopes are read on request
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            listen: {to: {one: {with: {type: own.a}}}, read: envelope}
            output: {as: '.[0] | {id, type, source, data}'}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.a' is published with attributes:
      """yaml
      {source: /here, id: '17', data: {n: 1}}
      """
    Then the workflow should complete with output:
      """yaml
      {id: '17', type: own.a, source: /here, data: {n: 1}}
      """

  Scenario: An event before its listener is kept for it
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear: {listen: {to: {one: {with: {type: own.early}}}}}
      """
    When the event 'own.early' is published with data:
      """yaml
      n: 1
      """
    Then the event should be buffered
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      - {n: 1}
      """

  Scenario: The same event twice is one event
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - first: {listen: {to: {one: {with: {type: own.a}}}}}
        - second: {listen: {to: {one: {with: {type: own.a}}}}}
      """
    When the workflow is executed
    And first has started
    And the event 'own.a' is published with attributes:
      """yaml
      {source: /here, id: same, data: {n: 1}}
      """
    And the event 'own.a' is published with attributes:
      """yaml
      {source: /here, id: same, data: {n: 1}}
      """
    Then the event should be duplicate
    When the event 'own.a' is published with attributes:
      """yaml
      {source: /here, id: other, data: {n: 2}}
      """
    Then the workflow should complete with output:
      """yaml
      - {n: 2}
      """

  Scenario: Correlation with an expected value
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            listen:
              to:
                one:
                  with: {type: own.paid}
                  correlate: {order: {from: .data.order, expect: '${ .order }'}}
      """
    And given the workflow input is:
      """yaml
      order: B
      """
    When the workflow is executed
    And hear has started
    And the event 'own.paid' is published with data:
      """yaml
      {order: A, sum: 1}
      """
    And the event 'own.paid' is published with data:
      """yaml
      {order: B, sum: 2}
      """
    Then the workflow should complete with output:
      """yaml
      - {order: B, sum: 2}
      """

  Scenario: Correlation without an expected value takes the first one
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            listen:
              to:
                all:
                  - {with: {type: own.packed}, correlate: {order: {from: .data.order}}}
                  - {with: {type: own.paid}, correlate: {order: {from: .data.order}}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.packed' is published with data:
      """yaml
      order: A
      """
    And the event 'own.paid' is published with data:
      """yaml
      order: B
      """
    And the event 'own.paid' is published with data:
      """yaml
      {order: A, sum: 2}
      """
    Then the workflow should complete with output:
      """yaml
      [{order: A}, {order: A, sum: 2}]
      """

  Scenario: What a correlation expects holds wherever the listen names its key
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            listen:
              to:
                any:
                  - {with: {type: own.item}, correlate: {order: {from: .data.order, expect: '${ .order }'}}}
                  - {with: {type: own.note}, correlate: {order: {from: .data.order}}}
                until:
                  one: {with: {type: own.closed}, correlate: {order: {from: .data.order}}}
            output: {as: '${ map(.n) }'}
      """
    And given the workflow input is:
      """yaml
      order: A
      """
    When the workflow is executed
    And hear has started
    And the event 'own.closed' is published with data:
      """yaml
      order: B
      """
    And the event 'own.note' is published with data:
      """yaml
      {order: B, n: 1}
      """
    And the event 'own.item' is published with data:
      """yaml
      {order: A, n: 2}
      """
    And the event 'own.note' is published with data:
      """yaml
      {order: A, n: 3}
      """
    And the event 'own.closed' is published with data:
      """yaml
      order: A
      """
    Then the workflow should complete with output:
      """yaml
      [2, 3]
      """

  Scenario: Correlation ends with the listen it stands in
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - each:
            for: {in: '[1, 2]'}
            do:
              - hear:
                  listen:
                    to: {one: {with: {type: own.a}, correlate: {order: {from: .data.order}}}}
      """
    When the workflow is executed
    And the event 'own.a' is published with data:
      """yaml
      order: A
      """
    And the event 'own.a' is published with data:
      """yaml
      order: B
      """
    Then the workflow should complete with output:
      """yaml
      - {order: B}
      """

  Scenario: A listener waits over a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear:
            listen:
              to:
                all:
                  - {with: {type: own.packed}, correlate: {order: {from: .data.order}}}
                  - {with: {type: own.paid}, correlate: {order: {from: .data.order}}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.packed' is published with data:
      """yaml
      order: A
      """
    And the coordinator is restarted
    And the event 'own.paid' is published with data:
      """yaml
      order: B
      """
    And the event 'own.paid' is published with data:
      """yaml
      {order: A, late: true}
      """
    Then the workflow should complete with output:
      """yaml
      [{order: A}, {order: A, late: true}]
      """

  Scenario: An event is known over a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: known, version: '1.0.0'}
      schedule: {on: {one: {with: {type: own.a}}}}
      do:
        - a: {set: {n: '${ $workflow.input[0].data.n }'}}
      """
    When the event 'own.a' is published with attributes:
      """yaml
      {source: /here, id: same, data: {n: 1}}
      """
    Then the event should be started
    When the coordinator is restarted
    And the event 'own.a' is published with attributes:
      """yaml
      {source: /here, id: same, data: {n: 1}}
      """
    Then the event should be duplicate
    And 1 workflow should have been started

  Scenario Outline: A filter that cannot be meant is refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: listen, version: '1.0.0'}
      do:
        - hear: {listen: {to: <to>}}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | to                                   | problem                                                         |
      | {}                                   | 3:25: an event strategy needs 'one', 'any' or 'all'             |
      | {one: {with: {}}}                    | 3:38: needs at least one attribute (use 'any: []'               |
      | {one: {with: {data: .x}}}            | 3:45: 'data' of an event filter must be an expression in ${ }   |
      | {one: {with: {type: '${ .x }'}}}     | 3:46: must be a fixed text, not an expression                   |
      | {all: []}                            | 3:31: 'all' needs at least one event filter                     |

  Scenario Outline: A type that cannot be one is refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: emit, version: '1.0.0'}
      do:
        - it: {emit: {event: {with: {type: <type>}}}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
      """

    Examples:
      | type                                       |
      | '${ "a" * 201 }'                           |
      | '${ "order paid" }'                        |

  # ---- triggers ----

  Scenario: An event starts a workflow with a list of events as its input
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: trigger, version: '1.0.0'}
      schedule: {on: {one: {with: {type: own.order}}}}
      do:
        - look: {set: {count: '${ length }', n: '${ .[0].data.n }', same: '${ $workflow.input[0].type }'}}
      """
    When the event 'own.order' is published with data:
      """yaml
      n: 3
      """
    Then the event should be started
    And the workflow should complete with output:
      """yaml
      {count: 1, n: 3, same: own.order}
      """

  Scenario: A trigger may read the data alone
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: trigger, version: '1.0.0'}
      schedule: {on: {one: {with: {type: own.order}}}, read: data}
      do:
        - look: {set: {n: '${ .[0].n }'}}
      """
    When the event 'own.order' is published with data:
      """yaml
      n: 3
      """
    Then the workflow should complete with output:
      """yaml
      n: 3
      """

  Scenario: Each event starts one workflow, and the same one none
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: trigger, version: '1.0.0'}
      schedule: {on: {any: [{with: {type: own.a}}, {with: {type: own.b}}]}}
      do:
        - look: {set: {n: '${ .[0].data.n }'}}
      """
    When the event 'own.a' is published with attributes:
      """yaml
      {source: /here, id: '1', data: {n: 1}}
      """
    And the event 'own.b' is published with attributes:
      """yaml
      {source: /here, id: '2', data: {n: 1}}
      """
    And the event 'own.b' is published with attributes:
      """yaml
      {source: /here, id: '2', data: {n: 1}}
      """
    Then 2 workflows should have been started
    And all workflows should complete with output:
      """yaml
      n: 1
      """

  Scenario: A trigger's filter on data
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: trigger, version: '1.0.0'}
      schedule: {on: {one: {with: {type: own.order, data: '${ .n > 5 }'}}}}
      do:
        - look: {set: {n: '${ .[0].data.n }'}}
      """
    When the event 'own.order' is published with data:
      """yaml
      n: 5
      """
    Then the event should be buffered
    When the event 'own.order' is published with data:
      """yaml
      n: 6
      """
    Then 1 workflow should have been started
    And the workflow should complete with output:
      """yaml
      n: 6
      """

  Scenario Outline: What a trigger may not say
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: trigger, version: '1.0.0'}
      schedule: {on: {<on>}}
      do:
        - a: {set: {n: 1}}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | on                                                             | problem                  |
      | one: {with: {type: own.a}, correlate: {a: {from: .data}}}      | 2:44: nothing to be correlated with |
      | one: {with: {type: own.a}}, until: 'false'                     | 2:45: 'until' goes with 'any' |
      | any: [{with: {type: own.a}}], until: $context.n                 | 2:54: '$context' is not known here |
      | all: [{with: {type: own.a}, correlate: {a: {from: .a}}}, {with: {type: own.b}}] | 2:74: 'a' is not correlated by all of them |

  Scenario: An event that starts one workflow may continue another
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: waits, version: '1.0.0'}
      do:
        - hear: {listen: {to: {one: {with: {type: own.both}}}}}
      """
    And another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: starts, version: '1.0.0'}
      schedule: {on: {one: {with: {type: own.both}}}}
      do:
        - look: {set: {n: '${ .[0].data.n }'}}
      """
    When the workflow is executed
    And hear has started
    And the event 'own.both' is published with data:
      """yaml
      n: 1
      """
    Then the workflow should complete with output:
      """yaml
      - {n: 1}
      """
    And the workflow 'starts' should complete with output:
      """yaml
      n: 1
      """
