Feature: Fork
  Branches side by side: joined, or racing.

  Scenario: A join gives the outputs in declared order
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - late: {wait: {milliseconds: 60}, output: {as: '{late: .n}'}}
                - early: {set: {early: '${ .n + 1 }'}}
      """
    And given the workflow input is:
      """yaml
      n: 1
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      [{late: 1}, {early: 2}]
      """
    And both should run first
    And late should run before early
    And late should complete

  Scenario: A race gives the winner's output alone, and cancels the others
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - race:
            fork:
              compete: true
              branches:
                - never: {wait: PT1H}
                - soon: {wait: {milliseconds: 20}, output: {as: '{won: true}'}}
        - after: {set: {won: '${ .won }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      won: true
      """
    And never should cancel
    And soon should complete

  Scenario: A race that is won at once cancels the branches that did not begin
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - race:
            fork:
              compete: true
              branches:
                - first: {set: {won: true}}
                - second: {set: {won: false}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      won: true
      """
    And first should complete
    And second should cancel
    And second should not run

  Scenario: Branches of one task each may be blocks
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - left:
                    do:
                      - one: {set: {n: '${ .n + 1 }'}}
                      - two: {call: echo@tester, with: {input: {n: '${ .n * 10 }'}}}
                - right:
                    for: {in: '[1, 2, 3]'}
                    do:
                      - add: {set: {n: '${ .n + $item }'}}
            output: {as: 'map(.n)'}
      """
    And given the workflow input is:
      """yaml
      n: 1
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      [20, 7]
      """
    And two should run after one

  Scenario: Branches are under way together
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - asks:
                    do:
                      - hear: {listen: {to: {one: {with: {type: own.go}}}}}
                - says:
                    do:
                      - speak: {emit: {event: {with: {type: own.go, data: {n: 1}}}}}
            output: {as: '.[0]'}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      - {n: 1}
      """

  Scenario: A branch that fails takes the others down
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - waits: {wait: PT1H}
                - fails: {raise: {error: {type: 'urn:own:odd', status: 500}}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {type: 'urn:own:odd', instance: /do/0/both/fork/branches/1/fails}
      """
    And waits should cancel
    And fails should fault
    And both should fault

  Scenario: A branch that fails in a race only loses it
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - race:
            fork:
              compete: true
              branches:
                - fails: {raise: {error: {type: 'urn:own:odd', status: 500}}}
                - slower: {wait: {milliseconds: 20}, output: {as: '{won: "slower"}'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      won: slower
      """
    And fails should fault

  Scenario: A race that nobody wins fails with the last error
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - race:
            fork:
              compete: true
              branches:
                - late:
                    do:
                      - pause: {wait: {milliseconds: 20}}
                      - last: {raise: {error: {type: 'urn:own:late', status: 500}}}
                - early: {raise: {error: {type: 'urn:own:early', status: 500}}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      type: urn:own:late
      """

  Scenario: An error of a branch can be caught in it and around it
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - attempt:
            try:
              - both:
                  fork:
                    branches:
                      - inner:
                          try:
                            - a: {raise: {error: {type: 'urn:own:a', status: 500}}}
                          catch: {}
                      - outer:
                          do:
                            - pause: {wait: {milliseconds: 20}}
                            - fail: {raise: {error: {type: 'urn:own:b', status: 500}}}
            catch:
              do:
                - handler: {set: {caught: '${ $error.type }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      caught: urn:own:b
      """
    And inner should complete

  Scenario: What a branch exports is seen in it only
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - before: {set: {n: 1}, export: {as: '{kept: 1}'}}
        - both:
            fork:
              branches:
                - left:
                    do:
                      - a: {set: {n: 2}, export: {as: '{kept: 2}'}}
                      - b: {set: {seen: '${ $context.kept }'}}
                - right:
                    do:
                      - pause: {wait: {milliseconds: 20}}
                      - c: {set: {seen: '${ $context.kept }'}}
        - told: {set: {branches: '${ map(.seen) }', after: '${ $context.kept }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      {branches: [2, 1], after: 1}
      """

  Scenario: An export inside a branch is a warning, from the fork it is seen
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            fork: {branches: [{a: {set: {n: 2}}}, {b: {set: {n: 3}}}]}
            export: {as: '{sum: (map(.n) | add)}'}
        - told: {set: '${ $context }'}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      sum: 5
      """

  Scenario: end in a branch ends the workflow and takes the others down
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - waits: {wait: PT1H}
                - stops:
                    do:
                      - over: {set: {over: true}, then: end}
                      - never: {set: {n: 1}}
        - neither: {set: {n: 2}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      over: true
      """
    And waits should cancel
    And never should not run
    And neither should not run

  Scenario: exit ends the branch
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - left: {set: {left: true}, then: exit}
                - right: {set: {right: true}}
        - after: {set: {both: '${ length }'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      both: 2
      """

  Scenario: then does not lead into another branch
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - left: {set: {n: 1}, then: right}
                - right: {set: {n: 2}}
      """
    Then the definition is refused with:
      """
      6:39: a branch is one task: 'then' has no list to jump in
      """

  Scenario: A timeout takes the branches down
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            timeout: {after: {milliseconds: 30}}
            fork:
              branches:
                - left: {wait: PT1H}
                - right: {listen: {to: {one: {with: {type: own.never}}}}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """yaml
      {status: 408, instance: /do/0/both}
      """
    And left should cancel
    And right should cancel

  Scenario: A race against time
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - race:
            fork:
              compete: true
              branches:
                - slow: {call: slow@tester, with: {input: {ms: 600000}}}
                - limit: {wait: {milliseconds: 50}, output: {as: '{late: true}'}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      late: true
      """
    And slow should cancel

  Scenario: A loser's effect is settled before the race is over
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - race:
            fork:
              compete: true
              branches:
                - pay: {call: charge@tester, with: {input: {sum: 5}}}
                - other: {set: {n: 1}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      n: 1
      """

  Scenario: Forks nest
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - outer:
            fork:
              branches:
                - inner:
                    fork:
                      branches:
                        - a: {set: {n: 1}}
                        - b: {set: {n: 2}}
                    output: {as: 'map(.n) | add'}
                - c: {set: {n: 4}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      [3, {n: 4}]
      """

  Scenario: Each event reaches every branch that listens for it
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - left: {listen: {to: {one: {with: {type: own.go}}}}}
                - right: {listen: {to: {one: {with: {type: own.go}}}}}
      """
    When the workflow is executed
    And right has started
    And the event 'own.go' is published with data:
      """yaml
      n: 1
      """
    Then the workflow should complete with output:
      """yaml
      [[{n: 1}], [{n: 1}]]
      """

  Scenario: Branches go on after a restart
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - waits: {wait: {milliseconds: 300}, output: {as: '{waited: true}'}}
                - works: {call: slow@tester, with: {input: {ms: 200}}}
      """
    When the workflow is executed
    And works has started
    And the coordinator is restarted
    Then the workflow should complete with output:
      """yaml
      [{waited: true}, {ms: 200}]
      """

  Scenario: Retries of a block with branches begin anew
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - attempt:
            try:
              - both:
                  fork:
                    branches:
                      - fine: {set: {n: 1}}
                      - flaky: {call: fail@tester, with: {input: {class: permission, times: 1}}}
            catch:
              retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 2}}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """yaml
      [{n: 1}, {class: permission, times: 1}]
      """
    And fine should run 2 times

  Scenario: A branch nobody wrote, and one written twice
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - none: {fork: {branches: []}}
        - twice: {fork: {branches: [{a: {set: {n: 1}}}, {a: {set: {n: 2}}}]}}
      """
    Then the definition is refused with:
      """
      3:29: a fork has 1 to 64 branches
      4:52: the task name 'a' is in this list twice
      """

  Scenario: What moves comes before what waits
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - waits: {listen: {to: {one: {with: {type: own.go}}}}}
                - works: {call: slow@tester, with: {input: {ms: 3000}}}
            output: {as: length}
      """
    When the workflow is executed
    And works has started
    Then the workflow should be running
    When works has completed
    Then the workflow should be waiting
    When the event 'own.go' is published
    Then the workflow should complete with output:
      """yaml
      2
      """

  Scenario: What waits comes before what asks a person
    Given a workflow with definition:
      """yaml
      document: {dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0'}
      do:
        - both:
            fork:
              branches:
                - waits: {listen: {to: {one: {with: {type: own.go}}}}}
                - asks: {call: approval, with: {title: t}}
            output: {as: length}
      """
    When the workflow is executed
    Then a person should be asked
    And the workflow should be waiting
    When the event 'own.go' is published
    Then the workflow should be suspended
    When the person approves
    Then the workflow should complete with output:
      """yaml
      2
      """
