Feature: OpenAPI calls
  Operations of a description that the connector fetches from a loopback stand-in.

  Scenario: An operation of Swagger 2.0 by its name
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: openapi, version: '1.0.0'}
      do:
        - find:
            call: openapi
            with:
              document: {endpoint: 'https://petstore.swagger.io/v2/swagger.json'}
              operationId: findPetsByStatus
              parameters: {status: '${ .status }'}
            output: {as: 'map(.name)'}
      """
    And given the workflow input is:
      """yaml
      status: pending
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      [Idefix]
      """

  Scenario: An operation of OpenAPI 3 with a path, a query and a header
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: openapi, version: '1.0.0'}
      do:
        - show:
            call: openapi
            with:
              document: {endpoint: 'https://httpbin.org/openapi.json'}
              operationId: show
              parameters: {part: a/b, tags: [x, y], X-Own: mine}
            output: {as: '{url, own: .headers["X-Own"]}'}
      """
    When the workflow is executed
    Then the workflow output should have a 'url' property matching 'https://httpbin.org/anything/a%2Fb\?tags=x&tags=y'
    And the workflow output should have a 'own' property with value:
      """yaml
      mine
      """

  Scenario: A body is given as the parameter body
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: openapi, version: '1.0.0'}
      do:
        - send:
            call: openapi
            with:
              document: {endpoint: 'https://httpbin.org/openapi.json'}
              operationId: send
              parameters: {body: {order: 7}}
            output: {as: '{json, method}'}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {json: {order: 7}, method: POST}
      """

  Scenario Outline: Arguments that do not fit the operation are errors
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: openapi, version: '1.0.0'}
      do:
        - attempt:
            try:
              - show:
                  call: openapi
                  with:
                    document: {endpoint: 'https://httpbin.org/openapi.json'}
                    operationId: <operation>
                    parameters: {<parameters>}
            catch:
              do:
                - handler: {set: {status: '${ $error.status }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      status: 400
      """

    Examples:
      | operation | parameters       |
      | show      | part: a, prat: b |
      | show      | tags: [x]        |
      | nothing   | part: a          |

  Scenario: An error answer of an operation is a communication error
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: openapi, version: '1.0.0'}
      do:
        - pet:
            call: openapi
            with:
              document: {endpoint: 'https://petstore.swagger.io/v2/swagger.json'}
              operationId: getPetById
              parameters: {petId: 99}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/communication', status: 404, instance: /do/0/pet}
      """

  Scenario: authentication says who asks
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: openapi, version: '1.0.0'}
      use: {secrets: [bearer]}
      do:
        - login:
            call: openapi
            with:
              document: {endpoint: 'https://httpbin.org/openapi.json'}
              operationId: login
              authentication: {bearer: {use: bearer}}
            output: {as: .authenticated}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      true
      """

  Scenario: An operation needs a name
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: openapi, version: '1.0.0'}
      do:
        - a: {call: openapi, with: {document: {endpoint: 'http://h/'}}}
      """
    Then the definition is refused with:
      """
      3:30: 'with' of call: openapi needs 'operationId'
      """
