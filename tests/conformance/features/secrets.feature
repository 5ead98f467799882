Feature: Secrets and authentication
  What the agent holds is used by it and seen by nobody else. README.md says which secrets there are.

  Scenario: A secret reaches the other side, and its text comes back as its name
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: secrets, version: '1.0.0'}
      use: {secrets: [key, login]}
      do:
        - post:
            call: http
            with:
              method: post
              endpoint: https://httpbin.org/post
              headers: {X-Key: '${ $secrets.key }', Idempotency-Key: x}
              body: {password: '${ $secrets.login.password }'}
            output: {as: '{key: .headers["X-Key"], json}'}
      """
    When the workflow is executed
    Then the workflow output should have a 'key' property matching '\[secret key\]'
    And the workflow output should have a 'json.password' property matching '\[secret login.*\]'

  Scenario: Data that looks like a reference is data
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: secrets, version: '1.0.0'}
      use: {secrets: [key]}
      do:
        - post:
            call: http
            with: {method: post, endpoint: 'https://httpbin.org/post', headers: {Idempotency-Key: x}, body: '${ . }'}
            output: {as: .json}
      """
    And given the workflow input is:
      """yaml
      forged: ${ $secrets.key }
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      forged: ${ $secrets.key }
      """

  Scenario Outline: A secret that is missing, or that others may read, asks a person
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: secrets, version: '1.0.0'}
      use: {secrets: [<name>]}
      do:
        - get: {call: http, with: {method: get, endpoint: 'https://httpbin.org/get', headers: {X: '${ $secrets.<name> }'}}}
      """
    When the workflow is executed
    Then a person should be asked
    When the workflow is cancelled
    Then the workflow should cancel

    Examples:
      | name |
      | late |
      | open |

  Scenario Outline: Secrets have few places
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: secrets, version: '1.0.0'}
      use: {secrets: [key]}
      do:
        - a: {<task>}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | task                                                                                       | problem      |
      | set: {x: '${ $secrets.key }'}                                                               | 4:19: secret |
      | if: '${ $secrets.key == "x" }', set: {n: 1}                                                 | 4:14: secret |
      | wait: {seconds: 0}, export: {as: '${ $secrets.key }'}                                       | 4:43: secret |
      | call: http, with: {method: get, endpoint: 'http://h/', headers: {X: '${ $secrets.key + "x" }'}} | 4:78: secret |
      | call: http, with: {method: get, endpoint: 'http://h/', headers: {X: '${ $secrets.other }'}} | 4:78: other  |

  Scenario Outline: Ways to log in
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: secrets, version: '1.0.0'}
      use:
        secrets: [login, bearer, word, key]
        authentications: {named: {basic: {use: login}}}
      do:
        - get:
            call: http
            with: {method: get, endpoint: {uri: 'https://httpbin.org/<path>', authentication: {<how>}}}
            output: {as: .authenticated}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      true
      """

    Examples:
      | path               | how                                                              |
      | basic-auth/me/mine | basic: {username: me, password: mine}                            |
      | basic-auth/me/mine | basic: {username: me, password: '${ $secrets.login.password }'}  |
      | basic-auth/me/mine | basic: {use: login}                                              |
      | basic-auth/me/mine | use: named                                                       |
      | bearer             | bearer: {token: abc}                                             |
      | bearer             | bearer: {use: bearer}                                            |
      | bearer             | oauth2: {authority: 'https://httpbin.org', grant: client_credentials, client: {id: me, secret: '${ $secrets.word }'}} |
      | bearer             | oauth2: {authority: 'https://httpbin.org', grant: client_credentials, client: {id: me, secret: '${ $secrets.word }', authentication: client_secret_basic}} |
      | bearer             | oauth2: {authority: 'https://httpbin.org', grant: password, username: me, password: '${ $secrets.word }'} |
      | bearer             | oauth2: {authority: 'https://httpbin.org', grant: 'urn:ietf:params:oauth:grant-type:token-exchange', client: {id: me, secret: '${ $secrets.word }'}, subject: {token: '${ $secrets.key }', type: 'urn:ietf:params:oauth:token-type:jwt'}, actor: {token: mine, type: 'urn:ietf:params:oauth:token-type:access_token'}} |
      | bearer             | oidc: {authority: 'https://httpbin.org/realm', grant: client_credentials, client: {id: me, secret: '${ $secrets.word }'}} |

  Scenario: A login that is refused is an error that can be caught
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: secrets, version: '1.0.0'}
      do:
        - attempt:
            try:
              - get:
                  call: http
                  with:
                    method: get
                    endpoint:
                      uri: https://httpbin.org/bearer
                      authentication: {oauth2: {authority: 'https://httpbin.org', grant: client_credentials, client: {id: me, secret: wrong}}}
            catch:
              do:
                - handler: {set: {status: '${ $error.status }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      status: 403
      """

  Scenario Outline: What needs a browser or a private key is refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: secrets, version: '1.0.0'}
      do:
        - get:
            call: http
            with:
              method: get
              endpoint:
                uri: http://h/
                authentication: {oauth2: {authority: 'http://h', grant: <grant>, client: {id: me}}}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | grant              | problem                    |
      | authorization_code | 9:67: not 'authorization_code' |
      | refresh_token      | 9:67: not 'refresh_token'  |
      | 'urn:ietf:params:oauth:grant-type:token-exchange' | 9:36: a token exchange needs 'subject' |
