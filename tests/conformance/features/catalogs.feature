Feature: Catalogs
  Functions from elsewhere. Whoever deploys gives them along, as `mainstay deploy` does.

  Scenario: A function of a catalog, by name and version
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: catalogs, version: '1.0.0'}
      use: {catalogs: {shelf: {endpoint: ./shelf}}}
      do:
        - twice: {call: 'double:1.0.0@shelf', with: {n: '${ .m }'}}
      --- # function double:1.0.0@shelf
      input: {schema: {document: {required: [n]}}}
      set: {n: '${ .n * 2 }'}
      """
    And given the workflow input is:
      """yaml
      m: 4
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 8
      """

  Scenario: The company's own catalog needs no declaration
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: catalogs, version: '1.0.0'}
      do:
        - twice: {call: 'double:2.1.0@default', with: {n: 3}}
      --- # function double:2.1.0@default
      set: {n: '${ .n * 2 }'}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 6
      """

  Scenario: A function of a catalog may call others of catalogs, and sees nothing of use
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: catalogs, version: '1.0.0'}
      use:
        functions: {double: {set: {wrong: true}}}
      do:
        - four: {call: 'fourfold:1.0.0@default', with: {n: 3}}
      --- # function fourfold:1.0.0@default
      do:
        - one: {call: 'double:1.0.0@default'}
        - two: {call: 'double:1.0.0@default'}
      --- # function double:1.0.0@default
      set: {n: '${ .n * 2 }'}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 12
      """

  Scenario: Functions are part of a version
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: catalogs, version: '1.0.0'}
      do:
        - twice: {call: 'double:1.0.0@default', with: {n: 3}}
      --- # function double:1.0.0@default
      set: {n: '${ .n * 2 }'}
      """
    When the workflow is deployed
    And the definition is replaced by:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: catalogs, version: '1.0.0'}
      do:
        - twice: {call: 'double:1.0.0@default', with: {n: 3}}
      --- # function double:1.0.0@default
      set: {n: '${ .n * 3 }'}
      """
    Then the deployment should be refused with '1.0.1'

  Scenario: A function that is not given along is named
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: catalogs, version: '1.0.0'}
      use: {catalogs: {far: {endpoint: 'https://example.com/catalog'}}}
      do:
        - twice: {call: 'double:1.0.0@far', with: {n: 3}}
      """
    Then the definition is refused with:
      """
      4:20: nothing is fetched
      """

  Scenario: An error in a function of a catalog names the place of its call
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: catalogs, version: '1.0.0'}
      do:
        - go: {call: 'broken:1.0.0@default'}
      --- # function broken:1.0.0@default
      raise: {error: {type: 'urn:own:odd', status: 500}}
      """
    When the workflow is executed
    Then the workflow should fault with error matching:
      """yaml
      type: urn:own:odd
      instance: /do/0/go.*
      """

  Scenario: An address is no function
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: catalogs, version: '1.0.0'}
      do:
        - go: {call: 'https://example.com/function.yaml'}
      """
    Then the definition is refused with:
      """
      3:17: https://example.com/function.yaml
      """
