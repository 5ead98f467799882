Feature: Starts by several events

  Scenario: All of several events start a workflow
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: both, version: '1.0.0'}
      schedule: {on: {all: [{with: {type: own.goods}}, {with: {type: own.invoice}}]}}
      do:
        - look: {set: {came: '${ [.[].type] }', n: '${ [.[].data.n] | add }'}}
      """
    When the event 'own.invoice' is published with data:
      """yaml
      n: 3
      """
    Then the event should be buffered
    When the event 'own.goods' is published with data:
      """yaml
      n: 4
      """
    Then the event should be started
    And the workflow should complete with output:
      """yaml
      {came: [own.invoice, own.goods], n: 7}
      """

  Scenario: What has come waits over a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: both, version: '1.0.0'}
      schedule: {read: data, on: {all: [{with: {type: own.goods}}, {with: {type: own.invoice}}]}}
      do:
        - look: {set: {n: '${ [.[].n] }'}}
      """
    When the event 'own.invoice' is published with data:
      """yaml
      n: 3
      """
    And the coordinator is restarted
    And the event 'own.goods' is published with data:
      """yaml
      n: 4
      """
    Then the event should be started
    And the workflow should complete with output:
      """yaml
      n: [3, 4]
      """

  Scenario: Others of a kind wait for the next start
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: both, version: '1.0.0'}
      schedule: {read: data, on: {all: [{with: {type: own.goods}}, {with: {type: own.invoice}}]}}
      do:
        - look: {set: {n: '${ [.[].n] }'}}
      """
    When the event 'own.invoice' is published with data:
      """yaml
      n: 1
      """
    And the event 'own.invoice' is published with data:
      """yaml
      n: 2
      """
    And the event 'own.goods' is published with data:
      """yaml
      n: 3
      """
    Then the workflow should complete with output:
      """yaml
      n: [1, 3]
      """
    When the event 'own.goods' is published with data:
      """yaml
      n: 4
      """
    Then 2 workflows should have been started
    And the last workflow should complete with output:
      """yaml
      n: [2, 4]
      """

  Scenario: What belongs together starts together
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: both, version: '1.0.0'}
      schedule:
        read: data
        on:
          all:
            - {with: {type: own.goods}, correlate: {order: {from: .data.order}}}
            - {with: {type: own.invoice}, correlate: {order: {from: .data.reference}}}
      do:
        - look: {set: {n: '${ [.[].n] }'}}
      """
    When the event 'own.goods' is published with data:
      """yaml
      {order: 7, n: 1}
      """
    And the event 'own.invoice' is published with data:
      """yaml
      {reference: 8, n: 2}
      """
    Then the event should be buffered
    When the event 'own.invoice' is published with data:
      """yaml
      {reference: 7, n: 3}
      """
    Then the event should be started
    And 1 workflow should have been started
    And the workflow should complete with output:
      """yaml
      n: [1, 3]
      """

  Scenario: An event ends what was gathered
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: lines, version: '1.0.0'}
      schedule:
        read: data
        on:
          any: [{with: {type: own.line}}]
          until: {one: {with: {type: own.end}}}
      do:
        - look: {set: {n: '${ [.[].n] }'}}
      """
    When the event 'own.end' is published
    Then the event should be buffered
    When the event 'own.line' is published with data:
      """yaml
      n: 1
      """
    And the event 'own.line' is published with data:
      """yaml
      n: 2
      """
    And the event 'own.end' is published
    Then the event should be started
    And the workflow should complete with output:
      """yaml
      n: [1, 2]
      """

  Scenario: A condition ends what was gathered, and the next begins
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: batch, version: '1.0.0'}
      schedule: {read: data, on: {any: [{with: {type: own.line}}], until: length == 2}}
      do:
        - look: {set: {n: '${ [.[].n] }'}}
      """
    When the event 'own.line' is published with data:
      """yaml
      n: 1
      """
    And the event 'own.line' is published with data:
      """yaml
      n: 2
      """
    Then the event should be started
    When the event 'own.line' is published with data:
      """yaml
      n: 3
      """
    Then the event should be buffered
    And the workflow should complete with output:
      """yaml
      n: [1, 2]
      """

  Scenario: Each definition gathers for itself
    Given another workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: other, version: '1.0.0'}
      schedule: {read: data, on: {all: [{with: {type: own.goods}}, {with: {type: own.note}}]}}
      do:
        - look: {set: {other: '${ [.[].n] }'}}
      """
    And given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: each, version: '1.0.0'}
      schedule: {read: data, on: {all: [{with: {type: own.goods}}, {with: {type: own.invoice}}]}}
      do:
        - look: {set: {n: '${ [.[].n] }'}}
      """
    When the workflow is deployed
    And the event 'own.goods' is published with data:
      """yaml
      n: 1
      """
    And the event 'own.invoice' is published with data:
      """yaml
      n: 2
      """
    And the event 'own.note' is published with data:
      """yaml
      n: 3
      """
    Then the workflow should complete with output:
      """yaml
      n: [1, 2]
      """
    And the workflow 'other' should complete with output:
      """yaml
      other: [1, 3]
      """

  Scenario: A newer version goes on with what came
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: newer, version: '1.0.0'}
      schedule: {read: data, on: {all: [{with: {type: own.goods}}, {with: {type: own.invoice}}]}}
      do:
        - look: {set: {old: '${ [.[].n] }'}}
      """
    When the event 'own.goods' is published with data:
      """yaml
      n: 1
      """
    And the definition is replaced by:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: newer, version: '1.1.0'}
      schedule: {read: data, on: {all: [{with: {type: own.goods}}, {with: {type: own.bill}}]}}
      do:
        - look: {set: {new: '${ [.[].n] }'}}
      """
    And the workflow is deployed
    And the event 'own.bill' is published with data:
      """yaml
      n: 2
      """
    Then the workflow should complete with output:
      """yaml
      new: [1, 2]
      """

  Scenario: An event after which until fails is not gathered
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fails, version: '1.0.0'}
      schedule:
        read: data
        on: {any: [{with: {type: own.goods}}], until: '${ (map(.n) | add) / .[-1].d >= 3 }'}
      do:
        - look: {set: {n: '${ [.[].n] }'}}
      """
    When the event 'own.goods' is published with data:
      """yaml
      {n: 1, d: 1}
      """
    And the event 'own.goods' is published with data:
      """yaml
      {n: 7, d: 0}
      """
    And the event 'own.goods' is published with data:
      """yaml
      {n: 2, d: 1}
      """
    Then the workflow should complete with output:
      """yaml
      n: [1, 2]
      """
