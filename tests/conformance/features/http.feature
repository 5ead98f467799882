Feature: HTTP calls
  Requests go to a loopback stand-in of httpbin.org, see README.md.

  Scenario: The content is the output
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get:
            call: http
            with:
              method: get
              endpoint: https://httpbin.org/get
              query: {a: 1, b: '${ .b }'}
              headers: {X-Own: '${ .b }'}
            output: {as: '{args, own: .headers["X-Own"], method}'}
      """
    And given the workflow input is:
      """yaml
      b: two words & more
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {args: {a: '1', b: two words & more}, own: two words & more, method: GET}
      """

  Scenario: The whole response on request
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get: {call: http, with: {method: get, endpoint: 'https://httpbin.org/status/204', output: response}}
      """
    When the workflow is executed
    Then the workflow output should have a 'statusCode' property with value:
      """yaml
      204
      """
    And the workflow output should have a 'request.uri' property with value:
      """yaml
      https://httpbin.org/status/204
      """

  Scenario: The raw answer is base64
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get: {call: http, with: {method: get, endpoint: 'https://httpbin.org/text', output: raw}}
        - told: {set: {text: '${ . | @base64d }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      text: plain text
      """

  Scenario: A text is a text
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get: {call: http, with: {method: get, endpoint: 'https://httpbin.org/text'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      plain text
      """

  Scenario: A body is sent as JSON
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - post:
            call: http
            with:
              method: post
              endpoint: https://httpbin.org/post
              body: {order: '${ .id }', items: [1, 2]}
            output: {as: '{json, method}'}
      """
    And given the workflow input is:
      """yaml
      id: 7
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {json: {order: 7, items: [1, 2]}, method: POST}
      """

  Scenario: A declared idempotency key makes a post safe to repeat
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - attempt:
            try:
              - post:
                  call: http
                  with:
                    method: post
                    endpoint: ${ "https://httpbin.org/flaky/" + $workflow.id + "/2" }
                    headers: {Idempotency-Key: '${ $workflow.id }'}
                    body: {}
            catch:
              errors: {with: {status: 503}}
              retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 3}}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      asked: 3
      """
    And attempt should be retried 2 times

  Scenario Outline: Parts of a template are properties of the input, encoded
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get:
            call: http
            with: {method: get, endpoint: 'https://httpbin.org/anything/{part}?q={part}'}
            output: {as: '{url}'}
      """
    And given the workflow input is:
      """json
      {"part": <part>}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """json
      {"url": "https://httpbin.org/anything/<encoded>?q=<encoded>"}
      """

    Examples:
      | part   | encoded  |
      | "x"    | x        |
      | 5      | 5        |
      | "a/b?" | a%2Fb%3F |
      | null   |          |

  Scenario: A part that is no scalar is an expression error
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get: {call: http, with: {method: get, endpoint: 'https://httpbin.org/anything/{part}'}}
      """
    And given the workflow input is:
      """yaml
      part: [1]
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/expression', status: 400, instance: /do/0/get}
      """

  Scenario Outline: An error answer is a communication error with its status
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get: {call: http, with: {method: get, endpoint: 'https://httpbin.org/status/<status>'}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/communication', status: <status>, instance: /do/0/get}
      """

    Examples:
      | status |
      | 400    |
      | 404    |
      | 500    |
      | 302    |

  Scenario Outline: An error answer can be caught
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - attempt:
            try:
              - get: {call: http, with: {method: get, endpoint: 'https://httpbin.org/status/<status>'}}
            catch:
              errors: {with: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/<type>', status: <status>}}
              do:
                - handler: {set: {caught: '${ $error.status }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      caught: <status>
      """

    Examples:
      | status | type           |
      | 503    | communication  |
      | 429    | communication  |
      | 401    | communication  |
      | 403    | communication  |

  Scenario: 401 that nothing catches asks a person
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get: {call: http, with: {method: get, endpoint: 'https://httpbin.org/bearer'}}
      """
    When the workflow is executed
    Then a person should be asked

  Scenario: Who was refused tries again when a person has put it in order
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get: {call: http, with: {method: get, endpoint: 'https://httpbin.org/flaky/own-refused/1?status=403'}}
        - then: {set: {well: true}}
      """
    When the workflow is executed
    Then a person should be asked
    When the person approves
    Then the workflow should complete with output:
      """yaml
      {well: true}
      """

  Scenario: A post whose answer is lost asks a person, and is not repeated
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - post: {call: http, with: {method: post, endpoint: 'https://httpbin.org/hang-up', body: {}}}
      """
    When the workflow is executed
    Then a person should be asked

  Scenario: A redirect is an error, or an answer on request
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get:
            call: http
            with: {method: get, endpoint: 'https://httpbin.org/redirect-to?url=/get', redirect: true, output: response}
            output: {as: '{statusCode}'}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      statusCode: 302
      """

  Scenario: Basic authentication
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - login:
            call: http
            with:
              method: get
              endpoint:
                uri: https://httpbin.org/basic-auth/{user}/{password}
                authentication: {basic: {username: '${ .user }', password: '${ .password }'}}
      """
    And given the workflow input is:
      """yaml
      {user: me, password: mine}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {authenticated: true, user: me}
      """

  Scenario: Bearer authentication
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - login:
            call: http
            with:
              method: get
              endpoint: {uri: 'https://httpbin.org/bearer', authentication: {bearer: {token: '${ .token }'}}}
            output: {as: '{token}'}
      """
    And given the workflow input is:
      """yaml
      token: abc
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      token: abc
      """

  Scenario: A host that is not allowed is not asked
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - attempt:
            try:
              - get: {call: http, with: {method: get, endpoint: 'http://127.0.0.1:9/'}}
            catch:
              do:
                - handler: {set: {status: '${ $error.status }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      status: 403
      """

  Scenario: A request that takes too long is a timeout
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get:
            timeout: {after: {milliseconds: 100}}
            call: http
            with: {method: get, endpoint: 'https://httpbin.org/delay/3'}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/timeout', status: 408, instance: /do/0/get}
      """

  Scenario: An endpoint that is an expression has no template in it
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get:
            call: http
            with: {method: get, endpoint: '${ "https://httpbin.org/anything/" + .part }'}
            output: {as: '.url | endswith("x")'}
      """
    And given the workflow input is:
      """yaml
      {part: '{deep}', deep: x}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      false
      """

  Scenario: An empty body is null
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get: {call: http, with: {method: head, endpoint: 'https://httpbin.org/get'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      null
      """

  Scenario Outline: Bodies go out as their type says
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - post:
            call: http
            with:
              method: post
              endpoint: https://httpbin.org/post
              headers: {Idempotency-Key: x, Content-Type: <type>}
              body: <body>
            output: {as: .data}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """json
      "<data>"
      """

    Examples:
      | type                              | body               | data      |
      | text/plain                        | just words         | just words |
      | application/x-www-form-urlencoded | {a: 1, b: 'x y&z'} | a=1&b=x%20y%26z |

  Scenario Outline: What a request may say is checked
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - get: {call: http, with: {<with>}}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | with                                                      | problem                                                |
      | method: get                                               | 3:29: 'with' of call: http needs 'endpoint'            |
      | method: fetch, endpoint: 'http://h/'                      | 3:38: 'method' must be one of                          |
      | method: get, endpoint: 'ftp://h/'                         | 3:54: 'ftp://h/' is not an http or https URI           |
      | method: get, endpoint: 'http://h/', body: {}              | 3:66: a GET request has no body                        |
      | method: get, endpoint: 'http://h/{a.b}'                   | 3:54: a URI template takes {name} of a property        |
      | method: get, endpoint: 'http://h/', output: json          | 3:74: 'output' must be raw, content or response        |
      | method: '${ .m }', endpoint: 'http://h/'                  | 3:39: 'method' must be a fixed text                      |

  Scenario: Headers that mean something else than the address are refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: http, version: '1.0.0'}
      do:
        - attempt:
            try:
              - get: {call: http, with: {method: get, endpoint: 'https://httpbin.org/get', headers: {Host: other}}}
            catch:
              do:
                - handler: {set: {refused: '${ $error.status }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      refused: 400
      """
