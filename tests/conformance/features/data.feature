Feature: Data flow
  What a task sees, what it hands on, and what the workflow remembers.

  Scenario: The workflow's input is transformed once
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      input: {from: .order}
      do:
        - look: {set: {seen: '${ . }', raw: '${ $workflow.input }'}}
      """
    And given the workflow input is:
      """yaml
      order: {n: 1}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {seen: {n: 1}, raw: {order: {n: 1}}}
      """

  Scenario: input.from may be an object with expressions
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - look:
            input: {from: {double: '${ .n * 2 }', fixed: true}}
            set: {seen: '${ . }', also: '${ $input }', raw: '${ $task.input }'}
      """
    And given the workflow input is:
      """yaml
      n: 4
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {seen: {double: 8, fixed: true}, also: {double: 8, fixed: true}, raw: {n: 4}}
      """

  Scenario: A workflow without input starts with an empty object
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - look: {set: {input: '${ . }', context: '${ $context }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {input: {}, context: {}}
      """

  Scenario Outline: Input of any type is kept
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - same: {set: '${ {same: .} }'}
      """
    And given the workflow input is:
      """json
      <value>
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """json
      {"same": <value>}
      """

    Examples:
      | value            |
      | [1, [2, {}]]     |
      | "text"           |
      | 42               |
      | 9007199254740993 |
      | 0.1              |
      | true             |
      | null             |

  Scenario: Input that breaks the workflow's schema faults before the first task
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      input: {schema: {document: {type: object, required: [order]}}, from: .order}
      do:
        - never: {set: {n: 1}}
      """
    And given the workflow input is:
      """yaml
      n: 1
      """
    When the workflow is executed
    Then the workflow should fault with error matching:
      """yaml
      type: validation
      status: '400'
      instance: /
      detail: .*order.*
      """
    And never should not run

  Scenario: The workflow's schema judges the input before it is transformed
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      input: {schema: {document: {required: [order]}}, from: .order}
      do:
        - look: {set: '${ . }'}
      """
    And given the workflow input is:
      """yaml
      order: {n: 1}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """

  Scenario: The workflow's output is transformed, then validated
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      output: {as: .total, schema: {document: {type: integer}}}
      do:
        - count: {set: {total: 5, rest: x}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      5
      """

  Scenario: Output that breaks the workflow's schema faults
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      output: {as: .total, schema: {document: {type: string}}}
      do:
        - count: {set: {total: 5}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
      status: 400
      instance: /
      """
    And count should complete

  Scenario: The workflow's output sees the context
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      output: {as: '${ {out: .n, kept: $context.kept} }'}
      do:
        - keep: {set: {n: 1}, export: {as: '{kept: 2}'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {out: 1, kept: 2}
      """

  Scenario: A task's schema judges its raw input, before input.from
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - look:
            input: {schema: {document: {required: [inner]}}, from: .inner}
            set: {n: '${ .n }'}
      """
    And given the workflow input is:
      """yaml
      inner: {n: 1}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """

  Scenario: Input that breaks a task's schema is an error of that task
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - fine: {set: {n: text}}
        - strict:
            input: {schema: {format: json, document: {properties: {n: {type: integer}}}}}
            set: {n: '${ .n }'}
      """
    When the workflow is executed
    Then the workflow should fault with error matching:
      """yaml
      type: validation
      status: '400'
      instance: /do/1/strict
      detail: .*/n.*
      """
    And fine should complete
    And strict should fault

  Scenario: A task's output is transformed, then judged
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - make:
            set: {n: 1}
            output: {as: '{n: (.n + 1)}', schema: {document: {properties: {n: {const: 2}}}}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 2
      """

  Scenario: Output that breaks a task's schema is an error of that task
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - make:
            set: {n: 1}
            output: {schema: {document: {required: [m]}}}
      """
    When the workflow is executed
    Then make should fault with error:
      """yaml
      type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
      status: 400
      instance: /do/0/make
      """

  Scenario: output.as may give any value, and sees the input
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - make: {set: {n: 1}, output: {as: '[.n, $input.m]'}}
        - next: {set: {got: '${ . }'}}
      """
    And given the workflow input is:
      """yaml
      m: 2
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      got: [1, 2]
      """
    And make should complete with output:
      """yaml
      [1, 2]
      """

  Scenario: export.as sees the transformed output
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - make:
            set: {n: 1}
            output: {as: '{n: (.n + 1)}'}
            export: {as: '${ {dot: .n, output: $output.n, input: $input.m} }'}
        - told: {set: '${ $context }'}
      """
    And given the workflow input is:
      """yaml
      m: 9
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {dot: 2, output: 2, input: 9}
      """

  Scenario: An export replaces the context, it does not merge
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - one: {set: {n: 1}, export: {as: '{a: 1}'}}
        - two: {set: {n: 2}, export: {as: '{b: 2}'}}
        - three: {set: {n: 3}, export: {as: '$context + {c: 3}'}}
        - told: {set: '${ $context }'}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {b: 2, c: 3}
      """

  Scenario: An export does not change the output
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - make: {set: {n: 1}, export: {as: .n}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """

  Scenario: An export that breaks its schema is an error of that task
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - make:
            set: {n: 1}
            export: {as: '{kept: .n}', schema: {document: {properties: {kept: {type: string}}}}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
      status: 400
      instance: /do/0/make
      """

  Scenario: Exports inside a block are seen after it
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - block:
            do:
              - inner: {set: {n: 1}, export: {as: '{kept: .n}'}}
        - told: {set: '${ $context }'}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      kept: 1
      """

  Scenario: Expressions know the workflow and the task
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.2.3', title: A title}
      do:
        - outer:
            do:
              - look:
                  set:
                    name: ${ $task.name }
                    reference: ${ $task.reference }
                    verb: '${ $task.definition | has("set") }'
                    title: ${ $workflow.definition.document.title }
                    version: ${ $workflow.definition.document.version }
                    id: ${ $workflow.id | length }
                    runtime: ${ $runtime.name }
                    begun: ${ $task.startedAt.epoch.milliseconds >= $workflow.startedAt.epoch.milliseconds }
                    iso: ${ $workflow.startedAt.iso8601 | length > 19 }
      """
    When the workflow is executed
    Then the workflow output should have a 'name' property with value:
      """yaml
      look
      """
    And the workflow output should have a 'reference' property with value:
      """yaml
      /do/0/outer/do/0/look
      """
    And the workflow output should have a 'verb' property with value:
      """yaml
      true
      """
    And the workflow output should have a 'title' property with value:
      """yaml
      A title
      """
    And the workflow output should have a 'version' property with value:
      """yaml
      1.2.3
      """
    And the workflow output should have a 'id' property with value:
      """yaml
      32
      """
    And the workflow output should have a 'runtime' property matching '[Mm]ainstay'
    And the workflow output should have a 'begun' property with value:
      """yaml
      true
      """
    And the workflow output should have a 'iso' property with value:
      """yaml
      true
      """

  Scenario: Schemas from elsewhere are not fetched
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      input: {schema: {resource: {endpoint: 'https://example.com/schema.json'}}}
      do:
        - a: {set: {n: 1}}
      """
    Then the definition is refused with:
      """
      2:40: the schema at 'https://example.com/schema.json' is elsewhere
      """

  Scenario: A schema may be in a file
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      input: {schema: {resource: {endpoint: ./order.json}}}
      do:
        - a: {set: {n: '${ .id }'}}
      --- # schema ./order.json
      {"required": ["id"]}
      """
    And given the workflow input is:
      """yaml
      other: 1
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
      status: 400
      """

  Scenario: A schema that is none is found when it is deployed
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - a: {set: {n: 1}, output: {schema: {document: {type: strng}}}}
      """
    Then the definition is refused with:
      """
      3:50: not a valid JSON Schema: #/type
      """

  Scenario: Metadata of a task is kept and does nothing
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0', tags: {a: [1]}, metadata: {x: y}}
      do:
        - look: {set: {found: '${ $task.definition.metadata.owner }'}, metadata: {owner: someone}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      found: someone
      """

  Scenario: A value that grows and grows stops at its limit
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: data, version: '1.0.0'}
      do:
        - start: {set: {n: 1}}
        - doubled: {set: {a: '${ . }', b: '${ . }'}, then: doubled}
      """
    When the workflow is executed
    Then the workflow should fault with error matching:
      """yaml
      type: runtime
      status: '500'
      instance: /do/1/doubled
      title: a value of this task is larger than 4 MB
      detail: .*LIMIT_DOCUMENT_BYTES.*
      """
