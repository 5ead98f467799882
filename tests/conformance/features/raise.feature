Feature: Raise
  Errors of the definition's own, and what they look like when nobody catches them.

  Scenario: An uncaught error ends the workflow with all its members
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: raise, version: '1.0.0'}
      do:
        - block:
            do:
              - fail: {raise: {error: {type: 'urn:own:odd', status: 418, title: Odd, detail: Very odd}}}
        - never: {set: {n: 1}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'urn:own:odd', status: 418, title: Odd, detail: Very odd, instance: /do/0/block/do/0/fail}
      """
    And fail should fault
    And block should fault
    And never should not run

  Scenario: Texts of an error may be expressions
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: raise, version: '1.0.0'}
      do:
        - fail:
            raise:
              error:
                type: urn:own:odd
                status: 400
                title: ${ "Order \(.id)" }
                detail: ${ .why }
      """
    And given the workflow input is:
      """yaml
      {id: 7, why: because}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {title: Order 7, detail: because}
      """

  Scenario: An error may be defined once and raised by name
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: raise, version: '1.0.0'}
      use:
        errors:
          odd: {type: 'urn:own:odd', status: 418, title: Odd}
      do:
        - fail: {raise: {error: odd}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'urn:own:odd', status: 418, title: Odd, instance: /do/0/fail}
      """

  Scenario: A name that is not defined is found when it is deployed
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: raise, version: '1.0.0'}
      use:
        errors:
          odd: {type: 'urn:own:odd', status: 418}
      do:
        - fail: {raise: {error: ood}}
      """
    Then the definition is refused with:
      """
      6:27: there is no 'ood' under 'use.errors'
      """

  Scenario Outline: Standard errors can be raised
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: raise, version: '1.0.0'}
      do:
        - fail:
            raise:
              error:
                type: https://serverlessworkflow.io/spec/1.0.0/errors/<name>
                status: <status>
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/<name>', status: <status>}
      """

    Examples:
      | name           | status |
      | configuration  | 400    |
      | validation     | 400    |
      | expression     | 400    |
      | authentication | 401    |
      | authorization  | 403    |
      | timeout        | 408    |
      | communication  | 500    |
      | runtime        | 500    |

  Scenario: The engine sets the instance, not the definition
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: raise, version: '1.0.0'}
      do:
        - fail: {raise: {error: {type: x, status: 400, instance: /a}}}
      """
    Then the definition is refused with:
      """
      3:50: 'instance' in an error: the engine sets it
      """

  Scenario Outline: An error needs a type and a status
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: raise, version: '1.0.0'}
      do:
        - fail: {raise: {error: {<members>}}}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | members              | problem                                                 |
      | type: x              | 3:27: an error needs 'status'                           |
      | status: 400          | 3:27: an error needs 'type'                             |
      | type: x, status: '4' | 3:46: 'status' must be a whole number from 100 to 599   |
      | type: x, status: 99  | 3:45: 'status' must be a whole number from 100 to 599   |
