Feature: Expressions
  jq, with one result, exact numbers, and nothing but data.

  Scenario Outline: An expression gives what jq gives
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: expressions, version: '1.0.0'}
      do:
        - eval:
            set:
              value: >-
                ${ <expression> }
      """
    And given the workflow input is:
      """yaml
      {a: 1, b: {c: [3, 1, 2]}, name: Milou, items: [{n: 1, k: x}, {n: 2, k: y}, {n: 3, k: x}]}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """json
      {"value": <value>}
      """

    Examples:
      | expression                                                 | value                          |
      | .b.c[1]                                                    | 1                              |
      | .missing.deep                                              | null                           |
      | .b["c"][-1]                                                | 2                              |
      | .b.c[1:]                                                   | [1, 2]                         |
      | .b.c \| sort \| .[0]                                       | 1                              |
      | .missing // "default"                                      | "default"                      |
      | if .a > 0 then "plus" else "minus" end                     | "plus"                         |
      | if .a > 5 then "big" end                                   | {"a": 1, "b": {"c": [3, 1, 2]}, "name": "Milou", "items": [{"n": 1, "k": "x"}, {"n": 2, "k": "y"}, {"n": 3, "k": "x"}]} |
      | "Hello \(.name)!"                                          | "Hello Milou!"                 |
      | [.items[] \| select(.k == "x") \| .n]                      | [1, 3]                         |
      | .items \| map(.n) \| add                                   | 6                              |
      | .items \| group_by(.k) \| map({k: .[0].k, n: length})      | [{"k": "x", "n": 2}, {"k": "y", "n": 1}] |
      | .items \| map({(.k): .n}) \| add                           | {"x": 3, "y": 2}               |
      | reduce .b.c[] as $n (0; . + $n)                            | 6                              |
      | [.b.c[] as $n \| $n * 2]                                   | [6, 2, 4]                      |
      | .b \| to_entries                                           | [{"key": "c", "value": [3, 1, 2]}] |
      | .b.c \| to_entries \| map("\(.key)=\(.value)") \| join("&") | "0=3&1=1&2=2"             |
      | {z: 1, a: 2} \| [keys_unsorted, keys]                     | [["z", "a"], ["a", "z"]]       |
      | [{k: "a", v: 1}, {key: 2, value: 3}] \| from_entries       | {"a": 1, "2": 3}               |
      | "\((.a / -2) * 0)"                                         | "0"                            |
      | .name \| ascii_downcase \| ltrimstr("mi")                  | "lou"                          |
      | [limit(2; .b.c[])]                                         | [3, 1]                         |
      | .items \| any(.n > 2)                                      | true                           |
      | .a as $one \| {one: $one} \| .one + 1                      | 2                              |
      | 9007199254740993 + 0                                       | 9007199254740993               |
      | 4 / 2                                                      | 2                              |
      | "\(.a / 0.5)"                                              | "2"                            |
      | .b.c.[0]                                                   | 3                              |
      | .a / 2                                                     | 0.5                            |
      | 0.1 + 0.2                                                  | 0.30000000000000004            |
      | "}"                                                        | "}"                            |
      | "a" # a comment }                                          | "a"                            |
      | (try error("x") catch .)                                   | "x"                            |
      | .name \| test("^M.*u$")                                    | true                           |
      | [.items[] \| if (.k \| test("x")) then .n elif .n > 5 then 0 end] \| map(type) | ["number", "object", "number"] |
      | [.items[] \| if .n > 1 then (if (.k \| test("y")) then "y" end) end] \| map(type) \| unique | ["object", "string"] |
      | [.items[] \| pick(.n)] \| add(.[].n)                     | 6                              |
      | [(" x " \| trim), ("é-" \| index("-")), ("a" \| test("a"))] | ["x", 1, true]              |
      | .items.[1].k \| test("y")                                 | true                           |
      | [.. \| numbers] \| length                                  | 7                              |

  Scenario Outline: What has no one value is an expression error of its task
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: expressions, version: '1.0.0'}
      do:
        - eval: {set: {value: '${ <expression> }'}}
      """
    And given the workflow input is:
      """yaml
      {n: 9223372036854775807, items: [1, 2], text: x, zero: 0}
      """
    When the workflow is executed
    Then the workflow should fault with error matching:
      """yaml
      type: expression
      status: '400'
      instance: /do/0/eval
      detail: <detail>
      """

    Examples:
      | expression             | detail                     |
      | .items[]               | .*2 results.*\[...\].*       |
      | empty                  | .*0 results.*              |
      | .text.deep             | .*                         |
      | .text + 1              | .*                         |
      | .n + 1                 | .*                         |
      | .n + 0.5               | .*                         |
      | 1 / .zero              | .*                         |
      | error("mine")          | .*mine.*                   |
      | .text.deep // 1        | .*                         |
      | [range(10000000)]      | .*                         |
      | .text * 1.5            | .*                         |
      | [limit(-1; .items[])]  | .*                         |
      | .text \| test("x")     | .*                         |

  Scenario Outline: What has no end is stopped in the child process
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: expressions, version: '1.0.0'}
      do:
        - eval: {set: {value: '${ <expression> }'}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/expression', status: 400, instance: /do/0/eval}
      """

    Examples:
      | expression                                             |
      | def f: f; f                                            |
      | def f: [f]; f                                          |
      | [limit(100000000; repeat("x"))] \| length              |

  Scenario Outline: What reaches out of the data is refused
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: expressions, version: '1.0.0'}
      do:
        - eval: {set: {value: '${ <expression> }'}}
      """
    Then the definition is refused with:
      """
      3:26: <words>
      """

    Examples:
      | expression     | words                                          |
      | env            | not available                                  |
      | $ENV.HOME      | $ENV                                           |
      | now            | use $workflow.startedAt or $task.startedAt     |
      | input          | not available                                  |
      | debug          | not available                                  |
      | halt           | not available                                  |
      | $secrets.key   | the secret 'key' cannot be passed here                  |
      | $authorization | $authorization                                 |
      | $contxt.a      | did you mean '$context'?                       |
      | lenght         | did you mean 'length'?                         |
      | .a +           | a value expected, but the expression ends here |

  Scenario Outline: Variables are those of their place
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: expressions, version: '1.0.0'}
      <head>
      do:
        - eval: {set: {n: 1}<task>}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | head                         | task                               | problem                                        |
      | input: {from: '${ $context }'}  |                                 | 2:16: the variable '$context' is not known here |
      | output: {as: '${ $output }'} |                                    | 2:15: the variable '$output' is not known here |
      | # none                       | , output: {as: '${ $output }'}     | 4:39: the variable '$output' is not known here |
      | # none                       | , if: '${ $input }'                | 4:30: the variable '$input' is not known here  |

  Scenario Outline: Only a whole text is an expression
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: expressions, version: '1.0.0'}
      do:
        - eval: {set: {<member>}}
      """
    Then the definition is refused with:
      """
      <problem>
      """

    Examples:
      | member                    | problem                                                                      |
      | x: 'hi ${ .b }'           | 3:22: make the whole text one expression                                     |
      | x: '${ .a } and ${ .b }'  | 3:22: an expression must be the whole text                                   |
      | x: '${ .b'                | 3:22: an expression must be the whole text, from '${' to its closing '}'     |
      | '${ .b }': 1              | 3:19: a key may not hold an expression                                       |

  Scenario: An expression may be longer than a line
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: expressions, version: '1.0.0'}
      do:
        - eval:
            set: |
              ${
                # the sum
                {sum: (.a + .b),   # of both
                 text: "}"}
              }
      """
    And given the workflow input is:
      """yaml
      {a: 1, b: 2}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {sum: 3, text: '}'}
      """

  Scenario: Fields that are always expressions take them with and without braces
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: expressions, version: '1.0.0'}
      input: {from: .outer}
      output: {as: .n}
      do:
        - bare: {if: .go, set: {n: '${ .n + 1 }', go: true}}
        - braced: {if: '${ .go }', input: {from: '${ . }'}, set: {n: '${ .n + 1 }'}, output: {as: '${ . }'}}
      """
    And given the workflow input is:
      """yaml
      outer: {n: 1, go: true}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      3
      """

  Scenario: An expression that never ends is stopped while others go on
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: expressions, version: '1.0.0'}
      do:
        - attempt:
            try:
              - eval: {set: {value: '${ last(range(1e12)) }'}}
            catch:
              errors: {with: {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/expression'}}
              do:
                - handler: {set: {stopped: '${ $error.instance }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      stopped: /do/0/attempt/try/0/eval
      """

  Scenario: An expression for the child process is a warning
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: expressions, version: '1.0.0'}
      do:
        - eval: {set: {value: '${ test("a") }'}}
      """
    Then the definition is accepted with warnings:
      """
      3:26: this expression goes to mainstay-jq
      """
